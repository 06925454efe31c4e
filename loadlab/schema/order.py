"""Parents first: the order in which tables can be filled, with the cycles that prevent one named."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from loadlab.schema.model import Schema


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """`tables` by key, parents first as far as there are no cycles; `cycles` names each once, e.g. (a, b, a)."""

    tables: tuple[str, ...]
    cycles: tuple[tuple[str, ...], ...] = ()


def load_order(schema: Schema) -> LoadOrder:
    """Topological order over the foreign keys; a self reference is no cycle here."""
    edges = {
        table.key: {key.target for key in table.foreign_keys if key.target != table.key} for table in schema.tables
    }
    cycles: list[tuple[str, ...]] = []
    while True:
        try:
            return LoadOrder(tuple(TopologicalSorter(edges).static_order()), tuple(cycles))
        except CycleError as error:
            path: list[str] = error.args[1]
            cycles.append(tuple(path))
            # The last edge of the reported path is cut: (child, parent) = (path[1], path[0]) in graphlib's order.
            edges[path[1]].discard(path[0])
