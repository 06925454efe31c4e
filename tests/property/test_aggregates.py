"""Aggregates agree with the rows they are made of, whatever rows are asked for and however the work is cut."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.data.core.hashing import Int64s
from loadlab.data.dataset import Dataset
from loadlab.data.frame import Frame, Generator
from loadlab.data.overlay import aggregate_checks, aggregates
from loadlab.data.overlay.aggregate_checks import check_aggregates
from loadlab.data.overlay.aggregates import (
    Aggregate,
    Balance,
    child_runs,
)
from loadlab.data.overlay.suggestions import generator_of, stated_aggregate, suggest_aggregates
from loadlab.data.plan.planner import DataRequest
from loadlab.data.relations.relation import Relation
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import Column, Index, LogicalType, Schema, Table
from loadlab.spec.base import validate
from loadlab.spec.shapes import ColumnShape, DataShape
from tests import schemas

FLOAT = LogicalType("float", "double precision", bits=64)


def blog() -> Schema:
    """Posts with comments (parts), accounts with entries, and authors over whom posts are spread."""
    authors = Table(
        "authors",
        (
            schemas.col("id", schemas.BIGINT),
            schemas.col("created_at", schemas.WHEN),
            schemas.col("posts_count", schemas.INT),
            schemas.col("best", schemas.MONEY, null=True),
        ),
        primary_key=("id",),
    )
    posts = Table(
        "posts",
        (
            schemas.col("id", schemas.BIGINT),
            schemas.col("author_id", schemas.BIGINT),
            schemas.col("created_at", schemas.WHEN),
            schemas.col("comments_count", schemas.INT),
            schemas.col("last_comment_at", schemas.WHEN, null=True),
            schemas.col("first_comment_at", schemas.WHEN, null=True),
            schemas.col("score", schemas.MONEY),
            schemas.col("weight", FLOAT),
        ),
        primary_key=("id",),
        foreign_keys=(schemas.fk("author_id", "authors", "id"),),
    )
    comments = Table(
        "post_comments",
        (
            schemas.col("id", schemas.BIGINT),
            schemas.col("post_id", schemas.BIGINT),
            schemas.col("created_at", schemas.WHEN),
            schemas.col("points", schemas.MONEY),
            schemas.col("factor", schemas.SMALLINT),
            schemas.col("maybe", schemas.MONEY, null=True),
            schemas.col("weight", FLOAT),
            schemas.col("balance_after", schemas.MONEY),
            schemas.col("amount", schemas.MONEY),
        ),
        primary_key=("id",),
        foreign_keys=(schemas.fk("post_id", "posts", "id", "CASCADE"),),
        checks=schemas.checks("factor >= 1 AND factor <= 5"),
    )
    return Schema((authors, posts, comments), schemas.DIALECT)


ROWS = {"authors": 60, "posts": 400, "post_comments": 1700}


def dataset(schema: Schema, rows: Mapping[str, int] = ROWS, **shape: object) -> Dataset:
    request = DataRequest(DataShape.model_validate(shape), 1.0, 1, lambda _: None, rows)
    return Dataset.plan_for(schema, request, owns_tables=True)


def with_columns(data: Dataset, made: Mapping[tuple[str, str], Generator]) -> Dataset:
    """The dataset with other generators for some columns."""
    tables = dict(data.plan.tables)
    for (table, column), generator in made.items():
        tables[table] = replace(tables[table], columns={**tables[table].columns, column: generator})
    return Dataset(replace(data.plan, tables=tables), data.manifest)


def framer(data: Dataset) -> Any:
    def frame(table: str, rows: Int64s) -> Frame:
        return Frame(data.plan.tables[table], rows, data.plan.tables, data.plan.clock)

    return frame


def generator(data: Dataset, table: str, column: str, wish: Aggregate | Balance) -> Generator:
    found = data.manifest.schema.table(table)
    nested = next((r.name for r in data.plan.tables[table].relations if r.pattern == "nested"), None)
    where = f"data.tables.{table}.columns.{column}"
    return generator_of(data.manifest.schema, found, found.column(column), wish, nested, where)


WISHES: dict[tuple[str, str], Aggregate | Balance] = {
    ("posts", "comments_count"): Aggregate("count", "post_comments"),
    ("posts", "last_comment_at"): Aggregate("max", "post_comments", "created_at"),
    ("posts", "first_comment_at"): Aggregate("min", "post_comments", "created_at", "post_id"),
    ("posts", "score"): Aggregate("sum", "post_comments", "points * factor - maybe"),
    ("posts", "weight"): Aggregate("sum", "post_comments", "weight"),
    ("authors", "posts_count"): Aggregate("count", "posts"),
    ("authors", "best"): Aggregate("max", "posts", "score"),
    ("post_comments", "balance_after"): Balance("amount"),
}
PLAIN = dataset(blog())
BLOG = with_columns(PLAIN, {key: generator(PLAIN, *key, wish) for key, wish in WISHES.items()})


def every(data: Dataset, table: str) -> list[dict[str, Any]]:
    rows = np.arange(data.row_count(table), dtype=np.int64)
    return pa.table(data.columns(table, data.table(table).column_names, rows)).to_pylist()


def children(data: Dataset, child: str, key: str) -> dict[Any, list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in every(data, child):
        found[row[key]].append(row)
    return found


@pytest.mark.parametrize("piece", [7, 1 << 18])
def test_parents_agree_with_their_children(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "_PIECE_ROWS", piece)
    data = with_columns(PLAIN, {key: generator(PLAIN, *key, wish) for key, wish in WISHES.items()})
    by_post, lonely = children(data, "post_comments", "post_id"), 0
    posts = every(data, "posts")
    for post in posts:
        mine = by_post[post["id"]]
        lonely += not mine
        assert post["comments_count"] == len(mine)
        assert post["last_comment_at"] == max((c["created_at"] for c in mine), default=None)
        assert post["first_comment_at"] == min((c["created_at"] for c in mine), default=None)
        known = [c for c in mine if c["maybe"] is not None]
        assert post["score"] == sum((c["points"] * c["factor"] - c["maybe"] for c in known), Decimal(0))
        assert post["weight"] == sum(c["weight"] for c in mine)
    assert lonely, "a post without comments is tried as well"
    by_author = children(data, "posts", "author_id")
    for author in every(data, "authors"):
        mine = by_author[author["id"]]
        assert author["posts_count"] == len(mine)
        assert author["best"] == max((p["score"] for p in mine), default=None)


@pytest.mark.parametrize("piece", [11, 1 << 18])
def test_a_balance_runs_within_its_parent(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "_PIECE_ROWS", piece)
    balances: dict[Any, Decimal] = defaultdict(Decimal)
    for row in every(BLOG, "post_comments"):
        balances[row["post_id"]] += row["amount"]
        assert row["balance_after"] == balances[row["post_id"]]
    assert len(balances) > 100


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_rows_in_any_order(draw: st.DataObject) -> None:
    table, column = draw.draw(st.sampled_from(sorted(WISHES)))
    count = BLOG.row_count(table)
    rows = np.array(draw.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=40)), dtype=np.int64)
    whole = BLOG.values(table, column, np.arange(count, dtype=np.int64))
    assert BLOG.values(table, column, rows).equals(whole.take(pa.array(rows)))


def test_rows_from_beyond_the_dataset_have_no_children_yet() -> None:
    late = np.arange(ROWS["posts"], ROWS["posts"] + 50, dtype=np.int64)
    assert set(BLOG.values("posts", "comments_count", late).to_pylist()) == {0}
    assert BLOG.values("posts", "last_comment_at", late).null_count == 50
    assert set(BLOG.values("authors", "posts_count", np.array([60, 61])).to_pylist()) == {0}


@given(st.integers(1, 300), st.integers(0, 900), st.integers(0, 2), st.floats(0.05, 20), st.integers(0, 2**32))
@settings(max_examples=60)
def test_runs_are_the_inverse_of_the_relation(parents: int, rows: int, least: int, mean: float, key: int) -> None:
    relation = Relation(
        ("p",), "t", ("id",), "nested", key, 1 / mean, parents, rows, min_children=min(least, int(mean))
    )
    starts, stops = child_runs(relation, rows, np.arange(parents, dtype=np.int64))
    counts = np.bincount(relation.parent_rows(np.arange(rows, dtype=np.int64))[0], minlength=parents)
    assert (counts == stops - starts).all()


@pytest.mark.parametrize(
    "table, column, wish, message",
    [
        ("posts", "comments_count", Aggregate("count", "remarks"), "=remarks names no table of the schema"),
        ("posts", "comments_count", Aggregate("count", "authors"), "needs a foreign key of authors to posts"),
        ("posts", "weight", Aggregate("count", "post_comments"), "is a whole number, weight is double precision"),
        ("posts", "score", Aggregate("sum", "post_comments", "cost"), "has cost, which is no column of post_comments"),
        ("posts", "score", Aggregate("sum", "post_comments", "max(points)"), "must be a column or a sum, difference"),
        ("posts", "score", Aggregate("sum", "post_comments", "points +"), "must be a column or a sum, difference"),
        ("posts", "score", Aggregate("sum", "post_comments", "created_at"), "cannot add up dates or times"),
        ("posts", "score", Aggregate("max", "post_comments", "created_at"), "does not fit score, which is numeric"),
        ("posts", "score", Aggregate("sum", "post_comments", "weight * 2"), "integers and numerics only; weight is"),
        ("posts", "score", Balance("score"), "give a relation the pattern nested"),
        ("post_comments", "created_at", Balance("amount"), "is a number, created_at is timestamptz"),
    ],
)
def test_a_mistake_is_named(table: str, column: str, wish: Aggregate | Balance, message: str) -> None:
    with pytest.raises(InputError) as caught:
        generator(PLAIN, table, column, wish)
    assert message in str(caught.value)


def test_two_ways_to_the_parent_need_a_choice() -> None:
    schema = blog()
    comments = schema.table("post_comments")
    twice = replace(
        comments,
        columns=(*comments.columns, schemas.col("seen_in", schemas.BIGINT, null=True)),
        foreign_keys=(*comments.foreign_keys, schemas.fk("seen_in", "posts", "id")),
    )
    data = dataset(Schema((schema.table("authors"), schema.table("posts"), twice), schemas.DIALECT))
    with pytest.raises(InputError, match="references posts 2 times; add via, one of post_id; seen_in"):
        generator(data, "posts", "comments_count", Aggregate("count", "post_comments"))
    made = generator(data, "posts", "comments_count", Aggregate("count", "post_comments", via="seen_in"))
    seen = children(data, "post_comments", "seen_in")
    counted = with_columns(data, {("posts", "comments_count"): made})
    assert [p["comments_count"] for p in every(counted, "posts")] == [len(seen[p["id"]]) for p in every(data, "posts")]


def test_what_cannot_be_made_is_refused_at_planning(monkeypatch: pytest.MonkeyPatch) -> None:
    check_aggregates(BLOG.plan.tables, framer(BLOG), "scenario.yaml")
    monkeypatch.setattr(aggregate_checks, "PARENTS_MAX", 50)
    with pytest.raises(InfeasibleError, match=r"authors.columns.posts_count cannot be kept in memory for 60 rows"):
        check_aggregates(BLOG.plan.tables, framer(BLOG), "scenario.yaml")
    monkeypatch.undo()
    circular = with_columns(
        PLAIN,
        {
            ("posts", "score"): generator(PLAIN, "posts", "score", Aggregate("sum", "post_comments", "amount")),
            ("post_comments", "amount"): _FromPost(),
        },
    )
    with pytest.raises(InfeasibleError, match="is made of values that are themselves made of it"):
        check_aggregates(circular.plan.tables, framer(circular), "scenario.yaml")
    strict = generator(PLAIN, "posts", "created_at", Aggregate("max", "post_comments", "created_at"))
    data = with_columns(PLAIN, {("posts", "created_at"): strict})
    with pytest.raises(InfeasibleError, match="takes no NULL, but a row may have no post_comments"):
        check_aggregates(data.plan.tables, framer(data), "scenario.yaml")


class _FromPost:
    def make(self, frame: Frame) -> Any:
        return frame.parent(frame.plan.relations[0])[0].cells("score")


def test_a_generated_column_of_the_child_is_added_up_as_the_server_computes_it() -> None:
    schema = blog()
    comments = schema.table("post_comments")
    points = replace(comments.column("points"), name="worth", generated="(points * (factor)::numeric)")
    made = replace(comments, columns=(*comments.columns, points))
    data = dataset(Schema((schema.table("authors"), schema.table("posts"), made), schemas.DIALECT))
    score = generator(data, "posts", "score", Aggregate("sum", "post_comments", "worth"))
    data = with_columns(data, {("posts", "score"): score})
    rows = np.arange(ROWS["post_comments"], dtype=np.int64)
    stored = data.columns("post_comments", ("post_id", "points", "factor"), rows)
    sums: dict[Any, Decimal] = defaultdict(Decimal)
    for row in pa.table(stored).to_pylist():
        sums[row["post_id"]] += row["points"] * row["factor"]
    assert [post["score"] for post in every(data, "posts")] == [sums[post["id"]] for post in every(data, "posts")]


def test_only_what_is_unmistakable_is_suggested() -> None:
    assert suggest_aggregates(schemas.shop()) == {("orders", "subtotal"): Aggregate("sum", "order_items", "line_total")}
    assert suggest_aggregates(blog()) == {
        ("posts", "comments_count"): Aggregate("count", "post_comments"),
        ("posts", "last_comment_at"): Aggregate("max", "post_comments", "created_at"),
        ("posts", "first_comment_at"): Aggregate("min", "post_comments", "created_at"),
        ("post_comments", "balance_after"): Balance("amount", "post_id"),
    }


@pytest.mark.parametrize(
    "columns, suggested",
    [
        (("total",), {("orders", "total"): Aggregate("sum", "order_items", "line_total")}),
        (("total", "tax"), {}),
        (("total", "shipping_cost"), {}),
        (("subtotal", "total"), {("orders", "subtotal"): Aggregate("sum", "order_items", "line_total")}),
    ],
)
def test_a_total_with_something_on_top_is_not_the_sum(columns: tuple[str, ...], suggested: object) -> None:
    shop = schemas.shop()
    money = tuple(Column(name, schemas.MONEY, nullable=False) for name in columns)
    orders = shop.table("orders")
    plain = replace(orders, columns=(*orders.columns[:4], *money), checks=(), indexes=())
    tables = tuple(plain if table.name == "orders" else table for table in shop)
    assert suggest_aggregates(Schema(tables, shop.dialect)) == suggested


def test_a_unique_child_is_not_many() -> None:
    schema = blog()
    comments = schema.table("post_comments")
    single = replace(comments, indexes=(Index("one", ("post_id",), unique=True, expressions=(False,)),))
    found = suggest_aggregates(Schema((schema.table("posts"), single), schemas.DIALECT))
    assert found == {}


@pytest.mark.parametrize(
    "written, wish",
    [
        ({"sum_of": "order_items.line_total"}, ("sum_of", Aggregate("sum", "order_items", "line_total"))),
        ({"sum_of": "billing.items.cost"}, ("sum_of", Aggregate("sum", "billing.items", "cost"))),
        (
            {"sum_of": {"table": "items", "value": "quantity * price", "via": "order_id"}},
            ("sum_of", Aggregate("sum", "items", "quantity * price", "order_id")),
        ),
        ({"count_of": "billing.items"}, ("count_of", Aggregate("count", "billing.items"))),
        ({"max_of": "comments.created_at"}, ("max_of", Aggregate("max", "comments", "created_at"))),
        ({"min_of": "comments.created_at"}, ("min_of", Aggregate("min", "comments", "created_at"))),
        ({"balance_of": "amount"}, ("balance_of", Balance("amount"))),
        ({"values": [1]}, None),
    ],
)
def test_a_scenario_says_it_short_or_long(written: dict[str, Any], wish: object) -> None:
    assert stated_aggregate(validate(ColumnShape, written, place="x")) == wish


@pytest.mark.parametrize(
    "written, message",
    [
        ({"sum_of": "line_total"}, "must be TABLE.COLUMN"),
        ({"sum_of": "a.b", "count_of": "a"}, "has sum_of and count_of, which exclude each other"),
        ({"sum_of": "a.b", "range": [1, 2]}, "has sum_of and range, which exclude each other"),
        ({"sum_of": {"tabel": "a"}}, "is not a known key"),
    ],
)
def test_a_scenarios_mistake_is_named(written: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        validate(ColumnShape, written, place="x")
    assert message in str(caught.value)
