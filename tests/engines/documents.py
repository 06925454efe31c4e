"""A shop whose rows stand in documents and in lists of them, and what it holds in comparable values."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from bson import Decimal128

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines.mongodb.engine import MongodbEngine
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.references import rows_at, value_at
from loadlab.seeding.documents import with_documents
from loadlab.spec.base import validate
from loadlab.spec.scenario import Scenario, ScenarioFile
from loadlab.spec.shapes import DataShape
from tests import schemas

ROWS = {"users": 40, "categories": 6, "products": 60, "stock": 50, "orders": 120, "order_items": 300, "reviews": 200}
WISHES = {
    "reviews": {
        "design": "hybrid",
        "in": "products",
        "newest": 2,
        "summaries": {"user_id": ["first_name", "last_name"]},
    }
}


def shop(engine: MongodbEngine, **wishes: object) -> Dataset:
    request = DataRequest(DataShape(), scale=1.0, seed=3, full_rows={}.get, rows=ROWS)
    plain = Dataset.plan_for(schemas.shop(), request, owns_tables=True)
    file = validate(ScenarioFile, {"documents": {**WISHES, **wishes}}, place="scenario.yaml")
    return with_documents(engine, plain, Scenario("shop", Path(), file, None))


def plain(value: Any) -> Any:
    """As it can be compared: moments to the millisecond, decimals by their value, documents as they are."""
    if isinstance(value, Decimal128):
        return value.to_decimal().normalize()
    if isinstance(value, Decimal):
        return value.normalize()
    if isinstance(value, dt.datetime):
        moment = value.astimezone(dt.UTC).replace(tzinfo=None)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return (
        str(UUID(bytes=value))
        if isinstance(value, bytes) and len(value) == 16
        else str(value)
        if isinstance(value, UUID)
        else value
    )


def expected(dataset: Dataset, table: str) -> list[dict[str, Any]]:
    kinds = {column.name: column.type.kind for column in dataset.table(table).columns}
    rows: list[dict[str, Any]] = dataset.batch(table, 0, dataset.row_count(table)).to_pylist()
    return [
        {name: json.loads(value) if kinds[name] == "json" else plain(value) for name, value in row.items()}
        for row in rows
    ]


def stored(engine: MongodbEngine, dataset: Dataset, table: str) -> list[dict[str, Any]]:
    layout = Layout.of(dataset.manifest)
    found = []
    for document in engine._database[layout.collection(table)].find():
        for row in rows_at(document, layout.arrays(table)):
            if layout.within(table) and value_at(row, layout.within(table)) is None:
                continue
            found.append({n: plain(value_at(row, layout.path(table, n))) for n in dataset.table(table).column_names})
    return found


def in_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(str(sorted(row.items())) for row in rows)
