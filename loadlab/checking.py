"""`loadlab check`: a review of what the user names, without a load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from loadlab.engines import DEFAULT_URL, open_database, scratch_database
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError
from loadlab.plan_facts import live_plan_facts, plan_facts
from loadlab.proof.suggested import with_proofs
from loadlab.request import DataOptions
from loadlab.reviewing import Load, live_facts, schema_facts, seeded_facts
from loadlab.sourcing import scenario_of, schema_of
from loadlab.spec.scenario import Scenario
from loadlab.validate.review.model import Rule, RuleOutcome
from loadlab.validate.review.reviewing import review
from loadlab.validate.review.rules import RULES
from loadlab.validate.review.silence import check_patterns, chosen_rules

if TYPE_CHECKING:
    from loadlab.pipeline import Show

Reviewed = Literal["database", "schema", "scenario"]
"""What was reviewed: the tables that are there, a schema alone, or a scenario's filled database."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What the rules say. `basis` says what they had to go by."""

    kind: Reviewed
    subject: str
    server: str
    basis: str
    outcomes: tuple[RuleOutcome, ...]


def check(
    source: str | None,
    database: str,
    data: DataOptions,
    rules: Sequence[str],
    silence: Sequence[str],
    show: Show,
    *,
    prove: bool = False,
) -> CheckOutcome:
    """Review a scenario, a schema or the tables of a database. Raises LoadLabError.

    `prove`: indexes that are suggested are built and measured, which only a scenario's own database is for.
    """
    chosen = chosen_rules(rules, RULES, "--rule")
    check_patterns(silence, RULES, "--silence")
    scenario = scenario_of(source)
    check_patterns(scenario.file.review.silence, RULES, "scenario.yaml: review.silence[{}]")
    silenced = (*silence, *scenario.file.review.silence)
    if prove and (source is None or scenario.is_plain):
        raise InputError("--prove", "needs a scenario, whose load is what an index is measured under")
    if source is None:
        return _live(database, chosen, silenced, show)
    if scenario.is_plain:
        return _schema(scenario, source, database, chosen, silenced, show)
    return _scenario(scenario, database, data, chosen, silenced, show, prove=prove)


def _live(database: str, rules: Sequence[Rule], silence: Sequence[str], show: Show) -> CheckOutcome:
    with open_database(database) as engine:
        show.step(f"Reading {engine.version()} at {engine.display_url}")
        facts = live_facts(engine)
        if not facts.schema.tables:
            raise InputError(engine.display_url, "is empty: no tables to review")
        facts = live_plan_facts(engine, facts)
        basis = "the catalogue, the planner's statistics and the server's counters since their last reset; read only"
        return CheckOutcome(
            "database", engine.display_url, engine.version(), basis, review(rules, facts, silence)
        )  # fmt: skip


def _schema(
    scenario: Scenario, source: str, database: str, rules: Sequence[Rule], silence: Sequence[str], show: Show
) -> CheckOutcome:
    with _empty(database) as engine:
        show.step(f"Reading {source} on {engine.version()}")
        schema = schema_of(scenario, engine).schema
        if schema.dialect == engine.name:
            facts, server = schema_facts(schema, engine), engine.version()
        else:
            # The schema is in another engine's words, and so are the findings' remedies.
            with scratch_database(schema.dialect) as other:
                facts, server = schema_facts(schema, other), other.version()
        outcomes = review(rules, facts, silence)
    return CheckOutcome("schema", source, server, "the schema alone, on a scratch database", outcomes)


def _empty(database: str) -> Engine:
    """An empty database of the kind that the user names; his own stays as it is."""
    if database == DEFAULT_URL:
        return open_database(database)
    with open_database(database) as named:
        kind = named.name
    return scratch_database(kind)


def _scenario(
    scenario: Scenario,
    database: str,
    data: DataOptions,
    rules: Sequence[Rule],
    silence: Sequence[str],
    show: Show,
    *,
    prove: bool,
) -> CheckOutcome:
    from loadlab.pipeline import make_ready

    with open_database(database) as engine:
        ready = make_ready(engine, scenario, scenario.file.workload, data, show)
        show.step("Reviewing")
        facts = seeded_facts(engine, ready.seeded.dataset, Load(ready.statements))
        facts = plan_facts(engine, ready, facts=facts, observe=show.working)
        if prove:
            facts = with_proofs(engine, ready, facts, show)
        outcomes = review(rules, facts, silence)
        scale = ready.seeded.dataset.plan.scale
        basis = (
            f"rows that LoadLab made at scale {scale:g}, and the texts of the scenario's operations; no load was run"
        )
        return CheckOutcome("scenario", scenario.name, engine.version(), basis, outcomes)
