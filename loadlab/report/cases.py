"""A run or a review as single checks with a verdict: what JUnit, Markdown and annotations are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.report.findings import AREAS
from loadlab.report.model import NightResult, Result, TargetResult
from loadlab.report.model_review import CheckResult, FindingResult
from loadlab.report.wording import blamed_details, limit_text, target_label
from loadlab.validate.model import Verdict
from loadlab.validate.nights.wording import metric_label
from loadlab.validate.review.model import Outcome, Severity


@dataclass(frozen=True, slots=True)
class Case:
    """One check. `reason` is a sentence; `notes` are further lines."""

    group: str
    name: str
    verdict: Verdict
    reason: str
    notes: tuple[str, ...] = ()


def cases_of_run(result: Result) -> list[Case]:
    """Whether the run was whole, every target, and what changed since earlier nights."""
    whole = Verdict.INCONCLUSIVE if result.incomplete else Verdict.PASS
    cases = [Case("run", "Whole", whole, result.incomplete or "Every operation of the mix was executed.")]
    cases += [_target(target) for target in result.targets]
    return cases + (_night(result.night) if result.night is not None else [])


def _target(target: TargetResult) -> Case:
    notes = tuple(
        f"{detail.name}: {detail.verdict}. {detail.reason}"
        for detail in blamed_details(target)
        if len(target.details) > 1
    )
    # The name is the same with another limit, so that a CI server's history of the case goes on.
    reason = f"Limit {limit_text(target)}. {target.reason}"
    return Case("targets", target_label(target), target.verdict, reason, notes)


def _night(night: NightResult) -> list[Case]:
    """One case for the comparison, and one for each regression."""
    gating = [change for change in night.changes if change.gates]
    others = tuple(
        f"{change.direction}: {change.subject}, {metric_label(change.metric)}: {change.reason}"
        for change in night.changes
        if not change.gates
    )
    whole = Verdict.PASS if gating else night.verdict
    compared = Case("nights", f"Beside {night.baseline}", whole, night.reason, (*others, *night.notes))
    return [
        compared,
        *(
            Case("nights", f"{change.subject}, {metric_label(change.metric)}", Verdict.FAIL, change.reason)
            for change in gating
        ),
    ]


def cases_of_check(result: CheckResult, fail_on: Severity | None) -> list[Case]:
    """Every rule: it fails by findings that are at least as severe as `fail_on`; None: by none."""
    return [
        Case(
            AREAS[rule.area],
            rule.rule,
            Verdict.SKIPPED if rule.outcome is Outcome.SKIPPED else _verdict(found, fail_on),
            rule.reason or f"{rule.title}: {rule.examined} {rule.objects} examined, {rule.findings} findings.",
            tuple(finding_text(finding) for finding in found),
        )
        for rule in result.reviewed
        for found in [[finding for finding in result.findings if finding.rule == rule.rule]]
    ]


def _verdict(findings: Sequence[FindingResult], fail_on: Severity | None) -> Verdict:
    return Verdict.FAIL if any(fails(finding, fail_on) for finding in findings) else Verdict.PASS


def fails(finding: FindingResult, fail_on: Severity | None) -> bool:
    """Whether a finding is at least as severe."""
    order = list(Severity)
    return fail_on is not None and order.index(finding.severity) <= order.index(fail_on)


def finding_text(finding: FindingResult) -> str:
    """A finding in one line: what, on what evidence, and the remedy."""
    evidence = f" ({'; '.join(finding.evidence)})" if finding.evidence else ""
    return f"{finding.severity}: {finding.what}{evidence}. {finding.remedy}".strip()
