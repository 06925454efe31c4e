"""How the load connects: through a PgBouncer, with a connection for each operation; and limits of single operations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import Loadlab
from tests.fix_pgbouncer import POOL_SIZE, Bouncer
from tests.shop import OPERATIONS, write_shop

MORE = {
    "buy": {
        "weight": 2,
        "transaction": [
            {"insert": "customers"},
            {"update": {"table": "orders", "set": {"status": {"choice": ["open", "paid"]}}}},
        ],
    },
    "slow": {
        "kind": "simple",
        "weight": 1,
        "sql": "SELECT pg_sleep(:s)",
        "params": {"s": {"value": 30}},
        "timeout": "100ms",
    },
}
ALL = {**OPERATIONS, **MORE}


def result_of(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return read


def check_counts(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Clients and server agree on every statement; the operations by name."""
    by_name = {operation["name"]: operation for operation in result["operations"]}
    for name, operation in by_name.items():
        if name == "slow":
            continue
        assert operation["errors"] == 0, operation["first_error"]
        assert operation["count"] > 0
        if operation["statements"]:
            for one in operation["statements"]:
                assert one["calls"] == one["server_calls"] == operation["count"], (name, one["name"])
        else:
            assert operation["count"] == operation["server_calls"], name
    return by_name


def check_limit(operation: dict[str, Any]) -> None:
    """All were cut off, soon after their limit."""
    assert operation["count"] == 0
    assert list(operation["errors_by_outcome"]) == ["StatementTimeoutError 57014"]
    assert operation["first_error"] == "did not end within its limit of 100 ms, and the server cancelled it"


def test_a_load_through_pgbouncer(
    database: PostgresqlEngine, bouncer: Bouncer, loadlab: Loadlab, tmp_path: Path
) -> None:
    shop = write_shop(tmp_path / "shop", operations=ALL, connections=2 * POOL_SIZE, duration=3, verify="100%")
    done = loadlab(
        "run", shop, "--database", database.url, "--load-database", bouncer.through(database.url), "--out", "out"
    )
    assert done.exit_code in (1, 3), done.err
    result = result_of(tmp_path / "out")
    by_name = check_counts(result)
    check_limit(by_name["slow"])
    pooler = result["load"]["pooler"]
    assert pooler["product"].startswith("PgBouncer 1.")
    assert pooler["missing"] is None
    # At least one transaction of the pooler for each operation that ended.
    assert pooler["counters"]["transactions"] >= sum(operation["count"] for operation in by_name.values())
    assert 1 <= pooler["peaks"]["servers_active"] <= POOL_SIZE
    assert pooler["product"] in done.out
    checked = {detail["name"]: detail for target in result["targets"] for detail in target["details"]}
    assert {checked[name]["verdict"] for name in ("reads", "acknowledged writes")} == {"PASS"}


def test_a_connection_for_each_operation(database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop", operations=ALL, connection_mode="direct", duration=3)
    done = loadlab("run", shop, "--database", database.url, "--out", "out")
    assert done.exit_code in (1, 3), done.err
    result = result_of(tmp_path / "out")
    by_name = check_counts(result)
    check_limit(by_name["slow"])
    load = result["load"]
    executed = sum(operation["count"] + operation["errors"] for operation in by_name.values())
    assert (load["connection_mode"], load["connects"]) == ("direct", executed)
    assert load["timed_out"] == by_name["slow"]["errors"] > 0
    # The user waits for the connection, too.
    assert by_name["customer_by_id"]["service_us"]["p50"] > load["connect_us"]["p50"] / 2
    assert "connections were opened" in done.out
