"""`loadlab seed --dry-run`: what it says, as text and as JSON, and that it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Loadlab

DDL = """
CREATE FUNCTION is_zone(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT md5(t) = md5('UTC') $$;
CREATE FUNCTION is_magic(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT md5(t) = md5('abracadabra') $$;
CREATE TABLE flags (on_or_off boolean PRIMARY KEY);
CREATE TABLE places (
    id int PRIMARY KEY, zone text CONSTRAINT zone_ok CHECK (is_zone(zone)),
    n int NOT NULL CHECK (n > 0), twice int GENERATED ALWAYS AS (n * 2) STORED
);
"""
HOPELESS = DDL + "CREATE TABLE spells (id int PRIMARY KEY, word text NOT NULL CONSTRAINT w CHECK (is_magic(word)));"


@pytest.fixture
def schema(tmp_path: Path, embedded_server: str) -> Path:
    path = tmp_path / "schema.sql"
    path.write_text(DDL)
    return path


def test_what_is_not_kept_is_listed(schema: Path, loadlab: Loadlab) -> None:
    done = loadlab("seed", schema, "--rows", 100, "--dry-run")
    assert done.exit_code == 0, done.err
    assert "2 of 100" in done.out
    assert "1 not understood" in done.out
    assert "places: twice is generated" in done.out
    assert "its column zone is left NULL" in done.out
    assert "Tried on the database: 102 rows of 2 tables, all accepted." in done.out
    assert "Note: flags: 2 rows, not 100:" in done.out
    assert "primary key" not in done.out
    every = loadlab("seed", schema, "--rows", 100, "--dry-run", "--verbose")
    assert "flags: primary key flags_pkey: each of its values once; room for 2 rows, 100 asked" in every.out


def test_json_has_every_constraint(schema: Path, loadlab: Loadlab) -> None:
    done = loadlab("seed", schema, "--rows", 100, "--dry-run", "--json")
    assert done.exit_code == 0, done.err
    plan = json.loads(done.out)
    tables = {table["table"]: table for table in plan["tables"]}
    assert (tables["flags"]["rows"], tables["flags"]["rows_asked"]) == (2, 100)
    constraints = {item["name"]: item for item in tables["places"]["constraints"]}
    assert constraints["places_pkey"]["kind"] == "primary key"
    assert constraints["places_pkey"]["capacity"] >= 100
    assert constraints["zone_ok"]["status"] == "not understood"
    assert constraints["twice"]["status"] == "left to the server"
    assert plan["remedies"] == {"places": {"zone_ok": "null"}}
    assert plan["trial"] == {"tables": 2, "rows": 102, "refusals": []}
    assert plan["size_bytes"] > 0
    assert plan["index_bytes"] == sum(table["index_bytes"] for table in plan["tables"])
    assert plan["seconds"] > 0


def test_a_refusal_is_shown_and_stops_the_seeding(schema: Path, loadlab: Loadlab) -> None:
    schema.write_text(HOPELESS)
    done = loadlab("seed", schema, "--rows", 100, "--dry-run")
    assert done.exit_code == 1, done.err
    assert "1 refused:" in done.out
    assert "give values: data.tables.spells.columns.word" in done.out
    real = loadlab("seed", schema, "--rows", 100)
    assert real.exit_code == 2
    assert "data.tables.spells.columns.word needs values: by its CHECK w," in real.error_line
    assert "word = '" in real.error_line


def test_the_torture_fixture_is_kept_by_construction(embedded_server: str, loadlab: Loadlab) -> None:
    done = loadlab("seed", ROOT / "fixtures" / "torture.sql", "--rows", 20, "--dry-run", "--json")
    assert done.exit_code == 0, done.err
    plan = json.loads(done.out)
    assert plan["trial"]["refusals"] == []
    assert plan["constraints"]["not understood"] == plan["constraints"]["overridden"] == 0
    assert plan["constraints"]["kept"] > 200
    audit = [c for t in plan["tables"] for c in t["constraints"] if c["kind"] == "trigger"]
    assert ["writes to audit" in c["means"] for c in audit] == [True]


def test_what_the_disk_has_no_room_for_is_said_and_refused(tmp_path: Path, loadlab: Loadlab) -> None:
    path, database = tmp_path / "schema.sql", f"sqlite:///{tmp_path / 'shop.db'}"
    path.write_text("CREATE TABLE notes (id integer PRIMARY KEY, body text NOT NULL);")
    words = ("seed", path, "--database", database, "--rows", 10**13)
    plan = json.loads(loadlab(*words, "--dry-run", "--json").out)
    assert plan["fits"] is False
    assert plan["size_bytes"] > plan["free_bytes"] > 0
    dry = loadlab(*words, "--dry-run")
    assert dry.exit_code == 1
    assert "It does not fit: the disk of the database has" in dry.out
    done = loadlab(*words)
    assert done.exit_code == 2
    assert "of a disk that has" in done.error_line
    assert "take a smaller --scale" in done.error_line
    assert not (tmp_path / "shop.db").exists()
