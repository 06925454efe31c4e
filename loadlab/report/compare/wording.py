"""What the terminal and the HTML report of a comparison say alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from loadlab.report.compare.model import CompareResult, MetricResult, OperationResult, SideResult, StoredTableResult
from loadlab.report.wording import NOTHING, duration_us
from loadlab.units import format_count, format_duration, format_rate, format_share, format_size
from loadlab.validate.comparison.figures import COUNTED, Metric
from loadlab.validate.comparison.verdicts import Outcome
from loadlab.validate.wording import counted

_METRICS = {Metric.mean: "mean", Metric.blocks: "blocks/call", Metric.wal: "WAL/call"}
_WIDE = 20.0
NOTHING_DIFFERS = "Nothing differs in schema and operations."
TONES = {
    Outcome.BETTER: "pass",
    Outcome.SAME: "skipped",
    Outcome.WORSE: "fail",
    Outcome.MIXED: "fail",
    Outcome.INCONCLUSIVE: "inconclusive",
}


def metric_label(metric: Metric) -> str:
    """`p50`, `blocks/call`."""
    return _METRICS.get(metric, metric.value)


def value_text(item: MetricResult, value: float | None) -> str:
    """One side's figure in its unit; a dash where there is none."""
    if value is None:
        return NOTHING
    match item.unit:
        case "us":
            return duration_us(value)
        case "per_s":
            return format_rate(value)
        case "blocks":
            return format_count(value) if value >= 100 else f"{value:.3g}"
        case "bytes":
            return format_size(value)


def change_text(ratio: float | None) -> str:
    """`+20.3%`, `-4.1%`, `×3.20`, `÷12.0`: of B to A."""
    if ratio is None:
        return NOTHING
    if ratio >= 2:
        return f"×{ratio:.3g}" if ratio < 1000 else f"×{ratio:,.0f}"
    if ratio <= 0.5:
        return f"÷{1 / ratio:.3g}" if ratio > 0.001 else f"÷{1 / ratio:,.0f}"
    # 0 has no sign, nor has what is rounded to it.
    percent = round(100 * (ratio - 1), 1) + 0.0
    return f"{percent:+.1f}%" if percent else "0.0%"


def interval_text(item: MetricResult) -> str:
    """`-2.1% – +3.3%`; what nothing bounds is a dash."""
    if item.interval is None:
        return NOTHING
    low, high = item.interval
    if high / low > _WIDE**2 * 1e6:
        return "not bounded"
    return f"{change_text(low)} – {change_text(high)}"


def effect_text(item: MetricResult) -> str:
    """The least difference that counts, in percent."""
    return format_share(round(item.effect, 3)) if item.effect < 1 else f"×{1 + item.effect:.3g}"


def verdict_text(item: MetricResult) -> str:
    """As a table has it; `A only` for what one side's database alone gives."""
    if item.metric in COUNTED and (item.a is None) != (item.b is None):
        return "A only" if item.b is None else "B only"
    return short(item.verdict)


def servers_text(result: CompareResult) -> str:
    """`PostgreSQL 18.1`, or both where they differ."""
    a, b = (side.server or result.environment.server for side in (result.a, result.b))
    return a if a == b else f"{a} (A) and {b} (B)"


def lead(result: CompareResult) -> str:
    """What B is compared with A, in one sentence."""
    counts = Counter(item.verdict for item in result.operations)
    parts = [f"{count} {verdict.value.lower()}" for verdict in Outcome if (count := counts.get(verdict, 0))]
    found = f"B ({result.b.label}) against A ({result.a.label}): {', '.join(parts) or 'nothing was compared'}"
    storage = f"; storage {change_text(result.storage.ratio)}" if result.storage is not None else ""
    reason = f"; {result.reason}" if result.reason else ""
    return f"{found}{storage}{reason}."


def facts(result: CompareResult) -> Iterator[tuple[str, str]]:
    """How it was compared, a line each."""
    rounds, family = result.rounds, result.family
    yield (
        "Rounds",
        f"{counted(rounds.pairs, 'pair')} of {format_duration(rounds.round_s)} a side, in {rounds.slices} turns each"
        + (f"; {rounds.pairs_asked} were asked for" if rounds.pairs < rounds.pairs_asked else "")
        + (f"; more than planned for {rounds.extended_for}" if rounds.extended_for is not None else ""),
    )
    yield "Load", result.load
    yield (
        "Intervals",
        f"{format_share(family.confidence)} for all {family.comparisons} together ({family.correction}); a difference"
        f" counts from {format_share(result.min_effect)} on, or from what a side"
        f"{' or the control' if result.control is not None else ''} differs by from itself",
    )
    if result.control is not None:
        median = next((item for item in result.control.metrics if item.metric is Metric.p50), None)
        if median is not None:
            yield (
                "Control",
                f"{result.control.name}: p50 {change_text(median.ratio)}, interval {interval_text(median)}",
            )
    elif result.a.engine != result.b.engine:
        yield "Control", "none: two kinds of database have no operation in common that they do alike"
    for untold in _untold(result):
        yield "Not told", untold
    for side, only in (("A", result.a.only_here), ("B", result.b.only_here)):
        if only:
            yield f"Only on {side}", f"{', '.join(only)}: not compared"
    if result.storage is not None and result.storage.reason:
        yield "Unclear", f"storage: {result.storage.reason}"
    for item in result.operations:
        yield from _operation_facts(item)
    if any(item.verdict is Outcome.INCONCLUSIVE for item in result.operations):
        yield (
            "Clearer",
            "with more --pairs intervals are narrower, with more --users, --rate or --round-duration a round has more"
            " executions",
        )


def notes(result: CompareResult, most: int | None = None) -> Iterator[tuple[str, str]]:
    """What was left out or not understood on either side, `most` of each."""
    for which in "AB":
        own = [note for note in result.notes if note.startswith(f"{which}: ")]
        yield from (("Note", note) for note in own[:most])
        if most is not None and len(own) > most:
            yield "Note", f"{which}: and {len(own) - most} more, in the report"


def _untold(result: CompareResult) -> Iterator[str]:
    """What a server has no figures of."""
    sides = {"A": result.a, "B": result.b}
    by_servers: dict[str, list[str]] = {}
    for metric in (*COUNTED, None):
        lacking = [which for which, side in sides.items() if not _tells(result, which, side, metric)]
        if lacking and (len(lacking) < len(sides) or result.a.engine != result.b.engine):
            servers = " and ".join(f"{sides[which].server} ({which})" for which in lacking)
            by_servers.setdefault(servers, []).append(metric_label(metric) if metric else "storage")
    for servers, metrics in by_servers.items():
        yield f"{', '.join(metrics)}: not by {servers}"


def _tells(result: CompareResult, which: str, side: SideResult, metric: Metric | None) -> bool:
    """Whether a side has any figure of a metric; None: of its storage."""
    if metric is None:
        return bool(side.tables)
    found = [item for operation in result.operations for item in operation.metrics if item.metric is metric]
    return any((item.a if which == "A" else item.b) is not None for item in found)


def _operation_facts(item: OperationResult) -> Iterator[tuple[str, str]]:
    if item.verdict is Outcome.INCONCLUSIVE:
        yield "Unclear", f"{item.name}: {item.reason}"
    if item.plans_differ:
        yield "Plan", f"{item.name}: {plan_text(item.plan_a)} on A; {plan_text(item.plan_b)} on B"
    if rows_differ(item):
        yield "Rows", f"{item.name}: {item.rows_a:,.3g} by execution on A, {item.rows_b:,.3g} on B"


def rows_differ(item: OperationResult) -> bool:
    """Whether the sides answer with other numbers of rows, beyond chance."""
    if item.rows_a is None or item.rows_b is None:
        return False
    return abs(item.rows_a - item.rows_b) > 0.05 * max(item.rows_a, item.rows_b)


def plan_text(steps: list[str]) -> str:
    """The steps of a plan, from the top."""
    return " ← ".join(steps) if steps else "not known"


def tables(result: CompareResult) -> Iterator[tuple[str, StoredTableResult | None, StoredTableResult | None]]:
    """By table, what it takes on each side; None also where its rows stand in those of another (`table_size_text`)."""
    a, b = ({table.name: table for table in side.tables} for side in (result.a, result.b))
    for name in dict.fromkeys((*a, *b, *result.a.inside, *result.b.inside)):
        yield name, a.get(name), b.get(name)


def table_size_text(side: SideResult, name: str, table: StoredTableResult | None) -> str:
    """Bytes of table and indexes, or `in orders`."""
    if table is None and name in side.inside:
        return f"in {side.inside[name]}"
    return size_text(table.table_bytes + table.index_bytes if table is not None else None)


def indexes(result: CompareResult) -> Iterator[tuple[str, int | None, int | None]]:
    """By index, its bytes on each side."""
    a, b = result.a.index_bytes, result.b.index_bytes
    for name in dict.fromkeys((*a, *b)):
        yield name, a.get(name), b.get(name)


def size_text(size: float | None) -> str:
    """Bytes; a dash where there are none."""
    return NOTHING if size is None else format_size(size)


def per_row_text(table: StoredTableResult | None) -> str:
    """Bytes of table and indexes by row."""
    return NOTHING if table is None or table.bytes_per_row is None else f"{table.bytes_per_row:,.1f}"


def grown_text(table: StoredTableResult | None) -> str:
    """Bytes that the indexes grew by for each inserted row."""
    if table is None or table.grown_index_bytes_per_row is None:
        return NOTHING
    return f"{table.grown_index_bytes_per_row:,.1f}"


def size_ratio(a: float | None, b: float | None) -> str:
    """B by A."""
    return change_text(b / a) if a and b else NOTHING


def side_text(side: SideResult) -> str:
    """`v4: 20,000 rows, 3.1 MiB, 160 bytes a row`; after earlier loads `21,480 rows (20,000 seeded)`."""
    seeded = side.seeding.rows
    rows = side.rows if side.rows is not None else seeded
    each = f", {side.total_bytes / rows:,.1f} bytes a row" if rows and side.total_bytes else ""
    of_these = f" ({format_count(seeded)} seeded)" if rows != seeded else ""
    return f"{side.label}: {format_count(rows)} rows{of_these}, {format_size(side.total_bytes)}{each}"


def short(verdict: Outcome) -> str:
    """As a table has it: `better`, `unclear`."""
    return "unclear" if verdict is Outcome.INCONCLUSIVE else verdict.value.lower()
