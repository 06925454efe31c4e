"""What a latency check executes: a statement with its values, or the code under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from loadlab.engines.abilities import CanExplain, CanPlanValues
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Session
from loadlab.errors import DatabaseError, InputError
from loadlab.factories import Database
from loadlab.spec.statement import Statement, shortened
from loadlab.testing.limits import PLACE

# An error is shown at the line of the test that asked (pytest --full-trace shows all).
__tracebackhide__ = True

GivenValues = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Callable[[int], Mapping[str, Any]] | None
Call = Callable[[], int | None]
"""One execution, ready to be timed; the number of rows that it returned or affected, None where nobody counts."""
_NAME_MAX = 72


class Subject(Protocol):
    """Something to be executed many times. `name` is how a message calls it, `evidence` what `plan` tells."""

    name: str
    evidence: str

    def prepare(self, index: int) -> Call:
        """The execution of a number, from 0; all that is not to be timed happens here."""
        ...

    def plan(self, index: int) -> Plan | str | None:
        """How the database executes that execution: as a tree, as a text, or None where nobody can say."""
        ...

    def close(self) -> None: ...


class StatementSubject:
    """A statement on a connection of its own. Raises InputError and DatabaseError."""

    evidence = "the plan"

    def __init__(self, database: Database, text: str, values: GivenValues, *, timeout_s: float) -> None:
        self.name = shortened(text, _NAME_MAX)
        self._database, self._values = database, values
        self._statement = Statement.parse(text)
        self._session: Session = database.engine.connect(timeout_s=timeout_s)
        try:
            self._handle = self._session.prepare(self._statement)
            self._encoded(0)
        except BaseException:
            self._session.close()
            raise

    def prepare(self, index: int) -> Call:
        session, handle, values = self._session, self._handle, self._encoded(index)
        return lambda: session.execute(handle, values)

    def plan(self, index: int) -> Plan | str | None:
        """Executed once more, and undone; where that is refused, the plan for any values."""
        if isinstance(self._session, CanPlanValues):
            with suppress(DatabaseError):  # A write that can happen only once has no second execution.
                self._session.begin()
                try:
                    return self._session.plan_of(self._statement, self._encoded(index), execute=True)
                finally:
                    self._session.rollback()
        engine = self._database.engine
        return engine.explain(self._statement).text if isinstance(engine, CanExplain) else None

    def close(self) -> None:
        self._session.close()

    def _encoded(self, index: int) -> Sequence[Any]:
        values = values_at(self._values, index)
        missing = [name for name in self._statement.names if name not in values]
        unknown = [name for name in values if name not in self._statement.names]
        if missing or unknown:
            wrong = f"has no value for :{missing[0]}" if missing else f"has no parameter :{unknown[0]}"
            raise InputError(PLACE, f"{wrong}; the statement is {self.name}")
        return self._session.encode_row(self._handle, values)


def values_at(values: GivenValues, index: int) -> Mapping[str, Any]:
    """The values of an execution: the same each time, in turns, or made by a function of its number."""
    if values is None:
        return {}
    if callable(values):
        return values(index)
    if isinstance(values, Mapping):
        return values
    if not values:
        raise InputError(f"{PLACE} values", "is empty; give one mapping, or several that take turns")
    return values[index % len(values)]
