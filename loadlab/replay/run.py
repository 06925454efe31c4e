"""Replay of a log: read → plan → connections → replay → finding → report."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loadlab.engines import HOW_TO_LOG, open_database, statement_log
from loadlab.engines.abilities import CanReplay, StatementLog
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError, LoadLabError
from loadlab.measure.model import Interval
from loadlab.measure.replay import ReplayMeasure
from loadlab.measure.window import Show
from loadlab.replay.collect import ReplayCollector
from loadlab.replay.crew import Crew
from loadlab.replay.prepare import Preparation, ReplayPlan, Selection
from loadlab.replay.spool import SpoolWriter
from loadlab.replay.worker import Task
from loadlab.report.files import RunFiles, run_folder
from loadlab.report.replay.build import build_replay, shape_result
from loadlab.report.replay.files import write_replay
from loadlab.report.replay.model import LogResult, ReplayResult, ShapeResult
from loadlab.termination import first_interrupt_waits
from loadlab.units import format_duration, format_share
from loadlab.validate.gates import CPU_SHARE_MAX
from loadlab.validate.wording import counted
from loadlab.workload.collect import machine_cpu_s

CONNECTIONS_MAX = 100
"""Without --connections; every session of its own connection up to here."""
# Left to others: monitoring, autovacuum's workers take none of them, people who look on do.
_SPARE_CONNECTIONS = 3
_ONLY_READS = " (--only-reads)"
_NOT_OURS = ", on a database that LoadLab did not fill (--writes replays them)"


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What the command line says. `speed` None is as fast as possible; `span_s` is of the log's time.

    `writes` allows changes on a database that LoadLab did not fill, `only_reads` forbids them on any.
    """

    speed: float | None = 1.0
    connections: int | None = None
    workers: int = 1
    limit: int | None = None
    span_s: float | None = None
    log_database: str | None = None
    writes: bool = False
    only_reads: bool = False
    timeout_s: float = 300.0
    lag_limit_s: float = 0.1


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """The result and the files it is kept in."""

    result: ReplayResult
    files: RunFiles


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """What a replay would execute."""

    log: LogResult
    shapes: tuple[ShapeResult, ...]
    notes: tuple[str, ...]


def replay_log(
    paths: Sequence[Path], database: str, options: ReplayOptions, out: Path | None, show: Show
) -> ReplayOutcome:
    """Raises LoadLabError; KeyboardInterrupt before the first statement. Later, what was measured is kept."""
    from loadlab.pipeline import environment_of

    _check(options)
    log = log_of(paths)
    folder = run_folder(out, "replay")
    with ExitStack() as keeping:
        with open_database(database) as engine:
            replayer = _able(engine, log)
            show.step(f"{engine.version()} at {engine.display_url}")
            selection = _selection(engine, options)
            with tempfile.TemporaryDirectory(prefix="loadlab-replay-") as spool:
                plan = _planned(log, paths, options, selection, Path(spool), show)
                connections, notes = _connections(replayer, plan, options)
                tasks = _tasks(engine.url, plan, options, selection, Path(spool), connections)
                before = machine_cpu_s()
                measure = _measured(tasks, plan, options, show)
                keeping.enter_context(first_interrupt_waits())
                notes += _full_machine(before, machine_cpu_s())
            environment = environment_of(engine)
        if not measure.executions and measure.interrupted:
            raise KeyboardInterrupt
        if not measure.executions and measure.failure is not None:
            raise LoadLabError(f"the replay ended before anything was measured: {measure.failure}")
        result = build_replay(
            measure=measure,
            log=log_result(paths, plan),
            environment=environment,
            read_only=not selection.writes,
            timeout_s=options.timeout_s,
            lag_limit_s=options.lag_limit_s,
            notes=[*plan.notes, *notes],
        )
        return ReplayOutcome(result, write_replay(folder, result, measure))


def plan_replay(paths: Sequence[Path], database: str | None, options: ReplayOptions, show: Show) -> PlanOutcome:
    """Read the log and say what would be replayed; on a database that is named, with what it allows."""
    _check(options)
    log = log_of(paths)
    selection = Selection(not options.only_reads, _ONLY_READS, options.limit, options.span_s)
    if database is not None:
        with open_database(database) as engine:
            _able(engine, log)
            selection = _selection(engine, options)
    with tempfile.TemporaryDirectory(prefix="loadlab-replay-") as spool:
        plan = _planned(log, paths, options, selection, Path(spool), show)
    shapes = tuple(shape_result(shape) for shape in ReplayCollector(plan.shapes).shapes())
    return PlanOutcome(log_result(paths, plan), shapes, plan.notes)


def _check(options: ReplayOptions) -> None:
    if options.writes and options.only_reads:
        raise InputError("--writes", "goes not with --only-reads")
    if options.speed is not None and not 0 < options.speed < 1e6:
        raise InputError("--speed", "must be a factor above 0, or max", value=options.speed)
    if options.connections is not None and options.workers > options.connections:
        raise InputError("--workers", f"must not be above --connections ({options.connections})", value=options.workers)
    for option, seconds in (("--timeout", options.timeout_s), ("--lag-limit", options.lag_limit_s)):
        if seconds <= 0:
            raise InputError(option, "must be longer than nothing", value=seconds)


def log_of(paths: Sequence[Path]) -> StatementLog:
    """What reads the files, which are logs of one kind. Raises InputError naming the one that is none."""
    return [statement_log(path) for path in paths].pop()


def _able(engine: Engine, log: StatementLog) -> CanReplay:
    if engine.name != log.engine or not isinstance(engine, CanReplay):
        raise InputError("--database", f"is {engine.version()}, on which a log of {log.engine} cannot be replayed")
    return engine


def _selection(engine: Engine, options: ReplayOptions) -> Selection:
    is_ours = engine.manifest() is not None
    writes = not options.only_reads and (options.writes or is_ours)
    why = _ONLY_READS if options.only_reads else _NOT_OURS
    return Selection(writes, why, options.limit, options.span_s)


def _planned(
    log: StatementLog, paths: Sequence[Path], options: ReplayOptions, selection: Selection, spool: Path, show: Show
) -> ReplayPlan:
    show.step(f"Reading {', '.join(map(str, paths))}" if len(paths) < 4 else f"Reading {len(paths)} files")
    spools = [SpoolWriter(spool / str(worker)) for worker in range(options.workers)]
    plan = Preparation(spools, selection).read(log.items(paths, database=options.log_database))
    place = ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")
    if not plan.statements:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in list(plan.left_out.items())[:4])
        raise InputError(place, f"holds no statement that is replayed ({reasons or 'nothing at all'}); {HOW_TO_LOG}")
    (spool / "last_places.json").write_text(json.dumps(plan.last_places), encoding="ascii")
    left_out = sum(plan.left_out.values())
    show.step(
        f"{plan.statements:,} statements of {len(plan.last_places):,} sessions in {format_duration(plan.span_s)};"
        f" {left_out:,} records left out"
    )
    return plan


def _connections(engine: CanReplay, plan: ReplayPlan, options: ReplayOptions) -> tuple[int, list[str]]:
    """How many: as the log had sessions at once, if that many are to be had."""
    peak = max(plan.sessions_peak, 1)
    if options.connections is not None:
        return options.connections, _fewer(options.connections, peak)
    free = max(engine.free_connections() - _SPARE_CONNECTIONS - options.workers, 1)
    number = max(min(peak, CONNECTIONS_MAX, free), options.workers)
    return number, _fewer(number, peak)


def _fewer(connections: int, peak: int) -> list[str]:
    if connections >= peak:
        return []
    return [
        f"The log has {peak:,} sessions at once, replayed over {connections:,} connections: a session changes"
        " connections between its transactions."
    ]


def _tasks(
    url: str, plan: ReplayPlan, options: ReplayOptions, selection: Selection, spool: Path, connections: int
) -> list[Task]:
    each, rest = divmod(connections, options.workers)
    return [
        Task(
            worker=worker,
            url=url,
            spool=str(spool / str(worker)),
            last_places=str(spool / "last_places.json"),
            first_us=plan.first_us,
            speed=options.speed,
            connections=each + (worker < rest),
            operations=len(plan.shapes),
            timeout_s=options.timeout_s,
            read_only=not selection.writes,
        )
        for worker in range(options.workers)
    ]


def _measured(tasks: Sequence[Task], plan: ReplayPlan, options: ReplayOptions, show: Show) -> ReplayMeasure:
    collector = ReplayCollector(plan.shapes)
    planned_s = plan.span_s / options.speed if options.speed else 0.0
    connections = sum(task.connections for task in tasks)
    show.step(f"Replaying over {counted(connections, 'connection')}{_expected(planned_s)}")
    with ExitStack() as keeping, Crew(tasks, collector) as crew:
        started_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        crew.run(_observer(show, planned_s))
        keeping.enter_context(first_interrupt_waits())
    return ReplayMeasure(
        started_at=started_at,
        speed=options.speed,
        planned=plan.statements,
        planned_s=planned_s,
        begun_s=collector.begun_s,
        duration_s=collector.duration_s,
        sessions=len(plan.last_places),
        connections=connections,
        workers=len(tasks),
        shapes=collector.shapes(),
        intervals=collector.intervals(),
        lag=collector.lag,
        late_s=collector.late_s,
        cpu_share=collector.cpu_share,
        interrupted=crew.interrupted,
        failure=crew.failure,
        lag_by_interval=collector.lags(),
    )


def _full_machine(before: tuple[float, float] | None, after: tuple[float, float] | None) -> list[str]:
    """(busy, total) processor seconds of this machine before and after: whatever waited may have waited for these."""
    if before is None or after is None or after[1] <= before[1]:
        return []
    share = (after[0] - before[0]) / (after[1] - before[1])
    if share <= CPU_SHARE_MAX:
        return []
    return [
        f"This machine's cores were {format_share(round(share, 2))} busy: what is late may have waited for a processor."
    ]


def _expected(planned_s: float) -> str:
    return f", for {format_duration(planned_s)}" if planned_s else ", as fast as possible"


def _observer(show: Show, planned_s: float) -> Callable[[Interval], None]:
    def observe(interval: Interval) -> None:
        elapsed_s = interval.start_s + interval.duration_s
        show.load("Replay", elapsed_s, max(planned_s, elapsed_s), interval)

    return observe


def log_result(paths: Sequence[Path], plan: ReplayPlan) -> LogResult:
    """What was read, for the report."""
    return LogResult(
        files=[str(path) for path in paths],
        statements=plan.statements,
        sessions=len(plan.last_places),
        sessions_peak=plan.sessions_peak,
        settings=plan.settings,
        span_s=plan.span_s,
        left_out=plan.left_out,
    )
