"""A relational schema as documents, as a user types it: the plan is shown, kept, overruled, and seeded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.conftest import Loadlab

SCHEMA = """\
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id)
);
CREATE TABLE order_items (
    id integer PRIMARY KEY,
    order_id integer NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    quantity integer NOT NULL CHECK (quantity > 0)
);
"""


def scenario(folder: Path, **documents: Any) -> Path:
    folder.mkdir()
    (folder / "schema.sql").write_text(SCHEMA)
    rows = {"customers": 20, "orders": 60, "order_items": 150}
    said = {
        "schema": {"sqlite": "schema.sql"},
        "data": {"tables": {name: {"rows": count} for name, count in rows.items()}},
        "documents": documents,
    }
    (folder / "scenario.yaml").write_text(json.dumps(said))
    return folder


@pytest.fixture
def address(mongo_server: str) -> str:
    return mongo_server.replace("/?", f"/documents_{uuid4().hex[:12]}?")


def test_a_seeding_embeds_what_belongs_together(loadlab: Loadlab, address: str, tmp_path: Path) -> None:
    import pymongo

    shop = scenario(tmp_path / "shop")
    shown = loadlab("seed", shop, "--database", address, "--dry-run")
    assert shown.exit_code == 0, shown.err
    assert "Documents: 2 collections, 1 table embedded:" in shown.out
    assert "order_items: embedded in orders as order_items: deleted together; 2.5 on average" in shown.out
    assert "orders: by itself: not in customers:" in shown.out

    done = loadlab("seed", shop, "--database", address, "--json")
    assert done.exit_code == 0, done.err
    result = json.loads(done.out)
    assert {item["table"]: item["design"] for item in result["documents"]["placements"]} == {
        "customers": "reference", "orders": "reference", "order_items": "embed",
    }  # fmt: skip
    assert any("order_items: embedded in orders" in note for note in result["notes"])
    with pymongo.MongoClient(address) as client:
        database = client.get_default_database()
        (counted,) = database["orders"].aggregate(
            [{"$unwind": "$order_items"}, {"$group": {"_id": None, "rows": {"$sum": 1}}}]
        )
        assert counted["rows"] == result["tables"][-1]["rows"] == 150
        assert "order_items" not in database.list_collection_names()

    again = loadlab("seed", shop, "--database", address, "--json")
    assert json.loads(again.out)["reused"]
    other = scenario(tmp_path / "other", order_items="reference")
    refused = loadlab("seed", other, "--database", address)
    assert refused.exit_code == 2
    assert "asked: the same, but order_items by itself, not embedded in orders as order_items" in refused.error_line


def test_a_wish_that_cannot_be_is_one_line(loadlab: Loadlab, address: str, tmp_path: Path) -> None:
    done = loadlab("seed", scenario(tmp_path / "shop", orders="inline"), "--database", address)
    assert done.exit_code == 2
    assert "scenario.yaml: documents.orders" in done.error_line
    done = loadlab("seed", scenario(tmp_path / "more", items="embed"), "--database", address)
    assert done.exit_code == 2
    assert "scenario.yaml: documents.items=items names no table of the schema" in done.error_line
