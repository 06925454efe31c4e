"""How sizes grow: laws of known truth, what decides between them, and how sure a projection is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loadlab.validate.projection.regression import Projected, fit, total
from loadlab.validate.projection.size_law import fit_size
from loadlab.validate.projection.storage import ratio

PAGE = 8192
ROWS = (10_000, 20_000, 40_000)


def pages(size_bytes: float) -> float:
    return math.ceil(size_bytes / PAGE) * PAGE


def steps(count: int = 3) -> list[float]:
    return [PAGE] * count


def test_bytes_that_add_up_lie_on_a_line():
    law = fit_size(ROWS, [pages(24_000 + 155 * n) for n in ROWS], steps(), adds_up=True)
    assert law.form == "linear"
    assert law.bytes_per_row == pytest.approx(155, rel=0.005)
    projected = law.project(400_000)
    low, high = projected.interval()
    assert low < 24_000 + 155 * 400_000 < high
    assert projected.value == pytest.approx(24_000 + 155 * 400_000, rel=0.005)


def test_a_table_that_does_not_grow_stays_as_it_is():
    law = fit_size((2_000, 2_000, 2_000), [15 * PAGE] * 3, steps(), adds_up=True)
    assert law.form == "constant"
    assert law.project(2_000).value == pytest.approx(15 * PAGE)


def test_what_equal_keys_share_grows_with_a_power():
    sizes = [pages(900 * n**0.8) for n in ROWS]
    law = fit_size(ROWS, sizes, steps(), adds_up=False)
    assert law.form == "power"
    assert law.exponent == pytest.approx(0.8, abs=0.01)
    low, high = law.project(400_000).interval()
    assert low < 900 * 400_000**0.8 < high
    # A line through the same points fits nearly as well: the interval holds what it says too.
    assert law.alternative is not None
    assert low < law.alternative.project(400_000).value <= high


def test_a_table_far_off_a_line_is_no_line():
    law = fit_size(ROWS, [pages(30 * n**1.3) for n in ROWS], steps(), adds_up=True)
    assert law.form == "power"


def test_what_stays_within_a_page_is_known_to_say_little():
    rows = (25, 50, 100)
    assert fit_size(rows, [2 * PAGE] * 3, steps(), adds_up=True).is_within_a_page
    assert not fit_size(ROWS, [n * 100.0 for n in ROWS], steps(), adds_up=True).is_within_a_page
    low, high = fit_size(rows, [2 * PAGE] * 3, steps(), adds_up=True).project(50_000).interval()
    # Forty bytes a row would not have shown.
    assert low <= 40 * 50_000 <= high


def test_residuals_within_pages_are_no_sign_of_a_power():
    law = fit_size(ROWS, [100 * PAGE, 199 * PAGE, 400 * PAGE], steps(), adds_up=True)
    assert law.form == "linear"


def test_an_exact_fit_is_still_no_surer_than_its_pages():
    projected = fit_size(ROWS, [n * 100.0 for n in ROWS], steps(), adds_up=True).project(400_000)
    assert projected.residual_error == 0
    assert projected.half_width() > 10 * PAGE


def test_more_points_narrow_the_interval():
    rows = (10_000, 15_000, 20_000, 30_000, 40_000)
    noise = (10_000, -10_000, -10_000, 10_000, 10_000)
    five = fit_size(rows, [155 * n + e for n, e in zip(rows, noise, strict=True)], steps(5), adds_up=True)
    three = fit_size(
        rows[::2], [155 * n + e for n, e in zip(rows[::2], noise[::2], strict=True)], steps(), adds_up=True
    )
    assert five.project(400_000).degrees == 3
    assert three.project(400_000).degrees == 1
    assert five.project(400_000).half_width() < three.project(400_000).half_width()


def test_the_textbook_line():
    """Without weights: slope, intercept and their errors as numpy's polyfit has them."""
    x, y = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([2.1, 3.9, 6.2, 7.8, 10.1])
    found = fit(np.stack([np.ones_like(x), x], axis=1), y, np.ones(5))
    slope, intercept = np.polyfit(x, y, 1)
    covariance = np.polyfit(x, y, 1, cov=True)[1]
    assert found.coefficients == pytest.approx([intercept, slope])
    assert found.project((0.0, 1.0), np.zeros(5)).residual_error == pytest.approx(math.sqrt(covariance[0, 0]))


def test_a_sum_pools_errors_and_degrees():
    """Welch and Satterthwaite: two equal errors on one degree of freedom each are worth two."""
    pooled = total([Projected(100, 3, 1), Projected(50, 3, 1)])
    assert pooled.value == 150
    assert pooled.residual_error == pytest.approx(3 * math.sqrt(2))
    assert pooled.degrees == pytest.approx(2)
    assert total([]).value == 0


def test_a_ratio_carries_both_errors():
    value, low, high = ratio(Projected(50, known_error=1), Projected(100, known_error=2))
    assert value == 0.5
    assert high - value == pytest.approx(0.5 * 1.959964 * math.hypot(0.02, 0.02), rel=1e-4)
    assert low == pytest.approx(2 * value - high)
    assert ratio(Projected(1), Projected(0)) is None
