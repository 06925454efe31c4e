"""The code under test as what a latency check executes, and what the server did for it meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from loadlab.engines.abilities import CanExplain
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import StatementEvidence
from loadlab.errors import DatabaseError
from loadlab.factories import Database
from loadlab.measure.evidence import subtract
from loadlab.spec.statement import Statement, shortened
from loadlab.testing.subjects import Call, GivenValues, values_at
from loadlab.units import format_duration
from loadlab.validate.wording import counted

# An error is shown at the line of the test that asked (pytest --full-trace shows all).
__tracebackhide__ = True

_STATEMENTS_SHOWN = 3
_TEXT_MAX = 160


class CodeSubject:
    """A function of the code under test, called with the values by name.

    `database` is the test's own, where it has one: its server counts what the code asks, on whatever connections.
    """

    evidence = "what it asked the server, by time"

    def __init__(self, function: Callable[..., object], values: GivenValues, database: Database | None = None) -> None:
        self.name = f"{getattr(function, '__qualname__', repr(function))}()"
        self._function, self._values, self._database = function, values, database
        self._before = database.engine.snapshot() if database is not None else None
        self._runs = 0

    def prepare(self, index: int) -> Call:
        function, values = self._function, dict(values_at(self._values, index))
        self._runs += 1

        def call() -> None:
            function(**values)

        return call

    def plan(self, index: int) -> Plan | str | None:
        """The statements that took most of the server's time, and the plan of the first; None where nobody counted."""
        lines = list(self._asked())
        return "\n".join(lines) if lines else None

    def close(self) -> None:
        """Nothing was opened."""

    def _asked(self) -> Iterator[str]:
        if self._database is None or self._before is None:
            return
        delta = subtract(self._before, self._database.engine.snapshot())
        names = "|".join(re.escape(table.name) for table in self._database.schema)
        about_tables = re.compile(rf"\b({names})\b", re.IGNORECASE)
        asked = [item for item in delta.statements.values() if item.calls and about_tables.search(item.text)]
        for number, item in enumerate(sorted(asked, key=lambda item: -item.total_ms)[:_STATEMENTS_SHOWN]):
            yield self._in_words(item)
            if not number:
                yield from (f"  {line}" for line in self._plan_of(item.text))

    def _in_words(self, item: StatementEvidence) -> str:
        each = format_duration(item.total_ms / item.calls / 1e3)
        return (
            f"{counted(item.calls, 'call')} ({item.calls / max(self._runs, 1):.3g} a run), {each} each,"
            f" {item.rows / item.calls:.3g} rows each: {shortened(item.text, _TEXT_MAX)}"
        )

    def _plan_of(self, text: str) -> list[str]:
        """For any values: the server recorded none. Nothing where it cannot plan its own record of a text."""
        assert self._database is not None
        engine = self._database.engine
        if isinstance(engine, CanExplain):
            with suppress(DatabaseError):
                return engine.explain(Statement((text,), ())).text.splitlines()
        return []
