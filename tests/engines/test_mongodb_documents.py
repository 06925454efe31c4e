"""Rows that stand in others, on a server: every one of them is the dataset's own, and is found, changed and checked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from bson import Decimal128

from loadlab.data.dataset import Dataset
from loadlab.data.growth import dataset_of
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import open_database
from loadlab.engines.mongodb.engine import MongodbEngine
from loadlab.engines.mongodb.existing import read_existing
from loadlab.errors import ConstraintError, DatabaseError, NotEmptyError
from loadlab.seeding.seeder import seed
from loadlab.spec.operations import Delete, Form, Join, Lookup, Report, RowList, Update
from loadlab.spec.shapes import DataShape
from tests import schemas
from tests.engines.documents import ROWS, expected, in_order, plain, shop, stored


@pytest.fixture(scope="module")
def filled(mongo_server: str) -> Iterator[tuple[MongodbEngine, Dataset]]:
    with open_database("mongodb://") as engine:
        assert isinstance(engine, MongodbEngine)
        dataset = shop(engine)
        seed(engine, dataset, workers=1, observe=lambda _: None)
        yield engine, dataset


def test_every_row_is_the_dataset_s_own(filled):
    engine, dataset = filled
    documents = dataset.nesting.documents
    assert {item.table: item.design for item in documents.placements if item.design != "reference"} == {
        "order_items": "embed",
        "stock": "embed",
        "reviews": "hybrid",
    }
    assert set(engine.user_tables()) == {"users", "categories", "products", "orders", "reviews"}
    for table in dataset.tables:
        assert in_order(stored(engine, dataset, table)) == in_order(expected(dataset, table)), table


def test_the_newest_stand_in_their_host_with_their_number(filled):
    engine, dataset = filled
    mine: dict[str, list[dict[str, Any]]] = {}
    for row in expected(dataset, "reviews"):
        mine.setdefault(row["product_id"], []).append(row)
    for product in engine._database["products"].find():
        reviews = mine.get(str(product["_id"]), [])
        assert product["reviews_count"] == len(reviews)
        assert [str(item["user_id"]) for item in product["recent_reviews"]] == [r["user_id"] for r in reviews[::-1][:2]]


def test_a_summary_is_beside_the_reference(filled):
    engine, dataset = filled
    users = {
        user["id"]: {name: user[name] for name in ("first_name", "last_name")} for user in expected(dataset, "users")
    }
    reviews = list(engine._database["reviews"].find())
    assert len(reviews) == ROWS["reviews"]
    assert all(review["user"] == users[str(review["_id"]["user_id"])] for review in reviews)


def test_the_plan_is_kept_and_another_one_is_refused(filled):
    engine, dataset = filled
    assert dataset_of(engine.manifest()).nesting.documents == dataset.nesting.documents
    assert shop(engine).manifest.fingerprint == dataset.manifest.fingerprint
    assert seed(engine, shop(engine), workers=1, observe=lambda _: None).reused
    with pytest.raises(NotEmptyError, match="another dataset"):
        seed(engine, shop(engine, order_items="reference"), workers=1, observe=lambda _: None)


def test_validators_look_into_lists(filled):
    engine, _ = filled
    with engine.scratch() as trial:
        trial.create(engine.manifest())
        order = engine._database["orders"].find_one({"order_items.1": {"$exists": True}})
        orders = trial._database["orders"]
        orders.insert_one(order)
        for changed in (
            {"quantity": 0},
            {"quantity": "many"},
            {"line_total": Decimal128("0.01")},
            {"product_id": None},
        ):
            item = {name: value for name, value in {**order["order_items"][1], **changed}.items() if value is not None}
            with pytest.raises(Exception, match="failed validation"):
                orders.update_one({"_id": order["_id"]}, {"$set": {"order_items.1": item}})
        product = engine._database["products"].find_one({"stock": {"$exists": True}})
        trial._database["products"].insert_one(product)
        with pytest.raises(Exception, match="failed validation"):
            trial._database["products"].update_one({}, {"$inc": {"stock.reserved": 10**6}})


def test_indexes_lead_into_the_documents(filled):
    engine, _ = filled
    found = {index["name"]: index for index in engine._database["orders"].list_indexes()}
    # The key of an item begins with that of its order, whose `_id` finds it.
    assert not any(name.startswith("order_items") for name in found)


def test_references_of_embedded_rows_are_checked(filled):
    engine, dataset = filled
    with engine.scratch() as trial:
        seed(trial, dataset, workers=1, observe=lambda _: None)
        trial._database["loadlab_ledger"].update_one({"_id": "manifest"}, {"$set": {"finished": False}})
        products = trial._database["products"]
        sold = trial._database["orders"].find_one({"order_items": {"$ne": []}})["order_items"][0]["product_id"]
        products.delete_one({"_id": sold})
        with pytest.raises(ConstraintError, match=r"table order_items: product_id = .* is no key of products"):
            trial.finish(dataset.manifest, lambda _: None)


def test_a_seeding_that_was_cut_off_goes_on(filled, mongodb_database, monkeypatch):
    _, dataset = filled
    original = MongodbEngine.load

    def cut_off(self: MongodbEngine, table: Any, batches: Any, chunk: Any) -> int:
        if chunk.table == "orders":
            original(self, table, (batch.slice(0, 50) for batch in batches), chunk)
        return original(self, table, batches, chunk)

    monkeypatch.setattr(MongodbEngine, "load", cut_off)
    with pytest.raises(DatabaseError):
        seed(mongodb_database, dataset, workers=1, observe=lambda _: None)
    monkeypatch.undo()
    assert mongodb_database._database["orders"].count_documents({}) == 50
    report = seed(mongodb_database, dataset, workers=1, observe=lambda _: None)
    assert report.resumed
    assert in_order(stored(mongodb_database, dataset, "order_items")) == in_order(expected(dataset, "order_items"))
    assert in_order(stored(mongodb_database, dataset, "orders")) == in_order(expected(dataset, "orders"))


# -- what the load does ----------------------------------------------------------------------------------------------


def asked(engine: MongodbEngine, form: Form, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    session = engine.connect(timeout_s=30)
    try:
        handle = session.prepare(engine.operation_statement(form, schemas.shop()))
        rows: list[tuple[Any, ...]] = session.query(handle, session.encode_row(handle, values))
        return [tuple(map(plain, row)) for row in rows]
    finally:
        session.close()


def native(dataset: Dataset, table: str, row: int) -> dict[str, Any]:
    names = dataset.table(table).column_names
    values = {name: dataset.cell(table, name, row) for name in names}
    return {n: UUID(bytes=v) if isinstance(v, bytes) and len(v) == 16 else v for n, v in values.items()}


def test_embedded_rows_are_read_as_if_they_had_a_collection(filled):
    engine, dataset = filled
    row, items = native(dataset, "order_items", 7), expected(dataset, "order_items")
    lookup = Lookup(table="order_items", by=["order_id", "position"], columns=["quantity", "line_total"])
    assert asked(engine, lookup, row) == [(items[7]["quantity"], items[7]["line_total"])]

    mine = [item for item in items if item["order_id"] == items[7]["order_id"]]
    listed = RowList(table="order_items", by=["order_id"], sort=["-position"], columns=["position"], limit=50)
    found = [position for (position,) in asked(engine, listed, row)]
    assert found == sorted((item["position"] for item in mine), reverse=True)

    total = Report(table="order_items", by=["product_id"], count=True, sum=["quantity"])
    sold = [item["quantity"] for item in items if item["product_id"] == items[7]["product_id"]]
    assert asked(engine, total, row) == [(len(sold), sum(sold))]

    order = native(dataset, "orders", 11)
    joined = Join(
        table="orders",
        by=["id", "created_at"],
        along=["order_items.order_id,order_created_at", "order_items.product_id"],
        columns=["total", "order_items.position", "products.name"],
    )
    products = {product["id"]: product["name"] for product in expected(dataset, "products")}
    wanted = [i for i in items if i["order_id"] == str(order["id"])]
    assert sorted(asked(engine, joined, order)) == sorted(
        (plain(order["total"]), item["position"], products[item["product_id"]]) for item in wanted
    )

    stock = native(dataset, "stock", 3)
    single = Lookup(table="stock", by=["product_id"], columns=["on_hand"])
    assert asked(engine, single, stock) == [(stock["on_hand"],)]
    from_products = Join(table="products", by=["id"], along=["stock.product_id"], columns=["name", "stock.on_hand"])
    assert asked(engine, from_products, {"id": stock["product_id"]}) == [
        (products[str(stock["product_id"])], stock["on_hand"])
    ]


def test_embedded_rows_are_written_where_they_stand(filled):
    engine, dataset = filled
    with engine.scratch() as trial:
        seed(trial, dataset, workers=1, observe=lambda _: None)
        session = trial.connect(timeout_s=30)
        row = native(dataset, "order_items", 7)

        def run(statement: Any, values: dict[str, Any]) -> int:
            handle = session.prepare(statement)
            return session.execute(handle, session.encode_row(handle, values))

        changed = Update(
            table="order_items",
            by=["order_id", "position"],
            set={"unit_price": {"value": 1}, "line_total": {"value": 1}, "quantity": {"value": 1}},
        )
        values = {**row, "set_unit_price": Decimal("1.00"), "set_line_total": Decimal("1.00"), "set_quantity": 1}
        assert run(trial.operation_statement(changed, schemas.shop()), values) == 1
        lookup = Lookup(table="order_items", by=["order_id", "position"], columns=["unit_price", "quantity"])
        assert asked(trial, lookup, row) == [(Decimal(1), 1)]
        others = [item for item in stored(trial, dataset, "order_items") if item["quantity"] == 1]
        before = [item for item in expected(dataset, "order_items") if item["quantity"] == 1]
        assert len(others) == len(before) + (plain(row["quantity"]) != 1)

        gone = Delete(table="order_items", by=["order_id", "position"])
        assert run(trial.operation_statement(gone, schemas.shop()), row) == 1
        assert asked(trial, lookup, row) == []
        assert len(stored(trial, dataset, "order_items")) == ROWS["order_items"] - 1

        insert = trial.insert_statement(schemas.shop().table("order_items"))
        assert run(insert, row) == 1
        assert asked(trial, lookup, row) == [(plain(row["unit_price"]), row["quantity"])]

        stock = native(dataset, "stock", 3)
        more = Update(table="stock", by=["product_id"], set={"on_hand": {"add": 5}})
        assert run(trial.operation_statement(more, schemas.shop()), stock) == 1
        single = Lookup(table="stock", by=["product_id"], columns=["on_hand"])
        assert asked(trial, single, stock) == [(stock["on_hand"] + 5,)]
        session.close()


def test_collections_of_others_are_filled_as_they_ask_for_it(mongodb_database):
    database, text = mongodb_database._database, {"bsonType": "string"}
    person = {
        "required": ["_id", "email"],
        "properties": {"_id": {"bsonType": "objectId"}, "email": text, "tags": {"bsonType": "array", "items": text}},
    }
    line = {"bsonType": "object", "required": ["sku"], "properties": {"sku": text, "quantity": {"bsonType": "int"}}}
    order = {
        "required": ["_id", "userId", "lines"],
        "properties": {
            "_id": {"bsonType": "objectId"},
            "userId": {"bsonType": "objectId"},
            "lines": {"bsonType": "array", "items": line},
        },
    }
    for name, rules in (("users", person), ("orders", order)):
        database.create_collection(name, validator={"$jsonSchema": {"bsonType": "object", **rules}})
    database["users"].create_index("email", unique=True)
    schema = mongodb_database.reflect()
    assert [(key.columns, key.target) for key in schema.table("orders").foreign_keys] == [(("userId",), "users")]
    assert mongodb_database.notes() == ("orders.userId is taken to refer to users, by its name and what it holds",)
    request = DataRequest(DataShape(), 1.0, 5, {}.get, {"users": 20, "orders": 40})
    dataset = Dataset.plan_for(schema, request, owns_tables=False)
    seed(mongodb_database, dataset, workers=1, observe=lambda _: None)
    assert database["orders"].count_documents({}) == 40
    users = database["orders"].distinct("userId")
    assert database["users"].count_documents({"_id": {"$in": users}}) == len(users) > 1


def test_what_was_filled_can_be_read_as_existing_collections(filled):
    engine, _ = filled
    found = read_existing(engine._database)
    orders = found.schema.table("orders")
    kinds = {column.name: column.type for column in orders.columns}
    assert orders.primary_key == ("id", "created_at")
    assert kinds["order_items"].element is not None
    assert {name for name, _ in kinds["order_items"].element.fields} == {
        "position", "product_id", "quantity", "unit_price", "line_total",
    }  # fmt: skip
    assert ("user_id", "users") in [(key.columns[0], key.target) for key in orders.foreign_keys]
