"""What the drivers report, merged exactly into one measure.

Pure bookkeeping over messages (see `driver.py`): it is the same in Locust's process and in the pipeline's, and what a
driver sent before it died stays in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count as count_from
from typing import Any

from loadlab.errors import LoadLabError
from loadlab.measure.histogram import Histogram
from loadlab.measure.integrity import IntegrityCheck
from loadlab.measure.model import (
    Calibration,
    GeneratorHealth,
    Interval,
    LoadMeasure,
    OperationInterval,
    OperationMeasure,
    WorkerHealth,
)
from loadlab.spec.statement import Statement
from loadlab.workload.part import Part
from loadlab.workload.plan import LoadPlan

Message = Mapping[str, Any]
MEASURE = "measure"
# A tail shorter than this is no interval of its own: it is what was still executed when the window ended.
_SHORT_S = 0.5
# Beyond this many, neighbours are merged, and so are those that follow: a run of days stays within bounds, and its
# intervals are of one length.
_INTERVALS_MAX = 600


@dataclass(slots=True)
class _Slice:
    """An interval: of one driver, over drivers, or of several intervals in a row."""

    start_s: float
    duration_s: float
    users: int
    busy_s: float
    peak: int
    parts: dict[str, Part]

    @classmethod
    def parse(cls, message: Message) -> _Slice:
        return cls(
            message["start_s"],
            message["duration_s"],
            message["users"],
            message["busy_s"],
            message["peak"],
            {name: Part.parse(data) for name, data in message["operations"].items()},
        )

    def _add(self, other: _Slice) -> None:
        self.busy_s += other.busy_s
        for name, part in other.parts.items():
            if name in self.parts:
                self.parts[name].add(part)
            else:
                self.parts[name] = part

    def add_beside(self, other: _Slice) -> None:
        """Another driver's interval of the same time. Peaks add up: an upper bound of the common one."""
        self.duration_s = max(self.duration_s, other.duration_s)
        self.users += other.users
        self.peak += other.peak
        self._add(other)

    def add_after(self, other: _Slice) -> None:
        """The interval that follows."""
        self.duration_s = other.start_s + other.duration_s - self.start_s
        self.users = max(self.users, other.users)
        self.peak = max(self.peak, other.peak)
        self._add(other)

    def value(self) -> Interval:
        return Interval(
            self.start_s,
            self.duration_s,
            self.users,
            self.busy_s,
            {
                name: OperationInterval(part.service.count, part.errors, part.service, part.response, part.ended_late)
                for name, part in self.parts.items()
            },
        )


@dataclass(slots=True)
class _DriverState:
    """What one driver said about the measured phase as a whole."""

    duration_s: float = 0.0
    cpu_s: float = 0.0
    refills: int = 0
    calibration: Calibration | None = None
    lag: Histogram = field(default_factory=Histogram)
    wait: Histogram = field(default_factory=Histogram)
    connect: Histogram = field(default_factory=Histogram)
    statements: dict[str, int] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=dict)

    def add(self, message: Message, one: _Slice) -> None:
        self.cpu_s += message["cpu_s"]
        self.refills += message["refills"]
        self.lag.merge(Histogram.from_sparse(message["lag"]))
        self.wait.merge(Histogram.from_sparse(message["wait"]))
        self.connect.merge(Histogram.from_sparse(message["connect"]))
        for name, part in one.parts.items():
            counts = self.counts.setdefault(name, [0, 0])
            counts[0] += part.service.count
            counts[1] += sum(part.errors.values())


class Collector:
    """Takes the drivers' messages; answers with the intervals that all drivers have reported, and with the measure."""

    def __init__(self, plans: Sequence[LoadPlan]) -> None:
        self._workload = plans[0].workload
        self._plans = {plan.worker: plan for plan in plans}
        self._states = {plan.worker: _DriverState() for plan in plans}
        self._reported: dict[tuple[str, int], int] = {}
        self._waiting: dict[tuple[str, int], list[_Slice]] = {}
        self._lost: set[int] = set()
        self._slices: list[_Slice] = []
        # Drivers' intervals that make one slice, and how many the last slice still lacks.
        self._stride, self._room = 1, 0
        self._names = {(name.rpartition("/")[0], text): name for name, text in plans[0].statements.items()}
        self._started_at = ""
        self._machine_cpu_s: tuple[float, float] | None = None
        self._machine_cpu_share: float | None = None
        self._other_cpu_shares: list[float] = []
        self._verified: list[Message] = []
        self.loop_lag_p99_us: float | None = None
        """How late the event loop of the process that conducts was."""
        self.new_rows_end = plans[0].new_rows_start
        """What the next run on the same database passes as `new_rows_start`."""

    @property
    def rate_per_s(self) -> float | None:
        """The rate of an open loop without a shape."""
        return self._workload.rate

    def following(self, rate_per_s: float | None) -> Collector:
        """For another window of the same drivers, at another rate: empty, though it knows what was counted before."""
        workload = self._workload.model_copy(update={"rate": rate_per_s})
        other = Collector([replace(plan, workload=workload) for plan in self._plans.values()])
        for worker, state in self._states.items():
            # What a driver counts in the end is the sum of its windows.
            other._states[worker].counts, other._states[worker].calibration = state.counts, state.calibration
        other._lost, other.new_rows_end = self._lost, self.new_rows_end
        return other

    def begin(self, phase: str) -> None:
        """A phase begins for all drivers."""
        if phase == MEASURE and not self._started_at:
            self._started_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            self._machine_cpu_s = machine_cpu_s()

    def end(self) -> None:
        """A phase has ended for all drivers."""
        before, after = self._machine_cpu_s, machine_cpu_s()
        if before is not None and after is not None and after[1] > before[1]:
            self._machine_cpu_share = (after[0] - before[0]) / (after[1] - before[1])
        self._machine_cpu_s = None

    def lose(self, worker: int) -> None:
        """Wait for this driver no longer."""
        self._lost.add(worker)
        for (phase, position), waiting in sorted(self._waiting.items(), key=lambda item: item[0]):
            if len(waiting) >= len(self._plans) - len(self._lost):
                self._merge(phase, position)

    def add(self, message: Message) -> list[Interval]:
        """Take a message; the intervals (of any phase) that are complete with it.

        Raises LoadLabError when a driver's final count is not what it reported on the way.
        """
        self.new_rows_end = max(self.new_rows_end, message.get("new_rows_end", 0))
        state = self._states[message["worker"]]
        if message["type"] == "interval":
            return self._add_interval(message, state)
        if message["type"] == "paused" and message["phase"] == MEASURE:
            self._add_phase(message, state)
        if message["type"] == "ready":
            state.calibration = Calibration(**message["calibration"])
        if message["type"] == "verified":
            self._verified.append(message)
        if message["type"] == "final":
            _check_totals(message, state)
        return []

    def measure(self, *, interrupted: bool = False) -> LoadMeasure:
        """Everything measured so far, when the drivers are paused."""
        self._keep_incomplete()
        return self.so_far(interrupted=interrupted)

    def so_far(self, *, interrupted: bool = False) -> LoadMeasure:
        """What the intervals that all drivers have reported tell, also while they go on."""
        slices = self._slices
        duration_s = max((state.duration_s for state in self._states.values()), default=0.0)
        if not duration_s and slices:
            duration_s = slices[-1].start_s + slices[-1].duration_s
        workload = self._workload
        users = max((item.users for item in slices), default=sum(plan.users for plan in self._plans.values()))
        operations = tuple(self._operations())
        return LoadMeasure(
            started_at=self._started_at,
            duration_s=duration_s,
            users=0 if workload.is_open else users,
            arrivals=workload.arrivals if workload.is_open else "users",
            connections=sum(plan.connections for plan in self._plans.values()),
            connections_peak=max((item.peak for item in slices), default=0),
            workers=len(self._plans),
            asked_rate_per_s=self._asked_rate_per_s(users),
            operations=operations,
            intervals=tuple(item.value() for item in slices),
            generator=self._health(duration_s),
            wait=Histogram.merged(state.wait for state in self._states.values()),
            connection_mode=workload.connection_mode,
            connect=Histogram.merged(state.connect for state in self._states.values()),
            statements=self._statements(operations),
            first_errors=self._first_errors(),
            interrupted=interrupted or bool(self._lost),
        )

    def integrity(self) -> tuple[IntegrityCheck, ...]:
        """What the drivers' own checks of the data found, added up by kind."""
        failure = next((message["failure"] for message in self._verified if message["failure"]), None)
        if len(self._verified) < len(self._plans):
            failure = failure or "a load driver was lost, and what it had kept with it"
        found: dict[str, list[Mapping[str, Any]]] = {}
        for message in self._verified:
            for kind, item in message["found"].items():
                found.setdefault(kind, []).append(item)
        if not found:
            reason = failure or "no read by a key and no insert that leaves one is among the operations"
            return (IntegrityCheck("reads and writes", 0, 0, "", reason),)
        return tuple(_check(kind, items, failure) for kind, items in sorted(found.items()))

    def _asked_rate_per_s(self, users: int) -> float | None:
        """By the scenario's word; of users by those who were there, which under Locust's web UI nobody has stated."""
        workload = self._workload
        if workload.is_open or workload.shape is not None:
            return workload.asked_rate_per_s
        mean_think_s = sum(workload.think_time_s) / 2
        return users / mean_think_s if mean_think_s else None

    def _add_interval(self, message: Message, state: _DriverState) -> list[Interval]:
        phase, worker = message["phase"], message["worker"]
        one = _Slice.parse(message)
        if phase == MEASURE:
            state.add(message, one)
        position = self._reported.get((phase, worker), 0)
        self._reported[phase, worker] = position + 1
        waiting = self._waiting.setdefault((phase, position), [])
        waiting.append(one)
        if len(waiting) < len(self._plans) - len(self._lost):
            return []
        return [self._merge(phase, position)]

    def _merge(self, phase: str, position: int) -> Interval:
        merged, *others = self._waiting.pop((phase, position))
        for other in others:
            merged.add_beside(other)
        value = merged.value()
        if phase == MEASURE:
            self._keep(merged)
        return value

    def _keep(self, one: _Slice) -> None:
        is_short = one.duration_s < _SHORT_S
        if self._slices and (self._room or is_short):
            self._slices[-1].add_after(one)
            self._room -= self._room > 0 and not is_short
            return
        self._slices.append(one)
        self._room = self._stride - 1
        if len(self._slices) > _INTERVALS_MAX:
            for first, second in zip(self._slices[::2], self._slices[1::2], strict=False):
                first.add_after(second)
            self._slices = self._slices[::2]
            self._stride *= 2
            # Their number was odd: the last one has just begun.
            self._room = self._stride - 1

    def _keep_incomplete(self) -> None:
        """Intervals that not every driver had: the last ones of a window that ended between two ticks."""
        for phase, position in sorted(self._waiting):
            if phase == MEASURE:
                self._merge(phase, position)

    def _add_phase(self, message: Message, state: _DriverState) -> None:
        state.duration_s += message["duration_s"]
        if (share := message.get("machine_cpu_share")) is not None:
            self._other_cpu_shares.append(share)
        for name, count in message["statements"].items():
            key = (name.rpartition("/")[0], Statement.parse(message["texts"][name]))
            common = self._names.get(key) or self._names.setdefault(key, self._free_name(name))
            state.statements[common] = state.statements.get(common, 0) + count

    def _free_name(self, name: str) -> str:
        """A text made up at run time may have different numbers in different drivers."""
        operation, _, number = name.rpartition("/")
        taken = set(self._names.values())
        return next(free for k in count_from(int(number)) if (free := f"{operation}/{k}") not in taken)

    def _operations(self) -> Iterator[OperationMeasure]:
        for name, operation in self._workload.operations.items():
            total = Part()
            for item in self._slices:
                if name in item.parts:
                    total.add(item.parts[name])
            yield OperationMeasure(
                name, operation.kind, total.service.count, total.errors, total.service, total.response,
                total.attempts, total.ended_late,
            )  # fmt: skip

    def _statements(self, operations: Iterable[OperationMeasure]) -> dict[str, int]:
        flows = {name for name, operation in self._workload.operations.items() if operation.flow is not None}
        result = {item.name: item.count for item in operations if item.name not in flows}
        for state in self._states.values():
            for name, count in state.statements.items():
                result[name] = result.get(name, 0) + count
        return result

    def _first_errors(self) -> dict[str, str]:
        result: dict[str, str] = {}
        for item in self._slices:
            for name, part in item.parts.items():
                if part.first_error is not None:
                    result.setdefault(name, part.first_error)
        return result

    def _health(self, duration_s: float) -> GeneratorHealth:
        lag = Histogram.merged(state.lag for state in self._states.values())
        return GeneratorHealth(
            cpu_share=max(state.cpu_s for state in self._states.values()) / duration_s if duration_s else 0.0,
            lag_p99_us=lag.percentile_us(99) if lag.count else 0.0,
            refills=sum(state.refills for state in self._states.values()),
            # Of machines that made the load, the busiest; the master among them only when it made it alone.
            machine_cpu_share=max(self._other_cpu_shares, default=self._machine_cpu_share),
            workers=tuple(
                WorkerHealth(
                    worker,
                    state.cpu_s / duration_s if duration_s else 0.0,
                    state.lag.percentile_us(99) if state.lag.count else 0.0,
                    state.calibration,
                )
                for worker, state in self._states.items()
            ),
            loop_lag_p99_us=self.loop_lag_p99_us,
        )


def _check(kind: str, items: Sequence[Mapping[str, Any]], failure: str | None) -> IntegrityCheck:
    seen, checked, changed, wrong = (
        sum(item[name] for item in items) for name in ("seen", "checked", "changed", "wrong")
    )
    first = [text for item in items for text in item["first"]]
    what = "compared with the dataset" if kind == "reads" else "looked up again"
    kept = f" of {seen:,} that were kept" if seen > checked + changed else ""
    aside = f", {changed:,} were of rows that have changed since" if changed else ""
    detail = f"were {what}: {checked:,}{kept}{aside}, {f'{wrong:,} wrong ({first[0]})' if wrong else 'all right'}"
    name = "reads" if kind == "reads" else "acknowledged writes"
    return IntegrityCheck(name, checked, wrong, detail, failure if not wrong else None)


def _check_totals(message: Message, state: _DriverState) -> None:
    for name, total in message["totals"].items():
        reported = state.counts.get(name, [0, 0])
        if reported != [total["count"], total["errors"]]:
            raise LoadLabError(
                f"driver {message['worker']} executed {name} {total['count']} times with {total['errors']} errors,"
                f" but reported {reported[0]} and {reported[1]}"
            )


def machine_cpu_s() -> tuple[float, float] | None:
    """(busy, total) CPU seconds of all cores since boot; None where the platform does not tell."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            values: list[Any] = [int(value) for value in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = values[3] + values[4]
    return float(sum(values) - idle), float(sum(values))
