"""The result on a terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from loadlab.report.files import RunFiles
from loadlab.report.model import Result
from loadlab.report.terminal import console_for, print_result
from tests.samples import SHAPES, empty_result, result_of, sample_measure, sample_result

FILES = RunFiles.of(Path("runs/a"))


def shown(result: Result, monkeypatch, *, columns: int = 80, files: RunFiles | None = FILES) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = io.StringIO()
    print_result(result, files, console_for(out))
    return out.getvalue()


def unwrapped(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def coloured(result: Result, environment: dict[str, str]) -> str:
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, width=80, color_system="standard", _environ=environment, highlight=False
    )
    print_result(result, None, console)
    return out.getvalue()


@pytest.mark.parametrize("columns", [40, 60, 72, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal(columns, monkeypatch):
    lines = shown(sample_result(), monkeypatch, columns=columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" not in "".join(lines), "nothing is cut off"


def test_verdicts_come_first_then_operations_then_files(monkeypatch):
    text = shown(sample_result(), monkeypatch)
    places = [text.index(word) for word in ("Verdict", "FAIL overall", "Operation ", "Seeding", "Load ", "Report ")]
    assert places == sorted(places)


def test_every_target_has_its_figures(monkeypatch):
    lines = shown(sample_result(), monkeypatch, columns=140).splitlines()
    row = next(line for line in lines if "Complex queries, p95" in line)
    assert re.split(r" {2,}", row.replace("\N{NO-BREAK SPACE}", " ")) == [
        "FAIL",
        "Complex queries, p95",
        "< 50 ms",
        "77.4 ms",
        "62.7–98.4 ms",
        "1,120",
    ]
    assert sum(bool(re.match(r"(PASS|FAIL|INCONCLUSIVE|SKIPPED) .* [\d,]+ *$", line)) for line in lines) == 13


def test_a_limit_that_nobody_stated_is_marked(monkeypatch):
    lines = shown(sample_result(), monkeypatch, columns=140).splitlines()
    marked = {target.name for target in sample_result().targets if target.default}
    assert sum("% default " in line for line in lines) == len(marked) == 5
    assert not any("default" in line for line in lines if "Simple queries, p95" in line)


def test_the_reason_of_each_verdict_that_is_not_pass_is_there_in_full(monkeypatch):
    text = unwrapped(shown(sample_result(), monkeypatch))
    for target in sample_result().targets:
        assert (target.reason in text) == (target.verdict != "PASS")


def test_the_examined_objects_to_blame_are_named(monkeypatch):
    text = shown(sample_result(), monkeypatch)
    assert "category_listing: 77.4 ms (62.7–98.4 ms), 248 samples, FAIL" in text
    assert "order_history: 5" not in text, "one that passed is not to blame"


def test_operations_have_counts_errors_and_both_times(monkeypatch):
    lines = shown(sample_result(), monkeypatch).splitlines()
    row = next(line for line in lines if line.startswith("reserve_stock "))
    assert re.split(r" {2,}|(?<=s) ", row)[1:] == [
        "222",
        "3",
        "507 µs",
        "1.58 ms",
        "2.18 ms",
        "586 µs",
        "1.72 ms",
        "2.46 ms",
    ]
    assert sum(line.startswith(tuple(f"{name} " for name in SHAPES)) for line in lines) == len(SHAPES)
    assert "reserve_stock: 3 × 40001; the first: could not serialize access" in "\n".join(lines)


def test_seeding_load_and_scale_are_told(monkeypatch):
    text = unwrapped(shown(sample_result(), monkeypatch))
    assert "166,115 rows in 13 tables, 43.2 MiB, in 2.84 s (58,491 rows/s)" in text
    assert (
        "261/s of 266/s if every answer came at once, 40 users over 8 connections (12.7% busy, at most 8 at once)"
        in text
    )
    assert "20 s after 3 s of warm-up" in text
    assert "0.05% of the full volume" in text


def test_a_long_path_stays_in_one_piece(monkeypatch):
    folder = Path("/", *["a-rather-long-folder-name"] * 6)
    text = shown(sample_result(), monkeypatch, files=RunFiles.of(folder))
    assert str(folder / "report.html") in text
    assert str(folder / "result.json") in text


def test_a_file_gets_no_colour(monkeypatch):
    assert "\x1b" not in shown(sample_result(), monkeypatch)


def test_a_terminal_gets_colour_unless_it_is_unwanted():
    assert "\x1b[1;31mFAIL" in coloured(sample_result(), {})
    plain = coloured(sample_result(), {"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain)
    assert "FAIL" in plain


def test_names_are_neither_markup_nor_terminal_codes(monkeypatch):
    name = "[red]x[/red]\x1b[2J :smile:"
    measure = sample_measure({name: SHAPES["product_by_id"]}, seconds=1, errors={name: 1})
    text = shown(result_of(measure, ()), monkeypatch, columns=140)
    assert "[red]x[/red]\\x1b[2J :smile:" in text
    assert "\x1b" not in text


def test_nothing_measured_reads_as_such(monkeypatch):
    text = shown(empty_result(), monkeypatch)
    assert "INCONCLUSIVE overall: 8 inconclusive." in text
    assert re.search(r"product_by_id +0 +0( +–){6}", text)
    assert "nan" not in text.lower()


def test_what_the_terminal_cannot_encode_does_not_stop_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    print_result(sample_result(), FILES, console_for(out))
    out.flush()
    assert b"FAIL" in raw.getvalue()
