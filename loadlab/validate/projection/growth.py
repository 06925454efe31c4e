"""When the data will have grown how far: the brief's growth rate, or else the scenario's own history going on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from loadlab.units import GrowthRate, format_size
from loadlab.validate.projection.storage import StorageAt, StorageLaws

YEAR_S = 365.2425 * 86_400
"""The Gregorian calendar's mean year."""
HORIZONS_S = (0.0, YEAR_S, 3 * YEAR_S)
_HALVINGS = 60
_FACTOR_MAX = 1e6


@dataclass(frozen=True, slots=True)
class Growth:
    """`factor(t_s)` is the rows of growing tables so long from now by those now; `source` says where that is from."""

    source: Literal["brief", "history"]
    words: str
    factor: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Horizon:
    """The storage so many seconds from now, growing tables having `factor` times their rows."""

    after_s: float
    factor: float
    storage: StorageAt


def history_growth(span_s: float, power: int, scale: float) -> Growth:
    """Rows so far go with time to a power, and full volume is reached after `span_s`; `scale` is where it stands now.

    It is the curve along which `loadlab grow` appends.
    """
    age_s = span_s * scale ** (1 / power)
    shape = {1: "as many rows each day", 2: "rows grow with time squared", 4: "rows grow with the fourth power of time"}
    words = f"the scenario's history goes on ({shape.get(power, f'rows grow with time to the power of {power}')})"
    return Growth("history", words, lambda after_s: float(((age_s + after_s) / age_s) ** power))


def stated_growth(rate: GrowthRate, laws: StorageLaws, rows: Mapping[str, float], fixed: frozenset[str]) -> Growth:
    """So many bytes a month: all growing tables have grown by the same factor when they are those bytes larger."""
    now = laws.at(rows).size().value

    def factor(after_s: float) -> float:
        wanted = now + rate.size_bytes * after_s / rate.per_s
        low, high = 1.0, _FACTOR_MAX
        if after_s <= 0 or laws.at(grown(rows, high, fixed)).size().value < wanted:
            return low
        for _ in range(_HALVINGS):
            middle = (low * high) ** 0.5
            low, high = (middle, high) if laws.at(grown(rows, middle, fixed)).size().value < wanted else (low, middle)
        return high

    words = f"the brief's growth of {format_size(rate.size_bytes * 86_400 * 30.436875 / rate.per_s)} a month"
    return Growth("brief", words, factor)


def grown(rows: Mapping[str, float], factor: float, fixed: frozenset[str]) -> dict[str, float]:
    """Rows by table when all but the fixed ones have grown."""
    return {table: count if table in fixed else count * factor for table, count in rows.items()}


def along(growth: Growth, laws: StorageLaws, rows: Mapping[str, float], fixed: frozenset[str]) -> tuple[Horizon, ...]:
    """The storage at each of `HORIZONS_S`."""
    factors = [growth.factor(after_s) for after_s in HORIZONS_S]
    return tuple(
        Horizon(after_s, factor, laws.at(grown(rows, factor, fixed)))
        for after_s, factor in zip(HORIZONS_S, factors, strict=True)
    )
