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
    lacking = _lacking(sql)
    for name in lacking:
        connection.create_collation(name, _without_case)
    return lacking


def stand_in_for_all(connection: sqlite3.Connection) -> None:
    """The same for what the file's own tables and indexes name."""
    for name in collations_of(connection):
        connection.create_collation(name, _without_case)


def collations_of(connection: sqlite3.Connection) -> list[str]:
    """The collations that the file's own tables and indexes name and SQLite does not have."""
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql LIKE '%COLLATE%'").fetchall()
    return list(dict.fromkeys(name for (sql,) in rows for name in _lacking(sql)))


def _lacking(sql: str) -> list[str]:
    named = dict.fromkeys(found["quoted"] or found["plain"] for found in _NAMED.finditer(sql))
    return [name for name in named if name.upper() not in _BUILT_IN]


def note_of(name: str) -> str:
    """What is said of a collation that something stands in for."""
    return (
        f"collation {name} is the application's own: texts compare without case in its place; before the application"
        f" uses the file, let it execute REINDEX {name}"
    )


def _without_case(first: str, second: str) -> int:
    one, other = first.casefold(), second.casefold()
    return (one > other) - (one < other)
