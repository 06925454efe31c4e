"""The planner's statistics, read from the system catalogue alone: no table of the user's is touched.

`pg_stats` hides the columns that a role may not SELECT. A role that may read `pg_statistic` itself (which holds the
same, and which an administrator can grant) needs no right on any table, so that one is asked first.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.catalog import IS_USERS_TABLE, KEY
from loadlab.engines.postgresql.connection import Connection
from loadlab.errors import DatabaseError
from loadlab.schema.model import Schema
from loadlab.schema.statistics import ColumnStatistics, DatabaseStatistics, JointStatistics, TableStatistics

# A partitioned table has the rows of its leaves. Its own statistics are there only after an ANALYZE by hand
# (autovacuum analyses leaves alone): without them its largest leaf stands for it.
_TABLES = f"""
    SELECT c.oid, {KEY} AS key, c.relkind = 'p' AS is_partitioned, leaves.rows, leaves.largest
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT CASE WHEN bool_and(l.reltuples < 0) THEN NULL
                    ELSE sum(greatest(l.reltuples, 0)::float8)::int8 END AS rows,
               (array_agg(l.oid ORDER BY l.reltuples DESC))[1] AS largest
        FROM pg_class AS l
        WHERE CASE WHEN c.relkind = 'p'
                   THEN l.oid IN (SELECT t.relid FROM pg_partition_tree(c.oid) AS t WHERE t.isleaf)
                   ELSE l.oid = c.oid END
    ) AS leaves
    WHERE NOT c.relispartition AND {IS_USERS_TABLE}
    ORDER BY 2
"""


def _slot(kind: int, part: str) -> str:
    cases = " ".join(f"WHEN s.stakind{n} = {kind} THEN s.{part}{n}" for n in range(1, 6))
    return f"CASE {cases} END"


# The same columns from the table and from the view (whose definition the first follows). Values come as the text of
# an array; types whose arrays have another delimiter than a comma (box) are left out.
_FROM_TABLE = f"""
    SELECT s.starelid AS oid, s.stainherit AS inherited, a.attname::text AS name, s.stanullfrac AS null_share,
           s.stadistinct AS "distinct", s.stawidth AS width,
           CASE WHEN t.typdelim = ',' THEN ({_slot(1, "stavalues")})::text END AS common,
           {_slot(1, "stanumbers")} AS common_shares,
           CASE WHEN t.typdelim = ',' THEN ({_slot(2, "stavalues")})::text END AS bounds,
           ({_slot(3, "stanumbers")})[1] AS correlation
    FROM pg_statistic AS s
    JOIN pg_attribute AS a ON a.attrelid = s.starelid AND a.attnum = s.staattnum AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE s.starelid = ANY (%s)
"""
_FROM_VIEW = """
    SELECT c.oid, s.inherited, s.attname::text AS name, s.null_frac AS null_share, s.n_distinct AS "distinct",
           s.avg_width AS width, CASE WHEN t.typdelim = ',' THEN s.most_common_vals::text END AS common,
           s.most_common_freqs AS common_shares,
           CASE WHEN t.typdelim = ',' THEN s.histogram_bounds::text END AS bounds, s.correlation
    FROM pg_stats AS s
    JOIN pg_namespace AS n ON n.nspname = s.schemaname
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.tablename
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = s.attname
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE c.oid = ANY (%s)
"""
_JOINT_NAMES = """
    SELECT e.oid, e.stxrelid AS table_oid, n.nspname::text AS namespace, e.stxname::text AS name,
           (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute AS a
            WHERE a.attrelid = e.stxrelid AND a.attnum = ANY (e.stxkeys::int2[])) AS columns,
           (SELECT jsonb_object_agg(a.attnum, a.attname) FROM pg_attribute AS a
            WHERE a.attrelid = e.stxrelid AND a.attnum > 0) AS numbers
    FROM pg_statistic_ext AS e JOIN pg_namespace AS n ON n.oid = e.stxnamespace
    WHERE e.stxrelid = ANY (%s)
    ORDER BY e.stxname
"""
_JOINT_FROM_TABLE = """
    SELECT d.stxoid AS oid, d.stxdndistinct::text AS combinations, d.stxddependencies::text AS dependencies,
           (SELECT jsonb_agg(jsonb_build_array(m.values, m.frequency) ORDER BY m.index)
            FROM pg_mcv_list_items(d.stxdmcv) AS m) AS common
    FROM pg_statistic_ext_data AS d WHERE d.stxoid = ANY (%s)
"""
_JOINT_FROM_VIEW = """
    SELECT e.oid, s.n_distinct::text AS combinations, s.dependencies::text AS dependencies,
           (SELECT jsonb_agg(jsonb_build_array(
                       (SELECT jsonb_agg(s.most_common_vals[i][j] ORDER BY j)
                        FROM generate_subscripts(s.most_common_vals, 2) AS j), s.most_common_freqs[i]) ORDER BY i)
            FROM generate_subscripts(s.most_common_vals, 1) AS i) AS common
    FROM pg_stats_ext AS s
    JOIN pg_namespace AS n ON n.nspname = s.statistics_schemaname
    JOIN pg_statistic_ext AS e ON e.stxnamespace = n.oid AND e.stxname = s.statistics_name
    WHERE e.oid = ANY (%s)
"""
_MAY_READ = "SELECT has_table_privilege('pg_catalog.' || quote_ident(%s), 'SELECT'), current_user::text"

Row = Any
"""A named tuple of one of the queries above."""


def read_statistics(connection: Connection, schema: Schema, tables: Collection[str] | None) -> DatabaseStatistics:
    """The statistics of the tables that are asked for (None: all).

    Raises DatabaseError when the role sees no statistics at all, saying what it needs.
    """
    found = [row for row in _rows(connection, _TABLES, None) if tables is None or row.key in tables]
    oids = [oid for row in found for oid in (row.oid, row.largest) if oid is not None]
    columns = _columns(connection, oids)
    joint = _joint(connection, [row.oid for row in found])
    notes: list[str] = []
    made: dict[str, TableStatistics] = {}
    hidden: list[str] = []
    for row in found:
        own = columns.get((row.oid, row.is_partitioned), {}) or columns.get((row.oid, False), {})
        if not own and row.is_partitioned and row.largest is not None:
            own = columns.get((row.largest, False), {})
            if own:
                notes.append(f"{row.key}: never analysed as a whole; its largest partition stands for it")
        if not own and row.rows:
            hidden.append(row.key)
        elif row.rows is None:
            notes.append(f"{row.key}: never analysed, so neither rows nor values are known; ANALYZE it first")
        made[row.key] = TableStatistics(row.rows, own, tuple(joint.get(row.oid, ())))
    if hidden:
        remedy = _remedy(connection)
        if not any(table.columns for table in made.values()):
            raise DatabaseError(f"no statistics can be seen of {_some(hidden)}: {remedy}")
        notes.append(f"no statistics can be seen of {_some(hidden)}: {remedy}")
    return DatabaseStatistics(schema, made, tuple(notes))


def _rows(connection: Connection, query: str, oids: list[int] | None) -> list[Row]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query.encode(), None if oids is None else (oids,)).fetchall()


def _may_read(connection: Connection, relation: str) -> bool:
    row = connection.execute(_MAY_READ, (relation,)).fetchone()
    return bool(row and row[0])


def _remedy(connection: Connection) -> str:
    row = connection.execute(_MAY_READ, ("pg_statistic",)).fetchone()
    role = row[1] if row else "the role"
    if row and row[0]:
        return "ANALYZE them first"
    return (
        f"ANALYZE them, and let the role read the statistics: as superuser GRANT SELECT ON pg_statistic, "
        f"pg_statistic_ext_data TO {role} (no right on any table is needed), or GRANT pg_read_all_data TO {role}"
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _columns(connection: Connection, oids: list[int]) -> Mapping[tuple[int, bool], dict[str, ColumnStatistics]]:
    """By (table, whether its descendants are counted in), the statistics of each column."""
    query = _FROM_TABLE if _may_read(connection, "pg_statistic") else _FROM_VIEW
    found: dict[tuple[int, bool], dict[str, ColumnStatistics]] = defaultdict(dict)
    for row in _rows(connection, query, oids):
        found[row.oid, row.inherited][row.name] = ColumnStatistics(
            null_share=float(row.null_share),
            distinct=float(row.distinct),
            width_bytes=int(row.width),
            common=array_items(row.common),
            common_shares=tuple(float(share) for share in row.common_shares or ()),
            bounds=array_items(row.bounds),
            correlation=None if row.correlation is None else float(row.correlation),
        )
    return found


_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)', re.DOTALL)


def array_items(text: str | None) -> tuple[str, ...]:
    """The elements of a one-dimensional array in text form; the statistics hold no NULL.

    PostgreSQL documentation, "Array Input and Output Syntax".
    """
    if text is None:
        return ()
    items = []
    for match in _ITEM.finditer(text):
        quoted, plain = match.groups()
        items.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
    return tuple(items)


# -- several columns together ----------------------------------------------------------------------------------------


def _joint(connection: Connection, oids: list[int]) -> Mapping[int, list[JointStatistics]]:
    names = {row.oid: row for row in _rows(connection, _JOINT_NAMES, oids)}
    if not names:
        return {}
    query = _JOINT_FROM_TABLE if _may_read(connection, "pg_statistic_ext_data") else _JOINT_FROM_VIEW
    try:
        rows = _rows(connection, query, list(names))
    except psycopg.errors.InsufficientPrivilege:
        return {}
    found: dict[int, list[JointStatistics]] = defaultdict(list)
    for row in rows:
        named = names[row.oid]
        if not named.columns or len(named.columns) < 2:
            continue
        found[named.table_oid].append(
            JointStatistics(
                columns=tuple(named.columns),
                combinations=_combinations(row.combinations, named.numbers, named.columns),
                dependencies=dict(_dependencies(row.dependencies, named.numbers)),
                common=tuple((tuple(values), float(share)) for values, share in row.common or ()),
            )
        )
    return found


def _attributes(key: str) -> list[str]:
    return re.findall(r"-?\d+", key)


def _combinations(text: str | None, numbers: Mapping[str, str], columns: list[str]) -> float | None:
    """Of all columns together. Up to version 18 `{"1, 2": 33}`, from 19 on a list of objects."""
    for key, count in _pairs(text):
        if {numbers.get(number) for number in _attributes(key)} == set(columns):
            return float(count)
    return None


def _dependencies(text: str | None, numbers: Mapping[str, str]) -> Iterable[tuple[tuple[str, str], float]]:
    """Of one column on one other: `{"1 => 5": 0.9}`."""
    for key, degree in _pairs(text):
        attributes = _attributes(key)
        if len(attributes) == 2 and all(number in numbers for number in attributes):
            yield (numbers[attributes[0]], numbers[attributes[1]]), float(degree)


def _pairs(text: str | None) -> Iterable[tuple[str, float]]:
    if text is None:
        return
    parsed = json.loads(text)
    if isinstance(parsed, dict):
        yield from parsed.items()
        return
    for item in parsed:
        if "ndistinct" in item:
            yield str(item["attributes"]), item["ndistinct"]
        elif "degree" in item:
            yield f"{item['attributes']} => {item['dependency']}", item["degree"]
