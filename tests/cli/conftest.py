"""The command line as a user has it: the installed entry point, in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.cli.forking import Forking

ROOT = Path(__file__).parents[2]
MARKETPLACE = ROOT / "scenarios" / "marketplace"
ENTRY_POINT = Path(sys.executable).with_name("loadlab")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command did."""

    exit_code: int
    out: str
    err: str

    @property
    def error_line(self) -> str:
        """The only line of standard error that is an error; there must be exactly one, and no traceback."""
        lines = [line for line in self.err.splitlines() if line.startswith("Error:")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a command: nothing of the caller's LoadLab settings or CI server, one cache for all tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOADLAB_", "GITHUB_"))}
    return kept | {"NO_COLOR": "1", "COLUMNS": "100"} | more


Loadlab = Callable[..., Finished]


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    process = Forking(environment(Path()))
    yield process
    process.close()


@pytest.fixture
def loadlab(tmp_path: Path, forking: Forking) -> Loadlab:
    """Runs `loadlab ARGS` in an empty folder, in a process of its own."""

    def run(*arguments: object, timeout_s: float = 90, **environ: str) -> Finished:
        return Finished(*forking.run(list(map(str, arguments)), tmp_path, environment(tmp_path, **environ), timeout_s))

    return run


@pytest.fixture
def embedded_folder() -> Iterator[Path]:
    """A short path that every user can enter, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="loadlab-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def content(url: str) -> dict[str, str]:
    """By table, the number of rows and a digest of them in the order of their text."""
    digests = {}
    with psycopg.connect(url) as connection:
        connection.execute("SET timezone = 'UTC'")
        tables = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
        ).fetchall()
        for (name,) in tables:
            row = connection.execute(
                psycopg.sql.SQL(
                    "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {} t"
                ).format(psycopg.sql.Identifier(name))
            ).fetchone()
            assert row is not None
            digests[name] = f"{row[0]} {row[1]}"
    return digests


class Process:
    """A command that goes on, and what it says on either stream."""

    def __init__(self, folder: Path, *arguments: object, **environ: str) -> None:
        self.log = folder / f"{arguments[0]}-{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [str(ENTRY_POINT), *map(str, arguments)],
                cwd=folder,
                env=environment(folder, **environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def await_word(self, word: str, limit_s: float = 60) -> None:
        ends_s = time.monotonic() + limit_s
        while word not in self.said:
            assert time.monotonic() < ends_s, self.said
            assert self._process.poll() is None, self.said
            time.sleep(0.05)

    def ended(self, limit_s: float = 60) -> int:
        return self._process.wait(limit_s)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """As `timeout` does it: twice, once to the process and once to its group."""
        self._process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts `loadlab ARGS`; whatever a test leaves behind is ended."""
    started: list[Process] = []

    def begin(*arguments: object, **environ: str) -> Process:
        started.append(Process(tmp_path, *arguments, **environ))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number
