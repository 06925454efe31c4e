"""Tables that are there, with their foreign keys in place, in a cycle."""

from __future__ import annotations

import pyarrow as pa
import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.errors import ConstraintError, DatabaseError
from loadlab.schema.model import Table
from tests.engines.test_postgresql_seeding import rows, run, silent

NULLABLE = """
CREATE TABLE teams (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, lead_id bigint);
CREATE TABLE "Members" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id uuid NOT NULL REFERENCES teams,
    mentor_id bigint REFERENCES "Members"
);
ALTER TABLE teams ADD FOREIGN KEY (lead_id) REFERENCES "Members" (id);
"""
STRICT = """
CREATE TABLE accounts (id int PRIMARY KEY, owner_id int NOT NULL);
CREATE TABLE owners (id int PRIMARY KEY, account_id int NOT NULL REFERENCES accounts DEFERRABLE);
ALTER TABLE accounts ADD FOREIGN KEY (owner_id) REFERENCES owners DEFERRABLE INITIALLY IMMEDIATE;
"""
TEAMS, MEMBERS = 3, 12


def team(number: int) -> bytes:
    return bytes([number]) * 16


def team_batch(*, leads: bool) -> pa.RecordBatch:
    ids = pa.array([team(n) for n in range(TEAMS)], pa.binary(16))
    lead_ids = pa.array([n * 4 + 1 if leads else None for n in range(TEAMS)], pa.int64())
    return pa.record_batch({"id": ids, "name": pa.array([f"t{n}" for n in range(TEAMS)]), "lead_id": lead_ids})


def member_batch() -> pa.RecordBatch:
    ids = range(1, MEMBERS + 1)
    return pa.record_batch(
        {
            "id": pa.array(ids, pa.int64()),
            "team_id": pa.array([team((n - 1) // 4) for n in ids], pa.binary(16)),
            "mentor_id": pa.array([n - 1 or None for n in ids], pa.int64()),
        }
    )


def begin(engine: PostgresqlEngine, script: str) -> dict[str, Table]:
    run(engine, script)
    schema = engine.reflect()
    engine.create(Manifest("f", {}, schema, owns_tables=False))
    return {table.name: table for table in schema}


def test_what_closes_a_nullable_cycle_is_filled_later(any_database: PostgresqlEngine) -> None:
    engine = any_database
    tables = begin(engine, NULLABLE)
    assert engine.load(tables["teams"], [team_batch(leads=False)], Chunk("teams", 0, TEAMS)) == TEAMS
    assert engine.load(tables["Members"], [member_batch()], Chunk("Members", 0, MEMBERS)) == MEMBERS
    later = [team_batch(leads=True).select(["id", "lead_id"])]
    chunk = Chunk("teams", 0, TEAMS, later=True)
    assert engine.fill_later(tables["teams"], ["lead_id"], later, chunk) == TEAMS
    assert chunk in engine.loaded()
    assert engine.fill_later(tables["teams"], ["lead_id"], [], chunk) == TEAMS, "it is in"
    assert rows(engine, "SELECT lead_id FROM teams ORDER BY id") == [(1,), (5,), (9,)]
    manifest = engine.manifest()
    assert manifest is not None
    engine.finish(manifest, silent)


def test_rows_that_are_not_there_cannot_be_filled(database: PostgresqlEngine) -> None:
    tables = begin(database, NULLABLE)
    later = [team_batch(leads=False).select(["id", "lead_id"])]
    with pytest.raises(DatabaseError, match="teams: 3 of 3 rows"):
        database.fill_later(tables["teams"], ["lead_id"], later, Chunk("teams", 0, TEAMS, later=True))
    assert database.loaded() == frozenset()


def accounts(owners: list[int]) -> pa.RecordBatch:
    return pa.record_batch({"id": pa.array([1, 2], pa.int32()), "owner_id": pa.array(owners, pa.int32())})


def test_a_strict_cycle_goes_in_as_one_transaction(database: PostgresqlEngine) -> None:
    tables = begin(database, STRICT)
    owners = pa.record_batch({"id": pa.array([1, 2], pa.int32()), "account_id": pa.array([2, 1], pa.int32())})

    def loads(owner_ids: list[int]) -> list[tuple[Table, list[pa.RecordBatch], Chunk]]:
        first = (tables["accounts"], [accounts(owner_ids)], Chunk("accounts", 0, 2))
        return [first, (tables["owners"], [owners], Chunk("owners", 0, 2))]

    with pytest.raises(ConstraintError, match="accounts"):
        database.load_together(loads([2, 3]))
    assert database.loaded() == frozenset()
    assert database.load_together(loads([2, 2])) == 4
    assert len(database.loaded()) == 2
