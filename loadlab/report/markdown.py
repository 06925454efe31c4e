"""A Markdown summary, as a CI server's page of a job shows it (`GITHUB_STEP_SUMMARY`).

Names and messages are untrusted text: nothing in them is read as markup, as a mention or as a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from loadlab.errors import without_secrets
from loadlab.report import summary, wording
from loadlab.report.findings import tally, touched
from loadlab.report.model import ChangeResult, NightResult, Result
from loadlab.report.model_review import CheckResult, FindingResult, RuleResult
from loadlab.validate.model import Verdict
from loadlab.validate.nights.wording import amount, effect_text, metric_label

_MARKS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔", Verdict.SKIPPED: "➖"}
_FINDINGS_SHOWN = 20
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!~^$-])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "@": "&#64;"})


def markdown(text: str) -> str:
    """Untrusted text as a run of plain words, in a table's cell as well."""
    plain = _SPECIAL.sub(r"\\\1", printable_line(text)).translate(_ENTITIES)
    return plain.replace("://", "&#58;//").replace("www.", "www&#46;")


def printable_line(text: str) -> str:
    """On one line, and with passwords in addresses hidden."""
    return wording.printable(without_secrets(text))


def run_markdown(result: Result) -> str:
    """A whole run: verdict, targets with reasons, nights, review, where it ran."""
    return "\n\n".join(filter(None, _run_parts(result))) + "\n"


def _run_parts(result: Result) -> Iterator[str]:
    yield f"## {_MARKS[result.verdict]} LoadLab: {markdown(result.scenario)}, {result.verdict.value}"
    yield markdown(f"{summary.tested(result)} {summary.outcome(result)}")
    if result.incomplete:
        yield f"**{markdown(result.incomplete)}**"
    yield _table(
        ("Verdict", "Target", "Limit", "Measured", "Interval", "Samples"),
        (
            (
                f"{_MARKS[target.verdict]} {target.verdict.value}",
                markdown(wording.target_label(target)),
                markdown(wording.limit_text(target) + (" default" if target.default else "")),
                markdown(wording.quantity(target.measured, target.unit)),
                markdown(wording.interval_text(target.interval, target.unit)),
                f"{target.samples:,}",
            )
            for target in result.targets
        ),
    )
    unclear = [target for target in result.targets if target.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)]
    yield "\n".join(f"- **{markdown(wording.target_label(t))}**: {markdown(t.reason)}" for t in unclear)
    if result.night is not None:
        yield from _night(result.night)
    yield from _review(result.findings, result.reviewed)
    environment = result.environment
    where = f"{environment.server} at {environment.database}; {environment.cpu}, {environment.cores} cores"
    yield markdown(f"{wording.scale_text(result.seeding.scale)} {where}; LoadLab {environment.loadlab}.")


def _night(night: NightResult) -> Iterator[str]:
    yield f"### {_MARKS[night.verdict]} Beside {markdown(night.baseline)}"
    yield markdown(f"{night.reason} {wording.missing_text(night)}".rstrip())
    if night.changes:
        yield _table(
            ("Change", "Where", "Figure", "Before", "After", "Effect", "Reason"), (_change(c) for c in night.changes)
        )
    yield "\n".join(f"- {markdown(note)}" for note in night.notes)


def _change(change: ChangeResult) -> tuple[str, ...]:
    before, after = change.before, change.after
    mark = "❌ " if change.gates else "✅ " if change.direction == "better" else ""
    return (
        f"{mark}{change.direction}",
        markdown(change.subject),
        metric_label(change.metric),
        markdown(amount(change.metric, before)) if before is not None else wording.NOTHING,
        markdown(amount(change.metric, after)) if after is not None else wording.NOTHING,
        markdown(effect_text(before, after)) if before is not None and after is not None else "",
        markdown(change.reason),
    )


def check_markdown(result: CheckResult) -> str:
    """A whole review."""
    head = f"## LoadLab check: {markdown(result.subject)}"
    basis = markdown(f"On {result.server}, from {result.basis}.")
    return "\n\n".join([head, basis, *_review(result.findings, result.reviewed, heading=False)]) + "\n"


def _review(findings: Sequence[FindingResult], rules: Sequence[RuleResult], *, heading: bool = True) -> Iterator[str]:
    if not rules:
        return
    if heading:
        yield "### Review"
    yield f"{tally(findings, rules)}."
    if not findings:
        return
    rows = (
        (f.severity.value, markdown(f.id), markdown(_what(f)), markdown(f.remedy)) for f in findings[:_FINDINGS_SHOWN]
    )
    yield _table(("Severity", "Id", "Finding", "Remedy"), rows)
    if len(findings) > _FINDINGS_SHOWN:
        yield f"and {len(findings) - _FINDINGS_SHOWN} more."


def _what(finding: FindingResult) -> str:
    return f"{finding.what.removesuffix('.')}{f' ({touched(finding)})' if finding.load_share else ''}."


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
