"""The database for frameworks that make their tables in it: its address in their words, and its schema as a script."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.engines.mysql.address import Address
from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import literal, quoted
from loadlab.engines.mysql.reflect import create_text, reflect, table_names

# Where the numbering stands is no part of the schema, nor who defined a view or a trigger.
_NUMBERING = re.compile(r" AUTO_INCREMENT=\d+(?= |$)", re.MULTILINE)
_DEFINER = re.compile(r" (?:ALGORITHM=\w+ )?DEFINER=\S+(?: SQL SECURITY \w+)?")


def sqlalchemy_url(address: Address) -> str:
    """With the driver that LoadLab brings along."""
    return address.as_url("mysql+mysqldb", socket_option="unix_socket", charset="utf8mb4")


def django_settings(address: Address) -> Mapping[str, Any]:
    """A socket's path is a host that begins with a slash."""
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": address.database,
        "USER": address.user,
        "PASSWORD": address.password,
        "HOST": address.socket or address.host,
        "PORT": "" if address.socket else str(address.port),
        "OPTIONS": {"ssl": dict(address.ssl)} if address.ssl else {},
    }


def dump_ddl(connection: Connection, database: str) -> str:
    """Tables by name, which refer to each other before they are there; then views, then triggers."""
    return "".join(_parts(connection, database))


def _parts(connection: Connection, database: str) -> Iterator[str]:
    yield "SET foreign_key_checks = 0;\n\n"
    for name in table_names(connection, database):
        yield f"{_NUMBERING.sub('', create_text(connection, database, name))};\n\n"
    for text in views_of(connection, database):
        yield f"{text};\n\n"
    for text in triggers_of(connection, database):
        yield f"DELIMITER //\n{text}//\nDELIMITER ;\n\n"
    yield "SET foreign_key_checks = 1;\n"


def views_of(connection: Connection, database: str) -> Iterator[str]:
    """The texts that make the views in any database, by name."""
    rows = connection.rows(f"SELECT table_name FROM information_schema.views WHERE table_schema = {literal(database)}")
    for (name,) in sorted(rows):
        text = str(connection.rows(f"SHOW CREATE VIEW {quoted(database)}.{quoted(name)}")[0][1])
        yield _DEFINER.sub("", text, count=1).replace(f"{quoted(database)}.", "")


def triggers_of(connection: Connection, database: str) -> Iterator[str]:
    """The texts that make the triggers."""
    for table in reflect(connection, database):
        for trigger in table.triggers:
            yield _DEFINER.sub("", trigger.definition, count=1)
