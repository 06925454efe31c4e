"""Running a MariaDB server of our own, for scratch databases: its data is removed when it stops.

Whatever ends this process, a kill -9 included, ends the server: a shell that started it waits at the other end of a
pipe that this process holds open. One server serves all scratch databases of a process at a time.
"""

from __future__ import annotations

import itertools
import os
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from loadlab.engines.mysql.address import Address
from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import quoted
from loadlab.errors import MissingDependencyError, UnreachableError

_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 30.0
# Debian puts servers where an ordinary user's PATH does not look.
_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
_SETTINGS = (
    "--skip-networking",
    "--performance-schema=ON",
    "--character-set-server=utf8mb4",
    "--innodb-buffer-pool-size=256M",
    "--innodb-log-file-size=512M",
    "--max-connections=200",
    "--default-time-zone=+00:00",
)
# $1 folder to remove afterwards; the rest is the server's command line.
# Of the pipe at its output the server alone keeps the end, which closes when it ends.
_WATCHDOG = """
folder=$1; shift
"$@" 3>&1 </dev/null >"$folder/server.log" 2>&1 &
exec >/dev/null
read -r line
kill -9 $!
wait
rm -rf "$folder"
"""
_DIGESTS = "performance_schema.events_statements_summary_by_digest"
_numbers = itertools.count(1)


@dataclass(slots=True, eq=False)
class PrivateServer:
    """A running server; `users` are the scratch databases on it that are open."""

    folder: Path
    watchdog: subprocess.Popen[bytes]
    owner_pid: int = field(default_factory=os.getpid)
    users: int = 0

    def address(self, database: str) -> Address:
        return Address(database, "root", socket=str(self.folder / "socket"))

    @property
    def has_ended(self) -> bool:
        """Whether the server is gone, by itself or because somebody ended it."""
        assert self.watchdog.stdout is not None
        return self.watchdog.poll() is not None or bool(select.select([self.watchdog.stdout], [], [], 0)[0])

    def new_database(self) -> Address:
        """An empty database of its own."""
        name = f"scratch_{os.getpid()}_{next(_numbers)}"
        with closing(Connection(self.address(name), with_database=False)) as connection:
            connection.run(f"CREATE DATABASE {quoted(name)}")
            # Statements are counted by database, of which there may be many, and a full table counts no new one.
            if connection.value(f"SELECT count(*) > @@performance_schema_digests_size / 2 FROM {_DIGESTS}"):
                connection.run(f"TRUNCATE TABLE {_DIGESTS}")
        return self.address(name)

    def drop(self, address: Address) -> None:
        with closing(Connection(address, with_database=False)) as connection:
            connection.run(f"DROP DATABASE IF EXISTS {quoted(address.database)}")

    def stop(self) -> None:
        """Stop it, and wait for that. A forked child does nothing: the server is its parent's."""
        if os.getpid() != self.owner_pid:
            return
        assert self.watchdog.stdin is not None
        with suppress(OSError):
            self.watchdog.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.watchdog.wait(_STOP_LIMIT_S)
        assert self.watchdog.stdout is not None
        self.watchdog.stdout.close()


_running: PrivateServer | None = None


def acquire() -> PrivateServer:
    """The server of this process, started when there is none. Raises MissingDependencyError, UnreachableError."""
    global _running
    if _running is None or _running.owner_pid != os.getpid() or _running.has_ended:
        _running = start()
    _running.users += 1
    return _running


def release(server: PrivateServer) -> None:
    """One user less; the last one stops it."""
    global _running
    server.users -= 1
    if server.users <= 0:
        server.stop()
        _running = None if _running is server else _running


def start() -> PrivateServer:
    """Raises MissingDependencyError without a server's programs, UnreachableError when it does not start."""
    server, installer = _program("mariadbd"), _program("mariadb-install-db")
    folder = Path(tempfile.mkdtemp(prefix="loadlab-"))
    try:
        _install(installer, folder)
        command = [server, "--no-defaults", *_places(folder), *_SETTINGS]
        watchdog = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHDOG, "loadlab-watchdog", str(folder), *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, cwd="/",
        )  # fmt: skip
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    started = PrivateServer(folder, watchdog)
    try:
        _await(started)
    except BaseException:
        started.stop()
        raise
    return started


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS]))
    if found is None:
        raise MissingDependencyError(
            f"a scratch database (mysql://) needs {name}: install mariadb-server,"
            " or give --database mysql://USER:PASSWORD@HOST/DATABASE"
        )
    return found


def _places(folder: Path) -> list[str]:
    data = folder / "data"
    user = ["--user=root"] if os.geteuid() == 0 else []
    return [
        f"--datadir={data}", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}",
        f"--secure-file-priv={data}",
        # A server that starts removes what looks like the temporary tables of one that died, another's as well.
        f"--tmpdir={folder}", *user,
    ]  # fmt: skip


def _install(installer: str, folder: Path) -> None:
    """The system tables. What is removed anyway need not be flushed to disk."""
    command = [
        installer, "--no-defaults", *_places(folder), "--auth-root-authentication-method=normal", "--skip-test-db",
        "--innodb-flush-method=nosync", "--innodb-log-file-size=16M",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_START_LIMIT_S,
            cwd="/",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"mysql://: mariadb-install-db did not end within {_START_LIMIT_S:g} s") from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise UnreachableError(f"mysql://: mariadb-install-db failed: {words[-1] if words else 'without a word'}")


def _await(server: PrivateServer) -> None:
    limit_s = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            Connection(server.address(""), with_database=False).close()
        except UnreachableError:
            if time.monotonic() > limit_s or server.has_ended:
                log = server.folder / "server.log"
                words = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
                why = words[-1] if words else "without a word"
                raise UnreachableError(f"mysql://: the server did not start: {why}") from None
            time.sleep(0.02)
        else:
            return
