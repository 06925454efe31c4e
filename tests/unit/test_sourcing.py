"""From a source to a schema: what of it is told before anything is made."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from loadlab.engines.sqlite.reflect import reflect
from loadlab.errors import InputError
from loadlab.sourcing import _require_targets


def test_a_foreign_key_that_leads_nowhere_is_told() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER, FOREIGN KEY (b) REFERENCES no_such (id))"
        )
        told = r"^shop.sql: a: foreign key a_b_fkey references no_such, a table that is not there; make it, or"
        with pytest.raises(InputError, match=told):
            _require_targets(reflect(connection), "shop.sql")
        connection.execute("CREATE TABLE no_such (id INTEGER PRIMARY KEY)")
        _require_targets(reflect(connection), "shop.sql")


def test_a_schema_without_a_table_is_told() -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(InputError, match="creates no table"):
        _require_targets(reflect(connection), "shop.sql")
