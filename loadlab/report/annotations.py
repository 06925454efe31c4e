"""GitHub's annotations: lines of a job's log that its page shows as errors, warnings and notices.

The escapes are those of GitHub's own toolkit (actions/toolkit, packages/core/src/command.ts): a name with a line feed
in it begins no command of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from loadlab.errors import without_secrets
from loadlab.report.cases import Case, cases_of_run, fails, finding_text
from loadlab.report.model import Result
from loadlab.report.model_review import FindingResult
from loadlab.report.wording import missing_text, printable
from loadlab.validate.model import Verdict
from loadlab.validate.nights.wording import metric_label
from loadlab.validate.review.model import Severity

Level = Literal["error", "warning", "notice"]
SHOWN = 10
"""Of each level; GitHub shows no more for a step."""


def annotation(level: Level, title: str, message: str) -> str:
    """One workflow command."""
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    safe = without_secrets(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(safe)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def run_annotations(result: Result, *, strict: bool = False) -> list[str]:
    """What failed, what could not be judged, what got better, and the findings that are errors."""
    said: list[tuple[Level, str, str]] = [
        (_level(case, strict), f"LoadLab {result.scenario}: {case.name}", f"{case.verdict.value}: {case.reason}")
        for case in cases_of_run(result)
        if case.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)
    ]
    night = result.night
    for change in night.changes if night is not None else ():
        if change.direction == "better":
            title = f"LoadLab {result.scenario}: {change.subject}, {metric_label(change.metric)}"
            said.append(("notice", title, f"Better: {change.reason}"))
    if night is not None:
        said += [("warning", f"LoadLab {result.scenario}: history", note) for note in night.notes]
        if night.nights_missing:
            said.append(("warning", f"LoadLab {result.scenario}: history", missing_text(night)))
    errors = [finding for finding in result.findings if finding.severity is Severity.ERROR]
    said += [("warning", f"LoadLab review: {finding.id}", finding_text(finding)) for finding in errors]
    return list(_shown(said))


def check_annotations(findings: Sequence[FindingResult], fail_on: Severity | None) -> list[str]:
    """Findings of a review: errors are those that fail it."""
    said: list[tuple[Level, str, str]] = [
        (_finding_level(finding, fail_on), f"LoadLab review: {finding.id}", finding_text(finding))
        for finding in findings
    ]
    return list(_shown(said))


def _level(case: Case, strict: bool) -> Level:
    return "error" if strict or case.verdict is Verdict.FAIL else "warning"


def _finding_level(finding: FindingResult, fail_on: Severity | None) -> Level:
    if fails(finding, fail_on):
        return "error"
    return "notice" if finding.severity is Severity.NOTE else "warning"


def _shown(said: Sequence[tuple[Level, str, str]]) -> Iterator[str]:
    levels: tuple[Level, ...] = ("error", "warning", "notice")
    for level in levels:
        of_level = [item for item in said if item[0] == level]
        yield from (annotation(*item) for item in of_level[:SHOWN])
