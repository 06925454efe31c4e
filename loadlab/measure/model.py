"""What a measured window yields, as plain values that can be saved and merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from loadlab.measure.histogram import Histogram


@dataclass(frozen=True, slots=True)
class OperationInterval:
    """One operation in one interval of the window. `errors` counts failures by outcome (SQLSTATE or error name).

    Of the `count` successes `ended_late` ended after the window: they were due in it, but are none of its throughput.
    """

    count: int
    errors: Mapping[str, int]
    service: Histogram
    response: Histogram
    ended_late: int = 0


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
    """One operation over the whole window. `count` are successes; both histograms hold successes only.

    `attempts` has the service times of an operation that may be retried by each attempt's outcome (`ok`, an error).
    `ended_late` counts successes that were due in the window and ended after it.
    """

    name: str
    kind: str
    count: int
    errors: Mapping[str, int]
    service: Histogram
    response: Histogram
    attempts: Mapping[str, Histogram] = field(default_factory=dict)
    ended_late: int = 0

    @property
    def error_count(self) -> int:
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a driver process costs by itself, measured before the load.

    `overhead_us` is what it adds to an operation, `round_trip_…` are of a query for nothing (None: the database has
    none), `timer_lag_…` how late a sleeping thread wakes.
    """

    overhead_us: float
    round_trip_p50_us: float | None
    round_trip_p99_us: float | None
    timer_lag_p50_us: float
    timer_lag_p99_us: float


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One driver process: its share of a core, and how late its free connections started what was due."""

    worker: int
    cpu_share: float
    lag_p99_us: float
    calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """Whether the load generator itself was the limit.

    `cpu_share` is the busiest driver process's CPU time over the window's length, `lag_p99_us` how late a free
    connection started an operation that was due, `refills` how often a driver ran out of prepared values inside the
    window, `machine_cpu_share` all cores' busy share (None where the platform does not tell), `loop_lag_p99_us` how
    late the conducting process's event loop was, which measures nothing (None: nobody looked).
    """

    cpu_share: float
    lag_p99_us: float
    refills: int = 0
    machine_cpu_share: float | None = None
    workers: tuple[WorkerHealth, ...] = ()
    loop_lag_p99_us: float | None = None


@dataclass(frozen=True, slots=True)
class LoadMeasure:
    """The measured window: everything the clients saw.

    `arrivals` tells a closed loop (`users`) from an open one (`poisson`, `constant`), which has no users.
    `asked_rate_per_s` is what was offered, of users had every answer come at once (None without think time: then they
    offer whatever the database takes). `wait` is how long operations waited for a free connection, `connect` how long
    those took to open that an operation opened for itself (`connection_mode` direct). `statements` counts executions
    by statement key (`operation` or `operation/statement` in a flow) for the comparison with the server's.
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
    arrivals: Literal["users", "poisson", "constant"] = "users"
    wait: Histogram = field(default_factory=Histogram)
    connection_mode: Literal["pool", "direct"] = "pool"
    connect: Histogram = field(default_factory=Histogram)
    statements: Mapping[str, int] = field(default_factory=dict)
    first_errors: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether operations were due by the clock."""
        return self.arrivals != "users"

    @property
    def achieved_rate_per_s(self) -> float:
        """Operations that succeeded within the window, per second of it."""
        succeeded = sum(operation.count - operation.ended_late for operation in self.operations)
        return succeeded / self.duration_s if self.duration_s else 0.0
