"""Transactions that a scenario states as a list of statements: begin, one after the other, commit.

Each execution's values are drawn together, so that a step may name the row that another one inserts. What one of them
raises rolls everything back and is the failure of one operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loadlab.engines.protocol import Session, Values
from loadlab.spec.parameters import Parameter
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation
from loadlab.workload.flow import StatementNames, Transaction
from loadlab.workload.values import full_parameters

if TYPE_CHECKING:
    import pyarrow as pa

    from loadlab.workload.forms import Tables
    from loadlab.workload.readable import Insertion
    from loadlab.workload.verification import Kept


def transaction_parameters(operation: Operation, tables: Tables) -> dict[str, Parameter]:
    """The parameters of all steps: `k name` is the parameter `name` of step k, counted from 0."""
    return {
        f"{number} {name}": item
        for number, step in enumerate(operation.steps)
        for name, item in full_parameters(step, tables).items()
    }


class Handles:
    """The prepared statements of one operation and their values.

    What stands for an execution is what the operation's call takes: the values of a single statement or, where there
    are `several`, a tuple of them, one for each step.
    """

    def __init__(self, session: Session, statements: Sequence[Statement], *, several: bool) -> None:
        self._session, self._statements, self._several = session, statements, several
        self._handles = [session.prepare(statement) for statement in statements]

    def encode(self, columns: Mapping[str, pa.Array]) -> Sequence[Any]:
        """Of one Arrow array for each parameter; one item for each execution."""
        if not self._several:
            return self._session.encode(self._handles[0], columns)
        executions = max(len(column) for column in columns.values())
        steps = []
        for number, (handle, statement) in enumerate(zip(self._handles, self._statements, strict=True)):
            own = {name: columns[f"{number} {name}"] for name in statement.names}
            steps.append(self._session.encode(handle, own) if own else [self._nothing(handle)] * executions)
        return list(zip(*steps, strict=True))

    def encode_nothing(self) -> Any:
        """Of an operation without a parameter."""
        nothing = tuple(map(self._nothing, self._handles))
        return nothing if self._several else nothing[0]

    def try_out(self, values: Any) -> None:
        """Execute, then roll back. Raises DatabaseError."""
        self._session.begin()
        try:
            for handle, one in zip(self._handles, values if self._several else (values,), strict=True):
                self._session.execute(handle, one)
        finally:
            self._session.rollback()

    def _nothing(self, handle: Any) -> Values:
        return self._session.encode_row(handle, {})


class TransactionCall:
    """One connection's way of running a transaction; `counts` are of its statements' executions, by name."""

    def __init__(
        self,
        session: Session,
        statements: Sequence[Statement],
        names: StatementNames,
        counts: dict[str, int],
        *,
        isolation: str | None = None,
        kept: Kept | None = None,
        insertions: Mapping[str, Insertion] | None = None,
    ) -> None:
        self._session, self._counts, self._isolation, self._kept = session, counts, isolation, kept
        self._names = [names.name_of(statement) for statement in statements]
        self._handles = [session.prepare(statement) for statement in statements]
        known = insertions or {}
        self._inserted = [
            (place, name, known[name].positions) for place, name in enumerate(self._names) if name in known
        ]

    def __call__(self, values: Sequence[Values]) -> None:
        """Raises the DatabaseError of the statement that failed, with everything rolled back."""
        with Transaction(self._session, self._isolation):
            for name, handle, one in zip(self._names, self._handles, values, strict=True):
                self._session.execute(handle, one)
                self._counts[name] = self._counts.get(name, 0) + 1
        if self._kept is None:
            return
        for place, name, positions in self._inserted:
            self._kept.acknowledge(name, tuple(values[place][position] for position in positions))
