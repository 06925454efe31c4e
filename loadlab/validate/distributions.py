"""The three distributions that the intervals rest on: beta, binomial, Student's t.

All three follow from the regularised incomplete beta function, so that a run needs no numerical library for them
(loading one takes longer than judging). Pure Python; checked against published tables and a library in the tests.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300
_PRECISION = 1e-14
_STEPS_MAX = 1_000_000


@lru_cache(maxsize=4096)
def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a and b > 0.

    Continued fraction (NIST Digital Library of Mathematical Functions, 8.17.22) evaluated by Lentz's method; it
    needs O(sqrt(max(a, b))) steps.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_fraction(1 - x, b, a)
    return _beta_fraction(x, a, b)


def _beta_fraction(x: float, a: float, b: float) -> float:
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if log_front < -745:  # exp underflows: the value is 0 to double precision
        return 0.0
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS_MAX):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_zero(1 + numerator * d)
            c = _away_from_zero(1 + numerator / c)
            value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return math.exp(log_front) * value / a


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


@lru_cache(maxsize=1024)
def beta_quantile(level: float, a: float, b: float) -> float:
    """The x at which I_x(a, b) reaches `level`, by bisection to 12 digits."""
    low, high = 0.0, 1.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < level:
            low = middle
        else:
            high = middle
        if high < _TINY:
            return 0.0
    return (low + high) / 2


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for X of n trials with success probability p."""
    if k < 0 or k >= n:
        return float(k >= n)
    return 1 - beta_cdf(p, k + 1, n - k)


def binomial_quantile(level: float, n: int, p: float) -> int:
    """The smallest k with P(X <= k) >= level."""
    # Around the normal's quantile, which is near: each step costs a continued fraction.
    near = n * p + NormalDist().inv_cdf(level) * math.sqrt(n * p * (1 - p))
    low = high = min(max(round(near), 0), n)
    step = 1
    while low >= 0 and binomial_cdf(low, n, p) >= level:
        low, high, step = max(low - step, -1), low, 2 * step
    step = 1
    while high < n and binomial_cdf(high, n, p) < level:
        low, high, step = high, min(high + step, n), 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cdf(middle, n, p) >= level:
            high = middle
        else:
            low = middle
    return high


def t_quantile(level: float, degrees: float) -> float:
    """Quantile of Student's t, level in (0.5, 1).

    From P(|T| > t) = I_x(degrees/2, 1/2) at x = degrees / (degrees + t²) (DLMF 8.17, Abramowitz and Stegun 26.7).
    """
    x = beta_quantile(2 * (1 - level), degrees / 2, 0.5)
    return math.sqrt(degrees * (1 - x) / x)
