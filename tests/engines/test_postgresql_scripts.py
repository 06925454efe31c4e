"""Scripts as people have them: what is left out of one, and what stands in on a server of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.protocol import Manifest
from loadlab.errors import InputError
from loadlab.schema.model import Schema

NOT_THERE = "no_such_extension"


def rows(engine: PostgresqlEngine, query: str) -> list[tuple[Any, ...]]:
    return engine._connection.execute(query.encode()).fetchall()


def made(engine: PostgresqlEngine, script: str) -> Schema:
    """The schema of a script, made for good."""
    schema = engine.preview(script, {})
    engine.create(Manifest("f1", {"seed": 1}, schema, owns_tables=True))
    assert {table.key for table in schema} == set(engine.user_tables())
    return schema


def test_what_is_no_part_of_a_schema_is_left_out_on_any_server(any_database: PostgresqlEngine) -> None:
    schema = made(
        any_database,
        """\
\\connect somewhere
\\set ON_ERROR_STOP on
SET transaction_isolation_of_tomorrow = 0;
BEGIN;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
CREATE ROLE nobody_at_all LOGIN;
CREATE SCHEMA IF NOT EXISTS depot AUTHORIZATION nobody_at_all;
CREATE SCHEMA public;
CREATE TABLE depot.things (id bigint PRIMARY KEY, name text);
ALTER TABLE depot.things OWNER TO nobody_at_all;
COPY depot.things (id, name) FROM stdin;
1\tone; $$ '
2\t\\N
\\.

INSERT INTO depot.things VALUES (3, 'three');
INSERT INTO depot.things VALUES (4, 'four');
GRANT SELECT ON depot.things TO nobody_at_all;
GRANT SELECT ON depot.things TO PUBLIC;
CREATE POLICY own ON depot.things TO nobody_at_all USING (true);
CREATE INDEX CONCURRENTLY things_name_idx ON depot.things (name);
VACUUM ANALYZE depot.things;
COMMENT ON DATABASE somewhere IS 'x';
CREATE PUBLICATION everything FOR ALL TABLES;
COMMIT;
""",
    )
    assert [index.name for index in schema.table("depot.things").indexes] == ["things_name_idx", "things_pkey"]
    any_database.preview("CREATE TABLE t (); INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES", {})
    assert any_database.notes() == ("INSERT left out (2 times): a schema holds no rows",)
    assert rows(any_database, "SELECT count(*) FROM depot.things") == [(0,)]
    assert rows(any_database, "SELECT has_table_privilege('public', 'depot.things', 'SELECT')") == [(True,)]


def test_tables_that_the_script_fills_itself_are_emptied(any_database: PostgresqlEngine) -> None:
    script = """\
CREATE TABLE kinds (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE things (id int, kind_id int REFERENCES kinds DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE empty (id int);
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$;
CREATE TRIGGER keep BEFORE TRUNCATE ON kinds EXECUTE FUNCTION never();
DO $$ BEGIN INSERT INTO things VALUES (1, 1); INSERT INTO kinds VALUES (1, 'a'); END $$;
UPDATE kinds SET name = 'b';
"""
    any_database.preview(script, {})
    note = "rows that the schema's own code made are left out, of kinds, things: a schema holds no rows"
    assert any_database.notes() == (note,)
    made(any_database, script)
    assert any_database.user_tables() == {"empty": False, "kinds": False, "things": False}


def test_functions_stand_in_for_extensions_of_our_own_server(database: PostgresqlEngine) -> None:
    available = rows(database, "SELECT name FROM pg_available_extensions WHERE name IN ('uuid-ossp', 'pgcrypto')")
    if available:
        pytest.xfail("this server has the extensions: nothing has to stand in for them")
    made(
        database,
        """\
CREATE SCHEMA tools;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA tools;
COMMENT ON EXTENSION "uuid-ossp" IS 'x';
CREATE EXTENSION pgcrypto;
CREATE TABLE t (
    id uuid PRIMARY KEY DEFAULT tools.uuid_generate_v4(),
    name text NOT NULL,
    digest bytea GENERATED ALWAYS AS (digest(name, 'sha256')) STORED,
    token bytea DEFAULT gen_random_bytes(33)
);
""",
    )
    assert any("uuid-ossp, pgcrypto: plain SQL functions stand in" in note for note in _previewed(database))
    database._connection.execute("INSERT INTO t (name) VALUES ('a'), ('b')")
    # SHA-256 of "a", from FIPS 180-4's own algorithm (Python's hashlib).
    expected = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert rows(database, "SELECT encode(digest, 'hex') FROM t WHERE name = 'a'") == [(expected,)]
    assert rows(database, "SELECT count(DISTINCT id), min(length(token)), max(length(token)) FROM t") == [(2, 33, 33)]
    assert rows(database, "SELECT crypt('x', s) = crypt('x', crypt('x', s)) FROM gen_salt('bf') AS s") == [(True,)]
    # Version 3, from RFC 4122, appendix B (the erratum's value).
    named = "SELECT tools.uuid_generate_v3(tools.uuid_ns_dns(), 'www.widgets.com')::text"
    assert rows(database, named) == [("3d813cbb-47fb-32ba-91df-831e1593ac29",)]


def _previewed(database: PostgresqlEngine) -> tuple[str, ...]:
    database.preview('CREATE SCHEMA x; CREATE EXTENSION "uuid-ossp" SCHEMA x; CREATE EXTENSION pgcrypto SCHEMA x', {})
    return database.notes()


def test_what_needs_a_missing_extension_is_left_out_on_our_own_server(database: PostgresqlEngine) -> None:
    schema = made(
        database,
        f"""\
CREATE EXTENSION {NOT_THERE};
CREATE TABLE t (id int PRIMARY KEY, name text);
CREATE INDEX t_name_idx ON t USING gin (name its_own_ops);
CREATE VIEW v AS SELECT its_own_function(name) AS name FROM t;
CREATE VIEW w AS SELECT name FROM v;
COMMENT ON VIEW v IS 'x';
""",
    )
    assert [index.name for index in schema.table("t").indexes] == ["t_pkey"]
    database.preview(f"CREATE EXTENSION {NOT_THERE}; CREATE TABLE u (); CREATE VIEW v AS SELECT its_own()", {})
    assert database.notes() == (
        f"extension {NOT_THERE} left out, and what needs it: view (1);"
        " the server that LoadLab brings along lacks it, --database takes one that has it",
    )


def test_places_on_other_servers_disks_and_code_for_rows_are_left_out_on_our_own(database: PostgresqlEngine) -> None:
    script = """\
CREATE TABLESPACE fast LOCATION '/nowhere';
SAVEPOINT here;
CREATE TABLE t (id int PRIMARY KEY USING INDEX TABLESPACE fast, n int) TABLESPACE "fast";
CREATE INDEX ON t (n) TABLESPACE fast;
RELEASE SAVEPOINT here;
INSERT INTO t VALUES (1, 2);
DO $$ DECLARE found int; BEGIN SELECT n INTO STRICT found FROM t; END $$;
"""
    schema = made(database, script)
    assert len(schema.table("t").indexes) == 2
    database.preview(script.replace(" t ", " u ").replace("FROM t;", "FROM u;"), {})
    assert database.notes() == (
        "CREATE TABLESPACE left out: what the whole server shares is no part of a schema",
        "TABLESPACE fast left out (2 times): the server does not have it",
        "INSERT left out: a schema holds no rows",
        "DO left out: it asks for rows, and a schema holds no rows",
    )


def test_a_check_with_a_function_of_a_missing_extension_is_left_out_on_our_own_server(
    database: PostgresqlEngine,
) -> None:
    table = "CREATE TABLE t (\n a int, CONSTRAINT far CHECK (its_own(a) > 3), CONSTRAINT big CHECK (a > 3)\n)"
    schema = made(database, f"CREATE EXTENSION {NOT_THERE};\n{table}")
    assert [check.name for check in schema.table("t").checks] == ["big"]
    database.preview(f"CREATE EXTENSION {NOT_THERE};\n{table.replace(' t ', ' u ')}", {})
    assert "CHECKs left out, for a function that is not there: far (its_own); the server" in "\n".join(database.notes())
    # Without an extension that could have brought it, the function is missing in the script.
    with pytest.raises(InputError, match=r"function its_own\(integer\) does not exist"):
        database.preview(table.replace(" t ", " v "), {})


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE t (id int, place its_own_type)", "CREATE TABLE t (); ALTER TABLE t ADD a its_own_type"]
)
def test_a_table_that_needs_a_missing_extension_is_refused(database: PostgresqlEngine, statement: str) -> None:
    reason = (
        rf"schema: line 2 needs the extension {NOT_THERE}, which .* lacks \(type .* does not exist\); give --database"
    )
    with pytest.raises(InputError, match=reason):
        database.preview(f"CREATE EXTENSION {NOT_THERE};\n{statement}", {})


def test_what_a_script_expects_of_its_server_is_made_on_our_own(database: PostgresqlEngine) -> None:
    schema = made(
        database,
        """\
CREATE TABLE elsewhere.t (id int);
DO $$ BEGIN GRANT SELECT ON elsewhere.t TO somebody_expected; END $$;
CREATE FUNCTION f() RETURNS int LANGUAGE no_such_language AS 'x';
""",
    )
    assert [table.key for table in schema] == ["elsewhere.t"]
    assert rows(database, "SELECT count(*) FROM pg_roles WHERE rolname = 'somebody_expected'") == [(1,)]
    database._connection.execute("DROP OWNED BY somebody_expected; DROP ROLE somebody_expected")


@pytest.mark.parametrize(
    "script, reason",
    [
        (
            f"CREATE EXTENSION {NOT_THERE}",
            rf"line 1 is refused by the database: .*{NOT_THERE}",
        ),
        ("CREATE TABLE elsewhere.t (id int)", 'line 1 is refused by the database: schema "elsewhere" does not exist'),
        ("SELECT 1;\n\\if true\n", r"line 2=\\if true is a psql command"),
        ("SELECT 1;\nROLLBACK", "line 2 has ROLLBACK"),
    ],
)
def test_a_server_of_somebody_else_is_only_asked_for_what_the_script_says(
    new_database: Callable[[], PostgresqlEngine], script: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        new_database().preview(script, {})


def test_what_no_script_makes_is_made_on_our_own_server(database: PostgresqlEngine) -> None:
    schema = made(
        database,
        """\
CREATE TABLE members (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4() REFERENCES auth.users, -- as Supabase's users have it
    email public.citext NOT NULL,
    name text COLLATE pg_catalog."xx-x-icu" DEFAULT public.gen_random_uuid()::text,
    place geometry(Point, 4326) NOT NULL CHECK (st_srid(place) = 4326),
    path geography(LineStringZ),
    centre geography GENERATED ALWAYS AS (st_setsrid(st_makepoint(1, 2), 4326)::geography) STORED
);
CREATE SCHEMA extensions;
CREATE EXTENSION ltree SCHEMA extensions;
CREATE TABLE paths (path ltree PRIMARY KEY);
CREATE INDEX ON members USING gin (email gin_trgm_ops);
CREATE INDEX ON members USING gist (place);
CREATE VIEW early AS SELECT id FROM late;
CREATE TABLE late (id int PRIMARY KEY);
CREATE TRIGGER keep BEFORE INSERT ON nowhere EXECUTE FUNCTION nothing();
DO $$ BEGIN COMMIT; END $$;
""",
    )
    assert {table.key for table in schema} == {"members", "late", "auth.users", "paths"}
    place, path = (schema.table("members").column(name).type for name in ("place", "path"))
    assert (place.kind, place.form, place.srid) == ("geometry", "point", 4326)
    assert (path.kind, path.form, path.srid) == ("geometry", "linestring z", 4326)
    assert len(schema.table("members").indexes) == 2  # the key's and the one of pg_trgm
    point = "'\\x0101000020E6100000000000000000F03F0000000000000040'::bytea::geometry"  # SRID 4326, POINT(1 2)
    known = f"SELECT st_srid({point}), geometrytype({point}), st_ndims({point})"
    assert rows(database, known) == [(4326, "POINT", 2)]
    other = f"SELECT st_srid(st_setsrid({point}, 3857)), st_srid(st_setsrid(st_makepoint(1, 2), 3857))"
    assert rows(database, other) == [(3857, 3857)]


def test_what_is_left_out_for_want_of_something_is_told(database: PostgresqlEngine) -> None:
    database.preview("CREATE VIEW a AS SELECT * FROM b; CREATE TABLE b (id int); CREATE INDEX ON c (id)", {})
    assert database.notes() == (
        "statements run after all others (1): they name what comes later in the script",
        'index of line 1 left out: relation "c" does not exist',
    )
    with pytest.raises(InputError, match='line 1 is refused by the database: relation "c" does not exist'):
        database.preview("CREATE TABLE b (id int REFERENCES c)", {})


def test_values_that_an_enum_gets_later_can_be_used_at_once(any_database: PostgresqlEngine) -> None:
    schema = made(
        any_database,
        """\
CREATE TYPE mood AS ENUM ('fine', 'good');
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'bad' BEFORE 'fine';
ALTER TYPE "mood" RENAME TO "humour";
ALTER TYPE public.humour ADD VALUE 'it''s so';
CREATE TABLE t (id int PRIMARY KEY, mood humour DEFAULT 'bad');
CREATE INDEX ON t (id) WHERE mood = 'it''s so';
""",
    )
    assert schema.table("t").column("mood").type.labels == ("bad", "fine", "good", "it's so")
