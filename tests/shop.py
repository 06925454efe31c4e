"""A small scenario for the load: two tables, every form of operation, a flow. Seeded in a second on any engine."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import scratch_database
from loadlab.engines.abilities import CanMakeScratch, CanTellContent
from loadlab.engines.protocol import Engine, Manifest
from loadlab.measure.model import LoadMeasure
from loadlab.schema.model import Schema
from loadlab.seeding.seeder import seed
from loadlab.spec.scenario import Scenario, load_scenario
from loadlab.spec.statement import Statement
from loadlab.workload.hub import Hub
from loadlab.workload.plan import LoadPlan, load_plans, operation_statements

DDL = """\
CREATE TABLE customers (
    id BIGINT NOT NULL PRIMARY KEY,
    email VARCHAR(200) NOT NULL UNIQUE,
    name VARCHAR(100) NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE TABLE orders (
    id BIGINT NOT NULL PRIMARY KEY,
    customer_id BIGINT NOT NULL REFERENCES customers (id),
    total NUMERIC(10, 2) NOT NULL,
    status VARCHAR(20) NOT NULL CHECK (status IN ('open', 'paid')),
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX orders_customer_id_idx ON orders (customer_id);
"""
FLOWS = """\
from loadlab.workload import Keys, Session

FIND = {
    "sql": "SELECT id, total FROM orders WHERE id = :id",
    "mongodb": {"find": "orders", "filter": {"_id": ":id"}, "projection": {"_id": 1, "total": 1}},
}
MARK = {
    "sql": "UPDATE orders SET status = 'paid' WHERE id = :id",
    "mongodb": {"update": "orders", "updates": [{"q": {"_id": ":id"}, "u": {"$set": {"status": "paid"}}}]},
}


def pay(db: Session, pick: Keys) -> None:
    order = pick.row("orders", by="latest")
    with db.transaction():
        assert db.query(FIND, id=order["id"]), "a seeded row is there"
        mark(db, order["id"])


def mark(db: Session, order_id: int) -> None:
    db.execute(MARK, id=order_id)
"""
LOCUSTFILE = """\
from loadlab.workload.locust_user import scenario_user

ShopUser = scenario_user(__file__)
"""
OPERATIONS: Mapping[str, Any] = {
    "customer_by_id": {
        "kind": "simple",
        "weight": 10,
        "sql": {
            "sql": "SELECT email, name FROM customers WHERE id = :id",
            "mongodb": {
                "find": "customers", "filter": {"_id": ":id"}, "projection": {"_id": 0, "email": 1, "name": 1},
            },
        },
        "params": {"id": {"column": "customers.id", "pick": "zipf"}},
    },
    "orders_of_customer": {
        "kind": "complex",
        "weight": 5,
        "sql": {
            "sql": "SELECT id, total FROM orders WHERE customer_id = :id ORDER BY created_at DESC LIMIT 10",
            "mongodb": {
                "find": "orders", "filter": {"customer_id": ":id"}, "projection": {"total": 1},
                "sort": {"created_at": -1}, "limit": 10,
            },
        },
        "params": {"id": "orders.customer_id"},
    },
    "revenue": {
        "kind": "report",
        "weight": 1,
        "sql": {
            "sql": "SELECT status, count(*), sum(total) FROM orders GROUP BY status",
            "mongodb": {
                "aggregate": "orders",
                "pipeline": [{"$group": {"_id": "$status", "n": {"$sum": 1}, "sum": {"$sum": "$total"}}}],
            },
        },
    },
    "place_order": {"kind": "write", "weight": 3, "insert": "orders"},
    "pay": {"kind": "write", "weight": 3, "flow": "pay"},
}  # fmt: skip


def write_shop(
    folder: Path, *, operations: Mapping[str, Any] = OPERATIONS, flows: str = FLOWS, **workload: Any
) -> Path:
    """The scenario's files in `folder`; keyword arguments change the workload."""
    folder.mkdir(parents=True, exist_ok=True)
    scenario = {
        "name": "shop",
        "schema": "schema.sql",
        "data": {"tables": {"customers": {"rows": 500}, "orders": {"rows": 2000}}},
        "workload": {
            "users": 8,
            "think_time": [0.01, 0.03],
            "ramp": 0,
            "warmup": 0.5,
            "duration": 1.5,
            "connections": 4,
            "operations": operations,
            **workload,
        },
    }
    # JSON is YAML.
    (folder / "scenario.yaml").write_text(json.dumps(scenario), encoding="utf-8")
    (folder / "schema.sql").write_text(DDL, encoding="utf-8")
    (folder / "flows.py").write_text(flows, encoding="utf-8")
    (folder / "locustfile.py").write_text(LOCUSTFILE, encoding="utf-8")
    return folder


def schema_on(engine: Engine) -> Schema:
    """The tables as an engine is told of them: in its own words, or in SQL where it speaks none."""
    if not isinstance(engine, CanTellContent):
        return engine.preview(DDL, {})
    with scratch_database("sqlite") as scratch:
        return scratch.preview(DDL, {})


def check_on(engine: Engine, statements: Mapping[str, Statement]) -> None:
    """Raises InputError for statements that the engine does not accept for these tables."""
    if not isinstance(engine, CanMakeScratch) or not isinstance(engine, CanTellContent):
        engine.preview(DDL, statements)
        return
    with engine.scratch() as trial:
        trial.create(Manifest("trial", {}, schema_on(engine), owns_tables=True))
        trial.check_statements(statements)


def open_shop(engine: Engine, folder: Path, **changes: Any) -> Scenario:
    """Write the scenario and fill an empty database with it."""
    scenario = load_scenario(write_shop(folder, **changes))
    schema = schema_on(engine)
    request = DataRequest(
        shape=scenario.file.data, scale=1.0, seed=1, full_rows=scenario.full_rows, rows={}, rows_everywhere=None
    )
    seed(engine, Dataset.plan_for(schema, request, owns_tables=True), workers=1, observe=lambda _: None)
    return scenario


def plans_of(engine: Engine, scenario: Scenario, **changes: Any) -> tuple[LoadPlan, ...]:
    """The plans of a filled database; keyword arguments change the workload."""
    manifest = engine.manifest()
    assert manifest is not None
    statements = operation_statements(scenario, engine, manifest.schema)
    workload = scenario.file.workload.model_copy(update=changes)
    return load_plans(engine, scenario, workload, manifest, statements)


def measured(engine: Engine, scenario: Scenario, *, seconds: float, **changes: Any) -> LoadMeasure:
    """A load of four users, without Locust."""
    hub = Hub(plans_of(engine, scenario, **changes))
    hub.start()
    hub.set_users(4)
    hub.begin("measure")
    time.sleep(seconds)
    hub.pause()
    return hub.stop()


def running(module: str) -> list[psutil.Process]:
    """This process's descendants that run a module."""
    return [child for child in psutil.Process().children(recursive=True) if module in child.cmdline()]
