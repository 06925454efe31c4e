"""Trying rows on real databases: nothing stays, refusals are told, and remedies are found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from loadlab.data.dataset import Dataset
from loadlab.data.volumes import DataRequest
from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError
from loadlab.seeding.estimate import estimate
from loadlab.seeding.seeder import seed
from loadlab.seeding.trial import refuse, settle
from loadlab.spec.scenario import load_scenario
from loadlab.spec.shapes import DataShape

# Formulas that are solved for nothing: the database alone knows what they say.
FUNCTIONS = """
CREATE FUNCTION is_short(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length(md5(t) || t) < 34 $$;
CREATE FUNCTION is_zone(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT md5(t) = md5('UTC') $$;
CREATE FUNCTION is_filled(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT md5(t) <> md5('') $$;
CREATE FUNCTION is_magic(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT md5(t) = md5('abracadabra') $$;
"""
FIXABLE = (
    FUNCTIONS
    + """
CREATE TABLE by_null (id int PRIMARY KEY, note text UNIQUE CONSTRAINT note_ok CHECK (is_short(note)));
CREATE TABLE by_default (
    id int PRIMARY KEY, by_null_id int NOT NULL REFERENCES by_null,
    zone text NOT NULL DEFAULT 'UTC' CONSTRAINT zone_ok CHECK (is_zone(zone)),
    name text NOT NULL DEFAULT 'x' CONSTRAINT name_ok CHECK (is_filled(name))
);
"""
)
HOPELESS = (
    FIXABLE + "CREATE TABLE spells (id int PRIMARY KEY, word text NOT NULL CONSTRAINT word_ok CHECK (is_magic(word)));"
)
CHOSEN = {"by_null": {"note_ok": "null"}, "by_default": {"zone_ok": "default"}}


def planned(
    engine: Engine, ddl: str, *, rows: int = 300, shape: Mapping[str, object] | None = None, owns: bool = True
) -> Dataset:
    schema = engine.preview(ddl, {}) if owns else engine.reflect()
    made = DataShape.model_validate({"tables": shape or {}})
    request = DataRequest(made, 1.0, 1, lambda _: None, {}, rows_everywhere=rows)
    return Dataset.plan_for(schema, request, owns_tables=owns)


def fill(engine: Engine, dataset: Dataset) -> None:
    seed(engine, dataset, workers=1, observe=lambda _: None)


def test_the_database_decides_which_remedy_is_taken(database: PostgresqlEngine) -> None:
    dataset, trial = settle(database, planned(database, FIXABLE), always=False)
    assert trial is not None
    assert trial.refusals == ()
    assert dataset.manifest.body["remedies"] == CHOSEN
    assert dict(database.user_tables()) == {}
    fill(database, dataset)
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT count(*), count(note) FROM by_null").fetchone() == (300, 0)
        counted = connection.execute("SELECT count(*), min(zone), count(DISTINCT name) > 1 FROM by_default").fetchone()
        assert counted == (300, "UTC", True)
    manifest = database.manifest()
    assert manifest is not None
    assert Dataset.from_manifest(manifest).batch("by_default", 0, 300).equals(dataset.batch("by_default", 0, 300))


def test_a_check_that_cannot_be_computed_has_remedies_too(database: PostgresqlEngine) -> None:
    ddl = """CREATE TABLE pages (id int PRIMARY KEY, note text CHECK (is_short(note)),
        language text NOT NULL DEFAULT 'english' CHECK (language::regconfig IS NOT NULL));"""
    dataset, trial = settle(database, planned(database, FUNCTIONS + ddl, rows=20), always=False)
    assert trial is not None
    assert trial.refusals == ()
    assert dataset.manifest.body["remedies"]["pages"]["pages_language_check"] == "default"
    fill(database, dataset)


def test_a_check_that_looks_at_a_parent_is_tried_with_its_rows(database: PostgresqlEngine) -> None:
    ddl = """CREATE TABLE kinds (id int PRIMARY KEY, kind text NOT NULL CHECK (kind IN ('a', 'b')));
        CREATE FUNCTION kind_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT kind FROM kinds WHERE id = $1';
        CREATE TABLE things (id int PRIMARY KEY, kind_id int NOT NULL REFERENCES kinds
            CONSTRAINT only_a CHECK (kind_of(kind_id) = 'a'))"""
    _, trial = settle(database, planned(database, ddl, rows=40), always=False)
    assert trial is not None
    assert [(found.table, found.constraint) for found in trial.refusals] == [("things", "only_a")]


def test_tables_that_are_there_are_tried_on_copies(database: PostgresqlEngine) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute(FIXABLE.encode())
    with psycopg.connect(database.url) as other:
        # A reader's lock would hold up whoever changes the table.
        other.execute("SELECT count(*) FROM by_default")
        dataset, trial = settle(database, planned(database, "", owns=False), always=False)
        sizes = other.execute("SELECT pg_relation_size('by_null'), pg_relation_size('by_default')").fetchone()
    assert trial is not None
    assert trial.refusals == ()
    assert dataset.manifest.body["remedies"] == CHOSEN
    assert sizes == (0, 0)
    fill(database, dataset)


def test_what_no_remedy_helps_names_table_check_value_and_key(database: PostgresqlEngine) -> None:
    dataset, trial = settle(database, planned(database, HOPELESS), always=False)
    assert trial is not None
    (refusal,) = trial.refusals
    assert (refusal.table, refusal.constraint, refusal.columns) == ("spells", "word_ok", ("word",))
    assert refusal.values == (repr(dataset.cell("spells", "word", 0)),)
    assert dataset.manifest.body["remedies"] == CHOSEN
    with pytest.raises(InputError) as told:
        refuse(dataset, refusal)
    assert told.value.place == "scenario.yaml: data.tables.spells.columns.word"
    assert "word_ok" in str(told.value)
    assert refusal.values[0] in str(told.value)


def test_values_of_the_scenario_are_tried_too(database: PostgresqlEngine) -> None:
    right = {"spells": {"columns": {"word": {"values": ["abracadabra"]}}}}
    _, trial = settle(database, planned(database, HOPELESS, shape=right), always=False)
    assert trial is not None
    assert trial.refusals == ()
    wrong = {"spells": {"columns": {"word": {"values": ["simsalabim"]}}}}
    _, trial = settle(database, planned(database, HOPELESS, shape=wrong), always=False)
    assert trial is not None
    assert [refusal.values for refusal in trial.refusals] == [("'simsalabim'",)]


def test_nothing_is_tried_where_everything_is_sure(database: PostgresqlEngine) -> None:
    sure = planned(database, "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0))")
    assert settle(database, sure, always=False) == (sure, None)
    dataset, trial = settle(database, sure, always=True)
    assert dataset is sure
    assert trial is not None
    assert (trial.tables, trial.rows, trial.refusals) == (1, 192, ())


def test_keys_partitions_and_triggers_in_a_trial(database: PostgresqlEngine) -> None:
    """Unique keys and partitions are in place; foreign keys and triggers, which look elsewhere, are not."""
    ddl = """
        CREATE TABLE parents (id int PRIMARY KEY);
        CREATE TABLE kids (id int PRIMARY KEY, parent_id int NOT NULL REFERENCES parents, n int NOT NULL);
        CREATE TABLE days (id int NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
        CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER kids_never BEFORE INSERT ON kids FOR EACH ROW EXECUTE FUNCTION never();
    """
    dataset = planned(database, ddl)
    kids, days = dataset.batch("kids", 200, 210), dataset.batch("days", 0, 10)
    assert database.try_rows(dataset.manifest, [(dataset.table("kids"), kids), (dataset.table("days"), days)]) == ()
    late = planned(database, ddl.replace("2024-03-01", "2034-03-01").replace("2024-04-01", "2034-04-01"))
    twice = pa.Table.from_batches([late.batch("kids", 0, 1)] * 2).combine_chunks().to_batches()[0]
    samples = [(dataset.table("days"), late.batch("days", 0, 10)), (dataset.table("kids"), twice)]
    refused = database.try_rows(dataset.manifest, samples)
    assert [item.table for item in refused] == ["days", "kids"]
    assert "no partition" in refused[0].message
    assert refused[1].constraint == "kids_pkey"
    assert dict(database.user_tables()) == {}


def test_a_file_is_tried_in_memory(tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path}/trial.db") as engine:
        ddl = """
            CREATE TABLE t (
                id INTEGER PRIMARY KEY, note TEXT NOT NULL, code TEXT CONSTRAINT code_ok CHECK (unicode(code) = 34)
            )
        """
        dataset, trial = settle(engine, planned(engine, ddl), always=True)
        assert trial is not None
        assert trial.refusals == ()
        assert dataset.manifest.body["remedies"] == {"t": {"code_ok": "null"}}
        assert not (tmp_path / "trial.db").exists()
        fill(engine, dataset)


def test_foreseen_sizes_are_near_the_real_ones(database: PostgresqlEngine) -> None:
    scenario = load_scenario(Path(__file__).parents[2] / "scenarios" / "marketplace")
    schema = database.preview((scenario.folder / "schema.sql").read_text(), {})
    request = DataRequest(scenario.file.data, 0.0005, 1, scenario.full_rows, {}, default_rows=scenario.default_rows)
    dataset = Dataset.plan_for(schema, request, owns_tables=True)
    foreseen = estimate(dataset, database)
    fill(database, dataset)
    real = database.snapshot().tables
    table_bytes = sum(real[item.table].size_bytes or 0 for item in foreseen)
    index_bytes = sum(real[item.table].index_bytes or 0 for item in foreseen)
    assert 1 / 1.5 < sum(item.size_bytes for item in foreseen) / table_bytes < 1.5
    assert 1 / 1.5 < sum(item.index_bytes or 0 for item in foreseen) / index_bytes < 1.5
    for item in foreseen:
        size = real[item.table].size_bytes or 0
        if size > 1_000_000:
            assert 0.5 < item.size_bytes / size < 2, item.table
