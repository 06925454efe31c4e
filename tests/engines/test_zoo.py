"""What schemas in the wild ask of data, one small table for each thing that was once refused: all rows are accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.pipeline import DataOptions, seed_database
from tests.silent import Silent

SCHEMAS = {
    "equal to one column or to another": """
        CREATE TABLE calls (
            kind text NOT NULL, made text, given text, used text,
            CHECK (kind = 'create' AND used = made OR kind = 'call' AND used = given)
        )""",
    "a partition key that may be NULL": """
        CREATE TABLE events (id int, item int) PARTITION BY RANGE (item);
        CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (50);
        CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (50) TO (90)""",
    "partitions of partitions": """
        CREATE TABLE logs (day date NOT NULL, kind text NOT NULL) PARTITION BY RANGE (day);
        CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);
        CREATE TABLE logs_1_a PARTITION OF logs_1 FOR VALUES IN ('a', 'b');
        CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (kind);
        CREATE TABLE logs_2_a PARTITION OF logs_2 FOR VALUES IN ('a', 'b')""",
    "a foreign key of partitions alone": """
        CREATE TABLE owners (id int PRIMARY KEY);
        CREATE TABLE moves (owner_id int NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
        CREATE TABLE moves_1 PARTITION OF moves (FOREIGN KEY (owner_id) REFERENCES owners)
            FOR VALUES FROM ('2020-01-01') TO ('2040-01-01')""",
    "a text that an index reads as a number": """
        CREATE TABLE builds (id int PRIMARY KEY, number text, done_on varchar(40), made text, twice int
            GENERATED ALWAYS AS (made::integer * 2) STORED);
        CREATE INDEX builds_number_idx ON builds ((number::integer));
        CREATE UNIQUE INDEX builds_done_on_idx ON builds (id, CAST(done_on AS bigint))""",
    "a foreign key with a list of values": """
        CREATE TABLE classes (id int PRIMARY KEY);
        CREATE TABLE accounts (class_id int NOT NULL REFERENCES classes CHECK (class_id IN (1, 2)))""",
    "a foreign key whose value one alternative wants": """
        CREATE TABLE people (id int PRIMARY KEY);
        CREATE TABLE deals (person_id int NOT NULL REFERENCES people, other int,
            CHECK (other IS NOT NULL OR person_id = 0))""",
    "a self reference that goes with other columns": """
        CREATE TABLE nodes (id int PRIMARY KEY, parent_node int REFERENCES nodes, kind text,
            CHECK (parent_node IS NULL AND kind IS NULL OR parent_node IS NOT NULL AND kind IS NOT NULL))""",
    "a choice that no value but NULL fulfils": """
        CREATE FUNCTION never() RETURNS int[] LANGUAGE sql AS 'SELECT ''{}''::int[]';
        CREATE TABLE files (kind text CHECK (kind IN ('a', 'b')), ref int,
            CHECK (kind <> 'a' OR ref = ANY (never())), CHECK (kind <> 'b' OR ref = ANY (never())))""",
    "nothing equals an element of an array that is empty": """
        CREATE TABLE files (kind text CHECK (kind IN ('a', 'b', 'c')), ref int,
            CHECK (kind <> 'a' OR ref = ANY ('{}'::int[])), CHECK (kind <> 'b' OR NOT ref > ALL (ARRAY[]::int[])))""",
    "an enum of which one alternative leaves nothing": """
        CREATE TYPE state AS ENUM ('draft', 'done', 'void');
        CREATE TABLE versions (part int NOT NULL, status state NOT NULL, done_at timestamptz, reason text,
            CHECK ((status = 'done') = (done_at IS NOT NULL)), CHECK ((status = 'void') = (reason IS NOT NULL)));
        CREATE UNIQUE INDEX versions_open_idx ON versions (part) WHERE status IN ('draft', 'done')""",
    "an empty array in one alternative": """
        CREATE TABLE roles (owner uuid, rights text[] NOT NULL DEFAULT '{}',
            CHECK (owner IS NULL OR cardinality(rights) > 0), CHECK (owner IS NOT NULL OR cardinality(rights) = 0))""",
    "an array of an enum without a label": """
        CREATE TYPE part AS ENUM ('a', 'b', 'none');
        CREATE TABLE agents (parts part[] NOT NULL, CHECK (NOT 'none' = ANY (parts)))""",
    "an empty text in one alternative": """
        CREATE TABLE users (is_robot boolean NOT NULL, gone boolean NOT NULL, email text NOT NULL,
            CHECK (is_robot = (email = '')));
        CREATE UNIQUE INDEX users_email_idx ON users (email) WHERE NOT gone AND email <> ''""",
    "no columns at all": "CREATE TABLE nothing ()",
    "a sequence's number in a text": """
        CREATE SEQUENCE numbers;
        CREATE TABLE slips (code text PRIMARY KEY DEFAULT 'S' || nextval('numbers'), n text DEFAULT nextval('numbers'))
        """,
    "policies that hold for the owner too": """
        CREATE TABLE secrets (id int PRIMARY KEY);
        ALTER TABLE secrets ENABLE ROW LEVEL SECURITY; ALTER TABLE secrets FORCE ROW LEVEL SECURITY""",
}


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("name", SCHEMAS)
def test_all_rows_are_accepted(database: PostgresqlEngine, tmp_path: Path, name: str, rows: int) -> None:
    path = tmp_path / "schema.sql"
    path.write_text(SCHEMAS[name])
    expected = database.preview(SCHEMAS[name], {})
    outcome = seed_database(str(path), database.url, DataOptions(rows_everywhere=rows, workers=1), Silent())
    assert database.reflect().tables == expected.tables, "everything is back as it was"
    counts = {table.name: table.rows for table in outcome.tables}
    assert all(counts.values())
    unlimited = {table for table in counts if not any(note.startswith(f"{table}: ") for note in outcome.notes)}
    assert {table: counts[table] for table in unlimited} == dict.fromkeys(unlimited, rows)
    for table, count in counts.items():
        assert database._connection.execute(f'SELECT count(*) FROM "{table}"'.encode()).fetchone() == (count,)
