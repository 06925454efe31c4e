"""The report's first sentences, and its plans: what is said of a run before any figure is looked up."""

from __future__ import annotations

import pytest

from loadlab.engines.plan_tree import Plan, PlanNode
from loadlab.measure.plans.model import TYPICAL, PlanSample, StatementPlans
from loadlab.report import plan_view, summary
from loadlab.report.model import PlanNodeResult, Result
from loadlab.report.plan_result import plan_result
from loadlab.validate.model import Verdict, overall
from tests.samples import empty_result, sample_result


def with_verdicts(*verdicts: Verdict, **changes: dict) -> Result:
    """The sample with its first targets only; `changes` are by target name."""
    result = sample_result()
    targets = [
        target.model_copy(update={"verdict": verdict} | changes.get(target.name, {}))
        for target, verdict in zip(result.targets, verdicts, strict=False)
    ]
    return result.model_copy(update={"targets": targets, "verdict": overall(verdicts)})


def test_what_was_tested_on_what():
    assert summary.tested(sample_result()) == (
        "14 operations ran on PostgreSQL 18.1 for 20 s with 40 users over 8 connections, "
        "against 166,105 rows in 13 tables, 0.05% of the full volume."
    ).replace("166,105", f"{sample_result().seeding.rows:,}")
    assert summary.tested(empty_result()).startswith("No operation ran on PostgreSQL 18.1 for 3 s with 40 users")


def test_an_open_loop_is_said_to_be_one():
    result = sample_result()
    load = result.load.model_copy(update={"arrivals": "poisson", "asked_rate_per_s": 250.0, "connections": 1})
    assert "for 20 s at 250/s (poisson arrivals) over 1 connection, against" in summary.tested(
        result.model_copy(update={"load": load})
    )


@pytest.mark.parametrize(
    "verdicts, words",
    [
        ([Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.SKIPPED], "2 of 3 targets passed, 1 failed."),
        ([Verdict.FAIL, Verdict.INCONCLUSIVE], "1 of 2 targets failed, 1 inconclusive."),
        ([Verdict.PASS, Verdict.PASS], "All 2 targets passed."),
        ([Verdict.INCONCLUSIVE], "The one target inconclusive."),
        ([Verdict.SKIPPED], "No target was judged."),
        ([], "No target was judged."),
    ],
)
def test_how_it_ended(verdicts, words):
    assert summary.outcome(with_verdicts(*verdicts)) == words


def test_the_target_furthest_beyond_its_limit_decides():
    # Limits of the brief's first three targets, in µs: 10,000, 50,000, 2,000,000.
    names = [target.name for target in sample_result().targets[:3]]
    limits = [target.limit for target in sample_result().targets[:3]]
    measured = dict(zip(names, (1.1 * limits[0], 3 * limits[1], 2 * limits[2]), strict=True))
    failed = with_verdicts(*[Verdict.FAIL] * 3, **{name: {"measured": value} for name, value in measured.items()})
    deciding = summary.decided_by(failed)
    assert deciding is not None
    assert deciding.name == names[1]
    assert summary.decided_by_words(deciding).startswith("Furthest beyond its limit is “Complex queries")


def test_of_what_passed_the_nearest_end_of_an_interval_decides():
    first, second = sample_result().targets[:2]
    passed = with_verdicts(
        Verdict.PASS,
        Verdict.PASS,
        **{
            first.name: {"measured": 0.9 * first.limit, "interval": (0.9 * first.limit, 0.91 * first.limit)},
            second.name: {"measured": 0.5 * second.limit, "interval": (0.4 * second.limit, 0.98 * second.limit)},
        },
    )
    deciding = summary.decided_by(passed)
    assert deciding is not None
    assert deciding.name == second.name
    assert summary.decided_by_words(deciding).startswith("Closest to its limit")


# --- plans

SCAN = PlanNode("full scan", "Seq Scan", table="events", rows_estimated=20.0, loops=3, rows=6_000, rows_removed=9)
PLAN = Plan(PlanNode("limit", "Limit", children=(SCAN,)), execution_ms=3.5)
GENERIC = Plan(PlanNode("index scan", "Index Scan", table="events", indexes=("events_pkey",)))


def test_of_the_plans_that_were_seen_the_executed_typical_one_is_kept():
    rare = PlanSample("the rarest kind", GENERIC, is_executed=True)
    planned, executed = PlanSample(TYPICAL, GENERIC, is_executed=False), PlanSample(TYPICAL, PLAN, is_executed=True)
    kept = plan_result(StatementPlans(generic=GENERIC, samples=(rare, planned, executed)))
    assert kept is not None
    assert (kept.values, kept.executed, kept.execution_ms) == (TYPICAL, True, 3.5)
    assert [child.table for child in kept.root.children] == ["events"]
    other = plan_result(StatementPlans(generic=GENERIC, samples=(rare,)))
    assert other is not None
    assert (other.values, other.executed, other.root.indexes) == ("any values", False, ["events_pkey"])
    assert plan_result(StatementPlans()) is None
    assert plan_result(None) is None


def test_figures_of_a_step_are_over_all_its_loops():
    (node,) = plan_result(StatementPlans(samples=(PlanSample(TYPICAL, PLAN, is_executed=True),))).root.children
    assert list(plan_view.figures(node)) == ["6,000 rows (60 estimated)", "3 loops", "9 rows read in vain"]
    assert plan_view.off_by(node) == "100 times as many as estimated"
    assert plan_view.off_by(node.model_copy(update={"may_end_early": True})) == ""
    assert plan_view.off_by(node.model_copy(update={"rows": 70})) == ""


def test_steps_that_were_never_begun_are_counted():
    node = PlanNodeResult(name="Append", children=[PlanNodeResult(name="Seq Scan", loops=n) for n in (0, 1, 0)])
    assert len(plan_view.executed_children(node)) == 1
    assert plan_view.never_executed(node) == 2
