"""Generators of keys: UUIDs, foreign keys, and NULLs on top of any other generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import UInt64s, hash_rows, make_key, permute, unit_interval
from loadlab.data.frame import Frame, Generator

_ROW_BITS = 48


@dataclass(frozen=True, slots=True)
class UuidV4:
    """Random UUIDs (RFC 9562, version 4). 48 of the random bits are a bijection of the row, so no two rows agree."""

    key: int

    def make(self, frame: Frame) -> Cells:
        first = permute(frame.rows, _ROW_BITS, self.key)
        noise = hash_rows(make_key(self.key, "noise"), frame.rows)
        high = (first << np.uint64(16)) | np.uint64(0x4000) | (noise & np.uint64(0x0FFF))
        return Cells(_uuid_bytes(high, hash_rows(make_key(self.key, "low"), frame.rows)))


@dataclass(frozen=True, slots=True)
class UuidV7:
    """Time-ordered UUIDs (RFC 9562, version 7): the row's millisecond, its fraction in 12 bits, then random bits.

    The fraction is the RFC's method 3. 48 of the random bits are a bijection of the row, so no two rows agree.
    """

    key: int

    def make(self, frame: Frame) -> Cells:
        moment = frame.moment_us()
        milliseconds, rest = (moment // 1000).astype(np.uint64), (moment % 1000).astype(np.uint64)
        fraction = (rest * np.uint64(4096)) // np.uint64(1000)
        high = (milliseconds << np.uint64(16)) | np.uint64(0x7000) | fraction
        noise = hash_rows(make_key(self.key, "noise"), frame.rows) & np.uint64(0x3FFF)
        low = (permute(frame.rows, _ROW_BITS, self.key) << np.uint64(14)) | noise
        return Cells(_uuid_bytes(high, low))


def _uuid_bytes(high: UInt64s, low: UInt64s) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Big-endian bytes, shape (n, 16), with the variant's two bits set. The top two bits of `low` are overwritten."""
    words = np.empty((len(high), 2), dtype=">u8")
    words[:, 0] = high
    words[:, 1] = (low & np.uint64(0x3FFF_FFFF_FFFF_FFFF)) | np.uint64(0x8000_0000_0000_0000)
    return words.view(np.uint8)


@dataclass(frozen=True, slots=True)
class FromParent:
    """A column of a foreign key: what the parent row has in the column it references, recomputed."""

    relation: str
    target_column: str
    nullable: bool = True
    """False: the column of a composite key that holds its value even where another column of the key is NULL."""
    power: int = 0
    """What brings the parent's cells to this column's: of ten, above 0 where this column counts smaller parts."""

    def make(self, frame: Frame) -> Cells:
        relation = frame.relation(self.relation)
        if relation.parents == 0:
            return Cells(pa.nulls(len(frame)))
        parents, valid = frame.parent(relation)
        if not parents.plan.rows:
            # In a cycle a parent may turn out to have none: everything is planned anew then.
            return Cells(pa.nulls(len(frame)))
        cells = parents.cells(self.target_column)
        if self.power and isinstance(cells.values, np.ndarray):
            size = np.int64(10 ** abs(self.power))
            cells = Cells(cells.values * size if self.power > 0 else cells.values // size, cells.valid)
        return cells if valid is None or not self.nullable else cells.with_nulls(valid)


@dataclass(frozen=True, slots=True)
class WithNulls:
    """Another generator's cells, NULL in a share of the rows."""

    inner: Generator
    key: int
    share: float

    def make(self, frame: Frame) -> Cells:
        valid = unit_interval(hash_rows(self.key, frame.rows)) >= self.share
        return self.inner.make(frame).with_nulls(valid)
