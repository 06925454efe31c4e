"""JSON documents and arrays, with the keys, types and sizes that CHECKs ask for."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loadlab.data.choose.context import TableContext
from loadlab.data.constraints.column_facts import ColumnFacts, merge
from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import below, hash_rows, make_key
from loadlab.data.core.quantiles import Categories, uniform
from loadlab.data.frame import Frame, Generator
from loadlab.data.texts.texts import ChosenTexts
from loadlab.data.values import recipes
from loadlab.data.values.codes import CodesIn
from loadlab.data.values.documents import JsonDocument, Lists
from loadlab.data.values.elements import distinct_generator, list_generator
from loadlab.data.values.numbers import Booleans, Integers
from loadlab.errors import InfeasibleError
from loadlab.schema.checks import Fact
from loadlab.schema.model import Column
from loadlab.spec.shapes import ColumnShape

_CODE_LENGTH = 12  # hexadecimal digits of a value that no two rows share
_CONSTANTS = {"string": '"text"', "number": "1", "boolean": "true", "null": "null"}


def document(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    """A JSON column: an object by the column's meaning, or what its CHECK wants."""
    facts, key = context.of(column.name), context.key_of(column.name)
    if context.is_unique(column.name):
        return _distinct(facts, key, context.locale)
    if facts.json_type == "array" or facts.size_max is not None:
        return JsonArrays(key, facts.size_min, facts.size_max)
    if facts.json_type in _CONSTANTS:
        return ChosenTexts(key, pa.array([_CONSTANTS[facts.json_type]], pa.string()), Categories.of([1.0]))
    made = recipes.document(context.meaning(column), key, context.locale)
    return _with_members(made, facts, key, context.locale)


def _with_members(made: JsonDocument, facts: ColumnFacts, key: int, locale: str) -> JsonDocument:
    """The document with the members whose keys are asked for; others that a CHECK speaks of may be absent."""
    made = JsonDocument({name: member for name, member in made.members.items() if name not in facts.json_absent})
    missing = [name for name in dict.fromkeys(facts.json_keys) if name not in made.members]
    more: dict[str, Generator | JsonDocument] = {
        name: _member(make_key(key, name), locale, [m.fact for m in facts.members if m.path == (name,)])
        for name in missing
    }
    return JsonDocument({**made.members, **more})


def _distinct(facts: ColumnFacts, key: int, locale: str) -> Generator:
    """Documents that differ from row to row in one member, or element, or as strings."""
    around = {"array": ('["', '"]'), "string": ('"', '"')}.get(facts.json_type or "")
    if around is not None:
        return CodesIn(key, _CODE_LENGTH, *around)
    spoken = {*facts.json_keys, *facts.json_absent, *(member.path[0] for member in facts.members)}
    name = next(word for word in ("code", "key", "number", "id", "loadlab") if word not in spoken)
    return _with_members(JsonDocument({name: CodesIn(key, _CODE_LENGTH)}), facts, key, locale)


def sequence(context: TableContext, column: Column, shape: ColumnShape) -> Generator | None:
    """An array column. None leaves it to the default; raises InfeasibleError where its elements cannot be made."""
    facts, key, element = context.of(column.name), context.key_of(column.name), column.type.element
    if context.is_unique(column.name):
        found = distinct_generator(column.type, key)
        if found is not None:
            return found[0]
    if _most(facts) == 0:
        return Lists(key, _word(key, context.locale), 0, 0)
    said = merge(facts.elements)
    allowed = next((of_element.allowed for of_element in said.values() if of_element.allowed), None)
    if element is not None and element.kind == "enum" and said:
        excluded = [value for of_element in said.values() for value in of_element.excluded]
        allowed = tuple(v for v in element.labels if v not in excluded and (allowed is None or v in allowed))
    if allowed is not None and element is not None and element.kind in ("text", "enum"):
        words = ChosenTexts(key, pa.array([str(v) for v in allowed], pa.string()), Categories.of([1.0] * len(allowed)))
        return Lists(key, words, _most(facts), facts.size_min)
    if element is not None:
        made = list_generator(element, key, context.locale, facts.size_min, _most(facts), context.dialect)
        if made is not None:
            return made
    if column.default is not None:
        return None
    if column.nullable and column.name not in context.never_null:
        return Lists(key, _word(key, context.locale), 0, 0)
    raise InfeasibleError(
        f"{context.table.key}.{column.name}", f"is an array of {column.type.native}, which cannot be made"
    )


def _most(facts: ColumnFacts) -> int:
    """The most elements an array gets."""
    return max(facts.size_min, 4 if facts.size_max is None else min(facts.size_max, max(4, facts.size_min)))


def _member(key: int, locale: str, facts: list[Fact]) -> Generator:
    """A value of a document that its CHECKs speak of."""
    said = merge(facts)
    known = next(iter(said.values()), ColumnFacts())
    if known.allowed:
        texts = pa.array([json.dumps(value) for value in known.allowed], pa.string())
        return JsonTexts(ChosenTexts(key, texts, Categories.of([1.0] * len(texts))))
    if known.low is not None or known.high is not None or known.json_type == "number":
        low = int(known.low or 0) + (1 if known.low_strict else 0)
        high = int(known.high) - (1 if known.high_strict else 0) if known.high is not None else low + 100
        return Integers(key, uniform(low, high + 1), low, high)
    if known.json_type in ("object", "array"):
        return JsonTexts(
            ChosenTexts(key, pa.array(["{}" if known.json_type == "object" else "[]"]), Categories.of([1.0]))
        )
    if known.json_type == "boolean":
        return Booleans(key, 0.5)
    return _word(key, locale)


def _word(key: int, locale: str) -> Generator:
    return recipes.text_generator("word", recipes.TextContext(key, key, locale, False, None, frozenset()))


@dataclass(frozen=True, slots=True)
class JsonTexts:
    """Texts that are JSON already: a member of a document as it stands."""

    inner: Generator

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        return Cells(cells.values.cast(pa.large_string()), cells.valid)


@dataclass(frozen=True, slots=True)
class JsonArrays:
    """JSON arrays of short numbers, of `least` to `most` (default 4 more) elements, as text."""

    key: int
    least: int
    most: int | None

    def make(self, frame: Frame) -> Cells:
        most = self.least + 4 if self.most is None else self.most
        texts = pa.array(
            [f"[{', '.join(str(n + 1) for n in range(k))}]" for k in range(self.least, most + 1)], pa.string()
        )
        pick = below(hash_rows(self.key, frame.rows), len(texts))
        return Cells(texts.take(pa.array(np.asarray(pick))))
