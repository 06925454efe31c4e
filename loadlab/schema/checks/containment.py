"""`@>` and `<@`: arrays, documents and ranges that contain constants or are contained in them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlglot import exp

from loadlab.schema.checks.branches import Branches, one
from loadlab.schema.checks.constants import array_constants, constant, range_signs
from loadlab.schema.checks.facts import (
    Allowed,
    Bound,
    ContainedIn,
    Contains,
    Elements,
    Excluded,
    Fact,
    Inside,
    JsonKeys,
    JsonType,
    Member,
    NotNull,
)
from loadlab.schema.checks.syntax import bare, column_name
from loadlab.schema.checks.truth import TRUE, UNKNOWN, Read, Truth, known

_DOCUMENTS = {"JSON", "JSONB"}


def contained(_: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """A column that contains a constant or another column, or is contained in one."""
    outer, inner = bare(node.this), bare(node.expression)
    if isinstance(node, exp.ArrayContainedBy):
        outer, inner = inner, outer
    if want == UNKNOWN:
        return None
    mine, theirs = column_name(inner), column_name(outer)
    if mine is not None and theirs is not None:
        return known(one(ContainedIn(mine, theirs)), node, want) if TRUE in want else None
    facts = _contains(outer, inner, TRUE in want) if column_name(outer) else _lies_in(inner, outer, TRUE in want)
    return None if facts is None else known(one(*facts), outer if column_name(outer) else inner, want)


def overlapping(_: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """`NOT column && constants`: an array has none of these."""
    name, values = column_name(node.this), array_constants(node.expression)
    if name is None or not values or None in values or TRUE in want or want == UNKNOWN:
        return None
    known_values = tuple(value for value in values if value is not None)
    return known(one(Elements(name, Excluded(name, known_values))), node, want)


def _contains(outer: exp.Expr, inner: exp.Expr, positive: bool) -> tuple[Fact, ...] | None:
    """`column @> constant`: an array has all of these, a document has these members."""
    name, values = column_name(outer) or "", array_constants(inner)
    if isinstance(inner, exp.Cast) and inner.to.this.name in _DOCUMENTS:
        return _document(name, constant(inner), positive)
    if values is None or None in values or not positive:
        return None
    return (Contains(name, tuple(value for value in values if value is not None)),)


def _lies_in(inner: exp.Expr, outer: exp.Expr, positive: bool) -> tuple[Fact, ...] | None:
    """`column <@ constant`: every element is one of these, a value lies within a range."""
    name, values, signs = column_name(inner), array_constants(outer), range_signs(outer)
    if name is None or not positive:
        return None
    if signs is not None:
        return (Inside(name, tuple(Bound(name, sign, value) for sign, value in signs)),)
    if values is None or None in values:
        return None
    allowed = Allowed(name, tuple(value for value in values if value is not None))
    return Elements(name, allowed), Elements(name, NotNull(name))


def _document(name: str, text: object, positive: bool) -> tuple[Fact, ...] | None:
    try:
        value = json.loads(str(text))
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    if not positive:
        # Without one of the members it does not contain all of them.
        return (JsonKeys(name, (next(iter(value)),), True),) if value else None
    facts = list(_members(name, (), value))
    return None if None in facts else tuple(fact for fact in facts if fact is not None)


def _members(name: str, path: tuple[str, ...], value: object) -> Iterator[Fact | None]:
    """What a document contains at a path; None for what is not understood: lists and nulls."""
    if isinstance(value, dict):
        if path:
            yield _present(name, path)
        yield Member(name, path, JsonType(name, "object")) if path else JsonType(name, "object")
        for key, member in value.items():
            yield from _members(name, (*path, key), member)
    elif isinstance(value, (str, int, float)):
        yield _present(name, path)
        yield Member(name, path, Allowed(name, (value,)))
    else:
        yield None


def _present(name: str, path: tuple[str, ...]) -> Fact:
    return JsonKeys(name, path) if len(path) == 1 else Member(name, path, NotNull(name))
