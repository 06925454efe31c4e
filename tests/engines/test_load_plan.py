"""Operations for every engine: their statements, and one clear line for each mistake before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines.protocol import Engine
from loadlab.errors import InputError
from loadlab.spec.scenario import load_scenario
from loadlab.spec.statement import Statement
from loadlab.workload.plan import operation_statements
from tests.shop import OPERATIONS, check_on, schema_on, write_shop


def statements(engine: Engine, folder: Path, operations: Mapping[str, Any]) -> dict[str, Statement]:
    scenario = load_scenario(write_shop(folder, operations=operations))
    return operation_statements(scenario, engine, schema_on(engine))


def test_each_operation_has_a_statement_that_the_engine_accepts(engine, tmp_path):
    found = statements(engine, tmp_path, OPERATIONS)
    assert list(found) == ["customer_by_id", "orders_of_customer", "revenue", "place_order", "pay/1", "pay/2"]
    assert found["customer_by_id"].names == ("id",)
    assert set(found["place_order"].names) == {"id", "customer_id", "total", "status", "created_at"}
    assert found["pay/2"].names == ("id",)
    assert found["pay/2"].is_write
    check_on(engine, found)


def test_a_text_for_each_engine(engine, tmp_path):
    texts = {engine.name: "SELECT 1", "another": "SELECT 2"}
    found = statements(engine, tmp_path, {"one": {"kind": "simple", "weight": 1, "sql": texts}})
    assert str(found["one"]) == "SELECT 1"


def simple(**params: Any) -> dict[str, Any]:
    text = "SELECT " + ", ".join(f":{name}" for name in params)
    return {"kind": "simple", "weight": 1, "sql": text, "params": params}


@pytest.mark.parametrize(
    "operation, message",
    [
        (
            simple(a="orders.price"),
            ".params.a=orders.price names the column price, which orders does not have",
        ),
        (
            simple(a="parcels.id"),
            ".params.a=parcels.id names the table parcels, which is not there; tables: customers, orders",
        ),
        (
            simple(a={"column": "orders.id", "pick": "new"}, b={"column": "orders.total", "pick": "zipf"}),
            ".params.b=zipf must be new, as another parameter of the same row is, or have a row label of its own",
        ),
        (simple(a={"choice": ["x", 1]}), ".params.a mixes int and str; use one type"),
        (
            {"kind": "simple", "weight": 1, "sql": {"another": "SELECT 1"}},
            ".sql has a text for another only; add one for ",
        ),
        (
            {"kind": "write", "weight": 1, "insert": "parcels"},
            ".insert=parcels names the table parcels, which is not there; tables: customers, orders",
        ),
        (
            {"kind": "write", "weight": 1, "insert": "orders", "params": {"price": {"value": 1}}},
            ".params.price is not a column that an insert into orders fills",
        ),
        ({"kind": "write", "weight": 1, "flow": "buy"}, ".flow=buy is not a function of flows.py, which has pay, mark"),
    ],
)
def test_a_mistake_is_one_line_with_place_value_and_remedy(engine, tmp_path, operation, message):
    with pytest.raises(InputError) as caught:
        statements(engine, tmp_path, {"wrong": operation})
    assert str(caught.value).startswith(f"scenario.yaml: workload.operations.wrong{message}")


def test_a_workload_without_operations_has_nothing_to_run(engine, tmp_path):
    with pytest.raises(InputError, match=r"scenario\.yaml: workload\.operations is empty"):
        statements(engine, tmp_path, {})
