"""The report of a capacity: its figures in the terminal and in one file of HTML, untrusted text escaped."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from loadlab.report.capacity import charts, wording
from loadlab.report.capacity.build import build_capacity
from loadlab.report.capacity.html import render_capacity
from loadlab.report.capacity.model import CapacityResult, SearchResult
from loadlab.report.capacity.terminal import print_capacity
from loadlab.report.kinds import CAPACITY, kind_of
from loadlab.spec.targets import Target
from loadlab.validate.conclusion import RateStep, conclude
from tests.samples import sample_result
from tests.unit.test_capacity import BROKE, HELD, NO_ERRORS, PLAN, step
from tests.unit.test_targets import simple


def result_of(*steps: RateStep, scenario: str = "shop", targets: tuple[Target, ...] = ()) -> CapacityResult:
    sample = sample_result()
    return build_capacity(
        scenario=scenario,
        description="",
        targets=targets or (simple(2000), NO_ERRORS),
        steps=steps,
        conclusion=conclude(steps, PLAN),
        search=SearchResult(
            first_per_s=50, highest_per_s=None, estimate_per_s=500, within=0.1, repeats=1, step_s=10, warmup_s=1
        ),
        seeding=sample.seeding,
        environment=sample.environment,
        notes=["<b>not bold</b>"],
    )


FOUND = result_of(*(step(rate, HELD) for rate in (100, 200, 400, 800, 1000)), step(1100, BROKE, pool=1.0))
NOTHING_HELD = result_of(step(50, BROKE), step(25, BROKE), targets=(NO_ERRORS,))


def printed(result: CapacityResult) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False, markup=False, emoji=False)
    print_capacity(result, console=console)
    return out.getvalue()


def test_the_terminal_says_the_capacity_first_then_why():
    text = printed(FOUND)
    for words in (
        "FOUND capacity 1,000/s (interval 1,000/s – 1,100/s).",
        "Broke first  Latency at 1,100/s:",
        "Saturated    connections at 1,100/s",
        "Scalability  λ = 100/s, σ (contention) = ",
        "achieved ≥ 95% of what is due",
    ):
        assert words in text, text
    assert max(map(len, text.splitlines())) <= 80
    assert len(re.findall(r"^ *[\d,]+/s .* held", text, re.MULTILINE)) == 5


def test_the_terminal_tells_what_was_not_found():
    text = printed(NOTHING_HELD)
    assert "INCONCLUSIVE: Not even 25/s held" in text
    assert "Not fitted: 2 rates had a steady state; a fit needs 5." in text


@pytest.mark.parametrize("result", [FOUND, NOTHING_HELD], ids=["found", "nothing held"])
def test_one_file_without_network_or_script(result):
    page = render_capacity(result)
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "&lt;b&gt;not bold&lt;/b&gt;" in page
    assert "<b>not bold</b>" not in page
    assert page.count("<svg") == (3 if result.law else 2)
    assert page.count('class="badge') == 1 + len(result.steps)


def test_names_are_escaped():
    page = render_capacity(result_of(step(50, HELD), step(54, BROKE), scenario="<img src=x onerror=alert(1)>"))
    assert "<img" not in page


def test_charts_draw_the_limit_the_capacity_and_the_peak():
    assert "capacity 1,000/s" in charts.rate_chart(FOUND)
    assert "limit Latency p95 &lt; 2 ms" in charts.latency_by_rate(FOUND)
    assert charts.latency_by_rate(FOUND).count('class="limit"') == 2
    assert "p99 of all operations" in charts.latency_by_rate(NOTHING_HELD)
    assert charts.law_chart(NOTHING_HELD) is None
    bent = FOUND.model_copy(update={"law": FOUND.law.model_copy(update={"kappa": 1.5, "peak_concurrency": 0.8})})
    assert "N* = 0.8" in charts.law_chart(bent)


def test_the_result_is_read_back_as_it_was_written(tmp_path: Path):
    files = CAPACITY.write(tmp_path / "new", FOUND)
    text = files.result.read_text(encoding="utf-8")
    assert CapacityResult.model_validate_json(text) == FOUND
    assert json.loads(text)["interval"] == [1000, 1100]
    page = files.report.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    files.report.unlink()
    for place in (tmp_path / "new", files.result):
        kind, folder = kind_of(place)
        assert (kind, kind.read(folder)) == (CAPACITY, FOUND)
    assert CAPACITY.write_page(folder, FOUND).report.read_text(encoding="utf-8") == page
    assert kind_of(tmp_path) is None


@pytest.mark.parametrize(
    "interval, words",
    [((None, None), "–"), ((None, 50.0), "< 50/s"), ((50.0, None), "≥ 50/s"), ((50.0, 54.5), "50/s – 54.5/s")],
)
def test_an_interval_without_an_end(interval, words):
    assert wording.interval_text(FOUND.model_copy(update={"interval": interval})) == words
