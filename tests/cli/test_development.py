"""A database to work with, from a schema alone: sizes that go together, a history that reaches the present."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

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
