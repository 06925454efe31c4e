"""Reads compared with the dataset, acknowledged writes looked up again: what is wrong or lost is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from loadlab.engines import open_database

SCHEMA = """
CREATE TABLE people (
    id uuid PRIMARY KEY, email text NOT NULL UNIQUE, born date, score numeric(8, 2) NOT NULL, tags jsonb,
    seen timestamptz, visits integer NOT NULL DEFAULT 0
);
CREATE TABLE notes (id bigint PRIMARY KEY, person_id uuid NOT NULL REFERENCES people, body text NOT NULL);
"""
FORGETFUL = """
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM notes WHERE id = NEW.id AND NEW.id % 7 = 0;
    RETURN NULL;
END $$;
CREATE TRIGGER forget AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION forget();
"""
OPERATIONS = {
    "person": {
        "kind": "simple", "weight": 10,
        "sql": "SELECT id, email, born, score, tags, seen, visits FROM people WHERE id = :id",
        "params": {"id": {"column": "people.id", "pick": "zipf"}},
    },
    "by_email": {
        "kind": "simple", "weight": 5,
        "sql": "SELECT p.score AS points, p.id FROM people p WHERE :email = p.email",
        "params": {"email": "people.email"},
    },
    "visit": {
        "kind": "write", "weight": 2, "sql": "UPDATE people SET visits = visits + 1 WHERE id = :id",
        "params": {"id": {"column": "people.id", "pick": "zipf"}},
    },
    "note": {"kind": "write", "weight": 3, "insert": "notes"},
}  # fmt: skip


def scenario(folder: Path, schema: str = SCHEMA) -> Path:
    folder.mkdir()
    (folder / "schema.sql").write_text(schema)
    tables = {"people": {"rows": 500}, "notes": {"rows": 500}}
    workload = {"users": 4, "think_time": "2ms", "warmup": "0.5s", "duration": "2s", "connections": 4, "workers": 2,
                "verify": "50%", "operations": OPERATIONS}  # fmt: skip
    text = {"schema": {"postgresql": "schema.sql"}, "data": {"tables": tables}, "workload": workload}
    (folder / "scenario.yaml").write_text(yaml.safe_dump(text))
    return folder


def run(folder: Path, database: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "loadlab", "run", str(folder), "--database", database, "--json"]
    done = subprocess.run(
        [*command, "--out", str(folder / "run")], capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode in (0, 1, 3), done.stderr
    target = next(item for item in json.loads(done.stdout)["targets"] if item["name"] == "integrity")
    return {**target, "details": {item["name"]: item for item in target["details"]}}


@pytest.mark.slow
def test_what_is_right_is_said_to_be_and_one_wrong_row_is_named(tmp_path):
    folder = scenario(tmp_path / "sound")
    with open_database("embedded:") as engine:
        first = run(folder, engine.url)
        assert first["verdict"] == "PASS", first
        assert first["details"]["reads"]["samples"] > 50
        assert first["details"]["acknowledged writes"]["samples"] > 20
        # Hot rows have been visited meanwhile: their `visits` differ, by the load's own doing.
        assert "changed since" in first["details"]["reads"]["reason"]
        with psycopg.connect(engine.url, autocommit=True) as connection, connection.transaction():
            # A transaction that writes a row of the ledger is taken for the one that loaded what it writes.
            connection.execute("UPDATE people SET score = score + 1")
            connection.execute(
                "INSERT INTO loadlab_ledger.chunk (table_key, start, stop, later, rows)"
                " VALUES ('people', 100000, 100001, false, 0)"
            )
        second = run(folder, engine.url)
    assert second["verdict"] == "FAIL"
    assert "person returned of row" in second["reason"] or "by_email returned of row" in second["reason"]
    assert "score = Decimal(" in second["reason"]


@pytest.mark.slow
def test_rows_that_others_changed_are_not_wrong_without_a_primary_key_either(tmp_path):
    keyless = SCHEMA.replace("id uuid PRIMARY KEY", "id uuid NOT NULL UNIQUE").replace(
        "REFERENCES people", "REFERENCES people (id)"
    )
    folder = scenario(tmp_path / "keyless", keyless)
    with open_database("embedded:") as engine:
        assert run(folder, engine.url)["verdict"] == "PASS"
        with psycopg.connect(engine.url, autocommit=True) as connection:
            connection.execute("UPDATE people SET score = score + 1 WHERE left(id::text, 1) < '8'")
        second = run(folder, engine.url)
    assert second["verdict"] == "PASS", second
    assert "changed since" in second["details"]["reads"]["reason"]


@pytest.mark.slow
def test_a_write_that_was_acknowledged_and_is_gone_is_named(tmp_path):
    found = run(scenario(tmp_path / "forgetful", SCHEMA + FORGETFUL), "embedded:")
    writes = found["details"]["acknowledged writes"]
    assert (found["verdict"], writes["verdict"]) == ("FAIL", "FAIL")
    assert writes["measured"] == pytest.approx(writes["samples"] / 7, abs=3)
    assert "note was acknowledged and is lost: notes " in writes["reason"]
