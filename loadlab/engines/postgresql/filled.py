"""Tables that a script has filled with code of its own: a DO block, a function that it calls."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from psycopg import sql

from loadlab.engines.omitted import note_of_filled
from loadlab.engines.postgresql.catalog import IS_USERS_TABLE, KEY
from loadlab.engines.postgresql.connection import Connection

# A table that has pages has, or has had, rows; those of this transaction are among them.
_FILLED = f"""
    SELECT {KEY}, n.nspname::text, c.relname::text
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE {IS_USERS_TABLE} AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0 AND NOT c.oid = ANY (%s)
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class FilledTables:
    """The tables, by key with their quoted names."""

    names: dict[str, str]

    def notes(self) -> tuple[str, ...]:
        return note_of_filled(self.names)

    def empty(self, connection: Connection) -> None:
        """Remove their rows, and what refers to these. Foreign keys and triggers are put off by now."""
        if self.names:
            connection.execute(f"TRUNCATE {', '.join(self.names.values())} CASCADE".encode())


def filled_tables(connection: Connection, before: Collection[int]) -> FilledTables:
    """Those that are not among the tables from `before` (OIDs), in the transaction that made them."""
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    rows = connection.execute(_FILLED.encode(), (list(before),)).fetchall()
    return FilledTables({key: sql.Identifier(namespace, name).as_string(connection) for key, namespace, name in rows})
