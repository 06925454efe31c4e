"""Locust conducts: this file and `locust_*.py` beside it are the only ones that import Locust and gevent.

Two ways in. A scenario's `locustfile.py` makes a user class for plain `locust -f`:

    from loadlab.workload.locust_user import scenario_user

    MarketplaceUser = scenario_user(__file__)

and `python -m loadlab.workload.locust_user` runs Locust as a library for `loadlab run` (see `conduct.py`).

A Locust user executes nothing: starting or stopping one changes the population of the driver processes, whose counts
flow back into Locust's statistics. Those are in whole milliseconds; no verdict reads them.
"""

from __future__ import annotations

# Before anything else: it patches the standard library for gevent.
import locust  # isort: skip

import json
import logging
import os
import queue
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import gevent
from gevent.fileobject import FileObject
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, Runner, WorkerRunner
from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

from loadlab.engines import mask
from loadlab.errors import InputError, LoadLabError
from loadlab.measure.histogram import Histogram, highest_equivalent_us
from loadlab.measure.model import Interval, LoadMeasure, OperationInterval
from loadlab.spec.arrivals import level_at
from loadlab.spec.scenario import load_scenario
from loadlab.spec.workload import MOST_USERS, Workload
from loadlab.workload.collect import MEASURE, Message
from loadlab.workload.conducting import Conducting
from loadlab.workload.hub import START_LIMIT_S, Child, Hub
from loadlab.workload.pipes import protocol_streams, write_message
from loadlab.workload.plan import LoadPlan
from loadlab.workload.planner import DATABASE
from loadlab.workload.remote import RemoteHub

if TYPE_CHECKING:
    from loadlab.workload.locust_web import LiveView

# Locust starts users in bursts: the drivers are told of one burst at once.
_SETTLE_S = 0.02
_FOREVER_S = 3600.0
_LOOK_S = 0.1
_SECONDS_KEPT = 60
# What one of Locust's own workers may insert before it meets the next one's rows.
_ROWS_APART = 10_000_000
RUN_USER = "RunUser"
"""The user class of `loadlab run`, by the name under which a master tells its workers of it."""


class Population:
    """The number of Locust users, told to the drivers soon after it changes."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._users = 0
        self._told: gevent.Greenlet | None = None

    def change(self, by: int) -> None:
        self._users += by
        if self._told is None or self._told.ready():
            self._told = gevent.spawn_later(_SETTLE_S, lambda: self._tell(self._users))


class LoadUser(locust.User):
    """A virtual user: its existence is all there is to it."""

    abstract = True
    wait_time = locust.constant(_FOREVER_S)
    population: Population

    def on_start(self) -> None:
        self.population.change(+1)

    def on_stop(self) -> None:
        self.population.change(-1)

    @locust.task
    def exist(self) -> None:
        """Nothing: the drivers do it."""


def feed_statistics(stats: RequestStats, interval: Interval, kinds: Mapping[str, str]) -> None:
    """Add an interval to Locust's statistics, as its master adds a worker's report."""
    now_s = time.time()
    for name, one in interval.operations.items():
        entry = _stats_entry(stats, name, kinds[name], one, now_s)
        for kept in (stats.get(name, kinds[name]), stats.total):
            kept.extend(entry)
            _forget(kept, before_s=int(now_s) - _SECONDS_KEPT)
        for outcome, count in one.errors.items():
            _add_error(stats, kinds[name], name, outcome, count, now_s)


def _forget(entry: StatsEntry, *, before_s: int) -> None:
    """Locust reads the last seconds alone of what it keeps by the second, for ever."""
    for by_second in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
        for second in [second for second in by_second if second < before_s]:
            del by_second[second]


def _stats_entry(stats: RequestStats, name: str, kind: str, one: OperationInterval, now_s: float) -> StatsEntry:
    failures = sum(one.errors.values())
    entry = StatsEntry(stats, name, kind)
    entry.num_requests = one.count + failures
    # A failure has no response time: Locust calls that None.
    entry.num_none_requests = entry.num_fail_per_sec[int(now_s)] = entry.num_failures = failures
    entry.num_reqs_per_sec[int(now_s)] = entry.num_requests
    entry.last_request_timestamp = now_s
    if one.count:
        entry.total_response_time = one.response.total_us / 1000  # type: ignore[assignment]
        entry.min_response_time = one.response.percentile_us(0) / 1000  # type: ignore[assignment]
        entry.max_response_time = one.response.max_us / 1000  # type: ignore[assignment]
    for index, count in zip(*_used(one.response), strict=True):
        entry.response_times[bucket_response_time(highest_equivalent_us(index) / 1000)] += count
    return entry


def _used(histogram: Histogram) -> tuple[list[int], list[int]]:
    sparse: Any = histogram.to_sparse()
    return sparse["index"], sparse["count"]


def _add_error(stats: RequestStats, kind: str, name: str, outcome: str, count: int, now_s: float) -> None:
    error = stats.errors.setdefault(StatsError.create_key(kind, name, outcome), StatsError(kind, name, outcome))
    error.occurrences += count
    error.first_seen = error.first_seen or now_s
    error.last_seen = now_s


def operation_kinds(plans: Sequence[LoadPlan]) -> dict[str, str]:
    """The kind of each operation, which Locust shows in the column of HTTP methods."""
    return {name: operation.kind for name, operation in plans[0].workload.operations.items()}


def user_class(name: str, tell: Callable[[int], None]) -> type[LoadUser]:
    """A user class with a population of its own."""
    return type(name, (LoadUser,), {"abstract": False, "population": Population(tell)})


# -- for plain `locust -f` -------------------------------------------------------------------------------------------


def scenario_user(path: str | Path) -> type[LoadUser]:
    """The Locust user of a scenario; `path` is its folder, or a file in it such as its locustfile (`__file__`).

    The database is that of `LOADLAB_DATABASE`, else a bundled one that goes when Locust quits; it is filled first.
    """
    given = Path(path).resolve()
    scenario_path = given if given.is_dir() else given.parent
    try:
        scenario = load_scenario(scenario_path)
    except LoadLabError as error:
        _give_up(error)
    show = _Show(scenario_path, {name: item.kind for name, item in scenario.file.workload.operations.items()})
    _listen(locust.events.init, show.on_init)
    words = "".join(word.capitalize() for word in re.split(r"[^0-9A-Za-z]+", scenario.name))
    return user_class(f"{words}User", show.set_users)


def _listen(hook: Any, handler: Callable[..., None]) -> None:
    hook.add_listener(handler)


def _give_up(error: LoadLabError) -> NoReturn:
    sys.stderr.write(f"{error}\n")
    raise SystemExit(error.exit_code) from None


class _Show:
    """One scenario under Locust's own command line: its database, its drivers, its figures."""

    def __init__(self, scenario_path: Path, kinds: Mapping[str, str]) -> None:
        self._scenario_path, self._kinds = scenario_path, kinds
        self._log = logging.getLogger("loadlab")
        self._answers: queue.Queue[Message | None] = queue.Queue()
        self._planner: Child | None = None
        self._plans: Sequence[LoadPlan] = ()
        self._hub: Hub | None = None
        self._measure: LoadMeasure | None = None

    def set_users(self, users: int) -> None:
        if self._hub is not None:
            self._hub.set_users(users)

    def on_init(self, environment: Environment, runner: Runner, **_: object) -> None:
        """Locust is set up. A master only counts: databases and drivers are its workers' matter."""
        self._environment, self._runner = environment, runner
        if isinstance(runner, MasterRunner):
            return
        _listen(environment.events.test_start, self.on_test_start)
        _listen(environment.events.test_stop, self.on_test_stop)
        _listen(environment.events.quitting, self.on_quitting)
        _listen(environment.events.quit, self.on_quit)
        options = environment.parsed_options
        if options is not None and options.headless and isinstance(runner, LocalRunner):
            # --run-time counts from now on: it is not for seeding.
            try:
                self._open_drivers()
            except LoadLabError as error:
                self._close()
                _give_up(error)

    def on_test_start(self, **_: object) -> None:
        """Users are about to arrive."""
        try:
            hub = self._hub or self._open_drivers()
        except LoadLabError as error:
            self._log.error("%s", error)
            self._environment.process_exit_code = error.exit_code
            gevent.spawn(self._runner.quit)
            return
        if hub is self._hub:  # Otherwise Locust has been told to stop meanwhile.
            hub.begin(MEASURE)

    def on_test_stop(self, **_: object) -> None:
        """The users are gone: take in what the drivers have measured."""
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.pause()
            self._measure = hub.stop()
            if hub.failure is not None:
                self._log.error("%s", hub.failure)
                self._environment.process_exit_code = LoadLabError.exit_code

    def on_quitting(self, **_: object) -> None:
        """Leave nothing behind."""
        self.on_test_stop()
        self._close()

    def on_quit(self, **_: object) -> None:
        """The last word: what Locust's whole milliseconds do not show."""
        console = logging.getLogger("locust.stats_logger")
        for line in _microsecond_table(self._measure) if self._measure is not None else ():
            console.info(line)

    def _open_drivers(self) -> Hub:
        if not self._plans:
            self._open_database()
        hub = self._hub = Hub(self._plans, on_interval=self._feed)
        hub.start()
        return hub

    def _open_database(self) -> None:
        if DATABASE not in os.environ and isinstance(self._runner, WorkerRunner):
            raise InputError(DATABASE, "must be set: Locust's workers load one database together")
        command = [sys.executable, "-m", "loadlab.workload.planner", str(self._scenario_path)]
        self._planner = Child(command, self._answers.put)
        url = self._take_answer()["url"]
        self._log.info("Seeding %s", mask(url))
        # The address travels in the environment: other users of the machine can read a command line.
        seeding = [sys.executable, "-m", "loadlab", "seed", str(self._scenario_path), "--json"]
        environment = {**os.environ, DATABASE: url}
        done = subprocess.run(seeding, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise LoadLabError(lines[-1] if lines else f"loadlab seed ended with code {done.returncode}")
        self._planner.send({"cmd": "plans"})
        plans = [LoadPlan.from_json(text) for text in self._take_answer()["plans"]]
        # Locust's workers know nothing of each other but their own number.
        index = max(0, self._runner.worker_index) if isinstance(self._runner, WorkerRunner) else 0
        self._plans = [
            replace(plan, seed=plan.seed + index, new_rows_start=plan.new_rows_start + index * _ROWS_APART)
            for plan in plans
        ]

    def _take_answer(self) -> Message:
        try:
            answer = self._answers.get(timeout=START_LIMIT_S)
        except queue.Empty:
            raise LoadLabError(f"the database was not opened within {START_LIMIT_S:g} s") from None
        if answer is None or answer["type"] == "failed":
            raise LoadLabError(answer["message"] if answer is not None else "the database could not be opened")
        return answer

    def _feed(self, interval: Interval) -> None:
        feed_statistics(self._environment.stats, interval, self._kinds)

    def _close(self) -> None:
        if self._hub is not None:
            self._hub.close()
        if self._planner is not None:
            self._planner.end(limit_s=START_LIMIT_S)
        self._hub = self._planner = None


def _microsecond_table(measure: LoadMeasure) -> Iterator[str]:
    yield "Response time from the moment each operation was due, in microseconds"
    yield f"{'operation':<32} {'kind':<8} {'count':>9} {'errors':>7} {'p50':>9} {'p95':>9} {'p99':>9} {'max':>9}"
    for one in measure.operations:
        values = (*(one.response.percentile_us(p) for p in (50, 95, 99)), one.response.max_us)
        cells = " ".join(f"{value:>9.0f}" if one.count else f"{'-':>9}" for value in values)
        yield f"{one.name:<32} {one.kind:<8} {one.count:>9} {one.error_count:>7} {cells}"
    yield ""


# -- for `loadlab run` -----------------------------------------------------------------------------------------------


class LoopLag:
    """How late the event loop wakes a greenlet: that of the process that conducts, in which nothing is measured."""

    def __init__(self) -> None:
        self._lags_us: deque[float] = deque(maxlen=100_000)
        gevent.spawn(self._watch)

    def _watch(self) -> None:
        while True:
            due_s = time.perf_counter() + _LOOK_S
            gevent.sleep(_LOOK_S)
            self._lags_us.append((time.perf_counter() - due_s) * 1e6)

    @property
    def p99_us(self) -> float | None:
        lags_us = sorted(self._lags_us)
        return lags_us[min(int(0.99 * len(lags_us)), len(lags_us) - 1)] if lags_us else None


class WindowShape(locust.LoadTestShape):
    """The workload's shape: the first level, over the ramp, until the window begins; Locust asks once a second."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._workload, self._levels = workload, workload.levels
        self._is_begun = False

    def begin(self) -> None:
        """The window begins."""
        self._is_begun = True
        self.reset_time()  # type: ignore[no-untyped-call]

    def tick(self) -> tuple[int, float]:
        # In the window the level in the middle of the second for which it holds.
        at_s = self.get_run_time() + 0.5 if self._is_begun else 0.0  # type: ignore[no-untyped-call]
        level = level_at(self._levels, at_s)
        users, ramp_s = self._workload.population(level), self._workload.ramp
        return users, float(MOST_USERS) if self._is_begun or not ramp_s else max(users / ramp_s, 0.01)


class _Run:
    """Locust as a library, obeying the pipeline's commands."""

    def __init__(self, plans: Sequence[LoadPlan], out: IO[str], conducting: Conducting) -> None:
        self._workload, self._out = plans[0].workload, out
        self._kinds = operation_kinds(plans)
        self._shape, self._spawned = WindowShape(self._workload), False
        self._loop_lag = LoopLag()
        self._environment = Environment(user_classes=[user_class(RUN_USER, self._set_users)])
        self._runner: Runner
        self._hub: Hub | RemoteHub
        if conducting.master is None:
            self._runner = self._environment.create_local_runner()
            self._hub = Hub(plans, on_message=self._pass_on, on_interval=self._feed)
        else:
            from loadlab.workload.locust_master import open_master

            self._runner, self._hub = open_master(
                self._environment, conducting.master, plans, on_message=self._pass_on, on_interval=self._feed
            )
        self._live: LiveView | None = None
        if conducting.web is not None:
            from loadlab.workload.locust_web import open_web

            host, port = conducting.web.host, conducting.web.port
            self._live = open_web(self._environment, host, port, self._kinds, on_stop=self._stopped)

    def start(self) -> None:
        self._hub.start()
        self._answer("ready")

    def obey(self, command: Mapping[str, Any]) -> bool:
        """Do it; False after the last one."""
        name = command["cmd"]
        if name == "pause":
            self._hub.pause()
            self._answer("paused")
        elif name == "verify":
            self._hub.verify()
            self._answer("verified")
        elif name == "rate":
            self._hub.set_rate(command["per_s"])
        elif name == "stop":
            self._hub.stop()
            self._answer("final", loop_lag_p99_us=self._loop_lag.p99_us)
            return False
        elif name == "server":
            if self._live is not None:
                self._live.tell(command["figures"])
        else:
            self._hub.begin(name)
            if self._live is not None:
                self._live.begin(name)
            if name == MEASURE:
                self._shape.begin()
            if not self._spawned:
                self._spawned = True
                if self._workload.shape is None:
                    # A master sends its workers users until all are there, and returns then.
                    gevent.spawn(self._runner.start, *self._shape.tick())
                else:
                    self._environment.shape_class = self._shape
                    self._runner.start_shape()
        return True

    def close(self) -> None:
        self._hub.close()
        self._runner.quit()

    def _set_users(self, users: int) -> None:
        self._hub.set_users(users)

    def _stopped(self) -> None:
        write_message(self._out, {"type": "failed", "message": "it was stopped in the web UI"})

    def _feed(self, interval: Interval) -> None:
        feed_statistics(self._environment.stats, interval, self._kinds)
        if self._live is not None:
            self._live.add(interval)

    def _pass_on(self, message: Message) -> None:
        write_message(self._out, message)

    def _answer(self, answer: str, **more: object) -> None:
        if self._hub.failure is not None:
            write_message(self._out, {"type": "failed", "message": self._hub.failure})
        write_message(self._out, {"type": f"all {answer}", **more})


def main() -> int:
    """The conductor's process: the plans on the first line, then commands; its exit code."""
    _, out = protocol_streams()
    # Locust's news are for people who run Locust.
    logging.disable(logging.CRITICAL)
    lines = FileObject(0, "rb", close=False)
    first = lines.readline()
    if not first:
        return 0
    data = json.loads(first)
    plans = [LoadPlan.from_json(text) for text in data["plans"]]
    run: _Run | None = None
    try:
        run = _Run(plans, out, Conducting.from_json(data["conducting"]))
        run.start()
        for line in lines:
            if not run.obey(json.loads(line)):
                break
    except LoadLabError as error:
        write_message(out, {"type": "failed", "message": str(error)})
        return 2
    finally:
        if run is not None:
            run.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
