"""A PgBouncer in transaction mode before the embedded server; Debian's package has the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from loadlab.engines.postgresql.server import run_as, server_user

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
POOL_SIZE = 3
_PORT = 6432
_START_LIMIT_S = 15


@dataclass(slots=True)
class Bouncer:
    """A running PgBouncer, with its files in a folder of its own. `stats_users` may see its console."""

    folder: Path
    server: dict[str, str]
    stats_users: str = "loadlab"
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Returns when it takes connections."""
        assert PROGRAM is not None
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n* = host={self.server['host']} port={self.server['port']} user={self.server['user']}\n"
            f"[pgbouncer]\nlisten_addr =\nlisten_port = {_PORT}\nunix_socket_dir = {self.folder}\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {POOL_SIZE}\nserver_idle_timeout = 2\n"
            f"stats_users = {self.stats_users}\nlogfile = {self.folder}/log\n"
        )
        self.process = subprocess.Popen(
            [PROGRAM, "-q", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **run_as(server_user(None)),
        )
        ends_s = time.monotonic() + _START_LIMIT_S
        while True:
            try:
                psycopg.connect(self.url("pgbouncer"), autocommit=True).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > ends_s or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def url(self, database: str) -> str:
        return f"postgresql://loadlab@/{database}?host={quote(str(self.folder), safe='')}&port={_PORT}"

    def through(self, url: str) -> str:
        """The address of the same database through it."""
        return self.url(str(conninfo_to_dict(url)["dbname"]))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def bouncer(embedded_server: str) -> Iterator[Bouncer]:
    """Leads to every database of the embedded server, over at most POOL_SIZE connections to each."""
    if PROGRAM is None:
        pytest.skip("pgbouncer is not installed")
    folder = Path(tempfile.mkdtemp(prefix="loadlab-test-"))
    user = server_user(None)
    if user is not None:
        shutil.chown(folder, user)
    given = {name: str(value) for name, value in conninfo_to_dict(embedded_server).items()}
    made = Bouncer(folder, given)
    made.start()
    yield made
    made.kill()
    shutil.rmtree(folder, ignore_errors=True)
