"""What a review says: findings, and of every rule what it looked at.

A rule that looked at nothing is SKIPPED with its reason, never clean: "no finding" means "examined, and fine".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from loadlab.engines.abilities import Remedies, StatementContent, Tuning
from loadlab.engines.plan_tree import IndexTrial, NewIndex
from loadlab.engines.protocol import Evidence
from loadlab.measure.plans.model import StatementPlans
from loadlab.measure.proof import IndexProof
from loadlab.schema.details import Bloat, Dependencies, SchemaDetails
from loadlab.schema.model import Schema
from loadlab.schema.statistics import DatabaseStatistics
from loadlab.spec.statement import Statement

Area = Literal["schema", "indexes", "plans", "load", "storage"]
"""What a rule is about; the report groups by it."""


class Severity(StrEnum):
    """`ERROR`: it loses data, breaks or is slow for certain; `WARNING`: it will cost; `NOTE`: worth a thought."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change.

    `subject` is the place in the schema or the load: `orders`, `orders.customer_id`, an index's or an operation's name.
    `what` is a sentence, `evidence` the figures and facts that it rests on, `why` what it costs here. `load_share` is
    the share (0 to 1) of the executed operations that it touches, None where no load was run. `sql` is the remedy to
    be executed, where there is one; `remedy` says it in words. `index` is the one that it proposes, and `also` are the
    ids of findings that propose the same and are told with it.
    """

    rule: str
    severity: Severity
    subject: str
    what: str
    evidence: tuple[str, ...]
    why: str
    remedy: str
    sql: tuple[str, ...] = ()
    load_share: float | None = None
    index: NewIndex | None = None
    also: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same finding in another run: rule and subject, as `silence` names it."""
        return f"{self.rule}:{self.subject}"


class Outcome(StrEnum):
    """How a rule ended."""

    CLEAN = "CLEAN"
    FOUND = "FOUND"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a rule looked at (`examined` of `objects`: "12 tables") and found; `skipped` is why it looked at nothing."""

    examined: int
    objects: str
    findings: tuple[Finding, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one rule has to say; `silenced` are the findings that the user does not want to hear of.

    `unmatched` are the patterns that name this rule and a subject of which it has found nothing.
    """

    rule: Rule
    outcome: Outcome
    examined: int
    objects: str
    findings: tuple[Finding, ...]
    silenced: tuple[Finding, ...] = ()
    reason: str = ""
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolUse:
    """The load's connections over the window.

    `busiest_share` is the pool's utilisation (0 to 1) in the busiest interval, `cores` those of the server; None where
    they are not known, and then `why_no_cores` says why.
    """

    connections: int
    connections_peak: int
    busiest_share: float
    cores: int | None
    why_no_cores: str = ""


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """Everything that a rule may look at; what could not be had is None, and a rule that needs it is SKIPPED.

    `rows` are the rows by table at full volume, as far as anybody says, `statements` the texts of the load by
    statement key, `executions` how often each ran (None: no load was run). `evidence` is the difference over a
    measured window where `is_window`, else the counters since the server's last reset. `missing` says by the name of
    a field why it is not there.

    `plans` are by statement key, `iterations` how often each operation of several statements ran,
    `load_to_window` how many times as long as its window the whole load was, warm-up included. `trials` are what the
    planner made of indexes that are not there, `proofs` what was measured of them. `tuning` writes the SQL of what
    makes statements faster.

    `stated` is the schema as the scenario says it, which the database may keep less exactly.

    `statistics` and `dependencies` prove something of the application only where the data is its own
    (`is_own_data`): data that LoadLab made shows what LoadLab does. `bloat` is of every table and index that is large
    enough to be measured. `remedies` writes the SQL of findings. `can_prove`: there is a scenario's load, under which
    an index can be measured.
    """

    schema: Schema
    rows: Mapping[str, int] = field(default_factory=dict)
    statements: Mapping[str, Statement] = field(default_factory=dict)
    contents: Mapping[str, StatementContent] = field(default_factory=dict)
    executions: Mapping[str, int] | None = None
    evidence: Evidence | None = None
    is_window: bool = False
    statistics: DatabaseStatistics | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[str, StatementPlans] | None = None
    iterations: Mapping[str, int] | None = None
    load_to_window: float = 1.0
    pool: PoolUse | None = None
    trials: Mapping[NewIndex, Sequence[IndexTrial]] = field(default_factory=dict)
    proofs: Mapping[NewIndex, IndexProof] = field(default_factory=dict)
    tuning: Tuning | None = None
    details: SchemaDetails | None = None
    is_own_data: bool = False
    dependencies: Mapping[str, Dependencies] | None = None
    bloat: Sequence[Bloat] | None = None
    remedies: Remedies | None = None
    can_prove: bool = False
    stated: Schema | None = None

    def why_missing(self, name: str) -> str:
        """Why a field is None, for the reason of a skipped rule."""
        return self.missing.get(name, f"there is no {name}")

    def load_share(self, statements: Sequence[str]) -> float | None:
        """The share of all executions that these statements are; None without a load."""
        if not self.executions:
            return None
        total = sum(self.executions.values())
        return sum(self.executions.get(name, 0) for name in statements) / total if total else None


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a review looks for.

    `id` is stable (`fk-without-index`), `why` the reason in one or two sentences for the documentation, `source`
    where the rule comes from (a document, a manual). `examine` is a pure function.
    """

    id: str
    area: Area
    title: str
    why: str
    source: str
    examine: Callable[[ReviewFacts], Examined] = field(compare=False, repr=False)


def skipped(objects: str, reason: str) -> Examined:
    """A rule that could look at nothing."""
    return Examined(0, objects, skipped=reason)
