"""Splitting a DDL script: every way in which PostgreSQL can hide a semicolon."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.engines.postgresql.script import split
from loadlab.errors import InputError


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


def test_marks_of_a_dump_are_passed_over_and_commands_are_refused() -> None:
    assert texts("\\restrict x;y\nSELECT 1;\n\\unrestrict x;y\n") == ["SELECT 1"]
    with pytest.raises(InputError, match=r"schema: line 2=\\connect other is a psql command"):
        texts("SELECT 1;\n\\connect other\n")


@given(
    st.lists(st.sampled_from(["SELECT", "'a;'", '"b;"', "$$;$$", "/* ; */", "-- ;\n", "x", "(", ")", "\n"]), min_size=1)
)
def test_no_semicolon_outside_means_at_most_one_statement(parts: list[str]) -> None:
    assert len(texts(" ".join(parts))) <= 1


@given(st.text("ab;'\"$/*-\n\\ E", max_size=40))
def test_any_text_is_split_or_refused(script: str) -> None:
    try:
        found = list(split(script))
    except InputError:
        return
    for statement in found:
        assert script[statement.offset :].startswith(statement.text)
