"""Quantities as people write them: durations, sizes, shares, rates and limits.

Everything inside LoadLab is a number whose name ends in its unit (`_s`, `_us`, `_bytes`); text such as
`"< 10ms"` or `"10GB/month"` is parsed here and formatted here, and nowhere else.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

Comparison = Literal["<", "<=", ">", ">="]

_SECONDS = {
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "days": 86400.0,
    "w": 7 * 86400.0,
    "week": 7 * 86400.0,
    "weeks": 7 * 86400.0,
    # A month and a year are the Gregorian calendar's mean ones (365.2425 days a year).
    "month": 365.2425 / 12 * 86400.0,
    "months": 365.2425 / 12 * 86400.0,
    "year": 365.2425 * 86400.0,
    "years": 365.2425 * 86400.0,
}
# Storage vendors' decimal prefixes and IEC 80000-13 binary ones.
_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "pb": 10**15} | {
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "pib": 2**50,
}
_QUANTITY = re.compile(r"^\s*([0-9][0-9_,]*(?:\.[0-9]+)?|\.[0-9]+)\s*([A-Za-zµμ%]*)\s*$")
_LIMIT = re.compile(r"^\s*(<=|>=|<|>|≤|≥)?\s*(.+?)\s*$")


def _split(text: str, example: str) -> tuple[float, str]:
    match = _QUANTITY.match(text)
    if match is None:
        is_negative = _QUANTITY.match(text.strip().removeprefix("-")) is not None
        raise ValueError("must not be negative" if is_negative else f"must be a number with a unit, such as {example}")
    return float(match[1].replace(",", "").replace("_", "")), match[2].lower()


def parse_duration_s(text: str | float) -> float:
    """Seconds of `"250ms"`, `"20s"`, `"1.5h"`, `"3 months"`; a bare number is seconds. Raises ValueError."""
    if isinstance(text, (int, float)):
        value, unit = float(text), "s"
    else:
        value, unit = _split(text, "20s")
        if text.strip().rstrip("0123456789._ ").strip() == "":
            unit = "s"
    if unit not in _SECONDS:
        raise ValueError(f"has unit {unit!r}; a duration needs one of us, ms, s, min, h, d, w, months, years")
    return value * _SECONDS[unit]


def parse_rate_per_s(text: str | float) -> float:
    """Operations per second of `"2000/s"`, `"90 000/min"` or a bare number. Raises ValueError."""
    if isinstance(text, (int, float)):
        return float(text)
    number, slash, period = text.replace(" ", "").partition("/")
    value, unit = _split(number, "2000/s")
    if unit or (slash and period not in _SECONDS):
        raise ValueError("must be a rate: a number of operations per second, or text such as 2000/s or 90000/min")
    return value / _SECONDS[period if slash else "s"]


def parse_size_bytes(text: str | float) -> int:
    """Bytes of `"100GB"` (decimal prefixes) or `"64MiB"` (binary prefixes). Raises ValueError."""
    if isinstance(text, (int, float)):
        return int(text)
    value, unit = _split(text, "100GB")
    if unit not in _BYTES:
        raise ValueError(f"has unit {unit!r}; a size needs one of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB")
    return round(value * _BYTES[unit])


def parse_share(text: str | float) -> float:
    """The share (0..1) of `"95%"` or `0.95`. Raises ValueError outside 0..1 (0 %..100 %)."""
    if isinstance(text, (int, float)):
        value = float(text)
    else:
        value, unit = _split(text, "95%")
        if unit not in ("", "%"):
            raise ValueError(f"has unit {unit!r}; a share is a percentage such as 95% or a number from 0 to 1")
        value = value / 100 if unit == "%" else value
    if not 0 <= value <= 1:
        raise ValueError("must lie between 0% and 100%, such as 5%")
    return value


@dataclass(frozen=True, slots=True)
class GrowthRate:
    """An increase of stored data, e.g. `"10GB/month"`."""

    size_bytes: int
    per_s: float

    @classmethod
    def parse(cls, text: str) -> GrowthRate:
        """Raises ValueError unless it reads SIZE/DURATION."""
        size, slash, period = text.partition("/")
        if not slash:
            raise ValueError('must read SIZE/PERIOD, e.g. "10GB/month"')
        period = period.strip()
        return cls(parse_size_bytes(size), parse_duration_s(period if period[:1].isdigit() else f"1{period}"))


def split_limit(text: str, default: Comparison) -> tuple[Comparison, str]:
    """`"< 10ms"` → `("<", "10ms")`; without a comparison, `default`."""
    match = _LIMIT.match(text)
    if match is None:
        raise ValueError('must be a limit such as "< 10ms"')
    sign = (match[1] or default).replace("≤", "<=").replace("≥", ">=")
    return sign, match[2]  # type: ignore[return-value]


def format_duration(seconds: float) -> str:
    """Three significant digits in the unit a reader expects: `340 µs`, `12.4 ms`, `2.10 s`, `3 min 5 s`."""
    if seconds >= 120:
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 120:
            return f"{minutes} min {rest} s"
        return f"{minutes // 60} h {minutes % 60} min"
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{_three_digits(seconds / factor)} {unit}"
    return f"{_three_digits(seconds * 1e6)} µs"


def format_size(size_bytes: float) -> str:
    """Binary prefixes: `1.5 GiB`."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{_three_digits(value)} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def format_count(count: float) -> str:
    """Thousands separated: `1,234,567`."""
    return f"{count:,.0f}"


def format_rate(per_s: float) -> str:
    """Per second: `1,234/s`, `12.5/s`."""
    return f"{format_count(per_s) if per_s >= 1000 else _three_digits(per_s)}/s"


def format_share(share: float) -> str:
    """Percent, with the digits that its distance from 0 % and 100 % needs: `95%`, `12.5%`, `99.97%`."""
    percent = round(share * 100, 9)
    distance = min(abs(percent), abs(100 - percent))
    if percent == int(percent):
        return f"{percent:.0f}%"
    decimals = 1 if distance >= 1 else min(8, 1 - math.floor(math.log10(distance)))
    text = f"{percent:.{decimals}f}"
    return f"{text.rstrip('0') if distance < 1 else text}%"


def _three_digits(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
