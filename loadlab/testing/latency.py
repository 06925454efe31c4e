"""The fixture `loadlab_latency`: executes, measures, judges, keeps the figures, and fails the test beyond a limit."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadlab.errors import InputError, StatementTimeoutError
from loadlab.factories import Database
from loadlab.testing.code import CodeSubject
from loadlab.testing.judging import Check, check
from loadlab.testing.limits import PLACE, LatencyLimit, parse_limits
from loadlab.testing.recording import Recorder
from loadlab.testing.sampling import Sampler, Samples
from loadlab.testing.subjects import GivenValues, StatementSubject, Subject
from loadlab.testing.wording import failure, plan_lines
from loadlab.units import parse_duration_s
from loadlab.validate.model import Verdict

# An error is shown at the line of the test that asked (pytest --full-trace shows all).
__tracebackhide__ = True

_PATIENCE_MIN_S = 60.0


class LatencyError(AssertionError):
    """A latency limit is exceeded, or (strict) it could not be told whether it is."""


class InconclusiveLatencyWarning(UserWarning):
    """It could not be told whether a latency limit holds."""


@dataclass(frozen=True, slots=True)
class Latency:
    """What was measured: `seconds` of each execution in their order, and the verdict on each limit."""

    name: str
    seconds: tuple[float, ...]
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all limits."""
        found = {item.verdict for item in self.checks}
        return next(v for v in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS) if v in found)


class LatencyCheck:
    """Callable: see `__call__`. `database` opens the test's database when a statement first needs it; `has_database`
    whether the test asks for it anyway."""

    def __init__(
        self,
        database: Callable[[], Database],
        recorder: Recorder,
        *,
        has_database: bool,
        max_time_s: float,
        strict: bool,
    ) -> None:
        self._database, self._recorder, self._has_database = database, recorder, has_database
        self._max_time_s, self._strict = max_time_s, strict

    def __call__(
        self,
        what: str | Callable[..., object],
        values: GivenValues = None,
        *,
        limit: str | Sequence[str],
        rows: int | None = None,
        max_time: str | float | None = None,
        strict: bool | None = None,
    ) -> Latency:
        """Execute a statement (with `:named` parameters) or a function again and again, and judge how long that takes.

        `values`: a mapping, several that take turns, or a function of the execution's number. `limit`: `"p95 < 500ms"`,
        also several. `rows`: how many every execution must return or change (default: any number but none at all).
        `max_time`: of a look; an undecided one is doubled. Raises LatencyError, InputError and DatabaseError.
        """
        limits = parse_limits(limit)
        subject = self._subject(what, values, limits)
        try:
            samples, checks = self._measured(subject, limits, self._look_s(max_time))
            wrong = _wrong_rows(samples, rows, subject.name)
            slow = any(item.verdict is not Verdict.PASS for item in checks)
            plan = plan_lines(subject.plan(samples.slowest)) if slow and not wrong else []
        except StatementTimeoutError as error:
            raise LatencyError(f"{subject.name} was stopped: {error}; the limit is {limits[0]}") from None
        finally:
            subject.close()
        if wrong:
            raise LatencyError(wrong)
        told = [f"{subject.evidence}:", *(f"  {line}" for line in plan)] if plan else []
        return self._concluded(Latency(subject.name, tuple(samples.seconds), checks), samples, told, strict)

    def judge(
        self,
        seconds: Sequence[float],
        *,
        limit: str | Sequence[str],
        name: str = "what was measured",
        strict: bool | None = None,
    ) -> Latency:
        """Judge durations (seconds, in their order) that somebody else has measured, such as
        `benchmark.stats.stats.data`. Raises LatencyError and InputError."""
        if not len(seconds):
            raise InputError(f"{PLACE}.judge()", "needs at least one duration")
        checks = tuple(check(seconds, item) for item in parse_limits(limit))
        samples = Samples(list(seconds))
        return self._concluded(Latency(name, tuple(seconds), checks), samples, [], strict)

    def _subject(
        self, what: str | Callable[..., object], values: GivenValues, limits: Sequence[LatencyLimit]
    ) -> Subject:
        if not isinstance(what, str) and not self._has_database:
            return CodeSubject(what, values)
        database = self._database()
        # Without statistics of the rows that the test has just written, another plan would be measured.
        database.collect_statistics()
        if not isinstance(what, str):
            return CodeSubject(what, values, database)
        patience_s = max(_PATIENCE_MIN_S, *(2 * item.limit_s for item in limits))
        return StatementSubject(database, what, values, timeout_s=patience_s)

    def _measured(
        self, subject: Subject, limits: Sequence[LatencyLimit], look_s: float
    ) -> tuple[Samples, tuple[Check, ...]]:
        """One look, and another as long where the first decides nothing; each at the confidence of two."""
        sampler = Sampler(subject, limits, look_s)
        sampler.warm_up()
        sampler.look(self._recorder.add, first=self._recorder.begin(sampler.untimed))
        checks = tuple(check(sampler.samples.seconds, item) for item in limits)
        if all(item.verdict is not Verdict.FAIL for item in checks) and any(
            item.verdict is Verdict.INCONCLUSIVE for item in checks
        ):
            sampler.look(self._recorder.add)
            checks = tuple(check(sampler.samples.seconds, item) for item in limits)
        return sampler.samples, checks

    def _look_s(self, max_time: str | float | None) -> float:
        try:
            found = self._max_time_s if max_time is None else parse_duration_s(max_time)
        except ValueError as error:
            raise InputError(f"{PLACE} max_time", str(error), value=max_time) from None
        if found <= 0:
            raise InputError(f"{PLACE} max_time", "must be above 0", value=max_time)
        return found

    def _concluded(self, latency: Latency, samples: Samples, evidence: list[str], strict: bool | None) -> Latency:
        self._recorder.keep(latency.name, samples, latency.checks)
        if latency.verdict is Verdict.PASS:
            return latency
        text = failure(latency.name, samples, latency.checks, evidence, neighbours=_neighbours())
        is_strict = self._strict if strict is None else strict
        if latency.verdict is Verdict.FAIL or is_strict:
            raise LatencyError(text)
        # At the line of the test that called; this method, __call__ or judge stand between.
        warnings.warn(InconclusiveLatencyWarning(text), stacklevel=3)
        return latency


def _wrong_rows(samples: Samples, rows: int | None, name: str) -> str:
    """What is wrong with the rows that came back: a fast answer to the wrong question proves nothing."""
    if not samples.rows:
        return ""
    seen = " or ".join(f"{number:,}" for number in sorted(samples.rows)[:5])
    if rows is not None and samples.rows != {rows}:
        return f"{name} returned or changed {seen} rows each time; expected: {rows:,}"
    if rows is None and samples.rows == {0}:
        return f"{name} returned and changed no row, so its latency says nothing; rows=0 if that is what is meant"
    return ""


def _neighbours() -> int:
    """How many processes of pytest-xdist run tests beside this one."""
    return max(0, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) - 1)
