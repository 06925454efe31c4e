"""How many different values a column has, judged by a sample: answers known by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from loadlab.seeding.estimate import _distinct

RECORD = pa.struct([("a", pa.int64())])


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, 2] * 50),
        pa.array([["a"], ["b", None]] * 50, pa.list_(pa.string())),
        pa.array([{"a": 1}, {"a": None}] * 50, RECORD),
        pa.array([[("k", "v")], []] * 50, pa.map_(pa.string(), pa.string())),
    ],
    ids=["numbers", "lists", "records", "maps"],
)
def test_values_that_repeat_in_the_sample_are_as_few_in_the_table(array):
    assert _distinct(array, 1_000_000) == 2


def test_values_that_never_repeat_are_as_many_as_the_rows():
    assert _distinct(pa.array([[number] for number in range(100)], pa.list_(pa.int64())), 1_000) == 1_000


def test_a_column_of_nulls_has_no_values_to_count():
    assert _distinct(pa.nulls(10, pa.list_(pa.int64())), 1_000) == 1
