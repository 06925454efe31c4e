"""Statements and expressions in another engine's words, rewritten for MariaDB and MySQL.

sqlglot knows the grammars; what it leaves standing that the server would refuse, or read as something else, is
rewritten (`rewriting.py`, `times.py`) or refused. Whether the outcome means anything to this database is for the
server itself to say: every text is prepared by it before it is used.

Known differences that remain: NULLs sort first, a whole number divided by another has decimals, `greatest` and `least`
of a NULL are NULL, an upsert heeds every unique key, and a moment has no zone (all are kept in UTC).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.mysql.ledger import StandIn
from loadlab.engines.mysql.reflect import NAME
from loadlab.engines.mysql.rewriting import RULES
from loadlab.engines.translation import bare, generate, parse, rewritten, table_key
from loadlab.spec.statement import Statement

_MARK = "loadlab_parameter_"
_PARAMETER = re.compile(rf":{_MARK}(\d+)")
_LIST_BEFORE = re.compile(r"\bIN\s*\(\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text in the server's words: `pieces` around parameters, one more than `places`, which are numbers of distinct
    names. `lists` are those places where the text wants several values with commas: `IN (:ids)`.
    """

    pieces: tuple[str, ...]
    places: tuple[int, ...]

    @property
    def prepared(self) -> str:
        """With ? for each parameter."""
        return "?".join(self.pieces)

    @property
    def lists(self) -> frozenset[int]:
        """The numbers of the names that stand alone in an IN ( )."""
        return frozenset(
            place
            for place, before, after in zip(self.places, self.pieces, self.pieces[1:], strict=False)
            if _LIST_BEFORE.search(before) and after.lstrip().startswith(")")
        )


def is_native(dialect: str | None) -> bool:
    """Whether text of that dialect goes to the server as it is."""
    return dialect is None or dialect == NAME


@lru_cache(maxsize=4096)
def render(statement: Statement, stand_ins: tuple[StandIn, ...] = ()) -> Rendered:
    """The server's text of a statement. Raises UntranslatableError."""
    place = {name: position for position, name in enumerate(statement.names)}
    if is_native(statement.dialect):
        return Rendered(statement.fragments, tuple(place[name] for name in statement.parameters))
    assert statement.dialect is not None
    tree = parse(str(statement), statement.dialect)
    for node in list(tree.find_all(exp.Placeholder)):
        node.replace(exp.Placeholder(this=f"{_MARK}{place[node.name]}"))
    tree = rewritten(_with_stand_ins(tree, stand_ins, statement.dialect), RULES)
    pieces = _PARAMETER.split(generate(tree, NAME))
    return Rendered(tuple(pieces[0::2]), tuple(int(number) for number in pieces[1::2]))


def translate_expression(text: str, dialect: str) -> str:
    """An expression for the server. Raises UntranslatableError."""
    if is_native(dialect):
        return text
    return generate(bare(rewritten(parse(f"SELECT {text}", dialect), RULES).expressions[0]), NAME)


def parse_native(text: str) -> exp.Expr | None:
    """The tree of a text in the server's words, `:pK` for its parameters; None where sqlglot cannot read it."""
    try:
        return sqlglot.parse_one(text, dialect=NAME)
    except SqlglotError:
        return None


# Hidden columns for what an index of an expression is about ---------------------------------------------------------


def _with_stand_ins(tree: exp.Expr, stand_ins: tuple[StandIn, ...], dialect: str) -> exp.Expr:
    """The expression of such an index by the column that holds it: the server would not see the index otherwise."""
    named = {table_key(table) for table in tree.find_all(exp.Table)}
    for stand_in in stand_ins:
        if stand_in.table not in named or not isinstance(tree, (exp.Select, exp.Update, exp.Delete, exp.Query)):
            continue
        wanted = _plain(parse(f"SELECT {stand_in.expression}", dialect).expressions[0])
        for node in [node for node in tree.find_all(type(bare(wanted))) if _plain(node) == wanted]:
            owner = next((column.table for column in node.find_all(exp.Column)), "")
            node.replace(exp.column(stand_in.column, table=owner or None, quoted=True))
    return tree


def _plain(node: exp.Expr) -> exp.Expr:
    """Without the owners of columns, casts of columns to text, and quotes: what two spellings share."""
    copy = bare(node).copy()
    for column in list(copy.find_all(exp.Column)):
        column.set("table", None)
        column.this.set("quoted", False)
    for cast in list(copy.find_all(exp.Cast)):
        if isinstance(bare(cast.this), exp.Column) and cast.is_type("TEXT", "VARCHAR"):
            cast.replace(bare(cast.this))
    return copy


def tables_in(tree: exp.Expr) -> Iterator[tuple[str, str]]:
    """(the name by which the statement calls it, the table) of each."""
    shadowed = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name.lower() not in shadowed:
            yield table.alias_or_name, table.name
