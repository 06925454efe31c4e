"""The run folder: written whole or not at all, read back or refused with one clear line."""

from __future__ import annotations

import json
import os
import re
import stat
from types import SimpleNamespace

import pytest

from loadlab.errors import InputError
from loadlab.report.files import load_result, run_folder, write_report, write_run
from tests.samples import sample_result


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "runs" / "first"
    write_run(folder, sample_result())
    return folder


def test_a_run_comes_back_as_it_was(run_dir):
    assert load_result(run_dir) == sample_result()
    assert load_result(run_dir / "result.json") == sample_result()


def test_the_folder_holds_the_two_files_and_nothing_else(run_dir):
    assert sorted(path.name for path in run_dir.iterdir()) == ["report.html", "result.json"]


def test_writing_again_replaces(run_dir):
    other = sample_result().model_copy(update={"scenario": "other"})
    files = write_run(run_dir, other)
    assert load_result(run_dir).scenario == "other"
    assert "<h1>other</h1>" in files.report.read_text(encoding="utf-8")
    assert len(list(run_dir.iterdir())) == 2


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        files = write_run(tmp_path / "run", sample_result())
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (files.result, files.report)} == {mode}


def test_a_failed_write_keeps_the_old_file(run_dir, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device; name another --out"):
        write_run(run_dir, sample_result().model_copy(update={"scenario": "other"}))
    assert load_result(run_dir) == sample_result()
    assert len(list(run_dir.iterdir())) == 2, "no temporary file is left behind"


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match=r"run cannot be written: .*; name another --out"):
        write_run(tmp_path / "run", sample_result())


def test_the_report_alone_leaves_the_result_untouched(run_dir):
    result = run_dir / "result.json"
    newer = json.dumps(json.loads(result.read_text(encoding="utf-8")) | {"field_of_a_newer_version": 1})
    result.write_text(newer, encoding="utf-8")
    (run_dir / "report.html").unlink()
    files = write_report(result, load_result(result))
    assert files.report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert result.read_text(encoding="utf-8") == newer


def test_a_run_gets_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = run_folder(None, "my shop/../../etc: ü")
    assert re.fullmatch(r"runs/my-shop-..-..-etc-\d{8}-\d{6}", str(first))
    assert list(tmp_path.iterdir()) == [], "nothing is made before there is something to write"
    monkeypatch.setattr("loadlab.report.files.time", SimpleNamespace(strftime=lambda _: "20260101-120000"))
    taken = write_run(run_folder(None, "shop"), sample_result()).result.parent
    assert [str(taken), str(run_folder(None, "shop"))] == ["runs/shop-20260101-120000", "runs/shop-20260101-120000-2"]
    assert run_folder(None, "///").name == "run-20260101-120000"


def test_a_named_folder_is_taken_as_it_is(tmp_path):
    assert run_folder(tmp_path / "a" / "b", "shop") == tmp_path / "a" / "b"
    assert not (tmp_path / "a").exists()


def test_a_folder_that_cannot_be_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--out=.*file is not a folder"):
        run_folder(tmp_path / "file", "shop")
    with pytest.raises(InputError, match=r"--out=.*below cannot be written: .*file is no writable folder"):
        run_folder(tmp_path / "file" / "below", "shop")


def test_a_missing_folder_and_a_missing_result(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist; name a folder that `loadlab run` wrote"):
        load_result(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no result\.json"):
        load_result(tmp_path)


def changed(**fields: object) -> str:
    return json.dumps(sample_result().model_dump(mode="json") | fields)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "line 1 is not JSON"),
        (changed()[:-40], "is not JSON"),
        ("[]", "must be a JSON object"),
        ("{}", r"version=Ellipsis|version must be 1"),
        (changed(version=2), "version=2 must be 1, the one this LoadLab reads"),
        (changed(version=True), "version=True must be 1"),
        (changed(version=[1]), r"version=\[1\] must be 1"),
        (changed(verdict="MAYBE"), "verdict=MAYBE must be"),
        (changed(targets=None), "targets must be"),
        (changed(load={}), "load.started_at is required and missing"),
        (changed(series=[{"t_s": float("nan")}]), "NaN is no JSON number"),
        ("[" * 100_000, "cannot be read|is not JSON"),
    ],
)
def test_a_damaged_result_is_refused_in_one_line(text, message, tmp_path):
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        load_result(tmp_path)
    assert "\n" not in str(caught.value)
    assert "Ellipsis" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "result.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(InputError, match="cannot be read"):
        load_result(tmp_path)
