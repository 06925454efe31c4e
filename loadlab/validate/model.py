"""The verdict on one target, and on a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from loadlab.spec.targets import Target


class Verdict(StrEnum):
    """Never a bare boolean."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Examination:
    """One examined object of a target (an operation, a table): its own value, interval and verdict.

    `window_s`: it is undecided for nothing but a window that is too short, and about so long a one would decide it.
    """

    name: str
    measured: float | None
    interval: tuple[float, float] | None
    samples: int
    verdict: Verdict
    reason: str
    window_s: float | None = None


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """What is said about one target.

    `measured` and `interval` are in the target's unit; `samples` counts what the value was made of and `examined`
    names the objects that were looked at. `reason` is a full sentence for people; `window_s` as in `Examination`.
    """

    target: Target
    verdict: Verdict
    measured: float | None
    interval: tuple[float, float] | None
    samples: int
    examined: tuple[str, ...]
    reason: str
    details: tuple[Examination, ...] = field(default=())
    window_s: float | None = None


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """FAIL if any fails, else INCONCLUSIVE if any is or nothing was judged, else PASS. SKIPPED does not count."""
    judged = {verdict for verdict in verdicts if verdict is not Verdict.SKIPPED}
    if Verdict.FAIL in judged:
        return Verdict.FAIL
    if Verdict.INCONCLUSIVE in judged or not judged:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS
