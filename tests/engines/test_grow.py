"""Growing on every engine: old rows stay as they are, constraints hold, a killed growth goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import loadlab
from loadlab.cli import app
from loadlab.data.growth import GrownDataset, dataset_of
from loadlab.engines import open_database
from loadlab.engines.abilities import CanExtend
from loadlab.engines.protocol import Engine
from loadlab.errors import DatabaseError, InputError
from loadlab.factories import Database
from loadlab.growing import grow_database
from loadlab.report.progress import ProgressShow
from loadlab.seeding.grow import GrowthWish, growth_chunks, plan_growth
from loadlab.seeding.workers import load_chunk
from tests.fix_engines import SQL_ENGINES, EngineUnderTest, started

DDL = """
CREATE TABLE categories (id integer NOT NULL PRIMARY KEY, name varchar(80) NOT NULL UNIQUE);
CREATE TABLE users (
    id {uuid} NOT NULL PRIMARY KEY,
    email varchar(120) NOT NULL UNIQUE,
    created_at {when} NOT NULL
);
CREATE TABLE orders (
    id integer NOT NULL PRIMARY KEY,
    user_id {uuid} NOT NULL REFERENCES users (id),
    category_id integer REFERENCES categories (id),
    created_at {when} NOT NULL,
    subtotal numeric(10, 2) NOT NULL CHECK (subtotal >= 0),
    total numeric(12, 2) NOT NULL
);
CREATE INDEX orders_user_id ON orders (user_id);
CREATE TABLE order_items (
    order_id integer NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    quantity smallint NOT NULL CHECK (quantity BETWEEN 1 AND 100),
    PRIMARY KEY (order_id, position)
);
CREATE TABLE favourites (
    user_id {uuid} NOT NULL REFERENCES users (id),
    order_id integer NOT NULL REFERENCES orders (id),
    PRIMARY KEY (user_id, order_id)
);
CREATE TABLE profiles (user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id), bio text);
"""
WORDS = {
    "postgresql": {"uuid": "uuid", "when": "timestamptz"},
    "mysql": {"uuid": "UUID", "when": "DATETIME(6)"},
    "sqlite": {"uuid": "UUID", "when": "TIMESTAMPTZ"},
}
SCENARIO = """
schema: schema.sql
data:
  scale: 0.5
  tables:
    categories: {rows: 12, scales: false}
    users: {rows: 400}
    orders: {rows: 2400}
    order_items: {rows: 6000, relations: {order_id: {pattern: nested, min: 1}}}
    favourites: {rows: 900}
    profiles: {rows: 300}
"""
TABLES = ("categories", "users", "orders", "order_items", "favourites", "profiles")
GROWING = TABLES[1:]


@pytest.fixture(params=SQL_ENGINES, ids=lambda under_test: under_test.name)
def under_test(request: pytest.FixtureRequest) -> EngineUnderTest:
    """Engines that are asked in SQL."""
    return started(request)


@pytest.fixture
def db(under_test: EngineUnderTest, tmp_path: Path) -> Iterator[Database]:
    """The scenario at half its volume."""
    (tmp_path / "schema.sql").write_text(DDL.format(**WORDS[under_test.name]), encoding="utf-8")
    (tmp_path / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    with loadlab.open(tmp_path / "scenario.yaml", database=under_test.new_url(tmp_path), scale=0.5) as opened:
        yield opened


def rows_of(db: Database, table: str) -> list[str]:
    return sorted(map(repr, db.query(f"SELECT * FROM {table}")))


def digest(rows: list[str]) -> str:
    return hashlib.md5("\n".join(rows).encode(), usedforsecurity=False).hexdigest()


def grow(db: Database, **wish: object) -> object:
    return grow_database(db.url, GrowthWish(**wish), ProgressShow(quiet=True))  # type: ignore[arg-type]


def stored(engine: Engine) -> GrownDataset:
    manifest = engine.manifest()
    assert manifest is not None
    found = dataset_of(manifest)
    assert isinstance(found, GrownDataset)
    return found


def test_only_new_rows_come(db: Database) -> None:
    before = {table: rows_of(db, table) for table in TABLES}
    outcome = grow(db, by_s=90 * 86_400)
    for table in TABLES:
        after = rows_of(db, table)
        kept = sorted(set(before[table]) & set(after))
        assert digest(kept) == digest(before[table]), table
        assert (len(after) > len(before[table])) == (table in GROWING)
    with open_database(db.url) as engine:
        dataset = stored(engine)
        manifest = engine.manifest()
        assert manifest is not None
        assert manifest.finished
        assert {t: dataset.row_count(t) for t in TABLES} == {t: len(rows_of(db, t)) for t in TABLES}
        passed_days = (dataset.now_us - dataset.earlier.now_us) / 86_400e6
        assert 83 < passed_days < 97, "90 days, and the rhythm of the week"
    assert outcome.report.written == sum(len(rows_of(db, t)) - len(before[t]) for t in TABLES)  # type: ignore[attr-defined]
    since = db.query("SELECT max(created_at) FROM orders")[0][0]
    assert str(since) > "2025"


def test_the_dataset_is_what_stands_in_the_database(db: Database) -> None:
    grow(db, scale=0.8)
    grow(db, scale=0.9)
    with open_database(db.url) as engine:
        dataset = stored(engine)
        assert isinstance(dataset.earlier, GrownDataset)
        for table, key in (("orders", "id"), ("order_items", "order_id"), ("favourites", "order_id")):
            rows = np.arange(dataset.row_count(table), dtype=np.int64)
            values = dataset.values(table, key, rows).to_pylist()
            assert sorted(values) == [value for (value,) in db.query(f"SELECT {key} FROM {table} ORDER BY 1")]
            shuffled = np.random.default_rng(1).permutation(rows)[:500]
            picked = dataset.values(table, key, shuffled)
            assert picked.equals(dataset.values(table, key, rows).take(pa.array(shuffled)))


def test_constraints_and_indexes_stay(db: Database, under_test: EngineUnderTest) -> None:
    with open_database(db.url) as engine:
        before = engine.reflect()
    grow(db, rows=(("orders", 1500),))
    assert db.query("SELECT count(*) FROM orders") == [(1500,)]
    with open_database(db.url) as engine:
        assert engine.reflect() == before
    orphans = db.query(
        "SELECT count(*) FROM order_items i WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = i.order_id)"
    )
    assert orphans == [(0,)]


def test_another_growth_waits_for_the_one_that_was_begun(db: Database) -> None:
    with open_database(db.url) as engine:
        dataset, is_begun = plan_growth(engine, GrowthWish(scale=0.9))
        assert not is_begun
        assert isinstance(engine, CanExtend)
        engine.extend(dataset.manifest)
    with pytest.raises(DatabaseError, match=r"in the midst of growing; run loadlab grow --scale 0\.9 to finish it"):
        grow(db, scale=0.95)


def test_the_same_growth_resumes(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadlab.seeding.grow.growth_chunks", lambda dataset: growth_chunks(dataset, 100))
    loaded = 0

    def dies(engine: Engine, dataset: GrownDataset, chunk: object) -> int:
        nonlocal loaded
        loaded += 1
        if loaded > 4:
            raise KeyboardInterrupt
        return load_chunk(engine, dataset, chunk)  # type: ignore[arg-type]

    monkeypatch.setattr("loadlab.seeding.grow.load_chunk", dies)
    with pytest.raises(KeyboardInterrupt):
        grow(db, scale=0.7)
    monkeypatch.setattr("loadlab.seeding.grow.load_chunk", load_chunk)
    outcome = grow(db, scale=0.7)
    assert outcome.report.resumed  # type: ignore[attr-defined]
    with open_database(db.url) as engine:
        dataset = stored(engine)
        assert {t: dataset.row_count(t) for t in TABLES} == {t: len(rows_of(db, t)) for t in TABLES}


def test_what_cannot_grow_is_told(db: Database, under_test: EngineUnderTest, tmp_path: Path) -> None:
    for wish, message in (
        ({}, "needs --by, --rows or --scale"),
        ({"scale": 0.1}, "--scale=0.1 is below the 0.5 that is there; growing only appends"),
        ({"by_s": -1.0}, "--by=-1.0 must be above 0"),
        ({"rows": (("order", 9),)}, "--rows order names no table of the dataset"),
        ({"rows": (("orders", 9),)}, "--rows orders=9 is less than the 1,200 rows that are there"),
        ({"rows": (("categories", 99),)}, "--rows categories does not grow"),
    ):
        with pytest.raises(InputError) as caught:
            grow(db, **wish)
        assert message in str(caught.value)
    db.factory("users").create()
    with pytest.raises(
        DatabaseError, match=r"holds up to 1 rows a table that loads or factories inserted .* --scale 0\.6"
    ):
        grow(db, scale=0.6)
    with (
        open_database(under_test.new_url(tmp_path / "..")) as empty,
        pytest.raises(InputError, match="was not filled by"),
    ):
        plan_growth(empty, GrowthWish(scale=1.0))


def test_the_command(db: Database) -> None:
    arguments = ["grow", "--database", db.url, "--by", "1month", "--json"]
    plan = json.loads(CliRunner().invoke(app, [*arguments, "--dry-run"]).output)
    assert plan["dry_run"]
    assert len(rows_of(db, "orders")) == 1200
    done = json.loads(CliRunner().invoke(app, arguments).output)
    assert done["tables"] == plan["tables"]
    assert {t["table"]: t["rows"] for t in done["tables"]} == {t: len(rows_of(db, t)) for t in TABLES}
    shown = CliRunner().invoke(app, ["grow", "--database", db.url, "--rows", "users=300", "--dry-run"])
    assert "would be appended" in shown.output
