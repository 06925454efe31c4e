"""What a schema says about how its tables are used: keys, times, states, indexes and what each was made for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.schema.checks import Allowed, Bound, Fact, parser_dialect, read_check
from loadlab.schema.meaning import meaning_of
from loadlab.schema.model import Column, ForeignKey, Index, Schema, Table

SORTABLE = ("timestamp", "date", "integer", "numeric", "float")
_STATE = re.compile(r"(^|_)(status|state|stage|phase)$", re.IGNORECASE)
_DELETED = re.compile(r"delet|discard|removed|archiv|trash", re.IGNORECASE)
_LEAST_ROWS = 10
_MOST_STATES = 20
_SMALLEST_COUNTER_BITS = 32


@dataclass(frozen=True)
class TableFacts:
    """One table within its schema. `rows` are those at full volume."""

    table: Table
    schema: Schema
    rows: int

    @property
    def key(self) -> str:
        return self.table.key

    @cached_property
    def heat(self) -> float:
        """How much of the load a table draws: what leads to it and the indexes made for it, times log10 of its rows."""
        incoming = sum(key.target == self.key for other in self.schema for key in other.foreign_keys)
        own = sum(index.keys != self.table.primary_key for index in self.table.indexes)
        return (1 + incoming + own) * math.log10(max(self.rows, _LEAST_ROWS))

    @cached_property
    def created(self) -> str | None:
        """The column that says when a row was made, NOT NULL."""
        found = [column.name for column in self._times() if meaning_of(self.table, column) == "created"]
        return found[0] if found else None

    @cached_property
    def updated(self) -> str | None:
        """The column that says when a row was changed."""
        return next((c.name for c in self._times() if meaning_of(self.table, c) == "updated"), None)

    @cached_property
    def deleted(self) -> str | None:
        """The nullable column that says when a row was deleted while it stays."""
        columns = [column for column in self.table.stored_columns if column.nullable]
        return next((c.name for c in columns if c.type.kind in ("timestamp", "date") and _DELETED.search(c.name)), None)

    @property
    def is_history(self) -> bool:
        """Whether its newest rows are those that are looked at: it belongs to others, and knows when it was made."""
        return self.created is not None and bool(self.table.foreign_keys)

    @property
    def pick(self) -> str:
        return "latest" if self.is_history else "zipf"

    def _times(self) -> list[Column]:
        columns = [column for column in self.table.stored_columns if not column.nullable]
        return [column for column in columns if column.type.kind in ("timestamp", "date")]

    # Columns --------------------------------------------------------------------------------------------------------

    def is_nullable(self, *names: str) -> bool:
        return any(self.table.column(name).nullable for name in names)

    def is_stored(self, *names: str) -> bool:
        return all(self.table.column(name).generated is None for name in names)

    def states(self, name: str) -> tuple[Any, ...]:
        """The few values that a column may have, by its enum or its CHECK; none when there is no such list."""
        column = self.table.column(name)
        if column.type.kind == "enum":
            return column.type.labels
        for check in self.checks_of(name):
            for fact in self._facts(check):
                if isinstance(fact, Allowed) and fact.column == name and len(fact.values) <= _MOST_STATES:
                    return fact.values
        return ()

    @cached_property
    def state_column(self) -> str | None:
        """The column that is in one of a few states, first by its name, then by its values."""
        found = [column.name for column in self.table.stored_columns if self._has_states(column)]
        return next((name for name in found if _STATE.search(name)), found[0] if found else None)

    def _has_states(self, column: Column) -> bool:
        return column.type.kind in ("enum", "text") and len(self.states(column.name)) > 1

    @cached_property
    def amount(self) -> str | None:
        """The column of money or quantity that a report adds up."""
        taken = {name for key in self.table.foreign_keys for name in key.columns} | set(self.table.primary_key)
        numbers = [c for c in self.table.columns if c.type.kind in ("integer", "numeric", "float")]
        meant = [c.name for c in numbers if c.name not in taken and meaning_of(self.table, c) in _AMOUNTS]
        return meant[0] if meant else None

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """Whole numbers that may grow by one without end."""
        return tuple(
            column.name
            for column in self.table.stored_columns
            if column.type.kind == "integer"
            and not column.nullable
            and (column.type.bits or 64) >= _SMALLEST_COUNTER_BITS
            and meaning_of(self.table, column) in ("count", "stock")
            and self.is_free(column.name)
            and all(self._has_no_end(check, column.name) for check in self.checks_of(column.name))
        )

    def _has_no_end(self, check: str, name: str) -> bool:
        facts = self._facts(check)
        return bool(facts) and all(
            isinstance(fact, Bound) and fact.column == name and fact.sign in (">", ">=") for fact in facts
        )

    def _facts(self, check: str) -> tuple[Fact, ...]:
        """What a CHECK states without alternatives."""
        reading = read_check(check, self.schema.dialect)
        return reading.branches[0] if len(reading.branches) == 1 and not reading.not_understood else ()

    def is_free(self, name: str) -> bool:
        """Whether a column may be set on its own: no key, index condition or CHECK ties it to another one."""
        table = self.table
        tied = {column for key in table.foreign_keys for column in key.columns} | set(table.primary_key)
        tied |= {key for other in self.schema for fk in other.foreign_keys if fk.target == table.key
                 for key in fk.target_columns}  # fmt: skip
        tied |= set(table.partitioning.keys if table.partitioning else ())
        for index in table.indexes:
            if index.unique or index.operators:
                words = " ".join((*index.keys, index.predicate or "", index.definition))
                tied |= {column for column in table.column_names if _mentions(words, column)}
        if name in tied:
            return False
        others = [column for column in table.column_names if column != name]
        return not any(_mentions(check, other) for check in self.checks_of(name) for other in others)

    def checks_of(self, name: str) -> list[str]:
        """The CHECKs that mention a column."""
        return [check.expression for check in self.table.checks if _mentions(check.expression, name)]

    # Indexes --------------------------------------------------------------------------------------------------------

    def index_for(self, columns: tuple[str, ...]) -> Index | None:
        """A plain index that begins with these columns, in any order; of several the longest."""
        found = [
            index
            for index in self.table.indexes
            if index.method == "btree"
            and not index.has_expressions
            and index.predicate is None
            and set(index.keys[: len(columns)]) == set(columns)
        ]
        best = max(found, key=lambda index: len(index.keys), default=None)
        primary = self.table.primary_key
        if best is None and set(primary[: len(columns)]) == set(columns):
            return Index(self.table.primary_key_name, primary, unique=True)
        return best

    def conditions(self, index: Index) -> dict[str, Any] | None:
        """The condition of a partial index as conditions of a form, by column; None when it has no such form."""
        if index.predicate is None:
            return {}
        return conditions_of(index.predicate, self.table, self.schema.dialect)


_AMOUNTS = ("money", "small_money", "price", "quantity", "count", "measure", "stock", "bytes", "duration")


def facts_of(schema: Schema, rows: Callable[[str], int]) -> Mapping[str, TableFacts]:
    """By table, hottest first."""
    made = [TableFacts(table, schema, rows(table.key)) for table in schema]
    return {facts.key: facts for facts in sorted(made, key=lambda facts: (-facts.heat, facts.key))}


def is_one_to_one(table: Table, key: ForeignKey) -> bool:
    """Whether a parent has one child at most."""
    return any(set(unique) <= set(key.columns) for unique in table.unique_keys)


def _mentions(text: str, column: str) -> bool:
    return re.search(rf"(?<![\w$]){re.escape(column)}(?![\w$])", text) is not None


def descending(index: Index) -> tuple[bool, ...]:
    """Which keys of an index descend, by the text that creates it."""
    text = index.definition
    opening = text.find("(", text.upper().find(" ON ") + 1)
    if opening < 0:
        return (False,) * len(index.keys)
    depth, parts, start = 0, [], opening + 1
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if (text[place] == "," and depth == 1) or depth == 0:
            parts.append(text[start:place])
            start = place + 1
        if depth == 0:
            break
    found = tuple(re.search(r"\bDESC\b", part, re.IGNORECASE) is not None for part in parts)
    return (*found, *[False] * len(index.keys))[: len(index.keys)]


# -- conditions of partial indexes -----------------------------------------------------------------------------------


def conditions_of(predicate: str, table: Table, dialect: str) -> dict[str, Any] | None:
    """A conjunction of NULL tests, equalities and lists of constants; None for anything else."""
    try:
        tree = sqlglot.parse_one(predicate, dialect=parser_dialect(dialect), into=exp.Condition)
    except SqlglotError:
        return None
    result: dict[str, Any] = {}
    for part in _conjuncts(tree):
        found = _condition(part)
        if found is None or found[0] in result or found[0] not in table.column_names:
            return None
        result[found[0]] = found[1]
    return result


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, (exp.Paren, exp.Cast)):
        node = node.this
    return node


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    node = _bare(node)
    return [*_conjuncts(node.this), *_conjuncts(node.expression)] if isinstance(node, exp.And) else [node]


def _condition(node: exp.Expr) -> tuple[str, Any] | None:
    match node:
        case exp.Column():
            return node.name, {"value": True}
        case exp.Not(this=inner):
            found = _condition(_bare(inner))
            if found is None:
                return None
            opposite = {str({"is_null": True}): {"is_null": False}, str({"value": True}): {"value": False}}
            return (found[0], opposite[str(found[1])]) if str(found[1]) in opposite else None
        case exp.Is(this=column, expression=exp.Null()) if isinstance(_bare(column), exp.Column):
            return _bare(column).name, {"is_null": True}
        case exp.EQ(this=column, expression=other) if isinstance(_bare(column), exp.Column):
            return _equality(_bare(column).name, _bare(other))
        case exp.In(this=column) if isinstance(_bare(column), exp.Column):
            return _listed(_bare(column).name, node.expressions)
    return None


def _equality(column: str, other: exp.Expr) -> tuple[str, Any] | None:
    if isinstance(other, exp.Any):
        inner = _bare(other.this)
        return _listed(column, inner.expressions) if isinstance(inner, exp.Array) else None
    value = constant_of(other)
    return None if value is None else (column, {"value": value})


def _listed(column: str, items: list[exp.Expr]) -> tuple[str, Any] | None:
    values = [constant_of(_bare(item)) for item in items]
    return None if not values or None in values else (column, {"in": values})


def constant_of(node: exp.Expr) -> str | int | float | bool | None:
    """The value of a literal; None when it is none."""
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg):
        value = constant_of(_bare(node.this))
        return -value if isinstance(value, (int, float)) else None
    if not isinstance(node, exp.Literal):
        return None
    if node.is_string:
        return str(node.this)
    return float(node.this) if re.search(r"[.eE]", node.this) else int(node.this)
