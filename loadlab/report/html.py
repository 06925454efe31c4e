"""`report.html`: one self-contained file that needs neither a network nor a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loadlab.report import events, evidence, findings, plan_view, storage, summary, timeline, wording
from loadlab.report.distribution import percentile_chart, waited
from loadlab.report.model import OperationResult, Result, TargetResult
from loadlab.report.model_evidence import EvidenceResult
from loadlab.report.page import render_page
from loadlab.report.svg import Scale, log_scale
from loadlab.report.thinning import thin
from loadlab.validate.nights.wording import metric_label

RANGE_WIDTH = 110.0
_ROWS_SHOWN = 15
_STATEMENTS_SHOWN = 10
_ACTIVITY = ("sequential_scans", "index_scans", "rows_inserted", "rows_updated", "rows_deleted")


def render_html(result: Result) -> str:
    """The report as one HTML document. Names and messages in `result` are untrusted text and escaped."""
    return render_page(
        "report.html.j2",
        result=result,
        load=result.load,
        summary=summary,
        evidence_words=evidence,
        events=events,
        findings=findings,
        plan_view=plan_view,
        storage_words=storage,
        timeline=timeline,
        metric_label=metric_label,
        total=sum(operation.count for operation in result.operations),
        errors=sum(operation.errors for operation in result.operations),
        panels=_panels(result),
        groups=_operation_groups(result),
        range_scale=_range_scale(result.operations),
        intervals_per_point=thin(result.series)[1],
        storage=storage.storage_of(result.seeding, result.evidence),
        rows_shown=_ROWS_SHOWN,
        statements_shown=_STATEMENTS_SHOWN,
        touched=_touched(result.evidence),
        judging=evidence.judging_in_words(result),
        plans=plan_view.plan_views(result),
    )


@dataclass(frozen=True, slots=True)
class Panel:
    """The latency of one kind: its operations, slowest first, its limits and its charts.

    `waited` are those whose service time is drawn as well.
    """

    kind: str
    title: str
    operations: Sequence[OperationResult]
    limits: Sequence[TargetResult]
    waited: Sequence[OperationResult]
    by_percentile: Markup
    over_time: Markup


def _panels(result: Result) -> list[Panel]:
    return [
        _panel(kind, operations, [target for target in result.targets if target.kind == kind], result)
        for kind, operations in _operation_groups(result)
        if any(operation.curve for operation in operations)
    ]


def _panel(kind: str, operations: Sequence[OperationResult], limits: Sequence[TargetResult], result: Result) -> Panel:
    drawn = sorted((o for o in operations if o.curve), key=lambda o: -(o.response_us.p95 or 0))
    title = wording.KIND_LABELS[kind]
    return Panel(
        kind=kind,
        title=title,
        operations=drawn,
        limits=limits,
        waited=waited(drawn),
        by_percentile=percentile_chart(drawn, limits, title=f"{title}: response time by percentile"),
        over_time=timeline.kind_over_time(result.series, kind, limits),
    )


def _operation_groups(result: Result) -> list[tuple[str, list[OperationResult]]]:
    """The operations by kind, kinds in the order of the report."""
    groups = [(kind, [o for o in result.operations if o.kind == kind]) for kind in wording.KIND_LABELS]
    return [(kind, operations) for kind, operations in groups if operations]


def _range_scale(operations: Sequence[OperationResult]) -> Scale:
    figures = [figure for o in operations for figure in (o.service_us, o.response_us)]
    values = [value for figure in figures for value in (figure.p50, figure.p99) if value is not None]
    return log_scale(values, 6, RANGE_WIDTH - 6)


def _touched(evidence: EvidenceResult) -> dict[str, dict[str, float | int | bool | None]]:
    """The tables that the load read or wrote, and those of which the server does not tell."""
    return {
        name: table
        for name, table in evidence.tables.items()
        if any(table.get(counter) for counter in _ACTIVITY) or all(table.get(c) is None for c in _ACTIVITY)
    }
