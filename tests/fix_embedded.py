"""One embedded server for the whole run, a new database for each test; and every other PostgreSQL that is installed."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.server import Installation, Server, find_installation, initialise, server_user, start

_DEBIAN = Path("/usr/lib/postgresql")
_numbers = itertools.count(1)


def _servers() -> Iterator[str]:
    """The bundled PostgreSQL, and Debian's, by a short name."""
    yield "bundled"
    for programs in sorted(_DEBIAN.glob("*/bin/initdb")):
        yield f"debian-{programs.parent.parent.name}"


def _installation(name: str, spare: Path) -> Installation:
    """The programs of one of them."""
    user = server_user(None)
    if name == "bundled":
        return find_installation(user, spare)
    return Installation(_DEBIAN / name.removeprefix("debian-") / "bin", user)


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[str]:
    """Keeps the embedded server alive; while it is, `embedded:` is a new database on it at once."""
    with open_database("embedded:") as engine:
        yield engine.url


@pytest.fixture
def database(embedded_server: str) -> Iterator[PostgresqlEngine]:
    """An empty database of the embedded server."""
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        yield engine


@pytest.fixture(scope="session", params=_servers())
def any_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each PostgreSQL that is installed."""
    base = Path(tempfile.mkdtemp(prefix="loadlab-test-"))
    programs = _installation(request.param, base / "server")
    if programs.user is not None:
        shutil.chown(base, programs.user)
    initialise(programs, base / "data")
    server = start(programs, base / "data", base, temporary=base)
    yield server
    server.stop()


@pytest.fixture
def new_database(any_server: Server) -> Iterator[Callable[[], PostgresqlEngine]]:
    """Makes empty databases on a server of each PostgreSQL that is installed."""
    with ExitStack() as stack:

        def new() -> PostgresqlEngine:
            name = f"test_{next(_numbers)}"
            any_server.execute(f"CREATE DATABASE {name}")
            stack.callback(any_server.execute, f"DROP DATABASE {name} WITH (FORCE)")
            return stack.enter_context(PostgresqlEngine(any_server.url(name)))

        yield new


@pytest.fixture
def any_database(new_database: Callable[[], PostgresqlEngine]) -> PostgresqlEngine:
    """An empty database of each PostgreSQL that is installed."""
    return new_database()
