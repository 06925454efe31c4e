"""What a window says of its rate, what was full in it, and what all windows together find: from known values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadlab.measure.model import GeneratorHealth
from loadlab.measure.together import together
from loadlab.spec.targets import TargetOverrides, resolve_targets
from loadlab.validate.capacity import (
    GENERATOR,
    REACHED,
    STEADY,
    Broken,
    RateVerdict,
    capacity_targets,
    judge_rate,
    judge_together,
)
from loadlab.validate.conclusion import Conclusion, Finding, RateStep, conclude
from loadlab.validate.model import Verdict
from loadlab.validate.saturation import Usage, saturated
from loadlab.validate.search import SearchPlan
from tests.unit.test_targets import Run, facts_of, histogram, simple, target_of

PLAN = SearchPlan(first=50, within=0.1, repeats=1)
NO_ERRORS = target_of("error_rate", 0.0, "<=")


def judged(limit_us: float = 2000, *, asked: float = 1000.0, run: Run | None = None, **changes: Any) -> RateVerdict:
    """One operation of a thousand answers of 1 to 1,000 µs in each of ten seconds."""
    given = run or Run("simple", tuple(range(1, 1001)))
    load: dict[str, Any] = {"arrivals": "constant", "users": 0, "asked_rate_per_s": asked} | changes
    return judge_rate([simple(limit_us), NO_ERRORS], facts_of({"get": given}, **load))


class TestJudgeRate:
    def test_a_rate_within_every_limit_holds(self):
        verdict = judged()
        assert verdict.verdict is Verdict.PASS
        assert (verdict.holds, verdict.is_clear, verdict.broken) == (True, True, ())

    def test_a_target_that_fails_breaks_it(self):
        verdict = judged(500)
        assert verdict.verdict is Verdict.FAIL
        assert [item.limit for item in verdict.broken] == ["latency"]
        assert "above the limit of 500 µs" in verdict.broken[0].reason

    def test_an_error_breaks_it(self):
        verdict = judged(run=Run("simple", tuple(range(1, 1000)), {"ConflictError": 1}))
        assert [item.limit for item in verdict.broken] == ["error_rate"]

    def test_less_than_95_percent_of_what_is_due_breaks_it(self):
        verdict = judged(asked=1100.0)
        assert [item.limit for item in verdict.broken] == [REACHED]
        assert verdict.broken[0].reason == "Only 1,000/s of 1,100/s were done, 90.9%."
        assert judged(asked=1040.0).verdict is Verdict.PASS

    def test_independent_arrivals_may_be_fewer_by_chance(self):
        sparse = Run("simple", (100,) * 9)
        by_chance = judged(run=sparse, asked=10.0, arrivals="poisson")
        assert by_chance.holds
        assert REACHED not in [item.limit for item in by_chance.broken]
        # A thousand a second are not 10 % short by chance.
        assert [item.limit for item in judged(asked=1100.0, arrivals="poisson").broken] == [REACHED]

    @pytest.mark.parametrize("limit_us, holds", [(951, True), (949, False)])
    def test_what_is_not_certain_leans_to_its_measured_value(self, limit_us, holds):
        verdict = judged(limit_us)
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert (verdict.holds, verdict.is_clear) == (holds, False)
        assert "(--step-duration)" in verdict.unclear[0]
        assert "(--duration)" not in verdict.unclear[0]

    def test_a_response_time_that_grows_breaks_it_whatever_the_limit(self):
        facts = facts_of({"get": Run("simple", (1_000,) * 100)}, arrivals="constant", asked_rate_per_s=100.0)
        second = facts.load.intervals[0].operations["get"]
        intervals = tuple(
            replace(interval, operations={"get": replace(second, response=histogram([1_000 * (position + 1)] * 100))})
            for position, interval in enumerate(facts.load.intervals)
        )
        facts = replace(facts, load=replace(facts.load, intervals=intervals))
        verdict = judge_rate([], facts)
        assert [item.limit for item in verdict.broken] == [STEADY]
        assert verdict.broken[0].reason.startswith("The response time still grew")

    def test_a_generator_without_processor_time_says_nothing_of_the_database(self):
        verdict = judged(500, generator=GeneratorHealth(0.97, 0.0))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert not verdict.holds
        assert verdict.generator_limit is not None
        assert "raise --workers" in verdict.generator_limit

    def test_a_generator_whose_lag_explains_the_latency_is_the_limit(self):
        fast = Run("simple", tuple(range(1, 1001)), service_us=(10,) * 1000)
        verdict = judged(500, run=fast, generator=GeneratorHealth(0.3, 800.0))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert verdict.generator_limit is not None
        assert "late by up to 800 µs" in verdict.generator_limit


def test_targets_of_a_rate_are_latency_at_p99_and_errors():
    found = capacity_targets(resolve_targets(None, TargetOverrides()), percentile_is_stated=False)
    assert [target.name for target in found] == ["simple_queries", "complex_queries", "reports", "error_rate"]
    assert {target.percentile for target in found} == {99.0, None}
    stated = resolve_targets(None, TargetOverrides(percentile=90))
    assert {t.percentile for t in capacity_targets(stated, percentile_is_stated=True)} == {90.0, None}


def windows(limit_us: float, *ranges: range) -> tuple[RateVerdict, RateVerdict]:
    """Each window's own verdict (that of the first) and that of all together; six answers a second."""
    load: dict[str, Any] = {"arrivals": "constant", "users": 0, "asked_rate_per_s": 6.0}
    found = [facts_of({"get": Run("simple", tuple(values))}, **load) for values in ranges]
    targets = [replace(simple(limit_us), percentile=95.0), NO_ERRORS]
    return judge_rate(targets, found[0]), judge_together(targets, found)


def test_windows_together_are_certain_where_each_is_not():
    # Sixty answers are too few for a p95, 180 are enough.
    alone, together = windows(2000, *([range(100, 700, 100)] * 3))
    assert (alone.verdict, alone.holds) == (Verdict.INCONCLUSIVE, True)
    assert together.verdict is Verdict.PASS
    assert together.verdicts[0].samples == 180


def test_windows_that_differ_have_no_trend_together():
    _, together = windows(20_000, range(100, 700, 100), range(1000, 7000, 1000), range(2000, 14_000, 2000))
    assert together.broken == ()


def test_windows_in_a_row_add_up():
    first, second = (
        facts_of({"get": Run("simple", (us,) * 10, {"X": 1})}, seconds=seconds).load
        for us, seconds in ((100, 5), (300, 10))
    )
    load = together([replace(first, asked_rate_per_s=20.0), replace(second, asked_rate_per_s=20.0)])
    (operation,) = load.operations
    assert (load.duration_s, operation.count, dict(operation.errors)) == (15, 150, {"X": 15})
    assert operation.response.percentile_us(50) == 300
    assert load.asked_rate_per_s == 20
    assert [interval.start_s for interval in load.intervals] == list(range(15))
    assert load.achieved_rate_per_s == pytest.approx(10)


class TestSaturated:
    @pytest.mark.parametrize(
        "usage, resource, words",
        [
            (Usage(0.97), "generator", "raise --workers"),
            (Usage(0.3, "the load generator was late"), "generator", "The load generator was late."),
            (Usage(0.3, machine_cpu_share=0.95), "generator", "how much of that the database used is not known"),
            (Usage(0.3, server_cores=1.9, cores=2, pool_share=1.0), "cpu", "1.9 of 2 cores"),
            (
                Usage(0.3, machine_cpu_share=0.99, server_cores=0.6, cores=2, doing={"running": 0.8}),
                "cpu",
                "mostly with other things than the server",
            ),
            (
                Usage(0.3, doing={"lock": 0.7, "running": 0.3}, events={"Lock:transactionid": 0.7}, pool_share=1.0),
                "locks",
                "70% of their time waiting for locks (Lock:transactionid 70%)",
            ),
            (Usage(0.3, doing={"io": 0.6, "lock": 0.1}, pool_share=1.0), "io", "waiting for I/O"),
            (
                Usage(0.3, doing={"other": 1.0}, events={"Timeout:PgSleep": 1.0}, pool_share=0.99, wait_p99_us=5e4),
                "connections",
                "operations waited 50 ms (p99) for one; the server was 0% of it running (Timeout:PgSleep 100%)",
            ),
            # Others fill the machine, the server's sessions do not want it.
            (
                Usage(0.3, machine_cpu_share=1.0, server_cores=0.1, cores=2, doing={"other": 1.0}, pool_share=0.97),
                "connections",
                "97% of the time",
            ),
            (Usage(0.3, doing={"io": 1.0}, pool_share=0.02), "unknown", "Nothing that was measured was full"),
            (Usage(0.3, server_cores=0.2, cores=2, pool_share=0.5), "unknown", "Nothing that was measured was full"),
        ],
    )
    def test_what_lies_deepest_is_named(self, usage, resource, words):
        found = saturated(usage)
        assert found.resource == resource
        assert words in found.reason


def step(rate: float, verdict: RateVerdict, *, per_s: float | None = None, pool: float = 0.5) -> RateStep:
    load = facts_of({"get": Run("simple", (10_000,) * 10)}).load
    load = replace(load, operations=(replace(load.operations[0], count=round(10 * (per_s or rate))),))
    return RateStep(rate, load, verdict, Usage(0.3, verdict.generator_limit, pool_share=pool))


HELD, BROKE, LEANS = judged(), judged(500), judged(951)


def concluded(*steps: RateStep, ended_early: str | None = None) -> Conclusion:
    return conclude(steps, PLAN, ended_early=ended_early)


class TestConclude:
    def test_a_capacity_with_its_interval_and_what_broke(self):
        found = concluded(step(50, HELD), step(100, HELD), step(110, BROKE, pool=0.6), step(200, BROKE, pool=1.0))
        assert found.finding is Finding.FOUND
        assert (found.rate_per_s, found.interval) == (100, (100, 110))
        assert found.broken is not None
        assert found.broken.limit == "latency"
        assert found.reason == "100/s is sustained; at 110/s latency broke."
        # At the breaking rate nothing was full yet: the next one shows it.
        assert found.saturation is not None
        assert (found.saturation.resource, found.saturated_at_per_s) == ("connections", 200)

    def test_repeats_that_disagree_widen_the_interval(self):
        steps = [step(90, HELD), step(100, HELD), step(100, BROKE), step(100, HELD), step(110, BROKE)]
        found = concluded(*steps)
        assert (found.rate_per_s, found.interval) == (100, (90, 110))

    def test_an_end_that_leans_is_none_of_the_interval(self):
        found = concluded(step(80, HELD), step(100, LEANS), step(110, BROKE))
        assert (found.rate_per_s, found.interval) == (100, (80, 110))
        assert found.finding is Finding.FOUND

    def test_what_windows_say_together_is_certain_for_each(self):
        sure = [step(100, LEANS), replace(step(100, LEANS), together=HELD)]
        assert concluded(step(40, HELD), *sure, step(110, BROKE)).interval == (100, 110)

    def test_what_is_certain_may_be_too_far_apart(self):
        found = concluded(step(40, HELD), step(100, LEANS), step(110, BROKE))
        assert found.finding is Finding.INCONCLUSIVE
        assert "--step-duration" in found.reason

    def test_the_reason_is_about_the_target_that_broke(self):
        """Reports are undecided as well, and come first; but latency is what broke."""
        reports = replace(LEANS.verdicts[0], target=replace(LEANS.verdicts[0].target, name="reports"), reason="Few.")
        doubted = replace(LEANS, verdicts=(reports, *LEANS.verdicts), unclear=("Few.", *LEANS.unclear))
        found = concluded(step(40, HELD), step(100, doubted), step(110, BROKE))
        assert found.broken is not None
        assert found.broken.limit == "latency"
        assert "could tell): latency: The p95 response time of get" in found.reason
        # Nothing held: the sentence and "broke first" speak of one limit.
        late = replace(BROKE, broken=(Broken("reports", "Reports are late."), *BROKE.broken))
        lowest = concluded(step(25, late), step(25, BROKE), step(25, BROKE))
        assert lowest.broken is not None
        assert lowest.reason == f"Not even 25/s held: {lowest.broken.reason}"
        assert lowest.broken.limit == "latency"

    def test_a_generator_at_its_limit_gives_a_lower_bound(self):
        full = judged(generator=GeneratorHealth(0.97, 0.0))
        found = concluded(step(100, HELD), step(110, full), step(200, BROKE))
        assert found.finding is Finding.INCONCLUSIVE
        assert found.broken is not None
        assert found.broken.limit == GENERATOR
        assert found.reason.startswith("At least 100/s is sustained; at 110/s the load generator was the limit")
        assert found.saturation is not None
        assert found.saturation.resource == "generator"

    def test_nothing_broke_up_to_the_highest_rate(self):
        found = conclude([step(100, HELD)], SearchPlan(50, 100, repeats=1))
        assert found.finding is Finding.INCONCLUSIVE
        assert found.reason == "100/s held, and no higher rate was to be tried (raise --to)."

    def test_nothing_held(self):
        found = concluded(step(50, BROKE), step(25, BROKE))
        assert found.finding is Finding.INCONCLUSIVE
        assert found.reason.startswith("Not even 25/s held: The p95 response time of get is 950 µs")

    def test_a_search_that_was_cut_short_tells_what_held(self):
        found = concluded(step(50, HELD), ended_early="interrupted")
        assert found.finding is Finding.INCONCLUSIVE
        assert found.reason == "The search ended early (interrupted): 50/s held so far."

    def test_the_law_needs_five_rates_in_a_steady_state(self):
        few = [step(rate, HELD) for rate in (10, 20, 40, 80)]
        assert concluded(*few).law is None
        assert concluded(*few).law_note == "4 rates had a steady state; a fit needs 5."
        # Ten milliseconds each, whatever the rate: a hundred a second for each operation in the system.
        law = concluded(*few, step(400, BROKE)).law
        assert law is not None
        assert law.throughput_per_s == pytest.approx(100, rel=0.01)

    def test_the_law_needs_operations_beside_each_other(self):
        found = concluded(*(step(rate, HELD) for rate in (10, 20, 40, 80)), step(90, BROKE))
        assert found.law is None
        assert found.law_note == "There were 0.90 operations in the system at most: nothing ran beside others."

    def test_what_leans_to_broken_at_the_start_is_repeated_and_then_given_up(self):
        leans = step(50, judged(949))
        assert concluded(leans).reason.startswith("Not even 50/s held for certain: The p95")


def test_concurrency_is_littles():
    assert step(50, HELD).concurrency == pytest.approx(50 * 0.01, rel=0.01)
