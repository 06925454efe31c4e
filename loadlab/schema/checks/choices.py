"""CASE, COALESCE, NULLIF and IF: as conditions, and inside of conditions."""

from __future__ import annotations

import itertools

from sqlglot import exp

from loadlab.schema.checks.branches import ALWAYS, Branches, both, either
from loadlab.schema.checks.syntax import is_null, negated
from loadlab.schema.checks.truth import CHOICES, FALSE, TRUE, UNKNOWN, Read, Truth, compared, paren


def chosen(read: Read, node: exp.Expr, want: Truth) -> Branches:
    """CASE whose results are conditions."""
    return either(*(both(given, read(result, want)) for given, result in _cases(read, node)))


def _cases(read: Read, node: exp.Expr) -> list[tuple[Branches, exp.Expr]]:
    """The results of a choice, each with the alternatives under which it is taken."""
    cases: list[tuple[Branches, exp.Expr]] = []
    before: Branches = ALWAYS
    pairs, default = choice(node)
    for condition, result in pairs:
        cases.append((both(before, read(condition, TRUE)), result))
        before = both(before, read(condition, FALSE | UNKNOWN))
    return [*cases, (before, default)]


def choice(node: exp.Expr) -> tuple[list[tuple[exp.Expr, exp.Expr]], exp.Expr]:
    """CASE, COALESCE, NULLIF and IF as conditions with results, and what is the result otherwise."""
    if isinstance(node, exp.Coalesce):
        *first, last = [node.this, *node.expressions]
        return [(negated(is_null(paren(item))), item) for item in first], last
    if isinstance(node, exp.Nullif):
        return [(compared(node.this, "=", node.expression), exp.Null())], node.this
    if isinstance(node, exp.If):
        return [(node.this, node.args["true"])], node.args.get("false") or exp.Null()
    subject = node.this
    pairs = [
        (item.this if subject is None else compared(paren(subject), "=", paren(item.this)), item.args["true"])
        for item in node.args["ifs"]
    ]
    return pairs, node.args.get("default") or exp.Null()


def lifted(read: Read, node: exp.Expr, want: Truth) -> Branches:
    """A condition on a choice as a choice of conditions."""
    inner = next(part for part in node.walk() if isinstance(part, CHOICES))
    cases = []
    for given, result in _cases(read, inner):
        if given:
            cases.append(both(given, read(_replaced(node, inner, result), want)))
    return either(*cases)


def _replaced(node: exp.Expr, old: exp.Expr, new: exp.Expr) -> exp.Expr:
    """A copy of a tree in which one node is another."""
    index = next(at for at, part in enumerate(node.walk()) if part is old)
    copy = node.copy()
    target = next(itertools.islice(copy.walk(), index, None))
    target.replace(paren(new))
    return copy
