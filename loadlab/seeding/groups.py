"""Which chunks may be loaded side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from graphlib import TopologicalSorter

from loadlab.data.dataset import Dataset
from loadlab.engines.protocol import Chunk
from loadlab.schema.model import Schema, Table
from loadlab.schema.order import load_order

_WORTH_ORDERING_ROWS, _SAMPLE_ROWS = 10_000, 64


class Way(Enum):
    """How the chunks of a group go in: at once, one after the other, or all in one transaction."""

    ANY_ORDER = 1
    IN_ORDER = 2
    TOGETHER = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Chunks that wait for the groups before them."""

    chunks: tuple[Chunk, ...]
    way: Way


def groups(dataset: Dataset, todo: Sequence[Chunk]) -> Iterator[Group]:
    """Everything at once, or (with foreign keys in place) parents first and what closes a cycle at the end."""
    if dataset.manifest.owns_tables:
        sizes = {chunk: _size_bytes(dataset, chunk) for chunk in todo}
        # What takes long first, so that no worker is left alone with it at the end.
        yield Group(tuple(sorted(todo, key=lambda chunk: (-sizes[chunk], chunk))), Way.ANY_ORDER)
        return
    tables = [_without_postponed(dataset, dataset.table(key)) for key in dataset.tables]
    for keys in _parents_first(tables):
        chunks = tuple(chunk for chunk in todo if chunk.table in keys and not chunk.later)
        table = next(table for table in tables if table.key in keys)
        refers_to_itself = any(key.target == table.key for key in table.foreign_keys)
        yield Group(chunks, Way.TOGETHER if len(keys) > 1 else Way.IN_ORDER if refers_to_itself else Way.ANY_ORDER)
    yield Group(tuple(chunk for chunk in todo if chunk.later), Way.ANY_ORDER)


def _size_bytes(dataset: Dataset, chunk: Chunk) -> float:
    """What a chunk holds, judged by its first rows; 0 for one that takes no time worth the looking."""
    if chunk.rows < _WORTH_ORDERING_ROWS:
        return 0.0
    sample_bytes: int = dataset.nesting.batch(chunk.table, chunk.start, chunk.start + _SAMPLE_ROWS).nbytes
    return sample_bytes / _SAMPLE_ROWS * chunk.rows


def _without_postponed(dataset: Dataset, table: Table) -> Table:
    later = dataset.plan.postponed.get(table.key, ())
    return replace(table, foreign_keys=tuple(key for key in table.foreign_keys if set(later).isdisjoint(key.columns)))


def _parents_first(tables: Sequence[Table]) -> Iterator[frozenset[str]]:
    """Single tables, and the tables of a cycle as one."""
    found = {table.key: frozenset({table.key}) for table in tables}
    for cycle in load_order(Schema(tuple(tables), "")).cycles:
        merged = frozenset().union(*(found[key] for key in cycle))
        found |= dict.fromkeys(merged, merged)
    parents: dict[frozenset[str], set[frozenset[str]]] = {group: set() for group in found.values()}
    for table in tables:
        here = found[table.key]
        parents[here] |= {found[key.target] for key in table.foreign_keys if key.target in found} - {here}
    yield from TopologicalSorter(parents).static_order()
