"""Counter-based randomness: every number is a pure function of a key and a row, in any order, on any machine.

Only integer arithmetic modulo 2**64 is used: it gives the same bits on every CPU, which floating-point functions
(pow, exp, log) do not promise.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

UInt64s = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U30, _U27, _U31, _U32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


def make_key(*parts: object) -> int:
    """A 64-bit key of any parts (seed, table, column, purpose); parts cannot run into each other."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def hash_rows(key: int, rows: Int64s) -> UInt64s:
    """64 uniform bits a row; shape (n,). SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) as a counter-based hash."""
    x = rows.astype(np.uint64)
    x *= _GOLDEN
    x += np.uint64(key)
    return mix(x)


def mix(x: UInt64s) -> UInt64s:
    """SplitMix64's finalizer (Stafford's variant 13), a bijection on 64 bits. Works in place and returns `x`."""
    x ^= x >> _U30
    x *= _MIX_1
    x ^= x >> _U27
    x *= _MIX_2
    x ^= x >> _U31
    return x


def below(bits: UInt64s, bound: int | Int64s) -> Int64s:
    """Uniform integers in [0, bound) from 64 uniform bits (Lemire's multiply-shift on the upper 32 bits).

    `bound` is at most 2**32 and may be one for each row; the bias is below bound / 2**32.
    """
    limit = np.asarray(bound, dtype=np.uint64)
    return (((bits >> _U32) * limit) >> _U32).astype(np.int64)


def permute(values: Int64s, bits: int, key: int) -> UInt64s:
    """A bijection on [0, 2**bits) chosen by `key`, so that distinct rows get distinct results without any retry.

    Three rounds of odd multiplication, addition and xor-shift, each of which is invertible modulo 2**bits. Values
    beyond the domain wrap around, so the caller checks the capacity.
    """
    mask = np.uint64((1 << bits) - 1)
    shift = np.uint64(max(1, bits // 2 + 1))
    x = values.astype(np.uint64) & mask
    for round_number in range(3):
        odd = np.uint64(make_key(key, round_number) | 1)
        plus = np.uint64(make_key(key, round_number, "plus"))
        x = (x * odd + plus) & mask
        x ^= x >> shift
    return x


def unit_interval(bits: UInt64s) -> npt.NDArray[np.float64]:
    """Uniform numbers in [0, 1) with 53 bits, exactly representable, so equal on every machine."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
