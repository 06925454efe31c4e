"""Row picks: the distributions are what they say, streams do not disturb each other, new rows are never used twice."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from scipy import stats

from loadlab.workload.keys import NewRows, pick_rows, spread, stream, zipf_ranks


def exact_zipf(ranks: int, exponent: float) -> np.ndarray:
    """Probabilities from the definition."""
    weights = np.arange(1, ranks + 1, dtype=np.float64) ** -exponent
    return weights / weights.sum()


@pytest.mark.parametrize(
    "ranks, exponent",
    [(2, 0.5), (10, 0.99), (10, 1.0), (10, 1 + 1e-12), (100, 2.5), (1000, 0.01), (1000, 0.99), (50, 5.0)],
)
def test_zipf_ranks_have_the_probabilities_of_the_definition(ranks, exponent):
    drawn = zipf_ranks(stream(11, ranks, exponent), 300_000, ranks, exponent)
    seen = np.bincount(drawn, minlength=ranks).astype(np.float64)
    expected = exact_zipf(ranks, exponent) * len(drawn)
    rare = expected < 10
    seen = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    used = expected > 0
    assert stats.chisquare(seen[used], expected[used]).pvalue > 1e-4


def test_zipf_needs_no_set_up_however_many_ranks():
    ranks = 10**15
    drawn = zipf_ranks(stream(1), 100_000, ranks, 0.99)
    assert drawn.min() >= 0
    assert drawn.max() < ranks
    # The integral of the density up to 10**6 over that up to 10**15, exponent 0.99.
    expected = (10 ** (6 * 0.01) - 1) / (10 ** (15 * 0.01) - 1)
    assert np.mean(drawn < 10**6) == pytest.approx(expected, abs=0.03)


def test_zipf_of_one_rank():
    assert zipf_ranks(stream(1), 5, 1, 0.99).tolist() == [0] * 5


def test_hot_rows_are_the_same_for_every_worker_and_lie_apart():
    def hottest(worker: int) -> list[int]:
        rows = pick_rows(stream(1, worker), "zipf", 200_000, table="orders", row_count=1_000_000, exponent=0.99)
        return np.argsort(np.bincount(rows))[::-1][:5].tolist()

    assert hottest(0) == hottest(1)
    assert np.diff(sorted(hottest(0))).min() > 1_000


def test_hot_rows_differ_between_tables():
    rows = [
        set(pick_rows(stream(1), "zipf", 100, table=table, row_count=10**6, exponent=3.0).tolist())
        for table in ("users", "orders")
    ]
    assert not rows[0] & rows[1]


def test_latest_prefers_the_newest_rows():
    rows = pick_rows(stream(1), "latest", 100_000, table="orders", row_count=1000, exponent=0.99)
    seen = np.bincount(rows, minlength=1000) / len(rows)
    assert seen[::-1][:5] == pytest.approx(exact_zipf(1000, 0.99)[:5], rel=0.05)


def test_uniform_reaches_every_row_alike():
    rows = pick_rows(stream(1), "uniform", 100_000, table="orders", row_count=50, exponent=0.99)
    assert stats.chisquare(np.bincount(rows, minlength=50)).pvalue > 1e-4


@pytest.mark.parametrize("row_count", [1, 2, 3, 7, 8, 1000, 4097])
def test_spread_is_a_bijection(row_count):
    assert sorted(spread(np.arange(row_count), row_count, key=5)) == list(range(row_count))


def test_streams_depend_on_what_they_are_for_and_on_nothing_else():
    first = stream(1, 0, "operation", "a").random(4)
    stream(1, 0, "operation", "b").random(100)
    assert stream(1, 0, "operation", "a").random(4).tolist() == first.tolist()
    assert stream(1, 1, "operation", "a").random(4).tolist() != first.tolist()
    assert stream(2, 0, "operation", "a").random(4).tolist() != first.tolist()


def test_no_new_row_is_handed_out_twice_over_threads_and_workers():
    taken: list[list[int]] = []

    def take(rows: NewRows) -> None:
        for _ in range(20):
            taken.append(rows.take("orders", 17).tolist())

    workers = [NewRows(lambda _: 100, start=0, worker=worker, workers=3) for worker in range(3)]
    threads = [threading.Thread(target=take, args=(rows,)) for rows in workers for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [row for block in taken for row in block]
    assert len(set(rows)) == len(rows) == 9 * 20 * 17
    assert min(rows) == 100


def test_the_end_of_one_load_is_the_start_of_the_next():
    first = NewRows(lambda _: 10, start=0, worker=1, workers=2)
    used = [*first.take("orders", 5).tolist(), *first.take("orders", 3).tolist()]
    assert used == [11, 13, 15, 17, 19, 21, 23, 25]
    later = NewRows(lambda _: 10, start=first.end, worker=0, workers=1)
    assert later.take("orders", 1)[0] > max(used)


@pytest.mark.parametrize("used", [0, 1, 3, 5_000, 1_000_000])
@pytest.mark.parametrize("workers", [1, 3])
def test_rows_that_earlier_loads_have_inserted_are_skipped(used, workers):
    starts = []
    for worker in range(workers):
        rows = NewRows(lambda _: 0, start=0, worker=worker, workers=workers)
        rows.skip_used(lambda start: start >= used)
        starts.append(int(rows.take("orders", 1)[0]))
    assert all(start >= used for start in starts)
    assert sorted(start % workers for start in starts) == list(range(workers))


def test_an_insert_that_never_succeeds_is_noticed():
    with pytest.raises(LookupError):
        NewRows(lambda _: 0, start=0, worker=0, workers=1).skip_used(lambda start: False)
