"""Which generator a column gets: the scenario's word first, then constraints, then what name and type mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data import recipes
from loadlab.data.cells import scale_of
from loadlab.data.documents import Bytes, IpAddresses, JsonDocument, Labels, Lists
from loadlab.data.facts import ColumnFacts, TableFacts
from loadlab.data.frame import Generator
from loadlab.data.hashing import make_key
from loadlab.data.keys import FromParent, Nulls, UuidV4, UuidV7, WithNulls
from loadlab.data.numbers import (
    Booleans,
    ChosenNumbers,
    Computed,
    DistinctIntegers,
    Floats,
    Integers,
    NotAbove,
    NotBelow,
    Ordinals,
    RowNumbers,
    Spread,
    TreeLevels,
)
from loadlab.data.quantiles import Categories, QuantileTable, lognormal, normal, uniform, zipf
from loadlab.data.relations import Relation
from loadlab.data.texts import ChosenTexts
from loadlab.data.times import DAY_US, Days, FromColumn, Later, TimesOfDay, Written
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.checks import Compared
from loadlab.schema.meaning import meaning_of
from loadlab.schema.model import Column, LogicalType, Table
from loadlab.spec.base import validate
from loadlab.spec.scenario import ColumnShape

_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>"}
_DISTRIBUTIONS = {"uniform": uniform, "normal": normal, "lognormal": lognormal, "zipf": zipf}
# Meaning of a number → (distribution, smallest, largest), before constraints cut it.
_NUMBERS: dict[str, tuple[str, float, float]] = {
    "rating": ("uniform", 1, 5),
    "quantity": ("zipf", 1, 10),
    "rate": ("uniform", 0, 0.3),
    "percent": ("uniform", 0, 100),
    "small_money": ("lognormal", 0, 40),
    "money": ("lognormal", 1, 2000),
    "latitude": ("uniform", -60, 70),
    "longitude": ("uniform", -180, 180),
    "year": ("uniform", 1990, 2024),
    "age": ("normal", 18, 90),
    "measure": ("lognormal", 1, 20000),
    "stock": ("lognormal", 0, 2000),
    "level": ("zipf", 0, 5),
    "ordinal": ("uniform", 1, 100),
    "count": ("zipf", 0, 1000),
}
_NULL_SHARES = {"deleted": 0.97, "created": 0.0, "updated": 0.0}


@dataclass(frozen=True, slots=True)
class TableContext:
    """Everything about a table that the choice for one of its columns needs."""

    table: Table
    dialect: str
    key: int
    rows: int
    locale: str
    facts: TableFacts
    relations: tuple[Relation, ...]
    unique: frozenset[str]
    shapes: dict[str, ColumnShape]
    place: str
    """Where the user writes about this table: `scenario.yaml: data.tables.orders`."""

    def key_of(self, column: str, purpose: str = "value") -> int:
        return make_key(self.key, column, purpose)


def choose(context: TableContext, column: Column) -> Generator:
    """The generator of a stored column. Raises InputError or InfeasibleError naming the column."""
    relation = next((r for r in context.relations if column.name in r.columns), None)
    shape = context.shapes.get(column.name, ColumnShape())
    if relation is not None:
        target = relation.target_columns[relation.columns.index(column.name)]
        return FromParent(relation.name, target)
    generator = _shaped(context, column, shape) or _constrained(context, column, shape)
    if column.nullable and column.name not in context.table.primary_key:
        return _with_nulls(context, column, shape, generator)
    if shape.null_share:
        raise InputError(
            f"{_place(context, column)}.null_share", "cannot be above 0: the column is NOT NULL", value=shape.null_share
        )
    return generator


def _place(context: TableContext, column: Column) -> str:
    return f"{context.place}.columns.{column.name}"


def _with_nulls(context: TableContext, column: Column, shape: ColumnShape, generator: Generator) -> Generator:
    share = shape.null_share
    if share is None:
        meaning = meaning_of(context.table, column)
        share = _NULL_SHARES.get(meaning, 0.3 if column.type.kind in ("timestamp", "date") else 0.1)
        if shape.values is not None or context.facts.of(column.name).derived is not None:
            share = 0.0
    return WithNulls(generator, context.key_of(column.name, "null"), share) if share else generator


# -- the scenario's word ---------------------------------------------------------------------------------------------


def _shaped(context: TableContext, column: Column, shape: ColumnShape) -> Generator | None:
    key = context.key_of(column.name)
    _check_wishes(context, column, shape)
    if shape.values is not None:
        return _chosen(context, column, tuple(shape.values), shape.weights, f"{_place(context, column)}.values")
    if shape.template is not None:
        return template(shape.template, key, context.locale, f"{_place(context, column)}.template")
    if shape.meaning is not None and column.type.kind in ("text", "inet"):
        if shape.meaning not in recipes.TEXT_MEANINGS:
            known = ", ".join(sorted(recipes.TEXT_MEANINGS))
            raise InputError(
                f"{_place(context, column)}.meaning", f"is not known; one of: {known}", value=shape.meaning
            )
        return recipes.text_generator(shape.meaning, _text_context(context, column))
    return None


def _check_wishes(context: TableContext, column: Column, shape: ColumnShape) -> None:
    """Raises InputError for a value or a range that the column's enum or CHECK does not allow."""
    facts, place = context.facts.of(column.name), _place(context, column)
    allowed = column.type.labels if column.type.kind == "enum" else facts.allowed
    for value in shape.values or ():
        if allowed is not None and value not in allowed:
            known = ", ".join(str(item) for item in allowed)
            raise InputError(
                f"{place}.values", f"holds {value!r}, which {column.name} does not allow; allowed: {known}"
            )
        if isinstance(value, (int, float)) and not facts.admits(value):
            raise InputError(f"{place}.values", f"holds {value!r}, which {column.name} does not allow: {facts.limits}")
    for bound in shape.range or ():
        if not facts.admits(bound):
            raise InputError(f"{place}.range", f"holds {bound:g}, which {column.name} does not allow: {facts.limits}")


def _chosen(
    context: TableContext, column: Column, values: tuple[Any, ...], weights: list[float] | None, place: str
) -> Generator:
    """One of some values: by weight, or each once where the column is unique."""
    key = context.key_of(column.name)
    rows = context.rows
    if column.name in context.unique and len(set(values)) < rows:
        raise InfeasibleError(
            place, f"has {len(set(values)):,} distinct values for {rows:,} unique rows of {context.table.key}"
        )
    if weights is None:
        # Life cycles and enumerations are skewed: the k-th value has weight 1 / k.
        weights = [1.0 / (k + 1) for k in range(len(values))]
    categories = Categories.of(weights)
    kind = column.type.kind
    try:
        if kind in ("text", "enum", "label_path", "inet"):
            texts = pa.array([str(value) for value in values], pa.string())
            return ChosenTexts(key, texts, categories) if column.name not in context.unique else _each_once(texts)
        if kind == "boolean":
            return ChosenNumbers(key, np.array([bool(v) for v in values]), categories)
        if kind == "float":
            return ChosenNumbers(key, np.array([float(v) for v in values]), categories)
        scaled = [round(float(v) * 10 ** scale_of(column.type)) for v in values]
    except (TypeError, ValueError):
        raise InputError(place, f"holds a value that is not of the column's type {column.type.native}") from None
    return ChosenNumbers(key, np.array(scaled, dtype=np.int64), categories)


@dataclass(frozen=True, slots=True)
class _EachOnce:
    values: pa.Array

    def make(self, frame: Any) -> Any:
        from loadlab.data.cells import Cells

        return Cells(self.values.take(pa.array(frame.rows % len(self.values))))


def _each_once(values: pa.Array) -> Generator:
    return _EachOnce(values)


def template(members: dict[str, Any], key: int, locale: str, place: str) -> JsonDocument:
    """A JSON document as the scenario shapes it: a member is a column shape, a constant or an object."""
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
        table = _DISTRIBUTIONS[shape.distribution or "uniform"](low, high + 1)
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


# -- constraints and meaning -----------------------------------------------------------------------------------------


def _constrained(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    facts = context.facts.of(column.name)
    kind = column.type.kind
    if facts.derived is not None and kind in ("integer", "numeric"):
        return Computed(facts.derived.expression, scale_of(column.type))
    allowed = column.type.labels if kind == "enum" else facts.allowed
    if allowed is not None:
        return _chosen(context, column, tuple(allowed), shape.weights, f"{context.table.key}.{column.name}")
    if kind in ("integer", "numeric"):
        return _number(context, column, shape, facts)
    if kind in ("timestamp", "date", "time", "interval"):
        return _moment(context, column, facts)
    return _other(context, column, facts)


def _other(context: TableContext, column: Column, facts: ColumnFacts) -> Generator:
    key, kind = context.key_of(column.name), column.type.kind
    if kind == "uuid":
        return UuidV7(key) if "v7" in (column.default or "").lower() else UuidV4(key)
    if kind == "text":
        return _text(context, column, facts)
    if kind == "json":
        return recipes.document(meaning_of(context.table, column), key, context.locale)
    if kind == "boolean":
        return Booleans(key, _truth_share(column.name))
    if kind == "float":
        name, low, high = _range(context, column, facts, ColumnShape())
        return Floats(key, _DISTRIBUTIONS[name](low, high))
    if kind == "array" and column.type.element is not None:
        return Lists(key, _element(column.type.element, key, context.locale), 4)
    simple: dict[str, Generator] = {
        "bytes": Bytes(key, 32),
        "inet": IpAddresses(key),
        "label_path": Labels(key),
    }
    if kind in simple:
        return simple[kind]
    if column.nullable:
        return Nulls()
    raise InputError(
        f"{context.table.key}.{column.name}", f"has the type {column.type.native}, which cannot be generated yet"
    )


def _element(element: LogicalType, key: int, locale: str) -> Generator:
    if element.kind in ("integer", "numeric"):
        return Integers(key, uniform(0, 1000), 0, 1000)
    if element.kind in ("text", "enum"):
        return recipes.text_generator("word", recipes.TextContext(key, key, locale, False, element.length, frozenset()))
    raise InputError("array", f"of {element.native or element.kind} cannot be generated yet")


def _truth_share(name: str) -> float:
    lowered = name.lower()
    if any(word in lowered for word in ("deleted", "archived", "blocked", "banned", "hidden")):
        return 0.03
    return 0.9 if any(word in lowered for word in ("active", "enabled", "visible", "verified")) else 0.5


def _text_context(context: TableContext, column: Column) -> recipes.TextContext:
    limit, facts = column.type.length, context.facts.of(column.name)
    if facts.length_max is not None:
        limit = facts.length_max if limit is None else min(limit, facts.length_max)
    return recipes.TextContext(
        context.key,
        context.key_of(column.name),
        context.locale,
        column.name in context.unique,
        limit,
        frozenset(context.table.column_names) - {column.name},
    )


def _text(context: TableContext, column: Column, facts: ColumnFacts) -> Generator:
    text_context = _text_context(context, column)
    meaning = meaning_of(context.table, column)
    if text_context.unique and text_context.length is not None:
        capacity = 32 ** min(text_context.length, 12)
        if capacity < context.rows:
            raise InfeasibleError(
                f"{context.table.key}.{column.name}",
                f"has room for {text_context.length} characters, {capacity:,} codes, for {context.rows:,} unique rows",
            )
    if facts.length_min > 20 and meaning not in ("password_hash", "paragraph"):
        meaning = "paragraph"
    return recipes.text_generator(meaning, text_context)


# -- numbers ---------------------------------------------------------------------------------------------------------


def _number(context: TableContext, column: Column, shape: ColumnShape, facts: ColumnFacts) -> Generator:
    key = context.key_of(column.name)
    meaning = meaning_of(context.table, column)
    if facts.root_value is not None or meaning == "level":
        tree = next((r for r in context.relations if r.pattern == "tree"), None)
        if tree is not None:
            return TreeLevels(tree.name, int(facts.root_value or 0))
    if column.type.kind == "integer":
        special = _key_number(context, column, meaning)
        if special is not None:
            return special
    other = _adjusted_to(context, column)
    scale = scale_of(column.type)
    if other is not None and shape.range is None:
        return _compared_number(context, column, other, facts)
    name, low, high = _range(context, column, facts, shape)
    unit = 10**scale
    bottom, top = round(low * unit), round(high * unit)
    if top - bottom >= 2**52:
        return Spread(key, bottom, top - bottom + 1)
    # Shaped in the column's own unit (a price in dollars), then counted in its smallest step (cents).
    table = _DISTRIBUTIONS[shape.distribution or name](low, high + 1 / unit)
    return Integers(key, QuantileTable(table.knots * unit), bottom, top)


def _key_number(context: TableContext, column: Column, meaning: str) -> Generator | None:
    """Sequences, unique numbers and ordinals within a parent."""
    sequence = column.identity is not None or "nextval" in (column.default or "")
    if sequence or context.table.primary_key == (column.name,):
        return _fits(context, column, RowNumbers())
    if column.name in context.unique:
        bits = min((column.type.bits or 64) - 1, 40)
        facts = context.facts.of(column.name)
        if facts.high is not None or bits < 32:
            return _fits(context, column, RowNumbers(int(facts.low or 0) + 1))
        return DistinctIntegers(context.key_of(column.name), bits, 1 if facts.low is None else int(facts.low) + 1)
    nested = next((r for r in context.relations if r.pattern == "nested"), None)
    in_key = any(column.name in key for key in context.table.unique_keys)
    return Ordinals(nested.name) if nested is not None and (meaning == "ordinal" or in_key) and in_key else None


def _fits(context: TableContext, column: Column, generator: RowNumbers) -> Generator:
    facts, bits = context.facts.of(column.name), column.type.bits or 64
    top = min(2 ** (bits - 1) - 1, facts.high if facts.high is not None else 2**63)
    if context.rows + generator.first - 1 > top:
        raise InfeasibleError(
            f"{context.table.key}.{column.name}", f"ends at {top:,.0f}, too small for {context.rows:,} unique rows"
        )
    return generator


def _range(context: TableContext, column: Column, facts: ColumnFacts, shape: ColumnShape) -> tuple[str, float, float]:
    """Distribution and bounds of a number: the scenario's, else by meaning, cut by CHECKs, precision and width."""
    name, low, high = _NUMBERS.get(meaning_of(context.table, column), ("uniform", 0, 1000))
    step = 10.0 ** -scale_of(column.type) if column.type.kind != "float" else 1e-6
    if shape.range is not None:
        return "uniform", shape.range[0], shape.range[1]
    if facts.low is not None and facts.high is not None:
        # Whoever states both ends knows the range better than the name does.
        low, high = facts.low, facts.high
    if column.type.kind == "integer" and high < 1:
        high = 100
    if column.type.precision is not None:
        high = min(high, 10.0 ** (column.type.precision - (column.type.scale or 0)) - step)
    if column.type.kind == "integer":
        high = min(high, 2.0 ** ((column.type.bits or 64) - 1) - 1)
    if facts.low is not None:
        least = facts.low + (step if facts.low_strict else 0)
        high = high + least if least > high else high
        low = max(low, least)
    if facts.high is not None:
        most = facts.high - (step if facts.high_strict else 0)
        low = min(low, most) if facts.low is None else low
        high = min(high, most)
    if low > high:
        raise InfeasibleError(
            f"{context.table.key}.{column.name}", f"must lie between {low:g} and {high:g}, which nothing does"
        )
    return name, low, high


def _adjusted_to(context: TableContext, column: Column) -> Compared | None:
    """The comparison with another column that this column has to follow, if it is the one to follow."""
    order = {name: position for position, name in enumerate(context.table.column_names)}
    for fact in _comparisons(context, column.name):
        if fact.sign == "<>" or fact.other not in order:
            continue
        if _is_fixed(context, fact.other) or (
            not _is_fixed(context, column.name) and order[fact.other] < order[column.name]
        ):
            return fact
    return None


def _comparisons(context: TableContext, name: str) -> list[Compared]:
    facts = list(context.facts.of(name).compared)
    for other, theirs in list(context.facts.columns.items()):
        facts += [Compared(name, _MIRROR[f.sign], other) for f in theirs.compared if f.other == name]
    return facts


def _is_fixed(context: TableContext, name: str) -> bool:
    """Whether a column's value comes from elsewhere, so that only the other side of a comparison can follow."""
    column = context.table.column(name)
    return (
        name in context.table.primary_key
        or any(name in relation.columns for relation in context.relations)
        or meaning_of(context.table, column) == "created"
        or context.facts.of(name).derived is not None
    )


def _compared_number(context: TableContext, column: Column, fact: Compared, facts: ColumnFacts) -> Generator:
    key = context.key_of(column.name)
    factor = 10 ** max(scale_of(column.type) - scale_of(context.table.column(fact.other).type), 0)
    least = 1 if fact.sign in (">", "<") else 0
    if fact.sign in (">", ">="):
        return NotBelow(key, fact.other, factor, least, 0.3)
    low = facts.low if facts.low is not None else 0
    return NotAbove(key, fact.other, factor, least, round(low * 10 ** scale_of(column.type)))


# -- times -----------------------------------------------------------------------------------------------------------


def _moment(context: TableContext, column: Column, facts: ColumnFacts) -> Generator:
    key, kind = context.key_of(column.name), column.type.kind
    meaning = meaning_of(context.table, column)
    if kind == "time":
        return TimesOfDay(key)
    if kind == "interval":
        return Integers(key, lognormal(0, 30 * DAY_US), 0, 30 * DAY_US)
    delays = _delays(meaning)
    other = _adjusted_to(context, column)
    if other is not None and context.table.column(other.other).type.kind == kind:
        unit_us = DAY_US if kind == "date" else 1
        return FromColumn(key, other.other, delays, unit_us, int(other.sign in "<>"), other.sign in (">", ">="))
    made: Written | Later = Written() if meaning == "created" else Later(key, delays)
    return Days(made) if kind == "date" else made


def _delays(meaning: str) -> QuantileTable:
    """Microseconds after the row was written, by what the moment means."""
    if meaning == "birth_date":
        return uniform(-80 * 365.25 * DAY_US, -18 * 365.25 * DAY_US)
    if meaning == "expires":
        return uniform(7 * DAY_US, 90 * DAY_US)
    return lognormal(0, 60 * DAY_US)
