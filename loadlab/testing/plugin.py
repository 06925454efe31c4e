"""What pytest loads. Nothing heavy is imported before a test asks for a fixture.

`loadlab_latency` comes in two forms: where pytest-benchmark is installed it depends on that plugin's `benchmark`, so
that `--benchmark-only`, `--benchmark-skip`, its table and its JSON know these tests as benchmarks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from loadlab.testing.options import (
    LATENCY_MARKER,
    LATENCY_MARKER_HELP,
    MARKER_HELP,
    add_options,
    is_strict,
    max_time_s,
    wanted,
)

if TYPE_CHECKING:
    from loadlab.factories import Database, Factory
    from loadlab.testing.databases import Templates
    from loadlab.testing.latency import LatencyCheck

_SHARED = "loadlab_shared_db"
_PROPERTY = "loadlab_latency"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The ini options and the command line's."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Markers, and the form of `loadlab_latency` that fits."""
    config.addinivalue_line("markers", MARKER_HELP)
    config.addinivalue_line("markers", LATENCY_MARKER_HELP)
    plugins = config.pluginmanager
    has_benchmark = plugins.hasplugin("benchmark") or plugins.hasplugin("pytest_benchmark.plugin")
    plugins.register(_BesideBenchmark() if has_benchmark else _Alone(), "loadlab-latency")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that measure can be chosen, and left out, by a marker."""
    if LATENCY_MARKER in getattr(item, "fixturenames", ()):
        item.add_marker(LATENCY_MARKER)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each limit that was judged, in whatever process."""
    kept = [
        {**json.loads(str(value)), "test": report.nodeid}
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    if kept:
        from loadlab.testing.wording import summary_lines

        terminalreporter.section("LoadLab latency")
        for line in summary_lines(kept):
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def _loadlab_templates() -> Iterator[Templates]:
    from loadlab.testing.databases import Templates

    templates = Templates()
    yield templates
    templates.close()


@pytest.fixture
def loadlab_db(request: pytest.FixtureRequest, _loadlab_templates: Templates) -> Iterator[Database]:
    """A database of the test's own, filled as configured: a copy that is gone when the test is over."""
    with _copied(request, _loadlab_templates) as database:
        yield database


@pytest.fixture(scope="module")
def loadlab_shared_db(request: pytest.FixtureRequest, _loadlab_templates: Templates) -> Iterator[Database]:
    """One database for all tests of a module, where rows are dear to make and nobody changes what others read."""
    with _copied(request, _loadlab_templates) as database:
        yield database


@pytest.fixture
def loadlab_factory(loadlab_db: Database) -> Callable[[str], Factory]:
    """Rows to order in the test's own database: loadlab_factory("users").count(3).create()."""
    return loadlab_db.factory


class _Alone:
    @pytest.fixture
    def loadlab_latency(self, request: pytest.FixtureRequest) -> Iterator[LatencyCheck]:
        """Measures a statement or a function and fails the test beyond a limit such as p95 < 500ms."""
        yield from _latency(request, None)


class _BesideBenchmark:
    @pytest.fixture
    def loadlab_latency(self, request: pytest.FixtureRequest, benchmark: Any) -> Iterator[LatencyCheck]:
        """Measures a statement or a function and fails the test beyond a limit such as p95 < 500ms."""
        yield from _latency(request, benchmark)


def _latency(request: pytest.FixtureRequest, benchmark: Any) -> Iterator[LatencyCheck]:
    from loadlab.testing.latency import LatencyCheck
    from loadlab.testing.recording import Recorder

    asked = [name for name in ("loadlab_db", _SHARED) if name in request.fixturenames]
    name = asked[0] if asked else "loadlab_db"
    recorder = Recorder(request.node, benchmark)
    config = request.config
    yield LatencyCheck(
        lambda: request.getfixturevalue(name),
        recorder,
        has_database=bool(asked),
        max_time_s=max_time_s(config),
        strict=is_strict(config),
    )


@contextmanager
def _copied(request: pytest.FixtureRequest, templates: Templates) -> Iterator[Database]:
    """One line in place of a traceback through LoadLab where a database cannot be had."""
    from loadlab.errors import LoadLabError

    try:
        copy = templates.copy(wanted(request.node, request.config))
        database = copy.__enter__()
    except (LoadLabError, pytest.UsageError) as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield database
    finally:
        copy.__exit__(None, None, None)
