"""When a window is prolonged: only where that could decide a target, and the run has not failed anyway."""

from __future__ import annotations

import pytest

from loadlab.spec.targets import Target
from loadlab.spec.workload import Workload
from loadlab.validate.extension import LOOK_CONFIDENCE, confidence_of_looks, prolongation_of
from loadlab.validate.model import TargetVerdict, Verdict

TARGET = Target("simple_queries", "latency", "<", 1000.0, "us", "brief", "simple", 95.0)


def judged(verdict: Verdict, window_s: float | None = None) -> TargetVerdict:
    return TargetVerdict(TARGET, verdict, 1.0, None, 1, ("get",), "So.", (), window_s)


PASSED, FAILED, SKIPPED = judged(Verdict.PASS), judged(Verdict.FAIL), judged(Verdict.SKIPPED)
NEAR, FAR = judged(Verdict.INCONCLUSIVE, 25.0), judged(Verdict.INCONCLUSIVE, 31.0)
BLOCKED = judged(Verdict.INCONCLUSIVE)


def test_a_window_in_reach_is_doubled_and_says_why() -> None:
    found = prolongation_of([PASSED, NEAR, SKIPPED], 10.0)
    assert found is not None
    assert (found.from_s, found.by_s) == (10.0, 10.0)
    assert found.reason == "simple_queries was undecided after 10 s"


@pytest.mark.parametrize("verdicts", [[], [PASSED, SKIPPED], [NEAR, FAILED], [FAR, BLOCKED], [FAR], [BLOCKED]], ids=str)
def test_no_window_is_prolonged_in_vain(verdicts: list[TargetVerdict]) -> None:
    assert prolongation_of(verdicts, 10.0) is None


@pytest.mark.parametrize("other", [FAR, BLOCKED], ids=["far", "blocked"])
def test_what_no_window_decides_does_not_stand_in_the_way(other: TargetVerdict) -> None:
    found = prolongation_of([other, NEAR], 10.0)
    assert found is not None
    assert found.reason == "simple_queries was undecided after 10 s"


def test_a_second_look_that_cannot_come_costs_nothing() -> None:
    assert confidence_of_looks(may_extend=False) == 0.95
    assert confidence_of_looks(may_extend=True) == LOOK_CONFIDENCE > 0.95
    assert Workload().may_extend
    assert not Workload(extend=False).may_extend
    shape = {"spike": {"base": 1, "peak": 2, "at": 1, "length": 1}}
    assert not Workload.model_validate({"shape": shape}).may_extend
