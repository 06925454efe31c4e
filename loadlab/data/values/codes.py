"""Generators of texts with a fixed grammar: hardware addresses, networks, bits, places, queries; and vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, UInt64s, below, hash_rows, make_key, permute
from loadlab.data.core.joining import join_texts
from loadlab.data.frame import Frame, Generator
from loadlab.data.texts import pools
from loadlab.data.texts.texts import characters, digits_of, slug
from loadlab.data.values.composites import gathered, offsets_of

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_IEEE_LOCAL, _IEEE_GROUP = 0x02, 0x01  # of the first octet: administered locally; many receivers


def joined(*parts: pa.Array | str) -> pa.Array:
    """Texts one behind the other; at least one part is an array."""
    return join_texts(parts, next(len(part) for part in parts if not isinstance(part, str)))


def hexadecimal(values: UInt64s, length: int) -> pa.Array:
    """The lowest `length` hexadecimal digits, in lower case."""
    return characters(_HEX[digits_of(values, length, 4)])


@dataclass(frozen=True, slots=True)
class Numbers64:
    """Of each row `bits` bits: of a bijection where no two rows may agree, else of a hash."""

    key: int
    bits: int
    distinct: bool

    def of(self, rows: Int64s) -> UInt64s:
        if self.distinct:
            return permute(rows, self.bits, self.key)
        return hash_rows(self.key, rows) >> np.uint64(64 - self.bits)


@dataclass(frozen=True, slots=True)
class HardwareAddresses:
    """Addresses that say of themselves that they are administered locally: no maker has given them away."""

    numbers: Numbers64
    octets: int

    def make(self, frame: Frame) -> Cells:
        value = self.numbers.of(frame.rows)
        # Two bits of the first octet are fixed, all other bits are the number's.
        low_bits = np.uint64(8 * (self.octets - 1))
        first = ((value >> low_bits) << np.uint64(2)) & np.uint64(0xFC) | np.uint64(_IEEE_LOCAL)
        words = [first] + [value >> np.uint64(8 * k) for k in range(self.octets - 2, -1, -1)]
        text = np.full((len(frame), 3 * self.octets - 1), ord(":"), dtype=np.uint8)
        for k, word in enumerate(words):
            octet = (word & np.uint64(255)).astype(np.int64)
            text[:, 3 * k], text[:, 3 * k + 1] = _HEX[octet >> 4], _HEX[octet & 15]
        return Cells(characters(text))


@dataclass(frozen=True, slots=True)
class PrivateAddresses:
    """IPv4 addresses from 10.0.0.0 on, a bijection of the row; `network`: networks of 256 addresses."""

    key: int
    network: bool

    def make(self, frame: Frame) -> Cells:
        bits = 16 if self.network else 24
        low = permute(frame.rows & np.int64(2**bits - 1), bits, self.key)
        first = pa.array((frame.rows >> bits) + 10).cast(pa.string())
        octets = [((low >> np.uint64(shift)) & np.uint64(255)).astype(np.int64) for shift in range(bits - 8, -1, -8)]
        parts = [pa.array(octet).cast(pa.string()) for octet in octets]
        text = join_texts([first, *parts], len(frame), ".")
        return Cells(joined(text, ".0/24") if self.network else text)


@dataclass(frozen=True, slots=True)
class BitStrings:
    """Strings of `length` bits, the last ones from a number; `least` shorter ones too."""

    numbers: Numbers64
    length: int
    least: int

    def make(self, frame: Frame) -> Cells:
        known = digits_of(self.numbers.of(frame.rows), self.numbers.bits, 1) + np.uint8(48)
        repeats = -(-self.length // self.numbers.bits)
        text = characters(np.tile(known, (1, repeats))[:, repeats * self.numbers.bits - self.length :])
        if self.least == self.length:
            return Cells(text)
        lengths = below(hash_rows(make_key(self.numbers.key, "length"), frame.rows), self.length - self.least + 1)
        lengths += self.least
        digits = np.frombuffer(text.buffers()[2], np.uint8).reshape(len(frame), self.length)
        kept = np.ascontiguousarray(digits[np.arange(self.length) < lengths[:, None]])
        return Cells(
            pa.Array.from_buffers(pa.string(), len(frame), [None, offsets_of(lengths).buffers()[1], pa.py_buffer(kept)])
        )


@dataclass(frozen=True, slots=True)
class Locators:
    """Places in a server's own storage: in its log (`1/8A0B1C2D`), in a table (`(block,item)`), in time."""

    numbers: Numbers64
    form: str

    def make(self, frame: Frame) -> Cells:
        value = self.numbers.of(frame.rows)
        if self.form == "log":
            high = (value >> np.uint64(28)) + np.uint64(1)
            return Cells(joined(_upper_hex(high), "/8", pc.utf8_upper(hexadecimal(value, 7))))
        number = value.astype(np.int64)
        if self.form == "row":
            block, item = pa.array(number >> 6).cast(pa.string()), pa.array((number & 63) + 1).cast(pa.string())
            return Cells(joined("(", block, ",", item, ")"))
        oldest, middle, newest = (pa.array(number + plus).cast(pa.string()) for plus in (3, 4, 6))
        return Cells(joined(oldest, ":", newest, ":", middle))


def _upper_hex(values: UInt64s) -> pa.Array:
    """Hexadecimal without leading zeros."""
    return pc.utf8_upper(pc.utf8_ltrim(hexadecimal(values, 8), characters="0"))


@cache
def search_words(locale: str) -> pa.Array:
    """The distinct words of the locale's pool in ASCII lower case, sorted."""
    found = slug(pools.take("word", locale, np.arange(pools.pool_size("word", locale))))
    plain = sorted({word for word in found.to_pylist() if word.isalpha()})
    return pa.array(plain or ["word"], pa.string())


@dataclass(frozen=True, slots=True)
class SearchDocuments:
    """Documents of full-text search: two to nine distinct words in no order."""

    key: int
    locale: str

    @property
    def pools(self) -> tuple[str, ...]:
        return ("word",)

    def make(self, frame: Frame) -> Cells:
        words = search_words(self.locale)
        first = below(hash_rows(make_key(self.key, "first"), frame.rows), len(words))
        # Steps below a ninth of the vocabulary do not come back to a word.
        step = below(hash_rows(make_key(self.key, "step"), frame.rows), max(1, len(words) // 9)) + 1
        most = min(9, len(words))
        lengths = below(hash_rows(make_key(self.key, "length"), frame.rows), most - 1) + 2 if most > 1 else step * 0 + 1
        parts = [words.take(pa.array((first + k * step) % len(words))) for k in range(most)]
        return Cells(pa.ListArray.from_arrays(offsets_of(lengths), gathered(parts, lengths)))


@dataclass(frozen=True, slots=True)
class SearchQueries:
    """Queries for one word, for two words, for either of two words."""

    key: int
    locale: str

    @property
    def pools(self) -> tuple[str, ...]:
        return ("word",)

    def make(self, frame: Frame) -> Cells:
        words = search_words(self.locale)
        first, second = (
            words.take(pa.array(below(hash_rows(make_key(self.key, k), frame.rows), len(words)))) for k in (0, 1)
        )
        kind = below(hash_rows(make_key(self.key, "kind"), frame.rows), 3)
        sign = pa.array([" & ", " | ", ""], pa.string()).take(pa.array(kind))
        two = joined("'", first, "'", sign, "'", second, "'")
        return Cells(pc.if_else(pa.array(kind == 2), joined("'", first, "'"), two))


@dataclass(frozen=True, slots=True)
class WordsIn:
    """A word of the pool between two fixed texts."""

    key: int
    locale: str
    before: str
    after: str

    @property
    def pools(self) -> tuple[str, ...]:
        return ("word",)

    def make(self, frame: Frame) -> Cells:
        words = search_words(self.locale)
        picks = below(hash_rows(self.key, frame.rows), len(words))
        return Cells(joined(self.before, words.take(pa.array(picks)), self.after))


@dataclass(frozen=True, slots=True)
class CodesIn:
    """A code that no two rows share between two fixed texts: `length` hexadecimal digits."""

    key: int
    length: int
    before: str = ""
    after: str = ""

    def make(self, frame: Frame) -> Cells:
        return Cells(
            joined(self.before, hexadecimal(permute(frame.rows, 4 * self.length, self.key), self.length), self.after)
        )


@dataclass(frozen=True, slots=True)
class Letters:
    """Texts of so few characters that a word would not fit: one of `labels`, by a bijection or a hash."""

    key: int
    labels: pa.Array
    distinct: bool

    def make(self, frame: Frame) -> Cells:
        count = len(self.labels)
        picks = (
            (frame.rows + self.key % count) % count if self.distinct else below(hash_rows(self.key, frame.rows), count)
        )
        return Cells(self.labels.take(pa.array(picks)))


@dataclass(frozen=True, slots=True)
class SparseVectors:
    """Sparse vectors with one to eight numbers; `first`, a number of its own for every row, goes before them."""

    key: int
    dimensions: int
    first: Generator | None = None

    def make(self, frame: Frame) -> Cells:
        most = min(8, self.dimensions)
        lengths = below(hash_rows(make_key(self.key, "length"), frame.rows), most) + 1
        room = self.dimensions // most
        spots, numbers = [], []
        for k in range(most):
            place = below(hash_rows(make_key(self.key, "place", k), frame.rows), room) + k * room
            spots.append(pa.array(place if k or self.first is None else place * 0, pa.int32()))
            number = (below(hash_rows(make_key(self.key, k), frame.rows), 1000) + 1) / 1024.0
            if k == 0 and self.first is not None:
                number = self.first.make(frame).values + 1.0
            numbers.append(pa.array(number, pa.float32()))
        starts = offsets_of(lengths)
        children = [
            pa.array(np.full(len(frame), self.dimensions, dtype=np.int32)),
            pa.ListArray.from_arrays(starts, gathered(spots, lengths)),
            pa.ListArray.from_arrays(starts, gathered(numbers, lengths)),
        ]
        return Cells(pa.StructArray.from_arrays(children, ["dimensions", "indices", "values"]))


@dataclass(frozen=True, slots=True)
class DenseVectors:
    """Vectors of length 1 in a few clusters; `first`, a number of its own for every row, replaces the first one.

    Directions are whole numbers, so the sum of their squares is exact, and with it every bit of the result.
    """

    key: int
    dimensions: int
    form: str
    first: Generator | None = None
    clusters: int = 32

    def make(self, frame: Frame) -> Cells:
        cluster = below(hash_rows(make_key(self.key, "cluster"), frame.rows), self.clusters)
        middle = np.stack(
            [_noise(make_key(self.key, "middle", k), np.arange(self.clusters)) for k in self._axes], axis=1
        )
        noise = np.stack([_noise(make_key(self.key, "noise", k), frame.rows) for k in self._axes], axis=1)
        direction = 4 * middle[cluster] + noise
        direction[:, 0] += ~direction.any(axis=1)
        numbers = direction / np.sqrt((direction * direction).sum(axis=1))[:, None].astype(np.float64)
        if self.first is not None:
            numbers[:, 0] = self.first.make(frame).values
        flat = numbers.ravel()
        if self.form == "half":
            flat = flat.astype(np.float16)
        stored = pa.float64() if self.form == "cube" else pa.float32()
        return Cells(
            pa.FixedSizeListArray.from_arrays(
                pa.array(flat.astype(np.float64), pa.float64()).cast(stored, safe=False), self.dimensions
            )
        )

    @property
    def _axes(self) -> range:
        return range(self.dimensions)


def _noise(key: int, rows: Int64s) -> Int64s:
    return below(hash_rows(key, rows), 2001) - 1000
