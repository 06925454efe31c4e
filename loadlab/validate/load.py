"""Targets on the load itself: failures, rates, users, the connection pool."""

from __future__ import annotations

import math

from loadlab.spec.targets import Target
from loadlab.units import format_count, format_rate, format_share
from loadlab.validate import gates
from loadlab.validate.gates import Context
from loadlab.validate.model import Examination, TargetVerdict, Verdict
from loadlab.validate.statistics import clopper_pearson, ratio_interval, share_interval
from loadlab.validate.wording import counted, interval_text, names, quantity, relation

_WRITE = "write"


def error_rate(target: Target, context: Context) -> TargetVerdict:
    """Failed executions by executions, over every operation of the workload.

    A limit of zero needs no interval: it is met as long as no error was seen, and broken by the first one; the
    interval then tells what share could have gone unseen.
    """
    facts = context.facts
    operations, executions = tuple(facts.kinds), facts.executions
    if not executions:
        return _silent(target, operations, "No operation was executed in the measured window.")
    failed = sum(item.error_count for item in facts.load.operations)
    failures = facts.failures(operations)
    estimate = share_interval(failures, failures + facts.successes(operations), facts.confidence)
    interval = estimate.interval if estimate else clopper_pearson(failed, executions, facts.confidence)
    measured = failed / executions
    decided = _error_verdict(target, measured, interval)
    finding = (
        f"{format_count(failed) if failed else 'None'} of {counted(executions, 'execution')} of "
        f"{counted(len(operations), 'operation')} failed{_culprits(context)}; at most "
        f"{format_share(interval[1])} would fail in the long run ({interval_text(interval, 'ratio')})"
    )
    closed = (
        _never_executed(context) if decided is Verdict.PASS else None,
        gates.interrupted(facts) if decided is not Verdict.FAIL else None,
        gates.too_few_rounds(facts) if target.limit > 0 else None,
        gates.undecided(target, facts, measured, interval) if decided is Verdict.INCONCLUSIVE else None,
    )
    verdict, reason = gates.settle(decided, finding, *closed)
    details, window_s = _error_details(target, context), gates.window_needed_s(*closed)
    return TargetVerdict(target, verdict, measured, interval, executions, operations, reason, details, window_s)


def _error_verdict(target: Target, measured: float, interval: tuple[float, float]) -> Verdict:
    return gates.decide(target, measured, measured) if target.limit == 0 else gates.decide(target, *interval)


def _culprits(context: Context) -> str:
    """The operations that failed, most failures first, each with its outcomes."""
    failing = sorted(
        (item for item in context.facts.load.operations if item.error_count), key=lambda item: -item.error_count
    )
    if not failing:
        return ""
    parts = [f"{item.name} {_outcomes(dict(item.errors))}" for item in failing]
    return f" ({names(parts)})"


def _outcomes(errors: dict[str, int]) -> str:
    most_first = sorted(errors.items(), key=lambda item: -item[1])
    return names([f"{format_count(count)} × {outcome}" for outcome, count in most_first])


def _never_executed(context: Context) -> str | None:
    silent = [name for name in context.facts.kinds if not context.facts.executed(name)]
    return f"{names(silent)} {'was' if len(silent) == 1 else 'were'} never executed" if silent else None


def _error_details(target: Target, context: Context) -> tuple[Examination, ...]:
    return tuple(_error_detail(name, target, context) for name in context.facts.kinds)


def _error_detail(name: str, target: Target, context: Context) -> Examination:
    executions = context.facts.executed(name)
    measure = context.facts.measure(name)
    if measure is None or not executions:
        return Examination(name, None, None, 0, Verdict.INCONCLUSIVE, f"{name} was never executed.")
    failed = measure.error_count
    interval = clopper_pearson(failed, executions, context.facts.confidence)
    message = context.facts.load.first_errors.get(name)
    said = f"; the first one: {message}" if failed and message else ""
    reason = f"{format_count(failed)} of {counted(executions, 'execution')} failed{said}."
    verdict = _error_verdict(target, failed / executions, interval)
    return Examination(name, failed / executions, interval, executions, verdict, reason)


def read_rate(target: Target, context: Context) -> TargetVerdict:
    """Successful reads per second."""
    reads = tuple(name for name, kind in context.facts.kinds.items() if kind != _WRITE)
    return _rate(target, context, reads, "read")


def write_rate(target: Target, context: Context) -> TargetVerdict:
    """Successful writes per second."""
    return _rate(target, context, context.facts.of_kinds(_WRITE), "write")


def _rate(target: Target, context: Context, operations: tuple[str, ...], noun: str) -> TargetVerdict:
    facts = context.facts
    if not operations:
        reason = f"There is no {noun} operation in the workload."
        return TargetVerdict(target, Verdict.SKIPPED, None, None, 0, (), reason)
    if not facts.executions:
        return _silent(target, operations, "No operation was executed in the measured window.")
    succeeded = [item for item in facts.load.operations if item.name in operations]
    count = sum(item.count - item.ended_late for item in succeeded)
    estimate = ratio_interval(facts.completions(operations), facts.durations_s(), facts.confidence)
    measured = estimate.value if estimate else facts.per_s(count)
    interval = estimate.interval if estimate else None
    decided = gates.decide(target, *interval) if interval else Verdict.INCONCLUSIVE
    spread = f" ({interval_text(interval, 'per_s')})" if interval else ""
    finding = (
        f"{counted(count, f'successful {noun}')} made {format_rate(measured)}{spread} "
        f"{gates.under_load(facts)}, {relation(target, decided)}"
    )
    closed = (
        gates.interrupted(facts),
        gates.never_analysed(facts),
        gates.too_few_rounds(facts),
        None if decided is Verdict.PASS else _never_asked(target, context, operations, noun),
        None if decided is Verdict.PASS else gates.generator_saturated(facts),
        gates.undecided(target, facts, measured, interval) if interval and decided is Verdict.INCONCLUSIVE else None,
    )
    verdict, reason = gates.settle(decided, finding, *closed)
    window_s = gates.window_needed_s(*closed)
    return TargetVerdict(target, verdict, measured, interval, count, operations, reason, window_s=window_s)


def _never_asked(target: Target, context: Context, operations: tuple[str, ...], noun: str) -> str | None:
    """A database cannot fail to do what nobody asked of it."""
    offered = gates.offered_rate_per_s(context)
    if offered is None:
        return None
    share = offered * context.facts.weight_share(operations)
    if share >= target.limit:
        return None
    is_open = context.facts.load.is_open
    more = "raise --rate" if is_open else "raise --users or lower think_time"
    return (
        f"{'the clock' if is_open else 'the users'} offered only {format_rate(share)} of {noun}s: "
        f"{format_rate(target.limit)} were never asked of the database ({more})"
    )


def concurrent_users(target: Target, context: Context) -> TargetVerdict:
    """Users are held when they are all there and get through their work.

    Their work is what they ask for as long as answers come within the stated limits (`gates.offered_rate_per_s`);
    95 % of it has to succeed. Users without think time ask for whatever the database takes: 95 % of what they tried
    has to succeed.
    """
    facts = context.facts
    if not facts.executions:
        return _silent(target, tuple(facts.kinds), "No operation was executed in the measured window.")
    if facts.load.is_open:
        reason = "Operations were due by the clock: an open loop has no users (--users has)."
        return TargetVerdict(target, Verdict.SKIPPED, None, None, 0, (), reason)
    present = min((interval.users for interval in facts.load.intervals), default=facts.load.users)
    succeeded = facts.load.achieved_rate_per_s
    offered = gates.offered_rate_per_s(context) or facts.per_s(facts.executions)
    held = succeeded >= gates.REACHED_SHARE_MIN * offered
    finding = (
        f"{counted(present, 'user')} had {format_rate(succeeded)} answered of the {format_rate(offered)} that they ask "
        f"for, at {gates.volume(facts)}"
    )
    verdict, reason = gates.settle(
        Verdict.PASS if held else Verdict.FAIL,
        finding,
        gates.interrupted(facts),
        _too_few_users(target, present),
        gates.generator_saturated(facts),
    )
    return TargetVerdict(target, verdict, float(present), None, facts.executions, tuple(facts.kinds), reason)


def _too_few_users(target: Target, present: int) -> str | None:
    if gates.decide(target, present, present) is Verdict.PASS:
        return None
    return f"{quantity(target.limit, 'users')} were never tried (raise --users)"


def connection_utilisation(target: Target, context: Context) -> TargetVerdict:
    """The share of the pool's time that its connections spent executing."""
    facts, load = context.facts, context.facts.load
    pool = (f"pool of {counted(load.connections, 'connection')}",)
    capacity_s = load.connections * facts.durations_s()
    if not facts.executions or not capacity_s.sum():
        return _silent(target, pool, "No connection executed anything in the measured window.")
    estimate = ratio_interval(facts.busy_s(), capacity_s, facts.confidence)
    measured = estimate.value if estimate else float(facts.busy_s().sum() / capacity_s.sum())
    # A share of their time.
    interval = (estimate.low, min(1.0, estimate.high)) if estimate else None
    decided = gates.decide(target, *interval) if interval else Verdict.INCONCLUSIVE
    spread = f"{interval_text(interval, 'ratio')}, " if interval else ""
    finding = (
        f"The {pool[0]} was busy {format_share(measured)} of the time ({spread}at most {format_share(_peak(context))} "
        f"in one interval{_server_share(context)}) {gates.under_load(facts)}, {relation(target, decided)}"
    )
    closed = (
        gates.interrupted(facts),
        gates.too_few_rounds(facts),
        gates.generator_saturated(facts),
        gates.rate_not_reached(context) if decided is Verdict.PASS else None,
        _users_do_not_pause(context) if decided is not Verdict.PASS else None,
        gates.undecided(target, facts, measured, interval) if interval and decided is Verdict.INCONCLUSIVE else None,
    )
    verdict, reason = gates.settle(decided, finding, *closed)
    window_s = gates.window_needed_s(*closed)
    return TargetVerdict(target, verdict, measured, interval, len(load.intervals), pool, reason, window_s=window_s)


def _peak(context: Context) -> float:
    load = context.facts.load
    shares = [i.busy_s / (load.connections * i.duration_s) for i in load.intervals if i.duration_s]
    return max(shares, default=math.nan)


def _server_share(context: Context) -> str:
    evidence = context.facts.evidence
    if evidence is None or not evidence.connections_max:
        return ""
    share = context.facts.load.connections / evidence.connections_max
    return f", and it takes {format_share(share)} of the server's {format_count(evidence.connections_max)} connections"


def _users_do_not_pause(context: Context) -> str | None:
    if context.facts.load.asked_rate_per_s is not None:
        return None
    return "users without think time keep any pool busy, whatever the database does (give them a think_time)"


def _silent(target: Target, examined: tuple[str, ...], reason: str) -> TargetVerdict:
    return TargetVerdict(target, Verdict.INCONCLUSIVE, None, None, 0, examined, reason)
