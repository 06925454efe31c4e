"""The files of HdrHistogram's formats: its own readers find what LoadLab counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given
from hypothesis import strategies as st

from loadlab.measure.histogram import HIGHEST_US, LENGTH, Histogram, lowest_equivalent_us
from loadlab.measure.model import GeneratorHealth, Interval, LoadMeasure, OperationInterval, OperationMeasure
from loadlab.report.files import HISTOGRAM_LOG_NAME, PERCENTILES_NAME, write_histograms
from loadlab.report.hdr import encoded, percentile_distribution, plain_names

# What HdrHistogram 2.2.2 for Java prints: outputPercentileDistribution(out, 5, 1000.0).
VALUES_US = [0, 1, 2, 2, 3, 999, 1000, 2047, 2048, 2049, 5000, 123_456]
DISTRIBUTION = """\
       Value     Percentile TotalCount 1/(1-Percentile)

       0.000 0.000000000000          1           1.00
       0.001 0.100000000000          2           1.11
       0.002 0.200000000000          4           1.25
       0.002 0.300000000000          4           1.43
       0.003 0.400000000000          5           1.67
       0.999 0.500000000000          6           2.00
       1.000 0.550000000000          7           2.22
       2.047 0.600000000000          8           2.50
       2.047 0.650000000000          8           2.86
       2.049 0.700000000000         10           3.33
       2.049 0.750000000000         10           4.00
       2.049 0.775000000000         10           4.44
       2.049 0.800000000000         10           5.00
       2.049 0.825000000000         10           5.71
       5.003 0.850000000000         11           6.67
       5.003 0.875000000000         11           8.00
       5.003 0.887500000000         11           8.89
       5.003 0.900000000000         11          10.00
       5.003 0.912500000000         11          11.43
     123.519 0.925000000000         12          13.33
     123.519 1.000000000000         12
#[Mean    =       11.387, StdDeviation   =       33.829]
#[Max     =      123.519, Total count    =           12]
#[Buckets =           22, SubBuckets     =         2048]
"""

counted = st.dictionaries(st.integers(0, LENGTH // 2), st.integers(1, 2**55), max_size=60)


def histogram(counts: dict[int, int]) -> Histogram:
    """A histogram with these counts by index, whatever the values were."""
    low = [lowest_equivalent_us(index) for index in sorted(counts)]
    return Histogram.from_sparse(
        {
            "index": sorted(counts),
            "count": [counts[index] for index in sorted(counts)],
            "total_us": float(sum(low)),
            "extremes": [low[0], low[-1]] if low else None,
        }
    )


def of_values(values_us: list[int]) -> Histogram:
    made = Histogram()
    made.add(np.array(values_us, dtype=np.int64))
    return made


def counts_of(read: HdrHistogram) -> dict[int, int]:
    return {index: count for index, count in enumerate(read.counts) if count}


@given(counted)
def test_an_encoded_histogram_is_read_with_the_same_counts(counts: dict[int, int]) -> None:
    read = HdrHistogram.decode(encoded(histogram(counts)))
    assert counts_of(read) == counts
    assert (read.lowest_trackable_value, read.highest_trackable_value) == (1, HIGHEST_US)
    assert read.significant_figures == 3


def test_a_distribution_is_the_reference_implementations():
    assert percentile_distribution(of_values(VALUES_US)) == DISTRIBUTION


def test_a_distribution_of_nothing_has_no_row():
    lines = percentile_distribution(Histogram()).splitlines()
    assert [line[:1] for line in lines] == [" ", "", "#", "#", "#"]


@given(st.lists(st.text(max_size=8), unique=True, max_size=6))
def test_names_of_operations_become_different_plain_ones(names: list[str]) -> None:
    plain = plain_names(names)
    assert len({name.lower() for name in plain.values()}) == len(names)
    assert not any(set(name) & set("/\\, \n\t") or name.startswith(".") or not name for name in plain.values())


@pytest.fixture
def measure() -> LoadMeasure:
    intervals = []
    for second in range(3):
        service = of_values([100 + second, 200, 300_000])
        response = of_values([150 + second, 250, 400_000])
        one = OperationInterval(3, {}, service, response)
        nothing = OperationInterval(0, {"KeyError": 1}, Histogram(), Histogram())
        intervals.append(Interval(float(second), 1.0, 4, 0.5, {"by id, old": one, "broken": nothing}))
    operations = tuple(
        OperationMeasure(
            name,
            "simple",
            sum(i.operations[name].count for i in intervals),
            {},
            Histogram.merged(i.operations[name].service for i in intervals),
            Histogram.merged(i.operations[name].response for i in intervals),
        )
        for name in ("by id, old", "broken")
    )
    health = GeneratorHealth(0.1, 5.0)
    started = "2026-01-02T03:04:05+00:00"
    return LoadMeasure(started, 3.0, 4, 2, 2, 1, 40.0, operations, tuple(intervals), health)


def test_a_runs_log_holds_each_intervals_counts(measure: LoadMeasure, tmp_path: Path):
    write_histograms(tmp_path, measure)
    reader = HistogramLogReader(str(tmp_path / HISTOGRAM_LOG_NAME), HdrHistogram(1, HIGHEST_US, 3))
    read: dict[tuple[str, float], HdrHistogram] = {}
    try:
        while (one := reader.get_next_interval_histogram()) is not None:
            read[one.get_tag(), one.get_start_time_stamp()] = one
    finally:
        reader.input_file.close()
    assert {tag for tag, _ in read} == {"by_id_old:response", "by_id_old:service"}
    assert len(read) == 6
    for interval in measure.intervals:
        at_ms = (1_767_323_045 + interval.start_s) * 1000
        one = interval.operations["by id, old"]
        for kind, expected in (("response", one.response), ("service", one.service)):
            found = read[f"by_id_old:{kind}", at_ms]
            assert counts_of(found) == dict(zip(expected.indices.tolist(), expected.counts.tolist(), strict=True))
            assert found.get_end_time_stamp() - found.get_start_time_stamp() == 1000


def test_a_run_has_the_distribution_of_each_operation(measure: LoadMeasure, tmp_path: Path):
    write_histograms(tmp_path, measure)
    folder = tmp_path / PERCENTILES_NAME
    assert sorted(path.name for path in folder.iterdir()) == [
        "broken.response.hgrm", "broken.service.hgrm", "by_id_old.response.hgrm", "by_id_old.service.hgrm",
    ]  # fmt: skip
    rows = (folder / "by_id_old.response.hgrm").read_text().splitlines()
    assert rows[2].split() == ["0.150", "0.000000000000", "1", "1.00"]
    assert rows[-4].split()[:3] == ["400.127", "1.000000000000", "9"]
