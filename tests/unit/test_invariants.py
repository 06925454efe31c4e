"""What has to hold after the load: compared, told, judged."""

from __future__ import annotations

from decimal import Decimal

import pytest

from loadlab.errors import InputError
from loadlab.measure.integrity import IntegrityCheck
from loadlab.measure.invariants import Answers, compare
from loadlab.measure.window import _invariants
from loadlab.spec.targets import Target
from loadlab.spec.workload import Invariant, Workload
from loadlab.validate.gates import context_of
from loadlab.validate.integrity import integrity
from loadlab.validate.model import Verdict
from tests.unit.test_targets import Run, facts_of

TARGET = Target("integrity", "integrity", "<=", 0.0, "violations", "scenario")


def context_with(checks):
    return context_of([TARGET], facts_of({"a": Run("write", [1_000])}, facts={"integrity": checks}))


@pytest.mark.parametrize(
    "equals, before, after, violations",
    [
        (None, [(Decimal("10.00"),)], [(Decimal("10.00"),)], 0),
        (None, [(Decimal("10.00"),)], [(Decimal("9.99"),)], 1),
        (None, [(1, "a"), (2, "b")], [(1, "a")], 1),
        (0, [(5,)], [(0,)], 0),
        (0, [(0,)], [(Decimal("0.00"),)], 0),
        (1.5, [(0,)], [(Decimal("1.50"),)], 0),
        ("open", [(0,)], [("open",)], 0),
        (True, [(0,)], [(1,)], 1),
        (0, [(0,)], [], 1),
        (0, [(0,)], [(0, 0)], 1),
    ],
)
def test_an_answer_is_compared(equals, before, after, violations):
    found = compare({"sum": Invariant(sql="SELECT 1", equals=equals)}, {"sum": tuple(before)}, {"sum": tuple(after)})
    assert [(check.checked, check.violations) for check in found] == [(1, violations)]


def test_a_violation_fails_and_names_both_values():
    checks = compare({"sum": Invariant(sql="SELECT 1")}, {"sum": ((10,),)}, {"sum": ((9,),)})
    verdict = integrity(TARGET, context_with(checks))
    assert verdict.verdict is Verdict.FAIL
    assert "sum is 9 and should be 10, as before the load" in verdict.reason


@pytest.mark.parametrize(
    "checks, expected",
    [
        ((), Verdict.SKIPPED),
        ((IntegrityCheck("a", 5, 0, "is right"),), Verdict.PASS),
        ((IntegrityCheck("a", 5, 0, "is right"), IntegrityCheck("b", 0, 0, "", "gone")), Verdict.INCONCLUSIVE),
        ((IntegrityCheck("a", 0, 0, "is right"),), Verdict.INCONCLUSIVE),
        ((IntegrityCheck("a", 5, 1, "is wrong"), IntegrityCheck("b", 0, 0, "", "gone")), Verdict.FAIL),
    ],
)
def test_nothing_examined_proves_nothing(checks, expected):
    assert integrity(TARGET, context_with(checks)).verdict is expected


def test_a_query_that_is_refused_after_the_load_costs_nothing_that_was_measured():
    def ask() -> Answers:
        raise InputError("scenario.yaml: workload.invariants.total.sql", "is refused by the database: no such table")

    workload = Workload.model_validate(
        {
            "operations": {"one": {"kind": "simple", "weight": 1, "sql": "SELECT 1"}},
            "invariants": {"total": {"sql": "SELECT sum(total) FROM orders"}},
        }
    )
    (check,) = _invariants(workload, {"total": ((1,),)}, ask)
    assert (check.name, check.checked) == ("total", 0)
    assert "no such table" in (check.failure or "")
