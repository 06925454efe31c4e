"""Conditions on texts: patterns of every spelling, and the functions that change a text's case."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

from sqlglot import exp

from loadlab.schema.checks.constants import constant
from loadlab.schema.checks.facts import Casing, Casings, Fact, Length, Like, Matches, Segment
from loadlab.schema.checks.syntax import bare, column_name, function, is_as_text

FORMS: dict[type[exp.Expr], Casings] = {exp.Lower: "lower", exp.Upper: "upper", exp.Trim: "trimmed"}
assert set(FORMS.values()) == set(get_args(Casings))
_REMOVED = re.compile(r"(?P<class>\\[DWs]|\[\^?(?:[^\]\[]|\[:\w+:\])+\])(?:[+*]?\$?)")
"""A class of characters, anywhere or at the end, as `regexp_replace` removes them."""
_KEPT = {r"\D": "[0-9]", r"\W": "[a-z0-9]", r"\s": r"\S", "[[:space:]]": r"\S"}
_SPECIAL = re.compile(r"([.^$\\+(){}\[\]|*?])")
Target = tuple[str, tuple[Fact, ...]]
"""A column, and the facts under which a function of it is the column itself."""


def text_target(node: exp.Expr) -> Target | None:
    """The column below lower(), upper() and trim(): a text that is in that form already is not changed by them."""
    node, facts = bare(node), list[Fact]()
    while type(node) in FORMS:
        characters = node.args.get("expression")
        if characters is not None and constant(characters) != " ":
            return None
        facts.append(Casing("", FORMS[type(node)]))
        node = bare(node.this)
    name = column_name(node)
    return None if name is None else (name, tuple(Casing(name, f.form) for f in facts if isinstance(f, Casing)))


def kept_characters(node: exp.Expr) -> tuple[str, str] | None:
    """The column of which a call removes characters, and the class of those that stay; None for any other call.

    `regexp_replace(phone, '\\D', '', 'g')`: of the digits alone nothing is removed.
    """
    if not isinstance(node, exp.RegexpReplace) or constant(node.args.get("replacement") or exp.Null()) != "":
        return None
    name, removed = column_name(node.this), constant(node.expression)
    found = _REMOVED.fullmatch(removed) if isinstance(removed, str) else None
    if name is None or found is None:
        return None
    kept = _KEPT.get(found["class"])
    if kept is None:
        kept = f"[{found['class'][2:-1]}]" if found["class"].startswith("[^") else f"[^{found['class'][1:-1]}]"
    return name, kept


def removal(node: exp.Expr, sign: str, value: object) -> tuple[Fact, ...] | None:
    """What is left of a text is not empty: some of the characters that stay."""
    kept = kept_characters(node)
    if kept is None or sign not in ("<>", ">") or value != "":
        return None
    if kept[1] == r"\S":
        return Casing(kept[0], "trimmed"), Length(kept[0], ">", 0)
    return (Matches(kept[0], f"^{kept[1]}{{6,12}}$"),)


def segment(left: exp.Expr, right: exp.Expr) -> Segment | None:
    """`split_part(column, '/', 1) = other`."""
    name, other = column_name(left.this) if isinstance(left, exp.SplitPart) else None, column_name(right)
    if name is None or other is None or name == other:
        return None
    separator, number = constant(left.args["delimiter"]), constant(left.args["part_index"])
    if not isinstance(separator, str) or not separator or not isinstance(number, int) or number < 1:
        return None
    return Segment(name, separator, number, other)


def _beginning(node: exp.Expr) -> Segment | None:
    """`starts_with(column, other || '/')`, `column LIKE other || '/%'`."""
    begins = bare(node.expression)
    if not isinstance(begins, exp.DPipe) or not isinstance(node, (exp.Like, exp.StartsWith)):
        return None
    name, other, text = column_name(node.this), column_name(begins.this), constant(begins.expression)
    if name is None or other is None or name == other or not isinstance(text, str):
        return None
    separator = text.removesuffix("%") if isinstance(node, exp.Like) else text
    if not separator or (isinstance(node, exp.Like) and (text == separator or re.search(r"[%_\\]", separator))):
        return None
    return Segment(name, separator, 1, other)


def pattern_facts(node: exp.Expr, positive: bool) -> tuple[Fact, ...] | None:
    """A pattern condition, or its negation where not `positive`; None where it is no pattern, or not a constant one."""
    escape = None
    if isinstance(node, exp.Escape):
        escape, node = constant(node.expression), bare(node.this)
    beginning = _beginning(node) if positive and escape is None and isinstance(node.this, exp.Expr) else None
    if beginning is not None:
        return (beginning,)
    target = text_target(node.this) if isinstance(node.this, exp.Expr) else None
    kept = kept_characters(bare(node.this)) if isinstance(node.this, exp.Expr) else None
    if kept is not None and positive:
        # A text of the characters that stay is what is left of it.
        target = kept[0], (Matches(kept[0], f"^{kept[1]}*$"),)
    if target is None or not isinstance(node.args.get("expression"), exp.Expr):
        return None
    name, facts = target
    if isinstance(node, (exp.RegexpLike, exp.RegexpILike)):
        fact: Fact | None = _regular(node, name, not positive)
    else:
        text = constant(node.expression)
        fact = _wildcard(node, name, text, escape, not positive) if isinstance(text, str) else None
    if isinstance(fact, (Like, Matches)) and is_as_text(node.this):
        fact = replace(fact, as_text=True)
    return None if fact is None else (*facts, fact)


def _regular(node: exp.RegexpLike | exp.RegexpILike, name: str, negated: bool) -> Fact | None:
    pattern = bare(node.expression)
    if function(pattern) in ("similar_to_escape", "similar_escape"):
        text = constant(pattern.expressions[0])
        return Matches(name, similar_pattern(text), False, negated) if isinstance(text, str) else None
    text, flag = constant(pattern), node.args.get("flag")
    flags = "" if flag is None else constant(flag)
    if not isinstance(text, str) or flags not in ("", "i", "c"):
        return None
    return Matches(name, text, isinstance(node, exp.RegexpILike) or flags == "i", negated)


def _wildcard(node: exp.Expr, name: str, text: str, escape: object, negated: bool) -> Fact | None:
    if isinstance(node, (exp.Like, exp.ILike)):
        pattern = text if escape is None else _escaped_by(text, str(escape))
        return Like(name, pattern, isinstance(node, exp.ILike), negated)
    if isinstance(node, exp.StartsWith):
        return Like(name, literal(text) + "%", False, negated)
    if isinstance(node, exp.Glob):
        return Matches(name, glob_pattern(text), False, negated)
    if isinstance(node, exp.SimilarTo) and escape is None:
        return Matches(name, similar_pattern(text), False, negated)
    return None


def literal(text: str) -> str:
    """A text as a LIKE pattern that matches it alone."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def _escaped_by(pattern: str, escape: str) -> str:
    """A LIKE pattern whose escape is another character, with the backslash instead."""
    if escape == "\\":
        return pattern
    text = pattern.replace("\\", "\\\\")
    return re.sub(re.escape(escape) + "(.)", lambda found: literal(found[1]), text) if escape else text


def glob_pattern(pattern: str) -> str:
    """A GLOB pattern as a regular expression."""
    parts = re.findall(r"\[\^?\]?[^\]]*\]|.", pattern, re.S)
    simple = {"*": ".*", "?": "."}
    return "^" + "".join(simple.get(p, p if len(p) > 1 else _SPECIAL.sub(r"\\\1", p)) for p in parts) + "$"


def similar_pattern(pattern: str) -> str:
    """A SIMILAR TO pattern as a regular expression."""
    simple = {"%": ".*", "_": ".", ".": r"\.", "^": r"\^", "$": r"\$"}
    parts = re.findall(r"\\.|\[[^\]]*\]|.", pattern, re.S)
    return "^(?:" + "".join(simple.get(part, part) for part in parts) + ")$"
