"""Full-text search on SQLite: FTS5 tables of its own DDL, and those that stand for another engine's documents."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from loadlab.engines import open_database
from loadlab.engines.protocol import Engine, Manifest
from loadlab.engines.sqlite.dialect import render
from loadlab.engines.translation import UntranslatableError
from loadlab.schema.model import Schema
from loadlab.spec.operations import Search
from loadlab.spec.statement import Statement
from tests.engines.books import batch, load, read

FOREIGN = """\
CREATE TABLE articles (
    id uuid PRIMARY KEY,
    title text NOT NULL,
    body text,
    state text NOT NULL,
    words tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', coalesce(body, '')), 'B')
    ) STORED
);
CREATE INDEX articles_words_idx ON articles USING gin (words) WHERE state = 'out';
CREATE INDEX articles_title_idx ON articles USING gin (to_tsvector('simple', title));
"""
NATIVE = """\
CREATE TABLE Articles (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT);
CREATE VIRTUAL TABLE article_words USING fts5 (title, body, content='articles', content_rowid="id", tokenize=porter);
CREATE TRIGGER articles_added AFTER INSERT ON Articles BEGIN
    INSERT INTO article_words (rowid, title, body) VALUES (new.id, new.title, new.body);
END;
"""
TEXTS = [
    ("Oak tables", "A table of oak, waxed"),
    ("Steel kettle", "Boils water on an oak table"),
    ("Running shoes", "For those who run"),
    ("Table lamp", None),
    ('The "quoted" oak', "NOT a table: or is it?"),
]
ROWS = [{"id": UUID(int=n), "title": title, "body": body, "state": "out"} for n, (title, body) in enumerate(TEXTS, 1)]
ASKED = ["oak table", "run", "tables  oak", '"oak"', "kettle boiled", "lamp -nothing", "o'ak", "nothing", "waxed oak"]


def filled(engine: Engine, schema: Schema) -> None:
    manifest = Manifest("f", {}, schema, owns_tables=True)
    engine.create(manifest)
    load(engine, schema.table("articles"), 0, ROWS)
    engine.finish(manifest, lambda _: None)


def found(engine: Engine, sql: str, dialect: str | None = None, **values: object) -> set[str]:
    with closing(engine.connect(timeout_s=5)) as session:
        handle = session.prepare(Statement.parse(sql, dialect=dialect))
        return {str(row[0]) for row in session.query(handle, session.encode_row(handle, values))}


@pytest.fixture(scope="module")
def there(source: Engine) -> Engine:
    """The schema in its own words, with the rows."""
    filled(source, source.preview(FOREIGN, {}))
    return source


@pytest.fixture
def here(there: Engine, tmp_path: Path):
    with open_database(f"sqlite:///{tmp_path}/x.db") as opened:
        filled(opened, there.manifest().schema)
        yield opened


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(
    "document",
    ["words @@ plainto_tsquery('english', :q)", "to_tsvector('simple', title) @@ plainto_tsquery('simple', :q)"],
)
def test_a_search_finds_the_same_rows(there, here, document, asked):
    sql = f"SELECT title FROM articles WHERE {document} AND state = 'out'"
    assert found(here, sql, "postgresql", q=asked) == found(there, sql, q=asked)


def test_phrases_are_in_their_order(there, here):
    sql = "SELECT a.title FROM articles AS a WHERE a.words @@ phraseto_tsquery('english', :q)"
    for asked in ("oak table", "table oak"):
        assert found(here, sql, "postgresql", q=asked) == found(there, sql, q=asked)


def test_it_follows_every_change(here):
    asked = "SELECT title FROM articles WHERE words @@ plainto_tsquery('english', 'copper')"
    for change, titles in (
        ("UPDATE articles SET body = 'of copper' WHERE title = 'Steel kettle'", {"Steel kettle"}),
        ("INSERT INTO articles (id, title, state) VALUES ('x', 'Copper pan', 'out')", {"Steel kettle", "Copper pan"}),
        ("DELETE FROM articles WHERE title = 'Steel kettle'", {"Copper pan"}),
        ("UPDATE articles SET state = 'in' WHERE title = 'Copper pan'", {"Copper pan"}),
    ):
        read(here, change)
        assert found(here, asked, "postgresql") == titles


def test_it_is_an_index_to_evidence_plans_and_notes(here):
    statement = Statement.parse("SELECT id FROM articles WHERE words @@ plainto_tsquery(:q)", dialect="postgresql")
    assert here.explain(statement).full_scans == ()
    index = here.snapshot().index("articles", "articles.words")
    assert index is not None
    assert (index.size_bytes or 0) >= 4 * 4096
    assert (here.snapshot().tables["articles"].index_bytes or 0) >= index.size_bytes
    assert "index articles.articles_words_idx: made as a full-text table (FTS5) of title, body" in here.notes()
    assert not any("generated column articles.words" in note for note in here.notes())
    here.forget()
    assert here.user_tables() == {}
    assert read(here, "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'") == [(0,)]


def test_a_form_searches_the_column_or_the_document(here):
    schema = here.manifest().schema
    for column in ("words", "body"):
        form = Search.model_validate({"table": "articles", "text": column, "columns": ["title"]})
        statement = here.operation_statement(form, schema)
        (name,) = statement.names
        assert found(here, str(statement), **{name: "oak waxed"}) == {"Oak tables"}


@pytest.mark.parametrize(
    "sql, said",
    [
        ("SELECT id FROM articles WHERE words @@ to_tsquery(:q)", "plainto_tsquery, websearch_to_tsquery or"),
        ("SELECT a.id FROM articles a, articles b WHERE words @@ plainto_tsquery(:q)", "which table its column is of"),
    ],
)
def test_what_has_no_counterpart_is_refused(sql, said):
    with pytest.raises(UntranslatableError, match=said):
        render(Statement.parse(sql, dialect="postgresql"))


def test_a_full_text_table_of_ones_own_is_filled_after_the_rows(tmp_path):
    with open_database(f"sqlite:///{tmp_path}/x.db") as engine:
        schema = engine.preview(NATIVE, {})
        (table,) = schema.tables
        (index,) = (item for item in table.indexes if item.method == "fts5")
        assert (index.name, index.keys, index.constraint) == ("article_words", ("title", "body"), None)
        manifest = Manifest("f", {}, schema, owns_tables=True)
        engine.create(manifest)
        rows = [{**row, "id": number} for number, row in enumerate(ROWS, 1)]
        load(engine, table, 0, rows)
        engine.finish(manifest, lambda _: None)
        assert engine.reflect().tables == schema.tables
        assert engine.details().tables["Articles"].indexes.keys() >= {"article_words"}
        asked = "SELECT title FROM article_words WHERE article_words MATCH 'runs'"
        assert found(engine, asked) == {"Running shoes"}
        read(engine, "INSERT INTO articles (title) VALUES ('A run')")
        assert found(engine, asked) == {"Running shoes", "A run"}
        form = Search.model_validate({"table": "Articles", "text": "title", "columns": ["id"]})
        statement = engine.operation_statement(form, schema)
        assert found(engine, str(statement), **{statement.names[0]: "lamps"}) == {"4"}
        assert engine.preview(engine.dump_ddl(), {}).has("Articles")
        for remedy in (
            *engine.remedies(live=False).rebuild_table(table),
            *engine.remedies(live=False).drop_index(table, index),
        ):
            engine.tune(remedy)
            if remedy.startswith("INSERT"):
                assert found(engine, asked) == {"Running shoes", "A run"}
        read(engine, "INSERT INTO articles (title) VALUES ('Another run')")
        assert engine.reflect().table("Articles").indexes == ()
        assert engine.try_rows(manifest, [(table, batch(table, rows))]) == ()
