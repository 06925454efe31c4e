"""The whole marketplace, from nothing to finished keys, indexes and statistics, against restoring a dump of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.server import find_installation
from loadlab.seeding.seeder import seed
from tests.benchmarks.marketplace import plan
from tests.benchmarks.pairs import time_pairs

ROWS = int(os.environ.get("LOADLAB_BENCHMARK_ROWS", "3_000_000"))
PAIRS = int(os.environ.get("LOADLAB_BENCHMARK_PAIRS", "3"))
WORKERS = 2


class Marketplace:
    """A server with a dump of the seeded marketplace, and databases to fill anew."""

    def __init__(self, engine: PostgresqlEngine, folder: Path) -> None:
        self.engine, self.dump = engine, folder / "dump"
        self.programs = find_installation(None, folder / "spare").bin
        self.dataset = plan(engine, ROWS)
        self.rows = sum(map(self.dataset.row_count, self.dataset.tables))
        self.ours = self.vacant("ours")
        self.seed()
        arguments = ["--format=directory", "--jobs=2", "--statistics", "--exclude-schema=loadlab_ledger"]
        self.run("pg_dump", *arguments, f"--file={self.dump}", self.ours)

    def vacant(self, name: str) -> str:
        """The URL of an empty database of this name, with nothing left to write out."""
        with psycopg.connect(self.engine.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
            connection.execute("CHECKPOINT")
        return re.sub(r"@/[^?]*", f"@/{name}", self.engine.url)

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run([self.programs / program, *arguments], check=True)

    def empty(self) -> None:
        self.theirs = self.vacant("theirs")
        self.ours = self.vacant("ours")

    def seed(self) -> None:
        with open_database(self.ours) as engine:
            assert seed(engine, self.dataset, workers=WORKERS, observe=lambda _: None).written == self.rows

    def restore(self) -> None:
        self.run("pg_restore", f"--jobs={WORKERS}", f"--dbname={self.theirs}", str(self.dump))


@pytest.fixture(scope="module")
def marketplace() -> Iterator[Marketplace]:
    folder = Path(tempfile.mkdtemp(prefix="loadlab-bench-"))
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        yield Marketplace(engine, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(3600)
def test_pg_restore(benchmark: BenchmarkFixture, marketplace: Marketplace) -> None:
    """Ratio of times, ours / theirs: at most 1 is asked.

    Ours is what `loadlab seed` does with two workers, after its planning: make the tables, start a second process,
    generate, load, VACUUM, keys, indexes, foreign keys and their checks, ANALYZE, sequences; all of it is on disk, as
    WAL, at the end. Theirs is `pg_restore -j 2` of a dump of the same rows as `pg_dump` makes it by default (gzip),
    plus statistics (--statistics), so that it need not ANALYZE; it does not VACUUM. Same server, same settings, in
    turn, each into a new database right after a CHECKPOINT; neither side ends with one. The dump is in the page cache.
    """
    time_pairs(
        benchmark,
        marketplace.seed,
        marketplace.restore,
        before_theirs=marketplace.empty,
        what=f"the marketplace, {marketplace.rows:,} rows, against pg_restore -j {WORKERS}",
        pairs=PAIRS,
        of_times=True,
    )
    benchmark.extra_info["rows"] = marketplace.rows
