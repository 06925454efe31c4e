"""What the server would do with a statement: its plan, and the identifier it counts it by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import pq

from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.catalog import IS_USERS_TABLE
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.errors import translated
from loadlab.engines.postgresql.session import native_text
from loadlab.engines.protocol import PlanEvidence
from loadlab.spec.statement import Statement

_NAME = "loadlab_plan"
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
           CASE WHEN rn.nspname = current_schema() THEN root.relname::text ELSE rn.nspname || '.' || root.relname END
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_namespace AS tn ON tn.oid = c.relnamespace
    JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
    JOIN pg_namespace AS rn ON rn.oid = root.relnamespace
"""

Node = dict[str, Any]


def explain(connection: Connection, statement: Statement) -> PlanEvidence:
    """The generic plan: the text as the server has it, tables and indexes as they are where full scans are avoided."""
    with translated(), _subject(connection, statement) as (subject, options):
        with connection.transaction(force_rollback=True):
            if not options:
                # Executed with NULLs, a plan would be pruned of every partition.
                connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
                connection.execute("SET LOCAL enable_partition_pruning = off")
            try:
                lines = connection.execute(f"EXPLAIN (FORMAT TEXT{options}) {subject}".encode()).fetchall()
            except psycopg.errors.SyntaxError:
                return PlanEvidence((), (), "This kind of statement has no plan.")
            connection.execute("SET LOCAL enable_seqscan = off")
            explained = f"EXPLAIN (FORMAT JSON, VERBOSE{options}) {subject}"
            ((document,),) = connection.execute(explained.encode()).fetchall()
        text = "\n".join(line for (line,) in lines)
        return _evidence(document[0]["Plan"], text, _names(connection, _RELATIONS), _names(connection, _INDEXES))


def statement_id(connection: Connection, statement: Statement) -> str | None:
    """The query identifier that the server computes for the statement as a session prepares it, None when it computes none."""
    if not Capabilities(connection.info.server_version).identifies_statements:
        return None
    with translated(), _prepared(connection, statement) as call:
        try:
            rows = connection.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {call}".encode()).fetchall()
        except psycopg.errors.SyntaxError:
            return None  # BEGIN and the like have no plan.
    identifier = rows[0][0][0].get("Query Identifier")
    return None if identifier is None else str(identifier)


@contextmanager
def _subject(connection: Connection, statement: Statement) -> Iterator[tuple[str, str]]:
    """What to explain for a generic plan, and the further option that takes: the text itself where the server can do that."""
    if Capabilities(connection.info.server_version).explains_generic_plans:
        yield native_text(statement), ", GENERIC_PLAN"
        return
    with _prepared(connection, statement) as call:
        yield call, ""


@contextmanager
def _prepared(connection: Connection, statement: Statement) -> Iterator[str]:
    """Prepare exactly as a session does; the text that executes it with NULLs."""
    result = connection.pgconn.prepare(_NAME.encode(), native_text(statement).encode())
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
    nulls = ", ".join(["NULL"] * len(statement.names))
    try:
        yield f"EXECUTE {_NAME} ({nulls})" if nulls else f"EXECUTE {_NAME}"
    finally:
        connection.execute(f"DEALLOCATE {_NAME}")


def _names(connection: Connection, query: str) -> dict[tuple[str, str], str]:
    return {(namespace, name): key for namespace, name, key in connection.execute(query.encode())}


def _evidence(
    plan: Node, text: str, tables: Mapping[tuple[str, str], str], indexes: Mapping[tuple[str, str], str]
) -> PlanEvidence:
    scanned: dict[str, None] = {}
    used: dict[str, None] = {}
    for node, namespace in _nodes(plan, ""):
        if node["Node Type"] in ("Seq Scan", "Sample Scan"):
            key = tables.get((node.get("Schema", ""), node["Relation Name"]))
            if key is not None:
                scanned[key] = None
        elif "Index Name" in node:
            # EXPLAIN names no namespace for an index; it is always its table's, which the node or the one above names.
            used[indexes.get((namespace, node["Index Name"]), node["Index Name"])] = None
    return PlanEvidence(tuple(sorted(scanned)), tuple(sorted(used)), text)


def _nodes(node: Node, namespace: str) -> Iterator[tuple[Node, str]]:
    namespace = node.get("Schema", namespace)
    yield node, namespace
    for child in node.get("Plans", ()):
        yield from _nodes(child, namespace)
