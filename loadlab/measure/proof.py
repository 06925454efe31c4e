"""What an index was measured to do: paired windows with and without it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadlab.engines.plan_tree import NewIndex


@dataclass(frozen=True, slots=True)
class PairedRatio:
    """Median over pairs of a figure with the index by the same without it; below 1 it got faster.

    `interval` holds the true median with at least `confidence`; `before_us` and `after_us` are medians over windows of
    the operation's median service time.
    """

    operation: str
    ratio: float
    interval: tuple[float, float]
    confidence: float
    before_us: float
    after_us: float
    executions: int

    @property
    def is_faster(self) -> bool:
        return self.interval[1] < 1.0


@dataclass(frozen=True, slots=True)
class IndexProof:
    """An index that was built, measured and dropped again. `reads` are the operations that it is for."""

    index: NewIndex
    pairs: int
    reads: tuple[PairedRatio, ...]
    writes: tuple[PairedRatio, ...]
    index_bytes: int
    table_bytes: int
    build_s: float


def paired_ratio(
    operation: str, without_us: Sequence[float], with_us: Sequence[float], executions: int
) -> PairedRatio | None:
    """Of figures by pair, shape (pairs,) each; None without a pair, or with a figure of 0.

    The interval is the sign test's over all pairs: the true median lies between the smallest and the largest of n
    ratios with probability 1 - 2 ** (1 - n) (Conover, "Practical Nonparametric Statistics", 3rd ed. 1999, section 3.4).
    Drifts of the machine hit both halves of a pair alike.
    """
    if not without_us or len(without_us) != len(with_us) or min(*without_us, *with_us) <= 0:
        return None
    ratios = [after / before for before, after in zip(without_us, with_us, strict=True)]
    return PairedRatio(
        operation,
        median(ratios),
        (min(ratios), max(ratios)),
        1 - 2.0 ** (1 - len(ratios)),
        median(without_us),
        median(with_us),
        executions,
    )
