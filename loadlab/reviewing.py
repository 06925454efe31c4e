"""What the rules of a review look at, gathered from a database: its tables as they stand, or after a load."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from loadlab.data.dataset import Dataset
from loadlab.engines.abilities import (
    CanInspect,
    CanMeasureBloat,
    CanProfile,
    CanReadStatements,
    CanRenderRemedies,
    CanSampleRows,
    CanTellContent,
    StatementContent,
)
from loadlab.engines.protocol import Engine, Evidence
from loadlab.errors import DatabaseError, LoadLabError
from loadlab.measure.plans.live import with_parameters
from loadlab.measure.plans.look import Observer, unobserved
from loadlab.measure.plans.model import StatementPlans
from loadlab.measure.window import Window
from loadlab.plan_facts import PreparedLoad, plan_facts
from loadlab.schema.details import Dependencies
from loadlab.schema.model import Schema
from loadlab.spec.statement import Statement, shortened
from loadlab.validate.review.indexes.health import MEASURED_BYTES
from loadlab.validate.review.model import ReviewFacts, RuleOutcome
from loadlab.validate.review.reviewing import review, unreviewed
from loadlab.validate.review.rules import RULES
from loadlab.validate.review.schema.contents import SAMPLED_ROWS, dependents, determinants, find_dependencies
from loadlab.validate.review.touching import statements_on

Value = TypeVar("Value")

# What migration tools keep for themselves is not the user's to change.
_BOOKKEEPING = re.compile(
    r"^(alembic_version|_?prisma_migrations|schema_migrations|flyway_schema_history|django_migrations|"
    r"ar_internal_metadata|databasechangelog(lock)?|__efmigrationshistory|goose_db_version|knex_migrations(_lock)?|"
    r"_sqlx_migrations|sequelizemeta|loadlab_.*)$",
    re.IGNORECASE,
)
# What a tool asks while it fills tables or looks at plans.
_HOUSEKEEPING = re.compile(r"\s*(explain|analyze|vacuum|copy|select\s+(pg_catalog\.)?setval)\b", re.IGNORECASE)
# Less is somebody at a prompt.
_CALLS_MIN = 100
_ROWS_FOR_DEPENDENCIES = 500
_TEXT_SHOWN = 60
_MADE_BY_LOADLAB = "LoadLab made the rows: they show how it reads the schema, not what the application writes"
_NO_LOAD = "nobody says what is asked of a schema; give a scenario"
_NO_ROWS = "a schema has no rows; name a database that the application has filled"


@dataclass(frozen=True, slots=True)
class Load:
    """What a load asked and how often, and the server's counters over it. Statements by their key."""

    statements: Mapping[str, Statement]
    executions: Mapping[str, int] | None = None
    evidence: Evidence | None = None


def schema_facts(schema: Schema, engine: Engine) -> ReviewFacts:
    """Facts of a schema that is in no database; `engine` is a scratch one whose words its DDL text is in."""
    missing = dict.fromkeys(("statistics", "dependencies", "bloat", "evidence", "is_own_data"), _NO_ROWS)
    missing |= dict.fromkeys(("plans", "statements", "pool"), _NO_LOAD)
    facts = ReviewFacts(reviewed_tables(schema), missing=missing | {"executions": "no load was run"})
    if isinstance(engine, CanInspect):
        facts = replace(facts, details=engine.preview_details(schema.ddl))
    return _with_words(facts, engine, live=False)


def seeded_facts(engine: Engine, dataset: Dataset, load: Load) -> ReviewFacts:
    """Facts of a database that LoadLab filled, at best after a load."""
    stated = {key: dataset.plan.tables[key].full_rows for key in dataset.tables if not dataset.is_default(key)}
    missing = {"is_own_data": _MADE_BY_LOADLAB, "dependencies": _MADE_BY_LOADLAB}
    if load.executions is None:
        missing |= {"executions": "no load was run", "evidence": "no load was run"}
    facts = ReviewFacts(
        reviewed_tables(engine.reflect()),
        rows={key: round(rows) for key, rows in stated.items()},
        statements=load.statements,
        contents=_contents(engine, load.statements),
        executions=load.executions,
        evidence=load.evidence,
        is_window=load.executions is not None,
        can_prove=True,
        stated=dataset.manifest.schema,
        missing=missing,
    )
    facts = _with_catalogue(facts, engine, may_install=dataset.manifest.owns_tables)
    return _with_words(facts, engine, live=False)


def _contents(engine: Engine, statements: Mapping[str, Statement]) -> dict[str, StatementContent]:
    """What the engine says of statements that are no SQL."""
    if not isinstance(engine, CanTellContent):
        return {}
    schema = engine.reflect()
    found = {key: engine.content_of(statement, schema) for key, statement in statements.items()}
    return {key: content for key, content in found.items() if content is not None}


def live_facts(engine: Engine) -> ReviewFacts:
    """Facts of the tables that are there, strictly read; its counters are those since they were last reset."""
    schema = reviewed_tables(engine.reflect())
    evidence = engine.snapshot()
    facts = ReviewFacts(
        schema,
        rows={key: table.rows for key, table in evidence.tables.items() if table.rows is not None and table.analyzed},
        evidence=evidence,
        missing={},
        is_own_data=engine.manifest() is None,
    )
    if not facts.is_own_data:
        facts = _without(facts, is_own_data=_MADE_BY_LOADLAB, dependencies=_MADE_BY_LOADLAB)
    facts = _with_asked(facts, engine)
    facts = _with_catalogue(facts, engine, may_install=False)
    if facts.is_own_data:
        facts = _with_dependencies(facts, engine)
    return _with_words(facts, engine, live=True)


def reviewed_tables(schema: Schema) -> Schema:
    """The schema without the tables that migration tools keep for themselves."""
    return replace(schema, tables=tuple(table for table in schema if not _BOOKKEEPING.match(table.name)))


@dataclass(frozen=True, slots=True)
class LoadReview:
    """What all rules say, and the plans that they went by, by statement; None where the engine shows none."""

    outcomes: tuple[RuleOutcome, ...]
    plans: Mapping[str, StatementPlans] | None


def review_load(
    engine: Engine,
    ready: PreparedLoad,
    load: Load,
    window: Window,
    silence: tuple[str, ...],
    observe: Observer = unobserved,
) -> LoadReview:
    """What all rules say of a filled database and the measured load on it.

    What was measured is worth more than a review: where the server is gone, or the user waits no longer, every rule is
    skipped and says so.
    """
    try:
        facts = plan_facts(engine, ready, window, facts=seeded_facts(engine, ready.dataset, load), observe=observe)
    except DatabaseError as error:
        return LoadReview(unreviewed(RULES, f"the database could not be asked: {error}"), None)
    except LoadLabError as error:
        return LoadReview(unreviewed(RULES, f"it could not be looked at: {error}"), None)
    except KeyboardInterrupt:
        return LoadReview(unreviewed(RULES, "the review was interrupted"), None)
    return LoadReview(review(RULES, facts, silence), facts.plans)


# What engines can tell --------------------------------------------------------------------------------------------


def _with_catalogue(facts: ReviewFacts, engine: Engine, *, may_install: bool) -> ReviewFacts:
    if isinstance(engine, CanInspect):
        facts = replace(facts, details=engine.details())
    else:
        facts = _without(facts, details=f"{engine.version()} does not tell it")
    if isinstance(engine, CanProfile):
        facts = _asked(facts, "statistics", lambda: engine.statistics(None))
    else:
        facts = _without(facts, statistics=f"{engine.version()} keeps no statistics of columns")
    if isinstance(engine, CanMeasureBloat):
        return _asked(
            facts, "bloat", lambda: engine.bloat(least_bytes=MEASURED_BYTES, may_install=may_install)
        )  # fmt: skip
    return _without(facts, bloat=f"{engine.version()} has nothing to measure it with")


def _with_asked(facts: ReviewFacts, engine: Engine) -> ReviewFacts:
    """The statements that clients have run, as the server counted them: what a live database has for a load."""
    if not isinstance(engine, CanReadStatements):
        return _without(facts, executions=f"{engine.version()} does not count statements")
    try:
        history = engine.asked_statements()
    except DatabaseError as error:
        return _without(facts, executions=str(error))
    statements: dict[str, Statement] = {}
    executions: dict[str, int] = {}
    for asked in history.statements:
        if _HOUSEKEEPING.match(asked.text):
            continue
        key = _key(asked.text, statements)
        statements[key], executions[key] = Statement((asked.text,), ()), asked.calls
    # What tools ask the catalogue, LoadLab among them, is no load of these tables.
    contents = _contents(engine, {key: with_parameters(statement) for key, statement in statements.items()})
    on_tables = statements_on(replace(facts, statements=statements, contents=contents), *facts.schema)
    calls = sum(executions[key] for key in on_tables)
    if calls < _CALLS_MIN:
        return _without(
            facts, executions=f"the server has counted {calls} statements on these tables, which are no load"
        )
    return replace(
        facts,
        statements={key: statements[key] for key in on_tables},
        contents=contents,
        executions={key: executions[key] for key in on_tables},
    )


def _key(text: str, taken: Mapping[str, Statement]) -> str:
    """The beginning of a statement's text, which nobody named."""
    short = shortened(text, _TEXT_SHOWN)
    return short if short not in taken else f"{short} ({len(taken) + 1})"


def _with_dependencies(facts: ReviewFacts, engine: Engine) -> ReviewFacts:
    if not isinstance(engine, CanSampleRows):
        return _without(facts, dependencies=f"{engine.version()} gives no sample of rows")
    found: dict[str, Dependencies] = {}
    refused: list[str] = []
    for table in facts.schema:
        left, right = determinants(table), dependents(table)
        if not left or not right or facts.rows.get(table.key, 0) < _ROWS_FOR_DEPENDENCIES:
            continue
        columns = tuple(dict.fromkeys((*left, *right)))
        try:
            rows = engine.sample_rows(table, columns, SAMPLED_ROWS)
        except DatabaseError as error:
            # A role may read some tables and not others.
            refused.append(f"{table.key}: {error}")
            continue
        if len(rows) >= _ROWS_FOR_DEPENDENCIES:
            found[table.key] = find_dependencies(columns, rows, left, right)
    if refused and not found:
        return _without(facts, dependencies=refused[0])
    return replace(facts, dependencies=found)


def _with_words(facts: ReviewFacts, engine: Engine, *, live: bool) -> ReviewFacts:
    return replace(facts, remedies=engine.remedies(live=live)) if isinstance(engine, CanRenderRemedies) else facts


def _asked(facts: ReviewFacts, name: str, ask: Callable[[], object]) -> ReviewFacts:
    """The facts with a field that the database may refuse."""
    try:
        values: dict[str, Any] = {name: ask()}
    except DatabaseError as error:
        return _without(facts, **{name: str(error)})
    return replace(facts, **values)


def _without(facts: ReviewFacts, **reasons: str) -> ReviewFacts:
    return replace(facts, missing={**facts.missing, **reasons})
