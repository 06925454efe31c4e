"""Generating and encoding, each measurement in a process of its own: peak memory, and whether anything grows."""

from __future__ import annotations

import json
import os
import pickle
import statistics
import subprocess
import sys
from dataclasses import dataclass

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.load import target
from tests.benchmarks.marketplace import plan

FEW = int(os.environ.get("LOADLAB_BENCHMARK_GROWTH", "1_000_000"))
MANY = 10 * FEW
PAIRS = 3
LIMIT_BYTES = 400 * 1024**2

# What a loading process does, the server left out: every chunk of every table generated and encoded, a few pieces
# ahead, as `loadlab.engines.postgresql.load` does it.
WORKER = """
import json, pickle, resource, sys, time
from loadlab.data.dataset import Dataset
from loadlab.engines.postgresql.ahead import made_ahead
from loadlab.engines.postgresql.copy_binary import encode
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.seeding.chunks import chunks_of
from loadlab.seeding.workers import load_chunk

class Nowhere(PostgresqlEngine):
    def __init__(self, wires):
        self.wires = wires

    def load(self, table, batches, chunk):
        for _ in made_ahead(piece for batch in batches for piece in encode(batch, self.wires[table.key])):
            pass
        return chunk.rows

manifest, wires = pickle.load(sys.stdin.buffer)
dataset = Dataset.from_manifest(manifest)
nowhere = Nowhere(wires)
started = time.process_time()
rows = sum(load_chunk(nowhere, dataset, chunk) for chunk in chunks_of(dataset))
seconds = time.process_time() - started
peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"rows": rows, "us_per_row": seconds / rows * 1e6, "peak_bytes": peak_kb * 1024}))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Processor time and peak of resident memory of one process."""

    rows: int
    us_per_row: float
    peak_bytes: int


@pytest.fixture(scope="module")
def jobs() -> dict[int, bytes]:
    """By least number of rows, what a worker is told."""
    made = {}
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        for rows in (FEW, MANY):
            dataset = plan(engine, rows)
            engine.create(dataset.manifest)
            wires = {}
            for key in dataset.tables:
                table = dataset.table(key)
                columns = [column.name for column in table.stored_columns]
                wires[key] = target(engine._connection, table, columns).wires
            engine._connection.execute("DROP SCHEMA public, loadlab_ledger CASCADE; CREATE SCHEMA public")
            made[rows] = pickle.dumps((dataset.manifest, wires))
    return made


def measure(job: bytes) -> Measured:
    done = subprocess.run([sys.executable, "-c", WORKER], input=job, stdout=subprocess.PIPE, check=True)
    return Measured(**json.loads(done.stdout))


@pytest.mark.timeout(1800)
def test_memory(benchmark: BenchmarkFixture, jobs: dict[int, bytes]) -> None:
    """Peak resident memory of a worker that makes the whole marketplace of 10 M rows; ratio = peak / 400 MB, <= 1."""
    made: list[Measured] = []
    benchmark.pedantic(lambda: made.append(measure(jobs[MANY])), rounds=1, iterations=1)
    benchmark.extra_info["ratio"] = made[0].peak_bytes / LIMIT_BYTES
    benchmark.extra_info["peak_bytes"] = made[0].peak_bytes
    print(f"\n{made[0].rows:,} rows: peak {made[0].peak_bytes / 1024**2:.0f} MB, {made[0].us_per_row:.2f} µs/row")
    assert made[0].peak_bytes <= LIMIT_BYTES


@pytest.mark.timeout(3600)
def test_growth(benchmark: BenchmarkFixture, jobs: dict[int, bytes]) -> None:
    """The marketplace of 10 M rows against that of 1 M, in turn: processor time a row, and peak memory; each <= 1.1."""
    few: list[Measured] = []
    many: list[Measured] = []
    benchmark.pedantic(
        lambda: many.append(measure(jobs[MANY])),
        setup=lambda: few.append(measure(jobs[FEW])),
        rounds=PAIRS,
        iterations=1,
    )
    pairs = list(zip(few, many, strict=True))
    time_ratio = statistics.median(large.us_per_row / small.us_per_row for small, large in pairs)
    memory_ratio = statistics.median(large.peak_bytes / small.peak_bytes for small, large in pairs)
    benchmark.extra_info["ratio"] = time_ratio
    benchmark.extra_info["ratio_memory"] = memory_ratio
    print(
        f"\n{many[0].rows:,} rows against {few[0].rows:,}: time a row × {time_ratio:.2f}, memory × {memory_ratio:.2f};"
        f" {statistics.median(m.us_per_row for m in many):.2f} µs/row,"
        f" {statistics.median(m.peak_bytes for m in many) / 1024**2:.0f} MB"
    )
