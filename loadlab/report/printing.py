"""What every result prints alike: its parts, then where its files lie; facts as a grid of two columns."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadlab.report.files import RunFiles
from loadlab.report.terminal import console_for
from loadlab.report.wording import printable


def print_parts(parts: Iterable[RenderableType], files: RunFiles | None, console: Console | None) -> None:
    """Print the parts; `files` are named at the end."""
    out = console or console_for()
    for part in parts:
        out.print(part)
    if files is not None:
        print_files(files, out)


def print_files(files: RunFiles, out: Console) -> None:
    """Where the report and the result lie."""
    for name, path in (("Report", files.report), ("Result", files.result)):
        # A folded path could not be copied.
        out.print(Text(f"{name:<9}", style="bold").append(printable(str(path)), style="not bold"), soft_wrap=True)


def facts_grid(rows: Iterable[tuple[str, str]]) -> Group:
    """Names in bold with what they say; both are untrusted text."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(printable(name), printable(value))
    return Group(table, "")
