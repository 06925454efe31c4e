"""How the load connects: through a PgBouncer, with a connection for each operation; and limits of single operations."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import Loadlab, Process
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
    shop = write_shop(tmp_path / "shop", operations=ALL, connections=2 * POOL_SIZE, duration=2, verify="100%")
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
    shop = write_shop(tmp_path / "shop", operations=ALL, connection_mode="direct", duration=2)
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


READS = {name: OPERATIONS[name] for name in ("customer_by_id", "orders_of_customer", "pay")}


def test_a_pooler_that_falls_silent_then_dies_and_comes_back_hangs_and_costs_nothing(
    database: PostgresqlEngine, bouncer: Bouncer, start: Callable[..., Process], tmp_path: Path
) -> None:
    shop = write_shop(tmp_path / "shop", operations=READS, duration=13, timeout="500ms", think_time=[0.05, 0.1])
    at = ("--database", database.url, "--load-database", bouncer.through(database.url))
    run = start("run", shop, *at, "--out", tmp_path / "run")
    run.await_word("Measuring", 100)
    time.sleep(1.5)
    bouncer.process.send_signal(signal.SIGSTOP)
    # Longer than the limit and the time to heed a request together.
    time.sleep(3.5)
    bouncer.process.send_signal(signal.SIGCONT)
    time.sleep(2)
    bouncer.kill()
    time.sleep(1)
    bouncer.start()
    assert run.ended(60) == 1, run.said
    assert "Traceback" not in run.said

    result = result_of(tmp_path / "run")
    load, series = result["load"], result["series"]
    assert not load["interrupted"]
    assert series[0]["rate_per_s"] > 10
    assert series[-1]["rate_per_s"] > 10, "the load went on when the pooler was back"
    outcomes = {name for operation in result["operations"] for name in operation["errors_by_outcome"]}
    assert {"UnansweredError", "UnreachableError"} <= outcomes
    assert load["timed_out"] > 0
    assert "console" in load["pooler"]["missing"]
    verdicts = {target["name"]: target["verdict"] for target in result["targets"]}
    assert verdicts["error_rate"] == "FAIL"


def test_connections_that_the_server_refuses_are_outcomes(
    database: PostgresqlEngine, start: Callable[..., Process], tmp_path: Path
) -> None:
    role = f"narrow_{database._connection.info.dbname}"
    database._connection.execute(f"CREATE ROLE {role} LOGIN IN ROLE pg_read_all_data".encode())
    reads = {"customer_by_id": OPERATIONS["customer_by_id"]}
    shop = write_shop(tmp_path / "shop", operations=reads, connection_mode="direct", think_time=0.005, duration=3)
    at = ("--database", database.url, "--load-database", database.url.replace("loadlab@", f"{role}@"))
    run = start("run", shop, *at, "--out", tmp_path / "run")
    run.await_word("Measuring", 100)
    time.sleep(0.5)
    # The driver itself keeps two.
    database._connection.execute(f"ALTER ROLE {role} CONNECTION LIMIT 3".encode())
    assert run.ended() == 1, run.said
    database._connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
    operation = result_of(tmp_path / "run")["operations"][0]
    assert operation["count"] > 10
    assert list(operation["errors_by_outcome"]) == ["UnreachableError"]
    assert "too many connections for role" in operation["first_error"]


def test_ten_thousand_users_over_fifty_connections(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path
) -> None:
    reads = {name: OPERATIONS[name] for name in ("customer_by_id", "orders_of_customer")}
    many = {"users": 10_000, "connections": 50, "think_time": 20, "ramp": 2, "duration": 2}
    done = loadlab(
        "run", write_shop(tmp_path / "shop", operations=reads, **many), "--database", database.url, "--out", "out"
    )
    assert done.exit_code in (0, 1, 3), done.err
    result = result_of(tmp_path / "out")
    load = result["load"]
    assert (load["users"], load["connections"], load["interrupted"]) == (10_000, 50, False)
    assert 1 <= load["connections_peak"] <= 50
    assert load["wait_us"]["p99"] is not None
    check_counts(result)


@pytest.mark.parametrize(
    "address, message",
    [
        ("embedded:", "--load-database=postgresql://loadlab@/loadlab"),
        ("postgresql://someone:s3cret@127.0.0.1:1/nothing", "127.0.0.1:1/nothing cannot be reached"),
    ],
)
def test_an_address_of_the_load_that_leads_elsewhere_is_refused(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path, address: str, message: str
) -> None:
    done = loadlab("run", write_shop(tmp_path / "shop"), "--database", database.url, "--load-database", address)
    assert done.exit_code == 2
    assert message in done.error_line
    assert "s3cret" not in done.err
    assert dict(database.user_tables()) == {}
