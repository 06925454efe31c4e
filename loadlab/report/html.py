"""`report.html`: one self-contained file that needs neither a network nor a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from loadlab.report import charts, findings, timeline, wording
from loadlab.report.model import EvidenceResult, OperationResult, Result, SeedingResult, TargetResult
from loadlab.report.svg import Scale, log_scale
from loadlab.units import format_count, format_duration, format_rate, format_share, format_size

RANGE_WIDTH = 110.0
_TABLES_SHOWN = 15
_ACTIVITY = ("sequential_scans", "index_scans", "rows_inserted", "rows_updated", "rows_deleted")


def render_html(result: Result) -> str:
    """The report as one HTML document. Names and messages in `result` are untrusted text and escaped."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            load=result.load,
            total=sum(operation.count for operation in result.operations),
            errors=sum(operation.errors for operation in result.operations),
            panels=_panels(result),
            groups=_operation_groups(result),
            range_scale=_range_scale(result.operations),
            intervals_per_point=timeline.thin(result.series)[1],
            storage=_storage(result.seeding),
            tables_shown=_TABLES_SHOWN,
            touched=_touched(result.evidence),
            plans=_plans(result),
        )
    )


@cache
def environment() -> Environment:
    """The templates' own, with the filters and words that they share."""
    found = Environment(
        loader=PackageLoader("loadlab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "count": lambda value: wording.NOTHING if value is None else format_count(value),
        "duration": format_duration,
        "latency": wording.duration_us,
        "rate": format_rate,
        "share": lambda value: wording.NOTHING if value is None else format_share(value),
        "size": lambda value: wording.NOTHING if value is None else format_size(value),
        "moment": wording.moment,
        "plain": _plain_number,
    }
    found.globals |= {"charts": charts, "findings": findings, "timeline": timeline, "wording": wording}
    return found


def _plain_number(value: object) -> str:
    """A counter of the server, whatever it counts."""
    if value is None:
        return wording.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return format_count(value) if value == int(value) else f"{value:,.3f}"
    return str(value)


@dataclass(frozen=True, slots=True)
class Panel:
    """The latency of one kind: its operations, slowest first, its limits and its charts."""

    kind: str
    title: str
    operations: Sequence[OperationResult]
    limits: Sequence[TargetResult]
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
        by_percentile=charts.percentile_chart(drawn, limits, title=f"{title}: response time by percentile"),
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


@dataclass(frozen=True, slots=True)
class StorageRow:
    """A table's size and that of its indexes; `overhead` is the second over the first, as the target has it."""

    name: str
    rows: int
    table_bytes: int
    index_bytes: int
    overhead: float | None


@dataclass(frozen=True, slots=True)
class Storage:
    """The tables with known sizes, largest first, and the width that stands for the largest."""

    rows: Sequence[StorageRow]
    largest_bytes: int


def _storage(seeding: SeedingResult) -> Storage:
    rows = [
        StorageRow(t.name, t.rows, t.table_bytes, t.index_bytes or 0, _overhead(t.table_bytes, t.index_bytes))
        for t in seeding.tables
        if t.table_bytes is not None
    ]
    rows.sort(key=lambda row: -(row.table_bytes + row.index_bytes))
    return Storage(rows, max((row.table_bytes + row.index_bytes for row in rows), default=0))


def _overhead(table_bytes: int, index_bytes: int | None) -> float | None:
    return index_bytes / table_bytes if index_bytes is not None and table_bytes else None


def _touched(evidence: EvidenceResult) -> dict[str, dict[str, float | int | bool | None]]:
    """The tables that the load read or wrote, and those of which the server does not tell."""
    return {
        name: table
        for name, table in evidence.tables.items()
        if any(table.get(counter) for counter in _ACTIVITY) or all(table.get(c) is None for c in _ACTIVITY)
    }


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan of one statement."""

    name: str
    text: str
    served_by_index: bool | None
    full_scans: Sequence[str]


def _plans(result: Result) -> list[PlanView]:
    """Every known plan, those that no index serves first."""
    views = []
    for operation in result.operations:
        if operation.plan is not None:
            views.append(PlanView(operation.name, operation.plan, operation.served_by_index, operation.full_scans))
        for statement in operation.statements:
            if statement.plan is not None:
                name = f"{operation.name} / {statement.name}"
                views.append(PlanView(name, statement.plan, statement.served_by_index, statement.full_scans))
    return sorted(views, key=lambda view: view.served_by_index is not False)
