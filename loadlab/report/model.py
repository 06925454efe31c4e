"""`result.json`: the one model from which every form of a run's report is made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loadlab.report.model_base import Bounds, Kind, Percentiles, ResultModel
from loadlab.report.model_evidence import EvidenceResult
from loadlab.report.model_review import FindingResult, RuleResult
from loadlab.validate.model import Verdict
from loadlab.validate.nights.model import Direction


class AttemptResult(ResultModel):
    """The attempts of an operation that ended in one way: `ok`, or an error with its SQLSTATE."""

    outcome: str
    count: int
    service_us: Percentiles


class PlanNodeResult(ResultModel):
    """One step of a plan, with those that feed it; what the engine does not tell is null or empty.

    `rows_estimated` are for one loop; `rows`, `rows_removed` and blocks over all `loops`, of a plan that was executed.
    """

    name: str = Field(description="the server's word for the step")
    table: str = ""
    indexes: list[str] = []
    condition: str = Field(default="", description="what an index or a join finds rows by")
    filter: str = Field(default="", description="what rows are tried against after they were read")
    rows_estimated: float | None = None
    cost: float | None = None
    loops: int | None = None
    rows: int | None = None
    rows_removed: int | None = None
    spilled_kib: int = 0
    blocks_hit: int | None = None
    blocks_read: int | None = None
    may_end_early: bool = False
    children: list[PlanNodeResult] = []


class PlanResult(ResultModel):
    """The plan of one statement for the `values` that it says, after the load; `execution_ms` where it was executed."""

    values: str
    executed: bool
    execution_ms: float | None = None
    root: PlanNodeResult


class PlanShapeResult(ResultModel):
    """How a statement is executed, full scans avoided: the plan's steps, and the rows that it takes of each table."""

    steps: list[str]
    rows: dict[str, float] = {}


class StatementResult(ResultModel):
    """One statement of a flow: how often clients and server say it ran, and its plan."""

    name: str
    text_digest: str = ""
    calls: int | None = None
    server_calls: int | None = None
    per_iteration: float | None = Field(default=None, description="executions each time the flow runs, without load")
    shape: PlanShapeResult | None = None
    examined_per_row: float | None = Field(default=None, description="rows looked at for each row given")
    served_by_index: bool | None = None
    full_scans: list[str] = []
    plan: str | None = None
    plan_tree: PlanResult | None = None


class OperationResult(ResultModel):
    """One operation over the measured window.

    `curve` holds (percentile, response µs) pairs for the latency plot, `service_curve` those of the service time; the
    pair at 100 is the maximum. A flow has `statements` instead of `server_calls` and `plan`; its `full_scans` are those
    of all of them.
    """

    name: str
    kind: Kind
    count: int = Field(description="successful executions")
    errors: int
    errors_by_outcome: dict[str, int] = {}
    first_error: str | None = None
    rate_per_s: float
    service_us: Percentiles
    response_us: Percentiles
    response_intervals_us: dict[str, Bounds] = Field(default={}, description="of p50, p95 and p99")
    curve: list[tuple[float, float]] = []
    service_curve: list[tuple[float, float]] = []
    attempts: list[AttemptResult] = Field(default=[], description="of an operation that may be retried, by outcome")
    server_calls: int | None = Field(default=None, description="the server's own count of the executions")
    served_by_index: bool | None = None
    full_scans: list[str] = []
    text_digest: str = ""
    shape: PlanShapeResult | None = None
    examined_per_row: float | None = Field(default=None, description="rows looked at for each row given")
    plan: str | None = None
    plan_tree: PlanResult | None = None
    statements: list[StatementResult] = []


class DetailResult(ResultModel):
    """One object examined for a target."""

    name: str
    measured: float | None
    interval: Bounds | None
    samples: int
    verdict: Verdict
    reason: str


class TargetResult(ResultModel):
    """One target. `limit`, `measured` and `interval` are in `unit`; `default`: nobody stated the limit."""

    name: str
    sign: Literal["<", "<=", ">", ">="]
    limit: float
    unit: Literal["us", "ratio", "per_s", "users", "bytes", "violations"]
    percentile: float | None = None
    kind: Kind | None = Field(default=None, description="kind of operation that a latency target is about")
    source: Literal["scenario", "brief", "default"]
    default: bool
    note: str = ""
    measured: float | None
    interval: Bounds | None
    samples: int
    examined: list[str]
    verdict: Verdict
    reason: str
    details: list[DetailResult] = []


class TableResult(ResultModel):
    """One seeded table; sizes as the server reports them after seeding, `table_bytes` without the indexes."""

    name: str
    rows: int
    table_bytes: int | None = None
    index_bytes: int | None = None
    default: bool = Field(default=False, description="nobody stated how many rows the table has")


class SeedingResult(ResultModel):
    """`seconds` is the time of this run's seeding, 0 when the data was already there (`reused`)."""

    rows: int
    seconds: float
    bytes: int | None
    scale: float
    seed: int
    fingerprint: str
    schema_fingerprint: str = Field(default="", description="tables, columns and constraints; no other indexes")
    rows_fingerprint: str = Field(default="", description="what determines the rows, whatever indexes there are")
    reused: bool = False
    tables: list[TableResult]


class WorkerResult(ResultModel):
    """One load-driving process: what it used in the window, and what it cost by itself before the load."""

    worker: int
    cpu_share: float
    lag_p99_us: float
    overhead_us: float | None = Field(default=None, description="what the generator adds to an operation")
    round_trip_p50_us: float | None = Field(default=None, description="of a query for nothing, before the load")
    round_trip_p99_us: float | None = None
    timer_lag_p50_us: float | None = Field(default=None, description="how late a sleeping thread wakes")
    timer_lag_p99_us: float | None = None


class PoolerResult(ResultModel):
    """A connection pooler between load and server: its `counters` over the window, and `peaks` of samples.

    `missing` says why there are none.
    """

    product: str
    manner: str
    counters: dict[str, float] = {}
    peaks: dict[str, float] = {}
    missing: str | None = None


class LoadResult(ResultModel):
    """The measured window as a whole."""

    started_at: str
    duration_s: float
    warmup_s: float
    users: int
    connections: int
    connections_peak: int
    connection_utilisation: float | None
    workers: int
    arrivals: Literal["users", "poisson", "constant"] = Field(
        default="users", description="closed loop of users, or an open one, whose operations are due by the clock"
    )
    asked_rate_per_s: float | None
    achieved_rate_per_s: float
    generator_cpu_share: float
    generator_lag_p99_us: float
    generator_loop_lag_p99_us: float | None = Field(
        default=None, description="of the event loop of the process that conducts, which measures nothing"
    )
    generator: list[WorkerResult] = []
    wait_us: Percentiles | None = Field(default=None, description="waiting for a free connection of the pool")
    waited: int = Field(default=0, description="operations that found no connection free")
    connection_mode: Literal["pool", "direct"] = Field(
        default="pool", description="connections stay open, or each operation opens one of its own"
    )
    connect_us: Percentiles | None = Field(default=None, description="opening connections, of operations that do")
    connects: int = Field(default=0, description="connections that operations opened")
    pooler: PoolerResult | None = None
    timed_out: int = Field(default=0, description="operations that were cut off at their time limit")
    dropped: int = Field(default=0, description="operations that could not be begun within the time limit")
    extended_from_s: float | None = Field(
        default=None, description="the asked length of a window that went on because it decided too little"
    )
    extension_reason: str | None = None
    interrupted: bool = False
    failure: str | None = Field(default=None, description="what ended the load early")
    mix_fingerprint: str = Field(default="", description="who does what how often; not for how long")
    load: str = Field(default="", description="the asked load in words")


class SeriesPoint(ResultModel):
    """One interval of the window; latency is the response time over all operations, per kind in `p95_us`."""

    t_s: float
    rate_per_s: float
    errors_per_s: float
    p50_us: float | None
    p99_us: float | None
    p95_us: dict[str, float | None] = {}


class EnvironmentResult(ResultModel):
    """Where it ran: enough to tell whether two results may be compared."""

    loadlab: str
    engine: str
    server: str
    database: str = Field(description="address without secrets")
    python: str
    platform: str
    cpu: str
    cores: int
    memory_bytes: int
    fingerprint: str


class JudgingResult(ResultModel):
    """How verdicts were made. `judgements` counts the intervals that were held against a limit, one an operation or
    target; `chance_fail_max` bounds the chance that one of them fails by luck alone, were all values at their limits.

    `looks`: 2 where the window could be prolonged; each interval is then at `look_confidence`, so that the two
    together are at `confidence`. `speaks_of_s`: what comes more rarely than this may not have been seen at all.
    """

    judgements: int
    chance_fail_max: float
    confidence: float
    looks: int
    look_confidence: float
    speaks_of_s: float


class ChangeResult(ResultModel):
    """What is different in a night: of an operation, a statement (`operation/statement`) or a table.

    `before` and `after` are in the metric's unit; `gates`: it fails the night; `since` is when it began.
    """

    subject: str
    metric: str
    direction: Direction
    before: float | None
    after: float | None
    gates: bool
    reason: str
    since: str


class NightResult(ResultModel):
    """The run beside earlier ones. SKIPPED: there are none to compare with."""

    verdict: Verdict
    reason: str
    baseline: str = Field(description="the series' label, or the run that was named")
    label: str = Field(default="", description="the series that this run is kept in; empty: in none")
    history: str = Field(default="", description="the file that holds the series")
    nights: int = Field(description="comparable nights before this one")
    nights_missing: int = Field(default=0, description="that were due right before this one")
    changes: list[ChangeResult] = []
    notes: list[str] = []


class Result(ResultModel):
    """Everything a run found out."""

    version: Literal[1] = 1
    scenario: str
    description: str = ""
    created_at: str
    verdict: Verdict
    incomplete: str = Field(default="", description="why the run is no evidence of a PASS: only a part was executed")
    night: NightResult | None = Field(default=None, description="beside earlier runs, where that was asked for")
    targets: list[TargetResult]
    operations: list[OperationResult]
    seeding: SeedingResult
    load: LoadResult
    judging: JudgingResult | None = None
    series: list[SeriesPoint] = []
    evidence: EvidenceResult = EvidenceResult()
    findings: list[FindingResult] = Field(default=[], description="of the review, worst first")
    reviewed: list[RuleResult] = Field(default=[], description="every rule of the review")
    environment: EnvironmentResult
