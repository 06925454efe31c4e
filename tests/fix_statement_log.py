"""Servers that log every statement with its duration, as csvlog and, from PostgreSQL 15 on, as jsonlog."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from loadlab.engines.postgresql.server import Server, initialise, start
from tests.fix_embedded import _installation, _servers

_CONFIGURATION = """
logging_collector = on
log_directory = 'log'
log_filename = 'all'
log_min_duration_statement = 0
log_min_error_statement = error
"""


def _forms(major: int) -> tuple[str, ...]:
    return ("csv", "json") if major >= 15 else ("csv",)


@dataclass(frozen=True, slots=True)
class LoggingServer:
    """A server and the files that it logs to."""

    server: Server
    folder: Path
    major: int

    @property
    def logs(self) -> dict[str, Path]:
        """By form."""
        return {form: self.folder / f"all.{form}" for form in _forms(self.major)}

    def begin(self) -> dict[str, int]:
        """Where the logs end now, in bytes."""
        self.await_written("begin")
        return {form: path.stat().st_size for form, path in self.logs.items()}

    def since(self, marks: dict[str, int], folder: Path) -> dict[str, Path]:
        """The logs from there on, as files of their own."""
        self.await_written("end")
        made = {}
        for form, path in self.logs.items():
            made[form] = folder / f"postgresql.{form}"
            made[form].write_bytes(path.read_bytes()[marks[form] :])
        return made

    def await_written(self, word: str) -> None:
        """The collector writes what it is sent when it comes to it: wait for a word of our own."""
        mark = f"{word} {time.monotonic_ns()}"
        with psycopg.connect(self.server.url("postgres"), autocommit=True, application_name="loadlab") as connection:
            connection.execute(f"SELECT '{mark}'".encode())
        ends_s = time.monotonic() + 30
        while not all(mark.encode() in path.read_bytes() for path in self.logs.values()):
            assert time.monotonic() < ends_s, "the server did not write its log"
            time.sleep(0.02)


@pytest.fixture(scope="module", params=_servers())
def logging_server(request: pytest.FixtureRequest) -> Iterator[LoggingServer]:
    """Of each PostgreSQL that is installed."""
    base = Path(tempfile.mkdtemp(prefix="loadlab-test-"))
    programs = _installation(request.param, base / "server")
    if programs.user is not None:
        shutil.chown(base, programs.user)
    initialise(programs, base / "data")
    with (base / "data" / "postgresql.conf").open("a") as file:
        file.write(_CONFIGURATION)
        file.write(f"log_destination = '{','.join(f'{form}log' for form in _forms(programs.major))}'\n")
        if programs.major >= 14:
            file.write("compute_query_id = on\n")
    server = start(programs, base / "data", base, temporary=base)
    yield LoggingServer(server, base / "data" / "log", programs.major)
    server.stop()
