"""A comparison: from two designs to what one is better and worse at, in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from loadlab.compare.differences import common_outlines, differences, own_outlines
from loadlab.compare.rounds import PAIRS, Pairs, RoundPlan, check_rounds, measure_pairs, plan_rounds
from loadlab.compare.side import FilledSide, LoadedSide, free_name, with_control, with_operations
from loadlab.compare.sides import Choice, SideChoice, choose_sides, labelled_by_database
from loadlab.engines import open_database
from loadlab.engines.abilities import CanTellIdentity
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError
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
from loadlab.report.compare.build import SideFacts, build_comparison
from loadlab.report.compare.model import CompareResult, RoundsResult
from loadlab.report.files import RunFiles, run_folder
from loadlab.report.kinds import COMPARISON
from loadlab.schema.nesting import documents_of
from loadlab.spec.workload import Workload
from loadlab.termination import first_interrupt_waits
from loadlab.units import format_duration, format_rate
from loadlab.validate.comparison.storage import judge_storage, stored_side
from loadlab.validate.comparison.verdicts import LOOKS, MIN_EFFECT, compare_rounds, undecided
from loadlab.validate.wording import counted

_WARMUP_MOST_S = 3.0
# Where nobody states a load: as many answers as there are to get, without much waiting for each other.
_PLAIN_LOAD: Mapping[str, object] = {"users": 2, "think_time": 0.0, "ramp": 0.0, "connections": 2}
# What a pair takes beyond its rounds, of which values are to be prepared for.
_ROUNDS_FORESEEN_S = 1.0


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What the command line says about the rounds; None leaves compare.yaml's word, or LoadLab's."""

    pairs: int = PAIRS
    round_s: float | None = None
    min_effect: float | None = None
    control: str | None = None
    extend: bool = True
    load: LoadOptions = field(default_factory=LoadOptions)


@dataclass(frozen=True, slots=True)
class CompareOutcome:
    """The result and the files it is kept in."""

    result: CompareResult
    files: RunFiles


def compare(
    a: str,
    b: str | None,
    options: CompareOptions,
    data: DataOptions,
    out: Path | None,
    show: Show,
    *,
    scenario: Path | None = None,
    database_a: str | None = None,
    database_b: str | None = None,
) -> CompareOutcome:
    """Two sides → two filled databases → paired rounds → verdicts → report. Raises LoadLabError.

    KeyboardInterrupt before the first pair was measured; later, the pairs that were are kept and judged.
    """
    check_rounds(options.pairs, options.round_s)
    choice = choose_sides(a, b, scenario=scenario, database_a=database_a, database_b=database_b)
    _check_choice(choice, options)
    folder = run_folder(out, f"{choice.name}-compare")
    min_effect = options.min_effect or choice.min_effect or MIN_EFFECT
    with ExitStack() as keeping:
        with ExitStack() as stack:
            engines = [stack.enter_context(open_database(side.database)) for side in (choice.a, choice.b)]
            _check_apart(engines)
            choice = labelled_by_database(
                choice, [engine.version() for engine in engines], [engine.display_url for engine in engines]
            )
            sides, control = _filled(engines, choice, options, data, show)
            loaded = [LoadedSide(side) for side in sides]
            looks = LOOKS if options.extend else 1
            judge = partial(compare_rounds, control=control, min_effect=min_effect, looks=looks)

            def look(pairs: Pairs, growth: int) -> str | None:
                return undecided(judge(pairs.a, pairs.b), min_effect, growth)

            plan, pairs = _measured(loaded, options, show, look, looks)
            keeping.enter_context(first_interrupt_waits())
            environment = environment_of(engines[0])
        found = differences(sides[0].ready, sides[1].ready)
        facts = [_facts(side, only) for side, only in zip(loaded, (found.only_a, found.only_b), strict=True)]
        storage = judge_storage(facts[0].stored, facts[1].stored, min_effect)
        comparison = judge(
            pairs.a,
            pairs.b,
            pairs_asked=pairs.asked,
            ended_early=pairs.ended_early,
            storage=storage[0] if storage is not None else None,
        )
        result = build_comparison(
            name=choice.name,
            question=choice.question,
            sides=(facts[0], facts[1]),
            rounds=(pairs.a, pairs.b),
            comparison=comparison,
            storage=storage,
            differences=(*found.schema, *found.operations),
            min_effect=min_effect,
            looks=looks,
            measured=RoundsResult(
                pairs=len(pairs.a),
                pairs_asked=pairs.asked,
                round_s=plan.round_s,
                slices=plan.slices,
                extended_for=pairs.extended_for,
                ended_early=pairs.ended_early,
            ),
            load=_load_words(sides),
            environment=environment,
            notes=tuple(_notes(loaded)),
        )
        return CompareOutcome(result, COMPARISON.write(folder, result))


def _check_choice(choice: Choice, options: CompareOptions) -> None:
    """What can be said before anything is opened. Raises InputError."""
    control = options.control or choice.control
    for side in (choice.a, choice.b):
        operations = _workload(side, options).operations
        if control is not None and operations and control not in operations:
            raise InputError("--control", f"is no operation of {side.label}", value=control)


def _check_apart(engines: Sequence[Engine]) -> None:
    """Two addresses may lead to one database."""
    identities = [(engine.name, engine.identity()) for engine in engines if isinstance(engine, CanTellIdentity)]
    if len(identities) == len(engines) and identities[0] == identities[1]:
        raise InputError("--database-b", "leads to the database of the other side; each needs its own")


# -- filling ---------------------------------------------------------------------------------------------------------


def _filled(
    engines: Sequence[Engine], choice: Choice, options: CompareOptions, data: DataOptions, show: Show
) -> tuple[list[FilledSide], str | None]:
    """Both sides with their data and with the control operation, which has the same name on both.

    Between two kinds of database there is none unless it is named: each does everything in its own way.
    """
    named = options.control or choice.control
    readies: list[Ready] = []
    for which, side, engine in zip("AB", (choice.a, choice.b), engines, strict=True):
        show.step(f"{which}: {side.label}")
        ready = _ready(engine, side, options, data, show, like=readies[0] if readies else None)
        if named is not None and named not in ready.workload.operations:
            raise InputError("--control", f"is no operation of {side.label}", value=named)
        readies.append(ready)
    _check_shared(choice, readies, named)
    control = named
    is_one_kind = engines[0].name == engines[1].name
    if control is None and is_one_kind:
        control = free_name(name for ready in readies for name in ready.workload.operations)
        readies = [with_control(ready, engine, control) for ready, engine in zip(readies, engines, strict=True)]
    sides = [
        FilledSide(
            side,
            engine,
            ready,
            engine.version(),
            engine.snapshot(),
            own_outlines(ready) if is_one_kind else common_outlines(ready, engine),
            _has_new_rows(engine),
        )
        for side, engine, ready in zip((choice.a, choice.b), engines, readies, strict=True)
    ]
    return sides, control


def _has_new_rows(engine: Engine) -> bool:
    """Whether an earlier load has inserted into it."""
    manifest = engine.manifest()
    return manifest is not None and manifest.new_rows > 0


def _check_shared(choice: Choice, readies: Sequence[Ready], control: str | None) -> None:
    """Before minutes are spent: raises InputError where there is nothing to compare."""
    a, b = ([name for name in ready.workload.operations if name != control] for ready in readies)
    if not set(a) & set(b):
        raise InputError(
            f"{choice.a.label} and {choice.b.label}",
            f"share no operation, and operations are compared by name: A has {', '.join(a[:3]) or 'none'}, B has"
            f" {', '.join(b[:3]) or 'none'}; give both the same names, or two schemas one load with --scenario",
        )


def _ready(
    engine: Engine, side: SideChoice, options: CompareOptions, data: DataOptions, show: Show, *, like: Ready | None
) -> Ready:
    """A side without operations takes those of the side before it (`like`), where they can be executed on it too."""
    if side.is_filled and engine.manifest() is None:
        raise InputError(
            engine.display_url, "was not filled by LoadLab, and a comparison writes; fill it with `loadlab seed`"
        )
    if like is not None and not side.scenario.file.workload.operations:
        try:
            other = replace(side, scenario=with_operations(side.scenario, like.workload.operations))
            return make_ready(engine, other.scenario, _workload(other, options), data, show)
        except InputError as error:
            show.step(f"A's operations are not possible here: {error}")
    return make_ready(engine, side.scenario, _workload(side, options), data, show)


def _workload(side: SideChoice, options: CompareOptions) -> Workload:
    """The scenario's load without what is a run's matter alone: checks of the data, a shape, a second look."""
    round_s = options.round_s or _ROUNDS_FORESEEN_S
    scenario = side.scenario
    if scenario.is_plain and options.load.users is options.load.rate_per_s is None:
        workload = scenario.file.workload.model_copy(update=_PLAIN_LOAD)
        scenario = replace(scenario, file=scenario.file.model_copy(update={"workload": workload}))
    workload = changed_workload(scenario, replace(options.load, duration_s=options.pairs * round_s))
    return workload.model_copy(update={"verify": 0.0, "invariants": {}, "extend": False, "shape": None})


# -- measuring -------------------------------------------------------------------------------------------------------


def _measured(
    loaded: Sequence[LoadedSide],
    options: CompareOptions,
    show: Show,
    look: Callable[[Pairs, int], str | None],
    looks: int,
) -> tuple[RoundPlan, Pairs]:
    show.step("Starting the load of both sides")
    with ExitStack() as keeping, _opened(loaded):
        for side in loaded:
            show.step(f"Warming up {side.side.choice.label}")
            workload = side.side.ready.workload
            side.warm_up(workload.ramp + min(workload.warmup, _WARMUP_MOST_S))
        plan = plan_rounds(loaded, options.pairs, options.round_s)
        show.step(
            f"Measuring {plan.pairs} pairs of rounds of {format_duration(plan.round_s)} a side, in turns of"
            f" {format_duration(plan.slice_s)}: about {format_duration(round(plan.seconds * 1.15))}"
        )
        pairs = measure_pairs(loaded, plan, show, look, looks)
        keeping.enter_context(first_interrupt_waits())
    if pairs.ended_early is not None:
        show.step(f"Ended early: {pairs.ended_early}; {len(pairs.a)} pairs are kept")
    return plan, pairs


@contextmanager
def _opened(loaded: Sequence[LoadedSide]) -> Iterator[None]:
    """Both sides' processes, started at the same time."""
    with ExitStack() as stack, ThreadPoolExecutor(len(loaded)) as pool:
        starting = [pool.submit(side.start) for side in loaded]
        failed = [future.exception() for future in starting]
        for side, error in zip(loaded, failed, strict=True):
            if error is None:
                stack.enter_context(side)
        for error in failed:
            if error is not None:
                raise error
        yield


def _facts(loaded: LoadedSide, only_here: Sequence[str]) -> SideFacts:
    side = loaded.side
    ready = side.ready
    rows = {table: ready.dataset.row_count(table) for table in ready.dataset.tables}
    documents = documents_of(ready.dataset.manifest)
    return SideFacts(
        label=side.choice.label,
        scenario=ready.scenario.name,
        engine=side.engine.name,
        server=side.server,
        database=side.engine.display_url,
        seeding=seeding_result(ready.seeded),
        stored=stored_side(
            rows,
            side.before,
            loaded.after,
            inside={table: documents.root(table) for table in rows if documents.of(table).is_inside},
            has_new_rows=side.has_new_rows,
        ),
        plans=side.plans,
        only_here=only_here,
        settings=side.before.settings,
    )


def _load_words(sides: Sequence[FilledSide]) -> str:
    words = list(dict.fromkeys(_workload_words(side.ready.workload) for side in sides))
    return words[0] if len(words) == 1 else f"{words[0]} on A, {words[1]} on B"


def _workload_words(workload: Workload) -> str:
    connections = counted(workload.connections, "connection")
    if workload.is_open:
        return f"{format_rate(workload.base_level)} ({workload.arrivals}) over {connections}"
    low_s, high_s = workload.think_time_s
    pause = f"thinking {format_duration(low_s)} to {format_duration(high_s)}" if high_s else "without think time"
    return f"{counted(workload.users, 'user')} {pause} over {connections}"


def _notes(loaded: Sequence[LoadedSide]) -> Iterator[str]:
    for which, side in zip("AB", loaded, strict=True):
        for note in (*side.side.ready.seeded.notes, *([side.lost] if side.lost else ())):
            yield f"{which}: {note}"
