"""IS: tests for NULL, for truth values, for JSON."""

from __future__ import annotations

from sqlglot import exp

from loadlab.schema.checks.branches import ALWAYS, NEVER, Branches, all_of, either, one
from loadlab.schema.checks.choices import lifted
from loadlab.schema.checks.comparisons import always_known_when_set
from loadlab.schema.checks.constants import constant
from loadlab.schema.checks.facts import Contains, Elements, Excluded, JsonText, NotNull, Size
from loadlab.schema.checks.syntax import bare, column_name, column_names, is_condition, is_null
from loadlab.schema.checks.truth import CHOICES, FALSE, TRUE, UNKNOWN, Read, Truth, row_members, some_null


def is_test(read: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """IS NULL, IS TRUE, IS FALSE, IS JSON."""
    tested, what = bare(node.this), node.expression
    if isinstance(what, exp.JSON):
        return _is_json(tested, what, want)
    if isinstance(what, exp.Boolean):
        yes = TRUE if what.this else FALSE
        no = (FALSE if what.this else TRUE) | UNKNOWN
        return read(tested, yes) if TRUE in want else read(tested, no) if FALSE in want else NEVER
    if not isinstance(what, exp.Null):
        return None
    if want == UNKNOWN:
        return NEVER
    if is_condition(tested):
        return read(tested, UNKNOWN if TRUE in want else TRUE | FALSE)
    return _has_no_value(read, tested) if TRUE in want else _has_value(read, tested)


def _is_json(tested: exp.Expr, what: exp.Expr, want: Truth) -> Branches | None:
    name = column_name(tested)
    if name is None or TRUE not in want:
        return None
    kind = str(what.this).lower() if what.this else None
    known = () if UNKNOWN in want else (NotNull(name),)
    return one(JsonText(name, kind if kind in ("object", "array", "scalar") else None), *known)


def _has_value(read: Read, node: exp.Expr) -> Branches | None:
    """`node IS NOT NULL`."""
    row = row_members(node)
    if row is not None:
        return all_of(read(is_null(item), FALSE) for item in row)
    if isinstance(node, exp.Null):
        return NEVER
    if constant(node) is not None:
        return ALWAYS
    if isinstance(node, CHOICES):
        return lifted(read, is_null(node), FALSE)
    if isinstance(node, exp.ArrayPosition):
        return _has_element(node)
    needs, names = always_known_when_set(node), column_names(node)
    if needs is None or (not isinstance(node, exp.Column) and not _keeps_values(node)):
        return None
    return one(*(NotNull(name) for name in names), *needs)


def _keeps_values(node: exp.Expr) -> bool:
    """Whether an expression has a value wherever its columns have one (but for what `always_known_when_set` says)."""
    total = (
        exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Binary, exp.Neg, exp.Lower, exp.Upper, exp.Trim,
        exp.Length, exp.ArraySize, exp.Abs, exp.Round, exp.Cast, exp.DataType, exp.Anonymous,
    )  # fmt: skip
    return all(isinstance(part, total) for part in node.walk()) and not any(node.find_all(exp.JSONExtract))


def _has_no_value(read: Read, node: exp.Expr) -> Branches | None:
    """`node IS NULL`."""
    row = row_members(node)
    if row is not None:
        return all_of(read(is_null(item), TRUE) for item in row)
    if isinstance(node, exp.Null):
        return ALWAYS
    if constant(node) is not None:
        return NEVER
    if isinstance(node, CHOICES):
        return lifted(read, is_null(node), TRUE)
    if isinstance(node, exp.ArrayPosition):
        return _has_no_element(node)
    if not isinstance(node, exp.Column) and not _keeps_values(node):
        return None
    none = some_null(node)
    if none is None:
        return None
    empty = [column_name(part.this) for part in node.find_all(exp.ArraySize)]
    return either(none, *(one(Size(name, "=", 0)) for name in empty if name is not None))


def _has_no_element(node: exp.ArrayPosition) -> Branches | None:
    """`array_position(column, value) IS NULL`."""
    name, value = column_name(node.this), constant(node.expression)
    if name is None:
        return None
    if isinstance(bare(node.expression), exp.Null):
        return one(Elements(name, NotNull(name)))
    return None if value is None else one(Elements(name, Excluded(name, (value,))))


def _has_element(node: exp.ArrayPosition) -> Branches | None:
    name, value = column_name(node.this), constant(node.expression)
    return None if name is None or value is None else one(Contains(name, (value,)), NotNull(name))
