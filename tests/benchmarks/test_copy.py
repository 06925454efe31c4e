"""Generate, encode and load an orders-like table, against the server's own COPY of a ready file of the same rows."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.seeding.chunks import chunks_of
from loadlab.seeding.workers import Crew, Job, load_chunk, local_crew
from loadlab.spec.shapes import DataShape
from tests.benchmarks.pairs import ratios_of, time_pairs

ROWS = 2_000_000
WORKERS = len(os.sched_getaffinity(0))
DDL = """
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL);
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'paid', 'shipped', 'delivered')),
    total numeric(12, 2) NOT NULL,
    order_number bigint NOT NULL
);
"""


class Orders:
    """The seeded tables without keys, and the same rows as files that the server can read.

    The files are written just before, so that they are in the page cache.
    """

    def __init__(self, engine: PostgresqlEngine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        request = DataRequest(DataShape(), 1.0, 1, {"users": 20_000, "orders": ROWS}.get, {})
        self.dataset = Dataset.plan_for(engine.preview(DDL, {}), request, owns_tables=True)
        self.chunks = tuple(chunk for chunk in chunks_of(self.dataset) if chunk.table == "orders")
        engine.create(self.dataset.manifest)
        self.load()
        for name, options in (("csv", "FORMAT csv"), ("binary", "FORMAT binary")):
            self.execute(f"COPY orders TO '{folder / name}' ({options})")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.engine.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def empty(self) -> None:
        """As after creating the tables: nothing in orders, nothing in the ledger, nothing left to write out."""
        self.execute("TRUNCATE orders")
        self.execute("DELETE FROM loadlab_ledger.chunk")
        self.execute("CHECKPOINT")

    def load(self) -> None:
        """One process, one connection, chunk by chunk with its ledger row."""
        for chunk in self.chunks:
            assert load_chunk(self.engine, self.dataset, chunk) == chunk.rows

    def load_with(self, crew: Crew) -> None:
        job = Job(self.engine.url, self.dataset.manifest.fingerprint)
        done = crew.load(self.chunks, job, lambda chunk: load_chunk(self.engine, self.dataset, chunk))
        assert sum(rows for _, rows in done) == ROWS

    def copy(self, name: str) -> None:
        self.execute(f"COPY orders FROM '{self.folder / name}' (FORMAT {name})")


@pytest.fixture(scope="module")
def orders() -> Iterator[Orders]:
    folder = Path(tempfile.mkdtemp(prefix="loadlab-bench-"))
    folder.chmod(0o777)  # the server runs as a user of its own when we are root
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        yield Orders(engine, folder)
    shutil.rmtree(folder, ignore_errors=True)


def compare(benchmark: BenchmarkFixture, orders: Orders, form: str) -> None:
    """`ratio`: as many workers as there are cores, as `loadlab seed` does by default; `ratio_one_worker`: one."""
    alone = ratios_of(
        orders.load, lambda: orders.copy(form), before_ours=orders.empty, before_theirs=orders.empty, pairs=3
    )
    benchmark.extra_info["ratio_one_worker"] = statistics.median(alone)
    with local_crew(WORKERS, ROWS) as crew:
        orders.empty()
        orders.load_with(crew)  # the processes are there and warm, as they are for all chunks but a seeding's first
        time_pairs(
            benchmark,
            lambda: orders.load_with(crew),
            lambda: orders.copy(form),
            before_ours=orders.empty,
            before_theirs=orders.empty,
            what=f"generate and load {ROWS:,} rows with {WORKERS} workers against COPY of a ready {form} file",
        )
    print(f"with one worker: {statistics.median(alone):.2f} ({min(alone):.2f}–{max(alone):.2f}, {len(alone)} pairs)")


@pytest.mark.timeout(900)
def test_copy_csv(benchmark: BenchmarkFixture, orders: Orders) -> None:
    """Ratio of speeds, at least 1.5 is asked.

    Ours: the rows generated, encoded and sent through the socket in chunks, each with its ledger row, by as many
    processes as there are cores. Theirs: one COPY FROM of a CSV file in the page cache, read by the server itself.
    Both into the same empty table without keys, CHECK and NOT NULL in place, nothing waiting to be written out.
    """
    compare(benchmark, orders, "csv")


@pytest.mark.timeout(900)
def test_copy_binary(benchmark: BenchmarkFixture, orders: Orders) -> None:
    """Ratio of speeds, at least 0.85 is asked; as test_copy_csv, but theirs is a file in COPY's binary format."""
    compare(benchmark, orders, "binary")
