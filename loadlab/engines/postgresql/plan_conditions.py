"""The conditions that EXPLAIN prints, as comparisons of columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.plan_tree import Comparison, ComparisonKind, SortKey

# What a part of the plan computes once stands for a value; the plan's notation for it is none of SQL's.
_PLAN_VALUE = re.compile(r"\((?:hashed )?(?:SubPlan|InitPlan|alternatives)[^()]*\)(?:\.col\d+)?")
_TEXT_VALUE = re.compile(r"'(?:[^']|'')*'")
_SORT_KEY = re.compile(
    r'(?:(?P<alias>"(?:[^"]|"")+"|\w+)\.)?(?P<column>"(?:[^"]|"")+"|[A-Za-z_]\w*)(?P<down> DESC)?'
    r"(?: NULLS (?:FIRST|LAST))?"
)
_RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
Tables = Mapping[str, str]
"""Tables' keys by the alias that a plan calls them."""


def comparisons(text: str, tables: Tables, default: str = "") -> tuple[tuple[Comparison, ...], bool]:
    """What a condition compares, and whether each of its parts is a comparison of a column with a value or a column.

    `default` is the table of a column that stands without an alias.
    """
    if not text:
        return (), True
    tree = _parsed(_TEXT_VALUE.sub("''", _PLAN_VALUE.sub("$0", text)))
    if tree is None:
        return (), False
    found: list[Comparison] = []
    parts = list(_conjuncts(tree))
    for part in parts:
        found += _of_part(part, tables, default)
    return tuple(found), len(found) >= len(parts) and all(item.kind != "other" for item in found)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> exp.Expr | None:
    """The tree of a condition; the same one comes up with other values again and again."""
    try:
        return sqlglot.parse_one(text, read="postgres")
    except SqlglotError:
        return None


def sort_keys(texts: list[str], tables: Tables, default: str = "") -> tuple[SortKey, ...]:
    """The columns of a sort, in order; none where one of them is an expression."""
    found = []
    for text in texts:
        match = _SORT_KEY.fullmatch(text)
        table = tables.get(_plain(match["alias"]), "") if match and match["alias"] else default
        if match is None or not table:
            return ()
        found.append(SortKey(table, _plain(match["column"]), bool(match["down"])))
    return tuple(found)


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = _bare(node)
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _of_part(part: exp.Expr, tables: Tables, default: str) -> Iterator[Comparison]:
    """A comparison of a column with something; of anything else, the columns in it."""
    kind: ComparisonKind = "equal" if _is_equality(part) else "range" if isinstance(part, _RANGES) else "other"
    if kind != "other" and not isinstance(part, exp.Column):
        left = _column(part.this, tables, default)
        right = _column(part.args.get("expression"), tables, default)
        value = part.args.get("expression") if left else part.this
        if left and right and _alias(part.this) != _alias(part.args["expression"]):
            yield Comparison(*left, kind, right)
            yield Comparison(*right, kind, left)
            return
        side = None if left and right else left or right
        if side is not None and (value is None or not list(value.find_all(exp.Column))):
            yield Comparison(*side, kind, None, _parameter(value))
            return
        kind = "other"
    for column in dict.fromkeys(part.find_all(exp.Column)):
        named = _column(column, tables, default)
        if named is not None:
            yield Comparison(*named, kind)


def _is_equality(part: exp.Expr) -> bool:
    """`=`, `= ANY`, `IS NULL` and a column that is true or false by itself."""
    if isinstance(part, exp.Not):
        return isinstance(_bare(part.this), exp.Column)
    if isinstance(part, exp.Is):
        return isinstance(part.expression, exp.Null)
    return isinstance(part, (exp.EQ, exp.In, exp.Column))


def _column(node: exp.Expr | None, tables: Tables, default: str) -> tuple[str, str] | None:
    """(table, column) of a column, perhaps under a cast that changes no order of texts."""
    node = _bare(node) if node is not None else None
    if isinstance(node, exp.Cast) and node.to.is_type(*exp.DataType.TEXT_TYPES):
        node = _bare(node.this)
    if not isinstance(node, exp.Column):
        return None
    table = tables.get(node.table, "") if node.table else default
    return (table, node.name) if table else None


def _alias(node: exp.Expr) -> str:
    return str(next(node.find_all(exp.Column)).table)


def _parameter(value: exp.Expr | None) -> int | None:
    found = next(value.find_all(exp.Parameter), None) if value is not None else None
    number = int(found.name) if found is not None and found.name.isdigit() else 0
    return number - 1 if number else None


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node
