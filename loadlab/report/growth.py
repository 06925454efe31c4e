"""What a growth did to a database, for the terminal and as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from loadlab.seeding.seeder import SeedReport
from loadlab.units import format_count, format_duration


class TableGrowth(Protocol):
    """Rows of a table before and after."""

    @property
    def table(self) -> str: ...
    @property
    def rows_before(self) -> int: ...
    @property
    def rows(self) -> int: ...


class Growth(Protocol):
    """How far a database went on; times are µs since 1970 (UTC)."""

    @property
    def tables(self) -> Sequence[TableGrowth]: ...
    @property
    def now_before_us(self) -> int: ...
    @property
    def now_us(self) -> int: ...
    @property
    def scale(self) -> float: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def database(self) -> str: ...
    @property
    def report(self) -> SeedReport | None: ...
    @property
    def notes(self) -> Sequence[str]: ...


def print_growth(growth: Growth) -> None:
    """One line a table, then the time that has passed."""
    console = Console(highlight=False)
    view = Table("Table", box=None, pad_edge=False, header_style="bold")
    for heading in ("Before", "After", "New"):
        view.add_column(heading, justify="right", no_wrap=True)
    for table in growth.tables:
        new = format_count(table.rows - table.rows_before) if table.rows > table.rows_before else "–"
        view.add_row(table.table, format_count(table.rows_before), format_count(table.rows), new)
    console.print(view)
    passed = f"{_moment(growth.now_before_us):%Y-%m-%d %H:%M} → {_moment(growth.now_us):%Y-%m-%d %H:%M} UTC"
    new_rows = format_count(sum(table.rows - table.rows_before for table in growth.tables))
    if growth.report is None:
        console.print(f"\n{new_rows} rows would be appended, {passed}: {growth.database}", markup=False, soft_wrap=True)
        return
    resumed = " (resumed)" if growth.report.resumed else ""
    took = format_duration(growth.report.seconds)
    console.print(
        f"\n{new_rows} rows appended in {took}{resumed}, {passed}: {growth.database}", markup=False, soft_wrap=True
    )


def growth_summary(growth: Growth) -> dict[str, Any]:
    """The same as plain values."""
    report = growth.report
    return {
        "database": growth.database,
        "fingerprint": growth.fingerprint,
        "scale": growth.scale,
        "now_before": _moment(growth.now_before_us).isoformat(),
        "now": _moment(growth.now_us).isoformat(),
        "tables": [
            {"table": table.table, "rows_before": table.rows_before, "rows": table.rows} for table in growth.tables
        ],
        "notes": list(growth.notes),
        "dry_run": report is None,
        "written": report.written if report is not None else 0,
        "seconds": report.seconds if report is not None else 0.0,
        "resumed": report.resumed if report is not None else False,
    }


def _moment(moment_us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=moment_us)
