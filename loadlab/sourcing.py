"""From what the user names to a schema: a scenario's source becomes DDL of an engine, and the database reads that.

The database is the parser. A DDL file is tried out as it is; models and migrations of an application become a DDL
text first: SQLAlchemy writes it itself, Django and Alembic run their own migrations on a scratch database, whose tables
are then written out, and a Prisma schema is written as Prisma's migrations would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loadlab.engines import PROVIDERS, engine_of_provider, scratch_database
from loadlab.engines.abilities import CanHostMigrations, CanMakeScratch, CanNest, CanRenderPrisma, HasNotes
from loadlab.engines.protocol import Engine, Manifest
from loadlab.errors import InputError
from loadlab.schema.model import Schema
from loadlab.schema.sources.prisma.resolve import read_prisma
from loadlab.schema.sources.project import ProjectAnswer, ScratchAddress, ask_project
from loadlab.schema.sources.scripts import read_script
from loadlab.seeding.seeder import refuse_foreign_tables
from loadlab.spec.scenario import Scenario, ScenarioFile, load_scenario
from loadlab.spec.shapes import DataShape, TimeShape
from loadlab.spec.source import SchemaSource, SourceKind, names_source, parse_source
from loadlab.spec.statement import Statement
from loadlab.workload.plan import operation_statements

# What tells a migration tool that the tables are there already.
_MARK_AS_APPLIED: dict[SourceKind, str] = {"alembic": "alembic stamp heads", "django": "manage.py migrate --fake"}
# Without a scenario it is a database to work with: its history reaches the present.
_PLAIN = DataShape(time=TimeShape(end="today"))


@dataclass(frozen=True, slots=True)
class FoundSchema:
    """A schema, the scenario's checked statements, and what the source says beyond that.

    `bookkeeping` are the keys of tables that belong to a migration tool, and get no rows; `notes` say
    so, and what of the source was left out. `values` are those that the models let a column have, by table and column,
    `rows` by table those that the framework itself writes.
    """

    schema: Schema
    statements: dict[str, Statement]
    bookkeeping: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)
    rows: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Ddl:
    """A DDL text in the words of the engine `dialect`, and what the project said beside it."""

    dialect: str
    text: str
    said: ProjectAnswer = field(default_factory=lambda: ProjectAnswer("", ()))


def scenario_of(source: str | None) -> Scenario:
    """A scenario for whatever the user gave: the scenario itself, the source of a schema, or nothing."""
    if source is None:
        return Scenario("database", Path.cwd(), ScenarioFile(data=_PLAIN), None, is_plain=True)
    if not names_source(source):
        return load_scenario(Path(source))
    found = parse_source(source, Path.cwd())
    if not found.is_file:
        return Scenario(found.title, Path.cwd(), ScenarioFile(schema=source, data=_PLAIN), None, is_plain=True)
    path = found.path
    if not path.exists():
        raise InputError(found.reference, "does not exist")
    file = ScenarioFile(schema=f"{found.kind}:{path.name}", data=_PLAIN)
    return Scenario(found.title, path.resolve().parent, file, None, is_plain=True)


def schema_of(scenario: Scenario, engine: Engine) -> FoundSchema:
    """The schema and the checked statements of a scenario, with nothing written.

    A DDL text in the engine's own words is tried out on the database itself; one in another engine's words is read on
    a scratch database of that kind. Without a source the tables that are there are the schema. Where rows may stand in
    others, the statements are checked when it is known which do (`statements_on`).
    """
    named = scenario.source(engine.name)
    if named is None:
        return _live(scenario, engine)
    source = named[1]
    ddl = _ddl_of(source, named[0], engine)
    there = engine.manifest()
    if there is not None and there.schema.ddl == ddl.text:
        return _found(there.schema, _statements(scenario, engine, there.schema), source, ddl)
    refuse_foreign_tables(engine, there)
    if ddl.dialect != engine.name:
        return _foreign(scenario, engine, source, ddl)
    with _in_source(source, _remedy(scenario, source)):
        schema = engine.preview(ddl.text, {})
    notes = _notes(engine)
    _require_targets(schema, source.name)
    statements = _statements(scenario, engine, schema)
    if statements:
        with in_scenario():
            engine.preview(ddl.text, statements)
    return _found(schema, statements, source, ddl, notes)


def _live(scenario: Scenario, engine: Engine) -> FoundSchema:
    there = engine.manifest()
    schema = there.schema if there is not None else engine.reflect()
    if not schema.tables:
        raise InputError(engine.display_url, "has no tables; name a scenario or a schema to create them")
    _require_targets(schema, engine.display_url)
    statements = _statements(scenario, engine, schema)
    with in_scenario():
        engine.check_statements(statements)
    return FoundSchema(replace(schema, ddl=""), statements, notes=_notes(engine) if there is None else ())


def _require_targets(schema: Schema, place: str) -> None:
    """Raises InputError where there is no table, or one that a foreign key references is not there: SQLite, and MySQL
    without its checks, take such a key.
    """
    if not schema.tables:
        raise InputError(place, "creates no table")
    there = {table.key for table in schema}
    for table in schema:
        for key in table.foreign_keys:
            if key.target not in there:
                what = f"references {key.target}, a table that is not there; make it, or take the foreign key away"
                raise InputError(f"{place}: {table.key}: foreign key {key.name}", what)


def _notes(engine: Engine) -> tuple[str, ...]:
    return engine.notes() if isinstance(engine, HasNotes) else ()


def _foreign(scenario: Scenario, engine: Engine, source: SchemaSource, ddl: _Ddl) -> FoundSchema:
    """A schema in another engine's words: tried out on a database of the kind that is to hold it."""
    with scratch_database(ddl.dialect) as scratch, _in_source(source):
        schema = scratch.preview(ddl.text, {})
        notes = _notes(scratch)
    _require_targets(schema, source.name)
    statements = _statements(scenario, engine, schema)
    with _scratch_of(engine) as trial, in_scenario():
        trial.create(Manifest("trial", {}, schema, owns_tables=True))
        if not isinstance(engine, CanNest):
            trial.check_statements(statements)
        notes += _notes(trial)
    return _found(schema, statements, source, ddl, notes)


def statements_on(scenario: Scenario, engine: Engine, manifest: Manifest) -> dict[str, Statement]:
    """The scenario's statements for what the manifest says, checked, before anything is made: where rows stand in
    others they depend on which. Raises InputError.
    """
    with _scratch_of(engine) as trial, in_scenario():
        trial.create(manifest)
        statements = _statements(scenario, trial, manifest.schema)
        trial.check_statements(statements)
    return statements


def _scratch_of(engine: Engine) -> AbstractContextManager[Engine]:
    """Of the same server where it can make one, so that the trial is of what that one can do."""
    return engine.scratch() if isinstance(engine, CanMakeScratch) else scratch_database(engine.name)


def _found(
    schema: Schema,
    statements: dict[str, Statement],
    source: SchemaSource,
    ddl: _Ddl,
    notes: tuple[str, ...] = (),
) -> FoundSchema:
    def keys_of(namespace: str, name: str) -> list[str]:
        return [t.key for t in schema if name == t.name and namespace in ("", t.namespace)]

    named = {key for namespace, name in ddl.said.bookkeeping for key in keys_of(namespace, name)}
    keys = tuple(table.key for table in schema if table.key in named)
    kept = tuple(
        f"{key}: belongs to {source.kind} and gets no rows; `{_MARK_AS_APPLIED[source.kind]}` fills it for an"
        " application that is to run on this data"
        for key in keys
    )
    values: dict[str, dict[str, tuple[Any, ...]]] = {}
    for namespace, name, column, known in ddl.said.values:
        for key in keys_of(namespace, name):
            values.setdefault(key, {})[column] = known
    rows = {key: known for namespace, name, known in ddl.said.rows for key in keys_of(namespace, name)}
    return FoundSchema(schema, statements, keys, (*notes, *kept), values, rows)


def _statements(scenario: Scenario, engine: Engine, schema: Schema) -> dict[str, Statement]:
    return operation_statements(scenario, engine, schema) if scenario.file.workload.operations else {}


# -- from a source to DDL --------------------------------------------------------------------------------------------


def _ddl_of(source: SchemaSource, dialect: str, engine: Engine) -> _Ddl:
    """The source as a text in the words of the engine `dialect`, or of the one that the source itself is written for.

    Raises InputError, MissingDependencyError.
    """
    if source.kind == "ddl":
        return _Ddl(dialect, read_script(source.path))
    if source.kind == "prisma":
        return _prisma(source, dialect, engine)
    with scratch_database(dialect) as scratch:
        if not isinstance(scratch, CanHostMigrations):
            raise InputError(source.name, f"cannot be read on {dialect}; give the schema as a DDL file")
        address = ScratchAddress(scratch.sqlalchemy_url(), scratch.django_settings(), scratch.url)
        answer = ask_project(source, address)
        return _Ddl(dialect, scratch.with_extensions(answer.ddl or scratch.dump_ddl()), answer)


def _prisma(source: SchemaSource, dialect: str, engine: Engine) -> _Ddl:
    schema = read_prisma(source.path)
    name = dialect if schema.provider is None else engine_of_provider(schema.provider)
    if name is None:
        known = ", ".join(PROVIDERS)
        raise InputError(
            f"{source.name}: datasource.provider", f"cannot be read; must be one of {known}", value=schema.provider
        )
    if name == engine.name and isinstance(engine, CanRenderPrisma):
        return _Ddl(name, engine.render_prisma(schema))
    with scratch_database(name) as scratch:
        if not isinstance(scratch, CanRenderPrisma):
            raise InputError(source.name, f"cannot be read on {name}; give the schema as a DDL file")
        return _Ddl(name, scratch.render_prisma(schema))


# -- errors ----------------------------------------------------------------------------------------------------------


def _remedy(scenario: Scenario, source: SchemaSource) -> str:
    if source.kind != "ddl" or scenario.source_has_engine:
        return ""
    where = " in a scenario.yaml beside it" if scenario.is_plain else ""
    return f"; in another engine's words it is read as schema: {{ENGINE: {source.name}}}{where}"


@contextmanager
def _in_source(source: SchemaSource, more: str = "") -> Iterator[None]:
    """Engines know the line of a mistake, not the file; a made text's lines mean nothing to its user."""
    try:
        yield
    except InputError as error:
        place = f"{source.name}: {error.place}" if source.kind == "ddl" else source.name
        raise InputError(place, error.remedy + more, value=error.value) from None


@contextmanager
def in_scenario() -> Iterator[None]:
    """Engines know an operation's name (a statement of several is NAME/1, NAME/2, …), not where it is written."""
    try:
        yield
    except InputError as error:
        kind, _, name = error.place.partition(" ")
        if kind != "operation":
            raise
        operation, _, number = name.rstrip(":").partition("/")
        which = f" (its statement {number})" if number else ""
        place = f"scenario.yaml: workload.operations.{operation}{which}:"
        raise InputError(place, error.remedy, value=error.value) from None
