"""SQLite: a chunked load from Arrow against the sqlite3 shell's `.import` of a ready CSV file, into the same table."""

from __future__ import annotations

import csv
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.engines import open_database
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.engines.sqlite.loading import stored_rows
from tests.benchmarks.pairs import time_pairs

ROWS, CHUNK = 500_000, 50_000
DDL = """\
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'paid', 'shipped')),
    total REAL NOT NULL,
    quantity INTEGER NOT NULL
) STRICT;
"""


def order_batches() -> list[pa.RecordBatch]:
    random = np.random.default_rng(1)
    keys = pa.array([random.bytes(16) for _ in range(ROWS)], pa.binary(16))
    moments = np.sort(random.integers(1_704_067_200_000_000, 1_767_225_600_000_000, ROWS))
    cents = np.zeros((ROWS, 2), np.int64)
    cents[:, 0] = random.integers(0, 10**8, ROWS)
    whole = pa.RecordBatch.from_arrays(
        [
            pa.array(np.arange(ROWS)),
            keys,
            pa.array(moments, pa.timestamp("us", "UTC")),
            pa.array(np.array(["pending", "paid", "shipped"])[random.integers(0, 3, ROWS)]),
            pa.Array.from_buffers(pa.decimal128(12, 2), ROWS, [None, pa.py_buffer(cents)]),
            pa.array(random.integers(1, 100, ROWS).astype(np.int16)),
        ],
        names=["id", "user_id", "created_at", "status", "total", "quantity"],
    )
    return [whole.slice(start, CHUNK) for start in range(0, ROWS, CHUNK)]


def load(batches: list[pa.RecordBatch], path: Path) -> None:
    with open_database(f"sqlite:///{path}") as engine:
        manifest = Manifest("f", {}, engine.preview(DDL, {}), owns_tables=True)
        engine.create(manifest)
        table = manifest.schema.table("orders")
        for place, batch in enumerate(batches):
            engine.load(table, [batch], Chunk("orders", place * CHUNK, place * CHUNK + batch.num_rows))


def shell_import(csv_path: Path, path: Path) -> None:
    script = ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", DDL, ".mode csv"]
    subprocess.run(["sqlite3", path, *script, f".import {csv_path} orders"], check=True, capture_output=True)


@pytest.mark.timeout(600)
def test_sqlite_import(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("needs the sqlite3 shell (apt-get install sqlite3)")
    batches = order_batches()
    csv_path = tmp_path / "orders.csv"
    with csv_path.open("w", newline="") as file:
        rows = stored_rows(batches, batches[0].schema.names)
        csv.writer(file).writerows(rows.blocks(1, 0, rows.count))
    names = (f"{number}.db" for number in itertools.count())
    time_pairs(
        benchmark,
        lambda: load(batches, tmp_path / next(names)),
        lambda: shell_import(csv_path, tmp_path / next(names)),
        what=f"load {ROWS:,} ready rows into SQLite against the shell's .import of a CSV file",
    )
