"""Whole numbers below a bound: all of them in no visible order, or drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import below, hash_rows
from loadlab.data.core.permutation import permute_below
from loadlab.data.frame import Frame


@dataclass(frozen=True, slots=True)
class Blocks:
    """A bijection of the rows onto the natural numbers that mixes blocks of `size`: few rows stay small numbers."""

    key: int
    size: int

    def make(self, frame: Frame) -> Cells:
        place = frame.rows % self.size
        return Cells(permute_below(place, self.size, self.key) + (frame.rows - place))


@dataclass(frozen=True, slots=True)
class Drawn:
    """`count` whole numbers from `low` on, uniform."""

    key: int
    low: int
    count: int

    def make(self, frame: Frame) -> Cells:
        bits = hash_rows(self.key, frame.rows)
        picks = below(bits, self.count) if self.count < 2**32 else (bits % np.uint64(self.count)).astype(np.int64)
        return Cells(picks + np.int64(self.low))
