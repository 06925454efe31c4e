"""One connection of a replay: texts as they were logged, values bound as texts whose types the server infers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

from loadlab.engines.postgresql.connection import Connection, apply_settings, stop_when_client_is_gone
from loadlab.engines.postgresql.errors import translate, translated
from loadlab.errors import ConnectionLostError, DatabaseError

_DONE = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY}
# What an application keeps prepared in a session is far less; a log's sessions share connections here.
_PREPARED_MAX = 500
_IDLE = pq.TransactionStatus.IDLE


class PostgresqlReplaySession:
    """See `loadlab.engines.abilities.ReplaySession`."""

    def __init__(self, connection: Connection, *, timeout_s: float, read_only: bool) -> None:
        self._connection, self._timeout_s, self._read_only = connection, timeout_s, read_only
        self._pgconn = connection.pgconn
        self._names: OrderedDict[str, bytes] = OrderedDict()
        self._made = 0
        self._settings: dict[str, str] = {}
        self._establish()

    @property
    def in_transaction(self) -> bool:
        return self._pgconn.transaction_status != _IDLE

    def prepare(self, text: str) -> None:
        """Raises DatabaseError when the server refuses the text."""
        if text in self._names:
            self._names.move_to_end(text)
            return
        if len(self._names) >= _PREPARED_MAX:
            _, oldest = self._names.popitem(last=False)
            self._command(b"DEALLOCATE " + oldest)
        self._made += 1
        name = b"loadlab_%d" % self._made
        with translated():
            self._check(self._pgconn.prepare(name, _bytes(text)))
        self._names[text] = name

    def execute(self, text: str, values: Sequence[str | None] | None, *, is_prepared: bool) -> int:
        try:
            if values is None:
                result = self._pgconn.exec_(_bytes(text))
            else:
                wire: list[Any] = [None if value is None else _bytes(value) for value in values]
                if is_prepared:
                    result = self._pgconn.exec_prepared(self._names[text], wire)
                else:
                    result = self._pgconn.exec_params(_bytes(text), wire)
        except psycopg.Error as error:
            raise translate(error) from error
        self._check(result)
        return result.ntuples or result.command_tuples or 0

    def set(self, settings: Mapping[str, str]) -> None:
        if settings == self._settings:
            return
        if self.in_transaction:
            changed = [text for name, text in settings.items() if self._settings.get(name) != text]
        else:
            changed = list(settings.values())
            self._command(b"RESET ALL")
            self._establish()
        # Should one be refused, what holds now is not known: the next statement sets all of them again.
        self._settings = {"": "?"}
        for text in changed:
            self._command(_bytes(text))
        self._settings = dict(settings)

    def rollback(self) -> None:
        self._command(b"ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    def _establish(self) -> None:
        with translated():
            apply_settings(self._connection, statement_timeout_s=self._timeout_s)
            stop_when_client_is_gone(self._connection)
            if self._read_only:
                self._connection.execute("SET default_transaction_read_only = on")
        # psycopg's own cursors wait without blocking; from here on libpq's calls do.
        self._pgconn.nonblocking = 0

    def _command(self, text: bytes) -> None:
        with translated():
            self._check(self._pgconn.exec_(text))

    def _check(self, result: pq.abc.PGresult) -> None:
        if result.status in _DONE:
            return
        if result.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT):
            self._connection.close()
            raise ConnectionLostError("a COPY began, whose rows nobody has", code=None)
        error: DatabaseError = translate(error_from_result(result))
        if self._pgconn.status == pq.ConnStatus.BAD:
            raise ConnectionLostError(str(error), code=error.code)
        raise error


def _bytes(text: str) -> bytes:
    """Bytes that were no UTF-8 in the log go to the server as they were."""
    return text.encode("utf-8", "surrogateescape")
