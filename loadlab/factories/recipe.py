"""What is asked of the rows: values by column, each a constant, a cycle, a function, or a shape as in a scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from loadlab.errors import InputError
from loadlab.schema.model import Column, Table
from loadlab.spec.base import validate
from loadlab.spec.shapes import ColumnShape

Kind = Literal["constant", "cycle", "of_index", "of_row", "shape"]
_LISTS = ("array", "json")


@dataclass(frozen=True, slots=True)
class Wish:
    """What one column is to hold. `value` is, by `kind`: the value, a list, a function of the index (from 0) or of the
    row made so far, a ColumnShape."""

    kind: Kind
    value: Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """Wishes by column, in the order in which they were made; a later one takes the place of an earlier."""

    wishes: Mapping[str, Wish] = field(default_factory=dict)
    whole: tuple[Callable[[int], Mapping[str, Any]], ...] = ()
    """Functions of the index that yield several columns at once."""

    def plus(self, wishes: Mapping[str, Wish]) -> Recipe:
        """With more wishes."""
        kept = {name: wish for name, wish in self.wishes.items() if name not in wishes}
        return Recipe({**kept, **wishes}, self.whole)

    def plus_whole(self, of_index: Callable[[int], Mapping[str, Any]]) -> Recipe:
        """With one more function of the index; it has the last word on its columns."""
        return Recipe(self.wishes, (*self.whole, of_index))


def shape(**keys: Any) -> ColumnShape:
    """A column's shape with the keys that a scenario has: `shape(range=(1, 9))`. Raises InputError."""
    return validate(ColumnShape, keys, place="shape()")


def column_of(table: Table, name: str, place: str) -> Column:
    """Raises InputError for a column that is not there or that the server computes."""
    if name not in table.column_names:
        raise InputError(place, f"is not a column of {table.key}; columns: {', '.join(table.column_names)}", value=name)
    column = table.column(name)
    if column.generated is not None:
        raise InputError(place, f"is computed by the server as {column.generated}", value=name)
    return column


def state_wishes(table: Table, values: Mapping[str, object], place: str) -> dict[str, Wish]:
    """What a state says: constants, lists (cycled), functions of the row, shapes."""
    return {name: _wish(column_of(table, name, place), value) for name, value in values.items()}


def sequence_wishes(table: Table, values: Mapping[str, object], place: str) -> dict[str, Wish]:
    """What a sequence says: lists (cycled) or functions of the index."""
    wishes = {}
    for name, value in values.items():
        column_of(table, name, place)
        if callable(value):
            wishes[name] = Wish("of_index", value)
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            wishes[name] = _cycle(list(value), f"{place} {name}")
        else:
            raise InputError(f"{place} {name}", "must be a list of values or a function of the index")
    return wishes


def shaped_wishes(table: Table, values: Mapping[str, object], place: str) -> dict[str, Wish]:
    """A state as a scenario writes it: a mapping is a column shape, anything else a constant.

    Raises InputError.
    """
    wishes = {}
    for name, value in values.items():
        column = column_of(table, name, place)
        is_shape = isinstance(value, Mapping) and (
            column.type.kind != "json" or bool(set(value) & set(ColumnShape.model_fields))
        )
        made = validate(ColumnShape, value, place=f"{place}.{name}") if is_shape else value
        wishes[name] = Wish("shape", made) if is_shape else Wish("constant", made)
    return wishes


def cycled_rows(rows: Sequence[Mapping[str, object]], table: Table, place: str) -> dict[str, Wish]:
    """Mappings that take turns. Raises InputError unless all of them name the same columns."""
    if not rows:
        raise InputError(place, "needs at least one mapping")
    names = list(rows[0])
    for row in rows:
        if set(row) != set(names):
            raise InputError(place, f"needs the same columns in every mapping: {', '.join(names)}")
    for name in names:
        column_of(table, name, place)
    return {name: Wish("cycle", [row[name] for row in rows]) for name in names}


def _wish(column: Column, value: object) -> Wish:
    if isinstance(value, ColumnShape):
        return Wish("shape", value)
    if callable(value):
        return Wish("of_row", value)
    if isinstance(value, (list, tuple)) and column.type.kind not in _LISTS:
        return _cycle(list(value), column.name)
    return Wish("constant", value)


def _cycle(values: list[Any], place: str) -> Wish:
    if not values:
        raise InputError(place, "needs at least one value")
    return Wish("cycle", values)
