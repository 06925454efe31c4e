"""What the server would do with a statement: its plan, and the identifier it counts it by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq

from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.catalog import IS_USERS_TABLE
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.errors import translated
from loadlab.engines.postgresql.plan_shape import STREAMING, Shapes
from loadlab.engines.postgresql.session import native_text
from loadlab.engines.protocol import PlanEvidence
from loadlab.spec.statement import Statement

_numbers = itertools.count()  # names of prepared statements: after an error the old one is left behind
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

# Two attempts to have every table served by an index, whatever its size. Hash and merge joins read both sides whole,
# which pays on small tables where it would not on large ones. So does reading a small index from end to end in place of
# looking something up in another one; a bitmap, whose rows come in no order, is hardly ever worth that.
_WITH_INDEXES = """
    SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off
"""
_WITH_BITMAPS = "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off"

Node = dict[str, Any]


def explain(connection: Connection, statement: Statement) -> PlanEvidence:
    """The generic plan: the text as the server has it, tables and indexes as they are where full scans are avoided.

    A table read through an index from end to end, without a condition, is fully scanned as well.
    """
    with translated(), connection.transaction(force_rollback=True):
        try:
            text = "\n".join(_explain(connection, statement, "FORMAT TEXT"))
        except psycopg.errors.SyntaxError:
            return PlanEvidence((), (), "This kind of statement has no plan.")
        # Before the settings, which would have these queries of the catalogue compiled for their cost, too.
        names, shapes = _Names(_relations(connection), _indexes(connection)), Shapes.of(connection)
        own = _plans(connection, statement)
        plans: list[Node] = []
        for settings in (_WITH_INDEXES, _WITH_BITMAPS):
            connection.execute(settings)
            plans += _plans(connection, statement)
    attempts = [(*names.accesses(plan), plan) for plan in plans]
    scans, indexes, best = min(attempts, key=lambda attempt: len(attempt[0]), default=(set(), set(), None))
    return PlanEvidence(
        tuple(sorted(scans)),
        tuple(sorted(indexes)),
        text,
        shape=shapes.shape(own[0]) if own else None,
        indexed_shape=shapes.shape(best) if best is not None else None,
    )


def _plans(connection: Connection, statement: Statement) -> list[Node]:
    (documents,) = _explain(connection, statement, "FORMAT JSON, VERBOSE")
    return [document["Plan"] for document in documents if "Plan" in document]


def statement_id(connection: Connection, statement: Statement) -> str | None:
    """The query identifier that the server computes for the statement as a session prepares it, None if it does not."""
    if not Capabilities(connection.info.server_version).identifies_statements:
        return None
    with translated(), _prepared(connection, statement) as call:
        try:
            rows = connection.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {call}".encode()).fetchall()
        except psycopg.errors.SyntaxError:
            return None  # BEGIN and the like have no plan.
    document = rows[0][0][0]
    identifier = document.get("Query Identifier") if isinstance(document, dict) else None
    return None if identifier is None else str(identifier)


def _explain(connection: Connection, statement: Statement, options: str) -> list[Any]:
    """The generic plan's lines, or its one document."""
    if Capabilities(connection.info.server_version).explains_generic_plans:
        rows = connection.execute(f"EXPLAIN ({options}, GENERIC_PLAN) {native_text(statement)}".encode()).fetchall()
    else:
        # Prepared anew for each look, since a generic plan is kept whatever settings change; and executed with NULLs it
        # would be pruned of every partition.
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_partition_pruning = off")
        with _prepared(connection, statement) as call:
            rows = connection.execute(f"EXPLAIN ({options}) {call}".encode()).fetchall()
    return [row[0] for row in rows]


@contextmanager
def _prepared(connection: Connection, statement: Statement) -> Iterator[str]:
    """Prepare exactly as a session does; the text that executes it with NULLs."""
    name = f"loadlab_plan_{next(_numbers)}"
    result = connection.pgconn.prepare(name.encode(), native_text(statement).encode())
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
    nulls = ", ".join(["NULL"] * len(statement.names))
    yield f"EXECUTE {name} ({nulls})" if nulls else f"EXECUTE {name}"
    connection.execute(f"DEALLOCATE {name}")


def _relations(connection: Connection) -> dict[tuple[str, str], str]:
    """Keys of the tables that plans name as (namespace, name)."""
    return {(namespace, name): key for namespace, name, key in connection.execute(_RELATIONS.encode())}


def _indexes(connection: Connection) -> dict[tuple[str, str], tuple[str, bool]]:
    """Keys of the indexes, and whether each is partial."""
    return {
        (namespace, name): (key, partial) for namespace, name, key, partial in connection.execute(_INDEXES.encode())
    }


@dataclass(frozen=True, slots=True)
class _Names:
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
