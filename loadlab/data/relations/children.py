"""Which child rows belong to which rows of their parent: the other way round from `Relation.parent_rows`.

Where the parents of the rows 0, 1, 2, … never go back, the children of a parent are neighbours and are found by
bisection. Any other relation takes one pass over all child rows, whose order by parent is kept (4 bytes a row).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from loadlab.data.core.cells import Mask
from loadlab.data.core.hashing import Int64s
from loadlab.data.relations.relation import Relation

INDEXED_MAX = 32_000_000
"""Child rows that are put in order by their parent: 4 bytes each, 20 while it is done."""
_PIECE_ROWS = 1 << 18

ParentRows = Callable[[Int64s], tuple[Int64s, Mask | None]]
"""As `Relation.parent_rows`."""


class Children(Protocol):
    """The children of any rows of the parent table."""

    def of(self, parents: Int64s) -> tuple[Int64s, Int64s]:
        """How many children each of these parents has, and their rows, parent after parent, each one's oldest first.

        Shapes (n,) and (sum of the counts,).
        """
        ...


def is_in_order(relation: Relation) -> bool:
    """Whether the parents of the rows 0, 1, 2, … never go back."""
    moved = relation.ordered is not None or relation.differs_from is not None or relation.births is not None
    return relation.pattern in ("nested", "one_to_one") and not moved and not relation.self_reference


class NeighbouringChildren:
    """The children of a parent are a run of the child rows [start, rows)."""

    def __init__(self, parent_rows: ParentRows, rows: int, start: int = 0) -> None:
        self._parent_rows = parent_rows
        self._start, self._rows = start, rows

    def of(self, parents: Int64s) -> tuple[Int64s, Int64s]:
        """As `Children.of`."""
        if len(parents) > 1 and bool((np.diff(parents) == 1).all()):
            return self._of_neighbours(int(parents[0]), len(parents))
        starts, stops = self._first(parents), self._first(parents + 1)
        counts = stops - starts
        rows = _runs(starts, counts)
        if not len(rows):
            return counts, rows
        valid = self._parent_rows(rows)[1]
        return _kept(np.repeat(np.arange(len(parents)), counts), rows, valid, len(parents))

    def _of_neighbours(self, first: int, count: int) -> tuple[Int64s, Int64s]:
        """Of the parents first, first + 1, …, whose children are neighbours as well."""
        start, stop = self.between(first, first + count)
        rows = np.arange(start, stop, dtype=np.int64)
        if not len(rows):
            return np.zeros(count, dtype=np.int64), rows
        owners, valid = self._parent_rows(rows)
        return _kept(owners - first, rows, valid, count)

    def between(self, first: int, stop: int) -> tuple[int, int]:
        """The child rows [start, stop) that belong to the parents [first, stop), where each row has a parent."""
        start, end = self._first(np.array([first, stop], dtype=np.int64))
        return int(start), int(end)

    def _first(self, parents: Int64s) -> Int64s:
        """The first child row that belongs to each of these parents or to a later one; shape (n,)."""
        low, high = np.full_like(parents, self._start), np.full_like(parents, self._rows)
        for _ in range(self._rows.bit_length()):
            middle = (low + high) // 2
            is_open = low < high
            is_reached = self._parent_rows(np.minimum(middle, self._rows - 1))[0] >= parents
            low = np.where(is_open & ~is_reached, middle + 1, low)
            high = np.where(is_open & is_reached, middle, high)
        return low


class IndexedChildren:
    """The rows [start, rows) by their parent, put in order at the first use and kept."""

    def __init__(self, parent_rows: ParentRows, rows: int, parents: int, start: int = 0) -> None:
        self._parent_rows = parent_rows
        self._start, self._rows, self._parents = start, rows, parents
        self._lock = threading.Lock()
        self._found: tuple[Int64s, npt.NDArray[Any]] | None = None

    def of(self, parents: Int64s) -> tuple[Int64s, Int64s]:
        """As `Children.of`."""
        starts, rows = self._index()
        first = starts[np.minimum(parents, self._parents)]
        counts = starts[np.minimum(parents + 1, self._parents)] - first
        return counts, rows[_runs(first, counts)].astype(np.int64)

    def _index(self) -> tuple[Int64s, npt.NDArray[Any]]:
        with self._lock:
            if self._found is None:
                self._found = self._sorted()
            return self._found

    def _sorted(self) -> tuple[Int64s, npt.NDArray[Any]]:
        owners = np.empty(self._rows - self._start, dtype=np.int32)
        for first in range(self._start, self._rows, _PIECE_ROWS):
            rows = np.arange(first, min(first + _PIECE_ROWS, self._rows), dtype=np.int64)
            parents, valid = self._parent_rows(rows)
            owners[rows - self._start] = parents if valid is None else np.where(valid, parents, self._parents)
        counts = np.bincount(owners, minlength=self._parents + 1)[: self._parents]
        starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        # Rows without a parent come last, behind every start.
        return starts, (np.argsort(owners, kind="stable") + self._start).astype(np.int32)


@dataclass(frozen=True, slots=True)
class JoinedChildren:
    """The children that the first `parents` parents had, and those that came with a growth."""

    earlier: Children
    later: Children
    parents: int

    def of(self, parents: Int64s) -> tuple[Int64s, Int64s]:
        """As `Children.of`."""
        if not len(parents) or int(parents.min()) >= self.parents:
            return self.later.of(parents)
        (first, old), (second, new) = self.earlier.of(parents), self.later.of(parents)
        index = np.arange(len(parents))
        owners = np.concatenate([np.repeat(index, first), np.repeat(index, second)])
        return first + second, np.concatenate([old, new])[np.argsort(owners, kind="stable")]


def _kept(owners: Int64s, rows: Int64s, valid: Mask | None, parents: int) -> tuple[Int64s, Int64s]:
    """Counts by owner (0, 1, …) and rows, without those that have no parent."""
    if valid is not None:
        owners, rows = owners[valid], rows[valid]
    return np.bincount(owners, minlength=parents).astype(np.int64), rows


def _runs(starts: Int64s, counts: Int64s) -> Int64s:
    """start, start + 1, … of each run, one run after the other; shape (sum of the counts,)."""
    offsets = np.cumsum(counts) - counts
    found: Int64s = np.arange(int(counts.sum()), dtype=np.int64) + np.repeat(starts - offsets, counts)
    return found
