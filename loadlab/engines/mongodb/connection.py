"""Addresses and clients: the driver's own, with what every client of LoadLab is set to."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.json_util import RELAXED_JSON_OPTIONS
from pymongo import MongoClient
from pymongo.common import VALIDATORS
from pymongo.database import Database
from pymongo.errors import ConfigurationError
from pymongo.synchronous.uri_parser import parse_uri

from loadlab.engines import mask
from loadlab.engines.mongodb.errors import translated
from loadlab.errors import InputError, UnreachableError

NAME = "mongodb"
SCRATCH_SERVER = "LOADLAB_MONGODB"
SCRATCH_PREFIX = "loadlab_scratch_"
FORM = "must be mongodb://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS, or mongodb+srv://…"
_SCHEMES = (NAME, f"{NAME}+srv")
# https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
_FORBIDDEN = frozenset('/\\. "$*<>:|?')
_LONGEST_NAME_BYTES = 63
_PATIENCE_MS = 10_000

Document = dict[str, Any]
# Moments beyond what Python holds come as `DatetimeMS`; UUIDs are of subtype 4 whoever reads them.
CODEC: CodecOptions[Document] = CodecOptions(
    document_class=dict,
    tz_aware=True,
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
# For what was read with it: the driver by itself writes no UUIDs.
EXTENDED_JSON = RELAXED_JSON_OPTIONS.with_options(uuid_representation=CODEC.uuid_representation)


@dataclass(frozen=True)
class Address:
    """Where a database is: its URL with its secrets, and the name in its path."""

    url: str
    database: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises InputError for a URL that the driver does not take, or that names no database."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise InputError("--database", FORM, value=mask(url)) from None
        if parts.scheme not in _SCHEMES or not parts.netloc:
            raise InputError("--database", FORM, value=mask(url))
        if parts.scheme == NAME:  # the other one is looked up in the DNS, by the client
            _check(url)
        database = unquote(parts.path.removeprefix("/"))
        if not database:
            raise InputError("--database", "names no database; write its name behind the host: …/NAME", value=mask(url))
        if _FORBIDDEN & set(database) or len(database.encode()) > _LONGEST_NAME_BYTES:
            raise InputError("--database", f"has the name {database!r}, which no database can have", value=mask(url))
        return cls(url, database)

    @cached_property
    def display_url(self) -> str:
        """Without secrets; options that may hold some (`authMechanismProperties`, key files) are left out whole."""
        shown = mask(self.url)
        return shown.partition("?")[0]

    def of(self, database: str) -> Address:
        """Another database of the same server; the user stays the one of the database where it is known."""
        parts = urlsplit(self.url)
        query = parts.query
        if parts.username and "authsource=" not in query.lower():
            query = "&".join([*([query] if query else []), f"authSource={quote(self.database, safe='')}"])
        return replace(
            self,
            url=urlunsplit(parts._replace(path=f"/{quote(database, safe='')}", query=query)),
            database=database,
        )

    def client(self, **options: Any) -> MongoClient[Document]:
        """A client, which connects when it is first used. Raises InputError for options that do not go together."""
        try:
            return MongoClient(self.url, **{**_defaults(self.url), **options})
        except ConfigurationError as error:
            raise InputError("--database", f"cannot be used: {error}", value=self.display_url) from None
        except (OSError, ValueError) as error:  # files of certificates that are not there, or hold none
            raise InputError("--database", f"names what cannot be read: {error}", value=self.display_url) from None

    def open(self, **options: Any) -> Database[Document]:
        """The database, once the server has answered. Raises InputError, UnreachableError."""
        client = self.client(**options)
        try:
            with translated(self.display_url):
                client.admin.command("ping")
                # Only what needs the log-in notices that it is wrong.
                client[self.database].command("listCollections", nameOnly=True, authorizedCollections=True)
        except BaseException:
            client.close()
            raise
        return database_of(client, self.database)


def database_of(client: MongoClient[Document], name: str) -> Database[Document]:
    """A database whose values are read the same way everywhere."""
    return client.get_database(name, codec_options=CODEC)


def has_scratch_server() -> bool:
    """Whether a server for scratch databases is named."""
    return bool(os.environ.get(SCRATCH_SERVER))


def scratch_address() -> Address:
    """A new database on the server for such. Raises UnreachableError when none is named."""
    server = os.environ.get(SCRATCH_SERVER, "")
    if not server:
        raise UnreachableError(
            f"a scratch database needs a server: set {SCRATCH_SERVER}=mongodb://HOST:PORT, or name a database with"
            " --database"
        )
    parts = urlsplit(server)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise InputError(SCRATCH_SERVER, "must be mongodb://HOST:PORT", value=mask(server))
    # Users of a server without a database in its address are known in `admin`, as the driver takes it.
    known_in = unquote(parts.path.removeprefix("/")) or "admin"
    return Address(server, known_in).of(scratch_name())


def scratch_name() -> str:
    """A name that no other database has."""
    return f"{SCRATCH_PREFIX}{secrets.token_hex(6)}"


def _check(url: str) -> None:
    try:
        parse_uri(url, validate=True, warn=False)
    except (ConfigurationError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        if reason.startswith("Unknown option"):
            reason = _unknown_option(url) or reason
        raise InputError("--database", f"cannot be used: {reason}; it {FORM}", value=mask(url)) from None


def _unknown_option(url: str) -> str:
    """The first option of an address that the driver does not know, which its own error does not name; "" without."""
    for name in (option.partition("=")[0] for option in urlsplit(url).query.replace(";", "&").split("&")):
        if name and name.lower() not in VALIDATORS:
            close = get_close_matches(name.lower(), sorted(VALIDATORS), n=1)
            return f"the driver knows no option {name}" + (f" (did you mean {close[0]}?)" if close else "")
    return ""


def _defaults(url: str) -> Document:
    """What a client is set to unless the URL says otherwise."""
    said = {option.partition("=")[0].lower() for option in urlsplit(url).query.split("&")}
    found = {
        "appName": "loadlab",
        "serverSelectionTimeoutMS": _PATIENCE_MS,
        "connectTimeoutMS": _PATIENCE_MS,
    }
    return {name: value for name, value in found.items() if name.lower() not in said}
