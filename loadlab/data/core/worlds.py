"""CHECKs that leave a choice: each row lives in one of a few worlds, in each of which every column has plain facts.

`(status = 'done') = (done_at IS NOT NULL)` holds in two worlds: done with a time, and not done without one. A row
draws its world by hash; its columns are then made true to the facts of that world. Conditions that share columns are
combined, so that a world satisfies all of them; worlds that contradict themselves fall away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from loadlab.data.core.cells import Mask
from loadlab.data.core.hashing import Int64s, hash_rows, make_key, unit_interval
from loadlab.data.core.quantiles import Categories


class First(Protocol):
    """Tells of each row whether it is the first of its group."""

    def is_first(self, rows: Int64s) -> Mask: ...


@dataclass(frozen=True, slots=True)
class FirstOfTable:
    """The table's first row alone."""

    def is_first(self, rows: Int64s) -> Mask:
        found: Mask = rows == 0
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Worlds:
    """The choice of a world by row: `weights` has one item for each world."""

    key: int
    weights: tuple[float, ...]
    categories: Categories
    firsts: tuple[First, ...] = ()
    allowed: tuple[tuple[Int64s, Categories], ...] = ()
    """By which of `firsts` a row is (bit by bit), the worlds that it may live in, and how likely each is."""

    @classmethod
    def of(cls, key: int, weights: Sequence[float]) -> Worlds:
        return cls(key, tuple(weights), Categories.of(weights))

    @classmethod
    def parted(
        cls, key: int, weights: Sequence[float], parts: Sequence[frozenset[str]], firsts: Mapping[str, First]
    ) -> Worlds:
        """Where worlds are of parts in which only first rows may be: those are in as many of them as they can.

        `parts` has the names of each world's. At least one world is of none.
        """
        names = sorted({name for part in parts for name in part})
        if not names:
            return cls.of(key, weights)
        allowed = []
        for code in range(2 ** len(names)):
            may = {name for bit, name in enumerate(names) if code >> bit & 1}
            most = max(len(part) for part in parts if part <= may)
            worlds = [number for number, part in enumerate(parts) if part <= may and len(part) == most]
            allowed.append((np.array(worlds, dtype=np.int64), Categories.of([weights[number] for number in worlds])))
        return cls(key, tuple(weights), Categories.of(weights), tuple(firsts[name] for name in names), tuple(allowed))

    def at(self, rows: Int64s) -> Int64s:
        """The world of each row."""
        if len(self.weights) == 1:
            return np.zeros(len(rows), dtype=np.int64)
        bits = hash_rows(self.key, rows)
        if not self.firsts:
            return self.categories.at(bits)
        code = np.zeros(len(rows), dtype=np.int64)
        for bit, first in enumerate(self.firsts):
            code |= first.is_first(rows).astype(np.int64) << bit
        found = np.zeros(len(rows), dtype=np.int64)
        for number, (worlds, categories) in enumerate(self.allowed):
            mine = code == number
            if mine.any():
                found[mine] = worlds[categories.at(bits[mine])]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What the worlds of a row say of one column: by world the values that it may hold (None: any), those that it may
    not, and whether it is NULL (None: as it pleases)."""

    worlds: Worlds
    allowed: tuple[frozenset[str] | None, ...]
    excluded: tuple[frozenset[str], ...]
    null: tuple[bool | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """Where a value is not NULL: by world, the share of the rows that are NULL."""

    key: int
    shares: tuple[float, ...]
    worlds: Worlds | None = None

    def valid(self, rows: Int64s, world: Int64s | None = None) -> Mask:
        """Where the rows have a value; `world` is the world of each where it is not drawn by the row."""
        share = np.array(self.shares)
        if self.worlds is not None:
            level = share[self.worlds.at(rows) if world is None else world]
        else:
            level = share[0]
        return unit_interval(hash_rows(make_key(self.key, "null"), rows)) >= level

    def is_certain(self, rows: Int64s) -> Mask:
        """Where the world of a row allows no NULL."""
        if self.worlds is None:
            return np.zeros(len(rows), dtype=np.bool_)
        certain: Mask = np.array([share == 0.0 for share in self.shares], dtype=np.bool_)[self.worlds.at(rows)]
        return certain
