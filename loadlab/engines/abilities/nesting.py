"""Rows of one table in those of another: what an engine that can hold them is told of schema, data and load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from loadlab.engines.protocol import Chunk
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import Documents, Placement
from loadlab.spec.documents import DocumentWish

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class RelationFacts:
    """One foreign key as the dataset has it; `name` are its columns, joined by ",". Rows are those at full volume.

    `longest` is the most children that a parent has, None where nothing bounds them. `row_bytes` is what a child's
    values take. `is_required`: every row has a parent; `is_single`: a parent has one child at most; `is_part`: rows
    come with their parent and belong to it. `obstacle` says why the children of a parent cannot be listed, "" where
    they can.
    """

    table: str
    host: str
    name: str
    rows: float
    host_rows: float
    longest: int | None
    row_bytes: float
    is_required: bool
    is_single: bool
    is_part: bool
    obstacle: str = ""

    @property
    def mean(self) -> float:
        """Children of a parent."""
        return self.rows / self.host_rows if self.host_rows else 0.0


@dataclass(frozen=True, slots=True)
class Access:
    """What one statement of the load does, so often (`weight`) in proportion to the others.

    `equal` are the columns (table, column) that it compares with a value. `newest`: by table, how many of its newest
    rows it reads at most.
    """

    operation: str
    weight: float
    reads: frozenset[str] = frozenset()
    inserts: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    equal: frozenset[tuple[str, str]] = frozenset()
    newest: Mapping[str, int] = field(default_factory=dict)

    @property
    def tables(self) -> frozenset[str]:
        """All that it touches."""
        return self.reads | self.inserts | self.changes


@runtime_checkable
class CanNest(Protocol):
    """A row can hold rows of other tables: the engine plans which do."""

    def plan_documents(
        self,
        schema: Schema,
        relations: Sequence[RelationFacts],
        accesses: Sequence[Access],
        wishes: Mapping[str, DocumentWish],
        place: str,
    ) -> Documents:
        """A placement for every table, with the reason; `wishes`, which stand at `place`, come before the rules.

        Raises InputError for a wish that cannot be met.
        """
        ...


@runtime_checkable
class CanAddToRows(Protocol):
    """Rows that stand in others can be added to such as are there."""

    def add_to_rows(
        self, host: Table, placement: Placement, identity: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> None:
        """Each row of the batches is one of `host`: the columns that find it (`schema.nesting.address_of`), then the
        placement's field (of a hybrid also the counter), which are its only columns.

        What the field holds is appended to a list; `identity` are the columns that tell its rows from each other, and
        one that is there already is not added again. A single row is put where there is none; the list and the counter
        of a hybrid take the place of those that are there. Raises ConstraintError for a row of `host` that is gone.
        """
        ...

    def note_chunk(self, chunk: Chunk) -> None:
        """Enter in the ledger that all that a chunk adds is in."""
        ...
