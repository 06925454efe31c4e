"""Nights that are missing: longer pauses between runs than a series has as a rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

RUNS_MIN = 5
"""Runs that are needed to know the rhythm of a series."""
_SHORTEST_S = 12 * 3600.0
# Pauses that come this often belong to the rhythm: of workdays one in five is a weekend.
_USUAL_SHARE = 0.05
_LONGER = 1.5
_AS_LONG = 0.9


@dataclass(frozen=True, slots=True)
class Gap:
    """No run between two others where `missing` were due."""

    after: dt.datetime
    before: dt.datetime
    missing: int


def find_gaps(times: Sequence[dt.datetime]) -> list[Gap]:
    """The gaps between runs, oldest first; none where runs come at no rhythm of half a day or more."""
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    if len(times) < RUNS_MIN or median(pauses) < _SHORTEST_S:
        return []
    usual_s = median(pauses)
    return [
        Gap(earlier, later, round(pause / usual_s) - 1)
        for (earlier, later), pause in zip(pairwise(times), pauses, strict=True)
        if pause > _LONGER * usual_s and _is_rare(pause, pauses)
    ]


def _is_rare(pause: float, pauses: Sequence[float]) -> bool:
    others = sum(other >= _AS_LONG * pause for other in pauses) - 1
    return others < _USUAL_SHARE * (len(pauses) - 1)
