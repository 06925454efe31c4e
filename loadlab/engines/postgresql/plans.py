"""What the server would do with a statement: its plan, and the identifier it counts it by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import pq

from loadlab.engines.plan_tree import Plan
from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.errors import translated
from loadlab.engines.postgresql.plan_names import Node, plan_names
from loadlab.engines.postgresql.plan_shape import Shapes
from loadlab.engines.postgresql.plan_tree import read_plan
from loadlab.engines.postgresql.session import native_text
from loadlab.engines.protocol import PlanEvidence
from loadlab.spec.statement import Statement

_numbers = itertools.count()  # names of prepared statements: after an error the old one is left behind

# Two attempts to have every table served by an index, whatever its size. Hash and merge joins read both sides whole,
# which pays on small tables where it would not on large ones. So does reading a small index from end to end in place of
# looking something up in another one; a bitmap, whose rows come in no order, is hardly ever worth that.
_WITH_INDEXES = """
    SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off
"""
_WITH_BITMAPS = "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off"


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
        names, shapes = plan_names(connection), Shapes.of(connection)
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


def generic_plan(connection: Connection, statement: Statement) -> Plan | None:
    """The plan that serves any value, as the server would make it now; None for a statement without one."""
    with translated(), connection.transaction(force_rollback=True):
        return generic_plan_here(connection, statement)


def generic_plan_here(connection: Connection, statement: Statement) -> Plan | None:
    """In the transaction that is open, whose settings and imagined indexes it sees."""
    try:
        with connection.transaction():
            (documents,) = _explain(connection, statement, "FORMAT JSON, VERBOSE")
    except psycopg.errors.SyntaxError:
        return None
    planned = [document for document in documents if "Plan" in document]
    return read_plan(planned[0], plan_names(connection)) if planned else None


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
