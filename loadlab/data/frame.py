"""Some rows of a table, whatever their order, and everything that follows from them: parents, moments, cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from loadlab.data.core.cells import Cells, Mask
from loadlab.data.core.clock import Clock
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key
from loadlab.data.core.worlds import Choice, Worlds
from loadlab.data.relations.relation import Relation
from loadlab.data.relations.timing import Timing
from loadlab.schema.model import LogicalType, Table

# A row that belongs to a parent (an item of an order) is written within five minutes of it.
_FOLLOWS_WITHIN_US = 5 * 60 * 1_000_000


class Generator(Protocol):
    """Makes the cells of one column: a pure function of the frame's rows."""

    def make(self, frame: Frame) -> Cells: ...


@dataclass(frozen=True, slots=True)
class TablePlan:
    """Everything that determines a table's content. `full_rows` is the row count at scale 1."""

    table: Table
    key: int
    rows: int
    full_rows: float
    reference: bool
    relations: tuple[Relation, ...]
    columns: Mapping[str, Generator]
    timing: Timing = field(default_factory=Timing)
    choices: Mapping[str, Choice] = field(default_factory=dict)
    """By column that takes part in a choice between worlds, what each world says of it."""

    def type_of(self, column: str) -> LogicalType:
        return self.table.column(column).type


class Frame:
    """Rows of one table with what was already computed for them. Not shared between threads."""

    def __init__(self, plan: TablePlan, rows: Int64s, plans: Mapping[str, TablePlan], clock: Clock) -> None:
        self.plan = plan
        self.rows = rows
        self._plans = plans
        self._clock = clock
        self._cells: dict[str, Cells] = {}
        self._parents: dict[str, tuple[Frame, Mask | None]] = {}
        self._moment: Int64s | None = None
        self._given: tuple[str, ...] = ()
        self._worlds: dict[int, Int64s] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, column: str) -> Cells:
        """The cells of a column of these rows."""
        if column not in self._cells:
            self._cells[column] = self.plan.columns[column].make(self)
        return self._cells[column]

    def parent(self, relation: Relation) -> tuple[Frame, Mask | None]:
        """The parents' rows as a frame of their table, and where there is a parent."""
        if relation.name not in self._parents:
            rows, valid = relation.parent_rows(self.rows)
            self._parents[relation.name] = (self._frame(relation.target, rows), valid)
        return self._parents[relation.name]

    def relation(self, name: str) -> Relation:
        """A relation of the table by its name. Raises StopIteration."""
        return next(relation for relation in self.plan.relations if relation.name == name)

    def of(self, table: str, rows: Int64s) -> Frame:
        """Rows of another table."""
        return self._frame(table, rows)

    def with_rows(self, rows: Int64s) -> Frame:
        """The same table, other rows."""
        return self._frame(self.plan.table.key, rows)

    def give(self, cells: Mapping[str, Cells], moments_us: Int64s, worlds: Mapping[int, Int64s]) -> None:
        """Have some cells, the moments, and (by the key of the choice) the worlds as they are given."""
        self._cells.update(cells)
        self._given = tuple(cells)
        self._moment = moments_us
        self._worlds.update(worlds)

    def world(self, worlds: Worlds) -> Int64s:
        """The world of each row, drawn by the row unless it is given."""
        given = self._worlds.get(worlds.key)
        return worlds.at(self.rows) if given is None else given

    def part(self, mask: Mask) -> Frame:
        """Some of these rows, with what is given of them."""
        frame = self.with_rows(self.rows[mask])
        if self._given:
            assert self._moment is not None
            cells = {name: self._cells[name].where(mask) for name in self._given}
            frame.give(cells, self._moment[mask], {key: world[mask] for key, world in self._worlds.items()})
        return frame

    def _frame(self, table: str, rows: Int64s) -> Frame:
        return Frame(self._plans[table], rows, self._plans, self._clock)

    def moment_us(self) -> Int64s:
        """When each row was written (µs since 1970): never before any of its parents."""
        if self._moment is None:
            self._moment = self._written()
        return self._moment

    def _written(self) -> Int64s:
        plan, owner = self.plan, self.plan.timing.owner
        if plan.reference:
            return self._clock.reference_us(self.rows, plan.rows)
        if owner is not None:
            pause = below(hash_rows(make_key(plan.key, "pause"), self.rows), _FOLLOWS_WITHIN_US)
            moment = self.parent(owner)[0].moment_us() + pause
        else:
            moment = self._clock.row_us(self.rows, plan.full_rows, plan.key)
        for relation in plan.timing.waits_for:
            frame, valid = self.parent(relation)
            theirs = frame.moment_us()
            moment = np.maximum(moment, theirs if valid is None else np.where(valid, theirs, moment))
        return moment
