"""Which earlier nights a run is compared with, which are refused, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadlab.errors import InputError
from loadlab.history.store import append_night, read_history
from loadlab.nightly import NightOptions, Nights
from loadlab.report.files import write_run
from loadlab.report.model import PlanShapeResult, Result
from loadlab.report.nights import night_of
from loadlab.validate.facts import Facts
from loadlab.validate.gates import only_a_part
from loadlab.validate.model import Verdict
from tests.samples import sample_measure, sample_result


def result(day: int = 14, scale: float = 0.01, **parts: Any) -> Result:
    """A run of that day, with what comparing needs."""
    sample = sample_result()
    return sample.model_copy(
        update={
            "verdict": Verdict.PASS,
            "seeding": sample.seeding.model_copy(
                update={"schema_fingerprint": "s", "rows_fingerprint": "r", "scale": scale}
            ),
            "load": sample.load.model_copy(
                update={"mix_fingerprint": "m", "load": "40 users", "started_at": f"2026-03-{day:02d}T02:00:00+00:00"}
            ),
        }
        | parts
    )


def with_scan(one: Result) -> Result:
    """The same, but for an operation that lost its index."""
    first, *rest = one.operations
    lost = first.model_copy(
        update={"full_scans": ["products"], "shape": PlanShapeResult(steps=["Seq Scan"], rows={"products": 1e6})}
    )
    return one.model_copy(update={"operations": [lost, *rest]})


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "history" / "nights.db"


def keep(one: Result, **options: Any) -> Result:
    nights = Nights(NightOptions(**options))
    nights.check(replace(night_of(one), started_at="", operations={}))
    done = nights.compared(one)
    assert nights.keep() == ""
    return done


def test_the_first_night_begins_the_series_that_is_named(path):
    done = keep(result(), baseline="main")
    assert done.verdict is Verdict.PASS
    assert done.night.verdict is Verdict.SKIPPED
    (night,) = read_history(path).nights
    assert (night.label, night.verdict, night.is_whole) == ("main", "PASS", True)


def test_the_next_night_is_compared_and_kept(path):
    keep(result(14), baseline="main")
    done = keep(with_scan(result(15)), baseline="main")
    assert done.verdict is done.night.verdict is Verdict.FAIL
    assert [night.verdict for night in read_history(path).nights] == ["PASS", "FAIL"]


def test_an_accepted_night_fails_nothing(path):
    keep(result(14), baseline="main")
    done = keep(with_scan(result(15)), baseline="main", accept="the table is small")
    assert done.verdict is Verdict.PASS
    assert "Accepted (" in done.night.reason
    assert keep(with_scan(result(16)), baseline="main").night.changes == []


def test_a_baseline_of_another_scale_is_refused_and_an_ordinary_night_begins_a_series(path):
    keep(result(14), baseline="main")
    with pytest.raises(InputError, match=r"--baseline=main cannot be compared .*: scale 0.01 there, 0.5 here"):
        keep(result(15, scale=0.5), baseline="main")
    done = keep(result(15, scale=0.5), history=path)
    assert done.night.verdict is Verdict.SKIPPED
    assert "A new series begins: scale 0.01 there, 0.5 here" in done.night.notes[0]
    assert len(read_history(path).nights) == 2


def test_another_scale_or_scenario_is_refused_before_anything_is_made(path):
    keep(result(14), baseline="main")
    nights = Nights(NightOptions(baseline="main"))
    nights.foresee("ecommerce-platform", 0.01)
    nights.foresee("ecommerce-platform", None)
    with pytest.raises(InputError, match=r"--baseline=main cannot be compared .*: scale 0.01 there, 0.5 here; use"):
        nights.foresee("ecommerce-platform", 0.5)
    with pytest.raises(InputError, match=r": scenario ecommerce-platform there, bank here; use --history alone"):
        nights.foresee("bank", None)
    Nights(NightOptions(history=path)).foresee("bank", 0.5)
    keep(result(15, scale=0.5), history=path)
    Nights(NightOptions(baseline="main")).foresee("ecommerce-platform", 0.5)


def test_what_differs_is_all_named_in_one_line(path):
    keep(result(14), baseline="main")
    other = result(15, scale=1.0, scenario="bank")
    with pytest.raises(InputError) as error:
        keep(other, baseline="main")
    assert "scenario ecommerce-platform there, bank here; scale 0.01 there, 1 here" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_that_no_series_has_is_refused(path):
    keep(result(14), baseline="main")
    with pytest.raises(
        InputError,
        match=r"mian names no series of .*; series: main; --history .* --label mian, without --baseline, begins it",
    ):
        Nights(NightOptions(baseline="mian"))


def test_a_branch_is_compared_with_main_and_kept_apart(path):
    keep(result(14), baseline="main")
    done = keep(with_scan(result(15)), baseline="main", label="branch")
    assert done.night.verdict is Verdict.FAIL
    assert done.night.label == "branch"
    assert keep(result(16), baseline="main").night.nights == 1


def test_a_run_is_a_baseline_too_and_nothing_is_kept(path, tmp_path):
    write_run(tmp_path / "runs" / "a", result(14))
    done = keep(with_scan(result(15)), baseline=str(tmp_path / "runs" / "a"))
    assert done.night.verdict is Verdict.FAIL
    assert not path.exists()
    with pytest.raises(InputError, match=r"scale 0.01 there, 0.5 here"):
        keep(result(15, scale=0.5), baseline=str(tmp_path / "runs" / "a" / "result.json"))


def test_a_run_of_an_earlier_loadlab_is_refused(path, tmp_path):
    write_run(tmp_path / "old", sample_result())
    with pytest.raises(InputError, match="earlier LoadLab"):
        keep(result(), baseline=str(tmp_path / "old"))


@pytest.mark.parametrize("name", ["runs/nowhere", "nowhere.json"])
def test_a_place_without_a_run_is_refused(path, name):
    with pytest.raises(InputError, match="is no run"):
        Nights(NightOptions(baseline=name))


def test_to_accept_needs_a_series():
    with pytest.raises(InputError, match="--accept needs a series"):
        Nights(NightOptions(accept="because"))


def test_a_run_of_which_a_part_ran_is_kept_and_compared_with_by_nobody(path):
    keep(result(14, incomplete="The run was interrupted after 2 s of its window."), baseline="main")
    (night,) = read_history(path).nights
    assert night.problem == "the run was interrupted after 2 s of its window"
    assert keep(result(15), baseline="main").night.verdict is Verdict.SKIPPED


def test_a_damaged_history_is_told(path):
    for day in (14, 15):
        append_night(path, night_of(result(day), label="main"))
    content = bytearray(path.read_bytes())
    content[:100] = bytes(100)
    path.write_bytes(content)
    nights = Nights(NightOptions(baseline="main"))
    done = nights.compared(result(16))
    assert "2 nights could be read" in done.night.notes[0]
    assert done.night.nights == 2
    assert "is kept as nights.db.damaged-" in nights.keep()


def test_what_only_a_part_is():
    measure = sample_measure()
    kinds = {operation.name: operation.kind for operation in measure.operations}
    facts = Facts(measure, kinds, dict.fromkeys(kinds, 1.0), 1.0, {})
    assert only_a_part(facts, None) == ""
    assert only_a_part(facts, "the server went away.") == "The load ended early: the server went away."
    missing = replace(facts, kinds={**facts.kinds, "never": "simple"})
    assert only_a_part(missing, None) == "never was never executed in the measured window."
    stopped = replace(facts, load=replace(facts.load, interrupted=True))
    assert only_a_part(stopped, None).startswith("The run was interrupted after")
    nothing = replace(facts, load=replace(facts.load, operations=()))
    assert only_a_part(nothing, None).startswith("No operation was executed")
