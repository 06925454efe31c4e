"""Which relations are the user's: the one definition that everything reading PostgreSQL's catalogue shares."""

from __future__ import annotations

from psycopg import sql

LEDGER_NAMESPACE = "loadlab_ledger"
"""Where the ledger is. Not plain `loadlab`: for a role of that name, that would be the default namespace."""

IS_USERS_NAMESPACE = f"""
    n.nspname NOT IN ('pg_catalog', 'information_schema', '{LEDGER_NAMESPACE}') AND n.nspname !~ '^pg_(toast|temp)'
"""
# What an extension brought is the extension's, not the user's (spatial_ref_sys of PostGIS).
IS_USERS_TABLE = f"""
    c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {IS_USERS_NAMESPACE}
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
"""
"""A condition on `pg_class AS c JOIN pg_namespace AS n`: ordinary and partitioned tables, partitions included."""

KEY = "CASE WHEN n.nspname = current_schema() THEN c.relname::text ELSE n.nspname || '.' || c.relname END"
"""What LoadLab calls `pg_class AS c JOIN pg_namespace AS n`: the name, qualified outside the default namespace."""

LEAVES = f"""
    leaf AS (
        SELECT {KEY} AS key, part.oid
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (
            SELECT c.oid WHERE c.relkind = 'r'
            UNION ALL
            SELECT t.relid::oid FROM pg_partition_tree(c.oid) AS t WHERE c.relkind = 'p' AND t.isleaf
        ) AS part (oid)
        WHERE NOT c.relispartition AND {IS_USERS_TABLE}
    )
"""
"""`leaf (key, oid)`: the user's tables with those that hold their rows, themselves or leaves of the partition tree."""


def identifier(namespace: str, name: str) -> sql.Identifier:
    """The quoted name, qualified unless it is in the default namespace."""
    return sql.Identifier(namespace, name) if namespace else sql.Identifier(name)
