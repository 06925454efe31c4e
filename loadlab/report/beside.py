"""A run beside earlier nights, as the terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loadlab.report.model import ChangeResult, NightResult
from loadlab.report.wording import missing_text, printable
from loadlab.validate.nights.wording import metric_label

_STYLES = {"worse": "bold red", "better": "green", "other": "cyan"}


def beside_parts(night: NightResult, style: str) -> Iterator[RenderableType]:
    """The comparison's verdict, what changed, and what is to be known of the history."""
    head = Text("Nights: ", style="bold").append(night.verdict.value, style=style)
    yield head.append(printable(f" beside {night.baseline}. {night.reason}"), style="not bold")
    if night.changes:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for change in night.changes:
            table.add_row(Text(change.direction, style=_STYLES[change.direction]), Text(change_text(change)))
        yield table
    if night.nights_missing:
        yield Text(missing_text(night), style="yellow")
    for note in night.notes:
        yield Text(printable(note), style="yellow")
    yield ""


def change_text(change: ChangeResult) -> str:
    """`orders_of_user, blocks per call: 412 blocks; usual: 4.02 blocks.`"""
    return printable(f"{change.subject}, {metric_label(change.metric)}: {change.reason}")
