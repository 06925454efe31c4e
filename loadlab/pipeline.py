"""The whole of LoadLab in one file: from a scenario to a verdict, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from loadlab.concluding import Judged, environment_of, load_in_words, result_of, seeding_result, statement_ids
from loadlab.data.dataset import Dataset
from loadlab.data.growth import is_grown
from loadlab.engines import open_database
from loadlab.engines.abilities import (
    CanExplain,
    CanLeaveRunning,
    CanNest,
    CanProfile,
    CanWriteOut,
    HasNotes,
)
from loadlab.engines.protocol import Engine, Evidence, PlanEvidence
from loadlab.errors import InputError
from loadlab.export.exporter import ExportReport, export, written_until
from loadlab.export.layout import Format
from loadlab.measure.fingerprint import usable_cores
from loadlab.measure.route import Route, route_to
from loadlab.measure.window import Look, Prolongation, Window, check_connections, measure_window
from loadlab.mix.trying import with_derived_mix
from loadlab.profile.shape import Profile, ProfileOptions, make_profile
from loadlab.report.files import RunFiles, run_folder, write_histograms, write_run
from loadlab.report.model import Result, TableResult
from loadlab.report.nights import blank_night
from loadlab.request import DataOptions, planned
from loadlab.seeding.documents import document_notes
from loadlab.seeding.estimate import TableEstimate, estimate, total_seconds
from loadlab.seeding.room import free_bytes, require_room
from loadlab.seeding.seeder import SeedProgress, SeedReport, seed, start_anew
from loadlab.seeding.trial import Trial, refuse, settle
from loadlab.sourcing import FoundSchema, in_scenario, scenario_of, schema_of, statements_on
from loadlab.spec.base import validate
from loadlab.spec.scenario import Scenario, load_scenario
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Workload
from loadlab.termination import first_interrupt_waits
from loadlab.units import format_count
from loadlab.validate.extension import confidence_of_looks, of_the_load, prolongation_of
from loadlab.validate.facts import Facts
from loadlab.validate.judge import judge
from loadlab.validate.review.rules import RULES
from loadlab.validate.review.silence import check_patterns
from loadlab.workload.conducting import ALONE, Conducting

if TYPE_CHECKING:
    from loadlab.measure.model import Interval, LoadMeasure
    from loadlab.validate.nights.model import Night


class Show(Protocol):
    """How somebody outside follows the work."""

    def step(self, text: str) -> None:
        """A new stage begins, or something is worth a line."""

    def notes(self, notes: Sequence[str]) -> None:
        """What was left out or not understood; the report has all of it."""

    def seeding(self, progress: SeedProgress) -> None: ...

    def load(self, phase: str, elapsed_s: float, total_s: float, interval: Interval | None) -> None: ...

    def working(self, text: str, done: int, total: int) -> None:
        """Where a work of so many parts stands."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the command line says about the load; None leaves the scenario's word. Durations are seconds.

    `database` is the address that the load takes where that is another one; it may hold a secret.
    """

    users: int | None = None
    rate_per_s: float | None = None
    duration_s: float | None = None
    warmup_s: float | None = None
    workers: int | None = None
    extend: bool | None = None
    conducting: Conducting = ALONE
    database: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """What stands in the database after seeding, and how it came there."""

    report: SeedReport
    dataset: Dataset
    tables: tuple[TableResult, ...]
    size_bytes: int | None
    database: str
    notes: tuple[str, ...]
    stop_command: str | None = None
    """What stops the database's server, which was started for it and is left running."""


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """What a seeding would write, and in about how many seconds. `trial` is None where nothing could be tried.

    `free_bytes` is what the disk of the database has left; None where it is not known.
    """

    dataset: Dataset
    tables: tuple[TableEstimate, ...]
    trial: Trial | None
    seconds: float
    free_bytes: int | None


@dataclass(frozen=True, slots=True)
class Ready:
    """A filled database and the way there: what the load of a scenario needs. `plans` is None where none are shown."""

    scenario: Scenario
    workload: Workload
    statements: Mapping[str, Statement]
    dataset: Dataset
    seeded: SeedOutcome
    plans: Mapping[str, PlanEvidence] | None
    route: Route


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The result and the files it is kept in."""

    result: Result
    files: RunFiles


# -- run -------------------------------------------------------------------------------------------------------------


class Nights(Protocol):
    """Earlier runs that this one is compared with (`loadlab.nightly`)."""

    def foresee(self, scenario: str, scale: float | None) -> None:
        """Before anything is made; `scale` is None where only the database will tell. Raises InputError as `check`."""

    def check(self, night: Night) -> None:
        """Before the load. Raises InputError where they cannot be compared."""

    def compared(self, result: Result) -> Result: ...

    def keep(self) -> str:
        """Append the run to its history; what had to be said of it, or ""."""
        ...


def run(
    path: Path,
    database: str,
    data: DataOptions,
    load: LoadOptions,
    out: Path | None,
    show: Show,
    nights: Nights | None = None,
) -> RunOutcome:
    """Scenario → schema → data → load → evidence → verdicts → report. Raises LoadLabError."""
    scenario = load_scenario(path)
    check_patterns(scenario.file.review.silence, RULES, "scenario.yaml: review.silence[{}]")
    workload = changed_workload(scenario, load)
    load.conducting.check(workload.connections)
    folder = run_folder(out, scenario.name)
    if nights is not None:
        nights.foresee(scenario.name, data.scale)
    with ExitStack() as keeping:
        with open_database(database) as engine:
            ready = make_ready(engine, scenario, workload, data, show, load.database)
            if nights is not None:
                nights.check(night_before(engine, ready))
            result, measure = _measured(engine, ready, load, show)
            keeping.enter_context(first_interrupt_waits())
        if nights is not None:
            result = nights.compared(result)
        files = write_run(folder, result)
        write_histograms(folder, measure)
        if nights is not None and (said := nights.keep()):
            show.step(said)
        return RunOutcome(result, files)


def _measured(engine: Engine, ready: Ready, load: LoadOptions, show: Show) -> tuple[Result, LoadMeasure]:
    """Load a filled database, judge what was measured, and review what there is."""
    identities = statement_ids(engine, ready.statements)
    environment = environment_of(engine)
    if isinstance(engine, CanWriteOut):
        engine.write_out()
    window = measure_window(
        engine,
        ready.scenario,
        ready.workload,
        ready.dataset.manifest,
        ready.statements,
        show,
        ready.route,
        load.conducting,
        _second_look(ready) if ready.workload.may_extend else None,
    )
    if window.failure is not None:
        show.step(f"The load ended early: {window.failure}")
    with first_interrupt_waits():
        facts = facts_of(window, ready)
        verdicts = judge(ready.scenario.targets, facts)
    show.step("Reviewing schema, indexes, plans and load")
    return result_of(
        engine, ready, window, Judged(facts, verdicts, identities, environment), show.working
    ), window.measure


def night_before(engine: Engine, ready: Ready) -> Night:
    """What is known of a night before its load: what it may be compared with."""
    workload = ready.workload
    return blank_night(
        ready.scenario.name,
        seeding_result(ready.seeded),
        environment_of(engine),
        workload.mix_fingerprint,
        load_in_words(workload),
    )


def make_ready(
    engine: Engine,
    scenario: Scenario,
    workload: Workload,
    data: DataOptions,
    show: Show,
    load_database: str | None = None,
) -> Ready:
    """Fill the database, and see that every statement of the load can be executed there. Raises LoadLabError.

    A scenario without operations gets those that follow from its schema.
    """
    show.step(f"{engine.version()} at {engine.display_url}")
    route = route_to(engine, load_database)
    check_connections(engine, workload, route)
    found = schema_of(scenario, engine)
    dataset = _dataset(scenario, found, engine, data)
    statements = _statements(scenario, found, engine, dataset)
    seeded = _fill(engine, dataset, data, show)
    if not workload.operations:
        scenario, statements = with_derived_mix(scenario, engine, empty=found.bookkeeping, tell=show.step)
        workload = workload.model_copy(update={"operations": scenario.file.workload.operations})
    with in_scenario():
        engine.check_statements(statements)
    plans = (
        {name: engine.explain(text) for name, text in statements.items()} if isinstance(engine, CanExplain) else None
    )
    return Ready(scenario, workload, statements, dataset, seeded, plans, route)


def changed_workload(scenario: Scenario, options: LoadOptions) -> Workload:
    """The scenario's workload with the command line's changes; users close an open loop, a rate opens a closed one.

    Raises InputError.
    """
    workload = scenario.file.workload
    said = {
        "users": options.users,
        "rate": options.rate_per_s,
        "duration": options.duration_s,
        "warmup": options.warmup_s,
        "workers": options.workers,
        "extend": options.extend,
    }
    changes = {name: value for name, value in said.items() if value is not None}
    if "users" in changes and "rate" in changes:
        raise InputError("--rate", "cannot be combined with --users: operations are due by the clock or by users")
    replaced = {"rate": {"users", "think_time", "rate", "shape"}, "users": {"users", "rate", "arrivals", "shape"}}
    gone = {name for change in changes for name in replaced.get(change, ())}
    kept = {name: getattr(workload, name) for name in workload.model_fields_set - gone}
    return validate(Workload, {**kept, **changes}, place="command line")


def facts_of(window: Window, ready: Ready) -> Facts:
    """What the rules of the targets read of a window."""
    operations, dataset = ready.workload.operations, ready.dataset
    return Facts(
        load=window.measure,
        kinds={name: operation.kind for name, operation in operations.items()},
        weights={name: operation.weight for name, operation in operations.items()},
        scale=dataset.plan.scale,
        rows={table: dataset.row_count(table) for table in dataset.tables},
        evidence=window.delta,
        counters_were_reset=window.counters_were_reset,
        plans=ready.plans,
        integrity=window.integrity,
        confidence=confidence_of_looks(may_extend=ready.workload.may_extend),
    )


def _second_look(ready: Ready) -> Look:
    """Judges what was measured so far, and says whether going on could decide more."""

    def look(measure: LoadMeasure, states: Evidence) -> Prolongation | None:
        so_far = Window(measure, states, counters_were_reset=False, failure=None)
        return prolongation_of(
            judge(of_the_load(ready.scenario.targets), facts_of(so_far, ready)), ready.workload.duration
        )

    return look


# -- seed ------------------------------------------------------------------------------------------------------------


def seed_database(source: str | None, database: str, data: DataOptions, show: Show) -> SeedOutcome:
    """Fill a database from a scenario, a DDL file, or the empty tables that are there."""
    scenario = scenario_of(source)
    with open_database(database) as engine:
        show.step(f"{engine.version()} at {engine.display_url}")
        if data.recreate:
            start_anew(engine)
        found = schema_of(scenario, engine)
        dataset = _dataset(scenario, found, engine, data)
        _statements(scenario, found, engine, dataset)
        outcome = _fill(engine, dataset, data, show)
        # Whoever fills a database to work with it wants to connect to it afterwards.
        stop = engine.leave_running() if isinstance(engine, CanLeaveRunning) else None
        return replace(outcome, stop_command=stop)


def export_files(
    source: str | None, database: str, data: DataOptions, folder: Path, form: Format, show: Show
) -> tuple[ExportReport, Dataset]:
    """The rows that `seed_database` would write, as files; the database is asked for its tables alone."""
    scenario = scenario_of(source)
    with open_database(database) as engine:
        show.step(f"{engine.version()} at {engine.display_url}")
        if data.until is None and scenario.file.data.time.end == "today":
            data = replace(data, until="today")
        if data.until == "today":
            # Files that were begun another day keep their end.
            data = replace(data, until=written_until(folder) or "today")
        dataset, name = _dataset(scenario, schema_of(scenario, engine), engine, data), engine.name
    show.notes(dataset.plan.notes)
    workers = _workers(data)
    rows = sum(dataset.row_count(table) for table in dataset.tables)
    show.step(f"Writing {format_count(rows)} rows of {len(dataset.tables)} tables to {folder}")

    def observe(done: int, total: int, table: str) -> None:
        show.seeding(SeedProgress(done, total, table=table))

    return export(dataset, folder, form, engine=name, workers=workers, observe=observe), dataset


def profile_database(database: str, tables: Sequence[str], options: ProfileOptions) -> Profile:
    """The shape of the data that is there, from the database's statistics; no table is read."""
    with open_database(database) as engine:
        if not isinstance(engine, CanProfile):
            raise InputError("loadlab profile", f"is not possible with {engine.version()}: it keeps no statistics")
        schema = engine.reflect()
        known = [table.key for table in schema]
        for name in tables:
            if name not in known:
                raise InputError("--table", f"names no table; tables: {', '.join(known) or 'none'}", value=name)
        return make_profile(engine.statistics(tables or None), options)


def plan_seed(source: str | None, database: str, data: DataOptions, show: Show) -> SeedPlan:
    """What `seed_database` would write, tried on the database; nothing is written."""
    scenario = scenario_of(source)
    with open_database(database) as engine:
        show.step(f"{engine.version()} at {engine.display_url}")
        found = schema_of(scenario, engine)
        dataset, trial = _tried(scenario, found, engine, data, always=True)
        _statements(scenario, found, engine, dataset)
        tables = estimate(dataset, engine)
        return SeedPlan(dataset, tables, trial, total_seconds(tables, _workers(data)), free_bytes(engine))


def _workers(options: DataOptions) -> int:
    return options.workers if options.workers is not None else usable_cores()


def _fill(engine: Engine, dataset: Dataset, options: DataOptions, show: Show) -> SeedOutcome:
    notes = (*document_notes(dataset.nesting.documents), *dataset.plan.notes)
    show.notes(notes)
    require_room(engine, dataset)
    count = _workers(options)
    rows = sum(dataset.row_count(table) for table in dataset.tables)
    show.step(f"Seeding {format_count(rows)} rows in {len(dataset.tables)} tables")
    report = seed(engine, dataset, workers=count, observe=show.seeding, cluster=options.cluster)
    if isinstance(engine, HasNotes):
        more = tuple(note for note in engine.notes() if note not in notes)
        notes += more
        show.notes(more)
    sizes = engine.snapshot()
    tables = tuple(_table_result(dataset, table, sizes) for table in dataset.tables)
    return SeedOutcome(report, dataset, tables, _stored_bytes(tables), engine.display_url, notes)


def _stored_bytes(tables: Sequence[TableResult]) -> int | None:
    """Tables and indexes; the server's own catalogue is none of the data's doing."""
    parts = [size for table in tables for size in (table.table_bytes, table.index_bytes)]
    return sum(size for size in parts if size is not None) if any(size is not None for size in parts) else None


def _table_result(dataset: Dataset, table: str, sizes: Evidence) -> TableResult:
    evidence = sizes.tables.get(table)
    return TableResult(
        name=table,
        rows=dataset.row_count(table),
        table_bytes=evidence.size_bytes if evidence else None,
        index_bytes=evidence.index_bytes if evidence else None,
        default=dataset.is_default(table),
    )


# -- schema and data -------------------------------------------------------------------------------------------------


def _dataset(scenario: Scenario, found: FoundSchema, engine: Engine, options: DataOptions) -> Dataset:
    """What is asked for; where the database may refuse it, once it has accepted a sample. Raises as `refuse` does."""
    dataset, trial = _tried(scenario, found, engine, options, always=False)
    if trial is not None and trial.refusals:
        refuse(dataset, trial.refusals[0])
    return dataset


def _statements(scenario: Scenario, found: FoundSchema, engine: Engine, dataset: Dataset) -> dict[str, Statement]:
    """Those of the scenario, which are known to fit where the rows will stand. Raises InputError."""
    if isinstance(engine, CanNest) and found.statements:
        return statements_on(scenario, engine, dataset.manifest)
    return found.statements


def _tried(
    scenario: Scenario, found: FoundSchema, engine: Engine, options: DataOptions, *, always: bool
) -> tuple[Dataset, Trial | None]:
    dataset, trial = settle(engine, planned(scenario, found, engine, options), always=always)
    if is_grown(dataset.manifest):
        return dataset, trial
    notes = (*found.notes, *dataset.plan.notes)
    return Dataset(replace(dataset.plan, notes=notes), dataset.manifest), trial


__all__ = [
    "DataOptions",
    "LoadOptions",
    "RunOutcome",
    "SeedOutcome",
    "SeedPlan",
    "Show",
    "environment_of",
    "export_files",
    "plan_seed",
    "profile_database",
    "run",
    "seed_database",
    "seeding_result",
]
