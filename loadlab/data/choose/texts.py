"""Texts and bytes: by meaning, within lengths, true to patterns and casing, distinct where a key asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from loadlab.data.choose.context import TableContext
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.core.cells import Cells
from loadlab.data.core.joining import NULL, constant
from loadlab.data.frame import Frame, Generator
from loadlab.data.relations.slots import Slots
from loadlab.data.texts import pools
from loadlab.data.texts.patterns import NoTextError, UnsupportedPatternError, like_pattern, pattern_piece
from loadlab.data.values import recipes
from loadlab.data.values.distinct_values import CodeBytes
from loadlab.data.values.documents import Bytes
from loadlab.data.values.fillers import EachOnce, SlotTexts, SlotValues
from loadlab.errors import InputError
from loadlab.schema.checks import Like, Matches
from loadlab.schema.model import Column, Table
from loadlab.spec.shapes import ColumnShape

_SAMPLE_ROWS = 2048
_PLAIN = 8  # characters of a text that is no word
_BYTES = 32
# Of so few characters all texts are listed where some are excluded.
_SHORT = 2
# Beyond so many, texts that a key numbers are made as they are needed.
_LISTED = 65_536
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def text(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    """The generator of a text column. Raises InfeasibleError where its length has no room for what is asked."""
    facts, wanted = context.of(column.name), text_context(context, column)
    meaning = context.meaning(column)
    excluded = tuple(text for text in facts.excluded if isinstance(text, str) and text)
    if excluded and not facts.patterns:
        if wanted.length is not None and wanted.length <= _SHORT and context.is_unique(column.name):
            return EachOnce(codes(context, column, len(_ALPHABET) ** (_SHORT + 1)))
        instead = codes(context, column, 1)
        if len(instead) and not context.is_unique(column.name):
            return Instead(_cased(facts, recipes.text_generator(meaning, wanted)), excluded, str(instead[0]))
    generator = _true_to_patterns(context, column, facts, recipes.text_generator(meaning, wanted))
    return _cased(facts, generator)


def _cased(facts: ColumnFacts, generator: Generator) -> Generator:
    return Cased(generator, tuple(dict.fromkeys(facts.casing))) if facts.casing else generator


def by_meaning(context: TableContext, column: Column, meaning: str) -> Generator | None:
    """What the scenario says a text means. Raises InputError for an unknown word."""
    if column.type.kind not in ("text", "inet"):
        return None
    if meaning not in recipes.TEXT_MEANINGS:
        known = ", ".join(sorted(recipes.TEXT_MEANINGS))
        raise InputError(f"{context.place_of(column.name)}.meaning", f"is not known; one of: {known}", value=meaning)
    return recipes.text_generator(meaning, text_context(context, column))


def binary(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    """Bytes of the length that CHECKs ask for; a unique column needs a few to tell rows apart."""
    facts, key = context.of(column.name), context.key_of(column.name)
    length = min(_BYTES, facts.bytes_max if facts.bytes_max is not None else _BYTES)
    length = max(length, facts.bytes_min)
    if column.type.fixed and column.type.length is not None:
        length = column.type.length
    return CodeBytes(key, length) if context.is_unique(column.name) else Bytes(key, length)


def slotted(context: TableContext, column: Column, slots: Slots, position: int, count: int) -> Generator:
    """The texts of a column that a key numbers from 0 to `count` - 1: listed while they are few."""
    if count <= _LISTED or context.of(column.name).patterns:
        return SlotTexts(slots, position, codes(context, column, count))
    wanted = replace(text_context(context, column), unique=True, distinct_ignoring_case=True)
    generator = recipes.text_generator(context.meaning(column), wanted)
    return SlotValues(slots, position, _cased(context.of(column.name), generator))


def codes(context: TableContext, column: Column, count: int) -> pa.Array:
    """`count` short texts for a column that is too short for codes of its own, or as many as there are."""
    facts = context.of(column.name)
    for pattern in facts.patterns:
        least = _padded(column, pattern) or facts.length_min
        with suppress(UnsupportedPatternError):
            if not pattern.negated:
                piece = pattern_piece(
                    _expression(pattern), context.key_of(column.name, "pattern"), ignore_case=pattern.ignore_case,
                    distinct=True, length_min=least, length_max=column.type.length,
                )  # fmt: skip
                return piece.text_of(np.arange(min(count, piece.capacity), dtype=np.int64))
    length = min(n for n in (column.type.length or 4, facts.length_max, facts.bytes_max) if n is not None)
    made: list[str] = []
    number = 0
    while len(made) < count:
        digits, rest = "", number
        while not digits or rest:
            digits = _ALPHABET[rest % len(_ALPHABET)] + digits
            rest //= len(_ALPHABET)
        if len(digits) > length:
            break
        # The first letter is the digit zero: no two numbers are filled up to the same text.
        digits = digits.rjust(facts.length_min, _ALPHABET[0])
        digits = digits.upper() if "upper" in facts.casing else digits
        if digits not in facts.excluded:
            made.append(digits)
        number += 1
    return pa.array(made, pa.string())


def width(table: Table, column: Column, facts: ColumnFacts, meaning: str, locale: str) -> int:
    """How many texts a column can tell apart, by length, meaning and pattern."""
    limits = [n for n in (column.type.length, facts.length_max, facts.bytes_max) if n is not None]
    if limits and min(limits) <= 0:
        return 1
    context = recipes.TextContext(
        0, 0, pools.in_encoding(locale, encoding_of(column)), True, min(limits, default=None), frozenset(),
        column=column.name, comment=column.comment,
        fixed_length=column.type.fixed, distinct_ignoring_case=True,
    )  # fmt: skip
    patterns = [pattern for pattern in facts.patterns if not pattern.negated]
    if not patterns:
        less = len(facts.excluded) if limits and min(limits) <= _SHORT else 0
        return max(min(recipes.capacity_of(recipes.text_generator(meaning, context)), 2**60) - less, 0)
    found = []
    for pattern in patterns:
        with suppress(UnsupportedPatternError):
            length = _padded(column, pattern) or 0
            piece = pattern_piece(
                _expression(pattern), 0, ignore_case=pattern.ignore_case, distinct=True,
                length_min=length, length_max=max(min(limits), length) if limits else None,
            )  # fmt: skip
            found.append(piece.capacity)
    return min(found, default=2**60)


def has_text(column: Column, facts: ColumnFacts) -> bool:
    """Whether a text of a limited column can match every pattern, as far as each can be read by itself."""
    limits = [n for n in (column.type.length, facts.length_max, facts.bytes_max) if n is not None]
    for pattern in facts.patterns:
        if pattern.negated or not limits:
            continue
        length = _padded(column, pattern) or 0
        try:
            pattern_piece(
                _expression(pattern), 0, ignore_case=pattern.ignore_case,
                length_min=length, length_max=max(min(limits), length),
            )  # fmt: skip
        except NoTextError:
            return False
        except UnsupportedPatternError:
            continue
    return True


def admits(column: Column, facts: ColumnFacts, value: str) -> bool:
    """Whether a text is true to the patterns, casing and lengths, as far as they can be read here."""
    if not facts.length_min <= len(value) <= (2**62 if facts.length_max is None else facts.length_max):
        return False
    cased = (_FORMS[form](value) for form in facts.casing)
    # Of citext both cases are one.
    ignore_case = column.type.native.startswith("citext")
    return all(ignore_case or text == value for text in cased) and _is_true(column, facts, value, ignore_case)


_FORMS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trimmed": lambda text: text.strip(" "),
}


def encoding_of(column: Column) -> str:
    """The encoding in which the column's texts can be written; "" where every text can be kept."""
    return "" if column.type.form == "byte" else column.type.form


def text_context(context: TableContext, column: Column) -> recipes.TextContext:
    """What a recipe may know of the column."""
    facts = context.of(column.name)
    limits = [n for n in (column.type.length, facts.length_max, facts.bytes_max) if n is not None]
    return recipes.TextContext(
        context.key,
        context.key_of(column.name),
        pools.in_encoding(context.locale, encoding_of(column)),
        context.is_unique(column.name),
        min(limits, default=None),
        frozenset(context.table.column_names) - {column.name},
        column=column.name,
        comment=column.comment,
        length_min=max(facts.length_min, facts.bytes_min),
        fixed_length=column.type.fixed,
        distinct_ignoring_case=context.is_unique(column.name),
    )


# -- patterns --------------------------------------------------------------------------------------------------------


def _expression(pattern: Matches | Like) -> str:
    return like_pattern(pattern.pattern) if isinstance(pattern, Like) else pattern.pattern


def _padded(column: Column, pattern: Matches | Like) -> int | None:
    """The length that the column's values have for the pattern's operator: char(n) is filled up with blanks."""
    return column.type.length if column.type.fixed and not pattern.as_text else None


def _true_to_patterns(context: TableContext, column: Column, facts: ColumnFacts, generator: Generator) -> Generator:
    """The generator itself where a sample of it matches, else texts made from the first pattern that can be."""
    if not facts.patterns:
        return generator
    unique = context.is_unique(column.name)
    wanted = text_context(context, column)
    candidates: list[Generator] = [generator]
    for pattern in facts.patterns:
        if pattern.negated:
            continue
        # Where blanks are filled up, a text that needs none is true whatever the pattern says of its end.
        full = _padded(column, pattern)
        lengths = [(wanted.length_min, wanted.length)]
        if full is not None:
            lengths[:0] = [(full, full)] if wanted.length is None or wanted.length >= full else []
        for least, most in lengths:
            with suppress(UnsupportedPatternError):
                candidates.append(
                    pattern_piece(
                        _expression(pattern),
                        context.key_of(column.name, "pattern"),
                        ignore_case=pattern.ignore_case,
                        distinct=unique,
                        length_min=least,
                        length_max=most,
                    )
                )
    if any(pattern.negated for pattern in facts.patterns):
        candidates += _plain(context, column, wanted)
    tried = [Cased(item, tuple(facts.casing)) if facts.casing else item for item in candidates]
    for item, seen in zip(candidates, tried, strict=True):
        if _matches(context, column, facts, seen):
            return item
    return candidates[-1]


def _plain(context: TableContext, column: Column, wanted: recipes.TextContext) -> list[Generator]:
    """Texts of one kind of characters alone, in which hardly anything is that must not be there.

    Of a fixed length they are as long as it: what must not be there may be the blanks.
    """
    least, most = wanted.length_min, wanted.length
    if column.type.fixed and column.type.length:
        least = most = column.type.length
    key, found = context.key_of(column.name, "pattern"), list[Generator]()
    for characters in ("a-z", "A-Z", "0-9"):
        with suppress(UnsupportedPatternError):
            found.append(
                pattern_piece(
                    f"^[{characters}]*$", key, distinct=wanted.unique,
                    length_min=max(least, min(_PLAIN, most or _PLAIN)), length_max=most,
                )
            )  # fmt: skip
    return found


def _matches(context: TableContext, column: Column, facts: ColumnFacts, generator: Generator) -> bool:
    """Whether every text of a sample is true to every pattern, as far as they can be read here."""
    frame = context.sample(_SAMPLE_ROWS)
    try:
        values = pc.drop_null(generator.make(frame).values).to_pylist()
    except KeyError:
        return False  # It needs a column that is chosen later.
    return all(_is_true(column, facts, value) for value in values)


def _is_true(column: Column, facts: ColumnFacts, value: str, ignore_case: bool = False) -> bool:
    for pattern in facts.patterns:
        compiled = _compiled(_expression(pattern), ignore_case or pattern.ignore_case)
        seen = value.ljust(_padded(column, pattern) or 0)
        if compiled is not None and bool(compiled.search(seen)) == pattern.negated:
            return False
    return True


@lru_cache(maxsize=1024)
def _compiled(expression: str, ignore_case: bool) -> re.Pattern[str] | None:
    """None for what Python does not read."""
    try:
        return re.compile(_in_python(expression), re.IGNORECASE if ignore_case else 0)
    except re.error:
        return None


_CLASSES = {
    "[:alpha:]": "a-zA-Z", "[:digit:]": "0-9", "[:alnum:]": "a-zA-Z0-9", "[:lower:]": "a-z", "[:upper:]": "A-Z",
    "[:space:]": r"\s", "[:xdigit:]": "0-9A-Fa-f", "[:word:]": r"\w", "[:punct:]": r"!-/:-@\[-`{-~",
}  # fmt: skip


def _in_python(pattern: str) -> str:
    """A server's regular expression in Python's words: character classes by name, word boundaries."""
    for name, members in _CLASSES.items():
        pattern = pattern.replace(name, members)
    return re.sub(r"\\[mMyY]", r"\\b", pattern)


# -- generators ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cased:
    """Another generator's texts, brought into lower case, upper case or without blanks around."""

    inner: Generator
    forms: tuple[str, ...]

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        values = cells.values
        for form in self.forms:
            if form == "lower":
                values = pc.utf8_lower(values)
            elif form == "upper":
                values = pc.utf8_upper(values)
            else:
                values = pc.utf8_trim_whitespace(values)
        return Cells(values, cells.valid)


@dataclass(frozen=True, slots=True)
class Instead:
    """Another generator's texts with one in place of those that are excluded."""

    inner: Generator
    excluded: tuple[str, ...]
    text: str

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        hit = pc.is_in(cells.values, value_set=pa.array(self.excluded, pa.string()))
        return Cells(pc.if_else(hit, self.text, cells.values), cells.valid)


@dataclass(frozen=True, slots=True)
class Computed:
    """A text expression of other columns: ||, concat, lower, upper, trim."""

    expression: exp.Expr

    def make(self, frame: Frame) -> Cells:
        values = self._text(self.expression, frame)
        if isinstance(values, pa.Scalar):
            values = pa.repeat(values, len(frame))
        return Cells(values)

    def _text(self, node: exp.Expr, frame: Frame) -> pa.Array | pa.Scalar:
        if isinstance(node, (exp.Paren, exp.Cast)):
            return self._text(node.this, frame)
        if isinstance(node, exp.Literal):
            return pa.scalar(node.this, pa.string())
        if isinstance(node, exp.Column):
            cells = frame.cells(node.name)
            values = (
                cells.values
                if isinstance(cells.values, pa.Array)
                else pa.array(np.asarray(cells.values)).cast(pa.string())
            )
            return values if cells.valid is None else pc.if_else(pa.array(cells.valid), values, NULL)
        if isinstance(node, exp.Lower):
            return pc.utf8_lower(self._text(node.this, frame))
        if isinstance(node, exp.Upper):
            return pc.utf8_upper(self._text(node.this, frame))
        if isinstance(node, exp.Trim):
            return pc.utf8_trim_whitespace(self._text(node.this, frame))
        parts = [node.left, node.right] if isinstance(node, exp.DPipe) else node.expressions
        return pc.binary_join_element_wise(*(self._text(part, frame) for part in parts), constant(""))


_TEXT_NODES = (exp.Paren, exp.Cast, exp.Literal, exp.Column, exp.Identifier, exp.Lower, exp.Upper, exp.Trim, exp.DPipe,
               exp.Concat, exp.DataType, exp.DataTypeParam)  # fmt: skip


def derived(context: TableContext, column: Column) -> Generator | None:
    """A text that a CHECK makes of others; None where it cannot be computed here."""
    fact = context.of(column.name).derived
    if fact is None or column.type.kind != "text":
        return None
    readable: Sequence[type[exp.Expr]] = _TEXT_NODES
    if not all(isinstance(node, tuple(readable)) for node in fact.expression.walk()):
        return None
    kinds = [context.table.column(name).type.kind for name in fact.columns if name in context.table.column_names]
    return Computed(fact.expression) if all(kind in ("text", "integer") for kind in kinds) else None
