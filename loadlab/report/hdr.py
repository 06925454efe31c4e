"""Histograms in the file formats of HdrHistogram, which many tools read and plot.

`latency.hlog` is a histogram log (version 1.3, histograms in encoding V2): one line for each interval, operation and
kind of time. `.hgrm` is a percentile distribution as text, in milliseconds. Both formats have no specification apart
from HdrHistogram's own source (Gil Tene, github.com/HdrHistogram/HdrHistogram): `AbstractHistogram`
(`encodeIntoCompressedByteBuffer`, `outputPercentileDistribution`), `ZigZagEncoding`, `PercentileIterator` and
`HistogramLogWriter`. LoadLab counts where HdrHistogram counts, so nothing is rounded on the way.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import re
import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from loadlab.measure.histogram import (
    HIGHEST_US,
    SIGNIFICANT_DIGITS,
    SUB_BUCKETS,
    Histogram,
    Int64s,
    highest_equivalent_us,
    lowest_equivalent_us,
)
from loadlab.measure.model import LoadMeasure

# The word size stands in the cookie's second digit from the right: 1 is the variable one.
_COOKIE = 0x1C849303 | 0x10
_COMPRESSED_COOKIE = 0x1C849304 | 0x10
_US_PER_MS = 1000.0
_TICKS_PER_HALF_DISTANCE = 5


def encoded(histogram: Histogram) -> str:
    """A histogram in encoding V2, compressed, as Base64 text."""
    body = bytearray()
    position = 0
    for index, count in zip(histogram.indices.tolist(), histogram.counts.tolist(), strict=True):
        gap = index - position
        # A run of zeros is written as its negative length; a single one as itself.
        if gap:
            body += _zigzag(-gap if gap > 1 else 0)
        body += _zigzag(count)
        position = index + 1
    header = struct.pack(">iiiiqqd", _COOKIE, len(body), 0, SIGNIFICANT_DIGITS, 1, HIGHEST_US, 1.0)
    compressed = zlib.compress(header + bytes(body))
    return base64.b64encode(struct.pack(">ii", _COMPRESSED_COOKIE, len(compressed)) + compressed).decode()


def _zigzag(value: int) -> bytes:
    """A 64-bit number as ZigZag LEB128-64b9B: seven bits a byte, the ninth byte, if it comes to that, all eight."""
    rest = (value << 1) ^ (value >> 63)
    result = bytearray()
    while rest > 0x7F and len(result) < 8:
        result.append(rest & 0x7F | 0x80)
        rest >>= 7
    result.append(rest)
    return bytes(result)


def histogram_log(measure: LoadMeasure) -> Iterator[str]:
    """The lines of `latency.hlog`. Times are seconds from the window's start, largest values milliseconds.

    A tag is `operation:response` or `operation:service`; a time without any success has no line.
    """
    yield "#[LoadLab: response and service times of successes, in microseconds]\n"
    yield "#[Histogram log format version 1.3]\n"
    if measure.started_at:
        start_s = dt.datetime.fromisoformat(measure.started_at).timestamp()
        yield f"#[StartTime: {start_s:.3f} (seconds since epoch), {measure.started_at}]\n"
        yield f"#[BaseTime: {start_s:.3f} (seconds since epoch)]\n"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    names = plain_names(operation.name for operation in measure.operations)
    for interval in measure.intervals:
        for name, one in interval.operations.items():
            for kind, histogram in (("response", one.response), ("service", one.service)):
                if histogram.count:
                    times = f"{interval.start_s:.3f},{interval.duration_s:.3f},{histogram.max_us / _US_PER_MS:.3f}"
                    yield f"Tag={names[name]}:{kind},{times},{encoded(histogram)}\n"


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """By name, one that may stand in a tag and in a file's name; different names stay different, whatever the case."""
    result: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".") or "_"
        free, number = plain, 2
        while free.lower() in taken:
            free, number = f"{plain}-{number}", number + 1
        taken.add(free.lower())
        result[name] = free
    return result


def percentile_distribution(histogram: Histogram) -> str:
    """The text of a `.hgrm` file, values in milliseconds."""
    lines = [f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n\n"]
    for value_us, percentile, count in _percentiles(histogram):
        line = f"{value_us / _US_PER_MS:12.3f} {percentile / 100:.12f} {count:10d}"
        lines.append(f"{line}\n" if percentile == 100 else f"{line} {1 / (1 - percentile / 100):14.2f}\n")
    mean_us, deviation_us, max_us = _moments(histogram)
    lines += [
        f"#[Mean    = {mean_us / _US_PER_MS:12.3f}, StdDeviation   = {deviation_us / _US_PER_MS:12.3f}]\n",
        f"#[Max     = {max_us / _US_PER_MS:12.3f}, Total count    = {histogram.count:12d}]\n",
        f"#[Buckets = {_buckets():12d}, SubBuckets     = {SUB_BUCKETS:12d}]\n",
    ]
    return "".join(lines)


def _percentiles(histogram: Histogram) -> Iterator[tuple[int, float, int]]:
    """(value in µs, percentile, how many values it covers): five steps for each halving of what lies above."""
    total, covered, level = histogram.count, 0, 0.0
    for index, count in zip(histogram.indices.tolist(), histogram.counts.tolist(), strict=True):
        covered += count
        value_us = highest_equivalent_us(index)
        while level < 100 and 100.0 * covered / total >= level:
            yield value_us, level, covered
            halvings = int(math.log(100 / (100 - level)) / math.log(2)) + 1
            level += 100 / (_TICKS_PER_HALF_DISTANCE * 2**halvings)
            if covered == total:
                yield value_us, 100.0, covered
                return


def _moments(histogram: Histogram) -> tuple[float, float, float]:
    """Mean, standard deviation and maximum (µs) as HdrHistogram tells them: of the middles of the counts' ranges."""
    if not histogram.count:
        return 0.0, 0.0, 0.0
    middles = _middles_us(histogram.indices)
    mean_us = float((middles * histogram.counts).sum() / histogram.count)
    variance = float(((middles - mean_us) ** 2 * histogram.counts).sum() / histogram.count)
    return mean_us, math.sqrt(variance), float(highest_equivalent_us(int(histogram.indices[-1])))


def _middles_us(indices: Int64s) -> Int64s:
    low = np.array([lowest_equivalent_us(index) for index in indices.tolist()], dtype=np.int64)
    high = np.array([highest_equivalent_us(index) for index in indices.tolist()], dtype=np.int64)
    return low + (high - low + 1) // 2


def _buckets() -> int:
    return math.ceil(math.log2((HIGHEST_US + 1) / SUB_BUCKETS)) + 1
