"""One index, one finding: rules that come to the same remedy by different ways are told together.

A foreign key without an index, a statement that scans for it and the index that the load would use are one thing to
change. It is said once, with the evidence of all and one SQL text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from loadlab.engines.plan_tree import NewIndex
from loadlab.validate.review.model import Finding, Severity
from loadlab.validate.review.plans.suggest import covers

# Who speaks for all: what was tried or measured, then what was seen in plans, then what follows from the schema.
_SPEAKERS = ("missing-index", "seq-scan", "filter-after-index", "fk-without-index")
_SEVERITIES = list(Severity)
_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")
# How a reason tells what part of the load a finding concerns: of findings that are one that is the first one's to say.
_SHARE = "It concerns "


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with one for each index that they propose; `also` names those that went into another."""
    groups = _groups(findings)
    heads = {group[0].id: _told_together(group) for group in groups}
    gone = {finding.id for group in groups for finding in group[1:]}
    return [heads.get(finding.id, finding) for finding in findings if finding.id not in gone]


def _groups(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings whose indexes are one, or are covered by one; who speaks for all comes first."""
    proposing = [(finding.index, finding) for finding in findings if finding.index is not None]
    groups: dict[NewIndex, list[Finding]] = {}
    for index, finding in sorted(proposing, key=lambda item: -len(item[0].columns)):
        wide = next((known for known in groups if covers(known, index)), index)
        groups.setdefault(wide, []).append(finding)
    return [sorted(group, key=_rank) for group in groups.values() if len(group) > 1]


def _rank(finding: Finding) -> tuple[int, int, str]:
    """By rule; of the same rule the one with the widest index, which serves the others."""
    rank = _SPEAKERS.index(finding.rule) if finding.rule in _SPEAKERS else len(_SPEAKERS)
    return rank, -_width(finding), finding.id


def _width(finding: Finding) -> int:
    return len(finding.index.columns) if finding.index else 0


def _told_together(group: Sequence[Finding]) -> Finding:
    """The first of a group with the evidence of all; the SQL is that of the widest index, which serves all."""
    head, *others = group
    widest = max(group, key=_width)
    told = set(head.evidence)
    more = []
    for item in others:
        facts = [fact for fact in item.evidence if fact not in told]
        told |= set(facts)
        more.append(f"{item.rule}: {item.what}" + (f" ({'; '.join(facts)})" if facts else ""))
    shares = [item.load_share for item in group if item.load_share is not None]
    return replace(
        head,
        severity=min((item.severity for item in group), key=_SEVERITIES.index),
        evidence=(*head.evidence, *more),
        why=_reasons(head, others),
        remedy=head.remedy if head.index == widest.index else f"{widest.remedy} It serves all of these.",
        sql=widest.sql or head.sql,
        load_share=max(shares, default=None),
        also=tuple(item.id for item in others),
    )


def _reasons(head: Finding, others: Sequence[Finding]) -> str:
    """Each sentence once."""
    more = [sentence for item in others for sentence in _SENTENCE.split(item.why) if not sentence.startswith(_SHARE)]
    return " ".join(dict.fromkeys(filter(None, (*_SENTENCE.split(head.why), *more))))
