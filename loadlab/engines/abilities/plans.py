"""How a statement would be executed, and what would change that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from loadlab.engines.plan_tree import IndexTrial, NewIndex, Plan
from loadlab.engines.protocol import PlanEvidence, Values
from loadlab.schema.model import Table
from loadlab.spec.statement import Statement


@runtime_checkable
class CanExplain(Protocol):
    """The engine can show the plan of a statement without running it."""

    def explain(self, statement: Statement) -> PlanEvidence: ...


@runtime_checkable
class CanPlan(Protocol):
    """The engine can show a statement's plan node by node, without running it."""

    def plan(self, statement: Statement) -> Plan | None:
        """The plan for any values; None for a statement that has none."""
        ...


@runtime_checkable
class CanPlanValues(Protocol):
    """A session can show the plan that a statement gets with certain values."""

    def plan_of(self, statement: Statement, values: Values, *, execute: bool) -> Plan | None:
        """With values as `encode` makes them, in a transaction that is open; None for a statement that has no plan.

        `execute`: the statement is run as well, for what really happened, and undone; the transaction stands. Raises
        DatabaseError when it fails, with the transaction as it was before.
        """
        ...


class Tuning(Protocol):
    """What makes statements faster, in the engine's words. Pure, but for the quotes of names."""

    def create_index(self, table: Table, index: NewIndex, *, online: bool = True) -> str:
        """`online`: beside the writes of others where the engine can, which no transaction may hold."""
        ...

    def drop_index(self, table: Table, name: str, *, online: bool = True) -> str: ...

    def collect_statistics(self, table: Table) -> str:
        """Have the planner look at the table's data again."""
        ...

    def correlate(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        """Have the planner learn how columns depend on each other; nothing where the engine cannot."""
        ...

    def allow_memory(self, kib: int) -> tuple[str, ...]:
        """Give a sort or a hash of a session so much memory; nothing where the engine has no such word."""
        ...


@runtime_checkable
class CanTune(Protocol):
    """The engine can write what makes statements faster, and carry it out."""

    def tuning(self) -> Tuning: ...

    def tune(self, text: str) -> None:
        """Execute one of these texts. Raises DatabaseError."""
        ...


@runtime_checkable
class CanTryIndexes(Protocol):
    """The planner can be told of an index that is not built."""

    def try_index(self, table: Table, index: NewIndex, statements: Mapping[str, Statement]) -> tuple[IndexTrial, ...]:
        """What it would make of it, by statement. Raises DatabaseError where the means are not there, saying why."""
        ...
