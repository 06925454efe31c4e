"""The measured window: what the clients saw, what the server counted meanwhile, and what then stood in the tables."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from loadlab.engines.abilities import CanCutOff, CanSampleActivity, CanWatch
from loadlab.engines.protocol import Engine, Evidence
from loadlab.errors import DatabaseError, InputError
from loadlab.measure.activity import Activity, ActivityWatch
from loadlab.measure.evidence import counters_were_reset, subtract
from loadlab.measure.integrity import IntegrityCheck
from loadlab.measure.invariants import Answers, ask_invariants, compare
from loadlab.measure.live import Watch
from loadlab.measure.model import Interval, LoadMeasure
from loadlab.measure.pooler import PoolerEvidence, PoolerWatch
from loadlab.measure.route import Route
from loadlab.measure.warmup import WarmupFailures
from loadlab.schema.manifest import Manifest
from loadlab.spec.scenario import Scenario
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Workload
from loadlab.termination import first_interrupt_waits
from loadlab.units import format_duration, format_rate
from loadlab.workload.conduct import Conductor
from loadlab.workload.conducting import ALONE, Conducting
from loadlab.workload.plan import NEW_ROWS_RESERVED, load_plans

# A look takes the server below a millisecond.
_LOOK_EVERY_S = 0.5


class Show(Protocol):
    """How somebody outside follows the load."""

    def step(self, text: str) -> None:
        """A new stage begins, or something is worth a line."""

    def load(self, phase: str, elapsed_s: float, total_s: float, interval: Interval | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Prolongation:
    """The window went on for `by_s` beyond the asked `from_s`; `reason` is a clause."""

    from_s: float
    by_s: float
    reason: str


Look = Callable[[LoadMeasure, Evidence], Prolongation | None]
"""Asked when the window's asked length is over, while the load goes on: whether it is to go on. The evidence holds
states; its counters have not moved."""


@dataclass(frozen=True, slots=True)
class Window:
    """`delta` is None where the server could not be asked; `failure` tells what ended the load early.

    `prolongation` is None for a window of the asked length. `activity` is None where nobody looked at the sessions.
    """

    measure: LoadMeasure
    delta: Evidence | None
    counters_were_reset: bool
    failure: str | None
    integrity: tuple[IntegrityCheck, ...] = ()
    notes: tuple[str, ...] = ()
    prolongation: Prolongation | None = None
    activity: Activity | None = None
    pooler: PoolerEvidence | None = None


def check_connections(engine: Engine, workload: Workload, route: Route) -> None:
    """Raises InputError when the server cannot take the pool beside the connections that it has.

    How many of them a pooler takes is its own matter.
    """
    now = engine.snapshot()
    if now.connections_max is None or route.pooler is not None:
        return
    free = now.connections_max - (now.connections or 0)
    if workload.connections > free:
        raise InputError(
            "scenario.yaml: workload.connections",
            f"is more than the {free:,} that the server has free (it takes {now.connections_max:,} at most)",
            value=workload.connections,
        )


def measure_window(
    engine: Engine,
    scenario: Scenario,
    workload: Workload,
    manifest: Manifest,
    statements: Mapping[str, Statement],
    show: Show,
    route: Route,
    conducting: Conducting = ALONE,
    look: Look | None = None,
) -> Window:
    """Warm up, pause, look, load, pause, look again: the counters cover exactly what the clients counted.

    `look` may prolong the load once; the server is asked before and after the whole.
    """
    there = engine.manifest()
    start = there.new_rows if there is not None else 0
    machines = conducting.machines
    plans = load_plans(
        engine, scenario, workload, manifest, statements,
        new_rows_start=start, machines=machines, load_url=route.url,
    )  # fmt: skip
    ask = partial(
        ask_invariants, engine, workload.invariants, dialect=manifest.schema.dialect, timeout_s=_INVARIANT_LIMIT_S
    )
    before_load = ask()
    # Should the load die without a word, the next one still begins behind whatever it inserted.
    engine.note_new_rows(start + NEW_ROWS_RESERVED)
    _announce(conducting, show)
    with ExitStack() as keeping, Conductor(plans, conducting) as conductor:
        live = _watcher(conductor, engine) if conducting.web is not None else None
        show.step(f"Warming up: {_load_in_words(workload)} over {_connections_in_words(workload, route)}")
        warmup_s = workload.ramp + workload.warmup
        warmup_notes = _warm_up(conductor, warmup_s, _observer(show, "Warm-up", warmup_s, live=live), show)
        conductor.pause()
        before = engine.snapshot()
        show.step(f"Measuring for {format_duration(workload.duration)}")
        with PoolerWatch(route.pooler) as watch, _sampling(engine) as watching:
            prolongation = _measure(
                conductor, workload.duration, partial(_observer, show, live=live), look, before, show
            )
            keeping.enter_context(first_interrupt_waits())
        conductor.pause()
        after, failure = _look_again(engine, conductor)
        integrity = (*_invariants(workload, before_load, ask), *conductor.verify())
        measure = conductor.collect()
        was_reset = after is not None and counters_were_reset(before, after)
        delta = subtract(before, after) if after is not None else None
        return Window(
            measure,
            delta,
            was_reset,
            conductor.failure or failure,
            integrity,
            (*warmup_notes, *conductor.notes, *watching.notes),
            prolongation,
            watching.activity,
            watch.seen(),
        )


def _warm_up(conductor: Conductor, seconds: float, observe: Callable[[Interval], None], show: Show) -> tuple[str, ...]:
    """Returns what failed meanwhile, if anything did."""
    failures = WarmupFailures()

    def look(interval: Interval) -> None:
        failures.add(interval)
        observe(interval)

    conductor.warm_up(seconds, look)
    note = failures.note
    if note is None:
        return ()
    show.step(note)
    return (note,)


def _announce(conducting: Conducting, show: Show) -> None:
    if conducting.master is not None:
        show.step(conducting.master.invitation)
    if conducting.web is not None:
        show.step(f"Web UI at {conducting.web.address}, LoadLab's own view at {conducting.web.address}/loadlab")


def _measure(
    conductor: Conductor,
    duration_s: float,
    observer: Callable[[str, float], Callable[[Interval], None]],
    look: Look | None,
    before: Evidence,
    show: Show,
) -> Prolongation | None:
    """The window, and what it went on by."""
    conductor.measure(duration_s, observer("Measuring", duration_s))
    if look is None or conductor.interrupted:
        return None
    try:
        prolongation = look(conductor.so_far(), subtract(before, before))
        if prolongation is not None:
            show.step(f"Going on for {format_duration(prolongation.by_s)}: {prolongation.reason}")
    except KeyboardInterrupt:
        # What was asked for is measured; it only does not go on.
        return None
    if prolongation is not None:
        conductor.go_on(prolongation.by_s, observer("Measuring on", prolongation.from_s + prolongation.by_s))
    return prolongation


def _look_again(engine: Engine, conductor: Conductor) -> tuple[Evidence | None, str | None]:
    """The counters after the load; None and the reason where the server went away.

    What the clients measured is kept and judged without its counters then.
    """
    try:
        with _answering(engine):
            after = engine.snapshot()
            engine.note_new_rows(conductor.new_rows_end)
    except DatabaseError as error:
        return None, str(error)
    return after, None


class _Watching:
    """What was seen of the server's sessions in the window, once it is left."""

    def __init__(self) -> None:
        self.activity: Activity | None = None
        self.notes: list[str] = []


@contextmanager
def _sampling(engine: Engine) -> Iterator[_Watching]:
    """Look at what the server's sessions do, from time to time; what cannot be looked at is noted."""
    seen = _Watching()
    if not isinstance(engine, CanSampleActivity):
        seen.notes.append(f"{engine.version()} does not tell what its sessions wait for.")
        yield seen
        return
    try:
        sampler = engine.activity_sampler()
    except DatabaseError as error:
        seen.notes.append(f"The server's sessions were not looked at: {error}")
        yield seen
        return
    with closing(sampler), ActivityWatch(sampler, every_s=_LOOK_EVERY_S) as watch:
        yield seen
    seen.activity = watch.seen()
    if watch.failure is not None:
        seen.notes.append(f"The server's sessions were looked at until this failed: {watch.failure}")


@contextmanager
def _answering(engine: Engine) -> Iterator[None]:
    """A server that has fallen silent is one that has gone away."""
    if not isinstance(engine, CanCutOff):
        yield
        return
    timer = threading.Timer(_SNAPSHOT_LIMIT_S, engine.cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _invariants(workload: Workload, before: Answers, ask: Callable[[], Answers]) -> tuple[IntegrityCheck, ...]:
    try:
        return compare(workload.invariants, before, ask())
    except (DatabaseError, InputError) as error:
        # Refused only now, after the load: what was measured is none the worse.
        return tuple(IntegrityCheck(name, 0, 0, "", str(error)) for name in workload.invariants)


# Of a look at the counters, which takes milliseconds, or seconds with thousands of tables.
_SNAPSHOT_LIMIT_S = 60.0
# A sum over a large table takes its time.
_INVARIANT_LIMIT_S = 600.0


def _observer(show: Show, phase: str, total_s: float, *, live: Callable[[], None] | None) -> Callable[[Interval], None]:
    def observe(interval: Interval) -> None:
        show.load(phase, interval.start_s + interval.duration_s, total_s, interval)
        if live is not None:
            live()

    return observe


def _watcher(conductor: Conductor, engine: Engine) -> Callable[[], None]:
    """Tells the web UI what the server is doing; to be called about once a second."""
    if not isinstance(engine, CanWatch):
        conductor.tell({"state": f"{engine.name} tells nothing while it is loaded"})
        return lambda: None
    watch = Watch(engine)

    def look() -> None:
        figures = watch.figures()
        if figures is not None:
            conductor.tell(figures)

    return look


def _load_in_words(workload: Workload) -> str:
    level = workload.levels[0][1]
    return f"{format_rate(level)} ({workload.arrivals})" if workload.is_open else f"{level:,.0f} users"


def _connections_in_words(workload: Workload, route: Route) -> str:
    each = ", one opened for each operation" if workload.connection_mode == "direct" else ""
    through = f" through {route.pooler.product}" if route.pooler is not None else ""
    return f"{workload.connections} connections{through}{each}"
