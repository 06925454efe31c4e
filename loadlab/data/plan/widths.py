"""How many values each column of a table can tell apart, and how likely its worlds are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadlab.data.choose.chosen import listed
from loadlab.data.choose.numbers import width as number_width
from loadlab.data.choose.texts import width as text_width
from loadlab.data.choose.times import width as time_width
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.partitions import Coverage
from loadlab.data.constraints.uniqueness import Width
from loadlab.data.core.hashing import make_key
from loadlab.data.core.worlds import Choice, First, Worlds
from loadlab.data.values.elements import distinct_generator
from loadlab.schema.meaning import meaning_of
from loadlab.schema.model import Column, Table
from loadlab.spec.shapes import TableShape

# Values of types whose width does not depend on the column.
_WIDTHS = {"boolean": 2, "uuid": 2**62}


@dataclass(frozen=True, slots=True)
class Widths:
    """Of one table, as the scenario shapes it; `dialect` is its schema's, `locale` that of its texts."""

    table: Table
    shape: TableShape
    dialect: str
    locale: str

    def of(self, facts: TableFacts, coverage: Mapping[str, Coverage]) -> Width:
        """The width of a column by its name, in the world where it is least."""

        def width(name: str) -> int:
            known = [self.of_facts(name, each) for each in facts.every(name) if each.null is not True]
            # What is NULL in every row sets no limit.
            found = min(known, default=_WIDTHS["uuid"])
            return min(found, coverage[name].count) if name in coverage else found

        return width

    def of_facts(self, name: str, facts: ColumnFacts) -> int:
        """The width of a column of which these facts hold."""
        shape = self.shape.columns.get(name)
        if shape is not None and shape.values is not None:
            return len(set(map(str, shape.values)))
        return self._by_type(self.table.column(name), facts)

    def _by_type(self, column: Column, facts: ColumnFacts) -> int:
        """How many values a column can tell apart."""
        values = listed(column, facts)
        if values is not None:
            return len(set(values))
        kind = column.type.kind
        if kind in _WIDTHS:
            return _WIDTHS[kind]
        if kind in ("integer", "numeric", "float"):
            return number_width(column, facts)
        if kind == "text":
            meaning = meaning_of(self.table, column)
            return text_width(self.table, column, facts, meaning, self.locale)
        if kind == "bytes" and facts.bytes_max is not None:
            return int(min(256 ** min(facts.bytes_max, 7), 2**60))
        if kind in ("date", "timestamp", "interval", "time"):
            return time_width(column, facts)
        found = distinct_generator(column.type, 0, self.dialect)
        return found[1] if found is not None else 0

    def worlds(self, table_key: int, facts: TableFacts, firsts: Mapping[str, First]) -> dict[str, Worlds]:
        """By column, the choice among the worlds of its component; `firsts` by the name of a partial index."""
        found: dict[str, Worlds] = {}
        for component in facts.components:
            weights = [self._weight(facts, world) for world in component.worlds]
            key = make_key(table_key, "world", *component.columns)
            worlds = Worlds.parted(key, weights, [part for _, part in component.parted], firsts)
            found |= dict.fromkeys(component.columns, worlds)
        return found

    def _weight(self, facts: TableFacts, world: Mapping[str, ColumnFacts]) -> float:
        """How likely a world is: by the weights of the values that it allows, or by who is NULL in it."""
        by_value, by_null, has_values = 1.0, 1.0, False
        for name, said in world.items():
            column = self.table.column(name)
            everything = listed(column, facts.of(name))
            mine = listed(column, said)
            shape = self.shape.columns.get(name)
            if shape is not None and shape.values is not None:
                everything = tuple(shape.values)
            if everything and mine and len(mine) < len(everything):
                weights = (
                    list(shape.weights)
                    if shape is not None and shape.weights
                    else [1 / (k + 1) for k in range(len(everything))]
                )
                total = sum(weight for value, weight in zip(everything, weights, strict=False) if value in mine)
                by_value *= max(total / sum(weights), 0.0)
                has_values = True
            if said.null is not None and column.nullable:
                by_null *= 0.4 if said.null else 0.6
        return max(by_value if has_values else by_null, 1e-6)


def choices_of(facts: TableFacts, worlds: Mapping[str, Worlds]) -> dict[str, Choice]:
    """By column, what each world of its component says of its value: for rows of which some cells are given."""
    found = {}
    for name, choice in worlds.items():
        said = facts.every(name)
        allowed = tuple(None if one.allowed is None else frozenset(map(str, one.allowed)) for one in said)
        excluded = tuple(frozenset(map(str, one.excluded)) for one in said)
        found[name] = Choice(choice, allowed, excluded, tuple(one.null for one in said))
    return found
