"""A review: within a `result.json`, and by itself as `loadlab check --json` prints it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loadlab.report.model_base import ResultModel
from loadlab.validate.review.model import Area, Outcome, Severity


class FindingResult(ResultModel):
    """One thing that a review would change. `id` is the same in every run: rule and subject, as `silence` names it."""

    id: str
    rule: str
    area: Area
    severity: Severity
    subject: str
    what: str
    evidence: list[str]
    why: str
    remedy: str
    sql: list[str] = Field(default=[], description="the remedy to be executed, a statement an item")
    load_share: float | None = Field(default=None, description="share of the executed operations that it touches")
    also: list[str] = Field(default=[], description="ids of findings with the same remedy, whose evidence is here")


class RuleResult(ResultModel):
    """What one rule looked at, and how it ended; `reason` is why it looked at nothing."""

    rule: str
    area: Area
    title: str
    outcome: Outcome
    examined: int
    objects: str
    findings: int
    silenced: int = 0
    reason: str = ""
    unmatched: list[str] = Field(default=[], description="patterns for its subjects that silence nothing")


class CheckResult(ResultModel):
    """What `loadlab check --json` prints."""

    version: Literal[1] = 1
    kind: Literal["database", "schema", "scenario"]
    subject: str = Field(description="what was reviewed: an address without secrets, a source or a scenario")
    server: str
    basis: str = Field(description="what the rules had to go by")
    findings: list[FindingResult]
    reviewed: list[RuleResult]
