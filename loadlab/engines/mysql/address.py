"""The address of a database, as users write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from loadlab.engines import mask
from loadlab.errors import InputError

FORM = "must be mysql://USER:PASSWORD@HOST:PORT/DATABASE (?socket=PATH for a socket), or mysql:// for a scratch one"
PORT = 3306
_SSL = {"ssl_ca": "ca", "ssl_cert": "cert", "ssl_key": "key", "ssl_capath": "capath", "ssl_cipher": "cipher"}
_CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is and who logs in; `ssl` by the client library's names of files."""

    database: str
    user: str
    password: str = ""
    host: str = "localhost"
    port: int = PORT
    socket: str = ""
    ssl: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises InputError."""
        try:
            parts = urlsplit(url)
            port = parts.port or PORT
        except ValueError:
            raise InputError("--database", FORM, value=mask(url)) from None
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = sorted(options.keys() - _SSL.keys() - {"socket"})
        if unknown:
            known = ", ".join(["socket", *_SSL])
            raise InputError("--database", f"has the option {unknown[0]}; known are {known}", value=mask(url))
        database = unquote(parts.path.removeprefix("/"))
        if not database or "/" in database:
            raise InputError("--database", FORM, value=mask(url))
        return cls(
            database=database,
            user=unquote(parts.username or "root"),
            password=unquote(parts.password or ""),
            host=parts.hostname or "localhost",
            port=port,
            socket=options.get("socket", ""),
            ssl=tuple((name, options[key]) for key, name in _SSL.items() if key in options),
        )

    @property
    def url(self) -> str:
        """The address with its secrets, for a process of our own."""
        return self.as_url("mysql", socket_option="socket")

    def as_url(self, scheme: str, *, socket_option: str, **more: str) -> str:
        """With its secrets, as another library names it; `more` are options behind those of the address."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        words = {f"ssl_{name}": value for name, value in self.ssl}
        words |= ({socket_option: self.socket} if self.socket else {}) | more
        query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in words.items())
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = f"{quote(self.user, safe='')}{secret}@{host}:{self.port}/{quote(self.database, safe='')}"
        return f"{scheme}://{place}{'?' if query else ''}{query}"

    def of(self, database: str) -> Address:
        """Another database of the same server."""
        return replace(self, database=database)

    def arguments(self, *, with_database: bool = True) -> Mapping[str, Any]:
        """What the driver's `connect` takes."""
        found: dict[str, Any] = {
            "user": self.user, "password": self.password, "host": self.host, "port": self.port,
            "connect_timeout": _CONNECT_TIMEOUT_S, "local_infile": 1,
        }  # fmt: skip
        if with_database:
            found["database"] = self.database
        if self.socket:
            found["unix_socket"] = self.socket
        if self.ssl:
            found["ssl"] = dict(self.ssl)
        return found
