"""SQLite: a chunked load from Arrow against the sqlite3 shell's `.import` of a ready CSV file, into the same table."""

from __future__ import annotations

import csv
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from loadlab.engines import open_database
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.engines.sqlite.loading import stored_rows

ROWS, CHUNK, ROUNDS = 500_000, 50_000, 3
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


def load_s(batches: list[pa.RecordBatch], path: Path) -> float:
    with open_database(f"sqlite:///{path}") as engine:
        manifest = Manifest("f", {}, engine.preview(DDL, {}), owns_tables=True)
        engine.create(manifest)
        table = manifest.schema.table("orders")
        started = time.perf_counter()
        for place, batch in enumerate(batches):
            engine.load(table, [batch], Chunk("orders", place * CHUNK, place * CHUNK + batch.num_rows))
        return time.perf_counter() - started


def import_s(csv_path: Path, path: Path) -> float:
    script = ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", DDL, ".mode csv"]
    started = time.perf_counter()
    subprocess.run(["sqlite3", path, *script, f".import {csv_path} orders"], check=True, capture_output=True)
    return time.perf_counter() - started


@pytest.mark.timeout(600)
def test_loading_against_the_shells_import(tmp_path):
    if shutil.which("sqlite3") is None:
        pytest.skip("needs the sqlite3 shell")
    batches = order_batches()
    csv_path = tmp_path / "orders.csv"
    with csv_path.open("w", newline="") as file:
        rows = stored_rows(batches, batches[0].schema.names)
        csv.writer(file).writerows(rows.blocks(1, 0, rows.count))
    pairs = []
    for k in range(ROUNDS):
        pairs.append((load_s(batches, tmp_path / f"ours{k}.db"), import_s(csv_path, tmp_path / f"shell{k}.db")))
    ours, shell = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / mine for mine, theirs in pairs)
    print(f"\nload {ROWS / ours:,.0f} rows/s, .import {ROWS / shell:,.0f} rows/s, ratio {ratio:.2f}")
    assert ratio >= 0.8
