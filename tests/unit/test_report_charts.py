"""The charts: scales and ticks are right, drawings are well-formed and bounded."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.report import charts, timeline
from loadlab.report.distribution import percentile_chart, waited
from loadlab.report.events import event_chart, event_rows, in_words
from loadlab.report.model import SeriesPoint, TargetResult
from loadlab.report.model_evidence import EventResult
from loadlab.report.svg import Scale, element, linear_ticks, log_scale, log_ticks, nice_step, path
from loadlab.report.thinning import thin
from tests.samples import empty_result, sample_result


def parsed(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)


def with_class(root: ElementTree.Element, *names: str) -> list[ElementTree.Element]:
    return [item for item in root.iter() if set(names) <= set(item.get("class", "").split())]


def target(name: str) -> TargetResult:
    return next(target for target in sample_result().targets if target.name == name)


def position(bar: ElementTree.Element, class_: str, attribute: str) -> float:
    return float(with_class(bar, class_)[0].get(attribute))


# --- scales


def test_a_linear_scale_maps_its_ends_and_its_middle():
    scale = Scale(0, 10, 100, 200)
    assert (scale(0), scale(5), scale(10)) == (100, 150, 200)
    assert (scale(-5), scale(99)) == (100, 200), "what lies outside stays at the edge"


def test_a_logarithmic_scale_gives_each_decade_the_same_room():
    scale = Scale(1, 1000, 0, 300, logarithmic=True)
    assert scale(10) == pytest.approx(100)
    assert scale(100) == pytest.approx(200)
    assert scale(0) == 0


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=20))
def test_log_scales_hold_their_values_and_have_ticks(values):
    scale = log_scale(values, 0, 100)
    assert scale.low < min(values) <= max(values) < scale.high
    ticks = log_ticks(scale)
    assert 1 <= len(ticks) <= 7
    assert all(scale.low <= tick <= scale.high for tick in ticks)


@given(st.floats(1e-6, 1e12))
def test_linear_ticks_reach_the_highest_value_in_round_steps(high):
    ticks = linear_ticks(high)
    assert ticks[0] == 0
    assert ticks[-1] >= high * (1 - 1e-6)
    assert 2 <= len(ticks) <= 6
    step = ticks[1]
    assert step / 10 ** math.floor(math.log10(step) + 1e-9) == pytest.approx(
        round(step / 10 ** math.floor(math.log10(step) + 1e-9))
    )


@pytest.mark.parametrize("raw, step", [(0.7, 1), (1, 1), (1.1, 2), (2.1, 5), (6, 10), (230, 500)])
def test_nice_step(raw, step):
    assert nice_step(raw) == step


def test_a_path_breaks_at_gaps_and_shows_lone_points():
    assert path([(0, 1), (2, 3)]) == "M0.0 1.0L2.0 3.0"
    assert path([(0, 1), None, (2, 3), (4, 5)]) == "M0.0 1.0h0.01M2.0 3.0L4.0 5.0"
    assert path([]) == ""


def test_text_and_attributes_are_escaped():
    made = element("text", "<b>&", data_name='"><script>')
    assert "<b>" not in made
    assert "<script>" not in made
    assert parsed(made).text == "<b>&"


# --- verdict bars


@pytest.mark.parametrize("name", [t.name for t in sample_result().targets])
def test_the_dot_is_on_the_side_of_the_limit_that_the_figures_say(name):
    shown = target(name)
    bar = parsed(charts.verdict_bar(shown))
    dot, limit = position(bar, "dot", "cx"), float(bar.find(".//line").get("x1"))
    assert (dot > limit) == (shown.measured > shown.limit)
    assert with_class(bar, "dot", shown.verdict.value.lower())
    beyond = with_class(bar, "beyond")[0]
    inside = float(beyond.get("x")) - 0.1 <= dot <= float(beyond.get("x")) + float(beyond.get("width")) + 0.1
    wanted = shown.sign.startswith("<")
    assert inside == (shown.measured > shown.limit if wanted else shown.measured < shown.limit)


def test_the_bar_covers_the_interval():
    bar = parsed(charts.verdict_bar(target("complex_queries")))
    spread = with_class(bar, "spread")[0]
    left = float(spread.get("x"))
    assert left <= position(bar, "dot", "cx") <= left + float(spread.get("width"))
    assert "interval 62.7–98.4 ms" in bar.get("aria-label")


def test_an_open_interval_reaches_the_edge():
    shown = target("complex_queries").model_copy(update={"interval": (60_000.0, None)})
    spread = with_class(parsed(charts.verdict_bar(shown)), "spread")[0]
    assert float(spread.get("x")) + float(spread.get("width")) == pytest.approx(214, abs=0.2)


def test_examined_objects_of_a_target_share_a_scale():
    shown = target("complex_queries")
    limits = {parsed(charts.verdict_bar(shown, detail)).find(".//line").get("x1") for detail in shown.details}
    assert len(limits) == 1


# --- percentiles


def test_one_line_an_operation_with_the_limit():
    operations = [o for o in sample_result().operations if o.kind == "complex"]
    chart = parsed(percentile_chart(operations, [target("complex_queries")], title="x"))
    assert len(with_class(chart, "op")) == len(operations)
    titles = {item.text for line in with_class(chart, "line") for item in line}
    assert {o.name for o in operations} <= titles
    assert any(item.text == "limit < 50 ms" for item in with_class(chart, "limit"))
    assert any(item.text == "p95" for item in with_class(chart, "strong"))


def test_no_percentile_is_drawn_that_the_samples_cannot_carry():
    few = [o for o in sample_result().operations if o.name == "daily_revenue"]
    assert few[0].count < 20
    hovers = " ".join(item.text or "" for item in parsed(percentile_chart(few, [], title="x")).iter())
    assert "daily_revenue p90" in hovers
    assert "daily_revenue max" in hovers
    assert "p99" not in hovers
    assert "daily_revenue p95" not in hovers


def test_a_percentile_is_drawn_as_soon_as_the_samples_carry_it():
    enough = next(o for o in sample_result().operations if o.count >= 1_000)
    hovers = " ".join(item.text or "" for item in parsed(percentile_chart([enough], [], title="x")).iter())
    assert f"{enough.name} p99.9:" in hovers
    assert "p99.99" not in hovers


def test_the_percentile_that_a_limit_is_judged_at_has_one_label():
    limit = target("simple_queries").model_copy(update={"percentile": 99.0})
    chart = parsed(percentile_chart(sample_result().operations, [limit], title="x"))
    labels = [item.text for item in with_class(chart, "tick", "middle")]
    assert labels == ["p50", "p90", "p99.9", "p99", "min"]
    assert [item.text for item in with_class(chart, "strong")] == ["p99"]


def test_more_lines_than_colours_are_told_apart():
    classes = [charts.line_class(k) for k in range(16)]
    assert len(set(classes)) == 16


def test_a_chart_without_samples_is_still_a_drawing():
    parsed(percentile_chart(empty_result().operations, [], title="nothing"))
    parsed(timeline.rate_chart([], None))
    parsed(timeline.latency_chart(empty_result().series))


# --- over time


def long_series(points: int) -> list[SeriesPoint]:
    return [
        SeriesPoint(
            t_s=float(k),
            rate_per_s=100.0,
            errors_per_s=1.0 if k == 777 else 0.0,
            p50_us=200.0 + k % 7,
            p99_us=90_000.0 if k == 1_234 else 900.0,
            p95_us={"simple": None if k % 2 else 500.0},
        )
        for k in range(points)
    ]


def test_an_hour_is_drawn_with_few_points_and_every_peak():
    thinned, size = thin(long_series(3_600))
    assert size == 15
    assert len(thinned) == 240
    assert max(point.p99_us for point in thinned) == 90_000.0
    assert max(point.errors_per_s for point in thinned) == 1.0
    assert {point.p95_us["simple"] for point in thinned} == {500.0}


def test_a_short_series_is_drawn_as_it_is():
    series = long_series(200)
    slots, size = thin(series)
    assert size == 1
    assert [(s.t_s, s.rate_low_per_s, s.rate_high_per_s, s.p50_us) for s in slots] == [
        (point.t_s, point.rate_per_s, point.rate_per_s, point.p50_us) for point in series
    ]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=900), st.integers(1, 300))
def test_thinning_loses_no_extreme(rates, most):
    series = [SeriesPoint(t_s=float(k), rate_per_s=r, errors_per_s=r, p50_us=r, p99_us=r) for k, r in enumerate(rates)]
    slots, size = thin(series, most)
    assert len(slots) <= most
    assert size * (len(slots) - 1) < len(series) <= size * len(slots)
    assert min(slot.rate_low_per_s for slot in slots) == min(rates)
    assert max(slot.rate_high_per_s for slot in slots) == max(rates)
    assert max(slot.p99_us for slot in slots) == max(slot.errors_per_s for slot in slots) == max(rates)
    assert all(slot.rate_low_per_s <= slot.rate_per_s * (1 + 1e-9) for slot in slots)


def test_a_thinned_rate_is_drawn_within_its_band():
    series = [point.model_copy(update={"rate_per_s": 100.0 + k % 9}) for k, point in enumerate(long_series(3_600))]
    chart = parsed(timeline.rate_chart(series, None))
    assert len(with_class(chart, "band")) == 1
    assert chart.find("desc").text == "from 100/s to 108/s in one interval"
    assert not with_class(parsed(timeline.rate_chart(series[:100], None)), "band")


# --- what waits, and what the server did by itself


def test_service_time_is_drawn_where_operations_waited():
    operations = [o for o in sample_result().operations if o.kind == "simple"]
    slow = operations[0].model_copy(
        update={"response_us": operations[0].response_us.model_copy(update={"p95": 5 * operations[0].service_us.p95})}
    )
    quick = [o.model_copy(update={"response_us": o.service_us}) for o in operations[1:]]
    assert waited([slow, *quick]) == [slow]
    chart = parsed(percentile_chart([slow, *quick], [], title="x"))
    (line,) = with_class(chart, "line", "service")
    assert line.find("title").text == f"{slow.name}, service time"
    assert not with_class(parsed(percentile_chart(quick, [], title="x")), "service")


EVENTS = [
    EventResult(kind="checkpoint", subject="timed", began_s=4.0, ended_s=9.5),
    EventResult(kind="autovacuum", subject="orders", began_s=None, ended_s=12.0),
    EventResult(kind="autovacuum", subject="users", began_s=17.0, ended_s=None),
    EventResult(kind="checkpoint", subject="requested", began_s=-3.0, ended_s=1.0),
]


@pytest.mark.parametrize("chart", [timeline.latency_chart, lambda s, e: timeline.rate_chart(s, None, e)])
def test_events_are_marked_at_their_time(chart):
    drawn = parsed(chart(sample_result().series, EVENTS))
    ticks = {t.text: float(t.get("x")) for t in with_class(drawn, "tick", "middle")}
    left, right = ticks["0 s"], ticks["18 s"]
    per_s = (right - left) / 18
    lines = [float(line.get("x1")) - left for line in with_class(drawn, "event") if line.tag == "line"]
    assert lines == pytest.approx([4 * per_s, 12 * per_s, 17 * per_s, 0.0], abs=0.2)
    shades = [float(r.get("width")) for r in with_class(drawn, "event") if r.tag == "rect"]
    assert shades == pytest.approx([5.5 * per_s, 0.0, 2 * per_s, per_s], abs=0.2), "the window ends at 19 s"


@pytest.mark.parametrize("chart", [timeline.latency_chart, lambda s, e, x: timeline.rate_chart(s, None, e, x)])
def test_a_window_that_went_on_is_marked_from_where_it_did(chart):
    drawn = parsed(chart(sample_result().series, EVENTS, 9.0))
    ticks = {t.text: float(t.get("x")) for t in with_class(drawn, "tick", "middle")}
    marks = [float(line.get("x1")) for line in with_class(drawn, "extended")]
    assert marks == pytest.approx([(ticks["0 s"] + ticks["18 s"]) / 2], abs=0.2)
    assert not with_class(parsed(chart(sample_result().series, EVENTS, None)), "extended")


def test_events_are_told_in_words():
    assert [in_words(event) for event in EVENTS] == [
        "timed checkpoint at 4 s, took 5.50 s",
        "autovacuum of orders at 12 s",
        "autovacuum of users at 17 s, went on after the window",
        "requested checkpoint before the window, took 4 s",
    ]
    assert [(row.at, row.what, row.subject, row.is_name) for row in event_rows(EVENTS)][:2] == [
        ("before the window", "checkpoint", "requested", False),
        ("4 s", "checkpoint", "timed", False),
    ]


def test_each_kind_of_event_has_a_lane():
    chart = parsed(event_chart(sample_result().series, EVENTS))
    assert [t.text for t in with_class(chart, "tick", "end")] == ["checkpoint", "autovacuum"]
    assert [len(with_class(chart, kind)) for kind in ("checkpoint", "autovacuum", "autoanalyze")] == [2, 2, 0]


def test_drawings_of_an_hour_stay_small():
    series = long_series(3_600)
    for drawing in (timeline.rate_chart(series, 110.0), timeline.latency_chart(series)):
        assert len(drawing) < 80_000
        parsed(drawing)


def test_errors_are_marked_where_they_happened():
    chart = parsed(timeline.rate_chart(sample_result().series, 266.0))
    marks = with_class(chart, "error")
    assert len(marks) == 1
    assert "3/s errors at 10 s" in marks[0].find("title").text
    assert any(item.text == "asked 266/s" for item in with_class(chart, "note"))


def test_an_asked_rate_far_above_does_not_flatten_the_chart():
    chart = parsed(timeline.rate_chart(sample_result().series, 50_000.0))
    assert not with_class(chart, "asked")
    assert "300/s" in {item.text for item in with_class(chart, "tick")}


@pytest.mark.parametrize(
    "seconds, last", [(20, "18 s"), (100, "90 s"), (600, "9 min"), (3_600, "55 min"), (36_000, "9:00 h")]
)
def test_the_time_axis_reads_naturally(seconds, last):
    series = [
        SeriesPoint(t_s=float(k), rate_per_s=1, errors_per_s=0, p50_us=1, p99_us=2)
        for k in range(0, seconds, max(1, seconds // 60))
    ]
    chart = parsed(timeline.latency_chart(series))
    words = [item.text for item in with_class(chart, "tick", "middle")]
    assert words[0] == "0 s"
    assert words[-1] == last
    assert len(words) <= 13
    assert len(set(words)) == len(words)


def test_storage_bars_are_shares_of_the_largest():
    bar = charts.share_bar({"table-fill": 30, "index-fill": 20}, 100)
    assert re.findall(r'width="([\d.]+)"', bar) == ["30", "20"]
    assert re.findall(r' x="([\d.]+)"', bar) == ["0", "30"]
    assert "nan" not in charts.share_bar({"table-fill": 0}, 0)
