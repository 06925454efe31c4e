"""Columns as a scenario shapes them: a law of the values over a source of uniform bits.

A law is monotone in its bits, so that the same law serves independent rows (`Hashed`), rows that ascend
(`Ascending`) and rows that follow another column (`Correlated`). At row time there are table look-ups and + - * /
alone, which are exactly rounded (IEEE 754): every machine makes the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, UInt64s, hash_rows, make_key, mix, permute, unit_interval
from loadlab.data.core.joining import join_texts
from loadlab.data.core.quantiles import Categories, QuantileTable
from loadlab.data.frame import Frame
from loadlab.data.texts.texts import characters, digits_of

Float64s = npt.NDArray[np.float64]

# Of the other column's rows, to know its ranks: the error of a rank is below 0.5 %.
_SAMPLE = 1 << 16
_CODE_LENGTH = 8
_CODE_MAX = 12
_ALPHABET = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)
# Beyond this a float64 rounds past what an int64 holds.
_INT64_TOP = 9.2233720368547e18
_HEAD = 4096


def to_bits(u: Float64s) -> UInt64s:
    """64 bits whose unit interval is `u`, cut to [0, 1)."""
    return (np.clip(u, 0.0, 1.0 - 2.0**-53) * 2.0**53).astype(np.uint64) << np.uint64(11)


# -- sources of bits -------------------------------------------------------------------------------------------------


class Source(Protocol):
    """Uniform bits of each row; shape (n,)."""

    def bits(self, frame: Frame) -> UInt64s: ...


@dataclass(frozen=True, slots=True)
class Hashed:
    """Independent from row to row."""

    key: int

    def bits(self, frame: Frame) -> UInt64s:
        return hash_rows(self.key, frame.rows)


@dataclass(frozen=True, slots=True)
class Ascending:
    """The quantile is the row's place in the full volume, so that values grow (or fall) with the rows."""

    key: int
    descending: bool = False

    def bits(self, frame: Frame) -> UInt64s:
        inside = unit_interval(hash_rows(self.key, frame.rows))
        u = (frame.rows.astype(np.float64) + inside) / max(frame.plan.full_rows, 1.0)
        return to_bits(1.0 - u if self.descending else u)


@dataclass(frozen=True, slots=True)
class Correlated:
    """A Gaussian copula with another column: its rank as a normal score, mixed with noise, as a rank again.

    Spearman's coefficient ρ of a bivariate normal with correlation r is 6/π · asin(r/2) (Kruskal, JASA 53, 1958).
    """

    key: int
    column: str
    coefficient: float
    samples: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def bits(self, frame: Frame) -> UInt64s:
        noise = hash_rows(self.key, frame.rows)
        theirs = frame.cells(self.column)
        if self.coefficient == 1.0:
            ranks = to_bits(self.ranks(frame, theirs))
            return ranks if theirs.valid is None else np.where(theirs.valid, ranks, noise)
        r = 2.0 * math.sin(math.pi * self.coefficient / 6.0)
        score = _normal_scores().at(to_bits(self.ranks(frame, theirs)))
        z = r * score + math.sqrt(max(1.0 - r * r, 0.0)) * _normal_scores().at(noise)
        bits = to_bits(_normal_shares(z))
        return bits if theirs.valid is None else np.where(theirs.valid, bits, noise)

    def ranks(self, frame: Frame, theirs: Cells) -> Float64s:
        """Each value's rank in [0, 1), spread over the ranks of the values equal to it."""
        sample = self._sample(frame)
        values = np.asarray(theirs.values)
        left = np.searchsorted(sample, values, side="left")
        right = np.searchsorted(sample, values, side="right")
        inside = unit_interval(hash_rows(make_key(self.key, "ties"), frame.rows))
        ranks: Float64s = (left + inside * (right - left + 1)) / (len(sample) + 1)
        return ranks

    def _sample(self, frame: Frame) -> npt.NDArray[Any]:
        """The other column's values in rows spread over the table, sorted; made once in a process."""
        if self.column not in self.samples:
            rows = max(frame.plan.rows, 1)
            count = min(rows, _SAMPLE)
            cells = frame.with_rows(np.arange(count, dtype=np.int64) * rows // count).cells(self.column)
            values = np.asarray(cells.values)
            self.samples[self.column] = np.sort(values if cells.valid is None else values[cells.valid])
        found: npt.NDArray[Any] = self.samples[self.column]
        return found


@cache
def _normal_scores() -> QuantileTable:
    return QuantileTable.tailed(lambda q: NormalDist().inv_cdf(min(max(q, 1e-9), 1 - 1e-9)))


_SCORE_LIMIT, _SCORE_KNOTS = 6.0, 1 << 13


@cache
def _share_knots() -> Float64s:
    steps = range(_SCORE_KNOTS + 1)
    shares = (NormalDist().cdf(-_SCORE_LIMIT + 2 * _SCORE_LIMIT * k / _SCORE_KNOTS) for k in steps)
    return np.array([float(f"{share:.9g}") for share in shares])


def _normal_shares(z: Float64s) -> Float64s:
    """The normal distribution function, linear between 8,193 knots."""
    place = (np.clip(z, -_SCORE_LIMIT, _SCORE_LIMIT) + _SCORE_LIMIT) * (_SCORE_KNOTS / (2 * _SCORE_LIMIT))
    knot = np.minimum(place.astype(np.int64), _SCORE_KNOTS - 1)
    knots = _share_knots()
    low = knots[knot]
    shares: Float64s = low + (knots[knot + 1] - low) * (place - knot)
    return shares


# -- laws ------------------------------------------------------------------------------------------------------------


class Quantiles(Protocol):
    """A distribution of real numbers."""

    def at(self, bits: UInt64s) -> Float64s: ...


class Law(Protocol):
    """Values of a column (as `Cells.values` has them) from uniform bits, monotone where values have an order."""

    def at(self, bits: UInt64s) -> Any: ...


@dataclass(frozen=True, slots=True)
class Bins:
    """Uniform within each bin; `bounds` of shape (k + 1,), `shares_below` the share of rows below each of them."""

    bounds: Float64s
    shares_below: Float64s

    @classmethod
    def of(cls, bounds: Sequence[float], shares: Sequence[float] | None) -> Bins:
        """Equal shares without `shares`."""
        counts = [1.0] * (len(bounds) - 1) if shares is None else [float(share) for share in shares]
        total, so_far, below = sum(counts), 0.0, [0.0]
        for count in counts:
            so_far += count
            below.append(min(so_far / total, 1.0))
        below[-1] = 1.0
        return cls(np.array(bounds, dtype=np.float64), np.array(below))

    def at(self, bits: UInt64s) -> Float64s:
        """The value of each row's bits."""
        place, inside = self.places(bits)
        low = self.bounds[place]
        values: Float64s = low + (self.bounds[place + 1] - low) * inside
        return values

    def places(self, bits: UInt64s) -> tuple[Int64s, Float64s]:
        """The bin, and how far into it."""
        u = unit_interval(bits)
        place = np.searchsorted(self.shares_below[1:-1], u, side="right").astype(np.int64)
        low = self.shares_below[place]
        # A bin of no share is never met, but its width would be a zero to divide by.
        width = np.maximum(self.shares_below[place + 1] - low, 2.0**-53)
        return place, np.minimum((u - low) / width, 1.0 - 2.0**-53)


@dataclass(frozen=True, slots=True)
class Wholes:
    """Whole numbers (scaled numerics, days, microseconds) from a distribution, cut to [low, high]."""

    quantiles: Quantiles
    low: int
    high: int

    def at(self, bits: UInt64s) -> Int64s:
        values = np.clip(np.floor(self.quantiles.at(bits)), -_INT64_TOP, _INT64_TOP).astype(np.int64)
        return np.clip(values, self.low, self.high, out=values)


@dataclass(frozen=True, slots=True)
class Reals:
    """Floating-point numbers from a distribution."""

    quantiles: Quantiles

    def at(self, bits: UInt64s) -> Float64s:
        return self.quantiles.at(bits)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Zipf's law: rank k (from 0) with weight (k + 1) ** -exponent, of `count` ranks.

    The first 4,096 ranks are exact to 2**-32; those behind them follow the law's integral.
    """

    head: Float64s
    tail: QuantileTable | None

    @classmethod
    def of(cls, count: int, exponent: float) -> Ranks:
        """The table of a law."""
        weights = [float(f"{(k + 1.0) ** -exponent:.12g}") for k in range(min(count, _HEAD))]
        mass = sum(weights)
        rest, tail = 0.0, None
        if count > _HEAD:
            first, last, power = _HEAD + 0.5, count + 0.5, 1.0 - exponent
            if abs(power) < 1e-9:
                rest = math.log(last / first)
                tail = QuantileTable.of(lambda q: first * (last / first) ** q)
            else:
                rest = (last**power - first**power) / power
                tail = QuantileTable.of(lambda q: (first**power + q * (last**power - first**power)) ** (1.0 / power))
        total, so_far, below = mass + rest, 0.0, []
        for weight in weights:
            so_far += weight
            below.append(round(so_far / total * 2**32) / 2**32)
        if tail is None:
            below[-1] = 1.0
        return cls(np.array(below), tail)

    def at(self, bits: UInt64s) -> Int64s:
        """The rank of each row's bits."""
        u = unit_interval(bits)
        rank = np.searchsorted(self.head, u, side="right").astype(np.int64)
        if self.tail is not None:
            behind = np.flatnonzero(rank == len(self.head))
            mass = float(self.head[-1])
            place = self.tail.at(to_bits((u[behind] - mass) / (1.0 - mass)))
            rank[behind] = np.maximum(np.floor(place + 0.5).astype(np.int64) - 1, len(self.head))
        return rank


@dataclass(frozen=True, slots=True)
class RankedWholes:
    """`low` is the most frequent value, then `low + step`, …"""

    ranks: Ranks
    low: int
    step: int

    def at(self, bits: UInt64s) -> Int64s:
        return self.ranks.at(bits) * self.step + self.low


@dataclass(frozen=True, slots=True)
class Scaled:
    """A law's whole numbers as floating-point ones."""

    inner: Law

    def at(self, bits: UInt64s) -> Float64s:
        return np.asarray(self.inner.at(bits)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Listed:
    """One of a list, by weight. `values` is a NumPy array (first axis) or an Arrow array."""

    values: Any
    categories: Categories

    def at(self, bits: UInt64s) -> Any:
        picks = self.categories.at(bits)
        return self.values.take(pa.array(picks)) if isinstance(self.values, pa.Array) else self.values[picks]


@dataclass(frozen=True, slots=True)
class TextsBetween:
    """Texts that begin with the lower bound of their bin, so that they lie between its bounds."""

    key: int
    bounds: pa.Array
    bins: Bins
    length: int | None

    def at(self, bits: UInt64s) -> pa.Array:
        place, _ = self.bins.places(bits)
        start = self.bounds.take(pa.array(place))
        code = _codes(mix(bits ^ np.uint64(self.key)), _CODE_LENGTH)
        if self.length is not None:
            start = pc.utf8_slice_codeunits(start, 0, max(self.length - _CODE_LENGTH, 0))
            code = pc.utf8_slice_codeunits(code, 0, self.length)
        return join_texts([start, code], len(code))


def _codes(values: UInt64s, length: int) -> pa.Array:
    """`length` characters from the lowest 5 * length bits of each value."""
    return characters(_ALPHABET[digits_of(values, length, 5)])


# -- generators ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shaped:
    """A law over a source."""

    source: Source
    law: Law

    def make(self, frame: Frame) -> Cells:
        return Cells(self.law.at(self.source.bits(frame)))


@dataclass(frozen=True, slots=True)
class Codes:
    """Texts of `width` characters that differ from row to row (while rows are fewer than 32 ** min(width, 12))."""

    key: int
    width: int

    def make(self, frame: Frame) -> Cells:
        length = min(self.width, _CODE_MAX)
        parts = [_codes(permute(frame.rows, 5 * length, self.key), length)]
        for start in range(_CODE_MAX, self.width, _CODE_MAX):
            noise = hash_rows(make_key(self.key, start), frame.rows)
            parts.append(_codes(noise, min(_CODE_MAX, self.width - start)))
        return Cells(join_texts(parts, len(frame)))
