"""What the catalogue says, as a schema: against what `fixtures/postgresql/everything.sql` spells out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.script import run_script
from loadlab.engines.postgresql.server import Server
from loadlab.engines.postgresql.types import numeric_modifier
from loadlab.schema.model import Check, Column, LogicalType, Partition, Partitioning, Schema, Table

EVERYTHING = Path(__file__).resolve().parents[2] / "fixtures" / "postgresql" / "everything.sql"


@pytest.fixture(scope="module")
def schema(any_server: Server) -> Iterator[Schema]:
    any_server.execute("CREATE DATABASE everything")
    with PostgresqlEngine(any_server.url("everything")) as engine:
        yield engine.preview(EVERYTHING.read_text(), {})
    any_server.execute("DROP DATABASE everything WITH (FORCE)")


@pytest.fixture
def people(schema: Schema) -> Table:
    return schema.table("people")


def test_tables_are_those_of_the_user_by_key(schema: Schema) -> None:
    # No partitions, no views, nothing of an extension.
    expected = ['billing.Weird "Table"', "buckets", "event_notes", "events", "people", "spans"]
    assert [table.key for table in schema] == expected


def test_a_schema_survives_its_own_text(schema: Schema) -> None:
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize(
    "column",
    [
        Column("id", LogicalType("integer", "bigint", bits=64), nullable=False, identity="always"),
        Column("email", LogicalType("text", "citext"), nullable=False),
        Column(
            "name",
            LogicalType("text", "character varying(40)", length=40),
            nullable=False,
            default="'no; name'::character varying",
            comment="Called; so",
        ),
        Column(
            "mood",
            LogicalType("enum", "mood", labels=("sad", "so; so", "it's fine")),
            default="'so; so'::mood",
        ),
        # A domain over a domain: the base type, the inner default, the outer NOT NULL.
        Column(
            "discount",
            LogicalType("numeric", "numeric(5,2)", precision=5, scale=2),
            nullable=False,
            default="0",
        ),
        Column("place", LogicalType("label_path", "ltree")),
        Column("address", LogicalType("inet", "inet")),
        Column(
            "tags",
            LogicalType("array", "text[]", element=LogicalType("text", "text")),
            default="'{}'::text[]",
        ),
        Column(
            "scores",
            LogicalType(
                "array", "numeric(6,2)[]", element=LogicalType("numeric", "numeric(6,2)", precision=6, scale=2)
            ),
        ),
        Column("born", LogicalType("date", "date")),
        Column("alarm", LogicalType("time", "time with time zone", timezone=True)),
        Column("patience", LogicalType("interval", "interval")),
        Column("photo", LogicalType("bytes", "bytea")),
        Column("notes", LogicalType("json", "json")),
        Column(
            "search",
            LogicalType("search_vector", "tsvector"),
            generated="to_tsvector('english'::regconfig, (name)::text)",
        ),
    ],
    ids=lambda column: column.name,
)
def test_columns(people: Table, column: Column) -> None:
    assert people.column(column.name) == column


def test_generated_columns_are_not_stored_by_a_client(people: Table) -> None:
    assert "search" not in {column.name for column in people.stored_columns}


def test_checks_with_those_of_domains(people: Table) -> None:
    assert set(people.checks) == {
        Check("people_not_own_boss", "boss_id <> id", "CHECK ((boss_id <> id))"),
        Check("percentage_range", "discount >= 0::numeric AND discount <= 100::numeric"),
        Check("share_check", "discount::numeric <> 13::numeric AND 'VALUE'::text <> ''::text"),
    }


def test_keys(schema: Schema, people: Table) -> None:
    assert (people.primary_key, people.primary_key_name) == (("id",), "people_pkey")
    (boss,) = people.foreign_keys
    assert (boss.columns, boss.target, boss.target_columns) == (("boss_id",), "people", ("id",))
    assert (boss.on_delete, boss.on_update, boss.deferrable) == ("SET NULL", "CASCADE", True)
    # Once, although the server keeps one for each partition it leads to.
    (note,) = schema.table("event_notes").foreign_keys
    assert (note.columns, note.target) == (("event_id", "happened_at", "kind"), "events")
    assert note.on_delete == "CASCADE"
    assert schema.table('billing.Weird "Table"').foreign_keys[0].definition.endswith("NOT VALID")


def test_indexes(schema: Schema, people: Table) -> None:
    indexes = {index.name: index for index in people.indexes}
    key = indexes["people_pkey"]
    assert (key.keys, key.include, key.constraint, key.unique) == (("id",), ("name",), "people_pkey", True)
    email = indexes["people_email_key"]
    assert email.constraint == "people_email_key"
    assert email.definition.endswith("UNIQUE (email) DEFERRABLE INITIALLY DEFERRED")
    lower = indexes["people_lower_name_idx"]
    assert lower.keys == ("lower(name::text)", "born")
    assert lower.expressions == (True, False)
    assert (lower.include, lower.predicate, lower.method) == (("mood",), "boss_id IS NULL", "btree")
    assert "DESC NULLS LAST" in lower.definition
    assert (indexes["people_name_trgm_idx"].method, indexes["people_name_trgm_idx"].keys) == ("gin", ("name",))
    assert people.unique_keys == (("id",), ("changed_at", "id"), ("email",))
    weird = {index.name: index for index in schema.table('billing.Weird "Table"').indexes}
    exclusion = weird["no; overlap"]
    assert (exclusion.constraint, exclusion.method, exclusion.unique) == ("no; overlap", "gist", False)
    assert exclusion.expressions == (False, True)
    assert exclusion.operators == ("=", "&&")
    assert exclusion.definition.startswith('ALTER TABLE billing."Weird ""Table""" ADD CONSTRAINT "no; overlap" EXCLUDE')
    assert weird["Weird; Index"].keys == ("from", "Größe")


def test_partitioned_tables(schema: Schema) -> None:
    events = schema.table("events").partitioning
    assert events is not None
    assert (events.strategy, events.keys) == ("range", ("happened_at",))
    kinds = Partitioning(
        "list",
        ("kind",),
        (Partition("events_2024_odd", "FOR VALUES IN (1, 3, 5)"), Partition("events_2024_rest", "DEFAULT")),
    )
    assert events.partitions == (
        Partition("events_2024", "FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2025-01-01 00:00:00+00')", kinds),
        Partition("events_old", "FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00+00')"),
    )
    buckets, spans = schema.table("buckets").partitioning, schema.table("spans").partitioning
    assert buckets is not None
    assert (buckets.strategy, buckets.keys) == ("hash", ("name",))
    assert spans is not None
    assert spans.keys == ("lower(lower_name)", "whole")
    assert spans.partitions == (Partition("spans_all", "DEFAULT"),)
    # An index of a partition alone is no index of the table.
    assert "only_old_events_idx" not in {index.name for index in schema.table("events").indexes}


def test_what_only_partitions_have_binds_all_rows(any_database: PostgresqlEngine) -> None:
    schema = any_database.preview(
        """\
CREATE TABLE owners (id int PRIMARY KEY);
CREATE TABLE moves (owner_id int, a int, at date, CHECK (a > 0)) PARTITION BY RANGE (at);
CREATE TABLE moves_1 PARTITION OF moves (
    CHECK (a < 9), CONSTRAINT one FOREIGN KEY (owner_id) REFERENCES owners
) FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE moves_2 PARTITION OF moves (
    CHECK (a < 9), CONSTRAINT two FOREIGN KEY (owner_id) REFERENCES owners
) FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
CREATE TABLE old (at date) PARTITION BY RANGE (at);
CREATE TABLE old_1 PARTITION OF old (CHECK (at < '2024-07-01')) FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE old_2 PARTITION OF old (CHECK (at > '2024-06-01')) FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
""",
        {},
    )
    moves = schema.table("moves")
    assert [(key.columns, key.target) for key in moves.foreign_keys] == [(("owner_id",), "owners")]
    assert [check.expression for check in moves.checks] == ["a > 0", "a < 9"]
    assert schema.table("old").checks == (), "they say again what the bounds say"


def test_unique_indexes_say_whether_nulls_are_alike(database: PostgresqlEngine) -> None:
    schema = database.preview(
        "CREATE TABLE t (a int UNIQUE, b int UNIQUE NULLS NOT DISTINCT);"
        "CREATE UNIQUE INDEX t_both ON t (a, b) NULLS NOT DISTINCT",
        {},
    )
    assert {index.name: index.nulls_distinct for index in schema.table("t").indexes} == {
        "t_a_key": True,
        "t_b_key": False,
        "t_both": False,
    }


def test_triggers_name_the_tables_that_they_write_to(any_database: PostgresqlEngine) -> None:
    schema = any_database.preview(
        """\
CREATE SCHEMA s;
CREATE TABLE t (id int); CREATE TABLE log (id int); CREATE TABLE s.log (id int); CREATE TABLE s.other (id int);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log VALUES (new.id); -- INSERT INTO nowhere
    UPDATE s.log SET id = 1 WHERE 'DELETE FROM t' <> '';
    DELETE FROM ONLY other;
    RETURN new;
END $$;
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
""",
        {},
    )
    assert schema.table("t").triggers[0].writes == ("log", "s.log", "s.other")
    assert Schema.from_json(schema.to_json()) == schema


def test_foreign_tables_and_heirs_are_told(any_database: PostgresqlEngine) -> None:
    schema = any_database.preview(
        """\
CREATE TABLE people (id int PRIMARY KEY, name text CHECK (name <> ''));
CREATE TABLE pupils (grade int) INHERITS (people);
CREATE TYPE point_of_sale AS (id int, name text);
CREATE TABLE shops OF point_of_sale (PRIMARY KEY (id));
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE remote (id int) SERVER far;
""",
        {},
    )
    assert [table.key for table in schema] == ["people", "pupils", "shops"]
    pupils, shops = schema.table("pupils"), schema.table("shops")
    assert pupils.column_names == ("id", "name", "grade")
    assert [check.expression for check in pupils.checks] == ["name <> ''::text"]
    assert pupils.primary_key == ()
    assert (shops.column_names, shops.primary_key) == (("id", "name"), ("id",))
    assert any_database.notes() == (
        "pupils: inherits from people, where its rows show too",
        "remote: is a foreign table, whose rows are somewhere else; it gets none",
    )


def test_triggers_and_comments(people: Table) -> None:
    assert [(trigger.name, trigger.events) for trigger in people.triggers] == [
        ("people_always", ("DELETE",)),
        ("people_off", ("INSERT",)),
        ("people_stamp", ("INSERT", "UPDATE")),
    ]
    assert "WHEN" in people.triggers[2].definition
    assert people.comment == "Everybody's table"


def test_five_hundred_tables_take_no_time(database: PostgresqlEngine) -> None:
    names = [f"t{number:03}" for number in range(500)]
    columns = (
        "id bigint PRIMARY KEY, a text NOT NULL UNIQUE, b numeric(9, 2) CHECK (b > 0), c timestamptz DEFAULT now()"
    )
    script = ";\n".join(f"CREATE TABLE {n} ({columns}, p bigint REFERENCES t000)" for n in names)
    with database._connection.transaction():
        run_script(database._connection, script)
    took_s = []
    for _ in range(3):
        began = time.perf_counter()
        schema = database.reflect()
        took_s.append(time.perf_counter() - began)
    assert min(took_s) < 2
    assert [table.key for table in schema] == names
    assert all(len(table.columns) == 5 and len(table.indexes) == 2 and table.foreign_keys for table in schema)
    assert database.user_tables() == dict.fromkeys(names, False)


@pytest.mark.parametrize(
    "precision,scale,modifier",
    # atttypmod as the server has it: 4 + (precision << 16 | scale in 11 bits, signed)
    [(10, 2, 655366), (1, 0, 65540), (5, -2, 329730), (2, 4, 131080), (1000, 1000, 65536 * 1000 + 1004)],
)
def test_numeric_modifiers(precision: int, scale: int, modifier: int) -> None:
    assert numeric_modifier(modifier) == (precision, scale)
