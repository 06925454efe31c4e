"""From targets and facts to verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from loadlab.spec.targets import Target
from loadlab.validate import gates
from loadlab.validate.facts import Facts
from loadlab.validate.model import TargetVerdict, Verdict
from loadlab.validate.targets import RULES


def judge(targets: Sequence[Target], facts: Facts) -> tuple[TargetVerdict, ...]:
    """A verdict on each target, in their order.

    A run in which nothing was executed decides nothing, not even what could be told without a load.
    """
    context = gates.context_of(targets, facts)
    verdicts = tuple(RULES[target.kind](target, context) for target in targets)
    gate = gates.nothing_executed(facts)
    return verdicts if gate is None else tuple(_undecided(verdict, gate) for verdict in verdicts)


def _undecided(verdict: TargetVerdict, gate: str) -> TargetVerdict:
    if verdict.verdict not in (Verdict.PASS, Verdict.FAIL):
        return verdict
    _, reason = gates.settle(verdict.verdict, verdict.reason.removesuffix("."), gate)
    return replace(verdict, verdict=Verdict.INCONCLUSIVE, reason=reason)
