"""The files for other programs that a run or a review is written to, and what a CI server is told beside them.

One option names them all: `--report junit=results.xml`. A form is checked before the run, so that nobody learns of a
mistyped one after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadlab.errors import InputError
from loadlab.report.annotations import check_annotations, run_annotations
from loadlab.report.cases import cases_of_check, cases_of_run
from loadlab.report.files import write_file
from loadlab.report.junit import junit_xml
from loadlab.report.markdown import check_markdown, run_markdown
from loadlab.report.model import Result
from loadlab.report.model_review import CheckResult
from loadlab.report.sarif import Artifact, sarif
from loadlab.validate.review.model import Severity

OPTION = "--report"
FORMS = ("junit", "markdown", "sarif", "json")
Forms = Mapping[str, Callable[[], str]]
"""What makes the text of each form."""
_SUMMARY_BYTES = 1_000_000
"""GitHub refuses the summary of a step beyond 1 MiB."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file in one of the `FORMS`."""

    form: str
    path: Path


def parse_outputs(said: Sequence[str]) -> list[Output]:
    """Of `FORM=FILE` words. Raises InputError for a form that there is none of, and a place that cannot be written."""
    return [_output(word) for word in said]


def _output(word: str) -> Output:
    form, equals, place = word.partition("=")
    if form not in FORMS or not equals or not place:
        raise InputError(OPTION, f"must be FORM=FILE with a FORM of {', '.join(FORMS)}", value=word)
    path = Path(place)
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir() or not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(OPTION, "cannot be written: name a file in a folder that can be", value=word)
    return Output(form, path)


@dataclass(frozen=True, slots=True)
class Told:
    """The CI server that a command runs under, by its environment. `summary` is the file of GitHub's step summary."""

    annotates: bool = False
    summary: Path | None = None

    @classmethod
    def by(cls, environ: Mapping[str, str]) -> Told:
        summary = environ.get("GITHUB_STEP_SUMMARY")
        return cls(environ.get("GITHUB_ACTIONS") == "true", Path(summary) if summary else None)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a result goes. `write_…` return the annotations to be printed. Raise InputError for what cannot be written.

    `strict`: INCONCLUSIVE counts as a failure. `schema` is the file that findings are shown at.
    """

    files: Sequence[Output] = ()
    told: Told = field(default_factory=Told)
    strict: bool = False
    schema: Path | None = None

    def write_run(self, result: Result) -> list[str]:
        """A run's files and summary."""
        self._write(self._forms_of_run(result))
        return run_annotations(result, strict=self.strict) if self.told.annotates else []

    def write_check(self, result: CheckResult, fail_on: Severity | None) -> list[str]:
        """A review's files and summary."""
        self._write(self._forms_of_check(result, fail_on))
        return check_annotations(result.findings, fail_on) if self.told.annotates else []

    def _forms_of_run(self, result: Result) -> Forms:
        environment = result.environment
        properties = {
            "loadlab": environment.loadlab,
            "server": environment.server,
            "database": environment.database,
            "scale": f"{result.seeding.scale:g}",
            "seed": str(result.seeding.seed),
            "machine": environment.fingerprint,
            "verdict": result.verdict.value,
        }
        return {
            "junit": lambda: junit_xml(
                result.scenario,
                cases_of_run(result),
                started_at=result.load.started_at,
                duration_s=result.load.duration_s,
                properties=properties,
                strict=self.strict,
            ),
            "markdown": lambda: run_markdown(result),
            "sarif": lambda: sarif(result.scenario, result.findings, result.reviewed, self._artifact()),
            "json": lambda: result.model_dump_json(indent=2) + "\n",
        }

    def _forms_of_check(self, result: CheckResult, fail_on: Severity | None) -> Forms:
        return {
            "junit": lambda: junit_xml(
                f"check {result.subject}",
                cases_of_check(result, fail_on),
                started_at="",
                duration_s=0.0,
                properties={"server": result.server, "basis": result.basis},
            ),
            "markdown": lambda: check_markdown(result),
            "sarif": lambda: sarif(result.subject, result.findings, result.reviewed, self._artifact()),
            "json": lambda: result.model_dump_json(indent=2) + "\n",
        }

    def _artifact(self) -> Artifact | None:
        return Artifact.of(self.schema) if self.schema else None

    def _write(self, forms: Forms) -> None:
        for output in self.files:
            write_file(output.path, forms[output.form](), option=OPTION)
        if self.told.summary is not None:
            _append(self.told.summary, forms["markdown"]())


def _append(path: Path, text: str) -> None:
    try:
        room = _SUMMARY_BYTES - (path.stat().st_size if path.exists() else 0)
        cut = text.encode()[: max(room, 0)].decode(errors="ignore")
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(cut + "\n")
    except OSError as error:
        raise InputError("GITHUB_STEP_SUMMARY", f"cannot be written: {error.strerror}", value=str(path)) from None
