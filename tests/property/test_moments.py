"""The moments of a row are in the order of the application, whatever a profile says of each of them alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.data.sizes import sizes_by_relations
from loadlab.schema.model import Column, ForeignKey, LogicalType, Schema, Table
from loadlab.spec.shapes import DataShape
from tests import schemas

ROWS = 4096
START = dt.datetime(2024, 1, 1)
STAMP, DAY = LogicalType("timestamp", "timestamp"), LogicalType("date", "date")
ORDER = ("ordered_at", "paid_at", "shipped_at", "updated_at")


def table(kinds: list[LogicalType], null: list[bool], names: list[str]) -> Schema:
    columns = [Column("id", schemas.BIGINT, nullable=False)]
    given = dict(zip(ORDER, zip(kinds, null, strict=True), strict=True))
    columns += [Column(name, given[name][0], nullable=given[name][1]) for name in names]
    return Schema((Table("orders", tuple(columns), primary_key=("id",)),), "postgresql")


@st.composite
def shaped(draw: st.DrawFn) -> tuple[Schema, dict[str, Any]]:
    """A table whose moments are shaped by themselves, each distribution a little later than the one before."""
    # A day between two moments of that day would have to be rounded both ways: of one kind.
    kinds = [draw(st.sampled_from([STAMP, DAY]))] * len(ORDER)
    null = [False, *(draw(st.booleans()) for _ in ORDER[1:])]
    shapes: dict[str, Any] = {}
    for place, name in enumerate(ORDER):
        first = START + dt.timedelta(days=3 * place)
        bounds = [(first + dt.timedelta(days=d)).date().isoformat() for d in (0, 100, 200, 400)]
        form = draw(st.sampled_from(["nothing", "histogram", "distinct", "ascending"]))
        shape: dict[str, Any] = {} if form == "nothing" else {"histogram": {"bounds": bounds}}
        shape |= {"distinct": 300} if form == "distinct" else {"order": "ascending"} if form == "ascending" else {}
        if null[place]:
            shape["null_share"] = 0.25
        if shape:
            shapes[name] = shape
    return table(kinds, null, draw(st.permutations(ORDER))), shapes


@given(shaped())
def test_moments_are_in_order_and_keep_their_shares(case: tuple[Schema, dict[str, Any]]) -> None:
    schema, shapes = case
    shape = DataShape.model_validate({"tables": {"orders": {"rows": ROWS, "columns": shapes}}})
    request = DataRequest(shape, 1.0, 1, {"orders": ROWS}.get, {})
    data = Dataset.plan_for(schema, request, owns_tables=True)
    columns = data.columns("orders", ORDER, np.arange(ROWS, dtype=np.int64))
    values = {name: array.to_pylist() for name, array in columns.items()}
    for place, earlier in enumerate(ORDER):
        for later in ORDER[place + 1 :]:
            pairs = zip(values[earlier], values[later], strict=True)
            assert not [1 for one, two in pairs if one is not None and two is not None and days(one) > days(two)]
    for name, said in shapes.items():
        nulls = sum(value is None for value in values[name]) / ROWS
        assert nulls == pytest.approx(said.get("null_share", 0.0), abs=0.03)


def test_rows_of_a_profile_are_no_older_than_their_parents() -> None:
    created = Column("created_at", STAMP, nullable=False)
    users = Table("users", (Column("id", schemas.BIGINT, nullable=False), created), primary_key=("id",))
    key = ForeignKey("user", ("user_id",), "users", ("id",))
    columns = (Column("id", schemas.BIGINT, nullable=False), Column("user_id", schemas.BIGINT, nullable=False), created)
    orders = Table("orders", columns, primary_key=("id",), foreign_keys=(key,))
    bounds = {"users": ["2024-01-01", "2024-06-01", "2025-01-01"], "orders": ["2024-01-01", "2024-03-01", "2025-01-01"]}
    tables = {
        name: {"rows": rows, "columns": {"created_at": {"order": "ascending", "histogram": {"bounds": bounds[name]}}}}
        for name, rows in (("users", 400), ("orders", ROWS))
    }
    shape = DataShape.model_validate({"tables": tables})
    request = DataRequest(shape, 1.0, 1, {"users": 400, "orders": ROWS}.get, {})
    data = Dataset.plan_for(Schema((users, orders), "postgresql"), request, owns_tables=True)
    born = dict(zip(*(data.batch("users", 0, 400)[name].to_pylist() for name in ("id", "created_at")), strict=True))
    mine = data.batch("orders", 0, ROWS)
    pairs = list(zip(*(mine[name].to_pylist() for name in ("user_id", "created_at")), strict=True))
    assert all(moment >= born[user] for user, moment in pairs)
    # By its own distribution half of the orders would lie before March.
    assert 0.2 < sum(moment < dt.datetime(2024, 3, 1) for _, moment in pairs) / ROWS < 0.5


def days(moment: dt.datetime | dt.date) -> dt.date:
    """A day is no later than a moment of it."""
    return moment.date() if isinstance(moment, dt.datetime) else moment


def test_sizes_follow_the_relations() -> None:
    def one(name: str, *parents: str, pair: bool = False, once: bool = False) -> Table:
        own = tuple(f"{parent}_id" for parent in parents)
        keys = tuple(ForeignKey(f"{name}_{p}", (f"{p}_id",), p, ("id",)) for p in parents)
        columns = (
            Column("id", schemas.BIGINT, nullable=False),
            *(Column(c, schemas.BIGINT, nullable=False) for c in own),
        )
        return Table(name, columns, primary_key=own if pair or once else ("id",), foreign_keys=keys)

    tables = (
        one("tenants"), one("users", "tenants"), one("profiles", "users", once=True), one("roles", "tenants"),
        one("user_roles", "users", "roles", pair=True), one("orders", "users"), one("order_items", "orders"),
        one("settings"),
    )  # fmt: skip
    sizes = sizes_by_relations(Schema(tables, "postgresql"))
    assert sizes == {
        "tenants": 20, "users": 200, "profiles": 200, "roles": 200, "user_roles": 600, "orders": 1000,
        "order_items": 3000, "settings": 1000,
    }  # fmt: skip
