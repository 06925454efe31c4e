"""The plan of a statement as a result keeps it: one of those that were seen, the one that tells most."""

from __future__ import annotations

import hashlib

from loadlab.engines.plan_tree import Plan, PlanNode
from loadlab.engines.protocol import PlanEvidence
from loadlab.measure.plans.model import StatementPlans
from loadlab.report.model import PlanNodeResult, PlanResult, PlanShapeResult
from loadlab.spec.statement import Statement

_ANY = "any values"


def plan_result(plans: StatementPlans | None) -> PlanResult | None:
    """The one for typical values, executed if one was; else the one for any values. None where none was seen."""
    if plans is None:
        return None
    typical = [sample for sample in plans.samples if sample.is_typical]
    best = max(typical, key=lambda sample: sample.is_executed, default=None)
    if best is not None and (best.is_executed or plans.generic is None):
        return _result(best.plan, best.values, executed=best.is_executed)
    return _result(plans.generic, _ANY, executed=False) if plans.generic is not None else None


def shape_result(plan: PlanEvidence | None) -> PlanShapeResult | None:
    """The way that a statement goes where full scans are avoided, so that small tables do not decide it."""
    shape = (plan.indexed_shape or plan.shape) if plan is not None else None
    return PlanShapeResult(steps=list(shape.outline), rows=dict(shape.rows)) if shape is not None else None


def examined_per_row(plans: StatementPlans | None) -> float | None:
    """Rows of tables that were looked at for each row that came out, with typical values; None unless executed.

    What gave no row at all counts as if it gave one.
    """
    typical = [sample.plan for sample in plans.executed if sample.is_typical] if plans is not None else []
    if not typical:
        return None
    looked_at = sum(node.rows_read or 0 for node in typical[0].scans())
    return looked_at / max(typical[0].root.rows or 0, 1)


def text_digest(statement: Statement) -> str:
    """Equal for the same words."""
    return hashlib.blake2b(str(statement).encode(), digest_size=6).hexdigest()


def _result(plan: Plan, values: str, *, executed: bool) -> PlanResult:
    return PlanResult(values=values, executed=executed, execution_ms=plan.execution_ms, root=node_result(plan.root))


def node_result(node: PlanNode) -> PlanNodeResult:
    """A step and those below it."""
    return PlanNodeResult(
        name=node.name,
        table=node.table,
        indexes=list(node.indexes),
        condition=node.condition,
        filter=node.filter,
        rows_estimated=node.rows_estimated,
        cost=node.cost,
        loops=node.loops,
        rows=node.rows,
        rows_removed=node.rows_removed,
        spilled_kib=node.spilled_kib,
        blocks_hit=node.blocks_hit,
        blocks_read=node.blocks_read,
        may_end_early=node.may_end_early,
        children=[node_result(child) for child in node.children],
    )
