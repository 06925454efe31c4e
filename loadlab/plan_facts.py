"""What the review's rules on plans and load read: gathered on a filled database, outside any measured window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Protocol

from loadlab.data.dataset import Dataset
from loadlab.engines.abilities import CanSampleActivity, CanTryIndexes, CanTune
from loadlab.engines.plan_tree import IndexTrial, NewIndex
from loadlab.engines.protocol import Engine, PlanEvidence
from loadlab.errors import DatabaseError
from loadlab.measure.fingerprint import this_machine
from loadlab.measure.model import LoadMeasure
from loadlab.measure.plans.live import look_at_live_plans
from loadlab.measure.plans.look import Looks, Observer, look_at_plans, unobserved
from loadlab.measure.window import Window
from loadlab.spec.scenario import Scenario
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Workload
from loadlab.validate.review.load.indexes import suggestions
from loadlab.validate.review.model import PoolUse, ReviewFacts


class PreparedLoad(Protocol):
    """A filled database's load (`loadlab.pipeline.Ready`): `plans` are those that the engine has explained already."""

    @property
    def scenario(self) -> Scenario: ...

    @property
    def workload(self) -> Workload: ...

    @property
    def statements(self) -> Mapping[str, Statement]: ...

    @property
    def dataset(self) -> Dataset: ...

    @property
    def plans(self) -> Mapping[str, PlanEvidence] | None: ...


def plan_facts(
    engine: Engine,
    ready: PreparedLoad,
    window: Window | None = None,
    *,
    facts: ReviewFacts | None = None,
    looks: Looks | None = None,
    observe: Observer = unobserved,
) -> ReviewFacts:
    """Facts with the plans of the load's statements, what the window tells, and what imagined indexes would do.

    `facts` are those that are there already. Raises DatabaseError where the server cannot be asked.
    """
    dataset = ready.dataset
    found = facts if facts is not None else ReviewFacts(engine.reflect())
    missing = dict(found.missing)
    plans = None
    try:
        plans = look_at_plans(
            engine,
            ready.scenario,
            ready.workload,
            dataset.manifest,
            ready.statements,
            access=ready.plans,
            looks=looks,
            observe=observe,
        )
        if plans is None:
            missing["plans"] = f"{engine.version()} shows no plans"
    except DatabaseError as error:
        # What else is known of the load is not lost with a server that went away.
        missing["plans"] = str(error)
    found = replace(
        found,
        rows={**found.rows, **_full_rows(ready)},
        statements=ready.statements,
        plans=plans,
        tuning=engine.tuning() if isinstance(engine, CanTune) else None,
        missing=missing,
    )
    return with_trials(engine, _with_window(engine, found, ready, window))


def live_plan_facts(engine: Engine, facts: ReviewFacts) -> ReviewFacts:
    """Of a database that LoadLab did not fill: nothing is executed; parameters come from the planner's statistics."""
    plans = look_at_live_plans(engine, facts.statements, facts.statistics)
    missing = dict(facts.missing)
    if plans is None:
        missing["plans"] = f"{engine.version()} shows no plans"
    tuning = engine.tuning() if isinstance(engine, CanTune) else None
    return with_trials(engine, replace(facts, plans=plans, tuning=tuning, missing=missing))


def _full_rows(ready: PreparedLoad) -> dict[str, int]:
    tables = ready.dataset.plan.tables
    return {key: round(plan.rows if plan.reference else plan.full_rows) for key, plan in tables.items()}


def _with_window(engine: Engine, facts: ReviewFacts, ready: PreparedLoad, window: Window | None) -> ReviewFacts:
    if window is None or window.delta is None or window.counters_were_reset:
        reason = "no load was run" if window is None else "the server's counters of the window cannot be had"
        missing = {"evidence": reason, "executions": reason, "pool": reason, **facts.missing}
        # Without a window the counters are still those of the tables as they stand: their statistics can be judged.
        return replace(facts, evidence=facts.evidence or engine.snapshot(), missing=missing)
    measure = window.measure
    operations = {item.name: item.count + item.error_count for item in measure.operations}
    return replace(
        facts,
        evidence=window.delta,
        is_window=True,
        executions={
            key: measure.statements.get(key, 0) if "/" in key else operations.get(key, 0) for key in ready.statements
        },
        iterations=operations,
        load_to_window=_load_to_window(ready),
        pool=_pool_use(engine, measure),
    )


def _load_to_window(ready: PreparedLoad) -> float:
    workload = ready.workload
    return (workload.ramp + workload.warmup + workload.duration) / workload.duration


def _pool_use(engine: Engine, measure: LoadMeasure) -> PoolUse:
    shares = [
        interval.busy_s / (interval.duration_s * measure.connections)
        for interval in measure.intervals
        if interval.duration_s and measure.connections
    ]
    busiest = min(1.0, max(shares, default=0.0))
    return PoolUse(measure.connections, measure.connections_peak, busiest, *_cores(engine))


def _cores(engine: Engine) -> tuple[int | None, str]:
    """The server's, where its processes are seen on this machine; else why they are not known."""
    if not isinstance(engine, CanSampleActivity):
        return None, f"{engine.version()} does not show its processes, by whose machine its cores would be known"
    try:
        sampler = engine.activity_sampler()
    except DatabaseError as error:
        return None, f"the server's sessions cannot be looked at: {error}"
    with closing(sampler):
        if sampler.cpu_s() is None:
            return None, "the server's processes are not seen on this machine, so that its cores are not known"
        return this_machine().cores, ""


def with_trials(engine: Engine, facts: ReviewFacts) -> ReviewFacts:
    """Tell the planner of every index that would be suggested, where it can be told."""
    wanted = suggestions(facts) if facts.plans else {}
    if not wanted:
        return facts
    if not isinstance(engine, CanTryIndexes):
        return _without_trials(facts, f"{engine.version()} cannot be told of an index that is not there")
    trials: dict[NewIndex, Sequence[IndexTrial]] = {}
    for index, keys in wanted.items():
        try:
            trials[index] = engine.try_index(
                facts.schema.table(index.table), index, {key: facts.statements[key] for key in keys}
            )
        except DatabaseError as error:
            return _without_trials(facts, str(error))
    return replace(facts, trials={**facts.trials, **trials})


def _without_trials(facts: ReviewFacts, reason: str) -> ReviewFacts:
    return replace(facts, missing={"trials": reason, **facts.missing})
