"""Quantities as people write them."""

import pytest

from loadlab.units import (
    GrowthRate,
    format_duration,
    format_size,
    parse_duration_s,
    parse_share,
    parse_size_bytes,
    split_limit,
)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("10ms", 0.01),
        ("< 1", None),
        ("2s", 2),
        ("1.5h", 5400),
        ("250 µs", 250e-6),
        ("3", 3),
        (0.5, 0.5),
        ("5 min", 300),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(ValueError, match="number with a unit"):
            parse_duration_s(text)
    else:
        assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text, message",
    [(text, r"must be|has unit") for text in ("10 parsecs", "10GB", "", "ms", "1e3s")]
    + [("-3s", "must not be negative")],
)
def test_bad_durations(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_duration_s(text)


def test_sizes_keep_decimal_and_binary_prefixes_apart() -> None:
    assert parse_size_bytes("100GB") == 100 * 10**9
    assert parse_size_bytes("64MiB") == 64 * 2**20
    assert parse_size_bytes("1.5 TB") == 1_500_000_000_000
    with pytest.raises(ValueError, match="has unit 'ms'"):
        parse_size_bytes("3ms")


def test_growth() -> None:
    rate = GrowthRate.parse("10GB/month")
    assert rate.size_bytes == 10**10
    assert rate.per_s == pytest.approx(30.436875 * 86400)
    with pytest.raises(ValueError, match="SIZE/PERIOD"):
        GrowthRate.parse("10GB")


def test_shares_and_limits() -> None:
    assert parse_share("95%") == 0.95
    assert parse_share(0.2) == 0.2
    with pytest.raises(ValueError, match="between 0% and 100%"):
        parse_share("120%")
    assert split_limit("< 10ms", "<") == ("<", "10ms")
    assert split_limit("≥ 95 %", "<") == (">=", "95 %")
    assert split_limit("2s", "<") == ("<", "2s")


@pytest.mark.parametrize(
    "seconds, text",
    [(0.00034, "340 µs"), (0.0124, "12.4 ms"), (2.1, "2.10 s"), (185, "3 min 5 s"), (7200, "2 h 0 min"), (0, "0 µs")],
)
def test_formatted_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_formatted_sizes() -> None:
    assert format_size(512) == "512 B"
    assert format_size(1536) == "1.50 KiB"
    assert format_size(3 * 2**40) == "3 TiB"
