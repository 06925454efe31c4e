"""Everything about a table that the choice for one of its columns needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.links import Link, Links
from loadlab.data.constraints.partitions import Coverage
from loadlab.data.constraints.uniqueness import Solution
from loadlab.data.core.cells import scale_of
from loadlab.data.core.clock import Clock
from loadlab.data.core.hashing import make_key
from loadlab.data.core.worlds import Worlds
from loadlab.data.frame import Frame, TablePlan
from loadlab.data.relations.relation import Relation
from loadlab.data.relations.slots import Slots
from loadlab.schema.meaning import meaning_of
from loadlab.schema.model import Column, Schema, Table
from loadlab.spec.shapes import ColumnShape


@dataclass(frozen=True, slots=True)
class TableContext:
    """The table, what is asked of it, and what was found out about its keys, relations and conditions."""

    schema: Schema
    table: Table
    dialect: str
    key: int
    rows: int
    full_rows: float
    locale: str
    clock: Clock
    facts: TableFacts
    worlds: Mapping[str, Worlds]
    relations: tuple[Relation, ...]
    plans: Mapping[str, TablePlan]
    """The tables that are planned so far."""
    links: Links
    solution: Solution
    slots: Mapping[str, tuple[Slots, int]]
    """By column: the unranking that fills it, and its position there."""
    coverage: Mapping[str, Coverage]
    never_null: frozenset[str]
    shapes: Mapping[str, ColumnShape]
    place: str
    """Where the user writes about this table: `scenario.yaml: data.tables.orders`."""
    sample: Callable[[int], Frame]
    """The first rows of the table, with the columns that were chosen so far."""
    world: Mapping[str, ColumnFacts] | None = None
    """The facts of the world that is being chosen for; None: the plain ones."""

    def key_of(self, column: str, purpose: str = "value") -> int:
        return make_key(self.key, column, purpose)

    def of(self, column: str) -> ColumnFacts:
        """What holds of a column, in the world that is being chosen for."""
        if self.world is not None and column in self.world:
            return self.world[column]
        return self.facts.of(column)

    def in_world(self, world: Mapping[str, ColumnFacts]) -> TableContext:
        return replace(self, world=world)

    def power_of(self, link: Link, column: Column) -> int:
        """The power of ten between the cells of a foreign key's column and those of the column that it references."""
        target = self.table if link.target == self.table.key else self.schema.table(link.target)
        theirs = target.column(link.target_of(column.name))
        return scale_of(column.type) - scale_of(theirs.type)

    def shape_of(self, column: str) -> ColumnShape:
        return self.shapes.get(column, ColumnShape())

    def place_of(self, column: str) -> str:
        return f"{self.place}.columns.{column}"

    def is_unique(self, column: str) -> bool:
        return column in self.solution.unique

    @property
    def lead(self) -> Relation | None:
        """The relation whose children are numbered."""
        return next((r for r in self.relations if r.name == self.solution.lead), None) or next(
            (r for r in self.relations if r.pattern == "nested"), None
        )

    def meaning(self, column: Column) -> str:
        return self.shape_of(column.name).meaning or meaning_of(self.table, column)

    def is_fixed(self, name: str) -> bool:
        """Whether a column's value comes from elsewhere, so that only the other side of a comparison can follow."""
        return (
            self.links.of_column(name) is not None
            or name in self.slots
            or name in self.coverage
            or name in self.solution.unique
            or name in self.solution.ordinals
            or name in self.solution.periods
            or self.table.column(name).generated is not None
            or self.of(name).derived is not None
        )

    def firmness(self, name: str) -> int:
        """Of two columns that are compared the less firm one follows the other."""
        column = self.table.column(name)
        is_created = column.type.kind in ("timestamp", "date") and meaning_of(self.table, column) == "created"
        if self.is_unique(name):
            return 3
        return 2 if self.is_fixed(name) else int(is_created or name in self.table.primary_key)

    def comes_before(self, other: str, name: str) -> bool:
        """Whether a comparison between the two is for `name` to follow: firmer columns first, then in table order, the
        time of the last change last."""
        names = self.table.column_names
        if other not in names or self.table.column(other).generated is not None:
            return False
        if self._leads_to(other, name) or self._leads_to(name, other):
            # A key cannot follow the key of another row: that one would follow a third row's.
            return self._leads_to(name, other)
        return self._place(other) < self._place(name)

    def _leads_to(self, column: str, key: str) -> bool:
        """Whether the column is a self reference's and takes its values from the other one of another row."""
        link = self.links.of_column(column)
        return link is not None and link.target == self.table.key and key in link.target_columns

    def _place(self, name: str) -> tuple[int, bool, int]:
        column = self.table.column(name)
        is_last = column.type.kind in ("timestamp", "date") and meaning_of(self.table, column) == "updated"
        return -self.firmness(name), is_last, self.table.column_names.index(name)
