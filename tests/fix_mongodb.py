"""One private MongoDB-compatible server for the whole run, a new database for each test; skipped where it is missing.

It is SecantusDB, which speaks MongoDB's wire protocol over the real WiredTiger. It is a process of its own and is not
imported by LoadLab. What it lacks of a real `mongod` is declared in tests/engines/conftest.py.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from loadlab.engines.mongodb.engine import MongodbEngine

_PROGRAM = "secantusd-py"
_START_S = 30.0


def missing_for_mongodb() -> str | None:
    """What is missing for tests on MongoDB, None when it is all there."""
    if find_spec("pymongo") is None:
        return "needs the driver pymongo (pip install 'loadlab[mongodb]')"
    if _program() is None:
        return "needs SecantusDB (pip install secantusdb==0.7.0b3)"
    return None


def _program() -> str | None:
    beside = Path(sys.executable).with_name(_PROGRAM)
    return str(beside) if beside.exists() else shutil.which(_PROGRAM)


def free_port() -> int:
    """A port of the loopback that nobody listens on, chosen by the system."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_server(
    folder: Path, *options: str, port: int | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server with its files in a folder; its address without a database, and its process."""
    program, port = _program(), port or free_port()
    assert program is not None
    with (folder / "server.log").open("ab") as log:
        command = [
            program, "--host", "127.0.0.1", "--port", str(port), "--storage-path", str(folder / "data"),
            "--cache-size", "256M", "--log-level", "WARNING", *options,
        ]  # fmt: skip
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(process, port, folder / "server.log")
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true", process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{_PROGRAM} does not listen: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Keeps the server alive; while it is, `mongodb://` is a new database on it, which disappears when closed."""
    missing = missing_for_mongodb()
    if missing is not None:
        pytest.skip(missing)
    with running_server(tmp_path_factory.mktemp("mongodb")) as (url, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOADLAB_MONGODB", url)
        yield url


@pytest.fixture
def mongodb_database(mongo_server: str) -> Iterator[MongodbEngine]:
    """An empty database of that server."""
    from loadlab.engines import open_database
    from loadlab.engines.mongodb.engine import MongodbEngine

    assert os.environ["LOADLAB_MONGODB"] == mongo_server
    with open_database("mongodb://") as engine:
        assert isinstance(engine, MongodbEngine)
        yield engine
