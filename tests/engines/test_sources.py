"""The same small shop from every kind of source: what each framework makes of it reflects to the same tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loadlab.engines import open_database, scratch_database
from loadlab.engines.abilities import CanDumpSchema
from loadlab.engines.protocol import Engine
from loadlab.schema.model import Schema
from loadlab.sourcing import FoundSchema, scenario_of, schema_of
from tests.fix_engines import SQL_ENGINES, EngineUnderTest, started

FIXTURES = Path(__file__).parents[2] / "fixtures"
SOURCES = {
    "sqlalchemy": (FIXTURES, "sqlalchemy:sqlalchemy_shop:Base.metadata"),
    "alembic": (FIXTURES, "alembic_shop/alembic.ini"),
    "django": (FIXTURES / "django_shop", "django:project.settings"),
    "prisma": (FIXTURES, "shop.prisma"),
}
SHOP = ("categories", "customers", "order_items", "orders", "products", "tags")
BOOKKEEPING = {"alembic": ("alembic_version",), "django": ("django_migrations",)}

Take = Callable[[str, Engine], FoundSchema]


@pytest.fixture(params=SQL_ENGINES, ids=lambda under_test: under_test.name)
def under_test(request: pytest.FixtureRequest) -> EngineUnderTest:
    """Engines that are asked in SQL."""
    return started(request)


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Take:
    def taken(kind: str, engine: Engine) -> FoundSchema:
        folder, source = SOURCES[kind]
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        return schema_of(scenario_of(source), engine)

    return taken


def shape(schema: Schema) -> dict[str, object]:
    """What is left when names of constraints, indexes and the tables of pairs are the framework's business."""
    return {
        key: (
            {column.name: column.nullable for column in table.columns},
            table.primary_key,
            sorted((item.columns, item.target, item.target_columns) for item in table.foreign_keys),
            sorted({tuple(sorted(columns)) for columns in table.unique_keys}),
        )
        for key in SHOP
        for table in (schema.table(key),)
    }


def kinds(schema: Schema) -> dict[str, object]:
    return {
        f"{key}.{column.name}": (column.type.kind, column.type.bits, column.type.length, column.type.scale)
        for key in SHOP
        for column in schema.table(key).columns
    }


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind != "sqlalchemy"])
def test_every_source_says_the_same(kind: str, under_test: EngineUnderTest, engine: Engine, take: Take) -> None:
    models = take("sqlalchemy", engine)
    found = take(kind, engine)
    assert shape(found.schema) == shape(models.schema)
    assert set(models.schema.table("order_items").unique_keys) >= {("id",), ("order_id", "product_id")}
    assert found.bookkeeping == BOOKKEEPING.get(kind, ())
    assert [note.partition(":")[0] for note in found.notes] == list(found.bookkeeping)
    assert dict(engine.user_tables()) == {}


@pytest.mark.parametrize("kind", ["alembic", "django", "prisma"])
def test_types_agree(kind: str, embedded_server: str, take: Take) -> None:
    with open_database("embedded:") as engine:
        assert kinds(take(kind, engine).schema) == kinds(take("sqlalchemy", engine).schema)


def test_the_same_source_gives_the_same_text(embedded_server: str, take: Take) -> None:
    """Or a killed seeding would not find its own schema again."""
    with open_database("embedded:") as engine:
        first, second = (take("alembic", engine).schema.ddl for _ in range(2))
    assert "CREATE TABLE" in first
    assert first == second


def test_a_dump_makes_the_same_schema(under_test: EngineUnderTest, tmp_path: Path) -> None:
    with scratch_database(under_test.name) as engine, scratch_database(under_test.name) as other:
        assert isinstance(engine, CanDumpSchema)
        under_test.execute(engine.url, under_test.ddl)
        assert other.preview(engine.dump_ddl(), {}).tables == engine.reflect().tables
        assert other.preview(engine.dump_ddl(), {}).tables == other.preview(under_test.ddl, {}).tables


MODELS = """
import enum
from sqlalchemy import (
    DDL, CheckConstraint, Column, Computed, Enum, ForeignKey, Index, Integer, MetaData, Sequence, String, Table,
    event, text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CITEXT, JSONB

metadata = MetaData()


class Level(enum.Enum):
    low = 1
    high = 2


levels = Enum(Level, name="level", schema="billing")
number = Sequence("invoice_number", schema="billing")
customers = Table(
    "customers", metadata,
    Column("id", Integer, primary_key=True, comment="who pays"),
    Column("email", CITEXT, nullable=False, unique=True),
    Column("level", levels),
    Column("favourite", ForeignKey("billing.invoices.id", use_alter=True, name="favourite_fk")),
    Column("tags", ARRAY(String(20))),
    CheckConstraint("email LIKE '%@%'", name="has_at"),
)
invoices = Table(
    "invoices", metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer, number, server_default=number.next_value()),
    Column("customer_id", ForeignKey("customers.id"), nullable=False),
    Column("level", levels, nullable=False),
    Column("cents", Integer, nullable=False),
    Column("doubled", Integer, Computed("cents * 2")),
    Index("dear_ones", "cents", postgresql_where=text("cents > 100")),
    schema="billing",
)
event.listen(invoices, "after_create", DDL("CREATE INDEX by_half ON %(fullname)s ((cents / 2))"))
"""
SQLMODEL = """
from typing import Optional
from sqlmodel import Field, SQLModel


class Team(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=30)


class Hero(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    team_id: Optional[int] = Field(default=None, foreign_key="team.id")
"""


def test_what_sqlalchemy_can_say(embedded_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rich.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    with open_database("embedded:") as engine:
        schema = schema_of(scenario_of("sqlalchemy:rich"), engine).schema
    customers, invoices = schema.table("customers"), schema.table("billing.invoices")
    assert customers.column("level").type.labels == ("low", "high")
    assert customers.column("id").comment == "who pays"
    assert [key.target for key in customers.foreign_keys] == ["billing.invoices"]
    assert "'%@%'" in next(check.expression for check in customers.checks if check.name == "has_at")
    assert invoices.column("number").default == "nextval('billing.invoice_number'::regclass)"
    assert invoices.column("doubled").generated is not None
    assert {index.name for index in invoices.indexes} >= {"dear_ones", "by_half"}
    assert next(index for index in invoices.indexes if index.name == "dear_ones").predicate is not None


@pytest.mark.parametrize("name", ["heroes:SQLModel.metadata", "heroes:SQLModel", "heroes"])
def test_sqlmodel(
    name: str, under_test: EngineUnderTest, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heroes.py").write_text(SQLMODEL)
    monkeypatch.chdir(tmp_path)
    schema = schema_of(scenario_of(f"sqlmodel:{name}"), engine).schema
    assert [table.key for table in schema] == ["hero", "team"]
    assert schema.table("hero").foreign_keys[0].target == "team"
