"""The run folder: what is written into it, and how a run is read back from it."""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from loadlab.errors import InputError
from loadlab.measure.model import LoadMeasure
from loadlab.report.model import Result
from loadlab.report.model_base import VERSION, ResultModel
from loadlab.spec.base import read_text, validate

AnyResult = TypeVar("AnyResult", bound=ResultModel)

RESULT_NAME = "result.json"
REPORT_NAME = "report.html"
HISTOGRAM_LOG_NAME = "latency.hlog"
PERCENTILES_NAME = "hgrm"


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where the files of a run lie."""

    result: Path
    report: Path

    @classmethod
    def of(cls, run: Path) -> RunFiles:
        """The files of a run folder, or of the folder that a `result.json` lies in."""
        folder = run.parent if run.is_file() else run
        return cls(folder / RESULT_NAME, folder / REPORT_NAME)


def run_folder(out: Path | None, scenario: str) -> Path:
    """Where a run will write: `out`, else a new folder below `runs/` named for the scenario and the time.

    Nothing is made yet. Raises InputError when it can be seen now that writing there would fail, so that nobody
    learns of it after the run.
    """
    folder = out if out is not None else _new_folder(scenario)
    if folder.exists() and not folder.is_dir():
        raise InputError("--out", "is not a folder; name another one", value=str(folder))
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        # Tried, not asked: what a file system allows is known for sure only then.
        tempfile.TemporaryDirectory(dir=there).cleanup()
    except OSError:
        raise InputError("--out", f"cannot be written: {there} is no writable folder", value=str(folder)) from None
    return folder


def _new_folder(scenario: str) -> Path:
    # A scenario's name may hold anything; a folder's may not.
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", scenario).strip("-.")[:60] or "run"
    first = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    others = (first.with_name(f"{first.name}-{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([first], others) if not folder.exists())


def write_run(run_dir: Path, result: Result) -> RunFiles:
    """Write `result.json` and `report.html`; the folder is made where it is missing.

    The result comes first: nothing that befalls the report can cost it. Raises InputError when the folder
    cannot be written to.
    """
    files = RunFiles.of(run_dir)
    with _writing_to(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
    write_file(files.result, result.model_dump_json(indent=2) + "\n")
    write_report(run_dir, result)
    return files


def write_report(run: Path, result: Result) -> RunFiles:
    """Write `report.html` alone, beside the `result.json` that is there. Raises InputError when it cannot be."""
    from loadlab.report.html import render_html

    files = RunFiles.of(run)
    write_file(files.report, render_html(result))
    return files


def write_pages(files: RunFiles, result: ResultModel, render: Callable[[], str]) -> RunFiles:
    """Write the result, then the page that `render` makes of it. Raises InputError when it cannot be written."""
    write_file(files.result, result.model_dump_json(indent=2) + "\n")
    write_file(files.report, render())
    return files


def write_file(path: Path, text: str, *, option: str = "--out") -> None:
    """Write a file of a run; its folder is made where it is missing.

    Raises InputError when it cannot be written; `option` is what named its place.
    """
    with _writing_to(path.parent, option):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_atomically(path, text)


def write_histograms(run_dir: Path, measure: LoadMeasure) -> None:
    """Write the histograms behind a run's figures in HdrHistogram's formats: `latency.hlog` and a folder `hgrm`.

    Raises InputError when the folder cannot be written to.
    """
    from loadlab.report.hdr import histogram_log, percentile_distribution, plain_names

    folder = run_dir / PERCENTILES_NAME
    names = plain_names(operation.name for operation in measure.operations)
    with _writing_to(run_dir):
        folder.mkdir(parents=True, exist_ok=True)
        _write_atomically(run_dir / HISTOGRAM_LOG_NAME, "".join(histogram_log(measure)))
        for one in measure.operations:
            for kind, histogram in (("response", one.response), ("service", one.service)):
                _write_atomically(folder / f"{names[one.name]}.{kind}.hgrm", percentile_distribution(histogram))


@contextmanager
def _writing_to(place: Path, option: str = "--out") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(str(place), f"cannot be written: {error.strerror or error}; name another {option}") from None


def load_result(run_dir: Path) -> Result:
    """Read a run back, from its folder or from its `result.json`.

    Raises InputError when there is none, or it is damaged or of another version.
    """
    path = run_dir if run_dir.is_file() else RunFiles.of(run_dir).result
    if not run_dir.exists():
        raise InputError(str(run_dir), "does not exist; name a folder that `loadlab run` wrote")
    if not path.is_file():
        raise InputError(str(run_dir), f"holds no {RESULT_NAME}; name a folder that `loadlab run` wrote")
    return read_result(path, Result)


def read_result(path: Path, model: type[AnyResult]) -> AnyResult:
    """A result of any kind, from its file. Raises InputError when it is damaged or of another version."""
    try:
        data = json.loads(read_text(path), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno}", f"is not JSON: {error.msg}; the file is damaged") from None
    except (RecursionError, ValueError) as error:
        raise InputError(str(path), f"cannot be read: {error}; the file is damaged") from None
    if not isinstance(data, dict):
        raise InputError(str(path), "must be a JSON object; the file is damaged")
    version = data.get("version", ...)
    if version != VERSION or isinstance(version, bool):
        raise InputError(f"{path}: version", f"must be {VERSION}, the one this LoadLab reads", value=version)
    return validate(model, data, place=str(path))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _write_atomically(path: Path, text: str) -> None:
    """Readers see the old file or the new one, never half of one; the umask decides who may read it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
