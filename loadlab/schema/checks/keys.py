"""The expressions that an index has in the place of columns."""

from __future__ import annotations

from sqlglot.errors import SqlglotError

from loadlab.schema.checks.syntax import column_names, is_condition, parse


def expression_columns(expression: str, dialect: str) -> tuple[str, ...]:
    """The columns that an expression depends on, in their order; none where it cannot be parsed."""
    try:
        tree = parse(expression, dialect)
    except SqlglotError:
        return ()
    return tuple(dict.fromkeys(name.partition("\x00")[0] for name in column_names(tree)))


def is_truth(expression: str, dialect: str) -> bool:
    """Whether an index's expression has no other values than true and false: it tells hardly any rows apart."""
    try:
        return is_condition(parse(expression, dialect))
    except SqlglotError:
        return False
