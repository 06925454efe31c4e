"""Texts that no two rows share: every entry of a pool once, hexadecimal and decimal codes, UUIDs, each a bijection."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import hash_rows, make_key, permute
from loadlab.data.core.joining import constant, join_texts
from loadlab.data.core.permutation import permute_below
from loadlab.data.frame import Frame
from loadlab.data.texts import pools
from loadlab.data.texts.texts import CODE_LETTERS, HEX, characters, digits_of


@dataclass(frozen=True, slots=True)
class EachOnce:
    """Every entry of a pool once, in a shuffled order, then again with a number behind it; all differ in lower case.

    Where a number has no room (a code of two letters), codes of so many letters that are no entries follow.
    """

    key: int
    pool: str
    locale: str
    room: int

    @property
    def pools(self) -> tuple[str, ...]:
        return (self.pool,)

    @property
    def capacity(self) -> int:
        """How many rows differ."""
        if self.room <= 3:
            return len(_entries_and_codes(self.pool, self.locale, self.room))
        size = len(self._entries())
        return size * (10 ** min(self.room - self._longest() - 1, 12) - 1) if size else 0

    def text(self, frame: Frame) -> pa.Array:
        if self.room <= 3:
            entries = _entries_and_codes(self.pool, self.locale, self.room)
            first = len(pools.different(self.pool, self.locale, self.room))
            rows = frame.rows % len(entries)
            known = permute_below(rows, max(first, 1), self.key)
            return entries.take(pa.array(np.where(rows < first, known, rows)))
        entries = self._entries()
        picks = permute_below(frame.rows % len(entries), len(entries), self.key)
        cycle = frame.rows // len(entries)
        texts = entries.take(pa.array(picks))
        if not cycle.any():
            return texts
        numbers = join_texts([" ", pa.array(cycle + 1).cast(pa.string())], len(frame))
        return join_texts([texts, pc.if_else(pa.array(cycle > 0), numbers, constant(""))], len(frame))

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    def _entries(self) -> pa.Array:
        """Entries that leave room for a number of eight digits, or of as many as there is room for."""
        room = max(self.room - 9, min(self.room - 4, 12))
        return pools.different(self.pool, self.locale, room)

    def _longest(self) -> int:
        return max((len(entry) for entry in self._entries().to_pylist()), default=0)

    @property
    def shortest(self) -> int:
        return 1

    @property
    def longest(self) -> int:
        return self.room


@dataclass(frozen=True, slots=True)
class HexCode:
    """`length` hexadecimal digits that no two rows share: the first 15 by a bijection, the others by hash."""

    key: int
    length: int

    def text(self, frame: Frame) -> pa.Array:
        counted = min(self.length, 15)
        parts = [HEX[digits_of(permute(frame.rows, 4 * counted, self.key), counted, 4)]]
        for k in range(counted, self.length, 16):
            bits = hash_rows(make_key(self.key, "hex", k), frame.rows)
            parts.append(HEX[digits_of(bits, min(16, self.length - k), 4)])
        return characters(np.concatenate(parts, axis=1))

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def capacity(self) -> int:
        return 1 << (4 * min(self.length, 15))

    @property
    def shortest(self) -> int:
        return self.length

    @property
    def longest(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class UuidTexts:
    """UUIDs of version 4 as texts; the first 60 random bits are a bijection of the row."""

    key: int

    def text(self, frame: Frame) -> pa.Array:
        high = permute(frame.rows, 60, self.key)
        low = hash_rows(make_key(self.key, "low"), frame.rows)
        digits = np.empty((len(frame), 36), dtype=np.uint8)
        digits[:, [8, 13, 18, 23]] = ord("-")
        first, rest = HEX[digits_of(high, 15, 4)], HEX[digits_of(low, 15, 4)]
        digits[:, 0:8], digits[:, 9:13], digits[:, 15:18] = first[:, :8], first[:, 8:12], first[:, 12:15]
        digits[:, 14] = ord("4")
        digits[:, 19] = np.frombuffer(b"89ab", dtype=np.uint8)[(low >> np.uint64(62)).astype(np.int64)]
        digits[:, 20:23], digits[:, 24:36] = rest[:, :3], rest[:, 3:15]
        return characters(digits)

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def capacity(self) -> int:
        return 1 << 60

    @property
    def shortest(self) -> int:
        return 36

    @property
    def longest(self) -> int:
        return 36


@dataclass(frozen=True, slots=True)
class DistinctDigits:
    """`length` decimal digits that no two rows share; the first is not 0."""

    key: int
    length: int

    def text(self, frame: Frame) -> pa.Array:
        return pa.array(permute_below(frame.rows, self.capacity, self.key) + 10 ** (self.length - 1)).cast(pa.string())

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def capacity(self) -> int:
        return int(9 * 10 ** (self.length - 1))

    @property
    def shortest(self) -> int:
        return self.length

    @property
    def longest(self) -> int:
        return self.length


@cache
def _entries_and_codes(pool: str, locale: str, room: int) -> pa.Array:
    """The pool's entries of at most `room` characters, then every code of `room` characters that is none of them."""
    entries = pools.different(pool, locale, room).to_pylist()
    taken = {entry.lower() for entry in entries}
    size = 32**room
    codes = characters(CODE_LETTERS[digits_of(permute(np.arange(size), 5 * room, make_key(pool, room)), room, 5)])
    return pa.array(entries + [code for code in codes.to_pylist() if code.lower() not in taken], pa.string())
