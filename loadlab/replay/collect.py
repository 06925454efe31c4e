"""What the workers report, merged into one measure. Pure bookkeeping: what a worker sent before it died stays in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import Interval, OperationInterval
from loadlab.measure.replay import STAGES, ShapeMeasure
from loadlab.replay.prepare import Shape
from loadlab.workload.part import Part

Message = Mapping[str, Any]
# Beyond this many, neighbours are merged: a replay of days stays within bounds.
_SLICES_MAX = 600


@dataclass(slots=True)
class _Slice:
    """A stretch of time, over all workers."""

    busy_s: float = 0.0
    lag: Histogram = field(default_factory=Histogram)
    parts: dict[int, Part] = field(default_factory=dict)

    def add(self, other: _Slice) -> None:
        self.busy_s += other.busy_s
        self.lag.merge(other.lag)
        for number, part in other.parts.items():
            self.parts.setdefault(number, Part()).add(part)


class ReplayCollector:
    """Takes the messages of all workers (see `worker.py`)."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self._shapes = shapes
        self._slices: dict[int, _Slice] = {}
        self._slice_s = 1.0
        self._cpu_s: dict[int, float] = {}
        self._rows: dict[int, int] = {}
        self._ends: list[tuple[float, float]] = []
        self._seen_s = 0.0
        self.late_s = dict.fromkeys(STAGES, 0.0)

    def add(self, message: Message) -> Interval | None:
        """One message; of an interval what the worker did in it."""
        if message["type"] == "final":
            self._finish(message)
        if message["type"] != "interval":
            return None
        found = _Slice(
            message["busy_s"],
            Histogram.from_sparse(message["lag"]),
            {int(number): Part.parse(data) for number, data in message["operations"].items()},
        )
        start_s, duration_s = message["start_s"], message["duration_s"]
        self._seen_s = max(self._seen_s, start_s + duration_s)
        self._cpu_s[message["worker"]] = self._cpu_s.get(message["worker"], 0.0) + message["cpu_s"]
        # An interval belongs to the slice that its middle lies in: the end of one is seldom the whole second.
        self._slices.setdefault(int((start_s + duration_s / 2) / self._slice_s), _Slice()).add(found)
        if len(self._slices) > _SLICES_MAX:
            self._join_neighbours()
        return self._interval(start_s, duration_s, found)

    def _finish(self, message: Message) -> None:
        self._ends.append((message["begun_s"], message["duration_s"]))
        for stage, late_s in zip(STAGES, message["late_s"], strict=True):
            self.late_s[stage] += late_s
        for number, rows in message["rows"].items():
            self._rows[int(number)] = self._rows.get(int(number), 0) + rows

    def _join_neighbours(self) -> None:
        joined: dict[int, _Slice] = {}
        for place, one in sorted(self._slices.items()):
            joined.setdefault(place // 2, _Slice()).add(one)
        self._slices, self._slice_s = joined, self._slice_s * 2

    def _interval(self, start_s: float, duration_s: float, one: _Slice) -> Interval:
        operations = {
            self._shapes[number].name: OperationInterval(part.service.count, part.errors, part.service, part.response)
            for number, part in sorted(one.parts.items())
        }
        return Interval(start_s, duration_s, 0, one.busy_s, operations)

    # What came of it -------------------------------------------------------------------------------------------------

    @property
    def begun_s(self) -> float:
        """When the last statement began; of workers that did not tell, when they were last heard."""
        return max((begun_s for begun_s, _ in self._ends), default=self._seen_s)

    @property
    def duration_s(self) -> float:
        """When the last statement ended."""
        return max((ended_s for _, ended_s in self._ends), default=self._seen_s)

    @property
    def cpu_share(self) -> float:
        """Of a core, by the busiest worker."""
        return max(self._cpu_s.values(), default=0.0) / self._seen_s if self._seen_s else 0.0

    @property
    def lag(self) -> Histogram:
        """How late statements began."""
        return Histogram.merged(one.lag for one in self._slices.values())

    def intervals(self) -> tuple[Interval, ...]:
        """In order; the last one may be shorter."""
        length_s = self._slice_s
        return tuple(
            self._interval(place * length_s, max(0.0, min(length_s, self._seen_s - place * length_s)), one)
            for place, one in sorted(self._slices.items())
        )

    def lags(self) -> dict[float, Histogram]:
        """By the beginning of each interval."""
        return {place * self._slice_s: one.lag for place, one in sorted(self._slices.items())}

    def shapes(self) -> tuple[ShapeMeasure, ...]:
        """In the order of the time that they took in the log, the longest first."""
        totals: dict[int, Part] = {}
        for one in self._slices.values():
            for number, part in one.parts.items():
                totals.setdefault(number, Part()).add(part)
        made = []
        for number, shape in enumerate(self._shapes):
            part = totals.get(number, Part())
            made.append(
                ShapeMeasure(
                    shape.name, shape.text, shape.query_id, shape.logged, part.service.count, part.errors,
                    part.first_error, part.service, part.response, self._rows.get(number, 0),
                )
            )  # fmt: skip
        return tuple(sorted(made, key=lambda shape: -shape.logged.total_us))
