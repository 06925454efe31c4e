"""Targets on what the database itself says: its cache, its plans, its storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadlab.engines.protocol import PlanEvidence
from loadlab.spec.targets import Target
from loadlab.units import format_share, format_size
from loadlab.validate import gates
from loadlab.validate.facts import Facts
from loadlab.validate.gates import Context
from loadlab.validate.model import Examination, TargetVerdict, Verdict
from loadlab.validate.statistics import clopper_pearson, samples_needed
from loadlab.validate.wording import counted, interval_text, names, relation

_TABLE_BYTES_MIN = 2**20


def index_hit_ratio(target: Target, context: Context) -> TargetVerdict:
    """The buffer cache's hit ratio for index blocks, over the window.

    "Index hit ratio" is used for two things; this is not the share of scans that used an index. The server counts
    every request of the window, so there is no sampling and no interval.
    """
    facts = context.facts
    tables = {
        name: (item.index_blocks_hit, item.index_blocks_read)
        for name, item in (facts.evidence.tables if facts.evidence else {}).items()
        if item.index_blocks_hit is not None and item.index_blocks_read is not None
    }
    # A server whose tables lie in indexes may count their blocks for all of it alone.
    whole = (facts.evidence.database if facts.evidence and not tables else {}).get
    hits, reads = whole("index_blocks_hit"), whole("index_blocks_read")
    if not tables and (hits is None or reads is None):
        return _skipped(target, "The database does not count the index blocks that it reads.")
    hits = round(hits or 0) + sum(hit or 0 for hit, _ in tables.values())
    blocks = hits + round(reads or 0) + sum(read or 0 for _, read in tables.values())
    examined = tuple(tables)
    owner = counted(len(tables), "table") if tables else "the whole server"
    if blocks <= 0 and not facts.counters_were_reset:
        reason = f"No index block of {owner} was asked for in the measured window."
        return TargetVerdict(target, Verdict.INCONCLUSIVE, None, None, 0, examined, reason)
    gate = gates.counters_reset(facts)
    if gate is not None:
        reason = f"The ratio cannot be told, because {gate}."
        return TargetVerdict(target, Verdict.INCONCLUSIVE, None, None, 0, examined, reason)
    measured = hits / blocks
    decided = gates.decide(target, measured, measured)
    finding = (
        f"The buffer cache answered {format_share(measured)} of {counted(blocks, 'request')} for index blocks of "
        f"{owner} (its hit ratio, not the share of scans that used an index) at "
        f"{gates.volume(facts)}, {relation(target, decided, measured)}"
    )
    verdict, reason = gates.settle(decided, finding, gates.interrupted(facts), _too_few_blocks(target, blocks))
    return TargetVerdict(target, verdict, measured, None, blocks, examined, reason)


def _too_few_blocks(target: Target, blocks: int) -> str | None:
    if not 0 < target.limit < 1 or blocks >= samples_needed(target.limit):
        return None
    return f"{counted(blocks, 'request', 'are')} too few to tell; {samples_needed(target.limit)} are needed"


@dataclass(frozen=True, slots=True)
class _Coverage:
    """Executions by how their statement finds its rows; `unknown` ones have no plan."""

    served: int
    searching: int
    unknown: int
    certain: bool
    """Whether the share is the same whatever the mix was: every plan is served, or none is."""
    confidence: float

    @property
    def interval(self) -> tuple[float, float]:
        """Exact interval of the served share of all that is executed; the unknown may be either."""
        total = self.searching + self.unknown
        if self.certain and not self.unknown:
            share = self.served / self.searching
            return share, share
        low, _ = clopper_pearson(self.served, total, self.confidence)
        return low, clopper_pearson(self.served + self.unknown, total, self.confidence)[1]


def index_coverage(target: Target, context: Context) -> TargetVerdict:
    """The share of executed statements whose rows are found through an index.

    Weighted by how often each one ran. Statements that search nothing (a plain insert) are left out.
    """
    facts = context.facts
    if facts.plans is None:
        return _skipped(target, "The database does not show how it would execute a statement.")
    searching = {key: plan for key, plan in facts.plans.items() if plan.full_scans or plan.indexes}
    executed = _executions_by_statement(facts)
    coverage = _coverage(facts.plans, searching, executed, facts.confidence)
    details = _plan_details(searching, executed)
    if not coverage.searching:
        reason = f"None of {counted(len(facts.plans), 'explained statement')} that searches a table was executed."
        examined = tuple(searching)
        return TargetVerdict(target, Verdict.INCONCLUSIVE, None, None, 0, examined, reason, details)
    measured = coverage.served / coverage.searching
    decided = gates.decide(target, *coverage.interval)
    verdict, reason = gates.settle(
        decided,
        _coverage_finding(target, coverage, searching, executed, decided),
        gates.never_analysed(facts),
        _unknown_plans(coverage) if decided is Verdict.INCONCLUSIVE else None,
    )
    return TargetVerdict(
        target, verdict, measured, coverage.interval, coverage.searching, tuple(searching), reason, details
    )


def _executions_by_statement(facts: Facts) -> dict[str, int]:
    """Executions by statement key; an operation that is one statement counts under its own name."""
    counts = {name: facts.executed(name) for name in facts.kinds}
    counts.update(facts.load.statements)
    keys = set(counts) | set(facts.plans or {})
    flows = {key.partition("/")[0] for key in keys if "/" in key}
    return {key: count for key, count in counts.items() if count and key not in flows}


def _coverage(
    plans: Mapping[str, PlanEvidence],
    searching: Mapping[str, PlanEvidence],
    executed: Mapping[str, int],
    confidence: float,
) -> _Coverage:
    served = {key for key, plan in searching.items() if plan.served_by_index}
    return _Coverage(
        served=sum(executed.get(key, 0) for key in served),
        searching=sum(executed.get(key, 0) for key in searching),
        unknown=sum(count for key, count in executed.items() if key not in plans),
        certain=len(served) in (0, len(searching)),
        confidence=confidence,
    )


def _coverage_finding(
    target: Target,
    coverage: _Coverage,
    searching: Mapping[str, PlanEvidence],
    executed: Mapping[str, int],
    verdict: Verdict,
) -> str:
    share = coverage.served / coverage.searching
    scanning = sorted(
        (key for key, plan in searching.items() if plan.full_scans and executed.get(key)),
        key=lambda key: -executed[key],
    )
    scans = [f"{key} reads all of {names(searching[key].full_scans)}" for key in scanning]
    return (
        f"Indexes serve {format_share(share)} of {counted(coverage.searching, 'execution')} of "
        f"{counted(len(searching), 'searching statement')} ({interval_text(coverage.interval, 'ratio')})"
        f"{f', while {names(scans)}' if scans else ''}, {relation(target, verdict, share)}"
    )


def _unknown_plans(coverage: _Coverage) -> str:
    if not coverage.unknown:
        return gates.LONGER_WINDOW
    return f"{counted(coverage.unknown, 'execution')} had no plan to look at"


def _plan_details(searching: Mapping[str, PlanEvidence], executed: Mapping[str, int]) -> tuple[Examination, ...]:
    most_executed = sorted(searching, key=lambda key: -executed.get(key, 0))
    return tuple(_plan_detail(key, searching[key], executed.get(key, 0)) for key in most_executed)


def _plan_detail(key: str, plan: PlanEvidence, count: int) -> Examination:
    if plan.served_by_index:
        reason = f"Found through {names(plan.indexes)}."
        return Examination(key, 1.0, None, count, Verdict.PASS, reason)
    reason = f"Reads all of {names(plan.full_scans)}: no index helps."
    return Examination(key, 0.0, None, count, Verdict.FAIL, reason)


def index_storage_overhead(target: Target, context: Context) -> TargetVerdict:
    """Bytes of indexes by bytes of tables (out-of-line values included), over the seeded tables at the end."""
    facts = context.facts
    sizes = {
        name: (item.size_bytes, item.index_bytes)
        for name, item in facts.seeded_tables.items()
        if item.size_bytes is not None and item.index_bytes is not None
    }
    if not sizes:
        return _skipped(target, "The database does not tell the sizes of tables and indexes.")
    table_bytes, index_bytes = (sum(column) for column in zip(*sizes.values(), strict=True))
    rows, examined = sum(facts.rows[name] for name in sizes), tuple(sizes)
    if not table_bytes:
        reason = f"The seeded {names(examined)} hold no bytes."
        return TargetVerdict(target, Verdict.INCONCLUSIVE, None, None, rows, examined, reason)
    measured = index_bytes / table_bytes
    decided = gates.decide(target, measured, measured)
    finding = (
        f"Indexes take {format_size(index_bytes)} beside {format_size(table_bytes)} of {counted(len(sizes), 'table')}, "
        f"{format_share(measured)}, at {gates.volume(facts)}{_largest_indexes(facts, table_bytes)}, "
        f"{relation(target, decided, measured)}"
    )
    verdict, reason = gates.settle(decided, finding, _mostly_pages(table_bytes))
    largest = sorted(sizes, key=lambda name: sizes[name][1], reverse=True)
    details = tuple(_storage_detail(name, target, facts.rows[name], *sizes[name]) for name in largest)
    return TargetVerdict(target, verdict, measured, None, rows, examined, reason, details)


def _mostly_pages(table_bytes: int) -> str | None:
    if table_bytes >= _TABLE_BYTES_MIN:
        return None
    return f"below {format_size(_TABLE_BYTES_MIN)} of rows the fixed overheads of pages dominate (seed more rows)"


def _largest_indexes(facts: Facts, table_bytes: int) -> str:
    indexes = facts.evidence.indexes if facts.evidence else {}
    sizes = {name: item.size_bytes or 0 for name, item in indexes.items() if facts.rows.get(item.table)}
    largest = sorted((name for name, size in sizes.items() if size), key=lambda name: -sizes[name])[:3]
    shares = [f"{name} {format_share(sizes[name] / table_bytes)}" for name in largest]
    return f" (largest: {names(shares)})" if shares else ""


def _storage_detail(name: str, target: Target, rows: int, table_bytes: int, index_bytes: int) -> Examination:
    share = index_bytes / table_bytes if table_bytes else None
    decided = gates.decide(target, share, share) if share is not None else Verdict.INCONCLUSIVE
    finding = f"{format_size(index_bytes)} of indexes beside {format_size(table_bytes)} of rows"
    verdict, reason = gates.settle(decided, finding, _mostly_pages(table_bytes))
    return Examination(name, share, None, rows, verdict, reason)


def data_volume(target: Target, context: Context) -> TargetVerdict:
    """Bytes that the full volume takes: measured at full volume, below it only an estimate that decides nothing."""
    facts = context.facts
    tables = tuple(facts.seeded_tables)
    size_bytes = _stored_bytes(facts)
    if size_bytes is None:
        return _skipped(target, "The database does not tell how many bytes it stores.")
    rows = sum(facts.rows[name] for name in tables) if tables else sum(facts.rows.values())
    if not rows:
        reason = "No table holds a seeded row."
        return TargetVerdict(target, Verdict.INCONCLUSIVE, None, None, 0, tables, reason)
    estimate = size_bytes / facts.scale
    decided = gates.decide(target, size_bytes, size_bytes)
    finding = (
        f"{counted(rows, 'seeded row', 'take')} {format_size(size_bytes)} with their indexes at {gates.volume(facts)}"
    )
    if facts.scale == 1 or (facts.scale > 1 and decided is Verdict.PASS):
        reason = f"{finding}, {relation(target, decided, float(size_bytes))}."
        return TargetVerdict(target, decided, float(size_bytes), None, rows, tables, reason)
    gate = (
        f"it was not the full volume that was seeded, which in proportion would take about {format_size(estimate)} "
        f"against a limit of {format_size(target.limit)}: an estimate and no measurement"
    )
    verdict, reason = gates.settle(decided, finding, gate)
    return TargetVerdict(target, verdict, estimate, None, rows, tables, reason)


def _stored_bytes(facts: Facts) -> int | None:
    """What the seeded tables and their indexes take; the whole database's size where tables' sizes are not told.

    An empty database's own megabytes do not grow with the scale, so they stay out where they can.
    """
    tables = facts.seeded_tables.values()
    sizes = [item.size_bytes + (item.index_bytes or 0) for item in tables if item.size_bytes is not None]
    if sizes and len(sizes) == len(tables):
        return sum(sizes)
    return facts.evidence.database_bytes if facts.evidence else None


def _skipped(target: Target, reason: str) -> TargetVerdict:
    return TargetVerdict(target, Verdict.SKIPPED, None, None, 0, (), reason)
