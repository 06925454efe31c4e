"""Where a series of values changes: the split of E-divisive.

Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data", JASA 109 (505),
2014, section 2: of all splits, the one that maximises the sample divergence of the two sides, which is their energy
distance (exponent 1) times mn / (m + n). MongoDB's and Apache Otava's detection of performance changes rests on it
(Daly et al., "The Use of Change Point Detection to Identify Software Performance Regressions in a Continuous
Integration System", ICPE 2020; Fleming et al., "Hunter: Using Change Point Detection to Hunt for Performance
Regressions", ICPE 2023). Own code, because the packages that have it bring a compiler, SciPy or the clients of clouds.
"""

from __future__ import annotations

import numpy as np

from loadlab.validate.statistics import Floats


def divergences(values: Floats, sizes: Floats) -> Floats:
    """The sample divergence q of every split of `values`, shape (n,), that leaves `sizes`, shape (k,), at the end.

    Each side holds two values at least. Units are those of the values.
    """
    count = len(values)
    distances = np.abs(values[:, None] - values[None, :])
    # total[i] is the sum over all pairs within values[:i]; the sums between the sides follow from three of these.
    total = np.concatenate([[0.0], np.cumsum(np.cumsum(distances, axis=0).diagonal() * 2)])
    after = sizes.astype(np.int64)
    before = count - after
    within_before = total[before]
    within_after = np.array([distances[start:, start:].sum() for start in before])
    between = (total[count] - within_before - within_after) / 2
    energy = (
        2 * between / (before * after) - within_before / (before * (before - 1)) - within_after / (after * (after - 1))
    )
    return np.asarray(energy * before * after / count, dtype=np.float64)
