"""What the engines share that take texts in another one's words: steps on sqlglot's trees, and the one way to refuse.

Each brings its own rules by node type; what stands here means the same for all of them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, SqlglotError

from loadlab.schema.checks import parser_dialect
from loadlab.schema.model import Column, Index, Table

DEFAULT_NAMESPACE = "public"
# Types that a cast may name, as sqlglot calls them. The first are kept as text or as they are: that changes nothing.
KEPT = {"UUID", "JSON", "JSONB", "INET", "CIDR", "USERDEFINED", "ENUM", "ARRAY", "LIST", "TIME", "BOOLEAN"}
TIMES = {"TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ", "TIMESTAMPLTZ", "DATETIME"}
TEXTS = {"TEXT", "VARCHAR", "CHAR", "NCHAR", "NVARCHAR", "NAME", "BPCHAR"}
INTEGERS = {"INT", "BIGINT", "SMALLINT", "TINYINT", "MEDIUMINT", "UINT", "UBIGINT"}
DOCUMENTS = {"JSON", "JSONB"}
_FULL_TEXT = {"gin", "gist"}
_UNITS = {"mon": "month", "min": "minute", "sec": "second"}
_KNOWN_UNITS = {"year", "month", "week", "day", "hour", "minute", "second"}
_INTERVAL_PART = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)

Rule = Callable[[exp.Expr], exp.Expr]


class UntranslatableError(ValueError):
    """A text that has no counterpart in the engine's words; the message says which part of it."""


# Trees ---------------------------------------------------------------------------------------------------------------


def call(name: str, *arguments: exp.Expr | str) -> exp.Anonymous:
    """A function call; plain texts become literals."""
    return exp.Anonymous(this=name, expressions=[exp.convert(item, copy=True) for item in arguments])


def bare(node: exp.Expr) -> exp.Expr:
    """Without parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def is_text(node: exp.Expr) -> bool:
    """Whether it is a literal text."""
    return isinstance(node, exp.Literal) and bool(node.is_string)


def rewritten(tree: exp.Expr, rules: Mapping[type[exp.Expr], Rule]) -> exp.Expr:
    """The tree by the rules: leaves first, so that every rule sees children that are done."""
    tree = tree.copy()
    for node in reversed(list(tree.walk())):
        rule = rules.get(type(node))
        replacement = rule(node) if rule is not None else node
        if replacement is node:
            continue
        if node is tree:
            tree = replacement
            tree.pop()
        else:
            node.replace(replacement)
    return tree


# Columns -------------------------------------------------------------------------------------------------------------


def kept_default(
    table: Table,
    column: Column,
    accepted: Callable[[str], str],
    refused: type[Exception] | tuple[type[Exception], ...],
    left_out: Callable[[str, str, str], None],
) -> str | None:
    """A column's default in the engine's words; None without one, or where it has none.

    `accepted` translates a text and asks the server for it; of what it raises as `refused`, `left_out` is told what is
    left out, of what and why.
    """
    if column.default is None:
        return None
    try:
        return accepted(column.default)
    except refused as error:
        left_out("default of", f"{table.key}.{column.name}", f"{column.default} ({error})")
        return None


# Texts ---------------------------------------------------------------------------------------------------------------


def parse(text: str, dialect: str) -> exp.Expr:
    """The tree of a text in an engine's words. Raises UntranslatableError."""
    try:
        return sqlglot.parse_one(text, dialect=_dialect(dialect))
    except SqlglotError as error:
        raise UntranslatableError(" ".join(str(error).split())) from None


def generate(tree: exp.Expr, dialect: str) -> str:
    """The text of a tree in an engine's words. Raises UntranslatableError."""
    try:
        return tree.sql(dialect=dialect, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise UntranslatableError(" ".join(str(error).split())) from None


@cache
def _dialect(name: str) -> Dialect:
    """sqlglot's dialect, reading an ORDER BY without NULLS FIRST or LAST as the engines sort that translate.

    The spelled-out order of the other engine would keep them from using an index for it.
    """
    dialect = Dialect.get_or_raise(parser_dialect(name))
    dialect.NULL_ORDERING = "nulls_are_small"
    return dialect


def descending_keys(definition: str, dialect: str) -> tuple[bool, ...]:
    """Which keys of a CREATE INDEX are descending; empty when the text cannot be read."""
    try:
        # ON ONLY is how an index of a partitioned table is printed, which sqlglot does not read.
        tree = parse(definition.replace(" ON ONLY ", " ON ", 1), dialect)
    except UntranslatableError:
        return ()
    parameters = tree.find(exp.IndexParameters)
    keys = parameters.args.get("columns") or [] if parameters is not None else []
    return tuple(bool(key.args.get("desc")) for key in keys)


def columns_of(text: str, dialect: str) -> tuple[str, ...]:
    """The columns that an expression names, in their order. Raises UntranslatableError."""
    return tuple(dict.fromkeys(column.name for column in parse(f"SELECT {text}", dialect).find_all(exp.Column)))


# Full-text -----------------------------------------------------------------------------------------------------------


def searched_columns(table: Table, index: Index, dialect: str) -> tuple[str, ...]:
    """The text columns that an index of a search document is about; none where it is about something else."""
    source = searched_source(table, index)
    if source is None:
        return ()
    named = columns_of(source, dialect)
    return tuple(column.name for column in table.columns if column.type.kind == "text" and column.name in named)


def searched_source(table: Table, index: Index) -> str | None:
    """The expression that makes the document of an index of one."""
    if index.method not in _FULL_TEXT or len(index.keys) != 1:
        return None
    key = index.keys[0]
    is_expression = bool(index.expressions) and index.expressions[0]
    if not is_expression and table.column(key).type.kind != "search_vector":
        return None
    source = key if is_expression else table.column(key).generated
    return source if source and "to_tsvector" in source else None


# Rules ---------------------------------------------------------------------------------------------------------------


def refuse(what: str) -> Rule:
    """The rule that there is no counterpart."""

    def rule(node: exp.Expr) -> exp.Expr:
        raise UntranslatableError(f"{what} has no counterpart: {node.sql()}")

    return rule


def renamed(names: Mapping[str, str]) -> Rule:
    """Functions that go by another name."""

    def rule(node: exp.Expr) -> exp.Expr:
        node.set("this", names.get(node.name.lower(), node.this))
        return node

    return rule


def table_key(node: exp.Expr) -> str:
    """The key of the table that a statement names: outside the default namespace one that holds both names."""
    namespace = node.args.get("db")
    if namespace is None or namespace.name == DEFAULT_NAMESPACE:
        return str(node.name)
    return f"{namespace.name}.{node.name}"


def qualified(node: exp.Expr) -> exp.Expr:
    """A table by its key."""
    if node.args.get("db") is not None:
        key = table_key(node)
        if key != node.name:
            node.set("this", exp.to_identifier(key, quoted=True))
        node.set("db", None)
    return node


def kept_cast(node: exp.Expr, kind: str) -> exp.Expr:
    """What is cast, for a cast that changes nothing.

    `document || part::jsonb` merges, and only the cast tells it from a concatenation: it stays for `merging` to see.
    """
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    inner: exp.Expr = node.this
    return node if kind in DOCUMENTS and isinstance(parent, exp.DPipe) else inner


def merging(function: str) -> Rule:
    """`document || part::jsonb` by the function that merges documents; any other concatenation stays."""

    def rule(node: exp.Expr) -> exp.Expr:
        sides = [bare(node.this), bare(node.expression)]
        if not any(isinstance(side, exp.Cast) and side.is_type(*DOCUMENTS) for side in sides):
            return node
        return call(function, *(side.this if isinstance(side, exp.Cast) else side for side in sides))

    return rule


def plain_text_cast(inner: exp.Expr) -> exp.Expr | None:
    """What is text already, whose cast would hide an index on the column; None for anything else."""
    is_plain = isinstance(bare(inner), (exp.Column, exp.Placeholder)) or is_text(bare(inner))
    return bare(inner) if is_plain else None


# Times ---------------------------------------------------------------------------------------------------------------


def time_literal(literal: exp.Expr) -> exp.Expr:
    """A literal time in UTC, of a fixed width."""
    try:
        moment = dt.datetime.fromisoformat(literal.name)
    except ValueError:
        raise UntranslatableError(f"the time '{literal.name}' has no counterpart") from None
    moment = moment.astimezone(dt.UTC) if moment.tzinfo else moment
    return exp.Literal.string(moment.replace(tzinfo=None).isoformat(" ", "microseconds"))


def at_time_zone(node: exp.Expr) -> exp.Expr:
    """Times are stored in UTC, so that is the one zone there is."""
    if is_text(node.args["zone"]) and node.args["zone"].name.upper() in ("UTC", "GMT"):
        inner: exp.Expr = node.this
        return inner
    raise UntranslatableError("AT TIME ZONE other than UTC has no counterpart")


def interval_parts(node: exp.Expr) -> list[tuple[float, str]]:
    """(amount, unit in the singular) of an interval such as `'1 day 2 hours'` or `'30' DAYS`."""
    unit = node.args.get("unit")
    if node.this is None or not isinstance(node.this, exp.Literal):
        raise UntranslatableError(f"the interval {node.sql()} has no counterpart")
    text = f"{node.this.name} {unit.name}" if unit is not None else node.this.name
    found = [(float(amount), unit_name(name)) for amount, name in _INTERVAL_PART.findall(text)]
    if not found or _INTERVAL_PART.sub("", text).strip() or any(name not in _KNOWN_UNITS for _, name in found):
        raise UntranslatableError(f"the interval '{text}' has no counterpart")
    return found


def unit_name(word: str) -> str:
    """A unit of time in the singular: `mins` is `minute`."""
    word = word.lower().removesuffix("s")
    return _UNITS.get(word, word)
