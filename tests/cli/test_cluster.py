"""Seeding through a Dask cluster: the same content as a seeding by this machine's processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import MARKETPLACE, Loadlab, content, environment

# Two chunks a table.
ROWS = 110_000
DDL = """
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL UNIQUE, created_at timestamptz NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, total numeric(12, 2) NOT NULL);
"""
CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    workers = int(sys.argv[1])
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(find_spec("distributed") is None, reason="needs Dask: pip install 'loadlab[dask]'")


class Cluster:
    """A scheduler and its workers in processes of their own, on the loopback."""

    def __init__(self, folder: Path, workers: int) -> None:
        path = folder / "cluster.py"
        path.write_text(CLUSTER)
        self.log = folder / "cluster.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(path), str(workers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(folder),
                text=True,
            )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.communicate(timeout=30)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    started = Cluster(tmp_path, 2)
    yield started
    started.stop()


def test_a_cluster_makes_the_same_content(
    cluster: Cluster, database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path
) -> None:
    schema = tmp_path / "schema.sql"
    schema.write_text(DDL)
    with open_database("embedded:") as local:
        done = loadlab("seed", schema, "--rows", ROWS, "--database", local.url, "--json")
        assert done.exit_code == 0, done.err
        expected = content(local.url)
    url = database.url.replace("loadlab@", "loadlab:s3cret@")
    done = loadlab("seed", schema, "--rows", ROWS, "--database", url, "--cluster", cluster.address, "--json")
    assert done.exit_code == 0, done.err
    assert json.loads(done.out)["rows"] == sum(int(digest.split()[0]) for digest in expected.values())
    assert content(database.url) == expected
    cluster.stop()
    assert "s3cret" not in cluster.log.read_text()
    assert "s3cret" not in done.out + done.err


def test_a_scheduler_that_does_not_answer_is_named(database: PostgresqlEngine, loadlab: Loadlab) -> None:
    done = loadlab("seed", MARKETPLACE, "--database", database.url, "--cluster", "tcp://127.0.0.1:1")
    assert done.exit_code == 2
    assert "--cluster=tcp://127.0.0.1:1" in done.error_line
    assert dict(database.user_tables()) == {}
