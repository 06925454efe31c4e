"""What the targets say to a projection. These are projected verdicts: no measurement is behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.spec.targets import DEFAULT_PERCENTILE, Target
from loadlab.units import format_size
from loadlab.validate import gates
from loadlab.validate.model import Examination, TargetVerdict, Verdict
from loadlab.validate.projection.operations import OperationProjection
from loadlab.validate.projection.storage import StorageAt
from loadlab.validate.wording import counted, interval_text, names, quantity, relation

_SEVERITY = {Verdict.PASS: 0, Verdict.INCONCLUSIVE: 1, Verdict.FAIL: 2}
_PROJECTED_KINDS = ("latency", "data_volume", "index_storage_overhead")


@dataclass(frozen=True, slots=True)
class Projection:
    """All that is projected to one volume. `scales` were measured; the server takes `cache_bytes` to be cached."""

    scale: float
    scales: tuple[float, ...]
    storage: StorageAt | None
    operations: tuple[OperationProjection, ...]
    cache_bytes: int | None

    @property
    def volume(self) -> str:
        """`full volume`, or `scale 0.5`."""
        return "full volume" if self.scale == 1 else f"scale {self.scale:g}"


def judge_projection(targets: Sequence[Target], projection: Projection) -> tuple[TargetVerdict, ...]:
    """Of the targets on latency and storage, where there is something to judge them by."""
    return tuple(
        found for target in targets if target.kind in _PROJECTED_KINDS for found in _judged(target, projection)
    )


def _judged(target: Target, projection: Projection) -> Sequence[TargetVerdict]:
    if target.kind == "latency":
        return [_latency(target, projection)] if projection.operations else []
    storage = projection.storage
    if storage is None or not storage.parts:
        return []
    return [
        _volume(target, projection, storage) if target.kind == "data_volume" else _overhead(target, projection, storage)
    ]


def _volume(target: Target, projection: Projection, storage: StorageAt) -> TargetVerdict:
    size = storage.size()
    low, high = size.interval()
    decided = gates.decide(target, low, high)
    reason = (
        f"At {projection.volume} tables and indexes are projected to take {format_size(size.value)} "
        f"({interval_text((low, high), 'bytes')}), {relation(target, decided, size.value)}."
    )
    return TargetVerdict(target, decided, size.value, (low, high), len(projection.scales), storage.tables, reason)


def _overhead(target: Target, projection: Projection, storage: StorageAt) -> TargetVerdict:
    found = storage.index_overhead()
    samples, tables = len(projection.scales), storage.tables
    if found is None:
        reason = "No table is projected to hold a byte."
        return TargetVerdict(target, Verdict.INCONCLUSIVE, None, None, samples, tables, reason)
    value, low, high = found
    decided = gates.decide(target, low, high)
    reason = (
        f"At {projection.volume} indexes are projected to take {quantity(value, 'ratio')} of the tables' bytes "
        f"({interval_text((low, high), 'ratio')}), {relation(target, decided, value)}."
    )
    details = tuple(_table_overhead(target, table, storage, samples) for table in tables)
    return TargetVerdict(target, decided, value, (low, high), samples, tables, reason, details)


def _table_overhead(target: Target, table: str, storage: StorageAt, samples: int) -> Examination:
    found = storage.index_overhead(table)
    if found is None:
        return Examination(table, None, None, samples, Verdict.INCONCLUSIVE, "It holds no bytes.")
    value, low, high = found
    sizes = f"{format_size(storage.size('index', table=table).value)} of indexes"
    beside = f"{format_size(storage.size('rows', 'toast', table=table).value)} of rows"
    return Examination(table, value, (low, high), samples, gates.decide(target, low, high), f"{sizes} beside {beside}.")


def _latency(target: Target, projection: Projection) -> TargetVerdict:
    """The worst operation decides; among equals the slowest."""
    mine = [item for item in projection.operations if item.kind == target.operation_kind]
    if not mine:
        reason = f"There is no operation of kind {target.operation_kind} in the workload."
        return TargetVerdict(target, Verdict.SKIPPED, None, None, 0, (), reason)
    details = tuple(_operation(target, item, projection) for item in mine)
    deciding = max(details, key=lambda item: (_SEVERITY[item.verdict], item.measured or 0.0))
    reason = deciding.reason
    if len(details) > 1:
        passed = sum(item.verdict is Verdict.PASS for item in details)
        reason = f"{reason.removesuffix('.')}; {passed} of {counted(len(details), 'operation')} pass."
    return TargetVerdict(
        target,
        deciding.verdict,
        deciding.measured,
        deciding.interval,
        deciding.samples,
        tuple(item.name for item in mine),
        reason,
        details,
    )


def _operation(target: Target, item: OperationProjection, projection: Projection) -> Examination:
    percentile = target.percentile or DEFAULT_PERCENTILE
    found = item.projected.get(percentile)
    if found is None:
        reason = f"{item.name} cannot be projected: {item.reason}"
        return Examination(item.name, None, None, 0, Verdict.INCONCLUSIVE, reason)
    decided = gates.decide(target, found.low_us, found.high_us)
    interval = (found.low_us, found.high_us)
    law = f"{item.choice.law}{f' in {names(item.choice.tables)}' if item.choice.tables else ''}"
    finding = (
        f"The p{percentile:g} response time of {item.name} is projected to be {quantity(found.value_us, 'us')} at "
        f"{projection.volume} ({interval_text(interval, 'us')}; law: {law}), "
        f"{relation(target, decided, found.value_us)}"
    )
    cached = _not_cached(projection) if decided is Verdict.PASS else None
    overload = _clause(item.overload) if decided is not Verdict.FAIL and item.overload else None
    verdict, reason = gates.settle(decided, finding, overload, cached)
    bounded = interval if found.low_us > 0 or math.isfinite(found.high_us) else None
    return Examination(item.name, found.value_us, bounded, len(projection.scales), verdict, reason)


def _clause(sentence: str) -> str:
    return f"{sentence[:1].lower()}{sentence[1:].removesuffix('.')}"


def _not_cached(projection: Projection) -> str | None:
    """What was measured from memory says nothing of disks."""
    if projection.storage is None or projection.cache_bytes is None or not projection.storage.parts:
        return None
    size = projection.storage.size().value
    if size <= projection.cache_bytes:
        return None
    return (
        f"then the data of {format_size(size)} exceeds the {format_size(projection.cache_bytes)} that the server takes "
        "to be cached, and reads from disk were not measured"
    )
