"""The search for the highest rate that a scenario's targets hold at: from a scenario to a number with its interval."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadlab.capacity.window import WARMUP_MIN_S, Windows
from loadlab.engines import open_database
from loadlab.engines.abilities import CanWriteOut
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError, LoadLabError
from loadlab.measure.window import measure_window
from loadlab.pipeline import (
    DataOptions,
    LoadOptions,
    Ready,
    Show,
    changed_workload,
    environment_of,
    make_ready,
    seeding_result,
)
from loadlab.report.capacity.build import build_capacity
from loadlab.report.capacity.model import CapacityResult, SearchResult
from loadlab.report.files import RunFiles, run_folder
from loadlab.report.kinds import CAPACITY
from loadlab.spec.scenario import Scenario, load_scenario
from loadlab.spec.targets import Target
from loadlab.spec.workload import Workload
from loadlab.termination import first_interrupt_waits
from loadlab.units import format_duration, format_rate, format_share
from loadlab.validate.capacity import capacity_targets
from loadlab.validate.conclusion import RateStep, conclude, tried
from loadlab.validate.search import SearchPlan, next_rate
from loadlab.validate.statistics import ROUNDS_MIN

# The quick estimate: users who never think, one a connection.
_ESTIMATE_S, _ESTIMATE_WARMUP_S = 3.0, 1.0
_FIRST_SHARE = 0.1
# Values are prepared for at least so many times the first rate; a driver that runs out makes more as it goes.
_PREPARED = 24.0
_RATE_MAX = 1e6
_WITHIN_MIN = 0.005
# A search that is not over after an hour, or after forty of its windows where they are long, is ended.
_LIMIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class CapacityOptions:
    """What the command line says about the search. Rates are per second; None: found by a quick estimate, no end.

    `load_database` is the address that the load takes where that is another one; it may hold a secret.
    """

    first_per_s: float | None = None
    highest_per_s: float | None = None
    step_s: float = 15.0
    repeats: int = 3
    within: float = 0.05
    workers: int | None = None
    load_database: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CapacityOutcome:
    """The result and the files it is kept in."""

    result: CapacityResult
    files: RunFiles


def find_capacity(
    path: Path, database: str, data: DataOptions, options: CapacityOptions, out: Path | None, show: Show
) -> CapacityOutcome:
    """Scenario → schema → data → windows at one rate after another → capacity → report. Raises LoadLabError.

    KeyboardInterrupt before the first window has ended; later, what was found is kept.
    """
    _check(options)
    scenario = load_scenario(path)
    workload = _unchecked(changed_workload(scenario, LoadOptions(rate_per_s=1.0, workers=options.workers)))
    folder = run_folder(out, f"{scenario.name}-capacity")
    targets = _targets(scenario)
    with ExitStack() as keeping:
        with open_database(database) as engine:
            ready = make_ready(engine, scenario, workload, data, show, options.load_database)
            scenario = ready.scenario
            environment = environment_of(engine)
            if isinstance(engine, CanWriteOut):
                engine.write_out()
            estimate = _estimate(engine, ready, options, show) if options.first_per_s is None else None
            plan = _plan(options, estimate)
            ready = replace(ready, workload=_open_workload(scenario, options, plan))
            found = _search(engine, ready, targets, plan, show)
            keeping.enter_context(first_interrupt_waits())
        result = build_capacity(
            scenario=scenario.name,
            description=scenario.file.description,
            targets=targets,
            steps=found.steps,
            conclusion=conclude(found.steps, plan, ended_early=found.ended_early),
            search=SearchResult(
                first_per_s=plan.first,
                highest_per_s=plan.highest,
                estimate_per_s=estimate,
                within=plan.within,
                repeats=plan.repeats,
                step_s=options.step_s,
                warmup_s=max(workload.warmup, WARMUP_MIN_S),
            ),
            seeding=seeding_result(ready.seeded),
            environment=environment,
            notes=(*ready.seeded.notes, *found.notes),
        )
        return CapacityOutcome(result, CAPACITY.write(folder, result))


def _check(options: CapacityOptions) -> None:
    first, highest = options.first_per_s, options.highest_per_s
    for option, rate in (("--from", first), ("--to", highest)):
        if rate == 0:
            raise InputError(option, "must be above 0", value=format_rate(rate))
    if first is not None and highest is not None and first > highest:
        raise InputError("--from", f"must not be above --to ({format_rate(highest)})", value=format_rate(first))
    if not _WITHIN_MIN <= options.within < 1:
        raise InputError(
            "--within",
            f"must be at least {format_share(_WITHIN_MIN)} and below 100%: windows at the same rate differ by more",
            value=format_share(options.within),
        )
    if options.step_s < ROUNDS_MIN:
        raise InputError(
            "--step-duration",
            f"must be at least {ROUNDS_MIN}s: of fewer intervals nobody can tell whether they are steady",
            value=format_duration(options.step_s),
        )


def _targets(scenario: Scenario) -> tuple[Target, ...]:
    kinds = {operation.kind for operation in scenario.file.workload.operations.values()}
    targets = capacity_targets(scenario.targets, percentile_is_stated=scenario.file.targets.percentile is not None)
    return tuple(target for target in targets if target.operation_kind is None or target.operation_kind in kinds)


def _plan(options: CapacityOptions, estimate: float | None) -> SearchPlan:
    first = options.first_per_s
    if first is None:
        assert estimate is not None
        first = float(f"{_FIRST_SHARE * estimate:.2g}")
    return SearchPlan(
        min(first, options.highest_per_s or first), options.highest_per_s, options.within, options.repeats
    )


def _open_workload(scenario: Scenario, options: CapacityOptions, plan: SearchPlan) -> Workload:
    """The rate is what values are prepared for; each window sets its own."""
    rate_per_s = min(plan.highest or _RATE_MAX, _PREPARED * plan.first, _RATE_MAX)
    load = LoadOptions(rate_per_s=rate_per_s, duration_s=options.step_s, workers=options.workers)
    return _unchecked(changed_workload(scenario, load))


def _unchecked(workload: Workload) -> Workload:
    """What the load leaves behind is a run's matter: checks of the data would take from what is searched for."""
    return workload.model_copy(update={"verify": 0.0, "invariants": {}, "extend": False})


def _estimate(engine: Engine, ready: Ready, options: CapacityOptions, show: Show) -> float:
    """What users who never think get done per second, one a connection: about as much as there is to get."""
    show.step("Estimating: one user without think time for each connection")
    connections = ready.workload.connections
    load = LoadOptions(connections, None, _ESTIMATE_S, _ESTIMATE_WARMUP_S, options.workers)
    workload = _unchecked(changed_workload(ready.scenario, load))
    workload = workload.model_copy(update={"think_time": 0.0, "ramp": 0.0})
    window = measure_window(
        engine, ready.scenario, workload, ready.dataset.manifest, ready.statements, show, ready.route
    )
    if window.failure is not None:
        raise LoadLabError(f"the load ended early: {window.failure}")
    if window.measure.interrupted:
        raise KeyboardInterrupt
    if not window.measure.achieved_rate_per_s:
        why = next(iter(window.measure.first_errors.values()), "no operation ended")
        raise LoadLabError(f"nothing succeeded in the first {_ESTIMATE_S:g} s under load ({why}); see `loadlab run`")
    return window.measure.achieved_rate_per_s


@dataclass(frozen=True, slots=True)
class _Found:
    steps: Sequence[RateStep]
    ended_early: str | None
    notes: Sequence[str]


def _search(engine: Engine, ready: Ready, targets: Sequence[Target], plan: SearchPlan, show: Show) -> _Found:
    """Window after window, until the plan asks for no more; what ends it early keeps what was measured."""
    steps: list[RateStep] = []
    ended_early: str | None = None
    show.step(f"Searching from {format_rate(plan.first)} on, {format_duration(ready.workload.duration)} a window")
    windows = Windows(engine, ready, targets, show)
    try:
        with windows:
            ended_early = _measure_all(windows, ready, plan, steps, show)
    except KeyboardInterrupt:
        ended_early = "interrupted"
    except LoadLabError as error:
        if not steps:
            raise
        ended_early = str(error)
    if not steps and ended_early == "interrupted":
        raise KeyboardInterrupt
    return _Found(steps, ended_early, windows.notes)


def _measure_all(windows: Windows, ready: Ready, plan: SearchPlan, steps: list[RateStep], show: Show) -> str | None:
    """Fills `steps`; what ended it early, if anything did."""
    workload = ready.workload
    ends_s = time.monotonic() + max(_LIMIT_S, plan.windows_max * (workload.warmup + workload.duration))
    while (rate_per_s := next_rate(tried(steps), plan)) is not None:
        if time.monotonic() > ends_s:
            return "it took too long"
        step = windows.measure(rate_per_s, len(steps) + 1)
        if windows.was_interrupted:
            # Half a window is none.
            return windows.failure or "interrupted"
        steps.append(step)
        show.step(_told(step, len(steps)))
    return None


def _told(step: RateStep, number: int) -> str:
    response = step.response
    figures = f"{format_rate(step.load.achieved_rate_per_s)} done"
    if response.count:
        figures += f", p99 {format_duration(response.percentile_us(99) / 1e6)}"
    verdict = step.verdict
    if verdict.generator_limit is not None:
        what = f"unknown, {verdict.generator_limit}"
    elif verdict.holds:
        what = "holds" if verdict.is_clear else "holds as far as can be told"
    else:
        what = f"breaks {', '.join(item.limit for item in verdict.broken)}"
    return f"Window {number}: {format_rate(step.rate_per_s)} {what} ({figures})"
