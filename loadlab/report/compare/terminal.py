"""A comparison on a terminal: what differs, every metric with its interval, the storage, what it comes to.

Readable at 80 columns and without colour; names and messages are untrusted text and never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadlab.report.compare import wording
from loadlab.report.compare.model import CompareResult, MetricResult, OperationResult
from loadlab.report.files import RunFiles
from loadlab.report.printing import facts_grid, print_parts
from loadlab.report.rows import folded
from loadlab.report.wording import NOTHING, printable
from loadlab.validate.comparison.verdicts import Outcome
from loadlab.validate.wording import counted

_STYLES = {
    Outcome.BETTER: "green",
    Outcome.WORSE: "bold red",
    Outcome.MIXED: "bold red",
    Outcome.SAME: "dim",
    Outcome.INCONCLUSIVE: "yellow",
}
_DIFFERS = (Outcome.BETTER, Outcome.WORSE)
_DIFFERENCES_SHOWN = 12
_TABLES_SHOWN = 12
_NOTES_SHOWN = 6
# What the widest figures leave of 80 columns.
_NAME_WIDTH = 13
_VERDICT_WIDTH = 7
_SET_IN = "  "
_STORED_WIDTH = 17
_SIZE_WIDTH = 12


def print_comparison(result: CompareResult, files: RunFiles | None = None, console: Console | None = None) -> None:
    """Print the whole result; `files` are named at the end."""
    print_parts(_parts(result), files, console)


def _parts(result: CompareResult) -> Iterator[RenderableType]:
    title = Text(printable(result.scenario), style="bold")
    yield title.append(f" on {printable(wording.servers_text(result))}", style="not bold")
    if result.question:
        yield Text(printable(result.question))
    yield _sides(result)
    yield _metrics(result)
    if (left_out := _left_out(result)) is not None:
        yield left_out
    if result.a.tables or result.b.tables:
        yield Group("", _storage(result))
    yield _headline(result)
    yield facts_grid((*wording.facts(result), *wording.notes(result, _NOTES_SHOWN)))


def _sides(result: CompareResult) -> Group:
    lines = [Text(""), Text(printable(f"A  {wording.side_text(result.a)}"))]
    lines += [Text(printable(f"B  {wording.side_text(result.b)}")), Text("")]
    shown = result.differences[:_DIFFERENCES_SHOWN]
    lines += [Text(printable(f"   {line}"), style="dim") for line in shown]
    if len(result.differences) > len(shown):
        lines.append(Text(f"   and {len(result.differences) - len(shown)} more", style="dim"))
    if not result.differences:
        lines.append(Text(f"   {wording.NOTHING_DIFFERS}", style="dim"))
    return Group(*lines, "")


def _metrics(result: CompareResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("Operation", overflow="fold", min_width=_NAME_WIDTH)
    table.add_column("", no_wrap=True)
    for heading in ("A", "B", "B to A", "Interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=_VERDICT_WIDTH)
    for operation in result.operations:
        for number, item in enumerate(_told(operation)):
            table.add_row(folded(printable(operation.name), _NAME_WIDTH) if not number else "", *_row(item))
    if result.throughput is not None:
        table.add_row("all", *_row(result.throughput))
    return table


def _told(operation: OperationResult) -> list[MetricResult]:
    """The median, and of the rest what differs: ten lines of "unclear" would bury the one that is worse."""
    return [item for number, item in enumerate(operation.metrics) if not number or item.verdict in _DIFFERS]


def _left_out(result: CompareResult) -> Text | None:
    count = sum(len(operation.metrics) - len(_told(operation)) for operation in result.operations)
    if not count:
        return None
    return Text(f"{counted(count, 'figure')} more, none of them better or worse, in the report", style="dim")


def _row(item: MetricResult) -> tuple[RenderableType, ...]:
    return (
        wording.metric_label(item.metric),
        wording.value_text(item, item.a),
        wording.value_text(item, item.b),
        wording.change_text(item.ratio),
        wording.interval_text(item),
        Text(wording.verdict_text(item), style=_STYLES[item.verdict]),
    )


def _storage(result: CompareResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("Storage", overflow="fold")
    for heading in ("A", "B", "B to A", "B/row A", "B/row B", "Index growth"):
        table.add_column(heading, justify="right", no_wrap=True)
    found = list(wording.tables(result))
    for name, a, b in found[:_TABLES_SHOWN]:
        sizes = [item.table_bytes + item.index_bytes if item is not None else None for item in (a, b)]
        grown = [wording.grown_text(item) for item in (a, b)]
        table.add_row(
            folded(printable(name), _STORED_WIDTH),
            *(
                folded(printable(wording.table_size_text(side, name, item)), _SIZE_WIDTH)
                for side, item in ((result.a, a), (result.b, b))
            ),
            wording.size_ratio(*sizes),
            wording.per_row_text(a),
            wording.per_row_text(b),
            f"{grown[0]} | {grown[1]}" if set(grown) != {NOTHING} else "",
        )
    found_indexes = list(wording.indexes(result))
    for name, size_a, size_b in found_indexes[:_TABLES_SHOWN]:
        sizes = [size_a, size_b]
        table.add_row(_index_label(name), *map(wording.size_text, sizes), wording.size_ratio(*sizes), style="dim")
    hidden = sum(max(0, len(items) - _TABLES_SHOWN) for items in (found, found_indexes))
    if hidden:
        table.caption = Text(f"{counted(hidden, 'line')} more, in the report", style="dim")
        table.caption_justify = "left"
    if result.storage is not None:
        total = (result.a.total_bytes, result.b.total_bytes)
        verdict = Text(wording.short(result.storage.verdict), style=_STYLES[result.storage.verdict])
        table.add_row("all", *map(wording.size_text, total), wording.size_ratio(*total), "", "", verdict, style="bold")
    return table


def _index_label(name: str) -> str:
    """Below its tables, set in: each line of it."""
    return indent(str(folded(printable(name), _STORED_WIDTH - len(_SET_IN))), _SET_IN)


def _headline(result: CompareResult) -> Text:
    text = Text("\n").append(result.verdict.value, style=_STYLES[result.verdict])
    return text.append(f" {printable(wording.lead(result))}\n", style="not bold")
