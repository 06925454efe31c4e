"""A forecast on a terminal: storage, padding, growth, latency, then what the targets say to it.

Readable at 80 columns and without colour; names and messages are untrusted text and never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadlab.report.files import RunFiles
from loadlab.report.forecast import wording
from loadlab.report.forecast.model import ForecastResult, OperationForecast, StorageForecast
from loadlab.report.printing import facts_grid, print_parts
from loadlab.report.wording import interval_text, limit_text, percentile_label, printable, quantity, target_label
from loadlab.validate.model import Verdict

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow", Verdict.SKIPPED: "dim"}
_TABLES_SHOWN = 15
_LAYOUTS_SHOWN = 5


def print_forecast(result: ForecastResult, files: RunFiles | None = None, console: Console | None = None) -> None:
    """Print the whole result; `files` are named at the end."""
    print_parts(_parts(result), files, console)


def _parts(result: ForecastResult) -> Iterator[RenderableType]:
    title = Text(printable(result.scenario), style="bold")
    yield title.append(f" on {printable(result.environment.server)}\n", style="not bold")
    yield Text(wording.lead(result)).append("\n")
    if result.storage is not None:
        yield Group(_storage(result, result.storage), "")
    if wording.worth_moving(result.layouts):
        yield Group(_layouts(result), "")
    if result.growth is not None:
        yield Group(_growth(result), "")
    if result.operations:
        yield Group(_operations(result), *_unprojected(result.operations), "")
    if result.targets:
        yield Group(_targets(result), *_reasons(result), "")
    yield facts_grid(_rows(result))


def _table(*headings: str, left: int = 1) -> Table:
    """A table whose first columns are words and whose others are figures."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for position, heading in enumerate(headings):
        if position < left:
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right", overflow="fold")
    return table


def _storage(result: ForecastResult, storage: StorageForecast) -> Table:
    table = _table("Storage", "Rows", "B/row", "Table", "Indexes", "Over.", "Total, interval")
    for item in storage.tables[:_TABLES_SHOWN]:
        table.add_row(
            printable(item.name),
            wording.rows_text(item.rows),
            f"{item.bytes_per_row:.1f}" if item.bytes_per_row is not None else "–",
            wording.value_text(item.table_bytes),
            wording.value_text(item.index_bytes),
            wording.share_text(item.index_overhead).partition(" (")[0],
            wording.range_text(item.total_bytes),
        )
    if len(storage.tables) > _TABLES_SHOWN:
        table.add_row(f"and {len(storage.tables) - _TABLES_SHOWN} more")
    table.add_section()
    table.add_row(
        wording.volume_text(result).capitalize(),
        "",
        "",
        wording.value_text(storage.table_bytes),
        wording.value_text(storage.index_bytes),
        wording.share_text(storage.index_overhead).partition(" (")[0],
        wording.range_text(storage.total_bytes),
        style="bold",
    )
    return table


def _layouts(result: ForecastResult) -> Table:
    table = _table("Column order", "B/row", "Padding", "Better", "Saved")
    for item in wording.worth_moving(result.layouts)[:_LAYOUTS_SHOWN]:
        table.add_row(
            f"{printable(item.table)}: {printable(wording.moved_text(item))}",
            f"{item.row_bytes:.1f}",
            f"{item.padding_bytes:.1f}",
            f"{item.best_row_bytes:.1f}",
            wording.size_text(item.saved_bytes),
        )
    return table


def _growth(result: ForecastResult) -> Table:
    assert result.growth is not None
    table = _table("Growth", "Times", "Total", "Interval", "Index overhead")
    for item in result.growth.horizons:
        table.add_row(
            wording.after_text(item),
            f"{item.factor:.2f}",
            wording.value_text(item.total_bytes),
            wording.range_text(item.total_bytes),
            wording.share_text(item.index_overhead),
        )
    return table


def _operations(result: ForecastResult) -> Table:
    table = _table("Latency", "Law", "", "Measured", "Projected", "Interval", left=3)
    for column in table.columns[2:]:
        column.no_wrap = True
    for operation in result.operations:
        for number, item in enumerate(operation.percentiles):
            table.add_row(
                printable(operation.name) if not number else "",
                printable(wording.operation_law(operation)) if not number else "",
                percentile_label(item.percentile),
                wording.measured_text(item),
                wording.value_text(item.projected_us, "us"),
                wording.range_text(item.projected_us, "us"),
            )
    return table


def _unprojected(operations: list[OperationForecast]) -> Iterator[Text]:
    for operation in operations:
        if any(item.projected_us is None for item in operation.percentiles):
            yield Text(f"\n{printable(operation.name)}: ", style="bold").append(
                printable(operation.reason), style="not bold"
            )


def _targets(result: ForecastResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading, justify in (("Projected", "left"), ("Target", "left"), ("Limit", "right"), ("Value", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("Interval", justify="right")
    for target in result.targets:
        table.add_row(
            Text(target.verdict.value, style=_STYLES[target.verdict]),
            target_label(target),
            limit_text(target) + (" default" if target.default else ""),
            quantity(target.measured, target.unit),
            interval_text(target.interval, target.unit),
        )
    return table


def _reasons(result: ForecastResult) -> Iterator[Text]:
    for target in result.targets:
        if target.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            yield Text(f"\n{target_label(target)}: ", style="bold").append(printable(target.reason), style="not bold")


def _rows(result: ForecastResult) -> Iterator[tuple[str, str]]:
    if result.storage is not None:
        yield "Overhead", f"indexes are {wording.share_text(result.storage.index_overhead)} of the tables' bytes"
    if result.growth is not None:
        yield "Growth", result.growth.words
    if result.load is not None:
        yield "Load", f"{result.load}, the same at every scale; latency at {wording.volume_text(result)} is under it"
    if result.ended_early is not None:
        yield "Ended early", result.ended_early
    for note in result.notes:
        yield "Note", note
