"""SARIF 2.1.0 (OASIS standard, 27 March 2020) for the findings of a review, as code scanning takes them.

A finding is the same one in every run: its id is rule and subject, and `partialFingerprints` is a digest of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from loadlab import __version__
from loadlab.errors import without_secrets
from loadlab.report.findings import AREAS
from loadlab.report.model_review import FindingResult, RuleResult
from loadlab.report.wording import printable
from loadlab.validate.review.model import Rule, Severity
from loadlab.validate.review.rules import RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "loadlabFinding/v1"
_SEARCH = re.IGNORECASE | re.MULTILINE
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


@dataclass(frozen=True, slots=True)
class Artifact:
    """The file that a finding is shown at, by its address relative to the working folder, and its text."""

    uri: str
    text: str

    @classmethod
    def of(cls, path: Path) -> Artifact | None:
        """None for what is no readable text below the working folder."""
        try:
            place = path.resolve().relative_to(Path.cwd().resolve())
            return cls(quote(place.as_posix()), path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def line_of(self, subject: str) -> int:
        """Where the table that a subject begins with is created; the first line where that is not to be seen."""
        parts = re.split(r"[.(:/\s]", subject)
        for count in (2, 1):
            name = r'[`"\]]?\.[`"\[]?'.join(map(re.escape, parts[:count]))
            # Unless it is named with its namespace, a table has no other name before it.
            name = rf'(?<![.\w`"\[])[`"\[]?{name}'
            found = re.search(rf"^[^\n]*\bcreate\s[^(;]*?\btable\s[^(;]*?{name}\b", self.text, _SEARCH)
            if found:
                return self.text.count("\n", 0, found.end()) + 1
        return 1


def sarif(
    subject: str, findings: Sequence[FindingResult], reviewed: Sequence[RuleResult], artifact: Artifact | None
) -> str:
    """One log with one run. `subject` is what was reviewed; `artifact` None: findings have logical places alone."""
    known = {rule.id: rule for rule in RULES}
    ids = list(dict.fromkeys([rule.rule for rule in reviewed] + [finding.rule for finding in findings]))
    areas = {rule.rule: rule for rule in reviewed}
    run = {
        "tool": {
            "driver": {
                "name": "LoadLab",
                "version": __version__,
                "rules": [_rule(one, known.get(one), areas.get(one)) for one in ids],
            }
        },
        "automationDetails": {"id": f"loadlab/{_text(subject)}/"},
        "columnKind": "utf16CodeUnits",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(finding, ids.index(finding.rule), artifact) for finding in findings],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(one: str, rule: Rule | None, seen: RuleResult | None) -> dict[str, Any]:
    described: dict[str, Any] = {"id": one}
    title = rule.title if rule else seen.title if seen else one
    described |= {"shortDescription": {"text": _text(title)}}
    if rule is not None:
        described |= {
            "fullDescription": {"text": _text(rule.why)},
            "help": {"text": _text(f"{rule.why} Source: {rule.source}.")},
            "properties": {"tags": ["database", AREAS[rule.area].lower()]},
        }
    return described


def _result(finding: FindingResult, rule_index: int, artifact: Artifact | None) -> dict[str, Any]:
    place: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": _text(finding.subject), "kind": "object"}],
    }
    if artifact is not None:
        place["physicalLocation"] = {
            "artifactLocation": {"uri": artifact.uri, "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": artifact.line_of(finding.subject)},
        }
    evidence = f" Evidence: {'; '.join(finding.evidence)}." if finding.evidence else ""
    remedy = f" Remedy: {finding.remedy}" if finding.remedy else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _text(f"{finding.what.removesuffix('.')}.{evidence}{remedy}")},
        "locations": [place],
        "partialFingerprints": {FINGERPRINT: _digest(finding.id)},
        "properties": {"id": _text(finding.id), "sql": [_text(item) for item in finding.sql]},
    }


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=16).hexdigest()


def _text(text: str) -> str:
    return printable(without_secrets(text))
