"""How a server executes a statement: its plan as a tree of plain values, the same for every engine.

What an engine does not tell is None or empty. Counts of a plan that was executed are over all loops of a node.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

NodeKind = Literal[
    "full scan", "index scan", "index only scan", "nested loop", "hash join", "merge join", "hash", "sort", "aggregate",
    "limit", "append", "write", "other",
]  # fmt: skip
SCANS = ("full scan", "index scan", "index only scan")
JOINS = ("nested loop", "hash join", "merge join")
ComparisonKind = Literal["equal", "range", "other"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column that a condition compares.

    `equal` and `range` are comparisons that an ordered index serves (`=`, `IN`, `<`, …) with a value known before the
    row is read; `other` is anything else. `other_side` is the (table, column) of a join, `parameter` the number of
    the statement's distinct parameter (from 0) that it is compared with, where the plan still shows it.
    """

    table: str
    column: str
    kind: ComparisonKind
    other_side: tuple[str, str] | None = None
    parameter: int | None = None


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column that rows are put in order by."""

    table: str
    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step of a plan, with the steps that feed it.

    `name` is the server's own word, `table` the key of the table that it reads or writes (a partition goes by its
    table), `indexes` the indexes it reads it through. `condition` is what an index or a join finds rows by, `filter`
    what rows are tried against after they were read; `compared_by_condition` and `compared_by_filter` are what can be
    understood of both, and are complete where `understood`. `rows_estimated` are for one loop, `rows`, `rows_removed`
    (read, and thrown away by the filter) and blocks over all `loops`; they are None where the plan was not executed.
    `rows_compared` are the rows that the `equal` and `range` comparisons alone keep, which is all that an ordered index
    could find: of a filter that is not `understood`, where the server was asked for them, over all `loops`.
    `may_end_early`: what stands above may stop it before its input ends, so that fewer rows say nothing.
    """

    kind: NodeKind
    name: str
    table: str = ""
    indexes: tuple[str, ...] = ()
    condition: str = ""
    filter: str = ""
    compared_by_condition: tuple[Comparison, ...] = ()
    compared_by_filter: tuple[Comparison, ...] = ()
    understood: bool = True
    is_partial: bool = False
    rows_estimated: float | None = None
    cost: float | None = None
    loops: int | None = None
    rows: int | None = None
    rows_removed: int | None = None
    rows_compared: int | None = None
    sort_keys: tuple[SortKey, ...] = ()
    sort_method: str = ""
    spilled_kib: int = 0
    hash_batches: int | None = None
    blocks_hit: int | None = None
    blocks_read: int | None = None
    may_end_early: bool = False
    children: tuple[PlanNode, ...] = ()

    def walk(self) -> Iterator[PlanNode]:
        """This node and everything below it, from the top."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def reads_all(self) -> bool:
        """Whether it reads its table from end to end: also through an index whose every entry is read."""
        if self.kind == "full scan":
            return True
        return self.kind in ("index scan", "index only scan") and not self.condition and not self.is_partial

    @property
    def rows_read(self) -> int | None:
        """Rows of the table that were looked at; None where the plan was not executed."""
        return None if self.rows is None else self.rows + (self.rows_removed or 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, and where it was executed how long that took on the server."""

    root: PlanNode
    execution_ms: float | None = None

    def nodes(self) -> Iterator[PlanNode]:
        return self.root.walk()

    def scans(self) -> Iterator[PlanNode]:
        """The nodes that read tables."""
        return (node for node in self.nodes() if node.kind in SCANS and node.table)

    @property
    def blocks(self) -> int | None:
        """Blocks asked for, in the cache or not; None where the plan was not executed."""
        if self.root.blocks_hit is None:
            return None
        return self.root.blocks_hit + (self.root.blocks_read or 0)


@dataclass(frozen=True, slots=True)
class NewIndex:
    """An index that is not there: columns of a table, in order, each ascending unless its number is in `descending`."""

    table: str
    columns: tuple[str, ...]
    descending: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """`orders_customer_id_created_at_idx`, within the 63 bytes that the strictest engine keeps of a name."""
        full = f"{self.table.rpartition('.')[2]}_{'_'.join(self.columns)}_idx"
        return full if len(full.encode()) <= _NAME_BYTES else f"{full.encode()[:50].decode(errors='ignore')}_idx"


_NAME_BYTES = 63


@dataclass(frozen=True, slots=True)
class IndexTrial:
    """What the planner makes of an index that is only imagined: its cost of one statement without and with it."""

    statement: str
    cost_before: float
    cost_after: float
    is_used: bool
