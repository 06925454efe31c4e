"""Latency limits as a test states them: `p95 < 500ms`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.errors import InputError
from loadlab.spec.targets import DEFAULT_PERCENTILE
from loadlab.units import Comparison, format_duration, parse_duration_s, split_limit

# An error is shown at the line of the test that asked (pytest --full-trace shows all).
__tracebackhide__ = True

_PERCENTILE = re.compile(r"^\s*(?:p(?P<percentile>\d+(?:\.\d+)?)(?=\s|<|≤)\s*)?(?P<limit>.+)$", re.IGNORECASE)
PLACE = "loadlab_latency()"


@dataclass(frozen=True, slots=True)
class LatencyLimit:
    """A percentile (0..100) and what it has to stay below, in seconds."""

    percentile: float
    sign: Comparison
    limit_s: float

    @property
    def share(self) -> float:
        return self.percentile / 100

    def holds(self, value_s: float) -> bool:
        """Whether a value is within the limit."""
        return value_s < self.limit_s or (self.sign == "<=" and value_s == self.limit_s)

    def __str__(self) -> str:
        return f"p{self.percentile:g} {self.sign} {format_duration(self.limit_s)}"


def parse_limits(texts: str | Sequence[str]) -> tuple[LatencyLimit, ...]:
    """`"p95 < 500ms"`, `"< 500ms"` (the p95), `"p50 < 10ms, p99 < 50ms"` or a list of such. Raises InputError."""
    parts = [part for text in ([texts] if isinstance(texts, str) else texts) for part in text.split(",")]
    if not parts:
        raise InputError(PLACE, 'needs a limit such as "p95 < 500ms"')
    return tuple(_limit(part) for part in parts)


def _limit(text: str) -> LatencyLimit:
    match = _PERCENTILE.match(text)
    try:
        if match is None:
            raise ValueError("must be a limit")
        sign, quantity = split_limit(match["limit"], "<")
        limit_s = parse_duration_s(quantity)
    except ValueError as error:
        raise InputError(f"{PLACE} limit", f'{error}; a limit reads "p95 < 500ms"', value=text.strip()) from None
    percentile = float(match["percentile"] or DEFAULT_PERCENTILE)
    if sign not in ("<", "<="):
        raise InputError(f"{PLACE} limit", "must be an upper limit: < or <=", value=text.strip())
    if not 0 < percentile < 100:
        raise InputError(f"{PLACE} limit", "must name a percentile between 0 and 100", value=text.strip())
    if limit_s <= 0:
        raise InputError(f"{PLACE} limit", "must be above 0", value=text.strip())
    return LatencyLimit(percentile, sign, limit_s)
