"""The facts of a table's CHECKs, sorted by column, for the choice of generators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from loadlab.schema.checks import (
    Allowed,
    Bound,
    Compared,
    Derived,
    Fact,
    JsonType,
    Length,
    Matches,
    NotUnderstood,
    NullsAgree,
    Scalar,
    read_check,
)
from loadlab.schema.model import Table


@dataclass
class ColumnFacts:
    """What the CHECKs say of one column. `low` and `high` are inclusive unless marked strict."""

    allowed: tuple[Scalar, ...] | None = None
    low: float | None = None
    high: float | None = None
    low_strict: bool = False
    high_strict: bool = False
    length_min: int = 0
    length_max: int | None = None
    patterns: list[Matches] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    derived: Derived | None = None
    json_type: str | None = None
    root_value: float | None = None
    """For a tree's level: the value that roots have."""

    def admits(self, value: float) -> bool:
        """Whether a number lies within the bounds."""
        above = self.low is None or value > self.low or (value == self.low and not self.low_strict)
        return above and (self.high is None or value < self.high or (value == self.high and not self.high_strict))

    @property
    def limits(self) -> str:
        """The bounds in words of SQL, e.g. `>= 1 and <= 5`."""
        low = [] if self.low is None else [f"{'>' if self.low_strict else '>='} {self.low:g}"]
        high = [] if self.high is None else [f"{'<' if self.high_strict else '<='} {self.high:g}"]
        return " and ".join(low + high)


@dataclass
class TableFacts:
    """By column, and what was not understood, as (constraint name, text)."""

    columns: dict[str, ColumnFacts]
    not_understood: list[tuple[str, str]]

    def of(self, column: str) -> ColumnFacts:
        return self.columns.setdefault(column, ColumnFacts())


def table_facts(table: Table, dialect: str) -> TableFacts:
    """Read every CHECK of the table."""
    facts = TableFacts({}, [])
    for check in table.checks:
        for fact in read_check(check.expression, dialect):
            if not _note(facts, fact, table.column_names):
                facts.not_understood.append((check.name, check.expression))
    return facts


def _note(facts: TableFacts, fact: Fact, names: Iterable[str]) -> bool:
    """Sort one fact in; False when nothing here can keep it."""
    if isinstance(fact, NotUnderstood) or fact.column not in names:
        return False
    column = facts.of(fact.column)
    if isinstance(fact, Allowed):
        known = column.allowed
        column.allowed = fact.values if known is None else tuple(v for v in known if v in fact.values)
    elif isinstance(fact, Bound):
        _bound(column, fact)
    elif isinstance(fact, Compared):
        column.compared.append(fact)
    elif isinstance(fact, Derived):
        column.derived = fact
    elif isinstance(fact, Matches):
        column.patterns.append(fact)
    elif isinstance(fact, Length):
        _length(column, fact)
    elif isinstance(fact, JsonType):
        column.json_type = fact.type
    elif isinstance(fact, NullsAgree):
        facts.of(fact.other).root_value = fact.value
    return True


def _bound(column: ColumnFacts, fact: Bound) -> None:
    if fact.sign in (">", ">=") and (column.low is None or fact.value >= column.low):
        column.low, column.low_strict = fact.value, fact.sign == ">"
    elif fact.sign in ("<", "<=") and (column.high is None or fact.value <= column.high):
        column.high, column.high_strict = fact.value, fact.sign == "<"


def _length(column: ColumnFacts, fact: Length) -> None:
    if fact.sign in (">", ">="):
        column.length_min = max(column.length_min, fact.value + (fact.sign == ">"))
    elif fact.sign in ("<", "<="):
        limit = fact.value - (fact.sign == "<")
        column.length_max = limit if column.length_max is None else min(column.length_max, limit)
