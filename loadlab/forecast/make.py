"""A forecast: from a scenario to its storage and latency at full volume, each a projection with an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from loadlab.data.core.clock import Clock
from loadlab.errors import InputError, LoadLabError
from loadlab.forecast.scales import InterruptedWindow, MeasuredScale, emptied, kept_running, measure_scale, rows_at
from loadlab.pipeline import LoadOptions, Show, changed_workload
from loadlab.report.files import RunFiles, run_folder
from loadlab.report.forecast.build import build_forecast
from loadlab.report.forecast.model import ForecastResult, ScaleResult
from loadlab.report.kinds import FORECAST
from loadlab.spec.scenario import Scenario, load_scenario
from loadlab.spec.shapes import TimeShape
from loadlab.spec.workload import Workload
from loadlab.termination import first_interrupt_waits
from loadlab.units import GrowthRate, format_rate
from loadlab.validate.projection.growth import Growth, along, history_growth, stated_growth
from loadlab.validate.projection.operations import project_operations
from loadlab.validate.projection.size_law import POINTS_MIN
from loadlab.validate.projection.storage import StorageLaws, fit_storage
from loadlab.validate.projection.verdicts import Projection, judge_projection
from loadlab.validate.wording import counted, names

# Users are offered as a rate: the same at every scale, and so much of it that the server is not full.
_SHARE_OF_USERS = 0.5
_POWERS = {"constant": 1, "accelerating": 2, "steep": 4}


@dataclass(frozen=True, slots=True)
class ForecastOptions:
    """What the command line says. `scales` None: three of the scenario's; `rate_per_s` None: the workload's."""

    scales: tuple[float, ...] | None = None
    to: float = 1.0
    with_load: bool = True
    duration_s: float | None = None
    warmup_s: float | None = None
    rate_per_s: float | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class ForecastOutcome:
    """The result and the files it is kept in."""

    result: ForecastResult
    files: RunFiles


def make_forecast(path: Path, database: str, options: ForecastOptions, out: Path | None, show: Show) -> ForecastOutcome:
    """Scenario → scale after scale → laws → projection → report. Raises LoadLabError.

    KeyboardInterrupt before the first scale was measured; later, what was measured is kept, and projected from three
    scales on.
    """
    scenario = load_scenario(path)
    scales = _scales(scenario, options)
    workload = _offered(scenario, options)
    folder = run_folder(out, f"{scenario.name}-forecast")
    with ExitStack() as keeping:
        with kept_running(database):
            found = _measure_all(scenario, workload, database, scales, options, show)
            keeping.enter_context(first_interrupt_waits())
        result = _projected(scenario, found, options, workload)
        return ForecastOutcome(result, FORECAST.write(folder, result))


# -- what is measured ------------------------------------------------------------------------------------------------


def _scales(scenario: Scenario, options: ForecastOptions) -> tuple[float, ...]:
    if options.scales is None:
        own = scenario.file.data.scale
        # As large as the scenario's own times four, and clearly below what is projected to.
        largest = next((scale for scale in (4 * own, own) if scale < options.to), options.to / 4)
        return largest / 4, largest / 2, largest
    scales = options.scales
    if len(scales) < POINTS_MIN:
        raise InputError(
            "--scales", f"must be at least {POINTS_MIN}: a line goes through any two points", value=_listed(scales)
        )
    if any(later <= earlier for earlier, later in pairwise(scales)):
        raise InputError("--scales", "must ascend, e.g. 0.0005,0.001,0.002", value=_listed(scales))
    if options.to <= scales[-1]:
        raise InputError("--to", f"must be above the largest of --scales ({scales[-1]:g})", value=f"{options.to:g}")
    return scales


def _listed(scales: Sequence[float]) -> str:
    return ",".join(f"{scale:g}" for scale in scales)


def _offered(scenario: Scenario, options: ForecastOptions) -> Workload:
    """An open loop at one rate for every scale: users would ask for less where answers take longer."""
    own = scenario.file.workload
    rate_per_s = options.rate_per_s
    if rate_per_s is None and not own.is_open:
        if own.asked_rate_per_s is None:
            raise InputError("--rate", "must be given: users without think time ask for whatever the database takes")
        rate_per_s = float(f"{_SHARE_OF_USERS * own.asked_rate_per_s:.2g}")
    load = LoadOptions(None, rate_per_s, options.duration_s, options.warmup_s, options.workers)
    # What the load leaves behind is a run's matter: checks of the data would take from what is measured.
    return changed_workload(scenario, load).model_copy(update={"verify": 0.0, "invariants": {}})


@dataclass(slots=True)
class _Found:
    """What was measured, smallest scale first; `rows_at` are the rows of every table that is projected to."""

    scales: list[MeasuredScale] = field(default_factory=list)
    rows_at: Mapping[str, int] = field(default_factory=dict)
    ended_early: str | None = None


def _measure_all(
    scenario: Scenario,
    workload: Workload,
    database: str,
    scales: Sequence[float],
    options: ForecastOptions,
    show: Show,
) -> _Found:
    found = _Found()
    for number, scale in enumerate(scales, start=1):
        try:
            show.step(f"Scale {scale:g} ({number} of {len(scales)})")
            with emptied(database) as engine:
                if not found.rows_at:
                    found.rows_at = rows_at(scenario, engine, options.to)
                found.scales.append(measure_scale(engine, scenario, workload, scale, show, with_load=options.with_load))
        except InterruptedWindow as cut:
            # Its storage is whole; half a window is none.
            found.scales.append(cut.measured)
            found.ended_early = cut.why
        except KeyboardInterrupt:
            if not found.scales:
                raise
            found.ended_early = "interrupted"
        except LoadLabError as error:
            if not found.scales:
                raise
            found.ended_early = str(error)
        if found.ended_early is not None:
            show.step(f"Ended early: {found.ended_early}")
            break
    return found


# -- what is projected -----------------------------------------------------------------------------------------------


def _projected(scenario: Scenario, found: _Found, options: ForecastOptions, workload: Workload) -> ForecastResult:
    scales, largest = found.scales, found.scales[-1]
    laws: StorageLaws | None = None
    if len(scales) >= POINTS_MIN:
        row_bytes = {table: layout.row_bytes for table, layout in largest.layouts.items()}
        laws = fit_storage([scale.volume for scale in scales], largest.schema, row_bytes)
    windows = [scale.window for scale in scales if scale.window is not None]
    percentiles = {
        str(target.operation_kind): target.percentile
        for target in scenario.targets
        if target.operation_kind and target.percentile
    }
    growth = _growth(scenario, found, options, laws) if laws is not None else None
    projection = Projection(
        scale=options.to,
        scales=tuple(scale.volume.scale for scale in scales),
        storage=laws.at(found.rows_at) if laws is not None else None,
        operations=project_operations(windows, found.rows_at, percentiles) if len(windows) >= POINTS_MIN else (),
        cache_bytes=largest.volume.sizes.cache_bytes,
    )
    return build_forecast(
        scenario=scenario.name,
        description=scenario.file.description,
        scales=[_scale_result(scale) for scale in scales],
        volumes=[scale.volume for scale in scales],
        layouts=largest.layouts,
        environment=largest.environment,
        notes=(
            *dict.fromkeys(note for scale in scales for note in scale.seeded.notes),
            *_too_small(laws),
            *dict.fromkeys(item.overload for item in projection.operations if item.overload),
        ),
        laws=laws,
        projection=projection,
        growth=growth,
        horizons=along(growth, laws, found.rows_at, _fixed(found)) if growth is not None and laws is not None else (),
        verdicts=judge_projection(scenario.targets, projection),
        load=_load_words(workload) if options.with_load else None,
        ended_early=found.ended_early,
    )


def _scale_result(measured: MeasuredScale) -> ScaleResult:
    window = measured.window
    return ScaleResult(
        scale=measured.volume.scale,
        rows=sum(measured.volume.rows.values()),
        bytes=measured.seeded.size_bytes,
        seeding_s=measured.seeded.report.seconds,
        achieved_per_s=window.load.achieved_rate_per_s if window is not None else None,
    )


def _too_small(laws: StorageLaws | None) -> Iterator[str]:
    """Which files have yet to outgrow a page."""
    parts = [item.part for item in laws.parts if item.law.is_within_a_page] if laws is not None else []
    small = [part.name or f"{part.table} ({part.kind})" for part in parts]
    if small:
        yield (
            f"{names(small)} grew by less than a page over these scales, so that their projection is little more than "
            "the interval: measure at larger scales"
        )


def _growth(scenario: Scenario, found: _Found, options: ForecastOptions, laws: StorageLaws) -> Growth | None:
    stated = scenario.brief.performance_targets.data_volume.growth_rate if scenario.brief is not None else None
    if stated is not None:
        return stated_growth(GrowthRate.parse(stated), laws, found.rows_at, _fixed(found))
    shape: TimeShape = scenario.file.data.time
    if isinstance(shape.end, str):
        return None
    return history_growth(Clock.of(shape).span_us / 1e6, _POWERS[shape.growth], options.to)


def _fixed(found: _Found) -> frozenset[str]:
    """Tables that have the same rows at every scale."""
    first, last = found.scales[0].volume.rows, found.rows_at
    return frozenset(table for table, rows in last.items() if first.get(table) == rows)


def _load_words(workload: Workload) -> str:
    rate = workload.asked_rate_per_s
    return f"{format_rate(rate or 0.0)} ({workload.arrivals}) over {counted(workload.connections, 'connection')}"
