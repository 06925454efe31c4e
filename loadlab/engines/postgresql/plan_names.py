"""What plans call tables and indexes, as LoadLab calls them; and which of them a plan reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loadlab.engines.postgresql.catalog import IS_USERS_TABLE
from loadlab.engines.postgresql.connection import Connection

# A partition goes by the table it is part of, its index by that table's index.
_RELATIONS = f"""
    SELECT n.nspname::text, c.relname::text,
           CASE WHEN rn.nspname = current_schema() THEN root.relname::text ELSE rn.nspname || '.' || root.relname END
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
    JOIN pg_namespace AS rn ON rn.oid = root.relnamespace
    WHERE {IS_USERS_TABLE}
"""
_INDEXES = """
    SELECT tn.nspname::text, c.relname::text,
           CASE WHEN rn.nspname = current_schema() THEN root.relname::text ELSE rn.nspname || '.' || root.relname END,
           i.indpred IS NOT NULL
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_namespace AS tn ON tn.oid = c.relnamespace
    JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
    JOIN pg_namespace AS rn ON rn.oid = root.relnamespace
"""
# Above these a plan may end before its input does; what else stands between takes all of it first.
STREAMING = {
    "Nested Loop",
    "Append",
    "Merge Append",
    "Incremental Sort",
    "Result",
    "Subquery Scan",
    "LockRows",
    "Memoize",
}

Node = dict[str, Any]


def plan_names(connection: Connection) -> PlanNames:
    """As the catalogue has them now."""
    return PlanNames(_relations(connection), _indexes(connection))


def _relations(connection: Connection) -> dict[tuple[str, str], str]:
    """Keys of the tables that plans name as (namespace, name)."""
    return {(namespace, name): key for namespace, name, key in connection.execute(_RELATIONS.encode())}


def _indexes(connection: Connection) -> dict[tuple[str, str], tuple[str, bool]]:
    """Keys of the indexes, and whether each is partial."""
    return {
        (namespace, name): (key, partial) for namespace, name, key, partial in connection.execute(_INDEXES.encode())
    }


@dataclass(frozen=True, slots=True)
class PlanNames:
    """What plans call (namespace, name) is a table by its key, or an index by its key and whether it is partial."""

    tables: Mapping[tuple[str, str], str]
    indexes: Mapping[tuple[str, str], tuple[str, bool]]

    def accesses(self, plan: Node) -> tuple[set[str], set[str]]:
        """The tables that a plan reads from end to end, and the indexes that spare it rows."""
        scanned: set[str] = set()
        used: set[str] = set()
        for node, relation, ends_early in _nodes(plan, ("", ""), ends_early=False):
            table = self.tables.get(relation)
            if node["Node Type"] in ("Seq Scan", "Sample Scan") and table is not None:
                scanned.add(table)
            elif "Index Name" in node:
                # EXPLAIN names no namespace for an index: it is its table's.
                key, partial = self.indexes.get((relation[0], node["Index Name"]), (node["Index Name"], False))
                if "Index Cond" in node or "Order By" in node or partial or ends_early or table is None:
                    used.add(key)
                else:
                    scanned.add(table)  # The index saves a sort, or the rows' width, but no row.
        return scanned, used


def _nodes(node: Node, relation: tuple[str, str], *, ends_early: bool) -> Iterator[tuple[Node, tuple[str, str], bool]]:
    """Every node with its table (a bitmap's is named above it), and whether a LIMIT lets it end before its input."""
    if "Relation Name" in node:
        relation = (node.get("Schema", ""), node["Relation Name"])
    yield node, relation, ends_early
    early = node["Node Type"] == "Limit" or (ends_early and node["Node Type"] in STREAMING)
    for child in node.get("Plans", ()):
        yield from _nodes(child, relation, ends_early=early and child.get("Parent Relationship") != "Inner")
