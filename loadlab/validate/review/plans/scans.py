"""Rules on how rows are found: full scans with a selective filter, filters behind an index, coverage of the load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from loadlab.engines.plan_tree import JOINS, SCANS, NewIndex, Plan, PlanNode
from loadlab.measure.plans.model import PlanSample, StatementPlans
from loadlab.units import format_share
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.plans.reading import (
    LARGE_ROWS,
    at_values,
    columns_of,
    executed,
    full_rows,
    is_large,
    no_executed_plans,
    no_plans,
    rows_at_volume,
    share_in_words,
    with_parents,
)
from loadlab.validate.review.plans.sources import FILTERED_ROWS, USING_EXPLAIN
from loadlab.validate.review.plans.suggest import for_node
from loadlab.validate.wording import counted, names

SELECTIVE_SHARE = 0.1
"""A scan that keeps more than one row in ten is about as cheap as an index would be."""
_READ_ROWS_MIN = 100
_VERY_LARGE_ROWS = 100_000
_BUSY_SHARE = 0.01
SCANNING_MAX = 0.05
# Steps that pass rows on as they are: the join above them is the scan's own.
_PASSING = ("hash", "sort", "append", "other")


@dataclass(frozen=True, slots=True)
class Waste:
    """Rows of a table that a plan reads and those that it has use for, summed over the table's partitions."""

    table: str
    rows_read: int
    rows_kept: int
    node: PlanNode
    above: tuple[PlanNode, ...]
    sample: PlanSample | None

    @property
    def kept_share(self) -> float:
        return self.rows_kept / self.rows_read if self.rows_read else 1.0

    @property
    def is_selective(self) -> bool:
        return self.rows_read >= _READ_ROWS_MIN and self.kept_share <= SELECTIVE_SHARE

    @property
    def is_for_an_index(self) -> bool:
        """Whether the comparisons that an index serves are what leaves few rows, as far as is known."""
        compared = self.node.rows_compared
        return compared is None or compared <= SELECTIVE_SHARE * (self.node.rows_read or 0)


# -- a full scan where an index would do ---------------------------------------------------------------------------


def _examine_scans(facts: ReviewFacts) -> Examined:
    none = no_plans(facts)
    if none is not None:
        return none
    known = [key for key, plans in (facts.plans or {}).items() if plans.executed or _is_estimated(plans)]
    if not known:
        return skipped("statements", "the database does not tell how many rows a plan reads")
    found = [_scan_finding(facts, key, waste) for key, waste in scan_wastes(facts)]
    return Examined(len(known), "statements", tuple(found))


def scan_wastes(facts: ReviewFacts) -> Iterator[tuple[str, Waste]]:
    """Statements with the large table that they scan for a small part of it, though no index helps."""
    for key, plans in (facts.plans or {}).items():
        for table in plans.access.full_scans if plans.access else ():
            waste = _typical_waste(facts, plans, table) if is_large(facts, table) else None
            if waste is not None and waste.is_selective:
                yield key, waste


def _is_estimated(plans: StatementPlans) -> bool:
    return plans.generic is not None and any(node.rows_estimated is not None for node in plans.generic.nodes())


def _typical_waste(facts: ReviewFacts, plans: StatementPlans, table: str) -> Waste | None:
    """The middle one of those that were executed with typical values; what the planner expects where none was."""
    typical = [sample for sample in plans.executed if sample.is_typical]
    wastes = [waste for sample in typical if (waste := _waste(sample.plan, table, sample)) is not None]
    if wastes:
        middle = median(waste.kept_share for waste in wastes)
        return min(wastes, key=lambda waste: abs(waste.kept_share - middle))
    return _expected_waste(facts, plans, table) if not typical else None


def _expected_waste(facts: ReviewFacts, plans: StatementPlans, table: str) -> Waste | None:
    """Nothing was executed: what the filter of a scan is expected to leave of all rows."""
    plan = plans.samples[0].plan if plans.samples else plans.generic
    for node, above in with_parents(plan.root) if plan is not None else ():
        if node.table == table and node.reads_all and node.filter and node.rows_estimated is not None:
            return Waste(table, full_rows(facts, table), round(node.rows_estimated), node, above, None)
    return None


def _waste(plan: Plan, table: str, sample: PlanSample) -> Waste | None:
    nodes = [
        (node, above)
        for node, above in with_parents(plan.root)
        if node.table == table and node.kind in SCANS and node.reads_all
    ]
    if not nodes:
        return None
    read = sum(node.rows_read or 0 for node, _ in nodes)
    kept = sum(_kept(node, above) for node, above in nodes)
    node, above = max(nodes, key=lambda item: item[0].rows_read or 0)
    return Waste(table, read, min(kept, read), node, above, sample)


def _kept(node: PlanNode, above: tuple[PlanNode, ...]) -> int:
    """What the node's filter keeps or, where it has none, the join that it feeds."""
    if node.filter:
        return node.rows or 0
    for parent in above:
        if parent.kind in JOINS:
            own = (*parent.compared_by_condition, *parent.compared_by_filter)
            return (parent.rows or 0) if any(item.table == node.table for item in own) else (node.rows or 0)
        if parent.kind not in _PASSING:
            break
    return node.rows or 0


def _scan_finding(facts: ReviewFacts, key: str, waste: Waste) -> Finding:
    table, share = waste.table, facts.load_share((key,))
    is_heavy = full_rows(facts, table) >= _VERY_LARGE_ROWS and (share is None or share >= _BUSY_SHARE)
    index, refuted = _index_for(facts, waste)
    return Finding(
        rule=SCAN_RULE.id,
        severity=Severity.ERROR if is_heavy else Severity.WARNING,
        subject=f"{key}/{table}" if len(_scanned(facts, key)) > 1 else key,
        what=f"{key} reads all of {table} to find {format_share(waste.kept_share)} of its rows; no index helps.",
        evidence=(
            f"{counted(waste.rows_read, 'row')} read, {counted(waste.rows_kept, 'row')} of use, "
            f"{at_values(waste.sample) if waste.sample else 'as is expected before it runs'}",
            rows_at_volume(facts, table),
            *_compared(waste),
        ),
        why=f"Its time grows with the table, not with its result. {share_in_words(facts, (key,))}",
        remedy=refuted
        or _index_in_words(index)
        or f"Give the condition on {table} a form that an index serves, such as one on the expression.",
        sql=index_sql(facts, index),
        load_share=share,
        index=index,
    )


def _scanned(facts: ReviewFacts, key: str) -> set[str]:
    return {waste.table for name, waste in scan_wastes(facts) if name == key}


def _compared(waste: Waste) -> tuple[str, ...]:
    nodes = (waste.node, *waste.above)
    compared = [item for node in nodes for item in (*node.compared_by_condition, *node.compared_by_filter)]
    columns = columns_of(tuple(item for item in compared if item.table == waste.table))
    found = (f"the condition compares {names(columns)}",) if columns else ()
    if waste.is_for_an_index:
        return found
    left, read = waste.node.rows_compared or 0, waste.node.rows_read or 0
    return (*found, f"by =, IN and ranges an index would still find {left:,} of {counted(read, 'row')}")


def _index_for(facts: ReviewFacts, waste: Waste) -> tuple[NewIndex | None, str]:
    """The index that would spare the rows; or why the one that looks like it is not proposed."""
    index = index_of(facts, waste)
    if index is None or not is_refuted(facts, index):
        return index, ""
    tried = (
        "was measured, and helps no statement" if index in facts.proofs else "was tried: the planner would not use it"
    )
    return None, f"An index on {index.table} ({', '.join(index.columns)}) {tried}. See what the statement asks for."


def index_of(facts: ReviewFacts, waste: Waste) -> NewIndex | None:
    """The index that would find the rows; None also where what it finds are most of those that are read."""
    return for_node(facts.schema, waste.node, waste.above) if waste.is_for_an_index else None


def is_refuted(facts: ReviewFacts, index: NewIndex) -> bool:
    """It was measured, and no statement got faster; or the planner was told of it and would not use it for any."""
    proof = facts.proofs.get(index)
    if proof is not None:
        return bool(proof.reads) and not any(read.is_faster for read in proof.reads)
    trials = facts.trials.get(index, ())
    return bool(trials) and not any(trial.is_used for trial in trials)


def _index_in_words(index: NewIndex | None) -> str:
    return f"Create an index on {index.table} ({', '.join(index.columns)})." if index else ""


def index_sql(facts: ReviewFacts, index: NewIndex | None) -> tuple[str, ...]:
    """The statement that makes it, where the engine can write it."""
    if index is None or facts.tuning is None:
        return ()
    return (facts.tuning.create_index(facts.schema.table(index.table), index),)


SCAN_RULE = Rule(
    "seq-scan",
    "plans",
    "Full scan of a large table with a selective filter",
    "A statement that needs few rows of a large table and has no index to find them reads the whole table each time. "
    f"Looked at are tables of {LARGE_ROWS:,} rows at full volume; a scan that keeps more than a tenth of what it "
    "reads, or a small table, is as it should be.",
    USING_EXPLAIN,
    _examine_scans,
)


# -- a filter behind an index --------------------------------------------------------------------------------------


def _examine_filters(facts: ReviewFacts) -> Examined:
    none = no_executed_plans(facts)
    if none is not None:
        return none
    statements = executed(facts)
    found = [_filter_finding(facts, key, waste) for key, waste in filter_wastes(facts)]
    return Examined(len(statements), "statements", tuple(found))


def filter_wastes(facts: ReviewFacts) -> Iterator[tuple[str, Waste]]:
    """Statements with the large table whose rows they find through an index, to throw most of them away."""
    for key, plans in executed(facts).items():
        wastes: dict[str, list[Waste]] = {}
        typical = [sample for sample in plans.executed if sample.is_typical]
        for sample in typical:
            for waste in _filtered(facts, sample):
                wastes.setdefault(waste.table, []).append(waste)
        for table, found in wastes.items():
            # In more than half of the draws: what one odd value costs is another rule's matter.
            if is_large(facts, table) and 2 * len(found) > len(typical):
                yield key, sorted(found, key=lambda waste: waste.kept_share)[len(found) // 2]


def _filtered(facts: ReviewFacts, sample: PlanSample) -> Iterator[Waste]:
    for node, above in with_parents(sample.plan.root):
        is_lookup = node.kind in ("index scan", "index only scan") and not node.reads_all and node.filter
        if not is_lookup or not node.table or _is_lossy(facts, node):
            continue
        waste = Waste(node.table, node.rows_read or 0, node.rows or 0, node, above, sample)
        if waste.is_selective:
            yield waste


def _is_lossy(facts: ReviewFacts, node: PlanNode) -> bool:
    """An index of page ranges promises no more than to leave out most pages."""
    methods = {i.name: i.method for i in facts.schema.table(node.table).indexes} if facts.schema.has(node.table) else {}
    return any(methods.get(name) == "brin" for name in node.indexes)


def _filter_finding(facts: ReviewFacts, key: str, waste: Waste) -> Finding:
    index, refuted = _index_for(facts, waste)
    used = names(waste.node.indexes)
    return Finding(
        rule=FILTER_RULE.id,
        severity=Severity.WARNING,
        subject=key,
        what=f"{key} finds rows of {waste.table} through {used} and keeps {format_share(waste.kept_share)} of them.",
        evidence=(
            f"{counted(waste.rows_read, 'row')} read, {counted(waste.rows_kept, 'row')} kept"
            f"{', ' + at_values(waste.sample) if waste.sample else ''}",
            *_compared(waste),
            rows_at_volume(facts, waste.table),
        ),
        why=f"Every row that is thrown away was fetched from the table first. {share_in_words(facts, (key,))}",
        remedy=refuted or _index_in_words(index) or f"Have the index hold what {key} filters by, or make it partial.",
        sql=index_sql(facts, index),
        load_share=facts.load_share((key,)),
        index=index,
    )


FILTER_RULE = Rule(
    "filter-after-index",
    "plans",
    "Rows thrown away after an index found them",
    "An index that leads to ten times the rows that are needed does a tenth of its work; a column more in it finds the "
    "rows themselves.",
    FILTERED_ROWS,
    _examine_filters,
)


# -- how much of the load scans ------------------------------------------------------------------------------------


def _examine_load(facts: ReviewFacts) -> Examined:
    none = no_plans(facts)
    if none is not None:
        return none
    if facts.executions is None:
        return skipped("executions", facts.why_missing("executions"))
    searching = _searching(facts)
    total = sum(facts.executions.get(key, 0) for key in searching)
    if not total:
        return skipped("executions", "no statement that searches a table was executed")
    scanning = {key: tables for key, tables in searching.items() if tables and facts.executions.get(key)}
    share = sum(facts.executions[key] for key in scanning) / total
    found = () if share <= SCANNING_MAX else (_load_finding(facts, share, total, scanning),)
    return Examined(total, "executions", found)


def _searching(facts: ReviewFacts) -> dict[str, list[str]]:
    """The statements that search a table, with the large tables that an index should have found their rows in.

    What uses most of what it scans is served as well as it can be; where nothing was executed, that is not known.
    """
    wasted = {(key, waste.table) for key, waste in scan_wastes(facts)}
    return {
        key: [
            table
            for table in plans.access.full_scans
            if is_large(facts, table) and ((key, table) in wasted or not plans.executed)
        ]
        for key, plans in (facts.plans or {}).items()
        if plans.access is not None and (plans.access.full_scans or plans.access.indexes)
    }


def _load_finding(facts: ReviewFacts, share: float, total: int, scanning: Mapping[str, list[str]]) -> Finding:
    executions = facts.executions or {}
    most = sorted(scanning, key=lambda key: -executions[key])
    return Finding(
        rule=LOAD_RULE.id,
        severity=Severity.WARNING,
        subject="load",
        what=f"{format_share(share)} of the searching executions scan a large table for few of its rows,"
        f" more than {format_share(SCANNING_MAX)}.",
        evidence=(
            f"{counted(total, 'execution')} of {counted(len(_searching(facts)), 'searching statement')}",
            *(f"{key} reads all of {names(scanning[key])}: {counted(executions[key], 'execution')}" for key in most),
        ),
        why=share_in_words(facts, tuple(most)),
        remedy="See what the plans of these statements need; a report that reads most of a table is right to scan it.",
        load_share=facts.load_share(most),
    )


LOAD_RULE = Rule(
    "scanning-load",
    "plans",
    "Too much of the load scans large tables",
    "Of the executed statements that search a table at most 5 % should scan a large one for few of its rows. Tables "
    "that are small at full volume do not count, nor does what uses most of the rows that it scans. The target "
    "index_coverage is another figure, and stricter: there every scan counts that no index could replace.",
    "The requirement of the design: index coverage of 95 %",
    _examine_load,
)
