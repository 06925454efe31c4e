"""SQLite: one database file, opened by URL.

    sqlite:///relative.db    sqlite:////absolute.db    sqlite://    (a scratch file that disappears when closed)

What this engine does with types that SQLite does not have is written in `ddl.py`, how values are stored in
`values.py`, and what statements in another engine's words become in `dialect.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadlab.engines.sqlite.engine import SqliteEngine

__all__ = ["open_sqlite"]


def open_sqlite(url: str) -> SqliteEngine:
    """Open a database file; one that is not there yet is made when the first table is.

    Raises InputError for a URL of another form, UnreachableError when the file cannot be opened or is no database.
    """
    from loadlab.engines.sqlite.engine import SqliteEngine

    return SqliteEngine.open(url)
