"""Generators of text: pools indexed by hash, codes from a bijection of the row, and pieces joined to recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data import pools
from loadlab.data.cells import Cells
from loadlab.data.frame import Frame
from loadlab.data.hashing import below, hash_rows, make_key, permute
from loadlab.data.quantiles import Categories

# Crockford's base 32: no I, L, O, U, so that a code can be read out.
_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", dtype=np.uint8)
_LOWER = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)
_BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8)
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


class Piece(Protocol):
    """Part of a text; shape (n,) of Arrow strings."""

    def text(self, frame: Frame) -> pa.Array: ...


@dataclass(frozen=True, slots=True)
class Literal:
    """The same text in every row."""

    value: str

    def text(self, frame: Frame) -> pa.Array:
        return pa.repeat(pa.scalar(self.value, type=pa.string()), len(frame))


@dataclass(frozen=True, slots=True)
class FromPool:
    """An entry of a pool, uniformly drawn; equal keys draw equal entries, so a name and its address agree."""

    key: int
    pool: str
    locale: str
    lower: bool = False

    def text(self, frame: Frame) -> pa.Array:
        picks = below(hash_rows(self.key, frame.rows), pools.pool_size(self.pool, self.locale))
        entries = pools.take(self.pool, self.locale, picks)
        return slug(entries) if self.lower else entries

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))


@dataclass(frozen=True, slots=True)
class Code:
    """`length` base-32 characters that no two rows share: a bijection of the row on 5 * length bits."""

    key: int
    length: int
    upper: bool = True

    def text(self, frame: Frame) -> pa.Array:
        digits = permute(frame.rows, 5 * self.length, self.key)
        return _characters(_digits(digits, self.length, 5), _ALPHABET if self.upper else _LOWER)

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))


@dataclass(frozen=True, slots=True)
class Digits:
    """`length` decimal digits of a hash: parts of phone numbers, house numbers, postcodes."""

    key: int
    low: int
    high: int

    def text(self, frame: Frame) -> pa.Array:
        return pa.array(below(hash_rows(self.key, frame.rows), self.high - self.low + 1) + self.low).cast(pa.string())


@dataclass(frozen=True, slots=True)
class Noise:
    """`length` characters of an alphabet from hashes: salts, tokens, digests."""

    key: int
    length: int
    base64: bool = True

    def text(self, frame: Frame) -> pa.Array:
        bits, alphabet = (6, _BASE64) if self.base64 else (4, _HEX)
        per_word = 64 // bits
        words = [
            _digits(hash_rows(make_key(self.key, k), frame.rows), min(per_word, self.length - k), bits)
            for k in range(0, self.length, per_word)
        ]
        return _characters(np.concatenate(words, axis=1), alphabet)


@dataclass(frozen=True, slots=True)
class RowText:
    """The row number (from 1), padded with zeros."""

    width: int = 0

    def text(self, frame: Frame) -> pa.Array:
        return pc.utf8_lpad(pa.array(frame.rows + 1).cast(pa.string()), self.width, "0")


@dataclass(frozen=True, slots=True)
class Joined:
    """Pieces one after the other, cut to `length` characters where the column is shorter."""

    pieces: tuple[Piece, ...]
    length: int | None = None

    def text(self, frame: Frame) -> pa.Array:
        parts = [piece.text(frame) for piece in self.pieces]
        text = pc.binary_join_element_wise(*parts, "") if len(parts) > 1 else parts[0]
        return text if self.length is None else pc.utf8_slice_codeunits(text, 0, self.length)

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """One to `most` sentences of the pool."""

    key: int
    locale: str
    most: int
    length: int | None = None

    def text(self, frame: Frame) -> pa.Array:
        count = below(hash_rows(make_key(self.key, "count"), frame.rows), self.most) + 1
        size = pools.pool_size("sentence", self.locale)
        parts = []
        for k in range(self.most):
            picks = below(hash_rows(make_key(self.key, k), frame.rows), size)
            sentence = pools.take("sentence", self.locale, picks)
            parts.append(sentence if k == 0 else pc.if_else(pa.array(count > k), sentence, None))
        text = pc.binary_join_element_wise(*parts, " ", null_handling="skip")
        return text if self.length is None else pc.utf8_slice_codeunits(text, 0, self.length)

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))


@dataclass(frozen=True, slots=True)
class ChosenTexts:
    """One of a list of texts, by weight."""

    key: int
    values: pa.Array
    categories: Categories

    def text(self, frame: Frame) -> pa.Array:
        return self.values.take(pa.array(self.categories.at(hash_rows(self.key, frame.rows))))

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))


@dataclass(frozen=True, slots=True)
class SlugOf:
    """Another text column of the row in URL form."""

    column: str
    length: int

    def text(self, frame: Frame) -> pa.Array:
        return pc.utf8_slice_codeunits(slug(frame.cells(self.column).values), 0, self.length)


def slug(texts: pa.Array) -> pa.Array:
    """ASCII lower case with dashes: `Café Größe` → `cafe-groe`."""
    plain = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKD"))
    plain = pc.replace_substring_regex(plain, pattern=r"[^a-z0-9\s_-]", replacement="")
    return pc.utf8_trim(pc.replace_substring_regex(plain, pattern=r"[\s_-]+", replacement="-"), characters="-")


def _digits(values: npt.NDArray[np.uint64], count: int, bits: int) -> npt.NDArray[np.uint8]:
    """The lowest `count` digits of `bits` bits each, most significant first; shape (n, count)."""
    shifts = np.arange(count - 1, -1, -1, dtype=np.uint64) * np.uint64(bits)
    return ((values[:, None] >> shifts) & np.uint64((1 << bits) - 1)).astype(np.uint8)


def _characters(digits: npt.NDArray[np.uint8], alphabet: npt.NDArray[np.uint8]) -> pa.Array:
    """Strings of equal length from digits; shape (n, length) → (n,)."""
    rows, length = digits.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(length)
    data = np.ascontiguousarray(alphabet[digits])
    return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
