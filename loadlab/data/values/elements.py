"""Values of a type when nothing but the type is known: a column of an odd type, an element, a field, a bound.

`value_generator` makes plausible ones; `distinct_generator` (in `distinct_values`) ones that differ from row to row.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from loadlab.data.core.cells import DIMENSIONS, scale_of, unit_us
from loadlab.data.core.hashing import make_key
from loadlab.data.core.quantiles import Categories, lognormal, uniform
from loadlab.data.frame import Generator
from loadlab.data.texts.texts import ChosenTexts, FromPool, Joined
from loadlab.data.values.codes import (
    BitStrings,
    DenseVectors,
    HardwareAddresses,
    Letters,
    Locators,
    Numbers64,
    PrivateAddresses,
    SearchDocuments,
    SearchQueries,
    SparseVectors,
    WordsIn,
)
from loadlab.data.values.composites import AroundMoment, ListOf, Properties, RangeOf, RangesOf, RecordOf, Steps
from loadlab.data.values.distinct_values import distinct_generator
from loadlab.data.values.documents import Bytes, IpAddresses, JsonDocument, Labels, TextsOf
from loadlab.data.values.domains import Where, obeying
from loadlab.data.values.figures import Geometries, Shapes
from loadlab.data.values.keys import UuidV4
from loadlab.data.values.numbers import Booleans, Floats, Integers
from loadlab.data.values.times import DAY_US, Days, Later, TimesOfDay
from loadlab.data.values.vectors import ClusteredVectors
from loadlab.schema.model import LogicalType

__all__ = ["distinct_generator", "list_generator", "value_generator"]

_ELEMENTS_MOST = 3
_LETTERS = pa.array([chr(code) for code in range(ord("a"), ord("z") + 1)])
_MONTHS_MOST = 60
_HOUR_US = 3_600_000_000
_LOCATOR_BITS = {"log": 52, "row": 30, "snapshot": 40}
# Twelve digits of cells are more than a distribution over 1,024 knots resolves.
_NUMBER_MOST = 10**12
_BITS_MOST = 16  # of a string of bits that has no limit

Maker = Callable[[LogicalType, int, Where], "Generator | None"]


def value_generator(type: LogicalType, key: int, locale: str, dialect: str = "") -> Generator | None:
    """Values of a type; None when there is nothing that is sure to be one.

    `dialect` is the language of `LogicalType.checks`, which the values of parts keep to.
    """
    return _value(type, key, Where(locale, dialect))


def list_generator(
    element: LogicalType, key: int, locale: str, least: int, most: int, dialect: str = ""
) -> Generator | None:
    """Lists of `least` to `most` elements."""
    where = Where(locale, dialect)
    return _list(element, key, where, least, most)


def _value(type: LogicalType, key: int, where: Where) -> Generator | None:
    if type.checks:
        found = obeying(type, key, where, distinct=False)
        return None if found is None else found[0]
    maker = _MAKERS.get(type.kind)
    return None if maker is None else maker(type, key, where)


def _list(element: LogicalType, key: int, where: Where, least: int, most: int) -> Generator | None:
    inners = [_value(element, make_key(key, "element", k), where) for k in range(most)]
    made = tuple(inner for inner in inners if inner is not None)
    return ListOf(key, made, element, least) if len(made) == most and made else None


def _integer(type: LogicalType, key: int, where: Where) -> Generator:
    return Integers(key, uniform(0, 1000), 0, 999)


def _numeric(type: LogicalType, key: int, where: Where) -> Generator:
    """Up to a thousand, or as much as the digits hold; counted in the cells' steps."""
    top = _top_of(type)
    return Integers(key, uniform(0, top), 0, top - 1)


def _top_of(type: LogicalType) -> int:
    """A whole number of cells that no value of a numeric type has to reach."""
    scale = scale_of(type)
    top = int(1000 * 10 ** max(scale, 0))
    if type.precision is not None:
        digits = type.precision - (type.scale or 0) + scale
        top = min(top, 10 ** max(digits, 0))
    return max(1, min(top, _NUMBER_MOST))


def _text(type: LogicalType, key: int, where: Where) -> Generator:
    if type.form == "byte":
        return Letters(key, _LETTERS, distinct=False)
    return TextsOf(Joined((FromPool(make_key(key, "word"), "word", where.locale),), type.length))


def _json(type: LogicalType, key: int, where: Where) -> Generator:
    words = TextsOf(FromPool(make_key(key, "word"), "word", where.locale))
    return JsonDocument({"name": words, "count": Integers(make_key(key, "count"), uniform(0, 100), 0, 100)})


def _interval(type: LogicalType, key: int, where: Where) -> Generator:
    if type.form in ("month", "year"):
        most = _MONTHS_MOST * unit_us(type)
        return Integers(key, uniform(0, most), 0, most)
    return Integers(key, lognormal(0, 30 * DAY_US), 0, 30 * DAY_US)


def _inet(type: LogicalType, key: int, where: Where) -> Generator:
    return PrivateAddresses(key, network=True) if type.form == "network" else IpAddresses(key)


def _bits(type: LogicalType, key: int, where: Where) -> Generator:
    length = type.length or _BITS_MOST
    least = length if type.fixed else max(1, length // 2)
    return BitStrings(Numbers64(key, min(length, 64), distinct=False), length, least)


def _enum(type: LogicalType, key: int, where: Where) -> Generator | None:
    if not type.labels:
        return None
    weights = [1.0 / (k + 1) for k in range(len(type.labels))]
    return ChosenTexts(key, pa.array(type.labels, pa.string()), Categories.of(weights))


def _array(type: LogicalType, key: int, where: Where) -> Generator | None:
    assert type.element is not None
    return _list(type.element, key, where, 0, _ELEMENTS_MOST)


def _range(type: LogicalType, key: int, where: Where) -> Generator | None:
    assert type.element is not None
    parts = bounds(type.element, key, where)
    return None if parts is None else RangeOf(*parts, type.element)


def _multirange(type: LogicalType, key: int, where: Where) -> Generator | None:
    assert type.element is not None
    parts = bounds(type.element, key, where)
    return None if parts is None else RangesOf(make_key(key, "ranges"), *parts, type.element)


def bounds(element: LogicalType, key: int, where: Where) -> tuple[Generator, Generator | None] | None:
    """Lower bounds and widths. Widths are None where values have no distance: such ranges have no upper bound."""
    low, width = make_key(key, "lower"), make_key(key, "width")
    match "" if element.checks else element.kind:
        case "integer":
            return Steps(low, 0, 999), Steps(width, 1, 100)
        case "numeric":
            top = _top_of(element)
            return (Steps(low, 0, top // 2), Steps(width, 1, max(1, top // 8))) if top >= 16 else None
        case "float":
            return Steps(low, 0, 999), Steps(width, 1, 100)
        case "timestamp":
            return AroundMoment(low, DAY_US, element), Steps(width, 1, 480, max(60_000_000, unit_us(element)))
        case "date":
            return AroundMoment(low, 30 * DAY_US, element), Steps(width, 1, 14)
        case "time":
            return Steps(low, 0, 11, _HOUR_US), Steps(width, 1, 4, _HOUR_US)
        case "interval":
            return Steps(low, 0, 20, max(_HOUR_US, unit_us(element))), Steps(
                width, 1, 4, max(_HOUR_US, unit_us(element))
            )
    values = _value(element, low, where)
    return None if values is None else (values, None)


def _composite(type: LogicalType, key: int, where: Where) -> Generator | None:
    made = []
    for place, (name, field) in enumerate(type.fields):
        inner = _value(field, make_key(key, "field", place, name), where)
        if inner is None:
            return None
        made.append(inner)
    return RecordOf(tuple(made), type.fields) if made else None


def _vector(type: LogicalType, key: int, where: Where) -> Generator:
    dimensions = type.length or DIMENSIONS
    if type.form == "sparse":
        return SparseVectors(key, dimensions)
    return DenseVectors(key, dimensions, type.form) if type.form else ClusteredVectors(key, dimensions)


def _label_query(type: LogicalType, key: int, where: Where) -> Generator:
    return WordsIn(key, where.locale, "", "" if type.form == "text" else ".*")


_MAKERS: dict[str, Maker] = {
    "integer": _integer,
    "numeric": _numeric,
    "float": lambda type, key, where: Floats(key, uniform(0, 1000)),
    "boolean": lambda type, key, where: Booleans(key, 0.5),
    "text": _text,
    "uuid": lambda type, key, where: UuidV4(key),
    "json": _json,
    "bytes": lambda type, key, where: Bytes(key, min(32, type.length or 32)),
    "date": lambda type, key, where: Days(Later(key, lognormal(0, 60 * DAY_US))),
    "time": lambda type, key, where: TimesOfDay(key),
    "timestamp": lambda type, key, where: Later(key, lognormal(0, 60 * DAY_US)),
    "interval": _interval,
    "inet": _inet,
    "mac": lambda type, key, where: HardwareAddresses(
        Numbers64(key, (type.bits or 48) - 2, False), (type.bits or 48) // 8
    ),
    "bits": _bits,
    "enum": _enum,
    "array": _array,
    "range": _range,
    "multirange": _multirange,
    "composite": _composite,
    "map": lambda type, key, where: Properties(key, where.locale),
    "vector": _vector,
    "shape": lambda type, key, where: Shapes(key, type.form),
    "geometry": lambda type, key, where: Geometries(key, type.form, type.srid or 0),
    "search_vector": lambda type, key, where: SearchDocuments(key, where.locale),
    "search_query": lambda type, key, where: SearchQueries(key, where.locale),
    "label_path": lambda type, key, where: Labels(key),
    "label_query": _label_query,
    "json_path": lambda type, key, where: WordsIn(key, where.locale, '$."', '"'),
    "xml": lambda type, key, where: WordsIn(key, where.locale, "<note>", "</note>"),
    "locator": lambda type, key, where: Locators(Numbers64(key, _LOCATOR_BITS[type.form], False), type.form),
    "object_name": _enum,
}
