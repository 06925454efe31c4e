"""Generators of text: pools indexed by hash, codes from a bijection of the row, and pieces joined to recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import below, hash_rows, make_key, permute
from loadlab.data.core.joining import NULL, constant, join_texts
from loadlab.data.core.quantiles import Categories
from loadlab.data.frame import Frame
from loadlab.data.texts import pools
from loadlab.data.texts.pools import MARKERS

# Crockford's base 32: no I, L, O, U, so that a code can be read out.
CODE_LETTERS = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", dtype=np.uint8)
_LOWER = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
# Twelve base-32 digits are 60 bits, all that a bijection of int64 rows can use.
CODE_MAX = 12

# The share of long texts that hold a marker word; a search for the word has that selectivity. A text holds at most one.
TERM_SHARES: dict[str, float] = dict(
    zip(MARKERS, (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001, 0.00005, 0.00001), strict=True)
)
# Texts with room for so many characters are long.
LONG_TEXT = 200


class Piece(Protocol):
    """Part of a text; shape (n,) of Arrow strings of `shortest` to `longest` characters."""

    def text(self, frame: Frame) -> pa.Array: ...

    @property
    def shortest(self) -> int: ...

    @property
    def longest(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Literal:
    """The same text in every row."""

    value: str

    def text(self, frame: Frame) -> pa.Array:
        return pa.repeat(constant(self.value), len(frame))

    @property
    def shortest(self) -> int:
        return len(self.value)

    @property
    def longest(self) -> int:
        return len(self.value)


@dataclass(frozen=True, slots=True)
class FromPool:
    """An entry of a pool, uniformly drawn; equal keys draw equal entries of parallel pools, so that columns agree.

    Entries longer than `room` give their place to others that fit.
    """

    key: int
    pool: str
    locale: str
    room: int | None = None

    @property
    def pools(self) -> tuple[str, ...]:
        return (self.pool,)

    def text(self, frame: Frame) -> pa.Array:
        entries = pools.pool(self.pool, self.locale)
        if self.room is not None and self.room < pools.longest(self.pool, self.locale):
            entries = pools.fitting(self.pool, self.locale, self.room)
        return entries.take(pa.array(below(hash_rows(self.key, frame.rows), len(entries))))

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def shortest(self) -> int:
        return min(pools.shortest(self.pool, self.locale), self.longest)

    @property
    def longest(self) -> int:
        longest = pools.longest(self.pool, self.locale)
        return longest if self.room is None else min(longest, max(self.room, 1))


@dataclass(frozen=True, slots=True)
class Code:
    """`length` base-32 characters that no two rows share: a bijection of the row on 5 * length bits."""

    key: int
    length: int
    upper: bool = True

    def text(self, frame: Frame) -> pa.Array:
        digits = permute(frame.rows, 5 * self.length, self.key)
        return characters((CODE_LETTERS if self.upper else _LOWER)[digits_of(digits, self.length, 5)])

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def capacity(self) -> int:
        return 1 << (5 * self.length)

    @property
    def shortest(self) -> int:
        return self.length

    @property
    def longest(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class Digits:
    """A whole number in [low, high] of a hash: house numbers, years, parts of dates."""

    key: int
    low: int
    high: int
    width: int = 0

    def text(self, frame: Frame) -> pa.Array:
        numbers = pa.array(below(hash_rows(self.key, frame.rows), self.high - self.low + 1) + self.low)
        texts = numbers.cast(pa.string())
        return pc.utf8_lpad(texts, self.width, "0") if self.width > len(str(self.low)) else texts

    @property
    def shortest(self) -> int:
        return max(len(str(self.low)), self.width)

    @property
    def longest(self) -> int:
        return max(len(str(self.high)), self.width)


@dataclass(frozen=True, slots=True)
class Noise:
    """`length` characters of an alphabet from hashes: salts, tokens, digests; `marks` are base 64's last two."""

    key: int
    length: int
    base64: bool = True
    marks: str = "+/"

    def text(self, frame: Frame) -> pa.Array:
        letters = np.frombuffer((_BASE64 + self.marks).encode(), dtype=np.uint8)
        bits, alphabet = (6, letters) if self.base64 else (4, HEX)
        per_word = 64 // bits
        words = [
            digits_of(hash_rows(make_key(self.key, k), frame.rows), min(per_word, self.length - k), bits)
            for k in range(0, self.length, per_word)
        ]
        return characters(alphabet[np.concatenate(words, axis=1)])

    @property
    def shortest(self) -> int:
        return self.length

    @property
    def longest(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class RowText:
    """The row number (from 1), padded with zeros."""

    width: int = 0

    def text(self, frame: Frame) -> pa.Array:
        return pc.utf8_lpad(pa.array(frame.rows + 1).cast(pa.string()), self.width, "0")

    @property
    def shortest(self) -> int:
        return max(self.width, 1)

    @property
    def longest(self) -> int:
        return max(self.width, 12)


@dataclass(frozen=True, slots=True)
class Joined:
    """Pieces one after the other, cut to `length` characters where the column is shorter."""

    pieces: tuple[Piece, ...]
    length: int | None = None

    def text(self, frame: Frame) -> pa.Array:
        parts = [piece.value if isinstance(piece, Literal) else piece.text(frame) for piece in self.pieces]
        text = join_texts(parts, len(frame))
        return text if self.length is None else trimmed(pc.utf8_slice_codeunits(text, 0, self.length))

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def shortest(self) -> int:
        shortest = sum(piece.shortest for piece in self.pieces)
        return shortest if self.length is None else min(shortest, self.length)

    @property
    def longest(self) -> int:
        longest = sum(piece.longest for piece in self.pieces)
        return longest if self.length is None else min(longest, self.length)


@dataclass(frozen=True, slots=True)
class Padded:
    """Texts of at least `least` characters: repeated while there is room, then filled with a character."""

    piece: Piece
    least: int
    most: int | None = None
    fill: str = "."
    repeats: bool = True

    def text(self, frame: Frame) -> pa.Array:
        text = self.piece.text(frame)
        times = -(-(self.least + 1) // (self.piece.shortest + 1)) if self.repeats else 1
        if times > 1:
            text = join_texts([text] * times, len(frame), " ")
        if self.most is not None:
            text = pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(text, 0, self.most))
        return pc.utf8_rpad(text, self.least, self.fill)

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def shortest(self) -> int:
        return max(self.piece.shortest, self.least)

    @property
    def longest(self) -> int:
        return self.most if self.most is not None else max(self.piece.longest, self.least) * 2


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """`fewest` to `most` sentences of the pool; long texts hold marker words in the shares of TERM_SHARES."""

    key: int
    locale: str
    most: int
    fewest: int = 1
    room: int | None = None
    separator: str = " "
    terms: bool = False

    @property
    def pools(self) -> tuple[str, ...]:
        return ("sentence",)

    def text(self, frame: Frame) -> pa.Array:
        count = below(hash_rows(make_key(self.key, "count"), frame.rows), self.most - self.fewest + 1) + self.fewest
        parts = []
        for k in range(self.most):
            sentence = FromPool(make_key(self.key, k), "sentence", self.locale, self.room).text(frame)
            parts.append(sentence if k < self.fewest else pc.if_else(pa.array(count > k), sentence, NULL))
        if self.terms:
            parts.insert(1, self._terms(frame))
        if len(parts) == 1:
            return parts[0]
        return pc.binary_join_element_wise(*parts, constant(self.separator), null_handling="skip")

    def _terms(self, frame: Frame) -> pa.Array:
        """A marker word in brackets, NULL in most rows."""
        bits = hash_rows(make_key(self.key, "term"), frame.rows)
        ends = np.cumsum([round(share * 2**32) for share in TERM_SHARES.values()]).astype(np.uint64)
        which = np.searchsorted(ends, bits >> np.uint64(32), side="right")
        words = pa.array([f"({word})" for word in TERM_SHARES] + [None], pa.string())
        return words.take(pa.array(which))

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def shortest(self) -> int:
        shortest = FromPool(0, "sentence", self.locale, self.room).shortest
        return (shortest + len(self.separator)) * self.fewest - len(self.separator)

    @property
    def longest(self) -> int:
        longest = FromPool(0, "sentence", self.locale, self.room).longest
        term = max(map(len, TERM_SHARES)) + 3 if self.terms else 0
        return (longest + len(self.separator)) * self.most - len(self.separator) + term


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
    """Another text column of the row in URL form; `item` where it has no Latin letter."""

    column: str
    length: int

    def text(self, frame: Frame) -> pa.Array:
        slugs = trimmed(pc.utf8_slice_codeunits(slug(frame.cells(self.column).values), 0, self.length))
        return pc.if_else(pc.equal(slugs, ""), "item"[: self.length], slugs).fill_null("item"[: self.length])

    @property
    def shortest(self) -> int:
        return 1

    @property
    def longest(self) -> int:
        return self.length


def trimmed(texts: pa.Array) -> pa.Array:
    """Without the blanks and dashes that cutting a text leaves at its end."""
    return pc.utf8_rtrim(texts, characters=" -.,_")


def slug(texts: pa.Array) -> pa.Array:
    """ASCII lower case with dashes: `Café Größe` → `cafe-grosse`."""
    # Names repeat, so that only the different ones are worked on.
    encoded = texts.dictionary_encode() if isinstance(texts, pa.Array) else texts.combine_chunks().dictionary_encode()
    plain = encoded.dictionary
    if not pc.all(pc.string_is_ascii(plain)).as_py():
        for letter, latin in pools.PLAIN.items():
            plain = pc.replace_substring(plain, letter, latin)
        plain = pc.utf8_normalize(plain, form="NFKD")
    plain = pc.utf8_lower(plain)
    plain = pc.replace_substring_regex(plain, pattern=r"[^a-z0-9\s_-]", replacement="")
    plain = pc.replace_substring_regex(plain, pattern=r"[\s_-]+", replacement="-")
    return pc.utf8_trim(plain, characters="-").take(encoded.indices)


def characters(codes: npt.NDArray[np.uint8]) -> pa.Array:
    """Strings of equal length from ASCII codes; shape (n, length) → (n,)."""
    rows, length = codes.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(length)
    data = np.ascontiguousarray(codes)
    return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def digits_of(values: npt.NDArray[np.uint64], count: int, bits: int) -> npt.NDArray[np.uint8]:
    """The lowest `count` digits of `bits` bits each, most significant first; shape (n, count)."""
    shifts = np.arange(count - 1, -1, -1, dtype=np.uint64) * np.uint64(bits)
    return ((values[:, None] >> shifts) & np.uint64((1 << bits) - 1)).astype(np.uint8)
