"""Whether a window that is too short to decide is prolonged, once, and what the second look costs.

Who looks twice errs more often: with intervals of 95 % at each look, one of the two misses in up to 8.3 % of the runs
(P. Armitage, C. K. McPherson and B. C. Rowe, "Repeated Significance Tests on Accumulating Data", JRSS A 132, 1969). So
where a second look is possible both are at the confidence with which the two together are at 95 %: S. J. Pocock, "Group
Sequential Methods in the Design and Analysis of Clinical Trials", Biometrika 64, 1977, table 1 (two looks, the second
at twice the data). What is told as a 95 % interval is then a repeated confidence interval (C. Jennison and B. W.
Turnbull, "Interim Analyses: The Repeated Confidence Interval Approach", JRSS B 51, 1989): it holds at both looks.

The window is always doubled. A length that followed from what was seen would need other constants.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadlab.measure.window import Prolongation
from loadlab.spec.targets import Target
from loadlab.units import format_duration
from loadlab.validate.model import TargetVerdict, Verdict
from loadlab.validate.statistics import CONFIDENCE
from loadlab.validate.wording import names

LOOK_CONFIDENCE = 1 - 0.0294
"""Of each of two looks, for `CONFIDENCE` of both."""
FACTOR = 2.0
"""A prolonged window by the asked one."""
# What is needed is an estimate: it may well be less.
_REACH = 1.5 * FACTOR


def confidence_of_looks(*, may_extend: bool) -> float:
    """The confidence of each interval of a run."""
    return LOOK_CONFIDENCE if may_extend else CONFIDENCE


def of_the_load(targets: Sequence[Target]) -> list[Target]:
    """The targets whose verdict may depend on the window's length; the rest is looked at when it is over."""
    kinds = {"latency", "error_rate", "read_rate", "write_rate", "concurrent_users", "connection_utilisation"}
    return [target for target in targets if target.kind in kinds]


def prolongation_of(verdicts: Sequence[TargetVerdict], window_s: float) -> Prolongation | None:
    """The prolongation after a first look; None where it would decide nothing more.

    It would where nothing fails, which alone is a verdict on the run, and a window in reach decides what is undecided.
    What no window decides, a rate that was never asked of the database, does not stand in the way of the others.
    """
    if any(item.verdict is Verdict.FAIL for item in verdicts):
        return None
    undecided = [item for item in verdicts if item.verdict is Verdict.INCONCLUSIVE]
    open_ = [item for item in undecided if item.window_s is not None and item.window_s <= _REACH * window_s]
    if not open_:
        return None
    what = names([item.target.name for item in open_])
    verb = "was" if len(open_) == 1 else "were"
    return Prolongation(window_s, (FACTOR - 1) * window_s, f"{what} {verb} undecided after {format_duration(window_s)}")
