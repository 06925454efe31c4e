"""The scalability law and the test for a steady state, against answers that are known."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.measure.model import Interval, LoadMeasure, OperationInterval
from loadlab.validate.steady import Trend, trend_of, unsteady
from loadlab.validate.usl import POINTS_MIN, ScalabilityLaw, fit_scalability
from tests.unit.test_targets import Run, histogram, load_of


def test_exact_points_give_their_coefficients():
    law = ScalabilityLaw(100.0, 0.05, 0.001, 8, 1.0)
    places = [1, 2, 4, 8, 16, 24, 32, 48]
    fitted = fit_scalability(places, [law.throughput_at(n) for n in places])
    assert fitted is not None
    assert fitted.throughput_per_s == pytest.approx(100, rel=1e-6)
    assert fitted.contention == pytest.approx(0.05, rel=1e-5)
    assert fitted.coherence == pytest.approx(0.001, rel=1e-5)
    assert fitted.r_squared == pytest.approx(1)
    # √((1 - 0.05) / 0.001)
    assert fitted.peak_concurrency == pytest.approx(30.82, abs=0.01)


def test_the_spec_sdm91_benchmark_gives_the_published_coefficients():
    """A SPARCcenter 2000 (SPEC SDM91), as Gunther has it; the coefficients are those of the R package usl's README."""
    load = [1, 18, 36, 72, 108, 144, 216]
    fitted = fit_scalability(load, [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2])
    assert fitted is not None
    assert fitted.contention == pytest.approx(0.0277285, abs=5e-8)
    assert fitted.coherence == pytest.approx(0.0001044, abs=5e-8)
    assert fitted.throughput_per_s == pytest.approx(89.995233, abs=1e-4)
    peak = fitted.peak_concurrency
    assert peak == pytest.approx(96.52, abs=0.01)
    assert fitted.throughput_at(peak) > max(fitted.throughput_at(peak * 0.9), fitted.throughput_at(peak * 1.1))


def test_what_scales_without_loss_has_no_peak():
    fitted = fit_scalability([1, 2, 3, 4, 5, 6], [50, 100, 150, 200, 250, 300])
    assert fitted is not None
    assert fitted.throughput_per_s == pytest.approx(50)
    assert (fitted.contention, fitted.coherence) == pytest.approx((0, 0), abs=1e-9)
    assert fitted.throughput_at(600) == pytest.approx(30_000, rel=1e-3)


def test_contention_alone_is_amdahls_law():
    serial = 0.1
    places = [1, 2, 4, 8, 16, 32]
    fitted = fit_scalability(places, [n / (1 + serial * (n - 1)) for n in places])
    assert fitted is not None
    assert fitted.contention == pytest.approx(serial, rel=1e-6)
    assert fitted.coherence == pytest.approx(0, abs=1e-9)


def test_the_error_in_throughput_is_the_least():
    random = np.random.default_rng(5)
    law = ScalabilityLaw(100.0, 0.08, 0.002, 12, 1.0)
    places = np.arange(1.0, 25.0, 2)
    measured = np.array([law.throughput_at(n) for n in places]) * random.normal(1, 0.02, len(places))
    fitted = fit_scalability(places.tolist(), measured.tolist())
    assert fitted is not None

    def error(base: float, serial: float, cross: float) -> float:
        candidate = ScalabilityLaw(base, serial, cross, 0, 0.0)
        return float(sum((x - candidate.throughput_at(n)) ** 2 for n, x in zip(places, measured, strict=True)))

    best = error(fitted.throughput_per_s, fitted.contention, fitted.coherence)
    for factors in [(1.01, 1, 1), (0.99, 1, 1), (1, 1.05, 1), (1, 0.95, 1), (1, 1, 1.05), (1, 1, 0.95)]:
        near = (fitted.throughput_per_s, fitted.contention, fitted.coherence)
        assert error(*(value * factor for value, factor in zip(near, factors, strict=True))) > best


def test_too_few_points_are_not_fitted():
    assert fit_scalability([1, 2, 3, 4], [1, 2, 3, 4]) is None
    assert fit_scalability([2] * POINTS_MIN, [10, 11, 10, 9, 10]) is None


def test_trend_of_known_series():
    # Ten ascending values: S = 45, variance 125, z = 44 / √125.
    assert trend_of(range(1, 11)).p_value == pytest.approx(4.15e-5, rel=0.01)
    assert trend_of(range(1, 11)).change == pytest.approx(9 / 5.5)
    # Seven values with a tie, by hand: S = 18 - 2, variance (7·6·19 - 2·1·9) / 18, z = 15 / √43.33 = 2.279.
    assert trend_of([1, 2, 2, 4, 3, 5, 4.5]).p_value == pytest.approx(0.01134, abs=1e-5)
    assert trend_of([5, 5, 5, 5]) == Trend(1.0, 0.0)
    assert trend_of([1, 2]) == Trend(1.0, 0.0)
    assert trend_of(range(10, 0, -1)).p_value > 0.99


def changing(response_us: list[int], per_s: list[int]) -> LoadMeasure:
    load = load_of({"get": Run("simple", (1000,) * 10)}, seconds=len(per_s))
    intervals = []
    for second, (value, count) in enumerate(zip(response_us, per_s, strict=True)):
        times = histogram([value] * count)
        intervals.append(Interval(float(second), 1.0, 1, 0.5, {"get": OperationInterval(count, {}, times, times)}))
    return LoadMeasure(
        **{name: getattr(load, name) for name in LoadMeasure.__slots__} | {"intervals": tuple(intervals)}
    )


def test_a_response_time_that_grows_is_no_steady_state():
    words = unsteady(changing([20_000 * second for second in range(1, 16)], [400] * 15))
    assert words == "the response time still grew, by 175% of its median"


def test_a_throughput_that_falls_is_no_steady_state():
    words = unsteady(changing([1000] * 15, [400 - 5 * second for second in range(15)]))
    assert words is not None
    assert words.startswith("the throughput still fell")


def test_noise_and_a_slight_growth_are_steady():
    random = np.random.default_rng(3)
    found = [
        unsteady(changing(random.integers(800, 1200, 15).tolist(), random.poisson(400, 15).tolist()))
        for _ in range(200)
    ]
    assert found.count(None) >= 198
    assert unsteady(changing([1000 + 10 * second for second in range(15)], [400] * 15)) is None
    assert unsteady(changing([5000 - 300 * second for second in range(15)], [400] * 15)) is None
