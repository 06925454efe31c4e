"""How much of tables and B-tree indexes holds nothing, measured with the pgstattuple extension."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.catalog import LEAVES
from loadlab.engines.postgresql.connection import Connection
from loadlab.errors import DatabaseError
from loadlab.schema.details import Bloat

_EXTENSION = "pgstattuple"
_PLACE = """
    SELECT n.nspname::text FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = %s
"""
# A B-tree's pages are built 90 % full (BTREE_DEFAULT_FILLFACTOR of nbtree.h): only what is less is bloat.
_BTREE_FULL = 90.0
# The approximate form skips the pages that the visibility map says hold nothing dead.
_TABLES = f"""
    WITH {LEAVES}
    SELECT h.key, '' AS index, sum(s.table_len)::bigint AS size_bytes,
           sum(s.approx_free_space + s.dead_tuple_len)::bigint AS wasted_bytes
    FROM leaf AS h CROSS JOIN LATERAL {{place}}.pgstattuple_approx(h.oid::regclass) AS s
    WHERE pg_relation_size(h.oid) >= %s
    GROUP BY h.key ORDER BY h.key
"""
_INDEXES = f"""
    WITH {LEAVES}
    SELECT h.key, root.relname::text AS index, sum(pg_relation_size(c.oid))::bigint AS size_bytes,
           sum(current_setting('block_size')::bigint * (s.deleted_pages + s.empty_pages + s.leaf_pages
               * greatest(1 - coalesce(nullif(s.avg_leaf_density, 'NaN'), {_BTREE_FULL}) / {_BTREE_FULL}, 0))
           )::bigint AS wasted_bytes
    FROM leaf AS h
    JOIN pg_index AS i ON i.indrelid = h.oid AND i.indisvalid
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
    JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
    CROSS JOIN LATERAL {{place}}.pgstatindex(c.oid::regclass) AS s
    WHERE pg_relation_size(c.oid) >= %s
    GROUP BY h.key, root.relname ORDER BY h.key, root.relname
"""


def measure_bloat(connection: Connection, least_bytes: int, *, may_install: bool) -> tuple[Bloat, ...]:
    """See `loadlab.engines.abilities.CanMeasureBloat`."""
    try:
        with _extension(connection, may_install=may_install) as place, connection.cursor(
            row_factory=namedtuple_row
        ) as cursor:  # fmt: skip
            rows: list[Any] = []
            for query in (_TABLES, _INDEXES):
                text = sql.SQL(query).format(place=sql.Identifier(place))
                rows += cursor.execute(text, (least_bytes,)).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        raise DatabaseError(
            f"this role may not use {_EXTENSION}; GRANT pg_stat_scan_tables to it to measure bloat"
        ) from None
    return tuple(Bloat(row.key, row.index, row.size_bytes, row.wasted_bytes) for row in rows)


@contextmanager
def _extension(connection: Connection, *, may_install: bool) -> Iterator[str]:
    """The namespace of the extension, in a transaction that leaves nothing behind."""
    with connection.transaction(force_rollback=True):
        if not may_install:
            connection.execute("SET TRANSACTION READ ONLY")
        found = connection.execute(_PLACE, (_EXTENSION,)).fetchone()
        if found is None and may_install:
            try:
                connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(_EXTENSION)))
            except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
                raise DatabaseError(f"the server has no {_EXTENSION}, an extension of its contrib package") from None
            found = connection.execute(_PLACE, (_EXTENSION,)).fetchone()
        if found is None:
            raise DatabaseError(f"{_EXTENSION} is not installed; CREATE EXTENSION {_EXTENSION} to measure bloat")
        yield found[0]
