"""Connections, and one of them as the load uses it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from loadlab.engines.protocol import Values
from loadlab.engines.sqlite.collations import stand_in_for_all
from loadlab.engines.sqlite.dialect import render
from loadlab.engines.sqlite.errors import translated
from loadlab.engines.sqlite.script import REMEDY
from loadlab.engines.sqlite.values import column_values, value
from loadlab.engines.translation import UntranslatableError
from loadlab.errors import InputError
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

# How often a running statement looks at the clock, in instructions of SQLite's virtual machine: every few
# milliseconds of work, so that short statements never do.
_INSTRUCTIONS_PER_LOOK = 100_000
# A commit is on disk before it returns, as other servers' are by default; NORMAL would sync at checkpoints only.
SYNCHRONOUS = "FULL"


def open_connection(path: Path, *, timeout_s: float, create: bool = False) -> sqlite3.Connection:
    """A connection that commits by itself outside BEGIN … COMMIT and waits `timeout_s` for a lock.

    Raises DatabaseErrors; a file that is not there is made only with `create`.
    """
    uri = f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}"
    with translated(str(path)):
        connection = sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None)
        try:
            connection.execute("PRAGMA schema_version").fetchall()
            stand_in_for_all(connection)
        except BaseException:
            connection.close()
            raise
    return connection


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as SQLite takes it (the driver keeps its compiled form by the text) and its distinct names."""

    sql: str
    names: tuple[str, ...]


class SqliteSession:
    """A `DirectSession`, and CanCancel. Foreign keys are enforced, commits are synced (`SYNCHRONOUS`)."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self._path, self._timeout_s = path, timeout_s
        self.enforced_s = timeout_s
        self._deadline_s = float("inf")
        self._is_open = False
        self.open()

    def open(self) -> None:
        """See `loadlab.engines.abilities.DirectSession`."""
        if self._is_open:
            return
        self._connection = open_connection(self._path, timeout_s=self._timeout_s)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        self._connection.set_progress_handler(self._is_late, _INSTRUCTIONS_PER_LOOK)
        self._cursor = self._connection.cursor()
        self._is_open = True

    def shut(self) -> None:
        """See `loadlab.engines.abilities.DirectSession`."""
        self._is_open = False
        self._connection.close()

    def cancel(self) -> None:
        """Ends what is executed, save waiting for a lock, which ends with the session's own limit."""
        # Closed meanwhile: then nothing is executed.
        with suppress(sqlite3.ProgrammingError):
            self._connection.interrupt()

    def abandon(self) -> None:
        """There is no server that could be silent."""

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline_s

    def prepare(self, statement: Statement) -> Prepared:
        """Raises InputError for a statement in another engine's words that has no counterpart here."""
        try:
            return Prepared(render(statement), statement.names)
        except UntranslatableError as error:
            raise InputError(str(statement), f"{error}; {REMEDY}") from None

    def encode(self, handle: Prepared, columns: Mapping[str, pa.Array]) -> list[Values]:
        """Tuples in the order of the handle's names; a list becomes its JSON text."""
        return list(zip(*(column_values(columns[name]) for name in handle.names), strict=True))

    def encode_row(self, handle: Prepared, values: Mapping[str, Any]) -> Values:
        """A tuple in the order of the handle's names."""
        return tuple(value(values[name]) for name in handle.names)

    def execute(self, handle: Prepared, values: Values) -> int:
        """Run it to its end; rows returned, else rows affected."""
        self._deadline_s = time.monotonic() + self._timeout_s
        with translated():
            cursor = self._cursor.execute(handle.sql, values)
            if cursor.description is not None:
                return len(cursor.fetchall())
            return max(cursor.rowcount, 0)

    def query(self, handle: Prepared, values: Values) -> list[tuple[Any, ...]]:
        """Run it and return the rows as SQLite stores them."""
        self._deadline_s = time.monotonic() + self._timeout_s
        with translated():
            return self._cursor.execute(handle.sql, values).fetchall()

    def begin(self, isolation: str | None = None) -> None:
        """Take the write lock at once: a transaction that reads first and writes then could only fail by then.

        Every transaction is serializable: no level that could be asked for is stronger.
        """
        self._run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit, to disk."""
        self._run("COMMIT")

    def rollback(self) -> None:
        """Undo; nothing happens outside a transaction."""
        if self._connection.in_transaction:
            self._run("ROLLBACK")

    def _run(self, sql: str) -> None:
        self._deadline_s = time.monotonic() + self._timeout_s
        with translated():
            self._connection.execute(sql)

    def flush_counters(self) -> None:
        """SQLite keeps no counters."""

    def close(self) -> None:
        """Close it; an open transaction is rolled back."""
        self.shut()
