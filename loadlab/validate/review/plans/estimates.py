"""Rules on what the planner expects: estimates that are off, plans that change with the value, old statistics."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from loadlab.engines.plan_tree import JOINS, SCANS, Plan, PlanNode
from loadlab.engines.protocol import TableEvidence
from loadlab.measure.plans.model import PlanSample, StatementPlans
from loadlab.units import format_share
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.plans.reading import (
    at_values,
    executed,
    no_executed_plans,
    share_in_words,
)
from loadlab.validate.review.plans.sources import EXTENDED_STATISTICS, PLANNER_STATISTICS, PLANS_OF_PREPARED
from loadlab.validate.wording import counted, names

ESTIMATE_FACTOR = 10.0
_ESTIMATE_ROWS_MIN = 1_000
_FLIP_BLOCKS_MIN = 100
_FLIP_FACTOR = 5.0
# A table is analysed again by itself when a tenth of it has changed (autovacuum_analyze_scale_factor's default);
# twice that means that it is not, or not in time.
_CHANGED_SHARE = 0.2
_CHANGED_ROWS_MIN = 1_000
# What the warm-up wrote is estimated by the window's rate, which it need not have had.
_WRITTEN_MARGIN = 1.5


# -- estimates -----------------------------------------------------------------------------------------------------


def misestimate(node: PlanNode) -> float:
    """By what factor the expected rows of one loop are off, either way; 1 where it cannot be told."""
    if node.rows is None or not node.loops or node.rows_estimated is None or node.may_end_early:
        return 1.0
    expected, found = max(1.0, node.rows_estimated), max(1.0, node.rows / node.loops)
    return max(expected / found, found / expected)


def _examine_estimates(facts: ReviewFacts) -> Examined:
    none = no_executed_plans(facts)
    if none is not None:
        return none
    statements = executed(facts)
    found = [
        _estimate_finding(facts, key, *worst)
        for key, plans in statements.items()
        if (worst := max(_wrong_nodes(plans), key=lambda item: misestimate(item[1]), default=None)) is not None
    ]
    return Examined(len(statements), "statements", tuple(found))


def _wrong_nodes(plans: StatementPlans) -> Iterator[tuple[PlanSample, PlanNode]]:
    """The lowest nodes that are off: what stands above a wrong estimate is wrong because of it."""
    for sample in plans.executed:
        for node in sample.plan.nodes():
            if _is_wrong(node) and not any(_is_wrong(below) for below in node.walk() if below is not node):
                yield sample, node


def _is_wrong(node: PlanNode) -> bool:
    if node.kind not in (*SCANS, *JOINS) or misestimate(node) <= ESTIMATE_FACTOR:
        return False
    return max((node.rows_estimated or 0) * (node.loops or 1), node.rows or 0) >= _ESTIMATE_ROWS_MIN


def _estimate_finding(facts: ReviewFacts, key: str, sample: PlanSample, node: PlanNode) -> Finding:
    columns = _correlated(node)
    where = node.table or names(sorted({item.table for item in node.compared_by_condition})) or node.name
    found = (node.rows or 0) / (node.loops or 1)
    together = (
        f" Let it learn how {names([f'{node.table}.{column}' for column in columns])} depend on each other."
        if columns
        else " Raise the statistics target of the columns that are compared where that is not enough."
    )
    return Finding(
        rule=ROW_ESTIMATE_RULE.id,
        severity=Severity.WARNING,
        subject=key,
        what=f"For {key} the planner is wrong about the rows of {where} by a factor of {misestimate(node):,.0f}.",
        evidence=(f"{node.rows_estimated or 0:,.0f} rows expected, {found:,.0f} found, {at_values(sample)}",),
        why=f"Joins, sorts and memory are chosen for a number of rows that is not there. "
        f"{share_in_words(facts, (key,))}",
        remedy=f"Have the planner look at {where} again.{together}",
        sql=_estimate_sql(facts, node, columns),
        load_share=facts.load_share((key,)),
    )


def _correlated(node: PlanNode) -> list[str]:
    compared = (*node.compared_by_condition, *node.compared_by_filter)
    columns = dict.fromkeys(item.column for item in compared if item.table == node.table and item.kind == "equal")
    return list(columns) if len(columns) > 1 else []


def _estimate_sql(facts: ReviewFacts, node: PlanNode, columns: list[str]) -> tuple[str, ...]:
    if facts.tuning is None or not facts.schema.has(node.table):
        return ()
    table = facts.schema.table(node.table)
    return (columns and facts.tuning.correlate(table, columns)) or (facts.tuning.collect_statistics(table),)


ROW_ESTIMATE_RULE = Rule(
    "row-estimate",
    "plans",
    "Row estimate off by more than a factor of ten",
    "Which join, which index and how much memory are chosen by the rows that the planner expects. Columns that depend "
    "on each other are the usual cause: it takes them for independent. Only nodes of at least "
    f"{_ESTIMATE_ROWS_MIN:,} rows that are read to their end are looked at.",
    EXTENDED_STATISTICS,
    _examine_estimates,
)


# -- plans that change with the value ------------------------------------------------------------------------------


def _examine_flips(facts: ReviewFacts) -> Examined:
    none = no_executed_plans(facts)
    if none is not None:
        return none
    statements = {
        key: plans
        for key, plans in executed(facts).items()
        if {sample.is_typical for sample in plans.executed} == {True, False}
    }
    if not statements:
        return skipped("statements", "no statement has parameters with an extreme to compare with")
    found = [
        _flip_finding(facts, key, plans, flipped)
        for key, plans in statements.items()
        if (flipped := _flipped(plans)) is not None
    ]
    return Examined(len(statements), "statements", tuple(found))


def _flipped(plans: StatementPlans) -> PlanSample | None:
    """The costliest sample of another shape than every typical one, where that costs much more."""
    typical = [sample for sample in plans.executed if sample.is_typical]
    shapes = {shape(sample.plan) for sample in typical}
    usual = median(sample.plan.blocks or 0 for sample in typical)
    others = [sample for sample in plans.executed if not sample.is_typical and shape(sample.plan) not in shapes]
    worst = max(others, key=lambda sample: sample.plan.blocks or 0, default=None)
    if worst is None or (worst.plan.blocks or 0) < max(_FLIP_BLOCKS_MIN, _FLIP_FACTOR * usual):
        return None
    return worst


def shape(plan: Plan) -> tuple[str, ...]:
    """How tables are read and joined, in one way of writing; partitions count once."""
    parts = {f"{node.table} by {names(node.indexes) if not node.reads_all else 'full scan'}" for node in plan.scans()}
    return tuple(sorted(parts | {node.kind for node in plan.nodes() if node.kind in JOINS}))


def _flip_finding(facts: ReviewFacts, key: str, plans: StatementPlans, flipped: PlanSample) -> Finding:
    typical = [sample for sample in plans.executed if sample.is_typical]
    usual = sorted(typical, key=lambda sample: sample.plan.blocks or 0)[len(typical) // 2]
    generic = plans.generic
    prepared = f"any value (a prepared statement's plan): {', '.join(shape(generic))}" if generic else ""
    return Finding(
        rule=FLIP_RULE.id,
        severity=Severity.WARNING,
        subject=key,
        what=f"{key} has another plan {at_values(flipped)} than with typical ones.",
        evidence=(
            f"typical values: {', '.join(shape(usual.plan))}; {counted(usual.plan.blocks or 0, 'block')}",
            f"{flipped.values}: {', '.join(shape(flipped.plan))}; {counted(flipped.plan.blocks or 0, 'block')}",
            *([prepared] if prepared else []),
        ),
        why="Latency depends on who asks, and a prepared statement may keep the plan that is wrong for the other. "
        f"{share_in_words(facts, (key,))}",
        remedy="Have one index that serves both, with the filtered and sorted columns in it; else ask for the frequent "
        "value in a statement of its own, or set plan_cache_mode = force_custom_plan for it.",
        load_share=facts.load_share((key,)),
    )


FLIP_RULE = Rule(
    "plan-flip",
    "plans",
    "The plan changes with the value of a parameter",
    "On a skewed column the plan for the most frequent value is not the one for the others. Compared are the plans for "
    "the values that the load draws with those for the most frequent and for a rare value, and for a range's bounds.",
    PLANS_OF_PREPARED,
    _examine_flips,
)


# -- statistics ----------------------------------------------------------------------------------------------------


def _examine_statistics(facts: ReviewFacts) -> Examined:
    if facts.evidence is None:
        return skipped("tables", facts.why_missing("evidence"))
    told = {
        key: item
        for key, item in facts.evidence.tables.items()
        if facts.schema.has(key) and (item.analyzed is not None or item.modified_since_analyze is not None)
    }
    if not told:
        return skipped("tables", "the database does not tell when it looked at its tables")
    found = [_stale_finding(facts, key, item) for key, item in told.items() if _why_stale(facts, item)]
    return Examined(len(told), "tables", tuple(found))


def _why_stale(facts: ReviewFacts, item: TableEvidence) -> str:
    rows = item.rows or 0
    if item.analyzed is False:
        return "never analysed" if rows >= _CHANGED_ROWS_MIN else ""
    changed = (item.modified_since_analyze or 0) - _written_by_load(facts, item)
    if changed < max(_CHANGED_ROWS_MIN, _CHANGED_SHARE * rows):
        return ""
    return f"{counted(changed, 'row')} changed since it was analysed, {format_share(changed / max(rows, 1))} of it"


def _written_by_load(facts: ReviewFacts, item: TableEvidence) -> int:
    """What the load itself has just written, its warm-up included, is nobody's neglect."""
    if not facts.is_window:
        return 0
    written = sum(count or 0 for count in (item.rows_inserted, item.rows_updated, item.rows_deleted))
    return round(written * facts.load_to_window * _WRITTEN_MARGIN)


def _stale_finding(facts: ReviewFacts, key: str, item: TableEvidence) -> Finding:
    touching = tuple(
        name
        for name, plans in (facts.plans or {}).items()
        if any(node.table == key for plan in plans.all_plans() for node in plan.scans())
    )
    return Finding(
        rule=STATISTICS_RULE.id,
        severity=Severity.WARNING,
        subject=key,
        what=f"The planner's statistics of {key} are not of what is in it.",
        evidence=(_why_stale(facts, item), f"{counted(item.rows or 0, 'row')} now"),
        why=f"It plans for the table as it was. {share_in_words(facts, touching) if touching else ''}".strip(),
        remedy=f"Analyse {key} after loading it, and see that autovacuum keeps up.",
        sql=(facts.tuning.collect_statistics(facts.schema.table(key)),) if facts.tuning else (),
        load_share=facts.load_share(touching) if touching else None,
    )


STATISTICS_RULE = Rule(
    "stale-statistics",
    "plans",
    "Statistics that are missing or old",
    "Without statistics, or with those of another content, the planner guesses. Rows that the measured load has just "
    f"written do not count; {format_share(_CHANGED_SHARE)} of the table and {_CHANGED_ROWS_MIN:,} rows are needed.",
    PLANNER_STATISTICS,
    _examine_statistics,
)
