"""Plans as the HTML report shows them: which of them, and the figures of a step in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadlab.report.model import OperationResult, PlanNodeResult, PlanResult, Result, StatementResult
from loadlab.units import format_count, format_duration, format_size
from loadlab.validate.wording import counted

# An estimate is named where it is off by this factor, on so many rows that another plan could have been chosen.
_OFF_BY = 10.0
_ROWS_THAT_MATTER = 100.0


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan of one statement: as a tree where the engine gives one, and in the server's own text."""

    name: str
    text: str | None
    tree: PlanResult | None
    served_by_index: bool | None
    full_scans: Sequence[str]


def plan_views(result: Result) -> list[PlanView]:
    """Every known plan, those that no index serves first."""
    return sorted(_views(result), key=lambda view: view.served_by_index is not False)


def _views(result: Result) -> Iterator[PlanView]:
    for operation in result.operations:
        yield from _view(operation.name, operation)
        for statement in operation.statements:
            yield from _view(f"{operation.name} / {statement.name}", statement)


def _view(name: str, of: OperationResult | StatementResult) -> Iterator[PlanView]:
    if of.plan is not None or of.plan_tree is not None:
        yield PlanView(name, of.plan, of.plan_tree, of.served_by_index, of.full_scans)


def heading(plan: PlanResult) -> str:
    """For which values, and how long it took."""
    if not plan.executed:
        return f"As it is planned for {plan.values}, after the load."
    took = f" in {format_duration(plan.execution_ms / 1000)}" if plan.execution_ms is not None else ""
    return f"As it was executed once for {plan.values}{took}, after the load."


def figures(node: PlanNodeResult) -> Iterator[str]:
    """`24 rows (28 estimated)`, `3 loops`, `cost 27.9`, `12 blocks`, … as far as they are known."""
    expected = estimated_rows(node)
    estimate = f"{_rows(expected)} estimated" if expected is not None else ""
    if node.rows is not None:
        yield f"{counted(node.rows, 'row')}{f' ({estimate})' if estimate else ''}"
    elif estimate:
        yield f"{_rows(expected)} rows estimated"
    if node.loops is not None and node.loops > 1:
        yield f"{format_count(node.loops)} loops"
    if node.rows_removed:
        yield f"{counted(node.rows_removed, 'row')} read in vain"
    if node.blocks_hit is not None:
        read = f", {format_count(node.blocks_read)} of them read" if node.blocks_read else ""
        yield f"{counted(node.blocks_hit + (node.blocks_read or 0), 'block')}{read}"
    if node.spilled_kib:
        yield f"{format_size(node.spilled_kib * 1024)} written to temporary files"
    if node.cost is not None:
        yield f"cost {node.cost:,.4g}" if node.cost < 10_000 else f"cost {node.cost:,.0f}"


def estimated_rows(node: PlanNodeResult) -> float | None:
    """What was expected of all loops together."""
    return None if node.rows_estimated is None else node.rows_estimated * max(1, node.loops or 1)


def off_by(node: PlanNodeResult) -> str:
    """`37 times as many as estimated`; empty where the estimate is near, or the step may have been ended early."""
    expected = estimated_rows(node)
    if expected is None or node.rows is None or node.may_end_early or max(expected, node.rows) < _ROWS_THAT_MATTER:
        return ""
    more, less = node.rows / max(1.0, expected), expected / max(1, node.rows)
    if more >= _OFF_BY:
        return f"{format_count(more)} times as many as estimated"
    return f"{format_count(less)} times fewer than estimated" if less >= _OFF_BY else ""


def executed_children(node: PlanNodeResult) -> list[PlanNodeResult]:
    """Without those that were never begun, such as partitions that no row could be in."""
    return [child for child in node.children if child.loops != 0]


def never_executed(node: PlanNodeResult) -> int:
    """How many steps right below were never begun."""
    return len(node.children) - len(executed_children(node))


def _rows(number: float | None) -> str:
    return "" if number is None else format_count(number) if number >= 100 else f"{number:.3g}"
