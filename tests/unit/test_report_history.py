"""A history in words, in the terminal, in JSON and as a page; names are untrusted text."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from loadlab.report.history.build import Wanted, build_history
from loadlab.report.history.html import render_history
from loadlab.report.history.model import HistoryResult
from loadlab.report.history.terminal import print_history
from loadlab.report.history.wording import sparkline
from loadlab.report.html import render_html
from loadlab.report.model import ChangeResult, NightResult
from loadlab.report.terminal import print_result
from loadlab.validate.model import Verdict
from loadlab.validate.nights.model import Direction
from tests.nights import Story, night, nights_of, operation, other, statement, values
from tests.samples import sample_result

HOSTILE = "<script>x</script>\x1b[31m"
STORY = Story(step=0.15, at=40)
NIGHTS = nights_of(values(STORY, 4), missing=range(20, 27))


def shown(result: HistoryResult, *, is_filtered: bool = False, width: int = 120) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False, markup=False, emoji=False)
    print_history(result, is_filtered=is_filtered, console=console)
    return out.getvalue()


def test_a_history_tells_series_gaps_and_steps():
    result = build_history("nights.db", NIGHTS)
    (series,) = result.series
    assert [gap.missing for gap in series.gaps] == [7]
    (line,) = [line for line in series.lines if line.metric == "p95"]
    assert [(step.first, step.reported, step.direction) for step in line.steps] == [(40, 41, "worse")]
    assert len(line.points) == 60
    text = shown(result)
    assert "60 nights from 2026-01-01 to 2026-03-08; 7 missing after 2026-01-20" in text
    assert "orders_of_user, response time p95: worse since 2026-02-17: +1" in text
    assert "reported 2026-02-18" in text
    assert any(set("▁▂▃▄▅▆▇█") & set(row) for row in text.splitlines())


def test_a_long_name_is_broken_between_its_words_at_80_columns():
    long = "newest_documents_of_a_customer"
    lines = shown(build_history("nights.db", [night(n, {long: operation()}) for n in range(40)]), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("newest_documents_ ") for line in lines)
    assert any(line.startswith("of_a_customer ") for line in lines)


def test_a_night_without_figures_has_no_empty_table():
    text = shown(build_history("nights.db", [replace(night(0, {}), problem="it was interrupted")]), width=80)
    assert "is none to compare with: it was interrupted" in text
    assert "Figure" not in text
    assert "Last night " in shown(build_history("nights.db", [night(0)]), width=80)


def test_each_machine_is_a_series_of_its_own():
    result = build_history("nights.db", [*NIGHTS[:9], *(other(one, machine="b") for one in NIGHTS[9:12])])
    assert [len(series.nights) for series in result.series] == [3, 9]


def test_evidence_is_told_when_it_came():
    worse = {"orders_of_user": operation(statements={"": statement(full_scans=("orders",))})}
    result = build_history("nights.db", [night(0), night(1), night(2, worse), night(3, worse)])
    (change,) = result.series[0].changes
    assert (change.metric, change.since[:10]) == ("plan", "2026-01-03")
    assert "No index helps it with orders any more" in shown(result)


@pytest.mark.parametrize(
    "wanted, lines",
    [
        (Wanted(), {("orders_of_user", "p95"), ("orders_of_user", "blocks_per_call"), ("orders", "bytes_per_row"),
                    ("orders_of_user", "rows_examined_per_row")}),
        (Wanted(operation="orders"), {("orders", "bytes_per_row")}),
        (Wanted(metric="p95"), {("orders_of_user", "p95")}),
        (Wanted(operation="orders_of_user", metric="p50"), set()),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_shown(wanted, lines):
    (series,) = build_history("nights.db", NIGHTS, wanted=wanted).series
    assert {(line.subject, line.metric) for line in series.lines} == lines
    assert build_history("nights.db", NIGHTS, wanted=Wanted(label="nobody")).series == []


def test_the_page_draws_every_figure_and_reads_no_name_as_markup():
    hostile = [night(day, {HOSTILE: operation(2_000.0 + day)}, label=HOSTILE, problem="") for day in range(4)]
    broken = night(4, {HOSTILE: operation()}, label=HOSTILE, problem=HOSTILE)
    result = build_history(HOSTILE, [*NIGHTS, *hostile, broken], damage=HOSTILE)
    page = render_history(result)
    assert page.count("<figure") == page.count("<svg") == sum(len(series.lines) for series in result.series)
    assert "<script" not in page
    assert 'class="step fail"' in page
    assert 'class="gap"' in page
    assert "\x1b" not in shown(result)
    assert HistoryResult.model_validate_json(result.model_dump_json()) == result


def test_an_empty_history_says_so():
    assert "holds no night" in shown(build_history("nights.db", []))
    assert "It holds no night." in render_history(build_history("nights.db", []))


def test_a_spark_is_flat_where_nothing_happens():
    assert set(sparkline([100.0, 101.0, 99.5, 100.2])) <= set("▄▅")
    assert sparkline([1.0, None, 2.0]) == "▁ █"
    assert sparkline([None]) == ""


def test_a_run_shows_what_changed_since_earlier_nights():
    change = ChangeResult(
        subject=HOSTILE, metric="blocks_per_call", direction=Direction.WORSE, before=4.0, after=400.0, gates=True,
        reason="400 blocks; usual: 4 blocks.", since="2026-03-14T02:00:00+00:00",
    )  # fmt: skip
    beside = NightResult(
        verdict=Verdict.FAIL, reason="1 regression beside 30 nights.", baseline="main", nights=30, nights_missing=2,
        changes=[change], notes=[HOSTILE],
    )  # fmt: skip
    result = sample_result().model_copy(update={"night": beside, "incomplete": "Only a part was executed."})
    page = render_html(result)
    assert '<section id="nights">' in page
    assert "400 blocks; usual: 4 blocks." in page
    assert "<script" not in page
    assert "Only a part was executed." in page
    out = io.StringIO()
    print_result(result, None, Console(file=out, width=100, highlight=False, markup=False, emoji=False))
    text = " ".join(out.getvalue().split())
    assert "Nights: FAIL beside main. 1 regression beside 30 nights." in text
    assert "2 nights that were due before this one are missing." in text
    assert "Only a part was executed." in text
    assert "\x1b" not in text
    assert '<section id="nights">' not in render_html(sample_result())
