"""`loadlab init`: from a schema, or from what a database has been asked, to a scenario's folder that runs as it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import DEFAULT_URL, is_bundled, open_database, scratch_database
from loadlab.engines.abilities import CanDumpSchema, CanMakeScratch, CanReadStatements, HasNotes
from loadlab.engines.protocol import Engine, Manifest
from loadlab.errors import InputError, MissingDependencyError, UnreachableError
from loadlab.mix.production import Production, production_mix
from loadlab.mix.text import Entry, ScenarioText
from loadlab.mix.trying import derived_mix
from loadlab.schema.sources.scripts import read_script
from loadlab.seeding.seeder import seed
from loadlab.seeding.trial import refuse, settle
from loadlab.sourcing import FoundSchema, scenario_of, schema_of
from loadlab.spec.requirements import load_brief
from loadlab.spec.scenario import Scenario, ScenarioFile
from loadlab.spec.shapes import DataShape
from loadlab.spec.source import SchemaSource, holds_commands, names_source, parse_source

FILE, BRIEF = "scenario.yaml", "brief.json"
_TRIAL_ROWS = 300
_ROWS_ON_A_LAPTOP = 150_000
_DEFAULT_ROWS = 1_000
# The documents' "industry standards" for who states nothing; what indexes take of a small database says little.
_TARGETS = {
    "simple_queries": "< 10ms",
    "complex_queries": "< 100ms",
    "reports": "< 5s",
    "index_storage_overhead": False,
}
# Long enough, prolonged once, for the p95 of a report that is one in two hundred operations: 83 answers.
_WORKLOAD = {"users": 20, "think_time": ["20ms", "60ms"], "duration": "20s", "connections": 8}


class Tell(Protocol):
    """How somebody outside follows the work."""

    def step(self, text: str) -> None: ...

    def notes(self, notes: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class InitOutcome:
    """What was written. `left_out`: by name, why an operation is not in the mix.

    `rows_each` is what every table gets where nobody stated a number of rows, None where somebody did.
    """

    folder: Path
    operations: tuple[str, ...]
    left_out: Mapping[str, str]
    production: Production | None = None
    rows_each: int | None = None
    run_on: str = ""
    """What `loadlab run` has to be told of the database; nothing where LoadLab brings its server along."""


def init_scenario(
    source: str | None,
    database: str | None,
    out: Path | None,
    tell: Tell,
    *,
    statements: str | None = None,
    force: bool = False,
) -> InitOutcome:
    """Write a scenario's folder. Raises LoadLabError; nothing is written then.

    Without a source the schema is that of `database`, or else of the database whose `statements` are read. No table
    of theirs is read, nothing is written to them: operations are tried on a scratch database of the kind.
    """
    live = database if database is not None else statements
    if source is None and live is None:
        raise InputError("loadlab init", "needs a schema, a brief.json, or --database with tables")
    if out is not None:
        _refuse_existing(out, force=force)
    with ExitStack() as stack:
        spare = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loadlab-")))
        # Kept open: the bundled server, if it is one, is then there for the scratch database.
        named = stack.enter_context(open_database(live if live is not None else DEFAULT_URL))
        start = _given(source, named, spare)
        folder = out if out is not None else Path("scenarios") / start.scenario.name
        _refuse_existing(folder, force=force)
        engine = stack.enter_context(_spare_database(start.dialect, named, tell))
        tell.step(f"Reading the schema of {start.title} with {engine.version()}")
        found = schema_of(start.scenario, engine)
        tell.notes(tuple(dict.fromkeys((*start.notes, *found.notes))))
        manifest = _filled(engine, found)
        made = _mix(start, engine, manifest, found, statements, tell)
        made = replace(made, rows=_full_rows(start.scenario, manifest, made))
        if out is not None and start.brief is None:
            # Whoever names the folder names the scenario; a schema's file is often called schema.
            start = replace(start, scenario=replace(start.scenario, name=out.resolve().name))
        _write(folder, start, made, spare / "made")
    names = tuple(entry.name for entry in made.entries)
    rows_each = None if made.rows else _DEFAULT_ROWS
    run_on = "" if is_bundled(start.dialect) else f" --database {start.dialect}://…"
    return InitOutcome(folder, names, made.left_out, made.production, rows_each, run_on)


@dataclass(frozen=True, slots=True)
class _Start:
    """What is begun from. `ddl` is a text to be written beside the file, if it is one; `notes` are what is a guess."""

    scenario: Scenario
    dialect: str
    title: str
    source: SchemaSource
    ddl: str | None
    brief: Path | None
    notes: tuple[str, ...] = ()

    @property
    def schema_file(self) -> str:
        """What the text is called there."""
        return f"schema{self.source.path.suffix or '.sql'}"


@dataclass(frozen=True, slots=True)
class _Mix:
    entries: tuple[Entry, ...]
    left_out: Mapping[str, str]
    production: Production | None = None
    rows: Mapping[str, int] | None = None
    """At full volume, of every table; None where nobody stated any."""


# -- what is begun from ----------------------------------------------------------------------------------------------


def _given(source: str | None, named: Engine, spare: Path) -> _Start:
    """`named` is the database of the URL, whose kind the scenario is for, or the bundled one."""
    if source is None:
        return _from_database(named, spare)
    if Path(source).suffix == ".json" and not names_source(source):
        brief_path = Path(source)
        brief = load_brief(brief_path)
        beside = parse_source(_schema_beside(brief_path), brief_path.resolve().parent)
        schema: dict[str, str] = {brief.project.database_type: beside.text}
        scenario = Scenario(brief.project.name, beside.folder, ScenarioFile(schema=schema), brief)
        return _started(scenario, named.name, brief_path)
    scenario = scenario_of(source)
    if scenario.file.schema_ is None or scenario.file.workload.operations:
        raise InputError("loadlab init", "begins from a schema or a brief.json; this is a scenario", value=source)
    return _started(scenario, named.name, None)


def _started(scenario: Scenario, kind: str, brief: Path | None) -> _Start:
    named = scenario.source(kind)
    assert named is not None
    dialect, source = named
    if source.is_file and not source.path.exists():
        raise InputError(source.reference, "does not exist")
    ddl = read_script(source.path) if source.kind == "ddl" else None
    title = source.name if brief is None else f"{brief.name} and {source.name}"
    return _Start(scenario, dialect, title, source, ddl, brief)


def _schema_beside(brief: Path) -> str:
    """The schema in the brief's folder: `schema.sql`, or the only file that can be one."""
    folder = brief.resolve().parent
    found = sorted(path for suffix in ("sql", "prisma") for path in folder.glob(f"*.{suffix}"))
    found += sorted(path for path in folder.glob("*.json") if holds_commands(path))
    preferred = [path for path in found if path.stem == "schema"] or found
    if len(preferred) != 1:
        seen = ", ".join(path.name for path in found) or "none"
        raise InputError(str(brief), f"needs a schema beside it, schema.sql or a single other one; there: {seen}")
    return preferred[0].name


def _from_database(engine: Engine, spare: Path) -> _Start:
    shown = engine.display_url
    if not any(True for _ in engine.reflect()):
        raise InputError(shown, "has no tables; name a schema to begin from")
    if not isinstance(engine, CanDumpSchema):
        raise InputError(shown, f"cannot be written out as a schema by {engine.name}; name a DDL file")
    ddl, file = engine.dump_ddl(), engine.schema_file
    (spare / file).write_text(ddl, encoding="utf-8")
    name = Path(engine.url.partition("?")[0].rstrip("/").rpartition("/")[2]).stem or "database"
    scenario = Scenario(name, spare, ScenarioFile(schema={engine.name: file}), None)
    notes = engine.notes() if isinstance(engine, HasNotes) else ()
    return _Start(scenario, engine.name, shown, parse_source(file, spare), ddl, None, notes)


def _spare_database(kind: str, named: Engine, tell: Tell) -> AbstractContextManager[Engine]:
    """A database to try things in, which disappears: on a server for such, else beside the one that is named."""
    try:
        return scratch_database(kind)
    except (InputError, MissingDependencyError, UnreachableError):
        if named.name != kind or not isinstance(named, CanMakeScratch):
            raise
    tell.step(f"Trying it in a database of its own on the server of {named.display_url}, which is dropped afterwards")
    return named.scratch()


# -- the mix ---------------------------------------------------------------------------------------------------------


def _filled(engine: Engine, found: FoundSchema) -> Manifest:
    """A few rows in every table, on which operations are tried."""
    request = DataRequest(
        shape=DataShape(),
        scale=1.0,
        seed=1,
        full_rows=lambda _: None,
        rows=dict.fromkeys(found.bookkeeping, 0),
        rows_everywhere=_TRIAL_ROWS,
    )
    dataset, trial = settle(engine, Dataset.plan_for(found.schema, request, owns_tables=True), always=False)
    if trial is not None and trial.refusals:
        refuse(dataset, trial.refusals[0])
    seed(engine, dataset, workers=1, observe=lambda _: None)
    manifest = engine.manifest()
    assert manifest is not None
    return manifest


def _mix(
    start: _Start, engine: Engine, manifest: Manifest, found: FoundSchema, statements: str | None, tell: Tell
) -> _Mix:
    if statements is None:
        tell.step(f"Trying operations on {_TRIAL_ROWS} rows a table")
        derived, refused = derived_mix(start.scenario, engine, manifest, empty=found.bookkeeping)
        return _Mix(tuple(Entry(item.name, item.why, item.body) for item in derived), refused)
    with open_database(statements) as asked:
        if not isinstance(asked, CanReadStatements):
            raise InputError("--from-statements", f"is not possible with {asked.version()}: it counts no statements")
        tell.step(f"Reading what {asked.display_url} has been asked")
        history = asked.asked_statements()
    made = production_mix(history, engine, manifest)
    entries = tuple(Entry(item.name, item.why, item.body) for item in made.operations)
    return _Mix(entries, made.left_out, made)


# -- the folder ------------------------------------------------------------------------------------------------------


def _refuse_existing(folder: Path, *, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError("--out", "is a file; name a folder", value=str(folder))
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise InputError("--out", "is there already and not empty; --force writes into it", value=str(folder))


def _write(folder: Path, start: _Start, made: _Mix, spare: Path) -> None:
    """All files beside each other first, so that a folder is whole or not there."""
    spare.mkdir()
    schema = start.source.text
    if start.ddl is not None:
        schema = start.schema_file
        (spare / schema).write_text(start.ddl, encoding="utf-8")
    elif start.source.is_file:
        schema = f"{start.source.kind}:{os.path.relpath(start.source.path.resolve(), folder.resolve())}"
    if start.brief is not None:
        shutil.copyfile(start.brief, spare / BRIEF)
    (spare / FILE).write_text(_text(start, made, schema), encoding="utf-8")
    with _written_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path in spare.iterdir():
            shutil.copyfile(path, folder / path.name)


@contextmanager
def _written_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError("--out", f"cannot be written: {error.strerror}", value=str(folder)) from None


def _text(start: _Start, made: _Mix, schema: str) -> str:
    top: dict[str, Any] = {"version": 1, "name": start.scenario.name}
    if start.brief is not None:
        top["brief"] = BRIEF
    top["schema"] = {start.dialect: schema}
    tail = [f"Of the schema: {note}" for note in start.notes]
    tail += [f"Left out: {name}: {reason}" for name, reason in made.left_out.items()]
    # Where nobody stated limits, the file states the usual ones: a scenario is to be read, and to be changed.
    targets = {} if start.brief is not None else _TARGETS
    return ScenarioText(_head(start, made), top, _data(made), _WORKLOAD, made.entries, targets, tail).render()


def _head(start: _Start, made: _Mix) -> Iterator[str]:
    yield f"Written by loadlab init from {start.title}; yours to change. `loadlab schema scenario` prints its form."
    if made.production is None:
        yield "Operations follow from keys, foreign keys and indexes; each weight is a share in per cent."
    else:
        yield made.production.summary


def _full_rows(scenario: Scenario, manifest: Manifest, made: _Mix) -> dict[str, int] | None:
    if made.production is not None and made.production.rows:
        return {table.key: made.production.rows.get(table.key, 0) for table in manifest.schema}
    if scenario.default_rows is None:
        return None
    return {table.key: scenario.full_rows(table.key) or scenario.default_rows for table in manifest.schema}


def _data(made: _Mix) -> dict[str, Any]:
    """A scale that fits a laptop where row counts are stated, so many rows a table where they are not."""
    if not made.rows:
        return {"default_rows": _DEFAULT_ROWS}
    scale = min(1.0, _ROWS_ON_A_LAPTOP / max(sum(made.rows.values()), 1))
    data: dict[str, Any] = {"scale": float(f"{scale:.0e}")}
    if made.production is not None:
        data["tables"] = {key: {"rows": count} for key, count in sorted(made.rows.items())}
    return data
