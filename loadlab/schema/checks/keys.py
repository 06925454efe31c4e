"""The expressions that an index has in the place of columns."""

from __future__ import annotations

from typing import Literal

from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.schema.checks.facts import Casings
from loadlab.schema.checks.syntax import bare, column_name, column_names, function, is_condition, parse
from loadlab.schema.checks.texts import text_target

Form = Literal["lower", "upper", "trim", "lower trim", "upper trim", "coalesce"]
_ONE_TO_ONE = {"md5", "sha224", "sha256", "sha384", "sha512", "encode", "decode", "convert_to", "to_hex"}


def expression_columns(expression: str, dialect: str) -> tuple[str, ...]:
    """The columns that an expression depends on, in their order; none where it cannot be parsed."""
    try:
        tree = parse(expression, dialect)
    except SqlglotError:
        return ()
    return tuple(dict.fromkeys(name.partition("\x00")[0] for name in column_names(tree)))


def normalisation(expression: str, dialect: str) -> tuple[str, Form | None] | None:
    """The column below an index's expression, and in which form its values must differ for the keys to differ.

    The form None: different values have different keys (the column itself, a cast to text, a digest); `coalesce`:
    different values but a NULL may be like one of them. None for any other expression, of one column or of several.
    """
    try:
        node = bare(parse(expression, dialect))
    except SqlglotError:
        return None
    if column_name(node) is not None:
        return _plain(column_name(node), None)
    if isinstance(node, exp.Coalesce):
        return _plain(column_name(node.this), "coalesce") if not _columns_of_rest(node) else None
    if isinstance(node, (exp.MD5, exp.SHA, exp.SHA2)) or function(node) in _ONE_TO_ONE:
        names = column_names(node)
        return _plain(names[0], None) if len(names) == 1 and _direct(node) else None
    target = text_target(node)
    return (
        None if target is None else _plain(target[0], _form({fact.form for fact in target[1] if hasattr(fact, "form")}))
    )


def is_truth(expression: str, dialect: str) -> bool:
    """Whether an index's expression has no other values than true and false: it tells hardly any rows apart."""
    try:
        return is_condition(parse(expression, dialect))
    except SqlglotError:
        return False


def _plain(name: str | None, form: Form | None) -> tuple[str, Form | None] | None:
    """Only for columns; a member of a document is none."""
    return None if name is None or "\x00" in name else (name, form)


def _columns_of_rest(node: exp.Coalesce) -> bool:
    return any(column_names(item) for item in node.expressions)


def _direct(node: exp.Expr) -> bool:
    """Whether the column is the argument itself."""
    return any(column_name(item) is not None for item in (node.this, *node.expressions) if isinstance(item, exp.Expr))


def _form(forms: set[Casings]) -> Form | None:
    names: dict[frozenset[str], Form] = {
        frozenset({"lower"}): "lower",
        frozenset({"upper"}): "upper",
        frozenset({"trimmed"}): "trim",
        frozenset({"lower", "trimmed"}): "lower trim",
        frozenset({"upper", "trimmed"}): "upper trim",
        frozenset({"lower", "upper"}): "lower",
        frozenset({"lower", "upper", "trimmed"}): "lower trim",
    }
    return names.get(frozenset(forms))
