"""The terminal's view of a seeding: the sizes after."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from loadlab.report.model import TableResult
from loadlab.seeding.seeder import SeedReport
from loadlab.units import format_count, format_duration, format_size


def _mark(default: bool) -> str:
    return " default" if default else ""


def print_seeding(tables: Sequence[TableResult], report: SeedReport, size_bytes: int | None, database: str) -> None:
    """What was written, one line a table."""
    console = Console(highlight=False)
    view = Table("Table", box=None, pad_edge=False, header_style="bold")
    for heading in ("Rows", "Table", "Indexes"):
        view.add_column(heading, justify="right", no_wrap=True)
    for table in tables:
        sizes = (format_size(size) if size is not None else "–" for size in (table.table_bytes, table.index_bytes))
        view.add_row(table.name, format_count(table.rows) + _mark(table.default), *sizes)
    console.print(view)
    total = f", {format_size(size_bytes)} in all" if size_bytes else ""
    if report.reused:
        console.print(
            f"\n{format_count(report.rows)} rows were there already{total}: {database}", markup=False, soft_wrap=True
        )
        return
    rate = report.written / report.seconds if report.seconds else 0.0
    resumed = " (resumed)" if report.resumed else ""
    console.print(
        f"\n{format_count(report.rows)} rows in {format_duration(report.seconds)}{resumed}, "
        f"{format_count(rate)} rows/s{total}: {database}",
        markup=False,
        soft_wrap=True,
    )
