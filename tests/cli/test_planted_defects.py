"""Defects that are planted in a schema, found by a run on engines other than the default one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Loadlab
from tests.shop import DDL, OPERATIONS, write_shop

SPARE = """\
CREATE INDEX customers_email_again ON customers (email);
CREATE INDEX orders_a ON orders (status, created_at);
CREATE INDEX orders_b ON orders (status, created_at);
"""
BY_NAME = {
    "kind": "simple",
    "weight": 5,
    "sql": "SELECT id, email FROM customers WHERE name = :name",
    "params": {"name": "customers.name"},
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "mysql"])
def test_they_are_found(engine: str, loadlab: Loadlab, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    if engine == "mysql":
        request.getfixturevalue("mariadb_server")
        url = "mysql://"
    shop = write_shop(tmp_path / "shop", operations={**OPERATIONS, "by_name": BY_NAME}, extend=False)
    (shop / "schema.sql").write_text(DDL + SPARE)
    scenario = json.loads((shop / "scenario.yaml").read_text())
    scenario["data"]["tables"]["customers"]["rows"] = 20_000
    (shop / "scenario.yaml").write_text(json.dumps(scenario))
    done = loadlab("run", shop, "--database", url, "--json")
    result = json.loads(done.out)
    found = {finding["id"]: finding for finding in result["findings"]}
    duplicates = {"duplicate-index:customers_email_again", "duplicate-index:orders_b"}
    assert {"missing-index:customers (name)", "scanning-load:load", *duplicates} <= found.keys()
    (create,) = found["missing-index:customers (name)"]["sql"]
    assert create.startswith("CREATE INDEX")
    outcomes = {rule["rule"]: rule for rule in result["reviewed"]}
    assert outcomes["seq-scan"]["outcome"] == "FOUND"
    scans = {item["name"]: item["full_scans"] for item in result["operations"]}
    assert scans["by_name"] == ["customers"]
    assert scans["customer_by_id"] == scans["orders_of_customer"] == []
