"""`capacity.json`: the one model from which every form of a capacity's report is made.

Versioned as `result.json` is: a field is only ever added within a version.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loadlab.report.model import EnvironmentResult, SeedingResult
from loadlab.report.model_base import Bounds, Kind, Percentiles, ResultModel
from loadlab.spec.targets import Unit
from loadlab.validate.conclusion import Finding
from loadlab.validate.model import Verdict
from loadlab.validate.saturation import Resource


class LimitResult(ResultModel):
    """A target that a rate has to hold. `limit` is in `unit`; `default`: nobody stated it."""

    name: str
    sign: Literal["<", "<=", ">", ">="]
    limit: float
    unit: Unit
    percentile: float | None = None
    kind: Kind | None = None
    default: bool
    note: str = ""


class BrokenResult(ResultModel):
    """A limit that a window broke: a target's name, `achieved_rate`, `steady_state` or `generator`."""

    limit: str
    reason: str


class SaturationResult(ResultModel):
    """The resource that was full at a rate, with a sentence of evidence."""

    resource: Resource
    reason: str
    rate_per_s: float


class LawResult(ResultModel):
    """The Universal Scalability Law X(N) = λN / (1 + σ(N - 1) + κN(N - 1)) (Gunther 2007), fitted.

    `peak_concurrency` is N*; null where the throughput never falls.
    """

    lambda_per_s: float = Field(description="λ, the throughput of one")
    sigma: float = Field(description="σ, contention")
    kappa: float = Field(description="κ, coherence")
    points: int
    r_squared: float
    peak_concurrency: float | None
    peak_throughput_per_s: float | None


class StepResult(ResultModel):
    """One window at one rate.

    `measured` has each target's value in its unit, by name. `concurrency` is rate times mean response (Little), null
    without a steady state. `doing` and `events` are shares of the sessions' time by what they did.
    """

    rate_per_s: float = Field(description="asked")
    achieved_per_s: float
    started_at: str
    duration_s: float
    executions: int
    errors: int
    response_us: Percentiles
    service_us: Percentiles
    measured: dict[str, float | None]
    verdict: Verdict
    holds: bool = Field(description="where it leans when the verdict is INCONCLUSIVE")
    together: Verdict | None = Field(default=None, description="over this window and the earlier ones at the rate")
    broken: list[BrokenResult]
    unclear: list[str]
    generator_limit: str | None
    is_steady: bool
    concurrency: float | None
    pool_share: float | None
    wait_p99_us: float
    generator_cpu_share: float
    generator_lag_p99_us: float
    machine_cpu_share: float | None
    server_cores: float | None
    doing: dict[str, float]
    events: dict[str, float]
    saturation: SaturationResult


class SearchResult(ResultModel):
    """How was searched. Rates are per second; `estimate_per_s` is the quick closed loop's, `within` a share."""

    first_per_s: float
    highest_per_s: float | None
    estimate_per_s: float | None
    within: float
    repeats: int
    step_s: float
    warmup_s: float


class CapacityResult(ResultModel):
    """Everything a search for the capacity found out.

    `rate_per_s` is the highest rate that held; at and below the lower end of `interval` every window held, at and
    above its upper end every window broke, one at each end for certain. `steps` are in the order of measurement.
    """

    version: Literal[1] = 1
    scenario: str
    description: str = ""
    created_at: str
    finding: Finding
    reason: str
    rate_per_s: float | None
    interval: Bounds
    broke_at_per_s: float | None
    broken: BrokenResult | None
    also_broken: list[str] = []
    saturation: SaturationResult | None
    law: LawResult | None
    law_note: str
    targets: list[LimitResult]
    steps: list[StepResult]
    connections: int
    workers: int
    arrivals: Literal["users", "poisson", "constant"]
    search: SearchResult
    seeding: SeedingResult
    environment: EnvironmentResult
    notes: list[str] = []
