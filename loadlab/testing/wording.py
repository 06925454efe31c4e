"""What a check says: in the error of a test, in its warning, and in the summary of the session."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from loadlab.engines.plan_tree import Plan, PlanNode
from loadlab.report.plan_result import node_result
from loadlab.report.plan_view import figures, off_by
from loadlab.testing.judging import Check
from loadlab.testing.sampling import Samples
from loadlab.units import format_count, format_duration
from loadlab.validate.model import Verdict
from loadlab.validate.wording import counted

_RELATIONS = {Verdict.PASS: "within", Verdict.FAIL: "beyond", Verdict.INCONCLUSIVE: "not clearly on one side of"}
_ORDER = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
_PERCENTILES = (50, 90, 95, 99)
_PLAN_LINES_MAX = 60
# The summary's columns of figures.
_RIGHT = (2, 3, 5)


def failure(
    name: str, samples: Samples, checks: Sequence[Check], evidence: Sequence[str], *, neighbours: int = 0
) -> str:
    """Every limit with its verdict, the worst first, how the executions spread, and the evidence of the database."""
    lines = []
    for item in sorted(checks, key=lambda item: _ORDER.index(item.verdict)):
        lines.append(f"{item.verdict.value}: {_finding(item)}")
        if item.reason:
            lines.append(f"  {item.reason}")
    lines += [f"  of {name}", f"  {_spread(samples)}"]
    if neighbours:
        beside = counted(neighbours, "other process")
        lines.append(f"  {beside} ran tests on this machine meanwhile; -n 0 measures without them")
    lines += [f"  {line}" for line in evidence]
    return "\n".join(lines)


def _finding(item: Check) -> str:
    limit = f"{_RELATIONS[item.verdict]} the limit of {format_duration(item.limit.limit_s)}"
    return f"p{item.limit.percentile:g} {format_duration(item.value_s)} ({item.interval}), {limit}"


def _spread(samples: Samples) -> str:
    ordered = sorted(samples.seconds)
    shares = [(f"p{p}", ordered[math.ceil(p / 100 * len(ordered)) - 1]) for p in _PERCENTILES]
    values = ", ".join(f"{name} {format_duration(value)}" for name, value in [*shares, ("slowest", ordered[-1])])
    made = f"{counted(len(ordered), 'execution')} after {format_count(samples.warmup)} of warm-up"
    if samples.rows:
        low, high = min(samples.rows), max(samples.rows)
        made += f", {format_count(low)}{'' if low == high else f' to {format_count(high)}'} rows each"
    return f"{values}; {made}"


def plan_lines(plan: Plan | str | None) -> list[str]:
    """A plan as indented lines, its figures beside each step."""
    if plan is None:
        return []
    lines = plan.splitlines() if isinstance(plan, str) else list(_steps(plan.root, 0))
    more = len(lines) - _PLAN_LINES_MAX
    return lines if more <= 0 else [*lines[:_PLAN_LINES_MAX], f"… {counted(more, 'line')} more"]


def _steps(node: PlanNode, depth: int) -> Iterator[str]:
    shown, indent = node_result(node), "  " * depth
    place = f" of {node.table}" if node.table else ""
    through = f" through {', '.join(node.indexes)}" if node.indexes else ""
    wrong = off_by(shown)
    told = ", ".join([*figures(shown), *([wrong] if wrong else [])])
    yield f"{indent}{node.name}{place}{through}{f': {told}' if told else ''}"
    if node.condition:
        yield f"{indent}    found by {node.condition}"
    if node.filter:
        yield f"{indent}    tried against {node.filter}"
    for child in node.children:
        yield from _steps(child, depth + 1)


def summary_lines(kept: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each limit of the session: verdict, percentile, interval, limit, executions, test."""
    rows = [
        (
            item["verdict"],
            f"p{item['percentile']:g}",
            format_duration(item["value_s"]),
            _interval(item),
            f"{item['sign']} {format_duration(item['limit_s'])}",
            format_count(item["samples"]),
            item["test"],
        )
        for item in kept
    ]
    rows.insert(0, ("", "", "measured", "95% interval", "limit", "runs", "test"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_aligned(row, widths) for row in rows]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(row, widths, strict=True)
    aligned = [cell.rjust(width) if place in _RIGHT else cell.ljust(width) for place, (cell, width) in enumerate(cells)]
    return "  ".join(aligned).rstrip()


def _interval(item: dict[str, Any]) -> str:
    low, high = format_duration(item["low_s"]), item["high_s"]
    return f"{low} – {format_duration(high) if high is not None else '?'}"
