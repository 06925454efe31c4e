"""One column: what fills it, in the order of who has the first word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from loadlab.data.choose import numbers, ranges, texts, times
from loadlab.data.choose.bounds import lowest, unit, value_limits
from loadlab.data.choose.chosen import allowed_values, chosen, narrowed
from loadlab.data.choose.context import TableContext
from loadlab.data.choose.counted import slot_cells
from loadlab.data.choose.documents import document, sequence
from loadlab.data.choose.fitting import passing
from loadlab.data.choose.template import template
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.partitions import Covered
from loadlab.data.core.cells import scale_of
from loadlab.data.core.worlds import Presence
from loadlab.data.frame import Generator
from loadlab.data.texts.texts import ChosenTexts
from loadlab.data.values.bounded import Differing, Same
from loadlab.data.values.cases import makes_nulls
from loadlab.data.values.distributions import shaped_generator
from loadlab.data.values.elements import distinct_generator, value_generator
from loadlab.data.values.fillers import EachNumberOnce, Numbered, SlotNumbers, SlotTexts, SlotValues
from loadlab.data.values.keys import FromParent, UuidV4, UuidV7
from loadlab.data.values.numbers import Booleans
from loadlab.data.values.recipes import place_numbers
from loadlab.data.values.segments import Part, Segmented
from loadlab.data.values.switch import Masked, Nulls, Switch
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.checks.facts import Compared
from loadlab.schema.model import Column
from loadlab.spec.shapes import ColumnShape

# Kinds whose equality with another column is had by copying; numbers and times are moved between bounds.
_COPIED = ("text", "uuid", "enum", "boolean", "bytes", "inet")
# Meaning → the largest coordinate there is.
_COORDINATES = {"latitude": 90.0, "longitude": 180.0}
# Kind → how far a value is moved into a partition that is open on one side: three years.
_REACH = {"date": 1_000, "timestamp": 1_000 * 86_400_000_000}
_NULL_SHARES = {"deleted": 0.97, "created": 0.0, "updated": 0.0}


def choose(context: TableContext, column: Column) -> Generator | None:
    """The generator of a stored column; None leaves it to the server's default.

    Raises InputError or InfeasibleError naming the column.
    """
    link = context.links.of_column(column.name)
    shape = context.shape_of(column.name)
    _check_null_share(context, column, shape)
    if link is not None:
        nulls = column.nullable and column.name not in context.never_null
        power = context.power_of(link, column)
        value, always = (FromParent(link.name, link.target_of(column.name), each, power) for each in (nulls, False))
        worlds = context.worlds.get(column.name)
        if worlds is None:
            return passing(context, link, value)
        # One column of the key may be NULL where another is not: nothing is referenced then.
        said = [facts.null for facts in context.facts.every(column.name)]
        return Switch(worlds, tuple(Nulls() if null else always if null is False else value for null in said))
    worlds = context.worlds.get(column.name)
    if worlds is None:
        # A CHECK's own list is the user's to respect; a partial key that was emptied takes values away silently.
        return _in_world(
            context, column, _within(context, column, shape) if context.of(column.name).excluded else shape
        )
    component = context.facts.component_of(column.name)
    assert component is not None
    made: list[Generator] = []
    for number, world in enumerate(component.worlds):
        same = next((k for k in range(number) if component.worlds[k].get(column.name) == world.get(column.name)), None)
        within = _in(context, world)
        generator = made[same] if same is not None else _in_world(within, column, _within(within, column, shape))
        if generator is None:
            raise InputError(
                f"{context.table.key}.{column.name}", "has a type that a CHECK's choice cannot be made for"
            )
        made.append(generator)
    return Switch(worlds, tuple(made))


def _in(context: TableContext, world: Mapping[str, ColumnFacts]) -> TableContext:
    """What the choice in one world needs: its facts, and what has a partition as far as they allow it."""
    within, table = context.in_world(world), context.table
    covered = {name: narrowed(table.column(name), within.of(name), cover) for name, cover in context.coverage.items()}
    return replace(within, coverage=covered)


def _within(context: TableContext, column: Column, shape: ColumnShape) -> ColumnShape:
    """The scenario's values as far as the world allows them."""
    facts = context.of(column.name)
    if shape.values is None:
        return shape
    kept = [(value, k) for k, value in enumerate(shape.values) if _fits(facts, value)]
    if not kept:
        return ColumnShape()
    weights = None if shape.weights is None else [shape.weights[k] for _, k in kept]
    return shape.model_copy(update={"values": [value for value, _ in kept], "weights": weights})


def _fits(facts: ColumnFacts, value: object) -> bool:
    """Whether the facts let a value pass."""
    listed = facts.allowed is None or value in facts.allowed
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return listed and value not in facts.excluded and (not number or facts.admits(float(str(value))))


def _check_null_share(context: TableContext, column: Column, shape: ColumnShape) -> None:
    if shape.null_share and (not column.nullable or column.name in context.table.primary_key):
        place = f"{context.place_of(column.name)}.null_share"
        raise InputError(place, "cannot be above 0: the column is NOT NULL", value=shape.null_share)


def _in_world(context: TableContext, column: Column, shape: ColumnShape) -> Generator | None:
    facts = context.of(column.name)
    if facts.null is True:
        return Nulls()
    may_be_null = column.nullable and column.name not in context.never_null and facts.null is not False
    if may_be_null and shape.values is None and allowed_values(context, column) == ():
        return Nulls()  # A CHECK that no value fulfils holds for NULL.
    generator = _value(context, column, shape)
    if generator is None:
        return None
    for fact in facts.compared:
        other = fact.other if fact.column == column.name else fact.column
        if _is_copied(context, column, fact, other):
            generator = Same(generator, other)
        if fact.sign == "<>" and other != column.name and context.comes_before(other, column.name):
            generator = Differing(generator, other)
    if facts.segments:
        generator = _segmented(context, column, generator)
    copied = ranges.copied_from(context, column)
    if copied is not None:
        generator = Same(generator, copied)
    coverage = context.coverage.get(column.name)
    is_counted = context.is_unique(column.name) or column.name in context.solution.ordinals
    if coverage is not None and coverage.ranges and not is_counted:
        reach = _REACH.get(column.type.kind, 10_000)
        generator = Covered(generator, context.key_of(column.name, "coverage"), coverage, reach)
    return _with_nulls(context, column, shape, generator)


def _segmented(context: TableContext, column: Column, inner: Generator) -> Generator:
    """Texts with parts that are other columns. Raises InputError where a pattern and a key both want a part of them."""
    facts, unique = context.of(column.name), context.is_unique(column.name) or column.name in context.slots
    if unique and facts.patterns:
        raise InputError(
            context.place_of(column.name),
            "has a pattern, is unique, and holds another column by a CHECK: that is more than is kept together; give it"
            " values, or drop one of them",
        )
    parts = tuple(Part(fact.separator, fact.number, fact.other) for fact in facts.segments)
    return Segmented(inner, parts, column.type.length, unique)


def _is_copied(context: TableContext, column: Column, fact: Compared, other: str) -> bool:
    """Whether a comparison makes the column equal to one before it."""
    alike = column.type.kind in _COPIED and context.table.column(other).type.kind == column.type.kind
    return alike and fact.sign == "=" and not fact.plus and context.comes_before(other, column.name)


def _with_nulls(context: TableContext, column: Column, shape: ColumnShape, generator: Generator) -> Generator:
    if not column.nullable or column.name in context.never_null or context.of(column.name).null is False:
        return generator
    if makes_nulls(generator):
        return generator
    share = shape.null_share
    if share is None:
        share = _NULL_SHARES.get(context.meaning(column), 0.3 if column.type.kind in ("timestamp", "date") else 0.1)
        if shape.values is not None or context.of(column.name).derived is not None or shape.law is not None:
            share = 0.0
    if (
        column.name in context.slots
        or column.name in context.solution.ordinals
        or column.name in context.solution.periods
    ):
        share = 0.0
    return Masked(generator, Presence(context.key_of(column.name), (share,))) if share else generator


def _value(context: TableContext, column: Column, shape: ColumnShape) -> Generator | None:
    return (
        _slotted(context, column)
        or _period(context, column)
        or _shaped(context, column, shape)
        or _constrained(context, column, shape)
    )


def _slotted(context: TableContext, column: Column) -> Generator | None:
    """A column whose value is a digit of an unranked key."""
    found = context.slots.get(column.name)
    if found is None:
        return None
    slots, position = found
    size = slots.sizes[position]
    assert isinstance(size, int)
    stated = _within(context, column, context.shape_of(column.name)).values
    values = tuple(value for value in stated if value is not None) if stated else allowed_values(context, column)
    if values is not None:
        everything = chosen(context, column, values, None, context.table.key, each_once=False)
        if isinstance(everything, ChosenTexts):
            return SlotTexts(slots, position, everything.values)
        return SlotNumbers(slots, position, getattr(everything, "values", None))
    if column.type.kind == "text":
        return texts.slotted(context, column, slots, position, size)
    if column.type.kind == "float":
        return SlotValues(slots, position, numbers.distinct_real(context, column))
    if column.type.kind in ("integer", "numeric", "boolean"):
        cells = slot_cells(context, column, size) if column.type.kind != "boolean" else None
        return SlotNumbers(slots, position, cells, lowest(context, column), unit(column))
    if column.type.kind in ("date", "timestamp", "time", "interval"):
        return SlotValues(slots, position, times.distinct(context, column, size))
    found_distinct = distinct_generator(column.type, context.key_of(column.name), context.dialect)
    assert found_distinct is not None  # its capacity was the column's width
    return SlotValues(slots, position, found_distinct[0])


def _period(context: TableContext, column: Column) -> Generator | None:
    """The start or the end of a period of the row's own."""
    position = context.solution.periods.get(column.name)
    if position is None:
        return None
    if column.type.kind in ("timestamp", "date", "time"):
        return times.period(context, column, position)
    step = 100 * unit(column)
    return Numbered(lowest(context, column) + position * step // 2, step)


# -- the scenario's word ---------------------------------------------------------------------------------------------


def _shaped(context: TableContext, column: Column, shape: ColumnShape) -> Generator | None:
    place = context.place_of(column.name)
    _check_wishes(context, column, shape)
    if shape.template is not None:
        return template(shape.template, context.key_of(column.name), context.locale, f"{place}.template")
    columns = {other.name: other.type for other in context.table.columns}
    base = _constrained(context, column, ColumnShape()) if _needs_base(context, column, shape) else None
    made = shaped_generator(
        shape, column.type, context.key_of(column.name), place, base=base, columns=columns, nullable=column.nullable,
        along=times.followed(context, column), rows=context.full_rows,
    )  # fmt: skip
    if made is not None and not context.is_unique(column.name):
        return _kept_apart(context, column, made)
    if shape.values is not None:
        values = tuple(value for value in shape.values if value is not None)
        return chosen(context, column, values, shape.weights, f"{place}.values")
    return texts.by_meaning(context, column, shape.meaning) if shape.meaning is not None else None


def _kept_apart(context: TableContext, column: Column, made: Generator) -> Generator:
    """A shaped column's values, moved where they would not be in their order with other columns of the row."""
    moment = column.type.kind in ("timestamp", "date")
    if makes_nulls(made) and not moment:
        return made
    if column.type.kind in ("integer", "numeric", "float"):
        return numbers.compared(context, column, made, context.of(column.name), always=False)
    if column.type.kind in ("timestamp", "date", "time"):
        return times.stated(context, column, made)
    return made


def _needs_base(context: TableContext, column: Column, shape: ColumnShape) -> bool:
    """Whether the shape only selects among values that are otherwise chosen: not where a width asks for codes alone."""
    if shape.given is not None:
        return True
    facts = context.of(column.name)
    plain = not (facts.patterns or facts.allowed or facts.casing or column.type.kind == "enum")
    return bool(shape.distinct or shape.distinct_share) and (shape.width is None or not plain)


def _check_wishes(context: TableContext, column: Column, shape: ColumnShape) -> None:
    """Raises InputError for a value or a range that the column's enum or CHECK does not allow."""
    facts, place = context.of(column.name), context.place_of(column.name)
    allowed = column.type.labels if column.type.kind == "enum" else facts.allowed
    for value in shape.values or ():
        if allowed is not None and value is not None and value not in allowed:
            known = ", ".join(str(item) for item in allowed)
            raise InputError(
                f"{place}.values", f"holds {value!r}, which {column.name} does not allow; allowed: {known}"
            )
        if isinstance(value, (int, float)) and not facts.admits(value):
            raise InputError(f"{place}.values", f"holds {value!r}, which {column.name} does not allow: {facts.limits}")
    for bound in shape.range or ():
        if not facts.admits(bound):
            raise InputError(f"{place}.range", f"holds {bound:g}, which {column.name} does not allow: {facts.limits}")


# -- constraints and meaning -----------------------------------------------------------------------------------------


def _constrained(context: TableContext, column: Column, shape: ColumnShape) -> Generator | None:
    facts = context.of(column.name)
    if facts.derived is not None:
        derived = numbers.derived(context, column) or texts.derived(context, column)
        if derived is not None:
            return derived
    values = allowed_values(context, column)
    if values is not None:
        return chosen(context, column, values, shape.weights, f"{context.table.key}.{column.name}")
    coordinate = _coordinate(context, column, shape)
    if coordinate is not None:
        return coordinate
    if column.type.kind == "range":
        made = ranges.between(context, column) or _other(context, column)
        return None if made is None else ranges.as_asked(context, column, made)
    end = ranges.end(context, column)
    if end is not None:
        return end
    by_kind: Mapping[str, object] = _BY_KIND
    make = by_kind.get(column.type.kind)
    if make is not None:
        return make(context, column, shape)  # type: ignore[operator, no-any-return]
    return _other(context, column)


def _coordinate(context: TableContext, column: Column, shape: ColumnShape) -> Generator | None:
    """Latitude and longitude of the place that the row's city and postcode name."""
    meaning, kind = context.meaning(column), column.type.kind
    if meaning not in _COORDINATES or kind not in ("float", "numeric"):
        return None
    if shape.range is not None or context.is_unique(column.name) or _narrows(context, column, _COORDINATES[meaning]):
        return None
    scale = scale_of(column.type) if kind == "numeric" else None
    field: Literal["latitude", "longitude"] = "latitude" if meaning == "latitude" else "longitude"
    return place_numbers(texts.text_context(context, column), field, scale)


def _narrows(context: TableContext, column: Column, most: float) -> bool:
    """Whether the type or a CHECK leaves less of a coordinate than the globe has."""
    facts = context.of(column.name)
    bottom, top = value_limits(column) if column.type.kind == "numeric" else (-most, most)
    low, high = facts.low if facts.low is not None else bottom, facts.high if facts.high is not None else top
    others = facts.compared or facts.linear or facts.expressions or facts.excluded or facts.multiple
    return bool(others) or max(low, bottom) > -most or min(high, top) < most


def _other(context: TableContext, column: Column) -> Generator | None:
    """A type about which only the type is known."""
    key = context.key_of(column.name)
    if context.is_unique(column.name):
        found = distinct_generator(column.type, key, context.dialect)
        if found is not None:
            return found[0]
    generator = value_generator(column.type, key, context.locale, context.dialect)
    if generator is not None:
        return generator
    if column.default is not None:
        return None
    if column.nullable and column.name not in context.never_null:
        return Nulls()
    raise InfeasibleError(
        f"{context.table.key}.{column.name}",
        f"has the type {column.type.native}, which cannot be generated, no default and is NOT NULL",
    )


def _uuid(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    key = context.key_of(column.name)
    return UuidV7(key) if "v7" in (column.default or "").lower() else UuidV4(key)


def _boolean(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    if context.is_unique(column.name):
        return EachNumberOnce(np.array([False, True]))
    lowered = column.name.lower()
    share = 0.5
    if any(word in lowered for word in ("deleted", "archived", "blocked", "banned", "hidden")):
        share = 0.03
    elif any(word in lowered for word in ("active", "enabled", "visible", "verified")):
        share = 0.9
    return Booleans(context.key_of(column.name), share)


def _float(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    if context.is_unique(column.name):
        return numbers.distinct_real(context, column)
    return numbers.real(context, column, shape)


_BY_KIND = {
    "integer": numbers.whole,
    "numeric": numbers.whole,
    "float": _float,
    "timestamp": times.moment,
    "date": times.moment,
    "time": times.moment,
    "interval": times.moment,
    "text": texts.text,
    "uuid": _uuid,
    "boolean": _boolean,
    "json": document,
    "array": sequence,
    "bytes": texts.binary,
}
