"""Histograms: the counts are HdrHistogram's, merging is exact, and saving loses nothing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadlab.measure.histogram import HIGHEST_US, LENGTH, Histogram, highest_equivalent_us, indices_of

values = st.lists(st.integers(0, HIGHEST_US) | st.integers(0, 5000), min_size=1, max_size=300)


def histogram(of: list[int]) -> Histogram:
    made = Histogram()
    made.add(np.array(of, dtype=np.int64))
    return made


@given(values)
def test_counts_are_where_hdrhistogram_has_them(recorded: list[int]) -> None:
    reference = HdrHistogram(1, HIGHEST_US, 3)
    for value in recorded:
        reference.record_value(value)
    made = histogram(recorded)
    assert reference.counts_len == LENGTH
    assert made.count == reference.get_total_count()
    assert dict(zip(made.indices.tolist(), made.counts.tolist(), strict=True)) == {
        index: reference.get_count_at_index(index) for index in made.indices.tolist()
    }


@given(values)
def test_percentiles_are_ranks_to_three_digits(recorded: list[int]) -> None:
    made, ordered = histogram(recorded), sorted(recorded)
    for percentile in (0, 10, 50, 95, 100):
        rank = max(1, math.ceil(percentile / 100 * len(ordered) - 1e-9))
        assert made.percentile_us(percentile) == pytest.approx(ordered[rank - 1], rel=1e-3, abs=0.5)
    assert made.max_us == ordered[-1]
    assert made.mean_us == pytest.approx(sum(ordered) / len(ordered))


@given(st.lists(values, max_size=5))
def test_merging_is_exact(parts: list[list[int]]) -> None:
    merged = Histogram.merged(histogram(part) for part in parts)
    whole = [value for part in parts for value in part]
    assert merged == (histogram(whole) if whole else Histogram())
    one_by_one = Histogram()
    for part in parts:
        one_by_one.merge(histogram(part))
    assert one_by_one == merged


@given(values, st.integers(0, HIGHEST_US))
def test_counting_up_to_a_value(recorded: list[int], edge: int) -> None:
    made = histogram(recorded)
    top = highest_equivalent_us(int(indices_of(np.array([edge], dtype=np.int64))[0]))
    assert made.count_up_to(edge) == sum(value <= top for value in recorded)


@given(values)
def test_saving_loses_nothing(recorded: list[int]) -> None:
    made = histogram(recorded)
    assert Histogram.from_sparse(json.loads(json.dumps(made.to_sparse()))) == made


def test_values_out_of_range_are_counted_at_the_ends() -> None:
    made = histogram([-5, HIGHEST_US + 10])
    assert made.count == 2
    assert made.max_us == HIGHEST_US


def test_an_empty_histogram_has_no_percentile() -> None:
    empty = Histogram()
    assert empty.count == 0
    assert math.isnan(empty.percentile_us(50))
    assert math.isnan(empty.max_us)
    assert math.isnan(empty.mean_us)
