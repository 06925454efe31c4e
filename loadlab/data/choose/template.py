"""A JSON document as the scenario shapes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data.core.hashing import make_key
from loadlab.data.core.quantiles import Categories, QuantileTable, lognormal, normal, uniform, zipf
from loadlab.data.frame import Generator
from loadlab.data.texts.texts import ChosenTexts
from loadlab.data.values import recipes
from loadlab.data.values.documents import JsonDocument
from loadlab.data.values.numbers import ChosenNumbers, Integers
from loadlab.errors import InputError
from loadlab.spec.base import validate
from loadlab.spec.shapes import ColumnShape

_NAMED = {"uniform": uniform, "normal": normal, "lognormal": lognormal, "zipf": zipf}


def template(members: dict[str, Any], key: int, locale: str, place: str) -> JsonDocument:
    """A member is a column shape, a constant or an object. Raises InputError at its place."""
    made: dict[str, Generator | JsonDocument] = {}
    for name, value in members.items():
        inner = make_key(key, name)
        if isinstance(value, dict) and not set(value) <= set(ColumnShape.model_fields):
            made[name] = template(value, inner, locale, f"{place}.{name}")
        else:
            made[name] = _member(value, inner, locale, f"{place}.{name}")
    return JsonDocument(made)


def _member(value: Any, key: int, locale: str, place: str) -> Generator:
    shape = validate(ColumnShape, value, place=place) if isinstance(value, dict) else ColumnShape(values=[value])
    if shape.range is not None:
        low, high = shape.range
        make = _NAMED.get(shape.distribution or "uniform", uniform)
        table: QuantileTable = make(low, high + 1)
        return Integers(key, table, int(low), int(high))
    if shape.values is not None:
        weights = Categories.of(shape.weights or [1.0] * len(shape.values))
        if all(isinstance(v, bool) for v in shape.values):
            return ChosenNumbers(key, np.array(shape.values), weights)
        if all(isinstance(v, int) for v in shape.values):
            return ChosenNumbers(key, np.array(shape.values, dtype=np.int64), weights)
        return ChosenTexts(key, pa.array([str(v) for v in shape.values], pa.string()), weights)
    meaning = shape.meaning or "word"
    if meaning not in recipes.TEXT_MEANINGS:
        raise InputError(f"{place}.meaning", "is not known", value=meaning)
    return recipes.text_generator(meaning, recipes.TextContext(key, key, locale, False, None, frozenset()))
