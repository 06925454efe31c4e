"""Vectors in clusters, so that an index of nearest neighbours has neighbours to find.

Components are whole numbers until the last step, where a vector is divided by its length: sums of integers do not
depend on their order, and division and square root are exactly rounded, so every machine makes the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key
from loadlab.data.frame import Frame

# Rows are made in blocks that stay within a core's cache.
_BLOCK_VALUES = 1 << 19
_BYTE_MEAN = 2 * 255  # of the sum of four bytes


@dataclass(frozen=True, slots=True)
class ClusteredVectors:
    """Unit vectors around the centres of `clusters`, cluster k being 1 / sqrt(k + 1) as frequent as the first.

    `spread` is the length of a vector's distance from its centre relative to the centre's length: at 0.35 two
    vectors of a cluster have a cosine near 0.89, two of different clusters near 0.
    """

    key: int
    dimensions: int
    clusters: int = 64
    spread: float = 0.35

    def make(self, frame: Frame) -> Cells:
        return Cells(self.vectors(frame.rows))

    def cluster_of(self, rows: Int64s) -> Int64s:
        """The cluster of each row; shape (n,)."""
        # The square of a uniform number has the density 1 / sqrt.
        bits = hash_rows(make_key(self.key, "cluster"), rows)
        uniform = below(bits, 1 << 20)
        return (uniform * uniform >> 20) * self.clusters >> 20

    def vectors(self, rows: Int64s) -> pa.Array:
        """Arrow fixed_size_list<float32>[dimensions], length n."""
        values = np.empty((len(rows), self.dimensions), dtype=np.float32)
        block = max(1, _BLOCK_VALUES // self.dimensions)
        for start in range(0, len(rows), block):
            values[start : start + block] = self._block(rows[start : start + block])
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), self.dimensions)

    def _block(self, rows: Int64s) -> npt.NDArray[np.float32]:
        noise = _normals(make_key(self.key, "noise"), rows, self.dimensions)
        centres = _centres(make_key(self.key, "centre"), self.clusters, self.dimensions, round(1 / self.spread * 256))
        whole = centres[self.cluster_of(rows)]
        whole += noise.astype(np.int32) << 8
        length = np.sqrt(np.einsum("ij,ij->i", whole, whole, dtype=np.int64).astype(np.float64))
        scale = 1.0 / np.maximum(length, 1.0)
        unit: npt.NDArray[np.float32] = (whole * scale[:, None]).astype(np.float32)
        return unit


@cache
def _centres(key: int, clusters: int, dimensions: int, factor: int) -> npt.NDArray[np.int32]:
    """Whole numbers of shape (clusters, dimensions), `factor` / 256 as long as a vector's noise."""
    normals = _normals(key, np.arange(clusters, dtype=np.int64), dimensions)
    return normals.astype(np.int32) * np.int32(factor)


def _normals(key: int, rows: Int64s, dimensions: int) -> npt.NDArray[np.int16]:
    """Nearly normal whole numbers with mean 0: sums of four uniform bytes; shape (n, dimensions).

    A hash of 64 bits yields two of them.
    """
    words = -(-dimensions // 2)
    counter = rows[:, None] * np.int64(words) + np.arange(words, dtype=np.int64)
    bits = hash_rows(key, counter.reshape(-1))
    # Bytes are added within the word, in four lanes of 16 bits, then lanes in pairs.
    low = np.uint64(0x00FF00FF00FF00FF)
    lanes = (bits & low) + ((bits >> np.uint64(8)) & low)
    lanes += lanes >> np.uint64(16)
    # Of the four lanes the first and the third hold a sum (lanes lie in memory lowest first, as in Arrow).
    sums = lanes.view(np.uint16)[::2].astype(np.int16)
    sums -= np.int16(_BYTE_MEAN)
    return sums.reshape(len(rows), 2 * words)[:, :dimensions]
