"""A history is one SQLite file with a row a night: appended in a transaction, by any number of writers at once.

Its pages are so large that a night lies in one piece, which `records.carve` finds whatever happened to the rest.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadlab.errors import InputError
from loadlab.history.records import carve, pack, unpack
from loadlab.validate.nights.model import Night
from loadlab.validate.wording import counted

DEFAULT_FILE = Path("history/nights.db")
_APPLICATION_ID = 0x4C4C4E48
_VERSION = 1
_PAGE_BYTES = 65536
_LOCK_LIMIT_S = 30.0
# Somebody holds it, or its folder does not let us: the file itself may be sound.
_NOT_NOW = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
}
_HEADER = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Readout:
    """The nights of a file, oldest first. `damage` says what is wrong with it, "" where nothing is."""

    nights: tuple[Night, ...]
    damage: str = ""


def history_path(path: Path | None) -> Path:
    """A history's file: of a folder the file in it, without a path the one of the working folder."""
    if path is None:
        return DEFAULT_FILE
    return path / DEFAULT_FILE.name if path.is_dir() or not path.suffix else path


def read_history(path: Path) -> Readout:
    """Everything that can be read of a file; none is an empty history.

    Raises InputError for a file that is no history, or that cannot be opened.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return Readout(())
        nights = _rows(path)
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None
    if nights is not None:
        return Readout(_in_order(nights))
    return _salvaged(path)


def append_night(path: Path, night: Night) -> str:
    """Append a night; returns what had to be said of a damaged file, which is set aside and written anew, or "".

    Raises InputError when the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(path.parent):
            found = read_history(path)
            if found.damage:
                return _written_anew(path, found, night)
            _insert(path, [night])
        return ""
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror}; name another file (--history)") from None
    except sqlite3.Error as error:
        raise InputError(str(path), f"cannot be written: {error}; name another file (--history)") from None


def _rows(path: Path) -> list[Night] | None:
    """The nights of a sound file; None of a damaged one."""
    try:
        with closing(_connect(path)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if application != _APPLICATION_ID:
                return _foreign(path, connection)
            if version > _VERSION:
                raise InputError(str(path), f"was written by a newer LoadLab (version {version})")
            records = [row[0] for row in connection.execute("SELECT record FROM nights ORDER BY id")]
            sound = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _NOT_NOW:
            raise InputError(str(path), f"cannot be read now: {error}") from None
        return None
    except (sqlite3.DatabaseError, ValueError):
        return None
    nights = [night for record in records if isinstance(record, bytes) and (night := unpack(record)) is not None]
    return nights if sound and len(nights) == len(records) else None


def _connect(path: Path) -> sqlite3.Connection:
    """To a file that is there. It is opened for writing, so that what a killed writer left undone is undone."""
    mode = "rw" if os.access(path, os.W_OK) else "ro"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_LOCK_LIMIT_S)


def _foreign(path: Path, connection: sqlite3.Connection) -> list[Night] | None:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables == 0 or next(carve(path.read_bytes()), None) is not None:
        return None
    raise InputError(str(path), "is a database, but no history of LoadLab; name another file")


def _salvaged(path: Path) -> Readout:
    content = path.read_bytes()
    nights = list(carve(content))
    if not nights and not content.startswith(_HEADER):
        raise InputError(str(path), "is no history of LoadLab; name another file")
    damage = f"{path} is damaged: {counted(len(nights), 'night')} could be read, whatever else it held could not"
    return Readout(_in_order(nights), damage)


def _in_order(nights: list[Night]) -> tuple[Night, ...]:
    return tuple(sorted(nights, key=lambda night: night.at))


def _written_anew(path: Path, found: Readout, night: Night) -> str:
    """Keep the damaged file under another name: what cannot be read today may be worth something to somebody."""
    mark = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    aside, anew = (path.with_name(f"{path.name}.{word}-{mark}") for word in ("damaged", "anew"))
    try:
        _insert(anew, [*found.nights, night])
        shutil.copy2(path, aside)
        # Readers see the damaged file or the whole new one.
        anew.replace(path)
    finally:
        anew.unlink(missing_ok=True)
    return f"{found.damage}; it is kept as {aside.name}, and the history goes on with what could be read."


def _insert(path: Path, nights: list[Night]) -> None:
    with closing(sqlite3.connect(path, timeout=_LOCK_LIMIT_S, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("CREATE TABLE IF NOT EXISTS nights (id INTEGER PRIMARY KEY, record BLOB NOT NULL)")
        connection.executemany("INSERT INTO nights (record) VALUES (?)", [(pack(night),) for night in nights])
        connection.execute("COMMIT")


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Writers of a folder one after another: a damaged file is replaced, which no lock within the file survives."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
