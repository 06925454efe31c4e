"""What a measured window yields, as plain values that can be saved and merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadlab.measure.histogram import Histogram


@dataclass(frozen=True, slots=True)
class OperationInterval:
    """One operation in one interval of the window. `errors` counts failures by outcome (SQLSTATE or error name)."""

    count: int
    errors: Mapping[str, int]
    service: Histogram
    response: Histogram


@dataclass(frozen=True, slots=True)
class Interval:
    """About one second of the window, over all driver processes.

    `busy_s` adds up the time that connections spent executing: divided by pool size and duration it is the pool's
    utilisation; `users` is the population at its end.
    """

    start_s: float
    duration_s: float
    users: int
    busy_s: float
    operations: Mapping[str, OperationInterval]


@dataclass(frozen=True, slots=True)
class OperationMeasure:
    """One operation over the whole window. `count` are successes; both histograms hold successes only."""

    name: str
    kind: str
    count: int
    errors: Mapping[str, int]
    service: Histogram
    response: Histogram

    @property
    def error_count(self) -> int:
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """Whether the load generator itself was the limit.

    `cpu_share` is the busiest driver process's CPU time over the window's length, `lag_p99_us` how late a free
    connection started an operation that was due, `refills` how often a driver ran out of prepared values inside the
    window, `machine_cpu_share` all cores' busy share (None where the platform does not tell).
    """

    cpu_share: float
    lag_p99_us: float
    refills: int = 0
    machine_cpu_share: float | None = None


@dataclass(frozen=True, slots=True)
class LoadMeasure:
    """The measured window: everything the clients saw.

    `asked_rate_per_s` is what the users would have offered had every answer come at once (None without think time:
    then they offer whatever the database takes). `statements` counts executions by statement key
    (`operation` or `operation/statement` in a flow) for the comparison with the server's own counts.
    `first_errors` keeps the first message of each operation's failures.
    """

    started_at: str
    duration_s: float
    users: int
    connections: int
    connections_peak: int
    workers: int
    asked_rate_per_s: float | None
    operations: tuple[OperationMeasure, ...]
    intervals: tuple[Interval, ...]
    generator: GeneratorHealth
    statements: Mapping[str, int] = field(default_factory=dict)
    first_errors: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def achieved_rate_per_s(self) -> float:
        """Successful operations per second of the window."""
        return sum(operation.count for operation in self.operations) / self.duration_s if self.duration_s else 0.0
