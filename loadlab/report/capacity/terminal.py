"""A capacity on a terminal: the number, what broke, what was full, then every window.

Readable at 80 columns and without colour; names and messages are untrusted text and never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from loadlab.report.capacity import wording
from loadlab.report.capacity.model import CapacityResult, StepResult
from loadlab.report.files import RunFiles
from loadlab.report.printing import facts_grid, print_parts
from loadlab.report.wording import duration_us, printable
from loadlab.units import format_count, format_rate, format_share
from loadlab.validate.conclusion import Finding
from loadlab.validate.model import Verdict

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}
_WORDS = {Verdict.PASS: "held", Verdict.FAIL: "broke", Verdict.INCONCLUSIVE: "unclear"}


def print_capacity(result: CapacityResult, files: RunFiles | None = None, console: Console | None = None) -> None:
    """Print the whole result; `files` are named at the end."""
    print_parts(_parts(result), files, console)


def _parts(result: CapacityResult) -> Iterator[RenderableType]:
    title = Text(printable(result.scenario), style="bold")
    yield title.append(f" on {printable(result.environment.server)}\n", style="not bold")
    yield _steps(result)
    yield _headline(result)
    yield facts_grid(_rows(result))


def _headline(result: CapacityResult) -> Text:
    is_found = result.finding is Finding.FOUND
    text = Text("\n").append(result.finding.value, style="green" if is_found else "yellow")
    if is_found:
        text.append(f" capacity {wording.capacity_text(result)}", style="bold")
        text.append(f" (interval {wording.interval_text(result)}). ")
    else:
        text.append(": ")
    return text.append(printable(result.reason)).append("\n")


def _steps(result: CapacityResult) -> Table:
    """Every window by its rate, those at the same rate in the order in which they were measured."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in ("Asked", "Achieved", "p50", "p99", "Err.", "Pool"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("Broken", overflow="fold")
    for step in sorted(result.steps, key=lambda step: step.rate_per_s):
        table.add_row(*_row(step))
    return table


def _row(step: StepResult) -> tuple[RenderableType, ...]:
    return (
        format_rate(step.rate_per_s),
        format_rate(step.achieved_per_s),
        duration_us(step.response_us.p50),
        duration_us(step.response_us.p99),
        Text(format_count(step.errors), style="bold red" if step.errors else "dim"),
        wording.share_text(step.pool_share),
        Text(_WORDS.get(step.verdict, step.verdict.value), style=_STYLES.get(step.verdict, "")),
        wording.step_remark(step),
    )


def _rows(result: CapacityResult) -> Iterator[tuple[str, str]]:
    if result.broken is not None and result.broke_at_per_s is not None:
        also = f" Also: {', '.join(map(wording.limit_label, result.also_broken))}." if result.also_broken else ""
        where = f"{wording.limit_label(result.broken.limit)} at {format_rate(result.broke_at_per_s)}"
        yield "Broke first", f"{where}: {result.broken.reason}{also}"
    if result.saturation is not None:
        found = result.saturation
        yield "Saturated", f"{wording.RESOURCES[found.resource]} at {format_rate(found.rate_per_s)}: {found.reason}"
    yield "Scalability", wording.law_text(result)
    yield "Targets", ", ".join(wording.targets_text(result))
    scale = result.seeding.scale
    yield "Load", f"{wording.counts_text(result)}, {result.arrivals} arrivals over {result.connections:,} connections"
    if scale != 1:
        yield (
            "Scale",
            f"{scale:g}, that is {format_share(scale)} of the full volume; nothing was measured at full volume",
        )
    for note in result.notes:
        yield "Note", note
