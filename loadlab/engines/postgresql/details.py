"""What a review asks the catalogue for: how indexes compare and sort, whether they are valid, row-level security."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.catalog import IS_USERS_TABLE, KEY
from loadlab.engines.postgresql.connection import Connection
from loadlab.schema.details import Feature, IndexDetails, IndexKey, SchemaDetails, TableDetails

_FEATURES: frozenset[Feature] = frozenset(
    {"time zones", "lengths", "exact decimals", "row security", "foreign keys", "stated actions"}
)
_TABLES = f"""
    SELECT c.oid, {KEY} AS key, c.relrowsecurity AS has_row_security
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT c.relispartition AND {IS_USERS_TABLE}
"""
# pg_index.indoption: bit 0 is DESC, bit 1 NULLS FIRST (catalog/pg_index.h). INCLUDEd columns have no operator class.
_INDEXES = """
    SELECT i.indrelid AS table_oid, c.relname::text AS name, i.indisvalid AND i.indisready AS is_valid,
           (SELECT sum(pg_relation_size(t.relid)) FROM pg_partition_tree(i.indexrelid) AS t WHERE t.isleaf)::bigint
               AS parts_bytes,
           pg_relation_size(i.indexrelid)::bigint AS own_bytes,
           i.indisreplident AS is_replica_identity, i.indisclustered AS is_clustered,
           EXISTS (SELECT FROM pg_constraint AS f WHERE f.contype = 'f' AND f.conindid = i.indexrelid) AS is_referenced,
           (SELECT jsonb_agg(jsonb_build_array(
                       pg_get_indexdef(i.indexrelid, k.position::int, true),
                       oc.opcname::text || coalesce(' ' || a.attoptions::text, ''),
                       CASE WHEN k.compared = 0 THEN '' ELSE k.compared::regcollation::text END,
                       k.sorted & 1 = 1, k.sorted & 2 = 2) ORDER BY k.position)
            FROM unnest(i.indclass::oid[], i.indcollation::oid[], i.indoption::int2[])
                 WITH ORDINALITY AS k (class, compared, sorted, position)
            JOIN pg_opclass AS oc ON oc.oid = k.class
            JOIN pg_attribute AS a ON a.attrelid = i.indexrelid AND a.attnum = k.position) AS keys
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY (%s) AND i.indislive
"""


def read_details(connection: Connection) -> SchemaDetails:
    """Of all tables that are there."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        tables: list[Any] = cursor.execute(_TABLES.encode()).fetchall()
        rows: list[Any] = cursor.execute(_INDEXES.encode(), ([table.oid for table in tables],)).fetchall()
    indexes: dict[int, dict[str, IndexDetails]] = defaultdict(dict)
    for row in rows:
        indexes[row.table_oid][row.name] = IndexDetails(
            keys=tuple(IndexKey(*key) for key in row.keys),
            is_valid=row.is_valid,
            size_bytes=row.parts_bytes if row.parts_bytes is not None else row.own_bytes,
            is_needed=_needed(row),
        )
    return SchemaDetails(
        {table.key: TableDetails(indexes[table.oid], table.has_row_security) for table in tables}, _FEATURES
    )


def _needed(row: Any) -> str:
    if row.is_replica_identity:
        return "it is the table's replica identity"
    if row.is_clustered:
        return "the table is clustered by it"
    return "foreign keys refer to it" if row.is_referenced else ""
