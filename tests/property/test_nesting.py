"""Rows that stand in others are the dataset's own rows, each once, in the row that they reference."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.data.additions import added_rows, additions, placed_in_others
from loadlab.data.core.hashing import Int64s, make_key
from loadlab.data.dataset import Dataset, rows_fingerprint
from loadlab.data.growth import grown
from loadlab.data.plan.planner import DataRequest
from loadlab.data.relations.children import IndexedChildren, NeighbouringChildren, is_in_order
from loadlab.data.relations.relation import Relation
from loadlab.schema.nesting import Documents, Placement, Summary
from loadlab.spec.shapes import DataShape
from tests import schemas

PATTERNS = st.sampled_from(["nested", "one_to_one", "spread"])
ITEMS = Placement(
    "order_items", "embed", "few", "orders", "order_id,order_created_at", "order_items",
    ("position", "product_id", "quantity", "unit_price", "line_total"),
)  # fmt: skip
STOCK = Placement(
    "stock", "embed", "one", "products", "product_id", "stock", ("on_hand", "reserved"), many=False
)  # fmt: skip
REVIEWS = Placement(
    "reviews", "hybrid", "many", "products", "product_id", "recent_reviews", ("user_id", "rating", "created_at"),
    newest=3, counter="reviews_count",
)  # fmt: skip


def dataset(**rows: int) -> Dataset:
    request = DataRequest(DataShape(), scale=1.0, seed=7, full_rows={}.get, rows=rows)
    return Dataset.plan_for(schemas.shop(), request, owns_tables=True)


def rows_of(made: Dataset, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = made.batch(table, 0, made.row_count(table)).to_pylist()
    return rows


@settings(max_examples=60, deadline=None)
@given(
    pattern=PATTERNS, children=st.integers(1, 400), ratio=st.floats(0.05, 5), null=st.sampled_from([0.0, 0.4, 1.0]),
    data=st.data(),
)  # fmt: skip
def test_children_are_those_whose_parent_it_is(
    pattern: Any, children: int, ratio: float, null: float, data: st.DataObject
) -> None:
    parents = max(1, round(children * ratio))
    relation = Relation(
        ("p",), "parents", ("id",), pattern, make_key("test"), ratio if pattern != "one_to_one" else max(ratio, 1.0),
        max(parents, children) if pattern == "one_to_one" else parents, children,
    )  # fmt: skip
    mask = np.random.default_rng(children).random(children) >= null

    def parent_rows(rows: Int64s) -> tuple[Int64s, Any]:
        return relation.parent_rows(rows)[0], mask[rows] if null else None

    owners = relation.parent_rows(np.arange(children, dtype=np.int64))[0]
    known = {
        parent: [row for row in range(children) if owners[row] == parent and (mask[row] or not null)]
        for parent in range(relation.parents)
    }
    start = data.draw(st.integers(0, relation.parents - 1))
    asked = [
        list(range(start, data.draw(st.integers(start, relation.parents)))),
        data.draw(st.lists(st.integers(0, relation.parents - 1), max_size=20)),
    ]
    ways = [IndexedChildren(parent_rows, children, relation.parents)]
    if is_in_order(relation):
        ways.append(NeighbouringChildren(parent_rows, children))  # type: ignore[arg-type]
    for wanted in asked:
        for way in ways:
            counts, rows = way.of(np.array(wanted, dtype=np.int64))
            assert counts.tolist() == [len(known[parent]) for parent in wanted]
            assert rows.tolist() == [row for parent in wanted for row in known[parent]]


@settings(max_examples=10, deadline=None)
@given(orders=st.integers(1, 300), items=st.integers(1, 900), cuts=st.lists(st.integers(0, 300), max_size=3))
def test_embedded_rows_are_the_dataset_s_own(orders: int, items: int, cuts: list[int]) -> None:
    plain = dataset(orders=orders, order_items=items, users=20)
    nested = plain.with_documents(Documents((ITEMS,)))
    bounds = sorted({0, orders, *(min(cut, orders) for cut in cuts)})
    parts = list(itertools.pairwise(bounds))
    found = [row for start, stop in parts for row in nested.nesting.batch("orders", start, stop).to_pylist()]
    assert [{k: v for k, v in row.items() if k != "order_items"} for row in found] == rows_of(plain, "orders")
    embedded = [
        {"order_id": order["id"], "order_created_at": order["created_at"], **item}
        for order in found
        for item in order["order_items"]
    ]
    assert embedded == rows_of(plain, "order_items")
    assert sum(nested.nesting.embedded_rows("orders", *part) for part in parts) == plain.row_count("order_items")


@settings(max_examples=8, deadline=None)
@given(
    orders=st.integers(1, 80), items=st.integers(1, 240), scales=st.lists(st.floats(1.0, 3.0), min_size=1, max_size=2)
)
def test_what_a_growth_brings_is_new_documents_and_additions(orders: int, items: int, scales: list[float]) -> None:
    made = dataset(orders=orders, order_items=items, users=20, products=30, stock=20, reviews=60).with_documents(
        Documents((ITEMS, STOCK, replace(REVIEWS, design="embed", newest=None, counter="", field="reviews")))
    )
    for scale in sorted(scales):
        made = grown(made, scale, "--scale")
        for placement in placed_in_others(made):
            old, new = (whose.row_count(placement.host) for whose in (made.earlier, made))
            start, stop = made.earlier.row_count(placement.table), made.row_count(placement.table)
            batches = list(additions(made, placement, start, stop))
            found = [row for batch in batches for row in batch.column(placement.field).to_pylist()]
            added = sum(map(len, found)) if placement.many else len(found)
            assert added == added_rows(made, placement, start, stop)
            fresh = made.nesting.batch(placement.host, old, new).column(placement.field).to_pylist()
            within = sum(map(len, fresh)) if placement.many else sum(item is not None for item in fresh)
            assert added + within == stop - start
        everything = made.nesting.batch("orders", 0, made.row_count("orders")).to_pylist()
        embedded = [
            {"order_id": order["id"], "order_created_at": order["created_at"], **item}
            for order in everything
            for item in order["order_items"]
        ]
        assert sorted(map(str, embedded)) == sorted(map(str, rows_of(made, "order_items")))


def test_one_row_at_most_is_a_struct_and_the_newest_come_first() -> None:
    plain = dataset(products=200, stock=120, reviews=900, users=100)
    nested = plain.with_documents(Documents((STOCK, REVIEWS)))
    batch = nested.nesting.batch("products", 0, 200)
    assert pa.types.is_struct(batch.schema.field("stock").type)
    stock = {row.pop("product_id"): row for row in rows_of(plain, "stock")}
    reviews: dict[Any, list[dict[str, Any]]] = {}
    for row in rows_of(plain, "reviews"):
        reviews.setdefault(row.pop("product_id"), []).append(row)
    for product in batch.to_pylist():
        assert product["stock"] == stock.get(product["id"])
        mine = reviews.get(product["id"], [])
        assert product["recent_reviews"] == mine[::-1][:3]
        assert product["reviews_count"] == len(mine)
    columns = nested.stored_table("products").columns
    assert [column.name for column in columns] == batch.schema.names
    assert [name for name, kind in columns[-3].type.fields if kind.not_null] == ["on_hand", "reserved"]
    assert columns[-2].type.element is not None
    assert all(column.nullable for column in columns[-3:])
    assert any(len(mine) > 3 for mine in reviews.values())
    assert nested.nesting.embedded_rows("products", 0, 200) == 120


def test_rows_of_rows_are_nested_in_turn() -> None:
    plain = dataset(categories=10, products=50, stock=50)
    listed = Placement(
        "products", "embed", "", "categories", "category_id", "products",
        ("id", "created_at", "price", "compare_at_price", "name", "tags"),
    )  # fmt: skip
    nested = plain.with_documents(Documents((listed, STOCK)))
    stock = {row["product_id"]: row["on_hand"] for row in rows_of(plain, "stock")}
    found = {
        product["id"]: product["stock"]["on_hand"]
        for category in nested.nesting.batch("categories", 0, 10).to_pylist()
        for product in category["products"]
    }
    assert found == stock
    assert nested.nesting.embedded_rows("categories", 0, 10) == 100


def test_a_summary_is_of_the_row_that_is_referenced() -> None:
    plain = dataset(users=30, orders=40, order_items=90, products=20)
    of_user = Summary("orders", "user_id", "users", "user", ("first_name", "last_name"))
    of_inviter = Summary("users", "invited_by", "users", "invited_by_", ("email",))
    of_product = Summary("order_items", "product_id", "products", "product", ("name",))
    nested = plain.with_documents(Documents((ITEMS,), (), (of_user, of_inviter, of_product)))
    users = {row["id"]: row for row in rows_of(plain, "users")}
    products = {row["id"]: row["name"] for row in rows_of(plain, "products")}
    orders = nested.nesting.batch("orders", 0, 40).to_pylist()
    for order in orders:
        assert order["user"] == {name: users[order["user_id"]][name] for name in of_user.columns}
        assert all(item["product"] == {"name": products[item["product_id"]]} for item in order["order_items"])
    for user in nested.nesting.batch("users", 0, 30).to_pylist():
        inviter = users.get(user["invited_by"])
        assert user["invited_by_"] == (None if inviter is None else {"email": inviter["email"]})
    assert [column.name for column in nested.stored_table("orders").columns][-2:] == ["order_items", "user"]
    assert nested.manifest.fingerprint != plain.with_documents(Documents((ITEMS,))).manifest.fingerprint
    assert Dataset.from_manifest(nested.manifest).nesting.documents == nested.nesting.documents


def test_the_plan_of_documents_is_part_of_what_a_database_holds() -> None:
    plain = dataset(orders=10, order_items=20)
    apart = plain.with_documents(Documents((Placement("order_items", "reference", "because"),)))
    nested = plain.with_documents(Documents((ITEMS,), ("spread it by _id",)))
    assert rows_fingerprint(plain.manifest) == rows_fingerprint(nested.manifest)
    assert apart.manifest.fingerprint == plain.manifest.fingerprint != nested.manifest.fingerprint
    again = Dataset.from_manifest(nested.manifest)
    assert again.manifest == nested.manifest
    assert again.nesting.documents == Documents((ITEMS,), ("spread it by _id",))
    assert again.remedied({}).manifest.fingerprint == nested.manifest.fingerprint
