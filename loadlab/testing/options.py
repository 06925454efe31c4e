"""What a project says about its databases and checks: pytest's configuration, the command line, and markers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import datetime as dt

MARKER = "loadlab"
MARKER_HELP = (
    "loadlab(source, database, rows, scale, seed, now): what this test's (class's, module's) database is made of;"
    " each as the ini option loadlab_… of the same name"
)
LATENCY_MARKER = "loadlab_latency"
LATENCY_MARKER_HELP = (
    "loadlab_latency: set on every test that uses the fixture of this name, for -m 'not loadlab_latency'"
)
DEFAULT_MAX_TIME = "5s"

# ini option → type, default, help.
_INI: Mapping[str, tuple[str, Any, str]] = {
    "source": ("string", "", "LoadLab: a schema (schema.sql, django:…, sqlalchemy:…) or a scenario, from the rootdir"),
    "database": ("string", "embedded:", "LoadLab: the database that is filled, and copied for each test"),
    "rows": ("args", [], "LoadLab: rows of every table, or of single ones: 1000 users=50 (none: empty tables)"),
    "scale": ("string", "", "LoadLab: scale of the source's full row counts, such as 0.001"),
    "seed": ("string", "", "LoadLab: the number that all values are made from"),
    "strict": ("bool", False, "LoadLab: a latency that stays undecided fails its test"),
    "max_time": ("string", DEFAULT_MAX_TIME, "LoadLab: the longest one look at a latency takes; there are two at most"),
}


def add_options(parser: pytest.Parser) -> None:
    """The ini options, and those of the command line."""
    for name, (kind, default, help) in _INI.items():
        parser.addini(f"loadlab_{name}", help=help, type=kind, default=default)  # type: ignore[arg-type]
    group = parser.getgroup("loadlab", "databases and latency limits (LoadLab)")
    group.addoption(
        "--loadlab-database",
        metavar="URL",
        help="The database that is filled, and copied for each test, in place of the ini option's.",
    )
    group.addoption(
        "--loadlab-strict",
        action="store_true",
        default=False,
        help="A latency that stays undecided (INCONCLUSIVE) fails its test.",
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a test's database is made of. None leaves the source's word."""

    source: str | None = None
    database: str = "embedded:"
    rows: int | tuple[tuple[str, int], ...] | None = None
    scale: float | None = None
    seed: int | None = None
    now: dt.datetime | None = None


def is_strict(config: pytest.Config) -> bool:
    """Whether what stays undecided fails."""
    return bool(config.getoption("--loadlab-strict") or config.getini("loadlab_strict"))


def max_time_s(config: pytest.Config) -> float:
    """The longest that one look takes. Raises UsageError."""
    from loadlab.units import parse_duration_s

    text = config.getini("loadlab_max_time")
    try:
        found = parse_duration_s(text)
    except ValueError as error:
        raise pytest.UsageError(f"loadlab_max_time={text} {error}") from None
    if found <= 0:
        raise pytest.UsageError(f"loadlab_max_time={text} must be above 0")
    return found


def wanted(node: pytest.Item | pytest.Collector, config: pytest.Config) -> Wanted:
    """The configuration's word, with that of the node's markers above it, the nearest last. Raises UsageError."""
    found = _configured(config)
    markers = list(node.iter_markers(MARKER))
    for marker in reversed(markers):
        found = _with_marker(found, marker, node)
    database = config.getoption("--loadlab-database") or found.database
    found = replace(found, database=of_worker(database, os.environ.get("PYTEST_XDIST_WORKER")))
    if found.source is None and _is_temporary(found.database):
        raise pytest.UsageError(
            'loadlab_db needs a schema or a scenario: loadlab_source = "schema.sql" in pytest\'s configuration, or'
            ' @pytest.mark.loadlab(source="schema.sql")'
        )
    return found


def of_worker(database: str, worker: str | None) -> str:
    """The address of this process's database. Raises UsageError for one that several processes would fill and copy."""
    is_own = _is_temporary(database) or "{worker}" in database
    if worker is not None and not is_own:
        raise pytest.UsageError(
            f"loadlab_database={_masked(database)} would be that of every pytest-xdist worker; put {{worker}} in it,"
            " which stands for gw0, gw1, …, or run with -n 0"
        )
    return database.replace("{worker}", worker or "main")


def _is_temporary(database: str) -> bool:
    """Whether an address has nothing but its scheme: then each process has a database for itself."""
    return not database.partition(":")[2].strip("/")


def _masked(database: str) -> str:
    from loadlab.engines import mask

    return mask(database)


def _configured(config: pytest.Config) -> Wanted:
    source = config.getini("loadlab_source")
    return Wanted(
        source=_located(source, [config.rootpath]) if source else None,
        database=config.getini("loadlab_database"),
        rows=_rows(config.getini("loadlab_rows")),
        scale=_number("loadlab_scale", config.getini("loadlab_scale"), float),
        seed=_number("loadlab_seed", config.getini("loadlab_seed"), int),
    )


def _with_marker(found: Wanted, marker: pytest.Mark, node: pytest.Item | pytest.Collector) -> Wanted:
    values = dict(marker.kwargs)
    if marker.args:
        values["source"], *more = marker.args
        if more or "source" in marker.kwargs:
            raise pytest.UsageError(f"{node.nodeid}: the marker loadlab takes the source, and the rest by name")
    known = {field.name for field in fields(Wanted)}
    if unknown := values.keys() - known:
        raise pytest.UsageError(
            f"{node.nodeid}: the marker loadlab has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
        )
    if values.get("source") is not None:
        values["source"] = _located(str(values["source"]), [node.path.parent, node.config.rootpath])
    if isinstance(values.get("rows"), Mapping):
        values["rows"] = tuple(sorted(values["rows"].items()))
    # A source of its own has sizes of its own: what the configuration says of rows is of its source.
    if "source" in values:
        found = replace(found, rows=None, scale=None)
    return replace(found, **values)


def _located(source: str, folders: list[Path]) -> str:
    """A path as seen from the first folder that has it; what is no path stays as it is."""
    return next((str(folder / source) for folder in folders if (folder / source).exists()), source)


def _rows(texts: list[str]) -> int | tuple[tuple[str, int], ...] | None:
    if not texts:
        return None
    from loadlab.arguments import parse_rows
    from loadlab.errors import InputError

    try:
        everywhere, by_table = parse_rows(texts)
    except InputError as error:
        raise pytest.UsageError(str(error).replace("--rows", "loadlab_rows")) from None
    if everywhere is not None and by_table:
        raise pytest.UsageError("loadlab_rows: one number for every table, or numbers by table, not both")
    return everywhere if everywhere is not None else tuple(sorted(by_table.items()))


def _number(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text) if text else None
    except ValueError:
        raise pytest.UsageError(f"{name}={text} must be a number") from None
