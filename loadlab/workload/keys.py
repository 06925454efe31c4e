"""Which rows an operation touches: vectorised picks, made ahead of time, never on the hot path.

Every stream of picks has a generator of its own, keyed by what it is for; there is no global randomness, so
adding an operation or a thread changes no other stream.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from loadlab.data.core.hashing import Int64s, make_key, permute

_FIRST_STEP, _LAST_STEP = 2**12, 2**30
Float64s = npt.NDArray[np.float64]
ReadPick = Literal["uniform", "zipf", "latest"]


def stream(seed: int, *parts: object) -> np.random.Generator:
    """The generator of one stream: PCG64 keyed by the seed and what it is for (worker, operation, …)."""
    return np.random.Generator(np.random.PCG64(make_key("workload", seed, *parts)))


def pick_rows(
    random: np.random.Generator, pick: ReadPick, count: int, *, table: str, row_count: int, exponent: float
) -> Int64s:
    """`count` rows of a table with `row_count` rows (at least 1); shape (count,)."""
    if pick == "uniform":
        return random.integers(0, row_count, size=count, dtype=np.int64)
    ranks = zipf_ranks(random, count, row_count, exponent)
    if pick == "latest":
        return row_count - 1 - ranks
    # The hot rows depend on the table alone: every worker heats the same ones.
    return spread(ranks, row_count, make_key("hot rows", table))


def zipf_ranks(random: np.random.Generator, count: int, ranks: int, exponent: float) -> Int64s:
    """Ranks in [0, ranks), rank r with probability proportional to (r + 1) ** -exponent; shape (count,).

    Rejection-inversion (W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from monotone
    discrete distributions", ACM TOMACS 6(3), 1996): exact for any exponent above 0, no table to set up, and
    few draws are rejected.
    """
    sampler = _RejectionInversion(ranks, exponent)
    result = np.empty(count, dtype=np.int64)
    filled = 0
    while filled < count:
        accepted = sampler.draw(random, count - filled)
        result[filled : filled + len(accepted)] = accepted
        filled += len(accepted)
    return result - 1


class _RejectionInversion:
    """The hat is the integral of x ** -s between half-integers; k runs from 1 to n."""

    def __init__(self, n: int, s: float) -> None:
        self._n, self._s = n, s
        self._low = float(self._integral(np.array(1.5))) - 1.0
        self._high = float(self._integral(np.array(n + 0.5)))
        # Within this distance of k a point is always below the histogram: no power has to be computed for it.
        self._sure = 2.0 - float(self._inverse(self._integral(np.array(2.5)) - 2.0**-s))

    def draw(self, random: np.random.Generator, count: int) -> Int64s:
        """At most `count` accepted values of k."""
        u = self._high + random.random(count) * (self._low - self._high)
        x = self._inverse(u)
        k = np.clip(np.floor(x + 0.5), 1, self._n)
        accepted = (k - x <= self._sure) | (u >= self._integral(k + 0.5) - k**-self._s)
        return k[accepted].astype(np.int64)

    def _integral(self, x: Float64s) -> Float64s:
        """(x ** (1 - s) - 1) / (1 - s), and log x where s is 1, without cancellation near it."""
        log_x = np.log(x)
        return _expm1_over(log_x * (1 - self._s)) * log_x

    def _inverse(self, y: Float64s) -> Float64s:
        # Rounding may push the argument just below the pole of log1p.
        return np.exp(_log1p_over(np.maximum(y * (1 - self._s), -1.0 + 1e-16)) * y)


def _expm1_over(x: Float64s) -> Float64s:
    """expm1(x) / x, by its series near 0."""
    small = np.abs(x) < 1e-8
    safe = np.where(small, 1.0, x)
    return np.where(small, 1 + x / 2 * (1 + x / 3), np.expm1(safe) / safe)


def _log1p_over(x: Float64s) -> Float64s:
    """log1p(x) / x, by its series near 0."""
    small = np.abs(x) < 1e-8
    safe = np.where(small, 1.0, x)
    return np.where(small, 1 - x / 2 + x * x / 3, np.log1p(safe) / safe)


def spread(ranks: Int64s, row_count: int, key: int) -> Int64s:
    """A bijection of [0, row_count) chosen by `key`: hot ranks end up all over the table, not side by side.

    The bijection on the next power of two is walked until it lands inside (cycle walking: Black and Rogaway,
    "Ciphers with arbitrary finite domains", 2002); two steps on average at most.
    """
    bits = max(1, (row_count - 1).bit_length())
    rows = permute(ranks, bits, key).astype(np.int64)
    outside = np.flatnonzero(rows >= row_count)
    while len(outside):
        rows[outside] = permute(rows[outside], bits, key).astype(np.int64)
        outside = outside[rows[outside] >= row_count]
    return rows


class NewRows:
    """Rows from beyond the dataset, for inserts: none is handed out twice, over threads, phases, processes.

    Worker w of n takes row_count + start + w, then every n-th row after it. `start` leaves out what earlier
    runs on the same database have used. Safe to share between threads.
    """

    def __init__(self, row_count: Callable[[str], int], *, start: int, worker: int, workers: int) -> None:
        if not 0 <= worker < workers:
            raise ValueError(f"worker {worker} of {workers}")
        self._row_count, self._start, self._worker, self._workers = row_count, start, worker, workers
        self._taken: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, table: str, count: int) -> Int64s:
        """The next `count` rows of the table; shape (count,)."""
        with self._lock:
            first = self._taken.get(table, 0)
            self._taken[table] = first + count
        steps = np.arange(first, first + count, dtype=np.int64)
        return self._row_count(table) + self._start + self._worker + steps * self._workers

    def skip_used(self, is_free: Callable[[int], bool]) -> None:
        """Begin beyond what earlier runs on the same database have inserted.

        `is_free(start)` tells whether a row can be inserted there. Earlier runs took rows in order, nearly without
        holes, so a stretch of which eight samples are free lies beyond. Raises LookupError when none is.
        """
        if is_free(self._start):
            return
        step = _FIRST_STEP
        while not all(is_free(self._start + step + step * k // 8) for k in range(8)):
            step *= 2
            if step > _LAST_STEP:
                raise LookupError("no row is free")
        # A multiple of the number of workers keeps their rows apart, wherever each of them begins.
        self._start = -(-(self._start + step) // self._workers) * self._workers

    @property
    def end(self) -> int:
        """What a later run on the same database passes as `start`: no table has used a row from there on."""
        with self._lock:
            return self._start + max(self._taken.values(), default=0) * self._workers
