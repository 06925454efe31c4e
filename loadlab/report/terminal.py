"""The result on a terminal: verdicts, what is behind those that did not pass, operations, seeding and load, files.

Readable at 80 columns and without colour; names and messages are untrusted text and never read as markup.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadlab.report.beside import beside_parts
from loadlab.report.evidence import judging_in_words, server_in_words
from loadlab.report.files import RunFiles
from loadlab.report.findings import summary
from loadlab.report.model import DetailResult, LoadResult, OperationResult, Result, TargetResult
from loadlab.report.rows import Cell, Heading, Rows
from loadlab.report.wording import (
    blamed_details,
    duration_us,
    interval_text,
    limit_text,
    pooler_text,
    printable,
    quantity,
    tally,
    target_label,
)
from loadlab.units import format_count, format_duration, format_rate, format_share, format_size
from loadlab.validate.model import Verdict
from loadlab.validate.wording import counted

_STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.SKIPPED: "dim",
}
_DETAILS_SHOWN = 5
_FIGURES = ("Measured", "Interval", "Samples")


def console_for(file: TextIO | None = None) -> Console:
    """A console that colours only terminals and honours NO_COLOR; what `file` cannot encode becomes `?`."""
    out = file or sys.stdout
    if isinstance(out, io.TextIOWrapper) and "utf" not in out.encoding.lower():
        out.reconfigure(errors="replace")
    return Console(file=out, highlight=False, markup=False, emoji=False)


def print_result(result: Result, files: RunFiles | None = None, console: Console | None = None) -> None:
    """Print the whole result; `files` are named at the end."""
    out = console or console_for()
    for part in _parts(result):
        out.print(part)
    if files is not None:
        # A folded path could not be copied.
        out.print(_path("Report", files.report), soft_wrap=True)
        out.print(_path("Result", files.result), soft_wrap=True)


def _parts(result: Result) -> Iterator[RenderableType]:
    yield _headline(result)
    yield _targets(result.targets)
    yield _overall(result)
    unclear = [target for target in result.targets if target.verdict is not Verdict.PASS]
    if unclear:
        yield Group(_explanations(unclear), "")
    if result.night is not None:
        yield from beside_parts(result.night, _STYLES[result.night.verdict])
    if result.operations:
        yield _operations(result.operations)
        yield from _errors(result.operations)
        yield from _attempts(result.operations)
    yield from summary(result.findings, result.reviewed)
    yield _grid(_facts(result))


def _headline(result: Result) -> Text:
    text = Text(printable(result.scenario), style="bold")
    text.append(f" on {printable(result.environment.server)}", style="not bold")
    return text.append("\n")


def _targets(targets: Iterable[TargetResult]) -> Rows:
    headings = [Heading(text, is_figure=text in _FIGURES) for text in ("Verdict", "Target", "Limit", *_FIGURES)]
    cells: list[list[Cell]] = []
    for target in targets:
        limit = limit_text(target).replace(" ", "\N{NO-BREAK SPACE}")
        cells.append(
            [
                _word(target.verdict),
                target_label(target),
                f"{limit} default" if target.default else limit,
                quantity(target.measured, target.unit),
                interval_text(target.interval, target.unit),
                format_count(target.samples),
            ]
        )
    return Rows(headings, cells, name=1, heads=2)


def _overall(result: Result) -> Text:
    text = Text("\n")
    text.append_text(_word(result.verdict))
    text.append(f" overall: {tally(result)}.")
    if result.incomplete:
        text.append(printable(f" {result.incomplete}"), style="yellow")
    if any(target.default for target in result.targets):
        text.append(" A default limit is one that nobody stated.", style="dim")
    return text.append("\n")


def _explanations(targets: Iterable[TargetResult]) -> Table:
    """Why each of these is not PASS, in full; then the examined objects that are to blame."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for target in targets:
        text = Text(f"{target_label(target)}: ", style="bold")
        table.add_row(_word(target.verdict), text.append(printable(target.reason), style="not bold"))
        blamed = blamed_details(target)
        for detail in blamed[:_DETAILS_SHOWN]:
            table.add_row("", Padding(_detail(target, detail), (0, 0, 0, 2)))
        if len(blamed) > _DETAILS_SHOWN:
            more = Text(f"and {len(blamed) - _DETAILS_SHOWN} more, in the report")
            table.add_row("", Padding(more, (0, 0, 0, 2)))
    return table


def _detail(target: TargetResult, detail: DetailResult) -> Text:
    text = Text(f"{printable(detail.name)}: {quantity(detail.measured, target.unit)}")
    if detail.interval is not None:
        text.append(f" ({interval_text(detail.interval, target.unit)})")
    text.append(f", {counted(detail.samples, 'sample')}, ")
    return text.append_text(_word(detail.verdict))


def _operations(operations: Iterable[OperationResult]) -> Rows:
    figures = ("service\np50", "\np95", "\np99", "response\np50", "\np95", "\np99")
    headings = [Heading("Operation", is_figure=False), *(Heading(text) for text in ("Count", "Err.", *figures))]
    cells: list[list[Cell]] = []
    for operation in operations:
        service, response = operation.service_us, operation.response_us
        cells.append(
            [
                printable(operation.name),
                format_count(operation.count),
                Text(format_count(operation.errors), style="bold red" if operation.errors else "dim"),
                *(duration_us(value) for of in (service, response) for value in (of.p50, of.p95, of.p99)),
            ]
        )
    return Rows(headings, cells, gap=1)


def _errors(operations: Iterable[OperationResult]) -> Iterator[RenderableType]:
    failing = [operation for operation in operations if operation.errors]
    if failing:
        yield ""
    for operation in failing:
        kinds = ", ".join(f"{number:,} × {name}" for name, number in operation.errors_by_outcome.items())
        text = f"{operation.name}: {kinds}"
        if operation.first_error:
            text += f"; the first: {operation.first_error}"
        yield Text(printable(text), style="red")


def _attempts(operations: Iterable[OperationResult]) -> Iterator[RenderableType]:
    """Of operations that were run again: how often each outcome came, and how long it took."""
    retried = [operation for operation in operations if len(operation.attempts) > 1]
    if retried:
        yield ""
    for operation in retried:
        parts = [f"{one.count:,} × {one.outcome} (p95 {duration_us(one.service_us.p95)})" for one in operation.attempts]
        yield Text(printable(f"{operation.name}, attempts: {', '.join(parts)}"))


def _facts(result: Result) -> list[tuple[str, str]]:
    return [
        ("Seeding", _seeding(result)),
        ("Load", _load(result)),
        *([("Pooler", pooler_text(result.load.pooler))] if result.load.pooler is not None else []),
        ("Generator", _generator(result.load)),
        *(("Server", text) for text in [server_in_words(result.evidence)] if text),
        *(("Judged", text) for text in [judging_in_words(result)] if text),
        ("Scale", _scale(result.seeding.scale)),
    ]


def _seeding(result: Result) -> str:
    seeding = result.seeding
    text = f"{counted(seeding.rows, 'row')} in {counted(len(seeding.tables), 'table')}"
    unstated = sum(table.default for table in seeding.tables)
    if unstated:
        text += f" ({unstated} with a default number of rows)"
    if seeding.bytes is not None:
        text += f", {format_size(seeding.bytes)}"
    if seeding.reused:
        return f"{text}; the data was already there"
    if seeding.seconds > 0:
        text += f", in {format_duration(seeding.seconds)} ({format_count(seeding.rows / seeding.seconds)} rows/s)"
    return text


def _scale(scale: float) -> str:
    if scale == 1:
        return "1, the full volume"
    return f"{scale:g}, that is {format_share(scale)} of the full volume; nothing was measured at full volume"


def _load(result: Result) -> str:
    load = result.load
    asked = ""
    if load.asked_rate_per_s is not None:
        # Users who wait for answers ask for less than users who get them at once.
        kind = "if every answer came at once" if load.arrivals == "users" else "due"
        asked = f" of {format_rate(load.asked_rate_per_s)} {kind}"
    parts = [
        f"{format_rate(load.achieved_rate_per_s)}{asked}",
        f"{_callers(load)} over {format_count(load.connections)} connections",
    ]
    if load.connection_utilisation is not None:
        peak = f", at most {format_count(load.connections_peak)} at once"
        parts[-1] += f" ({format_share(load.connection_utilisation)} busy{peak})"
    parts.append(f"{format_duration(load.duration_s)} after {format_duration(load.warmup_s)} of warm-up")
    if load.waited and load.wait_us is not None and load.wait_us.p99:
        wait_s = load.wait_us.p99 / 1e6
        parts.append(f"{format_count(load.waited)} waited for a connection (p99 {format_duration(wait_s)})")
    if load.connect_us is not None and load.connect_us.p50 and load.connect_us.p99:
        opening = f"p50 {duration_us(load.connect_us.p50)}, p99 {duration_us(load.connect_us.p99)}"
        parts.append(f"{counted(load.connects, 'connection', 'were')} opened, one for each operation ({opening})")
    if load.timed_out:
        parts.append(f"{format_count(load.timed_out)} timed out")
    if load.dropped:
        parts.append(f"{format_count(load.dropped)} dropped")
    if load.extended_from_s is not None:
        parts.append(f"prolonged once from {format_duration(load.extended_from_s)}: {load.extension_reason}")
    if load.interrupted:
        parts.append("interrupted")
    return ", ".join(parts)


def _generator(load: LoadResult) -> str:
    """What the load generator used, and what it is by itself."""
    parts = [f"busiest process {format_share(load.generator_cpu_share)} of a core"]
    parts.append(f"late by {format_duration(load.generator_lag_p99_us / 1e6)} at p99")
    costs = [item.overhead_us for item in load.generator if item.overhead_us is not None]
    trips = [item.round_trip_p50_us for item in load.generator if item.round_trip_p50_us is not None]
    if costs:
        parts.append(f"its own cost {format_duration(max(costs) / 1e6)} an operation")
    if trips:
        parts.append(f"a round trip for nothing {format_duration(max(trips) / 1e6)} at p50")
    return ", ".join(parts)


def _callers(load: LoadResult) -> str:
    return f"{format_count(load.users)} users" if load.arrivals == "users" else f"{load.arrivals} arrivals"


# --- leaves


def _word(verdict: Verdict) -> Text:
    return Text(verdict.value, style=_STYLES[verdict])


def _path(name: str, path: Path) -> Text:
    return Text(f"{name:<9}", style="bold").append(printable(str(path)), style="not bold")


def _grid(rows: Iterable[tuple[str, str]]) -> Group:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, printable(value))
    return Group("", table)
