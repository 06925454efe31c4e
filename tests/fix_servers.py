"""Where servers are required (LOADLAB_REQUIRE_SERVERS=1), a skipped test is a failed one.

A test whose server, driver or browser is missing skips itself on a developer's machine. In CI that would be a
green run that looked at nothing. Declared gaps of an engine are `xfail`s, which this leaves alone.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _required(report: Report) -> Report:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("LOADLAB_REQUIRE_SERVERS") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason} [a failure, since LOADLAB_REQUIRE_SERVERS=1]"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _required((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _required((yield))
