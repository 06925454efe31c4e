"""Generate, encode and load an orders-like table, against the server's own COPY of a ready file of the same rows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.data.dataset import Dataset
from loadlab.data.planner import DataRequest
from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.seeding.chunks import chunks_of
from loadlab.seeding.seeder import load_chunk
from loadlab.spec.scenario import DataShape
from tests.benchmarks.pairs import time_pairs

ROWS = 2_000_000
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
    """The seeded tables without keys, and the same rows as files that the server can read."""

    def __init__(self, engine: PostgresqlEngine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        request = DataRequest(DataShape(), 1.0, 1, {"users": 20_000, "orders": ROWS}.get, {})
        self.dataset = Dataset.plan_for(engine.preview(DDL, {}), request, owns_tables=True)
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
        for chunk in chunks_of(self.dataset):
            if chunk.table == "orders":
                load_chunk(self.engine, self.dataset, chunk)

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
    time_pairs(
        benchmark,
        orders.load,
        lambda: orders.copy(form),
        before_ours=orders.empty,
        before_theirs=orders.empty,
        what=f"generate and load {ROWS:,} rows against COPY of a ready {form} file",
    )


@pytest.mark.timeout(900)
def test_copy_csv(benchmark: BenchmarkFixture, orders: Orders) -> None:
    compare(benchmark, orders, "csv")


@pytest.mark.timeout(900)
def test_copy_binary(benchmark: BenchmarkFixture, orders: Orders) -> None:
    compare(benchmark, orders, "binary")
