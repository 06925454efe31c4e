"""Which statements of a load touch which tables, read from their texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.abilities import StatementContent
from loadlab.schema.checks import parser_dialect
from loadlab.schema.model import Table
from loadlab.spec.statement import Statement
from loadlab.validate.review.model import ReviewFacts

# What reads or writes rows; the parser takes other commands for texts, and warns of each.
_ABOUT_ROWS = re.compile(
    r"\s*(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*\(*\s*(?:select|with|insert|update|delete|merge)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Touched:
    """The tables that a statement names, by their names as written (namespace and name, "" without one)."""

    all: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    updated: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    deleted: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def share_of(facts: ReviewFacts, *tables: Table) -> float | None:
    """The share of the executed operations that touch one of the tables; None without a load."""
    if not facts.executions:
        return None
    return facts.load_share(statements_on(facts, *tables))


def statements_on(facts: ReviewFacts, *tables: Table, how: str = "all") -> tuple[str, ...]:
    """The keys of the statements that touch one of the tables: at `all`, or as those `updated` or `deleted` from."""
    wanted = {name for table in tables for name in _names(table)}
    keys = {table.key for table in tables}
    return tuple(
        key
        for key, statement in facts.statements.items()
        if (
            keys & _told(facts.contents[key], how)
            if key in facts.contents
            else wanted & getattr(touched(statement, facts.schema.dialect), how)
        )
    )


def _told(content: StatementContent, how: str) -> frozenset[str]:
    """The tables' keys, by the engine's own word."""
    by = {"all": content.touched, "updated": frozenset(content.changes), "deleted": content.deleted}
    return by[how]


def _names(table: Table) -> set[tuple[str, str]]:
    own = (table.namespace.lower(), table.name.lower())
    # In the default namespace a table may be named with whatever that is called.
    return {own} if table.namespace else {own, ("public", own[1]), ("main", own[1])}


def touched(statement: Statement, dialect: str) -> Touched:
    """What a statement names; nothing where its text is not understood."""
    return _touched(str(statement), statement.dialect or dialect)


@lru_cache(maxsize=4096)
def parsed(text: str, dialect: str) -> tuple[exp.Expr, ...]:
    """The trees of a text with `:name` for its parameters; none where it is not understood."""
    if not _ABOUT_ROWS.match(text):
        return ()
    try:
        found = sqlglot.parse(text, dialect=parser_dialect(dialect))
    except SqlglotError:
        return ()
    return tuple(tree for tree in found if tree is not None)


@lru_cache(maxsize=4096)
def _touched(text: str, dialect: str) -> Touched:
    every: set[tuple[str, str]] = set()
    updated: set[tuple[str, str]] = set()
    deleted: set[tuple[str, str]] = set()
    for tree in parsed(text, dialect):
        parts = {item.alias_or_name.lower() for item in tree.find_all(exp.CTE)}
        every |= {_name(item) for item in tree.find_all(exp.Table) if item.db or item.name.lower() not in parts}
        updated |= {_name(item.this) for item in tree.find_all(exp.Update) if isinstance(item.this, exp.Table)}
        deleted |= {_name(item.this) for item in tree.find_all(exp.Delete) if isinstance(item.this, exp.Table)}
    return Touched(frozenset(every), frozenset(updated), frozenset(deleted))


def _name(table: exp.Table) -> tuple[str, str]:
    return table.db.lower(), table.name.lower()
