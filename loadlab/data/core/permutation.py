"""Bijections of [0, size) for any size: distinct rows get distinct results, in no visible order, without any retry."""

from __future__ import annotations

import numpy as np

from loadlab.data.core.hashing import Int64s, permute

SIZE_MAX = 2**62


def permute_below(values: Int64s, size: int, key: int) -> Int64s:
    """A bijection of [0, size) chosen by `key`; shape (n,). Values beyond the size wrap around.

    Cycle walking (Black and Rogaway, 2002): a bijection of the next power of two is applied until the result falls
    below `size`. Less than half of the domain lies above, so that a step succeeds with at least 1/2; and because a
    cycle leads back to where it began, below `size`, every walk ends. Raises ValueError for a size that is not in
    [1, 2**62].
    """
    if not 1 <= size <= SIZE_MAX:
        raise ValueError(f"size={size} must lie between 1 and 2**62")
    bits = (size - 1).bit_length()
    limit = np.uint64(size)
    placed = permute(values % size, bits, key)
    away = np.flatnonzero(placed >= limit)
    while len(away):
        walked = permute(placed[away].view(np.int64), bits, key)
        placed[away] = walked
        away = away[walked >= limit]
    return placed.view(np.int64)
