"""How many children each parent has, by a stated distribution, with the children of a parent side by side.

Parents are taken in blocks of 256. In every block the numbers of children are the same quotas of the distribution
(its quantiles), in one of 32 orders that the block draws by hash. So the distribution is met exactly, the first child
row of any parent and the parent of any child row are found without a pass over the table, and growing only appends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key
from loadlab.data.relations.fan_out import fan_out
from loadlab.spec.distributions import Children

BLOCK = 256
_ORDERS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """`starts[o, k]` is how many children the first k parents of a block have in order o; shape (32, 257)."""

    key: int
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, children: Children, key: int) -> Runs:
        """From the distribution that a scenario states."""
        quotas = _quotas(children)
        orders = []
        for order in range(_ORDERS):
            draws = hash_rows(make_key(key, "order", order), np.arange(BLOCK, dtype=np.int64))
            orders.append(np.concatenate(([0], np.cumsum(quotas[np.argsort(draws, kind="stable")]))))
        return cls(key, np.array(orders, dtype=np.int64))

    @property
    def per_block(self) -> int:
        """Children of 256 parents."""
        return int(self.starts[0, -1])

    @property
    def mean(self) -> float:
        """Children of a parent on average, those without any included."""
        return self.per_block / BLOCK

    @property
    def most(self) -> int:
        """No parent has more children."""
        return int(np.diff(self.starts[0]).max())

    def start(self, parents: Int64s) -> Int64s:
        """The first child row of each parent; shape of `parents`."""
        block = parents // BLOCK
        found: Int64s = block * self.per_block + self.starts[self._order(block), parents % BLOCK]
        return found

    def parent(self, rows: Int64s) -> Int64s:
        """The parent of each child row; shape of `rows`."""
        if not self.per_block:
            return np.zeros_like(rows)
        block = rows // self.per_block
        order, rest = self._order(block), rows % self.per_block
        place = np.zeros_like(rows)
        for number in np.unique(order):
            mine = order == number
            place[mine] = np.searchsorted(self.starts[number], rest[mine], side="right") - 1
        return block * BLOCK + place

    def _order(self, block: Int64s) -> Int64s:
        return below(hash_rows(self.key, block), _ORDERS)


def _quotas(children: Children) -> Int64s:
    """The number of children of each of 256 parents, ascending: the distribution's quantiles."""
    table = fan_out(children)
    # Rounded, so that the last bit of a library's power function decides nothing.
    bounds = np.round(np.cumsum(table.shares), 9)
    place = np.searchsorted(bounds, (np.arange(BLOCK) + 0.5) / BLOCK, side="left")
    found: Int64s = table.counts[np.minimum(place, len(table.counts) - 1)]
    return found
