"""Statements and expressions in another engine's words, rewritten for SQLite.

sqlglot knows the grammars; what it leaves standing that SQLite would refuse, or worse, would read as something else
(`CAST(x AS UUID)` is a cast to a number here), is rewritten (`rewriting.py`, `times.py`) or refused. Whether the
outcome means anything to this database is for SQLite itself to say: every text is checked by EXPLAIN before it is used.

Known differences that remain: LIKE ignores the case of ASCII letters, NULLs sort first, `now()` and shifted times have
milliseconds, row locks (FOR UPDATE) are left out because a writer locks the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.sqlite.rewriting import NAME, RULES
from loadlab.engines.translation import UntranslatableError, bare, call, generate, parse, rewritten
from loadlab.schema.model import Column
from loadlab.spec.statement import Statement

_MARK = "loadlab_parameter_"


def is_native(dialect: str | None) -> bool:
    """Whether text of that dialect goes to SQLite as it is."""
    return dialect is None or dialect == NAME


@lru_cache(maxsize=4096)
def render(statement: Statement) -> str:
    """SQLite's text of a statement, `?k` for the k-th distinct parameter. Raises UntranslatableError."""
    if is_native(statement.dialect):
        return statement.render(lambda position, _: f"?{position + 1}")
    assert statement.dialect is not None
    tree = parse(str(statement), statement.dialect)
    place = {name: position for position, name in enumerate(statement.names)}
    for node in list(tree.find_all(exp.Placeholder)):
        node.replace(exp.Placeholder(this=f"{_MARK}{place[node.name]}"))
    return re.sub(rf":{_MARK}(\d+)", lambda match: f"?{int(match[1]) + 1}", generate(rewritten(tree, RULES), NAME))


def translate_expression(text: str, dialect: str, columns: Mapping[str, Column] | None = None) -> str:
    """An expression for SQLite; with `columns`, arithmetic on decimals is rounded, and on what is kept as text refused.

    Raises UntranslatableError.
    """
    if is_native(dialect):
        return text
    tree = rewritten(parse(f"SELECT {text}", dialect), RULES)
    expression = tree.expressions[0]
    if columns:
        _refuse_text_arithmetic(expression, columns)
        expression = _round_decimals(expression, columns)
    return generate(bare(expression), NAME)


def parse_native(sql: str) -> exp.Expr | None:
    """The tree of a rendered statement, None where sqlglot cannot read what SQLite can."""
    try:
        return sqlglot.parse_one(re.sub(r"\?(\d+)", r":p\1", sql), dialect=NAME)
    except SqlglotError:
        return None


_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def _round_decimals(tree: exp.Expr, columns: Mapping[str, Column]) -> exp.Expr:
    """0.3 = 0.1 + 0.2 is false in doubles: round a sum (`total = subtotal + tax`) to the digits that it can have."""
    for node in list(tree.find_all(*_COMPARISONS)):
        for side in ("this", "expression"):
            operand = bare(node.args[side])
            scale = _scale(operand, columns)
            if scale and isinstance(operand, (exp.Add, exp.Sub, exp.Mul)):
                node.set(side, call("round", operand, exp.Literal.number(scale)))
    return tree


def _scale(node: exp.Expr, columns: Mapping[str, Column]) -> int | None:
    """Decimal digits that exact arithmetic would give; None where it is not a sum or product of decimals."""
    node = bare(node)
    if isinstance(node, exp.Cast):
        return _scale(node.this, columns)
    if isinstance(node, exp.Literal) and not node.is_string:
        return len(node.name.partition(".")[2])
    if isinstance(node, exp.Column):
        column = columns.get(node.name)
        if column is None or column.type.kind not in ("integer", "numeric"):
            return None
        return column.type.scale or 0
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul)):
        left, right = _scale(node.this, columns), _scale(node.expression, columns)
        if left is None or right is None:
            return None
        return left + right if isinstance(node, exp.Mul) else max(left, right)
    return None


# Arithmetic on texts -------------------------------------------------------------------------------------------------

_TEXT_KINDS = {"date", "time", "timestamp"}


def _refuse_text_arithmetic(tree: exp.Expr, columns: Mapping[str, Column]) -> None:
    found = _text_operand(tree, {name for name, column in columns.items() if column.type.kind in _TEXT_KINDS})
    if found is not None:
        raise UntranslatableError(f"arithmetic on {found}, which is kept as text, has no counterpart")


def arithmetic_on(statement: Statement, columns: frozenset[str]) -> str | None:
    """The first of the text columns `columns` that a translated statement calculates with, as in `ends - starts`.

    SQLite would take the digits that the text begins with for a number, and answer.
    """
    if is_native(statement.dialect):
        return None
    tree = parse_native(render(statement))
    return None if tree is None else _text_operand(tree, columns)


def _text_operand(tree: exp.Expr, columns: AbstractSet[str]) -> str | None:
    for node in tree.find_all(exp.Add, exp.Sub, exp.Mul, exp.Div):
        for operand in (bare(node.this), bare(node.expression)):
            if isinstance(operand, exp.Column) and operand.name in columns:
                return str(operand.name)
    return None
