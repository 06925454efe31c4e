"""Example rows stand where they were put, and whatever is unique stays unique beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.data.dataset import Dataset
from loadlab.data.frame import Generator
from loadlab.data.overlay.examples import read_examples
from loadlab.data.plan.planner import DataRequest
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import LogicalType, Schema, Table
from loadlab.spec.shapes import DataShape
from tests import schemas

ROWS = {"teams": 20, "people": 300}
KIND = LogicalType("enum", "kind", labels=("a", "b"))


def schema() -> Schema:
    teams = Table(
        "teams",
        (schemas.col("id", schemas.BIGINT), schemas.col("slug", schemas.varchar(60))),
        primary_key=("id",),
        indexes=(schemas.unique("slug"),),
    )
    people = Table(
        "people",
        (
            schemas.col("id", schemas.UUID),
            schemas.col("team_id", schemas.BIGINT),
            schemas.col("boss_id", schemas.UUID, null=True),
            schemas.col("number", schemas.BIGINT),
            schemas.col("email", schemas.varchar(200)),
            schemas.col("name", schemas.TEXT, null=True),
            schemas.col("joined", schemas.DATE),
            schemas.col("kind", KIND),
            schemas.col("wage", schemas.MONEY),
            schemas.col("profile", schemas.JSON),
            schemas.col("tags", schemas.TEXTS),
        ),
        primary_key=("id",),
        foreign_keys=(schemas.fk("team_id", "teams", "id"), schemas.fk("boss_id", "people", "id")),
        indexes=(schemas.unique("email"), schemas.unique("number")),
    )
    return Schema((teams, people), schemas.DIALECT)


SCHEMA = schema()
PLAIN = Dataset.plan_for(SCHEMA, DataRequest(DataShape(), 1.0, 1, lambda _: None, ROWS), owns_tables=True)
UNIQUE = {("teams", "id"), ("teams", "slug"), ("people", "id"), ("people", "number"), ("people", "email")}
Written = Mapping[str, list[dict[str, Any]]]


def with_examples(written: Written) -> Dataset:
    """The dataset with examples, put together as the planner does."""
    tables = dict(PLAIN.plan.tables)
    by_key = {table.key: table for table in SCHEMA}
    for key, examples in read_examples(by_key, written, ROWS, "scenario.yaml").items():
        columns: dict[str, Generator] = dict(tables[key].columns)
        for column in by_key[key].stored_columns:
            foreign = next((fk for fk in by_key[key].foreign_keys if column.name in fk.columns), None)
            inner = columns[column.name]
            if foreign is not None:
                columns[column.name] = examples.wrapped_key(foreign, column.name, inner)
            else:
                distinct = (key, column.name) in UNIQUE
                columns[column.name] = examples.wrapped(column, inner, distinct=distinct, fold=column.name == "email")
        tables[key] = replace(tables[key], columns=columns)
    return Dataset(replace(PLAIN.plan, tables=tables), PLAIN.manifest)


def rows(data: Dataset, table: str, count: int | None = None) -> list[dict[str, Any]]:
    picked = np.arange(ROWS[table] if count is None else count, dtype=np.int64)
    return pa.table(data.columns(table, data.table(table).column_names, picked)).to_pylist()


def test_examples_take_the_first_rows() -> None:
    data = with_examples(
        {
            "teams": [{}, {"$name": "core", "slug": "core"}],
            "people": [
                {"$name": "admin", "email": "admin@example.com", "team_id": "core", "boss_id": None, "wage": 12.5},
                {"name": None, "boss_id": "admin", "team_id": 7, "joined": "2024-02-29", "kind": "b"},
                {"profile": {"a": [1, None]}, "tags": ["x", None], "number": 4},
            ],
        }
    )
    before, after = rows(PLAIN, "people"), rows(data, "people")
    teams = rows(data, "teams")
    assert teams[1]["slug"] == "core"
    assert teams[0] == rows(PLAIN, "teams")[0]
    admin, second, third = after[:3]
    assert admin["email"] == "admin@example.com"
    assert admin["team_id"] == teams[1]["id"]
    assert admin["boss_id"] is None
    assert str(admin["wage"]) == "12.50"
    assert second["boss_id"] == admin["id"]
    assert second["team_id"] == teams[7]["id"]
    assert second["name"] is None
    assert (second["joined"].isoformat(), second["kind"]) == ("2024-02-29", "b")
    assert third["profile"] == '{"a": [1, null]}'
    assert third["tags"] == ["x", None]
    assert third["number"] == 4
    # What no example names is generated as ever.
    assert after[50:] == before[50:]
    assert [row["kind"] for row in after[3:]] == [row["kind"] for row in before[3:]]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_values_that_are_generated_elsewhere_do_not_come_twice(draw: st.DataObject) -> None:
    """Examples are chosen to be what other rows, other examples and later rows would get."""
    table, column = draw.draw(st.sampled_from([("teams", "id"), ("people", "number"), ("people", "email")]))
    count = ROWS[table]
    every = np.arange(count + 100, dtype=np.int64)
    generated = PLAIN.values(table, column, every).to_pylist()
    chosen = draw.draw(st.lists(st.integers(0, count + 99), min_size=1, max_size=6, unique=True))
    values = [generated[row] for row in chosen]
    if column == "email":
        values = [value.upper() if place % 2 else value for place, value in enumerate(values)]
    data = with_examples({table: [{column: value} for value in values]})
    made = data.values(table, column, every).to_pylist()
    assert made[: len(values)] == values
    folded = [value.lower() if isinstance(value, str) else value for value in made]
    assert len(set(folded)) == len(folded)
    shuffled = np.array(draw.draw(st.permutations(range(count)))[:50], dtype=np.int64)
    assert data.values(table, column, shuffled).to_pylist() == [made[row] for row in shuffled]


@pytest.mark.parametrize(
    "written, error, message",
    [
        ({"teams": [{"slug": "x"}] * 21}, InfeasibleError, "teams.examples has 21 rows, the table gets 20"),
        ({"teams": [{"slug": "x"}, {"slug": "x"}]}, InputError, "slug is unique, but two examples have the same value"),
        ({"teams": [{"slag": "x"}]}, InputError, "teams.examples.0.slag is no column of teams"),
        ({"teams": [{"id": "seven"}]}, InputError, "teams.examples.id='seven' is no value for bigint"),
        ({"teams": [{"slug": None}]}, InputError, "slug cannot be null: the column is NOT NULL"),
        (
            {"people": [{"team_id": "core"}]},
            InputError,
            "team_id=core must be the name of an example of teams (no named",
        ),
        ({"people": [{"team_id": 20}]}, InputError, "team_id=20 is no row of teams, which has the rows 0 to 19"),
        ({"people": [{"team_id": None}]}, InputError, "team_id cannot be null"),
        ({"people": [{"kind": "c"}]}, InputError, "kind='c' is no value for kind: it is none of a, b"),
        ({"teams": [{"$name": "x"}, {"$name": "x"}]}, InputError, "examples.1.$name=x is taken by another"),
        ({"people": [{"wage": 123456789.5}]}, InputError, "it has more than 10 digits"),
        ({"teams": [{"slug": "x" * 61}]}, InputError, "it has 61 characters, 60 at most"),
    ],
)
def test_a_mistake_is_named(written: Written, error: type[InputError], message: str) -> None:
    with pytest.raises(error) as caught:
        with_examples(written)
    assert message in str(caught.value)


def test_a_row_whose_place_says_its_parent_cannot_choose_another() -> None:
    found = read_examples({t.key: t for t in SCHEMA}, {"people": [{"team_id": 3}]}, ROWS, "scenario.yaml")
    found["people"].check_pattern("team_id", "spread")
    with pytest.raises(InputError, match="the relation is nested, so a row's place says which parent it has"):
        found["people"].check_pattern("team_id", "nested")
