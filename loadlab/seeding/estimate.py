"""What a seeding would write and how long it would take, before anything is written.

Bytes come from a sample of the rows and the engine's own layout. Time is that of making the sample, and fixed rates
for what the database does with the rows; both are about right on the machine that makes the estimate, no more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.dataset import Dataset
from loadlab.data.feasibility import TableFeasibility
from loadlab.data.feasibility import feasibility as feasibility_of
from loadlab.engines.abilities import CanForeseeSizes, ComputesNothing, StoredSize
from loadlab.engines.protocol import Engine

_SAMPLE_ROWS = 1000
# Where the engine cannot say: what a row costs beyond its values.
_ROW_OVERHEAD_BYTES = 28
# Rows beyond which making them is timed; below it takes less time than the timing.
_TIMED_FROM_ROWS, _TIMED_ROWS = 50_000, 8192
# Of one process, on a machine of 2 cores that runs the database too: what is stored and what index builds write in a
# second, what a table costs that has no rows (made, keys made again, statistics), and starting and writing out at last.
_STORED_BYTES_PER_S = 20e6
_INDEXED_BYTES_PER_S = 15e6
_SECONDS_PER_TABLE = 0.02
_SECONDS_AROUND = 0.5
_ROWS_PER_S_UNTIMED = 150_000
_WORKERS_THAT_HELP = 4


@dataclass(frozen=True, slots=True)
class TableEstimate:
    """`size_bytes` and `index_bytes` are estimates from a sample of the rows that will be written.

    `index_bytes` is None where the engine cannot foresee them; `indexes` has them by name.
    """

    table: str
    rows: int
    columns: int
    size_bytes: int
    relations: tuple[str, ...]
    default: bool
    """Nobody stated how many rows the table has."""
    index_bytes: int | None
    indexes: Mapping[str, int]
    seconds: float
    """About the time of one process."""
    feasibility: TableFeasibility


def estimate(dataset: Dataset, engine: Engine) -> tuple[TableEstimate, ...]:
    """One estimate a table, in load order."""
    manifest = dataset.manifest
    found = feasibility_of(
        dataset.plan,
        manifest.schema,
        owns_tables=manifest.owns_tables,
        engine=engine.name,
        computes=not isinstance(engine, ComputesNothing),
    )
    return tuple(_table(dataset, engine, item) for item in found)


def total_seconds(tables: tuple[TableEstimate, ...], workers: int) -> float:
    """About how long it takes on so many processes; beyond a few they wait for the database."""
    return _SECONDS_AROUND + sum(table.seconds for table in tables) / max(min(workers, _WORKERS_THAT_HELP), 1)


def _table(dataset: Dataset, engine: Engine, found: TableFeasibility) -> TableEstimate:
    key, rows = found.table, dataset.row_count(found.table)
    size = _size(dataset, engine, key, rows)
    plan = dataset.plan.tables[key]
    relations = tuple(f"{r.name} → {r.target} ({r.pattern})" for r in plan.relations)
    knows_indexes = isinstance(engine, CanForeseeSizes)
    return TableEstimate(
        table=key,
        rows=rows,
        columns=len(plan.columns),
        size_bytes=size.table_bytes,
        relations=relations,
        default=dataset.is_default(key),
        index_bytes=size.index_bytes if knows_indexes else None,
        indexes=size.indexes,
        seconds=_seconds(dataset, key, rows, size),
        feasibility=found,
    )


def _size(dataset: Dataset, engine: Engine, key: str, rows: int) -> StoredSize:
    if not rows:
        return StoredSize(0, {})
    sample = _sample(dataset, key, rows)
    if isinstance(engine, CanForeseeSizes):
        distinct = {name: _distinct(sample.column(name), rows) for name in sample.schema.names}
        return engine.foresee_size(dataset.table(key), sample, rows, distinct)
    return StoredSize(round(rows * (sample.nbytes / sample.num_rows + _ROW_OVERHEAD_BYTES)), {})


def _sample(dataset: Dataset, key: str, rows: int) -> pa.RecordBatch:
    """Rows from everywhere in the table."""
    names = tuple(column.name for column in dataset.loaded_table(key).columns)
    picked = np.unique(np.linspace(0, rows - 1, min(rows, _SAMPLE_ROWS), dtype=np.int64))
    arrays = dataset.columns(key, names, picked)
    if not names:
        return pa.RecordBatch.from_arrays([pa.nulls(len(picked))], names=["-"])
    return pa.RecordBatch.from_arrays([_flat(arrays[name]) for name in names], names=list(names))


def _flat(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _distinct(array: pa.Array, rows: int) -> float:
    """About how many different values a column of so many rows has.

    Haas and Stokes' Duj1 estimator, which ANALYZE uses too: n·d / (n − f1 + f1·n/N) for d values in a sample of n of
    N rows, f1 of them seen once. A sample without a repetition says nothing of how often values repeat beyond it.
    """
    present = array.drop_null()
    if pa.types.is_nested(present.type):
        # Arrow counts no lists and structs; a sample's are few enough to be counted by their texts.
        present = pa.array([repr(item) for item in present.to_pylist()], pa.string())
    counts = pc.value_counts(present).field("counts").to_numpy(zero_copy_only=False)
    n = len(present)
    if not n:
        return 1.0
    once = int((counts == 1).sum())
    return float(n * len(counts) / (n - once + once * n / max(rows, n)))


def _seconds(dataset: Dataset, key: str, rows: int, size: StoredSize) -> float:
    stored = size.table_bytes / _STORED_BYTES_PER_S + size.index_bytes / _INDEXED_BYTES_PER_S
    return _SECONDS_PER_TABLE + stored + _making_s(dataset, key, rows)


def _making_s(dataset: Dataset, key: str, rows: int) -> float:
    if rows < _TIMED_FROM_ROWS:
        return rows / _ROWS_PER_S_UNTIMED
    # Word lists and the like are made once, by the sample before this.
    started = time.perf_counter()
    dataset.batch(key, 0, _TIMED_ROWS)
    return (time.perf_counter() - started) * rows / _TIMED_ROWS
