"""Each rule: PASS, FAIL, INCONCLUSIVE and SKIPPED, from values whose answer is known beforehand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import pytest

from loadlab.engines.protocol import Evidence, IndexEvidence, PlanEvidence, TableEvidence
from loadlab.measure.histogram import Histogram
from loadlab.measure.integrity import IntegrityCheck
from loadlab.measure.model import GeneratorHealth, Interval, LoadMeasure, OperationInterval, OperationMeasure
from loadlab.spec.targets import Target, TargetKind, TargetOverrides, resolve_targets
from loadlab.validate.facts import Facts
from loadlab.validate.gates import context_of
from loadlab.validate.judge import judge
from loadlab.validate.model import TargetVerdict, Verdict
from loadlab.validate.targets import RULES

HEALTHY = GeneratorHealth(cpu_share=0.3, lag_p99_us=0.0)
MIB = 2**20


@dataclass(frozen=True)
class Run:
    """One operation in each interval: the answers' response times, and failures by outcome."""

    kind: str
    response_us: Sequence[int] = ()
    errors: Mapping[str, int] = field(default_factory=dict)
    service_us: Sequence[int] | None = None


def histogram(values_us: Sequence[int]) -> Histogram:
    result = Histogram()
    result.add(np.asarray(values_us, dtype=np.int64))
    return result


def operation_interval(run: Run) -> OperationInterval:
    service = run.response_us if run.service_us is None else run.service_us
    return OperationInterval(len(run.response_us), run.errors, histogram(service), histogram(run.response_us))


def load_of(runs: Mapping[str, Run], *, seconds: int = 10, busy_s: float = 2.0, **changes: Any) -> LoadMeasure:
    """A window in which every second is like the other, so that rounds agree and intervals are the exact ones."""
    second = {name: operation_interval(run) for name, run in runs.items() if run.response_us or run.errors}
    users = changes.get("users", 10)
    operations = tuple(
        OperationMeasure(
            name,
            run.kind,
            seconds * len(run.response_us),
            {outcome: seconds * count for outcome, count in run.errors.items()},
            Histogram.merged([second[name].service] * seconds) if name in second else Histogram(),
            Histogram.merged([second[name].response] * seconds) if name in second else Histogram(),
        )
        for name, run in runs.items()
    )
    load = LoadMeasure(
        started_at="2026-01-01T00:00:00+00:00",
        duration_s=float(seconds),
        users=users,
        connections=4,
        connections_peak=4,
        workers=1,
        asked_rate_per_s=None,
        operations=operations,
        intervals=tuple(Interval(float(s), 1.0, users, busy_s, second) for s in range(seconds)),
        generator=HEALTHY,
    )
    return replace(load, **changes)


def facts_of(runs: Mapping[str, Run], *, facts: Mapping[str, Any] | None = None, **changes: Any) -> Facts:
    given = Facts(
        load=load_of(runs, **changes),
        kinds={name: run.kind for name, run in runs.items()},
        weights=dict.fromkeys(runs, 1.0),
        scale=0.01,
        rows={"orders": 1000},
    )
    return replace(given, **(facts or {}))


def target_of(kind: TargetKind, limit: float, sign: str = "<", **changes: Any) -> Target:
    units: dict[str, Any] = {
        "latency": "us",
        "read_rate": "per_s",
        "write_rate": "per_s",
        "concurrent_users": "users",
        "data_volume": "bytes",
    }
    return Target(kind, kind, sign, limit, units.get(kind, "ratio"), "brief", **changes)  # type: ignore[arg-type]


def simple(limit_us: float, kind: str = "simple") -> Target:
    return target_of("latency", limit_us, operation_kind=kind, percentile=95.0)


def verdict_of(target: Target, facts: Facts) -> TargetVerdict:
    (verdict,) = judge([target], facts)
    assert verdict.target is target
    assert verdict.reason.endswith(".")
    assert not verdict.reason[0].islower() or verdict.reason.split()[0] in facts.kinds
    return verdict


UP_TO_1000 = tuple(range(1, 1001))
"""Its p95 is 950 µs; over ten seconds the interval is 946 to 955 µs (Bin(10000, 0.95))."""


class TestLatency:
    facts = facts_of({"get": Run("simple", UP_TO_1000)})

    @pytest.mark.parametrize(
        "limit_us, expected",
        [
            (1000, Verdict.PASS),
            (956, Verdict.PASS),
            (955, Verdict.INCONCLUSIVE),
            (950, Verdict.INCONCLUSIVE),
            (947, Verdict.INCONCLUSIVE),
            (945, Verdict.FAIL),
            (500, Verdict.FAIL),
        ],
    )
    def test_the_interval_decides(self, limit_us: float, expected: Verdict) -> None:
        verdict = verdict_of(simple(limit_us), self.facts)
        assert verdict.verdict is expected
        assert verdict.measured == 950
        assert verdict.interval == (946, 955)
        assert verdict.samples == 10_000
        assert verdict.examined == ("get",)

    def test_the_reason_has_figures_units_and_circumstances(self) -> None:
        assert verdict_of(simple(1000), self.facts).reason == (
            "The p95 response time of get is 950 µs (95% interval 946 µs to 955 µs, 10,000 answers with 10 users at "
            "scale 0.01), below the limit of 1 ms."
        )

    def test_response_time_counts_not_service_time(self) -> None:
        facts = facts_of({"get": Run("simple", [5000] * 100, service_us=[10] * 100)})
        assert verdict_of(simple(1000), facts).verdict is Verdict.FAIL

    def test_the_worst_operation_decides(self) -> None:
        facts = facts_of(
            {
                "fast": Run("simple", [100] * 100),
                "slow": Run("simple", [700] * 100),
                "broken": Run("simple", [3000] * 100),
                "other": Run("complex", [90_000] * 100),
            }
        )
        verdict = verdict_of(simple(1000), facts)
        assert verdict.verdict is Verdict.FAIL
        assert verdict.measured == pytest.approx(3000, rel=1e-3)
        assert [(item.name, item.verdict) for item in verdict.details] == [
            ("fast", Verdict.PASS),
            ("slow", Verdict.PASS),
            ("broken", Verdict.FAIL),
        ]
        assert "2 of 3 simple operations pass" in verdict.reason
        assert verdict_of(simple(5000), facts).measured == pytest.approx(3000, rel=1e-3)

    def test_no_operation_of_the_kind(self) -> None:
        verdict = verdict_of(simple(1000, "report"), self.facts)
        assert verdict.verdict is Verdict.SKIPPED
        assert verdict.reason == "There is no operation of kind report in the workload."

    def test_an_operation_that_never_ran_is_named(self) -> None:
        facts = facts_of({"get": Run("simple", UP_TO_1000), "rare": Run("simple")})
        verdict = verdict_of(simple(5000), facts)
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert verdict.reason.startswith("rare was never executed")

    def test_only_failures_have_no_response_time(self) -> None:
        facts = facts_of({"get": Run("simple", errors={"57014": 5})})
        verdict = verdict_of(simple(5000), facts)
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "All 50 executions of get failed" in verdict.reason

    def test_failures_cannot_make_it_pass(self) -> None:
        few = facts_of({"get": Run("simple", [100] * 1000, {"57014": 1})})
        many = facts_of({"get": Run("simple", [100] * 1000, {"57014": 80})})
        assert verdict_of(simple(1000), few).verdict is Verdict.PASS
        verdict = verdict_of(simple(1000), many)
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "failed executions" in verdict.reason

    def test_too_few_answers(self) -> None:
        verdict = verdict_of(simple(1000), facts_of({"get": Run("simple", [100] * 7)}))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "70 answers are too few: a p95 needs 72" in verdict.reason
        assert verdict_of(simple(1000), facts_of({"get": Run("simple", [100] * 8)})).verdict is Verdict.PASS

    def test_a_few_slow_answers_prove_a_fail(self) -> None:
        assert verdict_of(simple(1000), facts_of({"get": Run("simple", [9000] * 2)})).verdict is Verdict.FAIL
        assert verdict_of(simple(1000), facts_of({"get": Run("simple", [9000])})).verdict is Verdict.INCONCLUSIVE

    def test_a_window_too_short(self) -> None:
        for response_us in ([100] * 1000, [9000] * 1000):
            verdict = verdict_of(simple(1000), facts_of({"get": Run("simple", response_us)}, seconds=4))
            assert verdict.verdict is Verdict.INCONCLUSIVE
            assert "4 intervals is too short" in verdict.reason

    @pytest.mark.parametrize(
        "changes, facts, said",
        [
            ({"interrupted": True}, {}, "interrupted after 10 s"),
            ({"generator": GeneratorHealth(0.95, 0.0)}, {}, "used 95% of a core"),
            (
                {},
                {"evidence": Evidence(0, "", "", tables={"orders": TableEvidence(analyzed=False)})},
                "orders was never analysed",
            ),
        ],
    )
    @pytest.mark.parametrize("limit_us", [10.0, 1000.0])
    def test_gates_come_first(self, limit_us: float, changes: dict[str, Any], facts: dict[str, Any], said: str) -> None:
        run = {"get": Run("simple", [100] * 100)}
        assert verdict_of(simple(limit_us), facts_of(run)).verdict is not Verdict.INCONCLUSIVE
        verdict = verdict_of(simple(limit_us), facts_of(run, facts=facts, **changes))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert said in verdict.reason
        assert verdict.measured == 100

    def test_tables_without_rows_need_no_statistics(self) -> None:
        evidence = Evidence(0, "", "", tables={"empty": TableEvidence(analyzed=False)})
        facts = facts_of({"get": Run("simple", [100] * 100)}, facts={"evidence": evidence})
        assert verdict_of(simple(1000), facts).verdict is Verdict.PASS

    def test_a_load_lighter_than_asked_proves_no_pass_but_a_fail(self) -> None:
        # Ten users who pause 50 ms ask for 200/s and get 100/s, though every answer came within 100 µs.
        facts = facts_of({"get": Run("simple", [100] * 100)}, asked_rate_per_s=200.0)
        verdict = verdict_of(simple(1000), facts)
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "only 100/s of the 200/s" in verdict.reason
        assert verdict_of(simple(10), facts).verdict is Verdict.FAIL

    def test_waiting_within_the_limit_is_no_lighter_load(self) -> None:
        # Ten users who pause 50 ms and wait 50 ms for each answer do 100/s; 60 ms are allowed.
        facts = facts_of({"join": Run("complex", [50_000] * 100)}, asked_rate_per_s=200.0)
        assert verdict_of(simple(60_000, "complex"), facts).verdict is Verdict.PASS
        assert verdict_of(simple(40_000, "complex"), facts).verdict is Verdict.FAIL

    def test_a_late_generator_is_no_fault_of_the_database(self) -> None:
        late = GeneratorHealth(0.3, lag_p99_us=1500.0)
        blamed = facts_of({"get": Run("simple", [1800] * 100, service_us=[300] * 100)}, generator=late)
        assert verdict_of(simple(1000), blamed).verdict is Verdict.INCONCLUSIVE
        assert "late by up to 1.50 ms" in verdict_of(simple(1000), blamed).reason
        # Beyond the limit even without the lag; beyond it by service time alone; within it in spite of the lag.
        beyond = facts_of({"get": Run("simple", [2600] * 100, service_us=[300] * 100)}, generator=late)
        service = facts_of({"get": Run("simple", [1800] * 100, service_us=[1200] * 100)}, generator=late)
        assert verdict_of(simple(1000), beyond).verdict is Verdict.FAIL
        assert verdict_of(simple(1000), service).verdict is Verdict.FAIL
        assert verdict_of(simple(2000), blamed).verdict is Verdict.PASS

    def test_a_limit_that_includes_its_value(self) -> None:
        facts = facts_of({"get": Run("simple", [1000] * 100)})
        assert verdict_of(simple(1000), facts).verdict is Verdict.FAIL
        assert verdict_of(replace(simple(1000), sign="<="), facts).verdict is Verdict.PASS


class TestErrorRate:
    zero = target_of("error_rate", 0.0, "<=")
    one_percent = target_of("error_rate", 0.01, "<=")

    def test_no_error_seen(self) -> None:
        verdict = verdict_of(self.zero, facts_of({"get": Run("simple", [100] * 100), "put": Run("write", [9] * 20)}))
        assert verdict.verdict is Verdict.PASS
        assert verdict.measured == 0
        assert verdict.samples == 1200
        # 1 - 0.025 ** (1 / 1200)
        assert verdict.interval == pytest.approx((0, 0.003069), abs=1e-6)
        assert verdict.reason == (
            "None of 1,200 executions of 2 operations failed; at most 0.31% would fail in the long run "
            "(95% interval 0% to 0.31%)."
        )

    def test_one_error_is_one_too_many(self) -> None:
        runs = {"get": Run("simple", [100] * 100), "put": Run("write", [9] * 20, {"40001": 1})}
        verdict = verdict_of(self.zero, facts_of(runs, first_errors={"put": "could not serialize"}))
        assert verdict.verdict is Verdict.FAIL
        assert verdict.measured == pytest.approx(10 / 1210)
        assert "put 10 × 40001" in verdict.reason
        put = verdict.details[1]
        assert put.verdict is Verdict.FAIL
        assert put.reason == "10 of 210 executions failed; the first one: could not serialize."

    def test_an_interruption_forgives_no_error(self) -> None:
        runs = {"get": Run("simple", [100] * 100, {"40001": 1})}
        assert verdict_of(self.zero, facts_of(runs, interrupted=True)).verdict is Verdict.FAIL
        clean = {"get": Run("simple", [100] * 100)}
        assert verdict_of(self.zero, facts_of(clean, interrupted=True)).verdict is Verdict.INCONCLUSIVE

    def test_an_operation_that_never_ran(self) -> None:
        runs = {"get": Run("simple", [100] * 100), "rare": Run("write")}
        verdict = verdict_of(self.zero, facts_of(runs))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "rare was never executed" in verdict.reason

    @pytest.mark.parametrize(
        "failed, expected",
        [(0, Verdict.PASS), (5, Verdict.PASS), (10, Verdict.INCONCLUSIVE), (20, Verdict.FAIL)],
    )
    def test_a_limit_above_zero_is_judged_by_the_interval(self, failed: int, expected: Verdict) -> None:
        errors = {"40001": failed} if failed else {}
        verdict = verdict_of(self.one_percent, facts_of({"get": Run("simple", [9] * (1000 - failed), errors)}))
        assert verdict.verdict is expected
        assert verdict.measured == failed / 1000

    def test_one_burst_of_errors_is_less_certain_than_errors_all_along(self) -> None:
        calm, burst = operation_interval(Run("simple", [9] * 1000)), Run("simple", [9] * 760, {"40001": 240})
        load = load_of({"get": Run("simple", [9] * 1000)})
        intervals = list(load.intervals)
        intervals[4] = replace(intervals[4], operations={"get": operation_interval(burst)})
        assert intervals[3].operations["get"].count == calm.count
        operation = replace(load.operations[0], count=9760, errors={"40001": 240})
        facts = replace(
            facts_of({"get": Run("simple", [9] * 1000)}),
            load=replace(load, operations=(operation,), intervals=tuple(intervals)),
        )
        all_along = facts_of({"get": Run("simple", [9] * 976, {"40001": 24})})
        assert verdict_of(self.one_percent, all_along).verdict is Verdict.FAIL
        assert verdict_of(self.one_percent, facts).verdict is Verdict.INCONCLUSIVE


class TestRates:
    runs: Mapping[str, Run] = {
        "get": Run("simple", [100] * 80),
        "sum": Run("report", [100] * 10),
        "put": Run("write", [100] * 10),
    }
    weights: Mapping[str, float] = {"get": 8.0, "sum": 1.0, "put": 1.0}

    def facts(self, **changes: Any) -> Facts:
        return facts_of(self.runs, facts={"weights": self.weights}, **changes)

    @pytest.mark.parametrize("kind, reached", [("read_rate", 90.0), ("write_rate", 10.0)])
    def test_reached(self, kind: TargetKind, reached: float) -> None:
        verdict = verdict_of(target_of(kind, reached, ">="), self.facts())
        assert verdict.verdict is Verdict.PASS
        assert verdict.measured == reached
        assert verdict.interval == (reached, reached)
        assert verdict.samples == reached * 10

    def test_users_who_do_not_pause_asked_for_all_there_is(self) -> None:
        verdict = verdict_of(target_of("read_rate", 100, ">="), self.facts())
        assert verdict.verdict is Verdict.FAIL

    def test_what_was_never_asked_is_not_failed(self) -> None:
        verdict = verdict_of(target_of("read_rate", 50_000, ">="), self.facts(asked_rate_per_s=101.0))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "the users offered only 90.9/s of reads: 50,000/s were never asked of the database" in verdict.reason

    def test_what_was_asked_and_not_reached(self) -> None:
        target, asked = target_of("write_rate", 15, ">="), {"asked_rate_per_s": 200.0}
        assert verdict_of(target, self.facts(**asked)).verdict is Verdict.FAIL
        saturated = self.facts(**asked, generator=GeneratorHealth(0.97, 0.0))
        assert verdict_of(target, saturated).verdict is Verdict.INCONCLUSIVE
        assert "its busiest process used 97% of a core" in verdict_of(target, saturated).reason
        assert verdict_of(target_of("write_rate", 9, ">="), saturated).verdict is Verdict.PASS

    def test_failed_operations_are_not_counted(self) -> None:
        facts = facts_of({"get": Run("simple", [100] * 50, {"40001": 50})})
        assert verdict_of(target_of("read_rate", 60, ">="), facts).measured == 50

    def test_no_writes_in_the_workload(self) -> None:
        verdict = verdict_of(target_of("write_rate", 5, ">="), facts_of({"get": Run("simple", [1] * 9)}))
        assert verdict.verdict is Verdict.SKIPPED
        assert verdict.reason == "There is no write operation in the workload."

    def test_a_rate_that_swings_around_the_limit(self) -> None:
        load = load_of({"get": Run("simple", [100] * 100)})
        counts = [80, 120, 95, 110, 90, 105, 85, 115, 100, 100]
        intervals = tuple(
            replace(interval, operations={"get": operation_interval(Run("simple", [100] * count))})
            for interval, count in zip(load.intervals, counts, strict=True)
        )
        facts = replace(facts_of({"get": Run("simple", [100] * 100)}), load=replace(load, intervals=intervals))
        assert verdict_of(target_of("read_rate", 98, ">="), facts).verdict is Verdict.INCONCLUSIVE
        assert verdict_of(target_of("read_rate", 80, ">="), facts).verdict is Verdict.PASS
        assert verdict_of(target_of("read_rate", 120, ">="), facts).verdict is Verdict.FAIL


class TestConcurrentUsers:
    target = target_of("concurrent_users", 10, ">=")
    runs: Mapping[str, Run] = {"get": Run("simple", [500] * 100)}

    def test_held(self) -> None:
        verdict = verdict_of(self.target, facts_of(self.runs, asked_rate_per_s=102.0))
        assert verdict.verdict is Verdict.PASS
        assert verdict.measured == 10
        assert verdict_of(self.target, facts_of(self.runs)).verdict is Verdict.PASS

    def test_never_tried(self) -> None:
        verdict = verdict_of(target_of("concurrent_users", 10_000, ">="), facts_of(self.runs))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "10,000 were never tried (raise --users)" in verdict.reason

    def test_not_yet_all_there(self) -> None:
        load = load_of(self.runs)
        first = replace(load.intervals[0], users=4)
        facts = replace(facts_of(self.runs), load=replace(load, intervals=(first, *load.intervals[1:])))
        assert verdict_of(self.target, facts).verdict is Verdict.INCONCLUSIVE

    def test_users_who_wait_are_not_held(self) -> None:
        facts = facts_of(self.runs, asked_rate_per_s=200.0)
        assert verdict_of(self.target, facts).verdict is Verdict.FAIL
        saturated = facts_of(self.runs, asked_rate_per_s=200.0, generator=GeneratorHealth(0.95, 0.0))
        assert verdict_of(self.target, saturated).verdict is Verdict.INCONCLUSIVE

    def test_users_who_wait_as_long_as_allowed_are_held(self) -> None:
        facts = facts_of({"sum": Run("report", [50_000] * 100)}, asked_rate_per_s=200.0)
        report = simple(2_000_000, "report")
        assert judge([report, self.target], facts)[1].verdict is Verdict.PASS
        assert judge([self.target], facts)[0].verdict is Verdict.FAIL

    def test_errors_are_no_answers(self) -> None:
        failing = facts_of({"get": Run("simple", [500] * 10, {"40001": 90})}, asked_rate_per_s=102.0)
        assert verdict_of(self.target, failing).verdict is Verdict.FAIL
        assert verdict_of(self.target, replace(failing, load=replace(failing.load, asked_rate_per_s=None))).verdict is (
            Verdict.FAIL
        )


def evidence_of(**tables: TableEvidence) -> Evidence:
    return Evidence(0.0, "1", "server", tables=tables)


class TestIndexHitRatio:
    target = target_of("index_hit_ratio", 0.95, ">")
    runs: Mapping[str, Run] = {"get": Run("simple", [100] * 100)}

    def judged(self, *blocks: tuple[int | None, int | None], **facts: Any) -> TargetVerdict:
        tables = {
            f"t{position}": TableEvidence(index_blocks_hit=hit, index_blocks_read=read)
            for position, (hit, read) in enumerate(blocks)
        }
        return verdict_of(self.target, facts_of(self.runs, facts={"evidence": evidence_of(**tables)} | facts))

    def test_sums_over_tables_not_averages(self) -> None:
        verdict = self.judged((9_900, 10), (10, 90))
        assert verdict.measured == pytest.approx(9910 / 10010)
        assert (verdict.verdict, verdict.samples, verdict.interval) == (Verdict.PASS, 10_010, None)
        assert verdict.examined == ("t0", "t1")
        assert "not the share of scans that used an index" in verdict.reason

    def test_below_and_exactly_at_the_limit(self) -> None:
        assert self.judged((90, 10)).verdict is Verdict.FAIL
        assert self.judged((950, 50)).verdict is Verdict.FAIL
        assert "at the limit of 95%" in self.judged((950, 50)).reason

    def test_nothing_was_read(self) -> None:
        verdict = self.judged((0, 0), (0, 0))
        assert (verdict.verdict, verdict.measured) == (Verdict.INCONCLUSIVE, None)

    def test_a_handful_of_blocks(self) -> None:
        assert self.judged((71, 0)).verdict is Verdict.INCONCLUSIVE
        assert self.judged((72, 0)).verdict is Verdict.PASS

    def test_counters_that_began_anew(self) -> None:
        verdict = self.judged((9_900, 10), counters_were_reset=True)
        assert (verdict.verdict, verdict.measured) == (Verdict.INCONCLUSIVE, None)
        assert "reset" in verdict.reason

    def test_an_engine_that_does_not_count(self) -> None:
        assert self.judged((None, None)).verdict is Verdict.SKIPPED
        assert verdict_of(self.target, facts_of(self.runs)).verdict is Verdict.SKIPPED


INDEXED = PlanEvidence((), ("orders_pkey",), "")
SCANNING = PlanEvidence(("orders",), (), "")
INSERT = PlanEvidence((), (), "")


class TestIndexCoverage:
    target = target_of("index_coverage", 0.95, ">=")

    def judged(
        self, counts: Mapping[str, int], plans: Mapping[str, PlanEvidence] | None, **facts: Any
    ) -> TargetVerdict:
        runs = {name: Run("simple", [100] * count) for name, count in counts.items()}
        return verdict_of(self.target, facts_of(runs, facts={"plans": plans} | facts))

    def test_every_plan_is_served_whatever_the_mix(self) -> None:
        verdict = self.judged({"get": 1, "put": 5}, {"get": INDEXED, "put": INSERT})
        assert (verdict.verdict, verdict.measured, verdict.interval) == (Verdict.PASS, 1.0, (1.0, 1.0))
        assert verdict.samples == 10
        assert verdict.examined == ("get",)

    def test_weighted_by_executions(self) -> None:
        verdict = self.judged({"get": 98, "scan": 2}, {"get": INDEXED, "scan": SCANNING})
        assert verdict.verdict is Verdict.PASS
        assert verdict.measured == 0.98
        verdict = self.judged({"get": 80, "scan": 20}, {"get": INDEXED, "scan": SCANNING})
        assert verdict.verdict is Verdict.FAIL
        assert "scan reads all of orders" in verdict.reason
        assert [(item.name, item.verdict) for item in verdict.details] == [
            ("get", Verdict.PASS),
            ("scan", Verdict.FAIL),
        ]
        assert self.judged({"get": 95, "scan": 5}, {"get": INDEXED, "scan": SCANNING}).verdict is Verdict.INCONCLUSIVE

    def test_statements_of_a_flow_count_by_their_own_executions(self) -> None:
        verdict = self.judged(
            {"order": 10},
            {"order/find": INDEXED, "order/scan": SCANNING, "order/insert": INSERT},
            load=load_of(
                {"order": Run("write", [100] * 10)},
                statements={"order/find": 300, "order/scan": 100, "order/insert": 100},
            ),
        )
        assert (verdict.measured, verdict.samples) == (0.75, 400)

    def test_executions_without_a_plan_may_be_either(self) -> None:
        verdict = self.judged({"get": 90, "odd": 10}, {"get": INDEXED})
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "100 executions had no plan to look at" in verdict.reason
        assert self.judged({"get": 99, "odd": 1}, {"get": INDEXED}).verdict is Verdict.PASS

    def test_nothing_that_searches(self) -> None:
        assert self.judged({"put": 9}, {"put": INSERT}).verdict is Verdict.INCONCLUSIVE
        assert self.judged({"get": 9}, {}).verdict is Verdict.INCONCLUSIVE
        assert self.judged({"get": 9}, None).verdict is Verdict.SKIPPED


class TestConnectionUtilisation:
    target = target_of("connection_utilisation", 0.8)
    runs: Mapping[str, Run] = {"get": Run("simple", [500] * 100)}

    def test_share_of_the_pool_that_is_busy(self) -> None:
        verdict = verdict_of(self.target, facts_of(self.runs, busy_s=2.0, asked_rate_per_s=102.0))
        assert (verdict.verdict, verdict.measured, verdict.samples) == (Verdict.PASS, 0.5, 10)
        assert verdict.examined == ("pool of 4 connections",)
        busy = facts_of(self.runs, busy_s=3.8, asked_rate_per_s=102.0)
        assert verdict_of(self.target, busy).verdict is Verdict.FAIL

    def test_users_who_do_not_pause_fill_any_pool(self) -> None:
        verdict = verdict_of(self.target, facts_of(self.runs, busy_s=3.9))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "without think time" in verdict.reason

    def test_the_servers_own_limit_is_told(self) -> None:
        evidence = replace(evidence_of(), connections_max=100)
        facts = facts_of(self.runs, facts={"evidence": evidence})
        assert "4% of the server's 100 connections" in verdict_of(self.target, facts).reason

    def test_a_pool_that_did_not_exist(self) -> None:
        assert verdict_of(self.target, facts_of(self.runs, connections=0)).verdict is Verdict.INCONCLUSIVE


class TestIndexStorageOverhead:
    target = target_of("index_storage_overhead", 0.2)
    runs: Mapping[str, Run] = {"get": Run("simple", [100] * 100)}

    def judged(self, table: TableEvidence, **indexes: int) -> TargetVerdict:
        evidence = replace(
            evidence_of(orders=table, unseeded=TableEvidence(size_bytes=0, index_bytes=MIB)),
            indexes={name: IndexEvidence("orders", size) for name, size in indexes.items()},
        )
        return verdict_of(self.target, facts_of(self.runs, facts={"evidence": evidence}))

    def test_out_of_line_values_belong_to_the_table(self) -> None:
        verdict = self.judged(TableEvidence(size_bytes=10 * MIB, toast_bytes=4 * MIB, index_bytes=MIB))
        assert (verdict.verdict, verdict.measured, verdict.interval) == (Verdict.PASS, 0.1, None)
        assert (verdict.samples, verdict.examined) == (1000, ("orders",))
        assert "at scale 0.01" in verdict.reason

    def test_the_largest_indexes_are_named(self) -> None:
        verdict = self.judged(TableEvidence(size_bytes=10 * MIB, index_bytes=3 * MIB), a=MIB // 2, b=2 * MIB, c=1, d=2)
        assert verdict.verdict is Verdict.FAIL
        assert "largest: b 20%, a 5% and d" in verdict.reason

    def test_the_tables_with_the_largest_indexes_come_first(self) -> None:
        sizes = {"tags": (20 * MIB, MIB), "orders": (MIB // 2, MIB // 4), "get": (9 * MIB, 3 * MIB)}
        tables = {name: TableEvidence(size_bytes=size, index_bytes=of) for name, (size, of) in sizes.items()}
        facts = facts_of(self.runs, facts={"evidence": evidence_of(**tables), "rows": dict.fromkeys(tables, 1000)})
        details = verdict_of(self.target, facts).details
        assert [(detail.name, detail.verdict) for detail in details] == [
            ("get", Verdict.FAIL),
            ("tags", Verdict.PASS),
            ("orders", Verdict.INCONCLUSIVE),
        ]

    def test_exactly_at_the_limit_is_not_below_it(self) -> None:
        assert self.judged(TableEvidence(size_bytes=10 * MIB, index_bytes=2 * MIB)).verdict is Verdict.FAIL

    def test_small_tables_are_mostly_pages(self) -> None:
        verdict = self.judged(TableEvidence(size_bytes=MIB - 1, index_bytes=MIB))
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "fixed overheads of pages dominate" in verdict.reason

    def test_empty_and_unknown(self) -> None:
        assert self.judged(TableEvidence(size_bytes=0, index_bytes=0)).verdict is Verdict.INCONCLUSIVE
        assert self.judged(TableEvidence(rows=9)).verdict is Verdict.SKIPPED


class TestDataVolume:
    target = target_of("data_volume", 100 * MIB, "<=")
    runs: Mapping[str, Run] = {"get": Run("simple", [100] * 100)}

    def judged(self, size_bytes: int | None, scale: float) -> TargetVerdict:
        evidence = replace(evidence_of(orders=TableEvidence(size_bytes=size_bytes, index_bytes=0)), database_bytes=None)
        return verdict_of(self.target, facts_of(self.runs, facts={"evidence": evidence, "scale": scale}))

    def test_measured_at_full_volume(self) -> None:
        assert self.judged(100 * MIB, 1).verdict is Verdict.PASS
        assert self.judged(100 * MIB + 1, 1).verdict is Verdict.FAIL

    def test_below_full_volume_only_an_estimate(self) -> None:
        verdict = self.judged(2 * MIB, 0.01)
        assert (verdict.verdict, verdict.measured) == (Verdict.INCONCLUSIVE, pytest.approx(200 * MIB))
        assert "an estimate and no measurement" in verdict.reason

    def test_beyond_full_volume(self) -> None:
        assert self.judged(99 * MIB, 2).verdict is Verdict.PASS
        assert self.judged(101 * MIB, 2).verdict is Verdict.INCONCLUSIVE

    def test_unknown(self) -> None:
        assert self.judged(None, 1).verdict is Verdict.SKIPPED


EVERY_TARGET = resolve_targets(
    None,
    TargetOverrides(
        writes="< 5ms",
        concurrent_users=5,
        read_operations_per_second=1,
        write_operations_per_second=1,
        data_volume="1TB",
    ),
    checks_integrity=True,
)


def test_every_kind_of_target_has_a_rule() -> None:
    assert set(RULES) == set(get_args(TargetKind)) == {target.kind for target in EVERY_TARGET}


GENEROUS_EVIDENCE = Evidence(
    0.0,
    "1",
    "server",
    tables={"orders": TableEvidence(10 * MIB, MIB, 0, 1000, index_blocks_hit=9999, index_blocks_read=1)},
    connections_max=100,
    database_bytes=11 * MIB,
)
SOUND = IntegrityCheck("sum", 1, 0, "is what it was")
NOTHING = LoadMeasure("", 0.0, 0, 0, 0, 0, None, (), (), GeneratorHealth(0.0, math.nan))


@pytest.mark.parametrize("scale", [0.01, 1.0])
@pytest.mark.parametrize("plans", [None, {}, {"get": INDEXED}])
@pytest.mark.parametrize("evidence", [None, Evidence(0, "", ""), GENEROUS_EVIDENCE])
@pytest.mark.parametrize(
    "load",
    [
        NOTHING,
        load_of({"get": Run("simple"), "sum": Run("report"), "put": Run("write")}),
        load_of({}, asked_rate_per_s=100.0),
    ],
)
@pytest.mark.parametrize("kinds", [{}, {"get": "simple", "sum": "report", "put": "write"}])
def test_nothing_executed_never_passes(
    kinds: dict[str, str],
    load: LoadMeasure,
    evidence: Evidence | None,
    plans: dict[str, PlanEvidence] | None,
    scale: float,
) -> None:
    facts = Facts(load, kinds, dict.fromkeys(kinds, 1.0), scale, {"orders": 1000}, evidence, False, plans)
    for verdict in judge(EVERY_TARGET, facts):
        assert verdict.verdict in (Verdict.INCONCLUSIVE, Verdict.SKIPPED), verdict
        assert verdict.reason.endswith(".")


EMPTY_TABLES = Evidence(
    0.0,
    "1",
    "server",
    tables={"orders": TableEvidence(0, 8192, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, True)},
    connections_max=100,
    database_bytes=8192,
)


@pytest.mark.parametrize("evidence", [None, Evidence(0, "", ""), EMPTY_TABLES])
@pytest.mark.parametrize("plans", [None, {}])
@pytest.mark.parametrize("target", EVERY_TARGET, ids=lambda target: target.name)
def test_a_rule_that_examined_nothing_says_so(
    target: Target, plans: dict[str, PlanEvidence] | None, evidence: Evidence | None
) -> None:
    """Each rule by itself, without the judge's own gate: an empty database, and facts without anything in them."""
    for kinds in ({}, {"get": "simple", "sum": "report", "put": "write"}):
        for load in (NOTHING, load_of({name: Run(kind) for name, kind in kinds.items()})):
            facts = Facts(load, kinds, dict.fromkeys(kinds, 1.0), 1.0, {}, evidence, False, plans)
            verdict = RULES[target.kind](target, context_of(EVERY_TARGET, facts))
            assert verdict.verdict in (Verdict.INCONCLUSIVE, Verdict.SKIPPED), verdict
            assert verdict.samples == 0
            assert verdict.reason.endswith(".")
            assert verdict.window_s is None


def test_every_target_of_a_good_run_passes() -> None:
    """The counterpart: the same targets can be met, so that the test above is not met by rules that never pass."""
    runs = {
        "get": Run("simple", [100] * 100),
        "join": Run("complex", [900] * 100),
        "sum": Run("report", [900] * 100),
        "put": Run("write", [900] * 100),
    }
    plans = {"get": INDEXED, "join": INDEXED, "sum": INDEXED, "put": INSERT}
    facts = facts_of(runs, facts={"evidence": GENEROUS_EVIDENCE, "plans": plans, "scale": 1.0, "integrity": [SOUND]})
    assert {verdict.verdict for verdict in judge(EVERY_TARGET, facts)} == {Verdict.PASS}
