"""One private MariaDB server for the whole run, a new database for each test, and one that may be killed.

Skipped without programs or driver.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadlab.errors import UnreachableError

if TYPE_CHECKING:
    from loadlab.engines.mysql.engine import MysqlEngine

_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/bin:/bin"


def missing_for_mysql() -> str | None:
    """What is missing for tests on MariaDB, None when it is all there."""
    if find_spec("MySQLdb") is None:
        return "needs the driver mysqlclient (pip install 'loadlab[mysql]', which is built: libmariadb-dev, gcc)"
    if shutil.which("mariadbd") is None and shutil.which("mariadbd", path=_FOLDERS) is None:
        return "needs mariadbd (apt-get install mariadb-server-core mariadb-client-core)"
    return None


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """Keeps the server alive; while it is, `mysql://` is a new database on it at once."""
    missing = missing_for_mysql()
    if missing is not None:
        pytest.skip(missing)
    from loadlab.engines import open_database

    with open_database("mysql://") as engine:
        yield engine.url


@pytest.fixture
def mysql_database(mariadb_server: str) -> Iterator[MysqlEngine]:
    """An empty database of that server."""
    from loadlab.engines import open_database
    from loadlab.engines.mysql.engine import MysqlEngine

    with open_database("mysql://") as engine:
        assert isinstance(engine, MysqlEngine)
        yield engine


class MortalMariadb:
    """A server on a folder of its own that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        from loadlab.engines.mysql import server

        self._command = [server._program("mariadbd"), "--no-defaults", *server._places(folder), "--skip-networking"]
        self._address = f"mysql://root@localhost/books?socket={folder}/socket"
        server._install(server._program("mariadb-install-db"), folder)
        self.start()
        self.run("CREATE DATABASE books")

    @property
    def url(self) -> str:
        return self._address

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                return self.run("SELECT 1")
            except UnreachableError:
                assert self.process.poll() is None, f"the server ended with {self.process.returncode} at its start"
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    def run(self, sql: str) -> None:
        from loadlab.engines.mysql.address import Address
        from loadlab.engines.mysql.connection import Connection

        connection = Connection(Address.parse(self._address), with_database=False)
        connection.run(sql)
        connection.close()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@pytest.fixture
def mortal_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalMariadb]:
    """A server that a test kills and starts again."""
    missing = missing_for_mysql()
    if missing is not None:
        pytest.skip(missing)
    # The path of a socket is short.
    folder = tmp_path_factory.mktemp("m")
    assert len(str(folder)) < 90
    server = MortalMariadb(folder)
    yield server
    server.kill()
