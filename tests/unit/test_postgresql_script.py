"""Splitting a DDL script: every way in which PostgreSQL can hide a semicolon."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.engines.postgresql.omissions import Tried, omission, rewritten
from loadlab.engines.postgresql.statements import split, written_tables


def texts(script: str) -> list[str]:
    return [statement.text for statement in split(script)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'a;b'",
        "SELECT 'it''s; fine'",
        r"SELECT E'a\';b', e'\\'",
        r"SELECT 'a\'",
        "SELECT name'x;'",
        'SELECT 1 AS "a;""b"',
        "SELECT $$a;b$$",
        "SELECT $tag$a;$$;$other$;b$tag$",
        "SELECT a$1 + b$c, $1",
        "SELECT 1 -- not the end; here\n + 1",
        "SELECT 1 /* nor ; /* nested ; */ ; */ + 1",
        "SELECT 'end;\n; of line'",
        "CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 ELSE 3 END; SELECT 2; END",
        "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES (1); END",
        'CREATE TABLE "begin" (atomic int, "end" int)',
        "SELECT E'\\\\;'",
        "SELECT U&'d;\\0061'",
        "SELECT größe FROM tabelle$",
        "DO $$ BEGIN CASE WHEN true THEN NULL; END CASE; END $$",
    ],
)
def test_one_statement_stays_whole(statement: str) -> None:
    assert texts(f"{statement};\nSELECT 2") == [statement, "SELECT 2"]
    assert texts(f"SELECT 1; {statement}") == ["SELECT 1", statement]


def test_empty_statements_and_comments_between_are_nothing() -> None:
    assert texts("-- a\n;; /* b; */ ;\n\nSELECT 1\n;-- c") == ["SELECT 1"]
    assert texts("") == []


def test_an_offset_leads_to_the_text() -> None:
    script = "-- c\n\n  SELECT 1;\nSELECT\n2;"
    for statement in split(script):
        assert script[statement.offset :].startswith(statement.text)


def test_commands_of_psql_are_statements_of_their_own() -> None:
    assert texts("SELECT 1;\n\\connect other\nSELECT 2") == ["SELECT 1", "\\connect other", "SELECT 2"]


@pytest.mark.parametrize("head", ["COPY t (a, b) FROM stdin", "copy public.t from STDIN with (format csv)"])
def test_the_rows_of_a_copy_are_no_statements(head: str) -> None:
    script = f"{head};\n1\tit's; $$\n\\\\.\tx\n\\.\n\nSELECT 2;"
    assert texts(script) == [head, "SELECT 2"]


def left_out(statement: str) -> str | None:
    (found,) = split(statement)
    omitted = omission(found)
    return None if omitted is None or isinstance(omitted, Tried) else omitted.kind


@pytest.mark.parametrize(
    "statement, kind",
    [
        ("INSERT INTO t VALUES (1)", "INSERT"),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", None),
        ("\\copy t from 'x.csv'", "\\copy"),
        ("ALTER TABLE ONLY public.t OWNER TO someone", "OWNER TO"),
        ('ALTER FUNCTION f(a integer, b numeric(3, 2)) OWNER TO "Some One"', "OWNER TO"),
        ("ALTER TABLE t RENAME owner TO boss", None),
        ("ALTER TABLE t RENAME COLUMN owner TO boss", None),
        ("ALTER TABLE t ADD a int, OWNER TO x", None),
        ("ALTER TABLE t ADD owner text", None),
        ("CREATE ROLE someone", "CREATE ROLE"),
        ("CREATE USER MAPPING FOR x SERVER y", "CREATE USER MAPPING"),
        ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()", "CREATE EVENT TRIGGER"),
        ("CREATE TRIGGER e AFTER INSERT ON t EXECUTE FUNCTION f()", None),
        ("COMMENT ON EXTENSION citext IS 'x'", "COMMENT ON EXTENSION"),
        ("SET ROLE x", "SET ROLE"),
        ("SELECT setval('s', 1)", None),
    ],
)
def test_what_is_no_part_of_a_schema(statement: str, kind: str | None) -> None:
    assert left_out(statement) == kind


@pytest.mark.parametrize(
    "statement, runs",
    [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX              i ON t (a)"),
        ("DROP INDEX concurrently i", "DROP INDEX              i"),
        ('CREATE INDEX i ON t ("concurrently")', 'CREATE INDEX i ON t ("concurrently")'),
        ("CREATE TABLE t (a text DEFAULT 'concurrently')", "CREATE TABLE t (a text DEFAULT 'concurrently')"),
        ("CREATE SCHEMA a AUTHORIZATION b", "CREATE SCHEMA a                "),
        ("CREATE SCHEMA AUTHORIZATION b", "CREATE SCHEMA               b"),
        ("CREATE SCHEMA AUTHORIZATION CURRENT_USER", "CREATE SCHEMA AUTHORIZATION CURRENT_USER"),
        ("CREATE SCHEMA IF NOT EXISTS AUTHORIZATION b", "CREATE SCHEMA IF NOT EXISTS               b"),
    ],
)
def test_a_statement_keeps_its_places(statement: str, runs: str) -> None:
    (found,) = split(statement)
    assert rewritten(found).text == runs


@pytest.mark.parametrize(
    "body, tables",
    [
        (
            'BEGIN INSERT INTO log (a) VALUES (1); UPDATE public."T t" SET a = 1; DELETE FROM ONLY x; RETURN new; END',
            ["log", "public.T t", "x"],
        ),
        ("SELECT 1 FROM a FOR UPDATE; INSERT INTO b VALUES (1) ON CONFLICT DO UPDATE SET c = 1", ["b"]),
        ("IF TG_OP = 'UPDATE a' THEN -- insert into c\n NULL; END IF", []),
        ("MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN DO NOTHING", ["a"]),
    ],
)
def test_what_a_function_writes_to(body: str, tables: list[str]) -> None:
    assert [".".join(filter(None, name)) for name in written_tables(body)] == tables


@given(
    st.lists(st.sampled_from(["SELECT", "'a;'", '"b;"', "$$;$$", "/* ; */", "-- ;\n", "x", "(", ")", "\n"]), min_size=1)
)
def test_no_semicolon_outside_means_at_most_one_statement(parts: list[str]) -> None:
    assert len(texts(" ".join(parts))) <= 1


@given(st.text("ab;'\"$/*-\n\\ E", max_size=40))
def test_any_text_is_split(script: str) -> None:
    for statement in split(script):
        assert script[statement.offset :].startswith(statement.text)
