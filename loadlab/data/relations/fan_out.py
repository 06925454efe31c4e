"""The number of children of a parent, as a table of counts and their shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadlab.data.core.hashing import Int64s, UInt64s
from loadlab.data.core.quantiles import Categories
from loadlab.spec.distributions import Children


@dataclass(frozen=True, slots=True)
class FanOut:
    """How many children a parent has: `counts`, ascending, by weight. Shapes (k,)."""

    counts: Int64s
    shares: npt.NDArray[np.float64]

    def at(self, bits: UInt64s) -> Int64s:
        """The number of children of each parent from its 64 uniform bits."""
        return self.counts[Categories.of(self.shares.tolist()).at(bits)]

    @property
    def mean(self) -> float:
        """Children per parent, childless ones included."""
        return float((self.counts * self.shares).sum())

    @property
    def longest(self) -> int:
        """No parent has more children than this."""
        return int(self.counts[-1])


def fan_out(children: Children) -> FanOut:
    """The table of a relation's shape; the shares add up to 1."""
    weights = dict(_child_weights(children))
    total = sum(weights.values())
    none = children.childless or 0.0
    shares = {count: weight / total * (1 - none) for count, weight in weights.items()}
    if none:
        shares[0] = shares.get(0, 0.0) + none
    counts = sorted(shares)
    return FanOut(np.array(counts, dtype=np.int64), np.array([shares[count] for count in counts]))


def _child_weights(children: Children) -> list[tuple[int, float]]:
    least = children.min if children.min is not None else (0 if children.childless is None else 1)
    if children.distribution == "histogram":
        return sorted((children.shares or {}).items())
    mean = children.mean or 0.0
    if children.distribution == "fixed":
        low = math.floor(mean)
        return [(low, 1 - (mean - low)), (low + 1, mean - low)] if mean > low else [(low, 1.0)]
    if children.distribution == "geometric":
        # P(least + k) ∝ (1 - p) ** k with mean least + (1 - p) / p.
        p = 1 / (1 + mean - least)
        most = children.max or least + math.ceil(14 * max(mean - least, 1)) + 1
        return [(least + k, (1 - p) ** k) for k in range(most - least + 1)]
    most = children.max or least
    if children.distribution == "uniform":
        return [(count, 1.0) for count in range(least, most + 1)]
    return [(count, float(max(count, 1)) ** -children.exponent) for count in range(max(least, 1), most + 1)]
