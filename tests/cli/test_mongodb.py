"""A run on MongoDB as a user types it: the whole way to a verdict, and planted defects on that way."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Loadlab
from tests.shop import write_shop

# Large at full volume, so that a scan of it is worth a word, and small as seeded.
SIZES = {"customers": {"rows": 20_000}, "orders": {"rows": 80_000}}
FLOWS = """\
from loadlab.workload import Keys, Session

MARK = {
    "sql": "UPDATE orders SET status = 'paid' WHERE id = :id",
    "mongodb": {"update": "orders", "updates": [{"q": {"_id": ":id"}, "u": {"$set": {"status": "paid"}}}]},
}


def pay(db: Session, pick: Keys) -> None:
    with db.transaction():
        db.execute(MARK, id=pick.row("orders")["id"])
"""
OPERATIONS: Mapping[str, Any] = {
    "customer_by_id": {
        "kind": "simple",
        "weight": 6,
        "sql": {"mongodb": {"find": "customers", "filter": {"_id": ":id"}, "projection": {"email": 1, "name": 1}}},
        "params": {"id": {"column": "customers.id", "pick": "zipf"}},
    },
    "by_total": {
        "kind": "complex",
        "weight": 2,
        "sql": {"mongodb": {"find": "orders", "filter": {"total": ":total"}, "projection": {"status": 1}}},
        "params": {"total": "orders.total"},
    },
    "orders_of_customer": {"weight": 3, "list": {"table": "orders", "by": "customer_id", "sort": "-id", "limit": 5}},
    "revenue": {"weight": 1, "report": {"table": "orders", "group": "status", "sum": "total"}},
    "place_order": {"weight": 2, "insert": "orders"},
    "pay": {"kind": "write", "weight": 1, "flow": "pay", "retry": {"attempts": 5}},
}


def _shop(folder: Path, **operations: Any) -> Path:
    shop = write_shop(folder, operations={**OPERATIONS, **operations}, flows=FLOWS, duration=3, verify="100%")
    file = shop / "scenario.yaml"
    said = json.loads(file.read_text())
    said |= {"schema": {"sqlite": "schema.sql"}, "data": {"scale": 0.005, "tables": SIZES}}
    file.write_text(json.dumps(said))
    return shop


@pytest.mark.slow
def test_a_run_ends_with_verdicts_and_finds_what_was_planted(
    mongo_server: str, loadlab: Loadlab, tmp_path: Path
) -> None:
    done = loadlab(
        "run", _shop(tmp_path / "shop"), "--database", "mongodb://", "--out", tmp_path / "run", "--json",
        LOADLAB_MONGODB=mongo_server,
    )  # fmt: skip
    assert done.exit_code in (0, 1, 3), done.err
    result = json.loads(done.out)
    targets = {target["name"]: target for target in result["targets"]}
    assert {target["verdict"] for target in targets.values()} <= {"PASS", "FAIL", "INCONCLUSIVE", "SKIPPED"}
    assert targets["error_rate"]["verdict"] == "PASS"
    assert targets["integrity"]["verdict"] == "PASS", "reads are as the dataset says, acknowledged writes are there"
    assert "reads were compared with the dataset" in targets["integrity"]["reason"]
    assert targets["index_coverage"]["verdict"] == "FAIL"
    assert "by_total reads all of orders" in targets["index_coverage"]["reason"]
    findings = {finding["subject"]: finding for finding in result["findings"]}
    (remedy,) = findings["orders (total)"]["sql"]
    assert remedy == ('db.getCollection("orders").createIndex({"total": 1}, {"name": "orders_total_idx"})')
    assert {item["name"] for item in result["operations"] if item["count"]} == set(OPERATIONS)


@pytest.mark.parametrize(
    "operation, said",
    [
        (
            {"kind": "simple", "sql": "SELECT 1"},
            "is no command: SELECT is no word of a database of documents; write a form of no engine",
        ),
        (
            {"kind": "simple", "sql": {"mongodb": {"find": "orders", "filter": {"totl": 1}}}},
            "names the field totl, which documents of orders do not have; did you mean total?",
        ),
    ],
)
def test_a_mistake_in_a_command_is_one_line(
    mongo_server: str, loadlab: Loadlab, tmp_path: Path, operation: Mapping[str, Any], said: str
) -> None:
    shop = _shop(tmp_path / "shop", wrong={"weight": 1, **operation})
    done = loadlab("run", shop, "--database", "mongodb://", LOADLAB_MONGODB=mongo_server)
    assert done.exit_code == 2
    assert f"scenario.yaml: workload.operations.wrong: {said}" in done.error_line


def _collections_of_somebody(server: str, name: str) -> str:
    """The address of a database with references, lists of documents, points and keys of the server's own making."""
    from bson import Decimal128, ObjectId
    from pymongo import MongoClient

    users = [
        {
            "_id": ObjectId(),
            "email": f"u{number}@example.org",
            "place": {"type": "Point", "coordinates": [7.4, 46.9]},
            "createdAt": dt.datetime(2025, 1, 1) + dt.timedelta(hours=number),
        }
        for number in range(40)
    ]
    orders = [
        {
            "_id": ObjectId(),
            "userId": users[number % 40]["_id"],
            "total": Decimal128("12.50"),
            "items": [{"sku": "a", "quantity": 1}],
            "createdAt": dt.datetime(2025, 2, 1) + dt.timedelta(minutes=number),
        }
        for number in range(80)
    ]
    with MongoClient[dict[str, Any]](server) as client:
        database = client[name]
        database.users.insert_many(users)
        database.users.create_index("email", unique=True)
        database.users.create_index([("place", "2dsphere")])
        database.orders.insert_many(orders)
        database.orders.create_index([("userId", 1), ("createdAt", -1)])
    return server.replace("/?", f"/{name}?")


@pytest.mark.slow
def test_what_init_writes_of_collections_runs_as_it_is(mongo_server: str, loadlab: Loadlab, tmp_path: Path) -> None:
    from pymongo import MongoClient

    address = _collections_of_somebody(mongo_server, "of_somebody")
    done = loadlab("init", "--database", address, "--out", "made", LOADLAB_MONGODB="")
    assert done.exit_code == 0, done.err
    assert done.out.splitlines()[-1].endswith("Run it: loadlab run made --database mongodb://…")
    assert "orders.userId is taken to refer to users" in done.err
    with MongoClient[dict[str, Any]](mongo_server) as client:
        assert [name for name in client.list_database_names() if name.startswith("loadlab_scratch")] == []
        assert client["of_somebody"].list_collection_names() in (["orders", "users"], ["users", "orders"])
    ran = loadlab(
        "run", "made", "--database", "mongodb://", "--users", 6, "--duration", "2s", "--warmup", 0, "--no-extend",
        "--out", "run", "--json", LOADLAB_MONGODB=mongo_server,
    )  # fmt: skip
    assert ran.exit_code in (0, 1, 3), ran.err
    operations = {item["name"]: item for item in json.loads(ran.out)["operations"]}
    assert {"users_by_email", "orders_of_user", "orders_with_user", "insert_users"} <= set(operations)
    assert [name for name, item in operations.items() if item["errors"]] == []
    assert sum(item["count"] for item in operations.values()) > 20
