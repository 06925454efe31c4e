"""Children by a stated distribution: met exactly, invertible, and growing only appends."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.data.core.hashing import make_key
from loadlab.data.relations.runs import BLOCK, Runs
from loadlab.spec.distributions import Children
from tests import schemas
from tests.property.test_dataset import dataset, pylist

SHAPES = [
    Children(distribution="fixed", mean=2.5),
    Children(distribution="uniform", min=0, max=7),
    Children(distribution="geometric", min=1, mean=4.0),
    Children(distribution="zipf", min=1, max=40, exponent=1.2, childless=0.25),
    Children(distribution="histogram", shares={0: 0.5, 1: 0.25, 10: 0.25}),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.distribution)
@given(parents=st.integers(1, 3 * BLOCK), seed=st.integers(0, 2**32))
def test_each_row_finds_its_parent(shape: Children, parents: int, seed: int) -> None:
    runs = Runs.of(shape, make_key(seed))
    starts = runs.start(np.arange(parents + 1, dtype=np.int64))
    counts = np.diff(starts)
    assert (counts >= 0).all()
    assert counts.max(initial=0) <= runs.most
    rows = np.arange(starts[-1], dtype=np.int64)
    assert runs.parent(rows).tolist() == np.repeat(np.arange(parents), counts).tolist()


def test_the_distribution_is_the_one_that_was_stated() -> None:
    runs = Runs.of(SHAPES[-1], make_key("shares"))
    counts = Counter(np.diff(runs.start(np.arange(20 * BLOCK + 1, dtype=np.int64))).tolist())
    assert counts == {0: 10 * BLOCK, 1: 5 * BLOCK, 10: 5 * BLOCK}


def test_a_scenario_states_the_children_of_a_parent() -> None:
    relation = {"children": {"distribution": "histogram", "shares": {0: 0.5, 4: 0.5}}}
    data = dataset(tables={"order_items": {"relations": {"order_id,order_created_at": relation}}}, rows={"orders": 512})
    counts = Counter(Counter(pylist(data, "order_items", "order_id")).values())
    assert set(counts) == {4}
    assert data.row_count("order_items") == 1024 or any("children a parent" in note for note in data.plan.notes)


def test_the_moments_of_a_life_follow_its_status() -> None:
    status = schemas.col("status", schemas.TEXT)
    moments = [schemas.col(name, schemas.WHEN, null=True) for name in ("paid_at", "shipped_at", "cancelled_at")]
    schema = schemas.one_table(
        schemas.col("id", schemas.INT), status, schemas.col("created_at", schemas.WHEN), *moments,
        primary_key=("id",), checks=schemas.checks("status IN ('pending', 'paid', 'shipped', 'cancelled')"),
    )  # fmt: skip
    data = dataset(schema, rows={"things": 2000})
    seen = Counter()
    for row in data.batch("things", 0, 2000).to_pylist():
        seen[row["status"]] += 1
        assert (row["cancelled_at"] is not None) == (row["status"] == "cancelled")
        if row["status"] != "cancelled":
            assert (row["paid_at"] is not None) == (row["status"] in ("paid", "shipped"))
            assert (row["shipped_at"] is not None) == (row["status"] == "shipped")
        if row["status"] == "shipped":
            assert row["created_at"] <= row["paid_at"] <= row["shipped_at"]
    assert len(seen) == 4


@given(rows=st.integers(1, 3000), roots=st.integers(1, 20), depth=st.integers(1, 6))
@settings(max_examples=25)
def test_a_tree_has_the_stated_depth(rows: int, roots: int, depth: int) -> None:
    relation = {"roots": roots, "depth": depth}
    data = dataset(rows={"categories": rows}, tables={"categories": {"relations": {"parent_id": relation}}})
    levels = pylist(data, "categories", "level")
    assert max(levels) < depth  # type: ignore[type-var]
    assert levels.count(0) == (rows if depth == 1 else min(roots, rows))
