"""After the data: sequences past the keys, statistics, visibility."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection, publish_counters
from loadlab.engines.protocol import Progress
from loadlab.schema.model import Table

_LEAST_MAINTENANCE_KB = 256 * 1024
# A column's sequence: its own (serial, identity: the sequence depends on the column), or one that its default names.
_SEQUENCES = """
    SELECT DISTINCT s.oid::regclass::text, a.attname::text, q.seqincrement > 0
    FROM pg_attribute AS a
    LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    JOIN pg_depend AS d
        ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
            AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
        OR (d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass)
    JOIN pg_class AS s ON s.relkind = 'S' AND s.oid IN (d.objid, d.refobjid)
    JOIN pg_sequence AS q ON q.seqrelid = s.oid
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY 1
"""


def raise_maintenance_memory(connection: Connection) -> None:
    """Give index builds of this session room for their sort, unless it has more already."""
    connection.execute(
        "SELECT set_config('maintenance_work_mem', greatest(setting::bigint, %s)::text || 'kB', false)"
        " FROM pg_settings WHERE name = 'maintenance_work_mem'",
        (_LEAST_MAINTENANCE_KB,),
    )


def set_sequences(connection: Connection, tables: Iterable[Table]) -> None:
    """Move every sequence that feeds a column beyond the column's values, never back."""
    for table in tables:
        name = identifier(table.namespace, table.name)
        for sequence, column, ascends in connection.execute(_SEQUENCES, (name.as_string(connection),)).fetchall():
            statement = sql.SQL(
                "SELECT setval({sequence}, v.value::bigint)"
                " FROM (SELECT {furthest}({column}) AS value FROM {table}) AS v, {relation} AS s"
                " WHERE v.value {beyond} s.last_value OR v.value = s.last_value AND NOT s.is_called"
            )
            connection.execute(
                statement.format(
                    sequence=sql.Literal(sequence),
                    furthest=sql.SQL("max" if ascends else "min"),
                    beyond=sql.SQL(">" if ascends else "<"),
                    column=sql.Identifier(column),
                    table=name,
                    relation=sql.SQL(sequence),  # already quoted by the server's regclass
                )
            )


def vacuum(connection: Connection, tables: Iterable[Table], progress: Progress) -> None:
    """Statistics for the planner, and pages marked all-visible, for index-only scans and readers that write nothing."""
    # What this session still has to report would be added to the row counts that ANALYZE sets.
    publish_counters(connection)
    for table in tables:
        progress(f"vacuum and analyze {table.key}")
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(identifier(table.namespace, table.name)))


def write_out(connection: Connection) -> None:
    """Have the pages of the load written now, not in the middle of what is measured next, where we may ask."""
    try:
        connection.execute("CHECKPOINT")
    except psycopg.errors.InsufficientPrivilege:
        return
