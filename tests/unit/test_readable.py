"""What a workload may change, by its statements: what may have gone is not looked for afterwards."""

from __future__ import annotations

import pytest

from loadlab.schema.model import Column, ForeignKey, LogicalType, Schema, Table
from loadlab.spec.statement import Statement
from loadlab.workload.readable import changes_of, written_tables

KEY = Column("id", LogicalType("integer"))
LINK = ForeignKey("", ("order_id",), "orders", ("id",), on_delete="CASCADE")
SCHEMA = Schema(
    (
        Table("orders", (KEY, Column("note", LogicalType("text"))), primary_key=("id",)),
        Table("items", (KEY, Column("order_id", LogicalType("integer"))), primary_key=("id",), foreign_keys=(LINK,)),
        Table("people", (KEY,), primary_key=("id",)),
    ),
    "sqlite",
)


class Sql:
    """An engine that speaks SQL; its name is all that is asked."""

    name = "sqlite"


@pytest.mark.parametrize(
    "text, columns, emptied",
    [
        ("SELECT note FROM orders WHERE id = :id", {}, set()),
        ("UPDATE orders SET note = :note WHERE id = :id", {"orders": {"note", "id"}}, set()),
        ("INSERT INTO people (id) VALUES (:id)", {}, set()),
        ("DELETE FROM people WHERE id = :id", {}, {"people"}),
        ("DELETE FROM orders WHERE id = :id", {}, {"orders", "items"}),
        ("TRUNCATE TABLE orders", {}, {"orders", "items"}),
        ("TRUNCATE people", {}, {"people"}),
    ],
)
def test_changes(text, columns, emptied):
    found = changes_of([Statement.parse(text)], SCHEMA, Sql())  # type: ignore[arg-type]
    assert ({key: set(names) for key, names in found.columns.items()}, set(found.emptied)) == (columns, emptied)


def test_of_what_is_not_understood_nothing_is_claimed():
    found = changes_of([Statement.parse("REPLACE INTO orders (id, note) VALUES (:id, :note)")], SCHEMA, Sql())  # type: ignore[arg-type]
    assert found.emptied == {"orders", "items", "people"}


@pytest.mark.parametrize(
    "text, dialect, tables",
    [
        ("SELECT note FROM orders WHERE id = :id", "sqlite", set()),
        ("INSERT INTO `orders` (`id`) VALUES (:id)", "mysql", {"orders"}),
        ('UPDATE "orders" AS o SET note = :note', "postgresql", {"orders"}),
        ('DELETE FROM "public"."items" WHERE id = :id', "postgresql", {"items"}),
        ("INSERT INTO people SELECT id FROM orders", "sqlite", {"people"}),
        ("WITH gone AS (DELETE FROM items RETURNING id) UPDATE people SET id = id", "postgresql", {"items", "people"}),
        ("REPLACE INTO orders (id) VALUES (:id)", "sqlite", {"orders", "items", "people"}),
    ],
)
def test_the_tables_that_a_statement_writes(text, dialect, tables):
    assert written_tables(Statement.parse(text, dialect=dialect), SCHEMA, Sql()) == tables  # type: ignore[arg-type]
