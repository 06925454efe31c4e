"""A connection that looks at the plan of everything it is told to execute, and then executes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from loadlab.engines.abilities import CanPlanValues
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Session, Values
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

# A flow may execute one statement a hundred times: its plan is looked at this often in one iteration.
_LOOKS = 2


@dataclass(slots=True)
class Iteration:
    """What one iteration of an operation did: plans by (plain) statement, and how often each was executed."""

    plans: dict[Statement, list[Plan]] = field(default_factory=dict)
    counts: dict[Statement, int] = field(default_factory=dict)


class ExplainingSession:
    """See `loadlab.engines.protocol.Session`: for one iteration at a time, all of which is undone.

    `inner` is CanPlanValues. What the operation commits stays within the transaction around it. `executes` may be
    changed between iterations: whether what is looked at is also run.
    """

    def __init__(self, inner: Session, *, execute: bool) -> None:
        assert isinstance(inner, CanPlanValues)
        self._inner, self._planner, self.executes = inner, inner, execute
        self.iteration = Iteration()

    def begin_iteration(self, isolation: str | None) -> None:
        """Open the transaction that everything happens in."""
        self.iteration = Iteration()
        self._inner.begin(isolation)

    def end_iteration(self) -> Iteration:
        """Undo everything."""
        self._inner.rollback()
        return self.iteration

    def prepare(self, statement: Statement) -> tuple[Any, Statement]:
        return self._inner.prepare(statement), statement

    def encode(self, handle: tuple[Any, Statement], columns: Mapping[str, pa.Array]) -> list[Values]:
        return self._inner.encode(handle[0], columns)

    def encode_row(self, handle: tuple[Any, Statement], values: Mapping[str, Any]) -> Values:
        return self._inner.encode_row(handle[0], values)

    def execute(self, handle: tuple[Any, Statement], values: Values) -> int:
        self._look(handle[1], values)
        return self._inner.execute(handle[0], values)

    def query(self, handle: tuple[Any, Statement], values: Values) -> list[tuple[Any, ...]]:
        self._look(handle[1], values)
        return self._inner.query(handle[0], values)

    def look_only(self, handle: tuple[Any, Statement], values: Values) -> None:
        """The plan of an operation's only statement, after which nothing comes."""
        self._look(handle[1], values)

    def begin(self, isolation: str | None = None) -> None:
        """Within the iteration's own transaction."""

    def commit(self) -> None:
        """Nothing is kept."""

    def rollback(self) -> None:
        """All of it is undone at the end; the operation executes nothing after its error."""

    def flush_counters(self) -> None:
        """Of looks nobody asks for counters."""

    def close(self) -> None:
        self._inner.close()

    def _look(self, statement: Statement, values: Values) -> None:
        found, plain = self.iteration, plain_statement(statement)
        found.counts[plain] = found.counts.get(plain, 0) + 1
        if found.counts[plain] <= _LOOKS:
            plan = self._planner.plan_of(statement, values, execute=self.executes)
            if plan is not None:
                found.plans.setdefault(plain, []).append(plan)


def plain_statement(statement: Statement) -> Statement:
    """Without the engine whose words it is in: flows do not know it, and their statements are found by their text."""
    return replace(statement, dialect=None)
