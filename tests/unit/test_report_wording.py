"""Figures and names as people read them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.report.model import NightResult
from loadlab.report.wording import (
    blamed_details,
    interval_text,
    limit_text,
    missing_text,
    moment,
    percentile_label,
    printable,
    quantity,
    scale_text,
    tally,
    target_label,
)
from loadlab.units import format_rate, format_share
from loadlab.validate.model import Verdict
from loadlab.validate.wording import counted
from tests.samples import sample_result


@pytest.mark.parametrize(
    "value, unit, expected",
    [
        (None, "us", "–"),
        (877.0, "us", "877 µs"),
        (12_400.0, "us", "12.4 ms"),
        (2_000_000.0, "us", "2 s"),
        (0.95, "ratio", "95%"),
        (50_000, "per_s", "50,000/s"),
        (40.13, "per_s", "40.1/s"),
        (1_234_567, "users", "1,234,567"),
        (1_610_612_736, "bytes", "1.50 GiB"),
    ],
)
def test_quantity(value, unit, expected):
    assert quantity(value, unit) == expected


@pytest.mark.parametrize(
    "interval, unit, expected",
    [
        (None, "us", "–"),
        ((None, None), "us", "–"),
        ((8_120.0, 9_400.0), "us", "8.12–9.40 ms"),
        ((812.0, 1_200.0), "us", "812 µs – 1.20 ms"),
        ((8_120.0, None), "us", "≥ 8.12 ms"),
        ((None, 9_400.0), "us", "≤ 9.40 ms"),
        ((0.174, 0.191), "ratio", "17.4–19.1%"),
        ((40, 42), "users", "40–42"),
        ((5_000.0, 5_000.0), "us", "5 ms"),
        ((185e6, 245e6), "us", "3 min 5 s – 4 min 5 s"),
        ((214.1, 226.8), "per_s", "214–227/s"),
    ],
)
def test_interval(interval, unit, expected):
    assert interval_text(interval, unit) == expected


@pytest.mark.parametrize(
    "share, expected",
    [
        (0, "0%"),
        (1, "100%"),
        (0.95, "95%"),
        (0.125, "12.5%"),
        (0.0005, "0.05%"),
        (0.000012, "0.0012%"),
        (0.9997, "99.97%"),
        (0.99996, "99.996%"),
        (1.5, "150%"),
    ],
)
def test_share(share, expected):
    assert format_share(share) == expected


@given(st.floats(0, 1))
def test_a_share_never_rounds_to_none_or_all(share):
    if 1e-9 < share < 1 - 1e-9:
        assert format_share(share) not in ("0%", "100%")


@given(st.floats(0, 1))
def test_a_share_reads_back_within_half_a_percent_of_its_distance(share):
    shown = float(format_share(share).removesuffix("%")) / 100
    distance = min(share, 1 - share)
    assert abs(shown - share) <= max(0.06 * distance, 1e-9)


@pytest.mark.parametrize("rate, expected", [(0, "0/s"), (0.42, "0.42/s"), (12.54, "12.5/s"), (1234.4, "1,234/s")])
def test_rate(rate, expected):
    assert format_rate(rate) == expected


def test_targets_are_named_with_their_percentile_and_limit():
    first, *_, last = sample_result().targets
    assert (target_label(first), limit_text(first)) == ("Simple queries, p95", "< 10 ms")
    assert (target_label(last), limit_text(last)) == ("Index storage overhead", "< 20%")
    assert percentile_label(99.9) == "p99.9"


def test_what_failed_is_blamed_before_what_is_not_decided():
    target = sample_result().targets[0]
    detail = target.details[0]
    given = [
        detail.model_copy(update={"name": str(number), "verdict": Verdict(word)})
        for number, word in enumerate(("INCONCLUSIVE", "PASS", "FAIL", "FAIL"))
    ]
    blamed = blamed_details(target.model_copy(update={"details": given}))
    assert [item.name for item in blamed] == ["2", "3", "0"]


def test_the_tally_counts_each_verdict_once():
    result = sample_result()
    assert tally(result) == "5 passed, 4 failed, 3 inconclusive, 1 skipped"
    assert sum(map(int, re.findall(r"\d+", tally(result)))) == len(result.targets)
    assert tally(result.model_copy(update={"targets": []})) == "no target was judged"


def test_the_scale_is_named():
    result = sample_result()
    assert "0.0005 (0.05% of the full volume)" in scale_text(result.seeding.scale)
    assert "full volume (scale 1)" in scale_text(1.0)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2026-03-14T09:26:53+00:00", "2026-03-14 09:26:53 UTC"),
        ("2026-03-14T09:26:53", "2026-03-14 09:26:53"),
        ("yesterday", "yesterday"),
    ],
)
def test_moment(text, expected):
    assert moment(text) == expected


@given(st.text())
def test_what_is_printable_cannot_steer_a_terminal(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown


def test_an_escape_sequence_is_shown_not_obeyed():
    assert printable("a\x1b[31mb\nc") == "a\\x1b[31mb c"


@pytest.mark.parametrize(
    "count, noun, verb, text",
    [
        (1, "answer", "are", "1 answer is"),
        (2_000, "answer", "are", "2,000 answers are"),
        (1, "query", "take", "1 query takes"),
        (0, "query", "take", "0 queries take"),
        (1, "connection", "were", "1 connection was"),
        (1, "table", "", "1 table"),
        (2, "foreign key", "do", "2 foreign keys do"),
    ],
)
def test_a_verb_agrees_with_its_number(count, noun, verb, text):
    assert counted(count, noun, verb) == text


@pytest.mark.parametrize(
    "missing, text",
    [
        (0, ""),
        (1, "1 night that was due before this one is missing."),
        (2, "2 nights that were due before this one are missing."),
    ],
)
def test_nights_that_did_not_come_are_counted(missing, text):
    night = NightResult(verdict=Verdict.PASS, reason="", baseline="main", nights=9, nights_missing=missing)
    assert missing_text(night) == text
