"""The parsed form of a condition, brought to one way of writing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, Dialects, NormalizationStrategy
from sqlglot.errors import SqlglotError

INTEGERS = {"INT", "BIGINT", "SMALLINT", "TINYINT", "INT128"}
NUMBERS = INTEGERS | {"DECIMAL", "DOUBLE", "FLOAT", "BIGDECIMAL", "UBIGINT", "UINT"}
_TEXTS = {"TEXT", "VARCHAR", "NAME"}
_AS_TEXT = "as text"
_PARTS_OF_A_MOMENT = {"DATE", "TIME", "TIMETZ"}
CONDITIONS = (
    exp.Predicate, exp.Connector, exp.Not, exp.Boolean, exp.RegexpLike, exp.RegexpILike, exp.SimilarTo, exp.StartsWith,
)  # fmt: skip
_SPELLING = re.compile(
    r"""
    \bOPERATOR\s*\(\s*(?:\w+\.)?(?P<operator>[^\w\s()]+)\s*\)
    | \bINTERVAL\s*(?P<span>'(?:[^']|'')*')(?!\s*(?:year|quarter|month|week|day|hour|minute|second|microsecond))
    | (?P<position>"position"(?=\())
    | '(?:[^']|'')*' | "[^"]*"
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What is written anew outside of texts and names in quotes, and those."""
_WORD = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|::\s*[\w ]+|(?P<word>\b[A-Za-z_]\w*\b)(?!\s*[(.])""")
_WORDS = {
    "AND", "OR", "NOT", "IS", "NULL", "TRUE", "FALSE", "IN", "BETWEEN", "SYMMETRIC", "LIKE", "ILIKE", "SIMILAR",
    "TO", "ESCAPE", "ANY", "ALL", "SOME", "ARRAY", "CASE", "WHEN", "THEN", "ELSE", "END", "DISTINCT", "FROM",
    "UNKNOWN", "CAST", "AS", "INTERVAL", "GLOB", "REGEXP", "RLIKE", "MATCH", "CURRENT_DATE", "CURRENT_TIMESTAMP",
    "CURRENT_TIME", "LOCALTIMESTAMP", "COLLATE", "ROW", "BOTH", "LEADING", "TRAILING", "FOR", "AT", "ZONE",
    "ISNULL", "NOTNULL",
}  # fmt: skip
"""Words of conditions that are nobody's column."""
_MEMBER = "\x00"
"""Joins a document's column with the keys of one of its members, in a name that no column has."""


@cache
def parser_dialect(dialect: str) -> str | None:
    """sqlglot's name for an engine's language: the one that the engine's name begins with, None for standard SQL."""
    names = [item.value for item in Dialects if item.value and dialect.startswith(item.value)]
    return max(names, key=len, default=None)


def parse(expression: str, dialect: str) -> exp.Expr:
    """The tree of an expression, its spellings made one; raises sqlglot's SqlglotError."""
    holder = exp.Paren(this=_parsed(_respelled(expression), parser_dialect(dialect)))
    for node in reversed(list(holder.this.walk())):
        new = _canonical(node, dialect)
        if new is not node:
            node.replace(new)
    return child(holder)


def _parsed(text: str, parser: str | None) -> exp.Expr:
    """The tree; where a column's name is a word of SQL to sqlglot but not to the server, with names in quotes."""
    try:
        return sqlglot.parse_one(text, dialect=parser, into=exp.Condition)
    except SqlglotError:
        return sqlglot.parse_one(_quoted(text), dialect=parser, into=exp.Condition)


def _respelled(text: str) -> str:
    """Without three spellings that sqlglot has not.

    PostgreSQL's "position"(text, part) is SQL's position(part in text), OPERATOR(schema.~) is the operator, and of
    INTERVAL '1 day 02:00:00' sqlglot keeps the first part alone, which it does not of a cast.
    """

    def respelled(found: re.Match[str]) -> str:
        if found["operator"] is not None:
            return f" {found['operator']} "
        if found["span"] is not None:
            return f"CAST({found['span']} AS INTERVAL)"
        return "strpos" if found["position"] is not None else found[0]

    return _SPELLING.sub(respelled, text)


def _quoted(text: str) -> str:
    """Every word in quotes that can be a column's name."""

    def quote(found: re.Match[str]) -> str:
        word = found["word"]
        return found[0] if word is None or word.upper() in _WORDS else f'"{word}"'

    return _WORD.sub(quote, text)


def child(node: exp.Expr) -> exp.Expr:
    """What is below a node of one child."""
    below: exp.Expr = node.this
    return below


def bare(node: exp.Expr) -> exp.Expr:
    """Without parentheses."""
    while isinstance(node, exp.Paren):
        node = child(node)
    return node


def column_name(node: exp.Expr) -> str | None:
    """The name of a column reference, None for anything else."""
    node = bare(node)
    return node.name if isinstance(node, exp.Column) else None


def column_names(node: exp.Expr) -> tuple[str, ...]:
    """All columns of an expression, in their order."""
    return tuple(dict.fromkeys(item.name for item in node.find_all(exp.Column, bfs=False)))


def function(node: exp.Expr) -> str:
    """The name, in small letters, of a function that sqlglot has no class for; else empty."""
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def is_condition(node: exp.Expr) -> bool:
    """Whether the expression can only be true, false or unknown."""
    node = bare(node)
    return isinstance(node, CONDITIONS) and not isinstance(node, (exp.Any, exp.All))


def is_null(node: exp.Expr) -> exp.Expr:
    """`node IS NULL`."""
    return exp.Is(this=node.copy(), expression=exp.Null())


def negated(node: exp.Expr) -> exp.Expr:
    """`NOT node`."""
    return exp.Not(this=node.copy())


def member_name(column: str, path: tuple[str, ...]) -> str:
    """A name for the value at a path of a document."""
    return _MEMBER.join((column, *path))


def member_path(name: str) -> tuple[str, tuple[str, ...]]:
    """The column, and the path in it (empty for a column as such)."""
    column, *path = name.split(_MEMBER)
    return column, tuple(path)


def sql_of(node: exp.Expr, dialect: str) -> str:
    """The text of an expression in the words of the dialect."""
    shown = node.copy()
    for column in list(shown.find_all(exp.Column)):
        name, path = member_path(column.name)
        if path:
            steps = [exp.to_identifier(name, quoted=True).sql(), *(exp.Literal.string(key).sql() for key in path)]
            column.replace(exp.Var(this=f"({' -> '.join(steps)})"))
    return shown.sql(dialect=parser_dialect(dialect), normalize_functions=False)


def _canonical(node: exp.Expr, dialect: str) -> exp.Expr:
    """One node in the spelling that the readers know; its children have been through here."""
    if isinstance(node, exp.Column):
        return exp.Column(this=exp.to_identifier(_folded(node, dialect), quoted=True))
    if isinstance(node, (exp.Is, exp.Like, exp.ILike)) and node.args.get("negate"):
        node.set("negate", None)
        return exp.Not(this=node.copy())
    if isinstance(node, exp.Collate):
        return child(node).copy()
    if isinstance(node, (exp.JSONExtract, exp.JSONExtractScalar)):
        return _member(node) or node
    if isinstance(node, exp.Lambda) and len(node.expressions) == 1:
        # As a function's argument, `document -> 'key'` is an anonymous function to sqlglot.
        column = _canonical(exp.Column(this=node.expressions[0].copy()), dialect)
        return _member(exp.JSONExtract(this=column, expression=child(node).copy())) or node
    if isinstance(node, exp.Date) and isinstance(node.this, exp.Column) and not node.args.get("zone"):
        return exp.Cast(this=child(node).copy(), to=exp.DataType(this=exp.DType.DATE))
    if isinstance(node, exp.Cast):
        return _cast(node)
    return node


def _folded(node: exp.Column, dialect: str) -> str:
    identifier = node.this
    if not isinstance(identifier, exp.Identifier) or identifier.args.get("quoted"):
        return node.name
    return node.name.lower() if _folds(dialect) else node.name


@cache
def _folds(dialect: str) -> bool:
    """Whether names without quotes mean their small letters."""
    strategy = Dialect.get_or_raise(parser_dialect(dialect)).normalization_strategy
    return strategy is NormalizationStrategy.LOWERCASE


def _cast(node: exp.Cast) -> exp.Expr:
    """Casts stay on constants, where they say what a text means, and where they take a part of a moment."""
    if isinstance(node.to, exp.ObjectIdentifier):
        # regclass, regconfig and their kin have a class of their own in sqlglot; here they are types like others.
        node.set("to", exp.DataType(this=exp.DType.USERDEFINED, kind=str(node.to.this)))
        if any(node.find_all(exp.Column)):
            # Not every text is the name of one: the cast itself asks for something.
            return node
    # A type that sqlglot has no name for is a text.
    kind, inner = str(getattr(node.to.this, "name", "")), bare(node.this)
    if isinstance(inner, (exp.Literal, exp.Neg, exp.Array)):
        return node
    if kind in INTEGERS and is_condition(inner):
        yes = exp.If(this=inner.copy(), true=exp.Literal.number(1))
        no = exp.If(this=negated(exp.Paren(this=inner.copy())), true=exp.Literal.number(0))
        return exp.Case(ifs=[yes, no])
    if kind in _PARTS_OF_A_MOMENT and any(inner.find_all(exp.Column)):
        return node
    found = child(node).copy()
    if kind in _TEXTS and isinstance(inner, exp.Column):
        bare(found).meta[_AS_TEXT] = True
    return found


def is_lookup(node: exp.Expr) -> bool:
    """Whether a cast asks for the object that a column names (`name::regclass`): not every text names one."""
    return isinstance(node, exp.Cast) and node.to.this is exp.DType.USERDEFINED and any(node.find_all(exp.Column))


def is_as_text(node: exp.Expr) -> bool:
    """Whether a column was cast to a text, or went through a function of texts: without the blanks of char(n)."""
    node = bare(node)
    return not isinstance(node, exp.Column) or bool(node.meta.get(_AS_TEXT))


def _member(node: exp.JSONExtract | exp.JSONExtractScalar) -> exp.Expr | None:
    """A column of its own for the value at a constant path."""
    column, path = column_name(node.this), tuple(_keys(node.expression))
    if column is None or not path or None in path:
        return None
    name = member_name(column, tuple(key for key in path if key is not None))
    return exp.Column(this=exp.to_identifier(name, quoted=True))


def _keys(path: exp.Expr) -> Iterator[str | None]:
    parts = path.expressions if isinstance(path, exp.JSONPath) else [path]
    for part in parts:
        if isinstance(part, exp.JSONPathRoot):
            continue
        part = bare(part.this) if isinstance(part, exp.Cast) else part
        known = isinstance(part, (exp.JSONPathKey, exp.JSONPathSubscript, exp.Literal))
        yield str(part.this) if known and isinstance(part.this, (str, int)) else None
