"""Indexes that the planner is told of and nobody builds: the extension HypoPG (https://hypopg.readthedocs.io)."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from loadlab.engines.plan_tree import IndexTrial
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.errors import message, translated
from loadlab.engines.postgresql.plans import generic_plan_here
from loadlab.errors import DatabaseError
from loadlab.spec.statement import Statement


def try_index(connection: Connection, definition: str, statements: Mapping[str, Statement]) -> tuple[IndexTrial, ...]:
    """The generic plan's cost of each statement without and with an index. Nothing stays in the database.

    Raises DatabaseError where the extension is not to be had, saying why.
    """
    with translated(), connection.transaction(force_rollback=True):
        namespace = _extension(connection)
        before = {name: generic_plan_here(connection, text) for name, text in statements.items()}
        try:
            # Of its own: what the server refuses here must not hinder the clearing up, whose error would be told then.
            with connection.transaction():
                connection.execute(f"SELECT {namespace}.hypopg_create_index(%s)".encode(), (definition,))
                after = {name: generic_plan_here(connection, text) for name, text in statements.items()}
        finally:
            # Imagined indexes belong to the session, not to the transaction.
            connection.execute(f"SELECT {namespace}.hypopg_reset()".encode())
    return tuple(
        IndexTrial(
            name,
            plan.root.cost or 0.0,
            with_index.root.cost or 0.0,
            # HypoPG names its indexes <identifier>method_table_columns.
            any(index.startswith("<") for node in with_index.nodes() for index in node.indexes),
        )
        for name, plan in before.items()
        if plan is not None and (with_index := after[name]) is not None
    )


def _extension(connection: Connection) -> str:
    """The quoted namespace of the extension; created in the open transaction where it is not there."""
    try:
        with connection.transaction():
            connection.execute("CREATE EXTENSION IF NOT EXISTS hypopg")
    except psycopg.Error as error:
        raise DatabaseError(f"HypoPG cannot be used here: {message(error)}", code=error.sqlstate) from None
    row = connection.execute(
        "SELECT format('%I', n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'hypopg'"
    ).fetchone()
    assert row is not None
    return str(row[0])
