"""Cutting tables into chunks, the unit of one transaction, of a retry and of a worker's work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from loadlab.data.dataset import Dataset
from loadlab.engines.protocol import Chunk

CHUNK_ROWS = 100_000


def chunks_of(dataset: Dataset, chunk_rows: int = CHUNK_ROWS) -> tuple[Chunk, ...]:
    """Every chunk of the dataset, tables in load order; cut by row counts alone, so that a resumed run cuts alike.

    Rows that stand in others are loaded with those.
    """
    return tuple(
        Chunk(table, start, min(start + chunk_rows, dataset.row_count(table)))
        for table in dataset.nesting.documents.roots(dataset.tables)
        for start in range(0, dataset.row_count(table), chunk_rows)
    )


def later_chunks(dataset: Dataset, chunk_rows: int = CHUNK_ROWS) -> tuple[Chunk, ...]:
    """The second pass over tables that close a cycle of foreign keys."""
    chunks = chunks_of(dataset, chunk_rows)
    return tuple(replace(chunk, later=True) for chunk in chunks if chunk.table in dataset.plan.postponed)


def rows_in(dataset: Dataset, chunk: Chunk) -> int:
    """The rows of a chunk, and those that stand in them."""
    return chunk.rows + dataset.nesting.embedded_rows(chunk.table, chunk.start, chunk.stop)


def pending(chunks: Iterable[Chunk], loaded: frozenset[Chunk]) -> tuple[Chunk, ...]:
    """The chunks that the ledger does not list."""
    return tuple(chunk for chunk in chunks if chunk not in loaded)
