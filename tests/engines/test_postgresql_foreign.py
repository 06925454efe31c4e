"""A schema in another engine's words, made by PostgreSQL: names that were each table's own, and what is left out."""

from __future__ import annotations

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.foreign import with_own_names
from loadlab.engines.protocol import Manifest
from loadlab.schema.model import Check, Column, ForeignKey, Index, LogicalType, Schema, Table, Trigger

NUMBER = LogicalType("integer", bits=32)


def _table(name: str, **more: object) -> Table:
    """As MariaDB reads one: its keys are called PRIMARY, user and code in every table."""
    indexes = (
        Index("PRIMARY", ("id",), unique=True, constraint="PRIMARY"),
        Index("code", ("code",), unique=True, constraint="code"),
        Index("user", ("other",)),
        Index(f"only_{name}", ("other", "id")),
        Index("words", ("code",), method="fulltext"),
    )
    columns = tuple(Column(column, NUMBER) for column in ("id", "code", "other"))
    known = {"primary_key": ("id",), "primary_key_name": "PRIMARY", "indexes": indexes}
    return Table(name, (*columns, Column("twice", NUMBER, generated="(`code` * 2)")), **known | more)


def test_index_names_that_were_each_tables_own_do_not_collide(database: PostgresqlEngine) -> None:
    """`user` is a table as well: here tables and indexes share their names."""
    to_user = ForeignKey("owner", ("other",), "user", ("id",))
    schema = Schema((_table("user"), _table("orders", foreign_keys=(to_user,))), "mysql", "")
    database.create(Manifest("f", {}, schema, owns_tables=True))
    database.finish(database.manifest(), lambda _: None)
    made = database.reflect()
    for table in made:
        assert table.primary_key == ("id",)
        assert sorted(index.keys for index in table.indexes) == [("code",), ("id",), ("other",), ("other", "id")]
        assert f"only_{table.name}" in {index.name for index in table.indexes}
    assert [key.target for key in made.table("orders").foreign_keys] == ["user"]


def test_an_index_may_be_called_as_its_table() -> None:
    key = Index("orders_code", ("code",), unique=True, constraint="orders_code")
    table = Table("orders", (Column("code", NUMBER),), indexes=(Index("orders", ("code",)), key))
    (made,) = with_own_names((table,))
    assert [index.name for index in made.indexes] == ["", "orders_code"]


def test_what_is_left_out_is_named(database: PostgresqlEngine) -> None:
    table = _table("orders", checks=(Check("small", "`code` < 5"),), triggers=(Trigger("touch", ("UPDATE",)),))
    database.create(Manifest("f", {}, Schema((table,), "mysql", ""), owns_tables=True))
    assert [note.partition(";")[0] for note in database.notes()] == [
        "generated column orders.twice: made as a plain column and left NULL",
        "index orders.words: left out",
        "CHECK orders.small: left out, only the rows that LoadLab makes keep it",
        "trigger touch of orders: left out",
    ]
