"""A replay on a terminal: what became of it, then the statements, the log's durations beside the replay's.

Readable at 80 columns and without colour; names, texts and messages are untrusted and never read as markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from loadlab.report.files import RunFiles
from loadlab.report.printing import facts_grid, print_files
from loadlab.report.replay.model import LogResult, ReplayResult, ShapeResult
from loadlab.report.replay.wording import SETTINGS, lag_text, left_out_text, load_text, log_text
from loadlab.report.terminal import console_for
from loadlab.report.wording import duration_us, printable
from loadlab.units import format_count
from loadlab.validate.replay import ReplayFinding

_SHAPES_SHOWN = 20
_STYLES = {ReplayFinding.REPLAYED: "bold green", ReplayFinding.INCONCLUSIVE: "bold yellow"}


def print_replay(result: ReplayResult, files: RunFiles | None = None, console: Console | None = None) -> None:
    """Print the whole result; `files` are named at the end."""
    out = console or console_for()
    title = Text("replay", style="bold").append(f" on {printable(result.environment.server)}\n", style="not bold")
    out.print(title)
    for part in _parts(result):
        out.print(part)
    for shape in result.shapes[:_SHAPES_SHOWN]:
        # Cut at the edge: the whole text is in the file.
        out.print(Text(printable(f"{shape.name}: {shape.shape}"), style="dim"), no_wrap=True, overflow="ellipsis")
    if files is not None:
        out.print("")
        print_files(files, out)


def _parts(result: ReplayResult) -> Iterator[RenderableType]:
    yield _table(result.shapes[:_SHAPES_SHOWN])
    if (more := len(result.shapes) - _SHAPES_SHOWN) > 0:
        yield Text(f"… and {more} more, which replay.json lists", style="dim")
    for shape in result.shapes:
        if shape.errors:
            kinds = ", ".join(f"{number:,} × {name}" for name, number in shape.errors_by_outcome.items())
            yield Text(printable(f"{shape.name}: {kinds}; the first: {shape.first_error}"), style="red")
    headline = Text("\n").append(result.finding.value, style=_STYLES[result.finding])
    yield headline.append(f" {printable(result.reason)}\n", style="not bold")
    yield facts_grid(_facts(result))


def _table(shapes: Sequence[ShapeResult]) -> Table:
    table = Table(box=box.HORIZONTALS, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("Statement", overflow="fold")
    for heading in ("Count", "Err."):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("logged\np50", "\np95", "\np99", "replayed\np50", "\np95", "\np99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for shape in shapes:
        logged, replayed = shape.logged_us, shape.service_us
        figures = (logged.p50, logged.p95, logged.p99, replayed.p50, replayed.p95, replayed.p99)
        table.add_row(
            printable(shape.name),
            format_count(shape.count),
            Text(format_count(shape.errors), style="bold red" if shape.errors else "dim"),
            *(duration_us(figure) for figure in figures),
        )
    return table


def _facts(result: ReplayResult) -> Iterator[tuple[str, str]]:
    yield "Lag", lag_text(result)
    yield "Load", load_text(result)
    yield from _log_facts(result.log)
    if result.read_only:
        yield "Read only", "the server itself refused every change"
    for note in result.notes:
        yield "Note", note


def _log_facts(log: LogResult) -> Iterator[tuple[str, str]]:
    yield "Log", log_text(log)
    if log.settings:
        yield "Settings", f"{log.settings:,} {SETTINGS}"
    if log.left_out:
        yield "Left out", left_out_text(log.left_out)


def print_plan(log: LogResult, shapes: Sequence[ShapeResult], notes: Sequence[str]) -> None:
    """What a replay would execute."""
    out = console_for()
    table = Table(box=box.HORIZONTALS, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("Statement", overflow="fold")
    table.add_column("Count", justify="right", no_wrap=True)
    for heading in ("logged\np50", "\np95", "\np99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for shape in shapes[:_SHAPES_SHOWN]:
        logged = shape.logged_us
        figures = (duration_us(value) for value in (logged.p50, logged.p95, logged.p99))
        table.add_row(printable(shape.shape), format_count(shape.logged_count), *figures)
    out.print(table)
    if (more := len(shapes) - _SHAPES_SHOWN) > 0:
        out.print(Text(f"… and {more} more, which --json lists", style="dim"))
    out.print("")
    out.print(facts_grid(_plan_facts(log, notes)))


def plan_json(log: LogResult, shapes: Sequence[ShapeResult], notes: Sequence[str]) -> str:
    """The same, all of it, for programs."""
    planned = [
        {"name": shape.name, "shape": shape.shape, "query_id": shape.query_id, "count": shape.logged_count,
         "logged_us": shape.logged_us.model_dump()}
        for shape in shapes
    ]  # fmt: skip
    return json.dumps({"log": log.model_dump(), "shapes": planned, "notes": list(notes)}, indent=2, ensure_ascii=False)


def _plan_facts(log: LogResult, notes: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from _log_facts(log)
    for note in notes:
        yield "Note", note
