"""Functions and operators whose result is a truth value: patterns, keys of documents, tests of ranges."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from loadlab.schema.checks.branches import Branches, either, one
from loadlab.schema.checks.choices import lifted
from loadlab.schema.checks.constants import array_constants, constant
from loadlab.schema.checks.facts import (
    Excluded,
    Fact,
    JsonKeys,
    JsonText,
    NotEmptyRange,
    RangeEnd,
    RangeInclusive,
    Spatial,
    Unbounded,
    Within,
)
from loadlab.schema.checks.lists import array_items
from loadlab.schema.checks.syntax import bare, column_name, function
from loadlab.schema.checks.texts import pattern_facts
from loadlab.schema.checks.truth import CHOICES, TRUE, UNKNOWN, Read, Truth, conjunction, disjunction, known, some_null


def pattern(read: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """LIKE, regular expressions and their kin."""
    inner = node.this if isinstance(node, exp.Escape) else node
    listed = inner.args.get("expression")
    if isinstance(listed, (exp.Any, exp.All)) or (listed is not None and function(listed) in ("any", "all")):
        return _pattern_list(read, inner, listed, want)
    if any(node.find_all(*CHOICES)):
        return lifted(read, node, want)
    if want == UNKNOWN:
        return some_null(node)
    facts = pattern_facts(node, TRUE in want)
    return None if facts is None else known(one(*facts), node, want)


def _pattern_list(read: Read, node: exp.Expr, quantifier: exp.Expr, want: Truth) -> Branches | None:
    """`x LIKE ANY (array)`."""
    array = quantifier.expressions[0] if isinstance(quantifier, exp.Anonymous) else quantifier.this
    items = array_items(bare(array))
    if not items:
        return None
    parts = [type(node)(this=node.this.copy(), expression=item.copy()) for item in items]
    everything = isinstance(quantifier, exp.All) or function(quantifier) == "all"
    return read((conjunction if everything else disjunction)(parts), want)


def document_keys(_: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """`document ? 'key'` and `?&`, `?|`."""
    name = column_name(node.this)
    single, several = constant(node.expression), array_constants(node.expression)
    keys = (single,) if single is not None else several
    if name is None or not keys or want == UNKNOWN:
        return None
    absent, texts = TRUE not in want, tuple(str(key) for key in keys)
    if isinstance(node, exp.JSONBContainsAnyTopKeys) != absent:
        return known(either(*(one(JsonKeys(name, (key,), absent)) for key in texts)), node, want)
    return known(one(JsonKeys(name, texts, absent)), node, want)


def within(_: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """`address << 'network'`: strictly within, which an address of a host is in any wider network."""
    name, network = column_name(node.this), constant(node.expression)
    if name is None or not isinstance(network, str) or "/" not in network or want == UNKNOWN:
        return None
    return known(one(Within(name, network, TRUE not in want)), node, want)


def truth_function(_: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """Functions whose result is a truth value."""
    name = column_name(node.expressions[0]) if node.expressions else None
    if name is None or want == UNKNOWN:
        return None
    facts = _TRUTHS.get((function(node), TRUE in want))
    return None if facts is None else known(one(facts(name)), node, want)


_TRUTHS: dict[tuple[str, bool], Callable[[str], Fact]] = {
    ("isempty", False): NotEmptyRange,
    ("lower_inf", False): lambda name: RangeEnd(name, "lower"),
    ("upper_inf", False): lambda name: RangeEnd(name, "upper"),
    ("lower_inf", True): lambda name: Unbounded(name, "lower"),
    ("upper_inf", True): lambda name: Unbounded(name, "upper"),
    ("lower_inc", True): lambda name: RangeInclusive(name, "lower", True),
    ("lower_inc", False): lambda name: RangeInclusive(name, "lower", False),
    ("upper_inc", True): lambda name: RangeInclusive(name, "upper", True),
    ("upper_inc", False): lambda name: RangeInclusive(name, "upper", False),
    ("json_valid", True): JsonText,
    ("st_isvalid", True): lambda name: Spatial(name, "isvalid", "=", True),
    ("isfinite", True): lambda name: Excluded(name, ("infinity", "-infinity")),
}
