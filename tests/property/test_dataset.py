"""The dataset: a cell depends on its row alone, constraints hold by construction, history is in order."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import Schema
from loadlab.spec.shapes import DataShape
from tests import schemas

FULL = {
    "users": 2000,
    "categories": 100,
    "products": 3000,
    "orders": 8000,
    "order_items": 20000,
    "stock": 3000,
    "reviews": 4000,
}


def dataset(
    schema: Schema | None = None,
    *,
    scale: float = 1.0,
    seed: int = 1,
    rows: dict[str, int] | None = None,
    **shape: object,
) -> Dataset:
    request = DataRequest(DataShape.model_validate(shape), scale, seed, FULL.get, rows or {})
    return Dataset.plan_for(schema or schemas.shop(), request, owns_tables=True)


SHOP = dataset()


def column(data: Dataset, table: str, name: str) -> pa.Array:
    return data.values(table, name, np.arange(data.row_count(table), dtype=np.int64))


def pylist(data: Dataset, table: str, name: str) -> list[object]:
    return column(data, table, name).to_pylist()


@given(st.data())
@settings(max_examples=30)
def test_any_rows_in_any_order_are_the_same_rows(draw: st.DataObject) -> None:
    table = draw.draw(st.sampled_from(SHOP.tables))
    count = SHOP.row_count(table)
    rows = np.array(draw.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=50)), dtype=np.int64)
    whole = SHOP.batch(table, 0, count)
    for name in whole.schema.names:
        assert SHOP.values(table, name, rows).equals(whole.column(name).take(pa.array(rows))), name


def test_another_process_makes_the_same_from_the_manifest() -> None:
    again = Dataset.from_manifest(SHOP.manifest)
    assert again.manifest.fingerprint == SHOP.manifest.fingerprint
    for table in SHOP.tables:
        assert again.batch(table, 0, 500).equals(SHOP.batch(table, 0, 500))


def test_another_seed_is_another_dataset() -> None:
    assert dataset(seed=2).manifest.fingerprint != SHOP.manifest.fingerprint
    assert pylist(dataset(seed=2), "users", "email") != pylist(SHOP, "users", "email")


@pytest.mark.parametrize("table", sorted(FULL))
def test_growing_the_scale_only_appends(table: str) -> None:
    small = dataset(scale=0.3)
    rows = small.row_count(table) - small.row_count(table) // 20 - 5
    assert small.row_count(table) < SHOP.row_count(table)
    assert small.batch(table, 0, rows).equals(SHOP.batch(table, 0, rows))


def test_foreign_keys_are_keys_of_their_parents() -> None:
    for table in SHOP.plan.tables.values():
        for relation in table.relations:
            parents = list(zip(*(pylist(SHOP, relation.target, c) for c in relation.target_columns), strict=True))
            children = list(zip(*(pylist(SHOP, table.table.key, c) for c in relation.columns), strict=True))
            assert {child for child in children if None not in child} <= set(parents)


def test_unique_keys_are_unique() -> None:
    for table in SHOP.plan.tables.values():
        for key in table.table.unique_keys:
            values = list(zip(*(pylist(SHOP, table.table.key, c) for c in key), strict=True))
            assert max(Counter(values).values()) == 1, (table.table.key, key)
    emails = [str(email).lower() for email in pylist(SHOP, "users", "email")]
    assert len(set(emails)) == len(emails)


@pytest.mark.parametrize(
    "table, child, parent, via",
    [
        ("orders", "created_at", ("users", "created_at"), "user_id"),
        ("reviews", "created_at", ("products", "created_at"), "product_id"),
        ("reviews", "created_at", ("users", "created_at"), "user_id"),
    ],
)
def test_children_are_not_older_than_their_parents(table: str, child: str, parent: tuple[str, str], via: str) -> None:
    born = dict(zip(pylist(SHOP, parent[0], "id"), pylist(SHOP, *parent), strict=True))
    for key, moment in zip(pylist(SHOP, table, via), pylist(SHOP, table, child), strict=True):
        assert moment >= born[key]  # type: ignore[operator]


def test_rows_are_written_in_order() -> None:
    for table in ("users", "orders", "products"):
        moments = column(SHOP, table, "created_at").cast(pa.int64()).to_numpy()
        assert (np.diff(moments) >= 0).all() or table == "orders"
    assert SHOP.now_us >= column(SHOP, "orders", "created_at").cast(pa.int64()).to_numpy()[-1]


def test_checks_hold() -> None:
    assert all(
        re.match(r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$", str(e)) for e in pylist(SHOP, "users", "email")
    )
    assert set(pylist(SHOP, "users", "status")) == {"active", "inactive"}
    assert pc.all(pc.greater_equal(column(SHOP, "users", "updated_at"), column(SHOP, "users", "created_at"))).as_py()
    assert pc.all(pc.greater_equal(column(SHOP, "users", "deleted_at"), column(SHOP, "users", "created_at"))).as_py()
    assert pc.all(pc.greater(column(SHOP, "products", "price"), 0)).as_py()
    assert pc.all(
        pc.greater_equal(column(SHOP, "products", "compare_at_price"), column(SHOP, "products", "price"))
    ).as_py()
    for row in SHOP.batch("orders", 0, 3000).to_pylist():
        assert row["total"] == row["subtotal"] + row["tax"]
    for row in SHOP.batch("order_items", 0, 3000).to_pylist():
        assert row["line_total"] == row["unit_price"] * row["quantity"]
        assert 1 <= row["quantity"] <= 100
    for row in SHOP.batch("stock", 0, 3000).to_pylist():
        assert 0 <= row["reserved"] <= row["on_hand"]
    for row in SHOP.batch("categories", 0, 100).to_pylist():
        assert (row["parent_id"] is None) == (row["level"] == 0)
    assert set(pylist(SHOP, "reviews", "rating")) == {1, 2, 3, 4, 5}


def test_new_rows_collide_with_nothing() -> None:
    for table in ("users", "orders", "products", "reviews"):
        count = SHOP.row_count(table)
        late = np.arange(count, count + 400, dtype=np.int64)
        for key in SHOP.table(table).unique_keys:
            seeded = set(zip(*(pylist(SHOP, table, c) for c in key), strict=True))
            new = list(zip(*(SHOP.values(table, c, late).to_pylist() for c in key), strict=True))
            assert len(set(new)) == len(new)
            assert not seeded & set(new)
        for relation in SHOP.plan.tables[table].relations:
            parents = set(pylist(SHOP, relation.target, relation.target_columns[0]))
            values = SHOP.values(table, relation.columns[0], late).to_pylist()
            assert {value for value in values if value is not None} <= parents


def test_uuids_have_version_and_variant() -> None:
    for table, version in (("users", 4), ("products", 7)):
        for value in pylist(SHOP, table, "id")[:200]:
            assert value[6] >> 4 == version  # type: ignore[index]
            assert value[8] >> 6 == 2  # type: ignore[index]
    keys = [bytes(value) for value in pylist(SHOP, "orders", "id")]  # type: ignore[arg-type]
    moments = column(SHOP, "orders", "created_at").cast(pa.int64()).to_pylist()
    assert [int.from_bytes(key[:6], "big") for key in keys] == [moment // 1000 for moment in moments]


def test_the_scenario_has_the_first_word() -> None:
    data = dataset(
        tables={
            "users": {"columns": {"status": {"values": ["inactive", "active"], "weights": [1, 3]}}},
            "products": {"columns": {"price": {"range": [5, 6]}, "compare_at_price": {"null_share": 0.5}}},
        }
    )
    counts = Counter(pylist(data, "users", "status"))
    assert 0.70 < counts["active"] / 2000 < 0.80
    prices = [float(str(price)) for price in pylist(data, "products", "price")]
    assert 5 <= min(prices) <= max(prices) <= 6
    assert 0.45 < column(data, "products", "compare_at_price").null_count / 3000 < 0.55


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"tables": {"orderz": {"rows": 3}}}, "data.tables.orderz is not a table of the schema"),
        ({"tables": {"users": {"columns": {"mail": {}}}}}, "columns.mail is not a column of users"),
        ({"tables": {"orders": {"relations": {"buyer": {}}}}}, "relations.buyer is not a foreign key of orders"),
        ({"rows": {"nothing": 3}}, "--rows nothing names no table"),
        (
            {"rows": {"stock": 5000}},
            "--rows stock=5000 cannot be above 3,000: product_id takes each row of products once",
        ),
        ({"tables": {"users": {"columns": {"email": {"null_share": 0.5}}}}}, "null_share=0.5 cannot be above 0"),
        ({"tables": {"users": {"columns": {"first_name": {"meaning": "nonsense"}}}}}, "meaning=nonsense is not known"),
        ({"locale": "xx_YY"}, "data.locale=xx_YY is not a locale"),
    ],
)
def test_wishes_that_cannot_be_met_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        dataset(**arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_ten_values_cannot_fill_a_thousand_unique_rows() -> None:
    schema = schemas.one_table(schemas.col("code", schemas.TEXT), primary_key=("code",))
    shape = {"tables": {"things": {"rows": 1000, "columns": {"code": {"values": list("abcdefghij")}}}}}
    with pytest.raises(InfeasibleError, match="has 10 distinct values for 1,000 unique rows of things"):
        dataset(schema, rows={"things": 1000}, **shape)


def test_a_short_unique_text_is_too_small() -> None:
    schema = schemas.one_table(schemas.col("code", schemas.varchar(2)), primary_key=("code",))
    with pytest.raises(InfeasibleError, match=r"cannot be above 1,024: \(code\) is unique and has 1,024 values"):
        dataset(schema, rows={"things": 5000})
    assert len(set(pylist(dataset(schema, rows={"things": 1000}), "things", "code"))) == 1000


def test_a_check_that_is_not_understood_is_named() -> None:
    schema = schemas.one_table(
        schemas.col("id", schemas.INT),
        schemas.col("a", schemas.INT),
        primary_key=("id",),
        checks=schemas.checks("is_fine(a)"),
    )
    assert dataset(schema, rows={"things": 10}).plan.notes == (
        'things: CHECK check_0 is not understood: is_fine("a"); should the database refuse rows, give its columns'
        " values",
    )


@pytest.mark.parametrize("kind", [schemas.DATE, schemas.WHEN], ids=["date", "timestamp"])
@pytest.mark.parametrize("seed", [1, 7, 99])
@pytest.mark.parametrize("check", ["(b >= a)", "(b > a)", "(a < b)", "(a <= b)", "((b IS NULL) OR (b >= a))"])
def test_pairs_of_days_and_moments_are_in_order(kind: schemas.LogicalType, seed: int, check: str) -> None:
    columns = (schemas.col("a", kind), schemas.col("b", kind, null=True))
    schema = schemas.one_table(
        schemas.col("id", schemas.INT), *columns, primary_key=("id",), checks=schemas.checks(check)
    )
    data = dataset(schema, seed=seed, rows={"things": 3000})
    a, b = column(data, "things", "a"), column(data, "things", "b")
    holds = pc.greater_equal(b, a) if "=" in check else pc.greater(b, a)
    assert pc.all(holds).as_py()
    assert b.null_count < 3000


def test_people_are_born_long_before_they_register() -> None:
    schema = schemas.one_table(
        schemas.col("id", schemas.INT), schemas.col("created_at", schemas.WHEN), schemas.col("birth_date", schemas.DATE)
    )
    data = dataset(schema, rows={"things": 500})
    for born, registered in zip(*(pylist(data, "things", name) for name in ("birth_date", "created_at")), strict=True):
        assert 17 <= registered.year - born.year <= 81  # type: ignore[attr-defined]


def moments(name: str, *columns: str, kind: object = schemas.WHEN, check: str = "") -> dict[str, list[dt.datetime]]:
    """The values of columns of time of a table that is called `name`, by column; with `created_at`."""
    of_time = [schemas.col(item, kind) for item in columns]
    schema = schemas.one_table(
        schemas.col("id", schemas.INT), schemas.col("created_at", schemas.WHEN), *of_time, name=name,
        checks=schemas.checks(check) if check else (),
    )  # fmt: skip
    data = dataset(schema, rows={name: 2000})
    return {item: pylist(data, name, item) for item in ("created_at", *columns)}  # type: ignore[misc]


def test_appointments_are_ahead_and_end_on_their_day() -> None:
    found = moments("appointments", "starts_at", "ends_at")
    end = max(found["created_at"])
    ahead = sum(moment > end for moment in found["starts_at"]) / 2000
    assert 0.005 < ahead < 0.2
    for made, starts, ends in zip(found["created_at"], found["starts_at"], found["ends_at"], strict=True):
        assert dt.timedelta(hours=1) <= starts - made <= dt.timedelta(days=121)
        assert dt.timedelta(0) < ends - starts < dt.timedelta(days=1)


def test_nobody_is_hired_at_birth() -> None:
    found = moments("employees", "born_on", "hire_date", kind=schemas.DATE, check="(hire_date > born_on)")
    assert all(
        17 <= made.year - born.year <= 81 for made, born in zip(found["created_at"], found["born_on"], strict=True)
    )
    assert all(hired.year - born.year >= 16 for hired, born in zip(found["hire_date"], found["born_on"], strict=True))


@pytest.mark.parametrize(
    "check, years", [("(seen_on < CURRENT_DATE)", 0), ("(seen_on <= (CURRENT_DATE - '18 years'::interval))", 18)]
)
def test_what_lies_before_now_lies_before_the_history_ends(check: str, years: int) -> None:
    found = moments("people", "seen_on", kind=schemas.DATE, check=check)
    end = (max(found["created_at"]) + dt.timedelta(days=1)).date()
    assert max(found["seen_on"]) < end - dt.timedelta(days=365 * years)  # type: ignore[operator]


def test_a_stated_range_beats_what_the_name_suggests() -> None:
    rate = schemas.col("success_rate", schemas.MONEY)
    schema = schemas.one_table(rate, checks=schemas.checks("((success_rate >= 0) AND (success_rate <= 500))"))
    values = [float(str(value)) for value in pylist(dataset(schema, rows={"things": 500}), "things", "success_rate")]
    assert max(values) > 400


def test_texts_are_made_from_the_pattern() -> None:
    color = schemas.col("color", schemas.TEXT)
    schema = schemas.one_table(color, checks=schemas.checks("(color ~ '^#[0-9a-f]{6}$'::text)"))
    data = dataset(schema, rows={"things": 50})
    assert all(re.fullmatch(r"#[0-9a-f]{6}", str(text)) for text in pylist(data, "things", "color"))
    shape = {"tables": {"things": {"columns": {"color": {"values": ["#aabbcc", "#000000"]}}}}}
    assert set(pylist(dataset(schema, rows={"things": 50}, **shape), "things", "color")) == {"#aabbcc", "#000000"}


def test_rows_that_nobody_stated_are_the_default_and_marked() -> None:
    request = DataRequest(DataShape(), 0.01, 1, {"users": 5000}.get, {"orders": 7}, default_rows=100_000)
    data = Dataset.plan_for(schemas.shop(), request, owns_tables=True)
    assert (data.row_count("users"), data.row_count("orders"), data.row_count("products")) == (50, 7, 1000)
    assert [data.is_default(table) for table in ("users", "orders", "products")] == [False, False, True]
    assert Dataset.from_manifest(data.manifest).manifest.fingerprint == data.manifest.fingerprint


def test_a_scale_without_end_is_refused() -> None:
    with pytest.raises(InputError, match="--scale=inf must be a finite number"):
        dataset(scale=float("inf"))
