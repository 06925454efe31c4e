"""What a run found out, as the rules of the targets read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadlab.engines.protocol import Evidence, PlanEvidence, TableEvidence
from loadlab.measure.histogram import Histogram
from loadlab.measure.integrity import IntegrityCheck
from loadlab.measure.model import LoadMeasure, OperationInterval, OperationMeasure
from loadlab.validate.statistics import CONFIDENCE, Floats, round_slices, sum_rounds


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a verdict may rest on.

    `kinds` and `weights` are the workload's, by operation, the never executed ones included. `rows` are the seeded
    rows by table at `scale`. `evidence` is the difference of two snapshots (None: the engine keeps no counters or
    none were taken). `plans` is keyed by statement: `operation`, or `operation/statement` in a flow, plain inserts
    included; None where the engine shows no plans. `confidence` is that of each interval: higher than what is told
    where the window is looked at twice (`validate.extension`).
    """

    load: LoadMeasure
    kinds: Mapping[str, str]
    weights: Mapping[str, float]
    scale: float
    rows: Mapping[str, int]
    evidence: Evidence | None = None
    counters_were_reset: bool = False
    plans: Mapping[str, PlanEvidence] | None = field(default_factory=dict)
    integrity: Sequence[IntegrityCheck] = ()
    confidence: float = CONFIDENCE

    @property
    def executions(self) -> int:
        """Executions in the window, failed ones included."""
        return sum(operation.count + operation.error_count for operation in self.load.operations)

    def per_s(self, count: float) -> float:
        """A count of the window as a rate; 0 for a window without length."""
        return count / self.load.duration_s if self.load.duration_s else 0.0

    @property
    def seeded_tables(self) -> dict[str, TableEvidence]:
        """The evidence on the tables that hold seeded rows."""
        tables = self.evidence.tables if self.evidence else {}
        return {name: item for name, item in tables.items() if self.rows.get(name)}

    def measure(self, operation: str) -> OperationMeasure | None:
        """What was measured of an operation; None when it never ran."""
        return next((item for item in self.load.operations if item.name == operation), None)

    def executed(self, operation: str) -> int:
        """Executions of one operation, failed ones included."""
        measure = self.measure(operation)
        return measure.count + measure.error_count if measure else 0

    def of_kinds(self, *kinds: str) -> tuple[str, ...]:
        """The workload's operations of these kinds."""
        return tuple(name for name, kind in self.kinds.items() if kind in kinds)

    def weight_share(self, operations: Sequence[str]) -> float:
        """The share of the mix that these operations are meant to be."""
        total = sum(self.weights.values())
        return sum(self.weights.get(name, 0.0) for name in operations) / total if total else 0.0

    def rounds(self, operation: str, *, of_service: bool = False) -> list[Histogram]:
        """Response (or service) times of one operation, merged by round."""
        parts = [interval.operations.get(operation) for interval in self.load.intervals]
        return [
            Histogram.merged(part.service if of_service else part.response for part in parts[cut] if part)
            for cut in round_slices(len(parts))
        ]

    def successes(self, operations: Sequence[str]) -> Floats:
        """Successful executions by round, shape (rounds,)."""
        return sum_rounds([sum(item.count for item in row) for row in self._rows(operations)])

    def completions(self, operations: Sequence[str]) -> Floats:
        """Successes by round without those that ended after the window: its throughput, shape (rounds,)."""
        return sum_rounds([sum(item.count - item.ended_late for item in row) for row in self._rows(operations)])

    def failures(self, operations: Sequence[str]) -> Floats:
        """Failed executions by round, shape (rounds,)."""
        return sum_rounds([sum(sum(item.errors.values()) for item in row) for row in self._rows(operations)])

    def durations_s(self) -> Floats:
        """Length of each round, shape (rounds,)."""
        return sum_rounds([interval.duration_s for interval in self.load.intervals])

    def busy_s(self) -> Floats:
        """Time that connections spent executing, by round, shape (rounds,)."""
        return sum_rounds([interval.busy_s for interval in self.load.intervals])

    def _rows(self, operations: Sequence[str]) -> list[list[OperationInterval]]:
        return [
            [interval.operations[name] for name in operations if name in interval.operations]
            for interval in self.load.intervals
        ]
