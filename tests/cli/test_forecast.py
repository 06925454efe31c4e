"""`loadlab forecast` as a user types it: a projection that is checked against what it was projected to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import ENTRY_POINT, Loadlab, environment
from tests.shop import DDL

DOMAINS = "CREATE TABLE currencies (code CHAR(3) NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL);\n"
OPERATIONS = {
    "nothing": {"kind": "simple", "weight": 1, "sql": "SELECT 1"},
    "order_by_id": {
        "kind": "simple", "weight": 1, "sql": "SELECT total FROM orders WHERE id = :id", "params": {"id": "orders.id"},
    },
    # Five milliseconds of sleep for each thousand rows: a known law that no machine's speed changes.
    "revenue": {
        "kind": "report", "weight": 1,
        "sql": "SELECT sum(total), pg_sleep(count(*) * 0.000005) FROM orders WHERE total > 0",
    },
    "place_order": {"kind": "write", "weight": 1, "insert": "orders"},
}  # fmt: skip
SCENARIO = {
    "name": "shop",
    "schema": "schema.sql",
    "data": {
        "tables": {
            "customers": {"rows": 50_000},
            "orders": {"rows": 200_000},
            "currencies": {"rows": 20, "scales": False},
        }
    },
    "workload": {
        "rate": 60,
        "arrivals": "constant",
        "ramp": 0,
        "warmup": 1,
        "duration": 6,
        "connections": 4,
        "operations": OPERATIONS,
    },
    "targets": {"simple_queries": "< 500ms", "reports": "< 300ms", "percentile": 50, "data_volume": "60MB"},
}
SCALES = (0.025, 0.05, 0.1)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    # JSON is YAML.
    (folder / "scenario.yaml").write_text(json.dumps(SCENARIO), encoding="utf-8")
    (folder / "schema.sql").write_text(DDL + DOMAINS, encoding="utf-8")
    return folder


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "forecast.json").read_text(encoding="utf-8"))
    return result


def tables_there(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_times_the_largest_scale_comes_out_as_projected(
    database: PostgresqlEngine, loadlab: Loadlab, shop: Path
) -> None:
    scales = ",".join(f"{scale:g}" for scale in SCALES)
    options = ("--scales", scales, "--database", database.url, "--out", shop / "out")
    done = loadlab("forecast", shop, *options, timeout_s=200)
    assert done.exit_code == 0, done.out + done.err
    result = result_of(shop / "out")
    jsonschema.validate(result, json.loads(loadlab("schema", "forecast").out))
    # Whoever gives an empty database gets it back empty.
    assert tables_there(database.url) == 0
    check_storage(result, loadlab, shop, database.url)
    check_latency(result)
    check_verdicts(result)
    for words in ("projection and no measurement", "Full volume", "linear in orders", "forecast.html"):
        assert words in " ".join(done.out.split()), done.out


def check_storage(result: dict[str, Any], loadlab: Loadlab, shop: Path, url: str) -> None:
    """Fill it for real, at ten times the largest scale that was measured."""
    seeded = loadlab("seed", shop, "--scale", 1, "--database", url, "--json", timeout_s=120)
    assert seeded.exit_code == 0, seeded.err
    measured = json.loads(seeded.out)
    storage = result["storage"]
    low, high = storage["total_bytes"]["interval"]
    assert storage["total_bytes"]["value"] == pytest.approx(measured["bytes"], rel=0.05)
    assert low <= measured["bytes"] <= high
    projected = {table["name"]: table for table in storage["tables"]}
    for table in measured["tables"]:
        found = projected[table["name"]]
        assert found["rows"] == table["rows"]
        if table["table_bytes"] > 2**20:
            assert found["table_bytes"]["value"] == pytest.approx(table["table_bytes"], rel=0.05)
            assert found["index_bytes"]["value"] == pytest.approx(table["index_bytes"], rel=0.05)
    assert {part["law"] for part in projected["currencies"]["parts"]} == {"constant"}
    layouts = {layout["table"]: layout for layout in result["layouts"]}
    assert layouts["orders"]["row_bytes"] == pytest.approx(projected["orders"]["bytes_per_row"], rel=0.1)


def check_latency(result: dict[str, Any]) -> None:
    operations = {operation["name"]: operation for operation in result["operations"]}
    assert operations["nothing"]["law"] == "constant"
    assert operations["order_by_id"]["law"] == operations["place_order"]["law"] == "log"
    assert (operations["revenue"]["law"], operations["revenue"]["law_tables"]) == ("linear", ["orders"])
    assert [plan["steps"] for plan in operations["revenue"]["plans"]] == [[["Aggregate", "Seq Scan on orders"]] * 3]
    revenue = operations["revenue"]["percentiles"][0]
    assert revenue["percentile"] == 50
    assert len(revenue["measured"]) == 3
    # A second of sleep at 200,000 rows, and what the server needs to read them, on a busy machine half as much again.
    low, high = revenue["projected_us"]["interval"]
    assert low < 1_500_000
    assert high > 1_000_000
    assert 900_000 < revenue["projected_us"]["value"] < 1_600_000
    assert result["load"].startswith("60/s (constant)")
    # So many seconds of sleep a second are more than the pool has connections.
    assert "connections busy there and the pool has" in " ".join(result["notes"])
    assert "could not be carried" in operations["revenue"]["reason"]


def check_verdicts(result: dict[str, Any]) -> None:
    targets = {target["name"]: target for target in result["targets"]}
    assert targets["data_volume"]["verdict"] == "PASS"
    assert targets["index_storage_overhead"]["verdict"] == "FAIL"
    assert targets["reports"]["verdict"] == "FAIL"
    assert "is projected to be" in targets["reports"]["reason"]
    assert "error_rate" not in targets


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ctrl_c_keeps_the_scales_that_were_measured(database: PostgresqlEngine, shop: Path) -> None:
    options = ("--scales", "0.005,0.01,0.02,0.1", "--no-load", "--database", database.url, "--out", shop / "out")
    with subprocess.Popen(
        [*map(str, (ENTRY_POINT, "forecast", shop, *options))],
        cwd=shop,
        env=environment(shop),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Scale 0.1 (4 of 4)" in line:
                break
        # As a terminal does it: to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        process.stderr.read()
        assert process.wait(timeout=60) == 0
    result = result_of(shop / "out")
    assert result["ended_early"] == "interrupted"
    assert [scale["scale"] for scale in result["scales"]] == [0.005, 0.01, 0.02]
    assert result["storage"]["total_bytes"]["value"] > 0
    assert result["operations"] == []
    assert tables_there(database.url) == 0


@pytest.mark.parametrize(
    "options, words",
    [
        (("--scales", "0.1,0.2"), "--scales=0.1,0.2 must be at least 3"),
        (("--scales", "0.1,0.05,0.2"), "--scales=0.1,0.05,0.2 must ascend"),
        (("--scales", "0.1,0.1,0.2"), "--scales=0.1,0.1,0.2 must ascend"),
        (("--scales", "0.1,x,0.2"), "--scales=x must be a scale"),
        (("--scales", "0,0.1,0.2"), "--scales=0 must be above 0"),
        (("--scales", "0.1,0.2,0.3", "--to", "0.3"), "--to=0.3 must be above the largest of --scales (0.3)"),
        (("--to", "everything"), "--to=everything must be a scale"),
        (("--rate", "many"), "--rate=many must be a number"),
        (("--duration", "soon"), "--duration=soon must be a number"),
    ],
)
def test_what_cannot_be_projected_is_said_at_once(loadlab: Loadlab, shop: Path, options, words) -> None:
    done = loadlab("forecast", shop, *options)
    assert done.exit_code == 2
    assert words in done.error_line


def test_a_database_that_holds_anything_is_left_alone(database: PostgresqlEngine, loadlab: Loadlab, shop: Path) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS x")
    done = loadlab("forecast", shop, "--scales", "0.001,0.002,0.004", "--database", database.url)
    assert done.exit_code == 2
    assert "is not empty: mine holds rows" in done.error_line
    assert tables_there(database.url) == 1
    assert not (shop / "runs").exists()


def test_users_without_think_time_need_a_rate(loadlab: Loadlab, shop: Path) -> None:
    workload = {**SCENARIO["workload"], "users": 4, "think_time": 0}
    del workload["rate"], workload["arrivals"]
    (shop / "scenario.yaml").write_text(json.dumps({**SCENARIO, "workload": workload}), encoding="utf-8")
    done = loadlab("forecast", shop, "--scales", "0.001,0.002,0.004")
    assert done.exit_code == 2
    assert "--rate must be given" in done.error_line


def test_another_engine_has_storage_and_leaves_out_what_it_lacks(loadlab: Loadlab, shop: Path) -> None:
    operations = {"order_by_id": OPERATIONS["order_by_id"]}
    workload = {**SCENARIO["workload"], "operations": operations}
    (shop / "scenario.yaml").write_text(json.dumps({**SCENARIO, "workload": workload}), encoding="utf-8")
    options = ("--scales", "0.005,0.01,0.02", "--no-load", "--database", f"sqlite:///{shop}/x.db", "--json")
    done = loadlab("forecast", shop, *options, "--out", shop / "out")
    assert done.exit_code == 0, done.err
    result = json.loads(done.out)
    assert result["storage"]["total_bytes"]["value"] > 2**20
    assert result["layouts"] == result["operations"] == []


def test_help_has_examples(loadlab: Loadlab) -> None:
    done = loadlab("forecast", "--help")
    assert done.exit_code == 0
    assert "loadlab forecast scenarios/marketplace --no-load" in done.out
