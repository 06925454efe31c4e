"""Factories where rows stand in others: a document comes with what it has, and one that is there is added to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pymongo", reason="needs the driver pymongo (pip install 'loadlab[mongodb]')")

import loadlab
from loadlab.engines import open_database
from loadlab.engines.mongodb.engine import MongodbEngine
from loadlab.errors import ConstraintError, InputError
from loadlab.factories import Database
from loadlab.seeding.seeder import seed
from loadlab.spec.shapes import DataShape
from tests.engines.documents import shop

NESTED = """
CREATE TABLE files (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE pages (
    id bigint PRIMARY KEY,
    file_id bigint NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    title text NOT NULL
);
CREATE TABLE marks (id bigint PRIMARY KEY, page_id bigint NOT NULL REFERENCES pages (id) ON DELETE CASCADE);
"""


@pytest.fixture(scope="module")
def db(mongo_server: str) -> Iterator[Database]:
    with open_database("mongodb://") as engine:
        assert isinstance(engine, MongodbEngine)
        dataset = shop(engine)
        seed(engine, dataset, workers=1, observe=lambda _: None)
        yield Database(engine, dataset, DataShape(), has_ledger=True)


@pytest.fixture
def files(mongo_server: str, tmp_path: Path) -> Iterator[Database]:
    """An empty database with lists in lists."""
    (tmp_path / "schema.sql").write_text(NESTED)
    (tmp_path / "scenario.yaml").write_text(
        "schema: {postgresql: schema.sql}\ndocuments: {pages: embed, marks: embed}\n"
    )
    with loadlab.open(tmp_path / "scenario.yaml", database="mongodb://") as opened:
        yield opened


def collection(db: Database, name: str):
    assert isinstance(db.engine, MongodbEngine)
    return db.engine._database[name]


def document(db: Database, row):
    return collection(db, "orders").find_one({"_id.id": row.id})


def test_a_document_comes_with_what_it_has(db):
    before = collection(db, "orders").count_documents({})
    rows = db.factory("orders").count(2).has("items", 2).has(db.factory("order_items").state(quantity=7), 1).create()
    assert collection(db, "orders").count_documents({}) == before + 2
    for row in rows:
        items = document(db, row)["order_items"]
        assert [item["position"] for item in items][:2] == [1, 2]
        assert [item["quantity"] for item in items][2:] == [7]
        assert not {"order_id", "order_created_at"} & set(items[0])


def test_one_row_at_most_is_a_document(db):
    product = db.factory("products").has("stock").create().first()
    assert isinstance(collection(db, "products").find_one({"_id": product.id})["stock"], dict)
    with pytest.raises(ConstraintError, match="a row of products has one already, and holds one at most"):
        db.factory("stock").for_(product).create()
    with pytest.raises(InputError, match="has 2 rows of stock, of which one at most stands in a row of products"):
        db.factory("products").has("stock", 2).create()


def test_a_document_that_is_there_is_added_to(db):
    row = db.factory("orders").has("items", 2).create().first()
    made = db.factory("order_items").count(2).for_(row).create()
    assert made.values("position") == [3, 4]
    assert [item["position"] for item in document(db, row)["order_items"]] == [1, 2, 3, 4]
    with pytest.raises(ConstraintError, match="a row of orders has one with the same position already"):
        db.factory("order_items").sequence(position=[9, 1]).count(2).for_(row).create()
    assert len(document(db, row)["order_items"]) == 4, "of a transaction that is refused nothing stays"


def test_a_document_that_is_gone_is_missed(db):
    row = db.factory("orders").create().first()
    collection(db, "orders").delete_one({"_id.id": row.id})
    with pytest.raises(ConstraintError, match="1 of 1 rows of orders that its rows belong to are gone"):
        db.factory("order_items").for_(row).create()


def test_lists_in_lists_come_with_their_document(files):
    assert {item.table for item in files.documents.placements if item.is_inside} == {"pages", "marks"}
    pages = files.factory("pages").has("marks", 3).count(2)
    file = files.factory("files").has(pages).create().first()
    (found,) = collection(files, "files").find()
    assert found["_id"] == file.id
    assert [len(page["marks"]) for page in found["pages"]] == [3, 3]
    page = files.factory("pages").for_(file).has("marks", 1).create().first()
    (found,) = collection(files, "files").find()
    assert [len(page["marks"]) for page in found["pages"]] == [3, 3, 1]
    assert len({mark["id"] for page in found["pages"] for mark in page["marks"]}) == 7
    marks = files.factory("marks").for_(page).count(2).create()
    (found,) = collection(files, "files").find()
    assert [len(page["marks"]) for page in found["pages"]] == [3, 3, 3]
    with pytest.raises(ConstraintError, match="a row of pages has one with the same id already"):
        files.factory("marks").for_(page).state(id=marks.first().id).create()
    collection(files, "files").update_one({}, {"$pull": {"pages": {"id": page.id}}})
    with pytest.raises(ConstraintError, match="1 of 1 rows of pages that its rows belong to are gone"):
        files.factory("marks").for_(page).create()


def test_what_nobody_gave_is_chosen_or_created(files):
    files.factory("pages").count(3).create()
    (found,) = collection(files, "files").find()
    assert len(found["pages"]) == 3
