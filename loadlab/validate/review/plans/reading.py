"""What several rules read from the facts in the same way."""

from __future__ import annotations

from collections.abc import Iterator

from loadlab.engines.plan_tree import Comparison, PlanNode
from loadlab.measure.plans.model import PlanSample, StatementPlans
from loadlab.units import format_share
from loadlab.validate.review.model import Examined, ReviewFacts, skipped
from loadlab.validate.wording import counted, names

LARGE_ROWS = 10_000
"""Below this many rows at full volume a table is a few hundred pages, which reading from end to end is no harm."""


def full_rows(facts: ReviewFacts, table: str) -> int:
    """Rows at full volume, as far as anybody says; what the server says of now otherwise."""
    stated = facts.rows.get(table)
    if stated is not None:
        return stated
    found = facts.evidence.tables.get(table) if facts.evidence else None
    return (found.rows or 0) if found else 0


def is_large(facts: ReviewFacts, table: str) -> bool:
    """Whether reading all of it costs something at full volume."""
    return full_rows(facts, table) >= LARGE_ROWS


def no_plans(facts: ReviewFacts) -> Examined | None:
    """Why a rule on plans can look at nothing; None where it can."""
    if facts.plans is None:
        return skipped("statements", facts.why_missing("plans"))
    if not facts.plans:
        return skipped("statements", "the load has no statements")
    return None


def no_executed_plans(facts: ReviewFacts) -> Examined | None:
    """The same of a rule that needs to know what really happened."""
    none = no_plans(facts)
    if none is not None or any(plans.executed for plans in (facts.plans or {}).values()):
        return none
    problems = dict.fromkeys(plans.problem for plans in (facts.plans or {}).values() if plans.problem)
    return skipped("statements", names(list(problems)) or "no statement was executed to look at its plan")


def executed(facts: ReviewFacts) -> dict[str, StatementPlans]:
    """The statements whose plans were executed."""
    return {key: plans for key, plans in (facts.plans or {}).items() if plans.executed}


def with_parents(node: PlanNode, above: tuple[PlanNode, ...] = ()) -> Iterator[tuple[PlanNode, tuple[PlanNode, ...]]]:
    """Every node with those above it, the nearest first."""
    yield node, above
    for child in node.children:
        yield from with_parents(child, (node, *above))


def columns_of(comparisons: tuple[Comparison, ...]) -> list[str]:
    """`orders.status`, each once: conditions are shown without the values that they compare with."""
    return list(dict.fromkeys(f"{item.table}.{item.column}" for item in comparisons))


def share_in_words(facts: ReviewFacts, statements: tuple[str, ...]) -> str:
    """What part of the load it concerns, for a finding's reason."""
    share = facts.load_share(statements)
    what = names(list(statements))
    if share is None:
        return f"It concerns {what}; no load was run, so its share is not known."
    return f"It concerns {what}: {format_share(share)} of what this load executes."


def at_values(sample: PlanSample) -> str:
    """`with typical values`, for evidence."""
    return f"with {sample.values}"


def rows_at_volume(facts: ReviewFacts, table: str) -> str:
    """`orders has 50,000,000 rows at full volume`."""
    return f"{table} has {counted(full_rows(facts, table), 'row')} at full volume"
