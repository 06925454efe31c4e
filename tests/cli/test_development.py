"""A database to work with, from a schema alone: sizes that go together, a history that reaches the present."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

import psycopg

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import Loadlab

DDL = """
CREATE TABLE tenants (id INTEGER PRIMARY KEY, name VARCHAR(60) NOT NULL, created_at TIMESTAMP NOT NULL);
CREATE TABLE users (
    id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL REFERENCES tenants (id), email VARCHAR(120) NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL
);
CREATE TABLE labels (
    id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL REFERENCES tenants (id), name VARCHAR(60) NOT NULL
);
CREATE TABLE tickets (
    id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    author_id INTEGER NOT NULL REFERENCES users (id), title VARCHAR(120) NOT NULL, resolved_at TIMESTAMP,
    comments_count INTEGER NOT NULL, created_at TIMESTAMP NOT NULL
);
CREATE TABLE ticket_labels (
    ticket_id INTEGER NOT NULL REFERENCES tickets (id), label_id INTEGER NOT NULL REFERENCES labels (id),
    PRIMARY KEY (ticket_id, label_id)
);
CREATE TABLE comments (
    id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    author_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    parent_comment_id INTEGER REFERENCES comments (id), body TEXT NOT NULL, created_at TIMESTAMP NOT NULL
);
"""


def test_a_schema_and_nothing_else(loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL, encoding="utf-8")
    url = f"sqlite:///{tmp_path}/dev.db"
    plan = json.loads(loadlab("seed", "schema.sql", "--database", url, "--dry-run", "--json").out)
    assert all(table["default"] for table in plan["tables"])
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    early = loadlab("seed", "schema.sql", "--database", url, "--until", yesterday, "--json")
    assert early.exit_code == 0, early.err
    rows = {table["name"]: table["rows"] for table in json.loads(early.out)["tables"]}
    assert rows == {table["table"]: table["rows"] for table in plan["tables"]}
    assert rows["tenants"] == 20
    assert rows["users"] == 200
    assert rows["tickets"] == 1000
    assert rows["comments"] > rows["tickets"] < rows["ticket_labels"]
    assert "tickets.comments_count" in str(plan["notes"]), "a guessed aggregate that is not made is told"

    again = loadlab("seed", "schema.sql", "--database", url, "--json")
    assert again.exit_code == 0, again.err
    assert json.loads(again.out)["reused"], "what was filled yesterday stays"
    other = loadlab("seed", "schema.sql", "--database", url, "--until", "2025-05-05")
    assert other.exit_code == 2
    assert "holds another dataset" in other.error_line
    assert "--until" in loadlab("seed", "schema.sql", "--database", url, "--until", "soon").error_line

    with sqlite3.connect(tmp_path / "dev.db") as connection:

        def one(sql: str) -> object:
            return connection.execute(sql).fetchone()[0]

        newest = dt.datetime.fromisoformat(str(one("SELECT max(created_at) FROM tickets")))
        end = dt.datetime.combine(yesterday, dt.time())
        assert end - dt.timedelta(days=3) < newest.replace(tzinfo=None) <= end
        late = f"'{end.isoformat(sep=' ')}'"
        assert one(f"SELECT count(*) FROM tickets WHERE resolved_at >= {late}") == 0, "nothing happened tomorrow"
        assert one(f"SELECT count(*) FROM users WHERE updated_at >= {late}") == 0
        answers = "FROM comments c JOIN comments p ON p.id = c.parent_comment_id"
        assert int(str(one(f"SELECT count(*) {answers}"))) > 300
        assert one(f"SELECT count(*) {answers} WHERE p.ticket_id <> c.ticket_id OR p.created_at > c.created_at") == 0
    connection.close()


def test_files_keep_the_end_of_their_history(loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL, encoding="utf-8")
    arguments = ("seed", "schema.sql", "--rows", 20, "--to", "files", "--format", "csv")
    assert loadlab(*arguments, "--until", "2025-05-05").exit_code == 0
    assert json.loads((tmp_path / "files" / "manifest.json").read_text(encoding="utf-8"))["until"] == "2025-05-05"
    again = loadlab(*arguments, "--json")
    assert again.exit_code == 0, again.err
    assert json.loads(again.out)["reused"]


def test_starting_anew_drops_what_loadlab_made(database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "first.sql").write_text(
        "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE a (id int PRIMARY KEY, m mood NOT NULL, b int);"
        "CREATE TABLE b (id int PRIMARY KEY, a int NOT NULL REFERENCES a (id)); CREATE VIEW v AS SELECT id FROM b;"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id);",
        encoding="utf-8",
    )
    (tmp_path / "second.sql").write_text("CREATE TYPE mood AS ENUM ('x'); CREATE TABLE a (id int, m mood NOT NULL);")
    where = ("--database", database.url, "--rows", 5)
    assert loadlab("seed", "first.sql", *where, "--recreate").exit_code == 0, "nothing is there to drop"
    refused = loadlab("seed", "second.sql", *where)
    assert refused.exit_code == 2
    assert "--recreate" in refused.error_line
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE of_others (id int PRIMARY KEY, a int REFERENCES a (id)); ")
        connection.execute("INSERT INTO of_others VALUES (1, NULL)")
        depends = loadlab("seed", "second.sql", *where, "--recreate")
        assert depends.exit_code == 2
        assert "of_others" in depends.error_line
        connection.execute("ALTER TABLE of_others DROP COLUMN a")
        connection.execute("INSERT INTO b SELECT 1000, id FROM a LIMIT 1")
        more = loadlab("seed", "second.sql", *where, "--recreate")
        assert "b holds 6 rows, of which LoadLab loaded 5" in more.error_line
        counted = connection.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").fetchone()
        assert counted == (5, 6), "a refusal changes nothing"
        connection.execute("DELETE FROM b WHERE id = 1000")
    again = loadlab("seed", "second.sql", *where, "--recreate")
    # A schema of its own goes into a database without tables of others.
    assert again.exit_code == 2
    assert "of_others" in again.error_line
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("SELECT 1 FROM of_others")
        gone = connection.execute("SELECT to_regclass('a'), to_regclass('b'), to_regclass('v'), to_regtype('mood')")
        assert gone.fetchone() == (None, None, None, None)
        assert connection.execute("SELECT count(*) FROM of_others").fetchone() == (1,)
        connection.execute("DROP TABLE of_others")
    assert loadlab("seed", "second.sql", *where).exit_code == 0


def test_rows_in_tables_of_others_are_removed_and_no_more(loadlab: Loadlab, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.executescript("CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT NOT NULL);")
    assert loadlab("seed", "--database", url, "--rows", 5).exit_code == 0
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.executescript("CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO notes VALUES (1);")
        connection.execute("INSERT INTO a VALUES (900, 'mine')")
    assert "a holds 6 rows" in loadlab("seed", "--database", url, "--rows", 7, "--recreate").error_line
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.executescript("DELETE FROM a WHERE id = 900; DELETE FROM notes;")
    done = loadlab("seed", "--database", url, "--rows", "a=7", "--rows", "notes=1", "--recreate")
    assert done.exit_code == 0, done.err
    with sqlite3.connect(tmp_path / "app.db") as connection:
        assert connection.execute("SELECT count(*) FROM a").fetchone() == (7,)
    connection.close()
