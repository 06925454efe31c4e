"""From a URL to a connection whose session settings LoadLab relies on.

TLS and every other option of the URL go to libpq untouched; LoadLab only adds what the URL leaves out.
"""

from __future__ import annotations

import math
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from loadlab.engines import mask
from loadlab.engines.postgresql.capabilities import OLDEST_MAJOR, Capabilities
from loadlab.engines.postgresql.errors import how_to_connect, message
from loadlab.errors import InputError, UnreachableError

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

# A peer that vanishes is noticed within half a minute instead of the kernel's two hours.
DEFAULTS: Mapping[str, str] = {
    "application_name": "loadlab",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
# Before version 15 a server process hands in its counts at most every half second, when a command ends.
_COUNTERS_DELAY_S = 0.6
# Definitions that reflection reads print times, dates and intervals as the session is set, and a DDL text may leave the
# time zone of its bounds open: fixed, the same text means the same on every machine.
_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "client_encoding": "UTF8",
    "client_min_messages": "warning",
}


def libpq_url(url: str) -> str:
    """The URL as libpq takes it: `postgresql+driver://` becomes `postgresql://`."""
    return re.sub(r"^(postgres(?:ql)?)\+\w+:", r"postgresql:", url, count=1)


def connect(url: str, *, database: str | None = None, statement_timeout_s: float | None = None) -> Connection:
    """Connect, in autocommit mode.

    `database` overrides the URL's. Raises InputError for a URL that cannot be read and UnreachableError, whose
    message holds no password, when nobody answers, the log-in is refused or the server is too old.
    """

    def settle(connection: Connection) -> None:
        _require_supported(connection, url)
        # What is set on the far side of a pooler is somebody else's session a moment later.
        if not is_pooled(connection):
            apply_settings(connection, statement_timeout_s=statement_timeout_s)

    given = _parse(url) | ({"dbname": database} if database is not None else {})
    return _open(make_conninfo(**{**DEFAULTS, **given}), url, given, settle)


def is_pooled(connection: Connection) -> bool:
    """Whether another process answers than the one that the log-in named: a pooler stands between."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row != (connection.info.backend_pid,)


def plain_opener(url: str, *, limit_s: float, options: str = "") -> Callable[[], Connection]:
    """Connects without a command of our own after the log-in; each call opens a connection, and raises as `connect`.

    `limit_s` is how long that may take, `options` go into the log-in behind those of the URL.
    """
    given = _parse(url)
    together = f"{given.get('options', '')} {options}".strip()
    # Whole seconds, and libpq takes fewer than two for two.
    own = {"client_encoding": "UTF8", "connect_timeout": str(max(2, math.ceil(limit_s)))}
    conninfo = make_conninfo(**{**DEFAULTS, **own, **given, **({"options": together} if together else {})})
    return lambda: _open(conninfo, url, given, lambda connection: None)


def settings_in_options(statement_timeout_s: float) -> str:
    """What `apply_settings` sets, as the `options` of a log-in."""
    settings = _settings(statement_timeout_s)
    return " ".join(f"-c {name}={value.replace(' ', '')}" for name, value in settings.items())


def _open(conninfo: str, url: str, given: Mapping[str, Any], settle: Callable[[Connection], None]) -> Connection:
    try:
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        raise _unreachable(error, url, given) from None
    try:
        settle(connection)
    except psycopg.Error as error:
        connection.close()
        raise _unreachable(error, url, given) from None
    except BaseException:
        connection.close()
        raise
    return connection


def apply_settings(connection: Connection, *, statement_timeout_s: float | None = None) -> None:
    """Make the session's settings what LoadLab relies on, whatever the role or a script has set."""
    settings = _settings(statement_timeout_s)
    commands = [
        sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in settings.items()
    ]
    connection.execute(sql.SQL("; ").join(commands))


def _settings(statement_timeout_s: float | None) -> dict[str, str]:
    if statement_timeout_s is None:
        return dict(_SETTINGS)
    return {**_SETTINGS, "statement_timeout": str(max(1, round(statement_timeout_s * 1000)))}


def stop_when_client_is_gone(connection: Connection) -> None:
    """Have the server give up a long statement of this session when its client has died, where it can."""
    if Capabilities(connection.info.server_version).notices_lost_clients:
        # Refused by servers on platforms without the means to notice.
        with suppress(psycopg.Error):
            connection.execute("SET client_connection_check_interval = '1s'")


def cut_off(connection: Connection) -> None:
    """Break a connection that another thread waits on, which then sees it lost."""
    # That thread is inside libpq: the socket alone may be touched, through a descriptor of our own.
    with suppress(OSError, psycopg.Error), closing(socket.socket(fileno=os.dup(connection.pgconn.socket))) as own:
        own.shutdown(socket.SHUT_RDWR)


def publish_counters(connection: Connection) -> None:
    """Have the server process of this connection hand in what it has counted."""
    if Capabilities(connection.info.server_version).flushes_counters_on_request:
        connection.pgconn.exec_(b"SELECT pg_stat_force_next_flush()")
    else:
        time.sleep(_COUNTERS_DELAY_S)
        connection.pgconn.exec_(b"SELECT 1")


def _require_supported(connection: Connection, url: str) -> None:
    if not Capabilities(connection.info.server_version).is_supported:
        found = connection.info.parameter_status("server_version")
        raise UnreachableError(f"{mask(url)}: PostgreSQL {found} found, {OLDEST_MAJOR} or later needed")


def _parse(url: str) -> dict[str, Any]:
    try:
        given = dict(conninfo_to_dict(libpq_url(url)))
    except psycopg.Error:
        given = {"port": "unreadable"}
    # An unescaped special character cuts a password in two, and messages about the URL would quote the second half:
    # neither libpq's own words nor anything that it makes of such a URL is shown.
    ports = str(given.get("port", "")).split(",")
    if url.partition("?")[0].count("@") > 1 or not all(port.isdigit() or not port for port in ports):
        raise InputError(
            "--database",
            "is no URL that PostgreSQL understands: postgresql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE,"
            " special characters in the password written as %40 (@), %2F (/), %3A (:), %3F (?), %23 (#)",
            value=mask(url),
        )
    return given


def _unreachable(error: psycopg.Error, url: str, given: Mapping[str, Any]) -> UnreachableError:
    """Whatever breaks before there is a session is one thing to the user, whatever class it has later."""
    text = message(error)
    for key in ("password", "sslpassword"):
        if given.get(key):
            text = text.replace(str(given[key]), "***")
    remedy = how_to_connect(text)
    told = f"{text.rstrip('?.')}; {remedy}" if remedy else text
    return UnreachableError(f"{mask(url)} cannot be reached: {told}", code=error.sqlstate)
