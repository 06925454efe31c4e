"""One private MariaDB server for the whole run, a new database for each test; skipped without programs or driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

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
