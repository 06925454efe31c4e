"""In what a dataset differs from the one that a database holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadlab.schema.manifest import Manifest
from loadlab.schema.model import Column, LogicalType, Schema, Table
from loadlab.seeding.differences import differences

ORDERS = Table("orders", (Column("id", LogicalType("integer")),), primary_key=("id",))
BODY = {
    "generator": 3, "seed": 1, "scale": 1.0, "rows": {"orders": 10, "lines": 20},
    "pools": {"names": "a", "cities": "b"},
    "schema": "x", "shape": {}, "documents": {"placements": [
        {"table": "lines", "design": "embed", "host": "orders", "relation": "order_id", "field": "lines",
         "columns": ["id"]},
    ]},
}  # fmt: skip
THERE = Manifest("one", BODY, Schema((ORDERS,), "postgresql"), owns_tables=True)


def placed(**changes: Any) -> dict[str, Any]:
    return {"documents": {"placements": [{**BODY["documents"]["placements"][0], **changes}]}}  # type: ignore[index]


@pytest.mark.parametrize(
    "change, said",
    [
        ({"documents": {"placements": []}}, ("lines by itself, not embedded in orders as lines",)),
        (placed(field="items"), ("lines embedded in orders as items, not embedded in orders as lines",)),
        (placed(columns=["id", "n"]), ("lines embedded in orders as lines with other columns",)),
        ({"rows": {"orders": 20, "lines": 10}}, ("10 rows of lines, not 20", "20 rows of orders, not 10")),
        ({"pools": {"names": "c", "cities": "b"}}, ("another version of the pools names",)),
        ({"generator": 4}, ("another version of LoadLab's generator",)),
        (
            {"shape": {"time": {}}, "new_word": 1},
            ("another new word", "another shape of the data (data: of the scenario)"),
        ),
        ({"place": "elsewhere"}, ()),
    ],
)
def test_the_reason_is_said(change: dict[str, Any], said: tuple[str, ...]) -> None:
    assert differences(THERE, replace(THERE, body={**BODY, **change})) == said


def test_the_tables_of_another_schema_are_named() -> None:
    more = replace(ORDERS, columns=(*ORDERS.columns, Column("n", LogicalType("integer"))))
    asked = replace(THERE, schema=Schema((more,), "postgresql"), body={**BODY, "schema": "y"})
    assert differences(THERE, asked) == ("another schema (of orders)",)
