"""How the bytes of a table or an index grow with its rows.

Rows, TOAST values and B-tree entries are bytes that add up: size = a + b · rows, with a the pages that are there
without a row (of every partition). Rows that are there at the smaller volume are there at the larger one too, so that
what is not known of a size is a sum over its rows, and its variance grows with them: the weights are 1 / rows.

Other access methods share what equal keys need: an inverted index holds each word once, a BRIN summary covers many
pages. There a power law, size = c · rowsᵖ, is tried as well, and whichever of the two has the smaller residuals is
taken; the interval then covers both. The same is done where the points of a table or a B-tree lie off a line by more
than pages explain (Heaps' law for the words of a text: Manning, Raghavan and Schütze, "Introduction to Information
Retrieval", 2008, section 5.1.1).

A size is whole pages, and a table's file runs ahead of its rows while it is loaded: an error between nothing and such a
step, uniformly, whose standard deviation is the step over √12 for each partition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from loadlab.validate.projection.regression import Fit, Projected, fit
from loadlab.validate.statistics import Floats

POINTS_MIN = 3
"""Two coefficients through two points leave no residual to tell anything by."""
Form = Literal["constant", "linear", "power"]
# Residuals of a table or a B-tree up to so many steps, or up to such a share of the size, are no sign of another law.
_STEPS_EXPLAINED = 2.0
_SHARE_EXPLAINED = 0.01
_UNIFORM = math.sqrt(12)


@dataclass(frozen=True, slots=True)
class SizeLaw:
    """`size = base_bytes + bytes_per_row · rows`, or `size = bytes_per_row · rows ** exponent`.

    `residual_share` is the largest residual by the size at its point. `alternative` is the law that fits as well, or
    would for all that is known.
    """

    form: Form
    base_bytes: float
    bytes_per_row: float
    exponent: float
    residual_share: float
    steps: Floats
    rows: Floats
    sizes: Floats
    fitted: Fit
    alternative: SizeLaw | None = None

    @property
    def is_within_a_page(self) -> bool:
        """Whether the rows grew and the size hardly did: such points say next to nothing of a larger volume."""
        return self.form != "constant" and float(self.sizes[-1] - self.sizes[0]) <= float(self.steps[-1])

    def project(self, rows: float) -> Projected:
        """Bytes of so many rows."""
        found = self._alone(rows)
        if self.alternative is None:
            return found
        low, high = self.alternative._alone(rows).interval()
        return replace(found, model_low=low, model_high=high)

    def _alone(self, rows: float) -> Projected:
        known = self.steps / _UNIFORM
        if self.form == "power":
            logarithm = self.fitted.project((1.0, math.log(max(rows, 1.0))), known / self.sizes)
            value = math.exp(logarithm.value)
            # To first order an error of the logarithm is a share of the value.
            return replace(
                logarithm,
                value=value,
                residual_error=value * logarithm.residual_error,
                known_error=value * logarithm.known_error,
            )
        if self.form == "constant":
            return self.fitted.project((1.0,), known)
        found = self.fitted.project((1.0, rows), known)
        # Something is never less than nothing; a base below zero is what rounding makes of it.
        return replace(found, value=max(found.value, 0.0))


def fit_size(rows: Sequence[float], sizes: Sequence[float], steps: Sequence[float], *, adds_up: bool) -> SizeLaw:
    """The law of at least `POINTS_MIN` points, rows ascending.

    `steps` is what each size may be too large by, in bytes; `adds_up`: it is a table, TOAST or a B-tree.
    """
    n, y = np.array(rows, dtype=np.float64), np.array(sizes, dtype=np.float64)
    step_bytes = np.array(steps, dtype=np.float64)
    if len(np.unique(n)) < 2:
        return _constant(n, y, step_bytes)
    line = _linear(n, y, step_bytes)
    if not adds_up or not _is_explained(line):
        power = _power(n, y, step_bytes)
        if power is not None:
            both = sorted((line, power), key=lambda law: law.residual_share)
            return replace(both[0], alternative=both[1])
    return line


def _constant(n: Floats, y: Floats, step_bytes: Floats) -> SizeLaw:
    found = fit(np.ones((len(n), 1)), y, np.ones(len(n)))
    base = float(found.coefficients[0])
    return SizeLaw("constant", base, 0.0, 0.0, _share(y, np.full(len(y), base)), step_bytes, n, y, found)


def _linear(n: Floats, y: Floats, step_bytes: Floats) -> SizeLaw:
    found = fit(np.stack([np.ones_like(n), n], axis=1), y, 1 / np.maximum(n, 1.0))
    base, slope = map(float, found.coefficients)
    return SizeLaw("linear", base, slope, 1.0, _share(y, base + slope * n), step_bytes, n, y, found)


def _power(n: Floats, y: Floats, step_bytes: Floats) -> SizeLaw | None:
    """Over logarithms, where the weight of a point is its rows: its relative variance falls with them."""
    if (n <= 0).any() or (y <= 0).any():
        return None
    found = fit(np.stack([np.ones_like(n), np.log(n)], axis=1), np.log(y), n)
    level, exponent = map(float, found.coefficients)
    modelled = np.exp(level) * n**exponent
    return SizeLaw("power", 0.0, math.exp(level), exponent, _share(y, modelled), step_bytes, n, y, found)


def _share(y: Floats, modelled: Floats) -> float:
    present = y > 0
    return float(np.max(np.abs(y - modelled)[present] / y[present])) if present.any() else 0.0


def _is_explained(law: SizeLaw) -> bool:
    residuals = np.abs(law.sizes - law.base_bytes - law.bytes_per_row * law.rows)
    return bool((residuals <= np.maximum(_STEPS_EXPLAINED * law.steps, _SHARE_EXPLAINED * law.sizes)).all())
