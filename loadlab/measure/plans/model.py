"""What was seen of one statement's plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import PlanEvidence

TYPICAL = "typical values"


@dataclass(frozen=True, slots=True)
class PlanSample:
    """The plan for certain values.

    `values` says which: `typical values`, or what is extreme about them. `is_executed`: the plan has what really
    happened beside what was expected.
    """

    values: str
    plan: Plan
    is_executed: bool

    @property
    def is_typical(self) -> bool:
        return self.values == TYPICAL


@dataclass(frozen=True, slots=True)
class StatementPlans:
    """One statement of the load.

    `access` is which tables no index helps with, whatever their size; `generic` the plan for any values, `samples`
    those for certain ones. `per_iteration` is how often its operation executes it each time, where that was seen,
    `largest` the largest number that each parameter may be. `problem` says why there are fewer samples than there
    should be.
    """

    access: PlanEvidence | None = None
    generic: Plan | None = None
    samples: tuple[PlanSample, ...] = ()
    per_iteration: float | None = None
    largest: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""

    @property
    def executed(self) -> tuple[PlanSample, ...]:
        """The samples that were run."""
        return tuple(sample for sample in self.samples if sample.is_executed)

    def all_plans(self) -> Iterator[Plan]:
        """Every plan that was seen."""
        if self.generic is not None:
            yield self.generic
        yield from (sample.plan for sample in self.samples)
