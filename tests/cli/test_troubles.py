"""What is wrong with a database is one clear line with what to do about it, and exit code 2, on every engine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from loadlab.engines.postgresql.catalog import LEDGER_NAMESPACE
from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import ENTRY_POINT, Finished, Loadlab, environment
from tests.shop import DDL

if TYPE_CHECKING:
    # Its driver need not be installed.
    from loadlab.engines.mysql.engine import MysqlEngine

PASSWORD = "s3cret"
# Some 20 MB, of which a small disk holds a part.
MANY = ("--rows", "customers=1000", "--rows", "orders=200000")


@pytest.fixture
def seed(loadlab: Loadlab, tmp_path: Path) -> Callable[..., Finished]:
    schema = tmp_path / "schema.sql"
    schema.write_text(DDL)

    def run(url: str, *rows: str) -> Finished:
        return loadlab("seed", schema, *(rows or ("--rows", "10")), "--database", url)

    return run


def assert_told(done: Finished, *said: str) -> None:
    assert done.exit_code == 2, done.err
    for words in said:
        assert words in done.error_line
    assert PASSWORD not in done.out + done.err


@dataclass(slots=True)
class Disks:
    """Small disks in memory, which only root can make."""

    _mounts: ExitStack = field(default_factory=ExitStack)

    def mount(self, path: Path, size: str, *, owner: int = 0) -> None:
        path.mkdir(exist_ok=True)
        options = f"size={size},uid={owner},mode=700"
        command = ["mount", "-t", "tmpfs", "-o", options, "loadlab-test", str(path)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.xfail("needs the right to mount a file system")
        self._mounts.callback(subprocess.run, ["umount", "--lazy", str(path)], check=True)

    def make_read_only(self, path: Path) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)

    def close(self) -> None:
        self._mounts.close()


@pytest.fixture
def disks() -> Iterator[Disks]:
    found = Disks()
    yield found
    found.close()


# Addresses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url, said",
    [
        (f"postgresql://me:{PASSWORD}@127.0.0.1:1/shop", ("127.0.0.1", "start the server")),
        (f"mysql://me:{PASSWORD}@127.0.0.1:1/shop", ("127.0.0.1", "start the server")),
        ("sqlite:////no/such/folder/x.db", ("the folder does not exist", "create it or name another")),
    ],
)
def test_an_address_without_anybody_behind_it(seed, url: str, said: tuple[str, ...]) -> None:
    if url.startswith("mysql"):
        pytest.importorskip("MySQLdb", reason="needs the driver mysqlclient (pip install 'loadlab[mysql]')")
    assert_told(seed(url), *said)


# PostgreSQL ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def guest(database: PostgresqlEngine) -> Iterator[str]:
    """The address of a role that may log in, and nothing more."""
    place = database.url.rpartition("@")[2]
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
        (rules,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        before = Path(rules).read_text()
        try:
            # Whoever comes through the server's own socket is let in without a password otherwise.
            Path(rules).write_text(f"local all guest scram-sha-256\n{before}")
            connection.execute("SELECT pg_reload_conf()")
            yield f"postgresql://guest:{PASSWORD}@{place}"
        finally:
            Path(rules).write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP OWNED BY guest; DROP ROLE guest")


def test_postgresql_refuses_who_is_not_let_in(seed, guest: str) -> None:
    address = urlsplit(guest)
    assert_told(seed(guest.replace(f":{PASSWORD}@", ":wrong@")), "authentication failed", "correct user and password")
    assert_told(seed(address._replace(path="/nothing").geturl()), "does not exist; create the database first")
    assert_told(seed(guest), "line 1 is refused by the database: permission denied", "grant the role that privilege")


def test_postgresql_that_may_not_be_written_to(seed, database: PostgresqlEngine) -> None:
    name = urlsplit(database.url).path.removeprefix("/")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    assert_told(seed(database.url), "read-only", "give a server that may be written to")


@pytest.mark.slow
def test_postgresql_on_a_full_disk(seed, database: PostgresqlEngine, disks: Disks, embedded_folder: Path) -> None:
    name = urlsplit(database.url).path.removeprefix("/")
    with psycopg.connect(database.url, autocommit=True) as connection:
        (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        small = embedded_folder / "small"
        disks.mount(small, "6m", owner=os.stat(data).st_uid)
        connection.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
        connection.execute(f'ALTER DATABASE "{name}" SET default_tablespace = small')
    try:
        assert_told(seed(database.url, *MANY), "No space left on device", "make room on the server's disk")
    finally:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" RESET default_tablespace')
            connection.execute(f"DROP SCHEMA public, {LEDGER_NAMESPACE} CASCADE")
            connection.execute("CHECKPOINT")
            connection.execute("DROP TABLESPACE small")


# MariaDB -------------------------------------------------------------------------------------------------------------


def test_mariadb_refuses_who_is_not_let_in(seed, mysql_database: MysqlEngine) -> None:
    place = mysql_database.url.rpartition("@")[2]
    database = place.partition("/")[2].partition("?")[0]
    mysql_database._connection.run(f"CREATE OR REPLACE USER 'visitor'@'localhost' IDENTIFIED BY '{PASSWORD}'")
    mysql_database._connection.run(f"GRANT SELECT ON `{database}`.* TO 'visitor'@'localhost'")
    assert_told(seed(f"mysql://visitor:wrong@{place}"), "correct user and password")
    assert_told(seed(f"mysql://visitor:{PASSWORD}@{place.replace(database, 'nothing')}"), "grant the user the database")
    assert_told(seed(f"mysql://root@{place.replace(database, 'nothing')}"), "create the database first")
    assert_told(seed(f"mysql://visitor:{PASSWORD}@{place}"), "GRANT ALL ON")


def test_mariadb_that_may_not_be_written_to(seed, mysql_database: MysqlEngine) -> None:
    connection, place = mysql_database._connection, mysql_database.url.rpartition("@")[2]
    connection.run("CREATE OR REPLACE USER 'writer'@'localhost'")
    connection.run("GRANT ALL ON *.* TO 'writer'@'localhost'")
    connection.run("REVOKE READ_ONLY ADMIN ON *.* FROM 'writer'@'localhost'")
    connection.run("SET GLOBAL read_only = 1")
    try:
        assert_told(seed(f"mysql://writer@{place}"), "read-only", "give a server that may be written to")
    finally:
        connection.run("SET GLOBAL read_only = 0")


@pytest.mark.slow
def test_mariadb_on_a_full_disk(seed, mysql_database: MysqlEngine, disks: Disks) -> None:
    folder = Path(str(mysql_database._connection.value("SELECT @@datadir"))) / mysql_database._database
    disks.mount(folder, "6m", owner=folder.stat().st_uid)
    assert_told(seed(mysql_database.url, *MANY), "make room on the server's disk")
    mysql_database._connection.run("SET foreign_key_checks = 0")
    for table in ("orders", "customers"):
        mysql_database._connection.run(f"DROP TABLE IF EXISTS {table}")


# SQLite --------------------------------------------------------------------------------------------------------------


def test_sqlite_that_may_not_be_written_to(seed, disks: Disks, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disks.mount(disk, "2m")
    url = f"sqlite:///{disk}/x.db"
    assert seed(url).exit_code == 0
    disks.make_read_only(disk)
    assert_told(seed(url.replace("x.db", "other.db")), "its folder must exist and be writable")
    (tmp_path / "text.db").write_text("no database, but long enough to be read as the head of one" * 20)
    assert_told(seed(f"sqlite:///{tmp_path}/text.db"), "not a database", "give another file")


def test_sqlite_on_a_full_disk(seed, disks: Disks, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    # It holds what is foreseen of the file, and not the journal beside it.
    disks.mount(disk, "16m")
    assert_told(seed(f"sqlite:///{disk}/x.db", *MANY), "full", "make room on its disk")


# -- the output -------------------------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_changes_no_exit_code(tmp_path: Path) -> None:
    """`loadlab check schema.sql | head -1`: exit code 1 would say that something was found."""
    running = subprocess.Popen(
        [ENTRY_POINT, "check", "--list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path)
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    assert running.wait(60) == 0
    assert running.stderr.read() == b""
    running.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_output_onto_a_full_disk_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [ENTRY_POINT, "check", "--list"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.decode() == "Error: nothing more can be written: No space left on device\n"
