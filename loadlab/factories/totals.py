"""Sums, counts and extremes of a parent over the children that are created along with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame
from loadlab.data.overlay.aggregates import OfChildren, added_up, aggregate_of
from loadlab.factories.factory import Factory, GivenChildren


class Maker(Protocol):
    """Makes rows of an order by their index."""

    def frame(self, index: Int64s) -> Frame: ...


@dataclass(frozen=True, slots=True)
class Total:
    """A column of the parent: an aggregate over the rows that `makers` make, `each` of them for every parent."""

    column: str
    aggregate: OfChildren
    makers: tuple[tuple[Maker, int], ...]

    def cells(self, index: Int64s) -> Cells:
        """The aggregate of each parent by its index; shape (n,)."""
        parts: list[tuple[Int64s, Frame]] = []
        for maker, each in self.makers:
            if each:
                children = (index[:, None] * each + np.arange(each, dtype=np.int64)).ravel()
                owners = np.repeat(np.arange(len(index), dtype=np.int64), each)
                parts.append((owners, maker.frame(children)))
        return added_up(self.aggregate, len(index), parts)


def aggregates_of(order: Factory) -> dict[str, OfChildren]:
    """The columns of an order's table that are aggregates over children it has, and that nobody gave a value."""
    plan = order.database.values_of(order.table).plan.tables[order.table.key]
    asked = {_relation(children) for children in order.children}
    found = {name: aggregate_of(generator) for name, generator in plan.columns.items()}
    return {
        name: made
        for name, made in found.items()
        if made is not None and (made.child, made.relation) in asked and name not in order.recipe.wishes
    }


def totals_of(order: Factory, makers: Sequence[tuple[GivenChildren, Any]]) -> tuple[Total, ...]:
    """The aggregates over the children that the makers make."""
    return tuple(
        Total(
            name,
            made,
            tuple((maker, given.count) for given, maker in makers if _relation(given) == (made.child, made.relation)),
        )
        for name, made in aggregates_of(order).items()
    )


def _relation(children: GivenChildren) -> tuple[str, str]:
    return children.order.table.key, ",".join(children.key.columns)
