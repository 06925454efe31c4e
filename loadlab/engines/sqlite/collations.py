"""Collations that an application brings itself: one that passes over case stands in for each.

SQLite keeps only the name of a collation in a file, and every program that opens the file has to know it
(https://www.sqlite.org/c3ref/create_collation.html).
"""

from __future__ import annotations

import re
import sqlite3

# `PRAGMA collation_list` tells also those that the file names and nobody has made.
_BUILT_IN = ("BINARY", "NOCASE", "RTRIM")
_NAMED = re.compile(r"""\bCOLLATE\s+(?:["'`\[](?P<quoted>[^"'`\]]+)["'`\]]|(?P<plain>\w+))""", re.IGNORECASE)


def stand_in(connection: sqlite3.Connection, sql: str) -> list[str]:
    """Make the collations that a text names and SQLite does not have; their names."""
    named = dict.fromkeys(found["quoted"] or found["plain"] for found in _NAMED.finditer(sql))
    made = [name for name in named if name.upper() not in _BUILT_IN]
    for name in made:
        connection.create_collation(name, _without_case)
    return made


def stand_in_for_all(connection: sqlite3.Connection) -> None:
    """The same for what the file's own tables and indexes name."""
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql LIKE '%COLLATE%'").fetchall()
    for (sql,) in rows:
        stand_in(connection, sql)


def note(name: str) -> str:
    """What is said of a collation that something stands in for."""
    return (
        f"collation {name} is the application's own: texts compare without case in its place; before the application"
        f" uses the file, let it execute REINDEX {name}"
    )


def _without_case(first: str, second: str) -> int:
    one, other = first.casefold(), second.casefold()
    return (one > other) - (one < other)
