"""One window at one rate, over driver processes that are kept for the whole search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from types import TracebackType
from typing import Self

from loadlab.engines.abilities import ActivitySampler, CanSampleActivity
from loadlab.engines.protocol import Engine
from loadlab.errors import DatabaseError
from loadlab.measure.activity import Activity, ActivityWatch
from loadlab.measure.evidence import counters_were_reset, subtract
from loadlab.measure.fingerprint import this_machine
from loadlab.measure.model import Interval, LoadMeasure
from loadlab.measure.window import Show, Window
from loadlab.pipeline import Ready, facts_of
from loadlab.spec.targets import Target
from loadlab.units import format_rate
from loadlab.validate.capacity import RateVerdict, judge_rate, judge_together
from loadlab.validate.conclusion import RateStep
from loadlab.validate.facts import Facts
from loadlab.validate.saturation import Usage
from loadlab.workload.conduct import Conductor
from loadlab.workload.plan import load_plans

# What an insert of the search may have used of the rows beyond the dataset, should it die without a word.
_NEW_ROWS_RESERVED = 100_000_000
WARMUP_MIN_S = 1.0
"""What the loop needs to come into step at another rate."""


class Windows:
    """Measures windows, one after another. `notes` say what could not be looked at."""

    def __init__(self, engine: Engine, ready: Ready, targets: Sequence[Target], show: Show) -> None:
        self._engine, self._ready, self._targets, self._show = engine, ready, targets, show
        self._stack = ExitStack()
        self._sampler: ActivitySampler | None = None
        self._is_first = True
        self._cores = this_machine().cores
        self._facts: dict[float, list[Facts]] = {}
        self.notes: list[str] = []

    def __enter__(self) -> Self:
        engine, ready = self._engine, self._ready
        there = engine.manifest()
        start = there.new_rows if there is not None else 0
        plans = load_plans(
            engine, ready.scenario, ready.workload, ready.dataset.manifest, ready.statements,
            new_rows_start=start, load_url=ready.route.url,
        )  # fmt: skip
        engine.note_new_rows(start + _NEW_ROWS_RESERVED)
        with self._stack as stack:
            self._conductor = stack.enter_context(Conductor(plans))
            self._open_sampler(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the drivers, whose counts have to agree with what they reported, and note the rows they inserted."""
        with self._stack:
            if kind is None:
                self._conductor.collect()
            self._note(self._conductor.failure)
            try:
                self._engine.note_new_rows(self._conductor.new_rows_end)
            except DatabaseError as lost:
                self._note(str(lost))

    @property
    def was_interrupted(self) -> bool:
        """Whether the last window was cut short."""
        return self._conductor.interrupted

    @property
    def failure(self) -> str | None:
        """What ended the load early."""
        return self._conductor.failure

    def measure(self, rate_per_s: float, number: int) -> RateStep:
        """Warm up, pause, look, load, pause, look again. Raises LoadLabError when load or server break down."""
        workload, conductor = self._ready.workload, self._conductor
        words = f"Window {number}, {format_rate(rate_per_s)}"
        conductor.set_rate(rate_per_s)
        warmup_s = max(workload.warmup, WARMUP_MIN_S) + (workload.ramp if self._is_first else 0.0)
        self._is_first = False
        conductor.warm_up(warmup_s, _observer(self._show, f"{words}, warm-up", warmup_s))
        conductor.pause()
        before = self._engine.snapshot()
        watch = ActivityWatch(self._sampler) if self._sampler is not None else None
        with watch if watch is not None else nullcontext():
            conductor.measure(workload.duration, _observer(self._show, words, workload.duration))
        conductor.pause()
        after = self._engine.snapshot()
        load = conductor.measured()
        if watch is not None:
            self._note(watch.failure)
        window = Window(load, subtract(before, after), counters_were_reset(before, after), conductor.failure)
        at_rate = self._facts.setdefault(rate_per_s, [])
        at_rate.append(facts_of(window, self._ready))
        verdict = judge_rate(self._targets, at_rate[-1])
        usage = self._usage(load, verdict, watch.seen() if watch else Activity(0))
        together = judge_together(self._targets, at_rate) if len(at_rate) > 1 else None
        return RateStep(rate_per_s, load, verdict, usage, together)

    def _open_sampler(self, stack: ExitStack) -> None:
        if not isinstance(self._engine, CanSampleActivity):
            self._note(
                f"{self._engine.version()} does not tell what its sessions wait for, nor what processor time it used."
            )
            return
        try:
            sampler = self._engine.activity_sampler()
        except DatabaseError as error:
            self._note(f"The server's sessions were not looked at: {error}")
            return
        stack.callback(sampler.close)
        self._sampler = sampler
        if sampler.cpu_s() is None:
            self._note("The server's processes are not seen on this machine: its processor time is not known.")

    def _usage(self, load: LoadMeasure, verdict: RateVerdict, activity: Activity) -> Usage:
        capacity_s = load.connections * sum(interval.duration_s for interval in load.intervals)
        busy_s = sum(interval.busy_s for interval in load.intervals)
        return Usage(
            generator_cpu_share=load.generator.cpu_share,
            generator_limit=verdict.generator_limit,
            machine_cpu_share=load.generator.machine_cpu_share,
            server_cores=activity.server_cores,
            cores=self._cores,
            doing=activity.shares(),
            events=activity.events(),
            # What was due in time is executed after the window too, and is no part of it.
            pool_share=min(1.0, busy_s / capacity_s) if capacity_s else None,
            wait_p99_us=load.wait.percentile_us(99) if load.wait.count else 0.0,
        )

    def _note(self, text: str | None) -> None:
        if text is not None and text not in self.notes:
            self.notes.append(text)


def _observer(show: Show, phase: str, total_s: float) -> Callable[[Interval], None]:
    return lambda interval: show.load(phase, interval.start_s + interval.duration_s, total_s, interval)
