"""What the texts of the command line mean. Every function raises InputError that names the option."""

from __future__ import annotations

import datetime as dt
import math
from typing import Literal

from loadlab.errors import InputError
from loadlab.units import parse_duration_s, parse_rate_per_s, parse_share

# Of less than one row in a thousand million nothing is left.
_SCALE_MIN = 1e-9


def duration_s(option: str, text: str | None) -> float | None:
    """`20s` → 20.0; None stays None."""
    if text is None:
        return None
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise InputError(option, str(error), value=text) from None


def rate_per_s(option: str, text: str | None) -> float | None:
    """`2000/s` → 2000.0; None stays None."""
    try:
        return None if text is None else parse_rate_per_s(text)
    except ValueError as error:
        raise InputError(option, str(error), value=text) from None


def share(option: str, text: str) -> float:
    """`5%` → 0.05."""
    try:
        return parse_share(text)
    except ValueError as error:
        raise InputError(option, str(error), value=text) from None


def parse_scale(option: str, text: str) -> float:
    """`0.5` → 0.5, `full` → 1.0. A share (`1%`) is refused rather than taken for a hundredth of it."""
    try:
        value = 1.0 if text.strip().lower() == "full" else float(text)
    except ValueError:
        raise InputError(option, "must be a scale such as 0.001, or full", value=text) from None
    if not math.isfinite(value):
        raise InputError(option, "must be a finite number", value=text)
    if value < _SCALE_MIN:
        raise InputError(option, "must be above 0", value=text)
    return value


def parse_scales(text: str | None) -> tuple[float, ...] | None:
    """`0.001,0.002` → (0.001, 0.002); None stays None."""
    return None if text is None else tuple(parse_scale("--scales", part) for part in text.split(","))


def parse_rows(texts: list[str]) -> tuple[int | None, dict[str, int]]:
    """`["500", "orders=10000"]` → (500, {"orders": 10000})."""
    everywhere: int | None = None
    by_table: dict[str, int] = {}
    for text in texts:
        table, equals, number = text.rpartition("=")
        try:
            count = int(number.replace("_", "").replace(",", ""))
        except ValueError:
            raise InputError("--rows", "must be N or TABLE=N, N a whole number", value=text) from None
        if count < 0:
            raise InputError("--rows", "must not be negative", value=text)
        if equals:
            by_table[table] = count
        else:
            everywhere = count
    return everywhere, by_table


def parse_until(text: str | None) -> dt.date | Literal["today"] | None:
    """`today`, or a date; None stays None."""
    if text is None or text == "today":
        return text  # type: ignore[return-value]
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError("--until", "must be today or a date such as 2026-03-31", value=text) from None


def parse_speed(text: str) -> float | None:
    """`2`, `0.5`; `max` and 0 are None, as fast as possible."""
    if text == "max":
        return None
    try:
        return float(text) or None
    except ValueError:
        raise InputError("--speed", "must be a factor such as 2 or 0.5, or max", value=text) from None
