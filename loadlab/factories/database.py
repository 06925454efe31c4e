"""A database that factories write to: its schema, its dataset, the states of its tables, the rows that are taken."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from loadlab.data.core.hashing import Int64s
from loadlab.data.dataset import Dataset
from loadlab.data.growth import dataset_of
from loadlab.data.history import settled
from loadlab.data.plan.planner import DataRequest
from loadlab.data.sizes import sizes_by_relations
from loadlab.engines import DEFAULT_URL, open_database
from loadlab.engines.abilities import CanAppend, CanClone, CanNest, CanTune
from loadlab.engines.protocol import Engine, Session
from loadlab.errors import DatabaseError, InputError
from loadlab.factories.factory import Factory
from loadlab.factories.recipe import Wish, shaped_wishes, state_wishes
from loadlab.schema.manifest import Manifest
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import KEY, Documents
from loadlab.seeding.documents import with_documents
from loadlab.seeding.seeder import seed as seed_dataset
from loadlab.sourcing import scenario_of, schema_of
from loadlab.spec.scenario import Scenario
from loadlab.spec.shapes import ColumnShape, DataShape
from loadlab.spec.statement import Statement

_URL = re.compile(r"^(embedded:|[a-z][a-z0-9+.]*://)", re.IGNORECASE)
_QUERY_TIMEOUT_S = 60.0
_PATTERN_ROWS = 1000
_FIRST_STEP, _LAST_STEP = 2**10, 2**30
_DAY_US = 86_400_000_000


def open(
    source: str | Path,
    *,
    database: str | None = None,
    rows: int | Mapping[str, int] | None = None,
    scale: float | None = None,
    seed: int | None = None,
    now: dt.datetime | None = None,
) -> Database:
    """Open a database for factories.

    `source` is the address of a database that has its tables, or a scenario or a schema (as `loadlab seed` takes them),
    whose tables are made in `database` (a temporary one unless told) and filled when `rows` or `scale` is given.
    `seed` makes other values; `now` is the time that new rows come up to: that of the newest row, or today's midnight
    (UTC) in an empty database. Raises LoadLabError.
    """
    text = str(source)
    if _URL.match(text):
        if database is not None:
            raise InputError("loadlab.open()", "takes one database", value=text)
        database, text = text, ""
    scenario = scenario_of(text or None)
    engine = open_database(database or DEFAULT_URL)
    try:
        dataset, has_ledger = _dataset_of(engine, scenario, rows, scale, seed)
        return Database(engine, dataset, scenario.file.data, has_ledger=has_ledger, now=now)
    except BaseException:
        engine.close()
        raise


def _dataset_of(
    engine: Engine,
    scenario: Scenario,
    rows: int | Mapping[str, int] | None,
    scale: float | None,
    seed: int | None,
) -> tuple[Dataset, bool]:
    """What the database holds of LoadLab's making: with a ledger, or (tables of somebody else) nothing."""
    found = schema_of(scenario, engine)
    there = engine.manifest()
    fills = rows is not None or scale is not None
    if there is not None and not there.finished:
        raise DatabaseError(f"{engine.display_url} is only half filled; run the same loadlab seed again to finish it")
    if there is not None and not fills:
        return dataset_of(there), True
    shape = settled(scenario.file.data, None, there)
    unsaid = {"scale": shape.scale if fills else 1.0, "seed": shape.seed}
    body: Mapping[str, Any] = unsaid if there is None else there.body
    sizes = sizes_by_relations(found.schema) if scenario.is_plain else {}
    request = DataRequest(
        shape=shape if fills else without_examples(shape),
        scale=scale if scale is not None else body["scale"],
        seed=seed if seed is not None else body["seed"],
        full_rows=scenario.full_rows,
        rows=dict(rows) if isinstance(rows, Mapping) else {},
        rows_everywhere=rows if isinstance(rows, int) else None if fills else 0,
        default_rows=scenario.default_rows,
        default_rows_of=sizes if there is None else body.get("default_rows_of", {}),
        remedies=body.get("remedies", {}),
        documents=body.get(KEY),
    )
    owns_tables = scenario.source(engine.name) is not None
    dataset = Dataset.plan_for(found.schema, request, owns_tables=owns_tables)
    if isinstance(engine, CanNest) and owns_tables:
        # Which rows stand in others follows from how many there would be.
        full = request if fills else replace(request, shape=shape, scale=shape.scale, rows_everywhere=None)
        seeded = with_documents(engine, Dataset.plan_for(found.schema, full, owns_tables=True), scenario)
        dataset = dataset.with_documents(seeded.nesting.documents)
    if there is not None and there.fingerprint != dataset.manifest.fingerprint:
        remedy = "asks for other rows than the database is filled with; leave rows and scale out, or give another one"
        raise InputError("loadlab.open()", remedy, value=engine.display_url)
    if owns_tables or fills:
        seed_dataset(engine, dataset, workers=1, observe=lambda _: None)
        return dataset, True
    return dataset, False


def without_examples(shape: DataShape) -> DataShape:
    """A shape whose tables have no example rows: for a database that stays empty."""
    tables = {
        name: table.model_copy(update={"examples": []}) if getattr(table, "examples", None) else table
        for name, table in shape.tables.items()
    }
    return shape.model_copy(update={"tables": tables})


class Database:
    """An open database for factories; a context manager that closes it. Not shared between threads.

    What is guaranteed: rows of factories never collide with the dataset's, with rows that loads inserted, nor with
    those of earlier factories, in this process or in one before it. In tables that LoadLab did not fill, integer keys
    continue behind the highest, and other keys begin at the first that is free.
    """

    def __init__(
        self, engine: Engine, dataset: Dataset, shape: DataShape, *, has_ledger: bool, now: dt.datetime | None = None
    ) -> None:
        if not isinstance(engine, CanAppend):
            raise InputError("loadlab.open()", f"cannot add rows to {engine.name} yet")
        self.engine: Engine = engine
        self.dataset = dataset
        self._appends: CanAppend = engine
        self._shape = shape
        self._has_ledger = has_ledger
        self._next: dict[str, int] = {}
        self._asked: set[str] = set()
        self._states: dict[tuple[str, str], dict[str, Wish]] = {}
        self._variants: dict[str, Dataset] = {}
        self._patterns: Dataset | None = None
        self._written: set[str] = set()
        self._session: Session | None = None
        self._handles: dict[Statement, Any] = {}
        self._depth = 0
        self.now_us = _now_us(dataset, now)
        for table, table_shape in shape.tables.items():
            for name, values in (getattr(table_shape, "states", None) or {}).items():
                place = f"scenario.yaml: data.tables.{table}.states.{name}"
                self._states[table, name] = shaped_wishes(self.table(table, place), values, place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Database {self.engine.display_url}, {len(self.schema.tables)} tables>"

    def close(self) -> None:
        """Close it; a temporary database is gone."""
        self._hang_up()
        self.engine.close()

    def clone(self, *, now: dt.datetime | None = None) -> Database:
        """A copy of the database as it stands, with its rows and states, that is gone when it is closed.

        `now` is the time that its new rows come up to, this one's unless told. Nobody else may be connected to this
        database meanwhile. Raises InputError for an engine that cannot copy, and DatabaseError that says what is in
        the way.
        """
        if not isinstance(self.engine, CanClone):
            raise InputError("clone()", f"cannot copy a database of {self.engine.name} yet")
        self._hang_up()
        copy = Database(
            self.engine.clone(), self.dataset, self._shape, has_ledger=self._has_ledger, now=now or self.now
        )
        copy._states, copy._variants, copy._patterns = dict(self._states), self._variants, self._patterns
        copy._written = set(self._written)
        return copy

    def collect_statistics(self) -> tuple[str, ...]:
        """Let the planner look at tables that were written to since it looked last, by factories or by others.

        Their keys; none where the engine has no such word.
        """
        if not isinstance(self.engine, CanTune):
            return ()
        known = self.engine.snapshot().tables
        stale = {key for key, table in known.items() if table.analyzed is False or table.modified_since_analyze}
        tables = [table for table in self.schema if table.key in self._written | stale]
        for table in tables:
            self.engine.tune(self.engine.tuning().collect_statistics(table))
        self._written.clear()
        return tuple(table.key for table in tables)

    def _hang_up(self) -> None:
        """Close the connection that looks things up; the next look opens another."""
        if self._session is not None:
            self._session.close()
        self._session = None
        self._handles.clear()

    @property
    def url(self) -> str:
        """The address, for the driver of the code under test."""
        return self.engine.url

    @property
    def schema(self) -> Schema:
        """The schema that is there."""
        return self.dataset.manifest.schema

    @property
    def documents(self) -> Documents:
        """Which rows stand in others."""
        return self.dataset.nesting.documents

    @property
    def seed(self) -> int:
        """What all values are made from."""
        return self.dataset.plan.seed

    @property
    def now(self) -> dt.datetime:
        """The time that new rows come up to."""
        return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=self.now_us)

    def factory(self, table: str) -> Factory:
        """Begin an order for rows of a table. Raises InputError for a table that is not there."""
        return Factory(self, self.table(table, "factory()"))

    def table(self, key: str, place: str) -> Table:
        """Raises InputError naming the tables that there are."""
        try:
            return self.schema.table(key)
        except KeyError:
            known = ", ".join(table.key for table in self.schema)
            raise InputError(place, f"names no table of the schema; tables: {known}", value=key) from None

    def define_state(self, table: str, name: str, /, **values: object) -> None:
        """Name a state of a table: by column a constant, a list (its values take turns), a function of the row made so
        far, or `loadlab.factories.shape(...)`. Raises InputError."""
        place = f'define_state("{table}", "{name}")'
        found = self.table(table, place)
        self._states[found.key, name] = state_wishes(found, values, place)

    def state_of(self, table: Table, name: str) -> dict[str, Wish]:
        """A named state. Raises InputError naming those that there are."""
        if (table.key, name) not in self._states:
            known = ", ".join(sorted(state for key, state in self._states if key == table.key)) or "none"
            raise InputError(
                f'factory("{table.key}").state()', f"is no state of {table.key}; states: {known}", value=name
            )
        return self._states[table.key, name]

    def query(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        """Run a statement with `:named` parameters and return its rows, for a look at what is there."""
        handle = self._prepared(Statement.parse(sql))
        return self._open_session().query(handle, self._open_session().encode_row(handle, values))

    # -- what the making of rows needs -----------------------------------------------------------------------------

    def append(self, table: Table, batches: Iterable[pa.RecordBatch]) -> None:
        """Insert rows in one transaction. Raises ConstraintError when one is refused."""
        self._appends.append(table, batches)
        self._written.add(table.key)

    def key_columns(self, table: Table) -> frozenset[str]:
        """The columns that tell a row from others, or that other tables reference."""
        names = {name for unique in table.unique_keys for name in unique}
        for other in self.schema:
            for key in other.foreign_keys:
                if key.target == table.key:
                    names |= set(key.target_columns)
        return frozenset(names)

    def values_of(self, table: Table) -> Dataset:
        """What makes a table's values: the dataset, or where that has no rows of it, one that is not written anywhere.

        Raises InputError for a table that cannot have rows.
        """
        if self.dataset.row_count(table.key):
            return self.dataset
        if self._patterns is None:
            manifest = self.dataset.manifest
            shape = without_examples(DataShape.model_validate(manifest.body["shape"]))
            request = replace(
                _request(manifest, shape, "scenario.yaml"), scale=1.0, rows={}, rows_everywhere=_PATTERN_ROWS
            )
            self._patterns = Dataset.plan_for(manifest.schema, request, owns_tables=manifest.owns_tables)
        if not self._patterns.row_count(table.key):
            reason = next((note for note in self._patterns.plan.notes if note.startswith(f"{table.key}:")), "")
            raise InputError(f'factory("{table.key}")', f"can have no rows {reason}".rstrip())
        return self._patterns

    def variant(self, table: Table, shapes: Mapping[str, ColumnShape]) -> Dataset:
        """The same dataset with other shapes of some columns of a table. Raises InputError, InfeasibleError."""
        from loadlab.factories.making import without_nulls

        shapes = without_nulls(shapes)
        key = f"{table.key}:{sorted((name, shape.model_dump_json()) for name, shape in shapes.items())}"
        if key not in self._variants:
            manifest = self.values_of(table).manifest
            base = DataShape.model_validate(manifest.body["shape"])
            found = base.tables.get(table.key)
            described = found.model_dump(exclude_defaults=True) if found is not None else {}
            described.pop("columns", None)
            columns = {**(found.columns if found is not None else {}), **shapes}
            changed = type(base).model_validate({"tables": {table.key: described}}).tables[table.key]
            changed = changed.model_copy(update={"columns": columns})
            shape = base.model_copy(update={"tables": {**base.tables, table.key: changed}})
            request = _request(manifest, shape, f'factory("{table.key}")')
            self._variants[key] = Dataset.plan_for(manifest.schema, request, owns_tables=manifest.owns_tables)
        return self._variants[key]

    def next_row(self, table: Table) -> int:
        """The first row number of the dataset that no row has."""
        if table.key not in self._next:
            used = 0
            if self._has_ledger:
                manifest = self.engine.manifest()
                used = manifest.new_rows if manifest is not None else 0
            first = self.dataset.row_count(table.key) + used
            self._next[table.key] = first if self._has_ledger else self._first_free(table, first)
        return self._next[table.key]

    def take(self, table: Table, count: int, *, is_written: bool) -> int:
        """Set row numbers aside; the first of them. The ledger knows of them before they are written."""
        first = self.next_row(table)
        if is_written:
            first = self._behind_highest(table, first)
        self._next[table.key] = first + count
        if is_written and self._has_ledger and count:
            manifest = self.engine.manifest()
            used = first + count - self.dataset.row_count(table.key)
            if manifest is not None and used > manifest.new_rows:
                self.engine.note_new_rows(used)
        return first

    def highest(self, table: Table, column: str, where: Mapping[str, pa.Array]) -> Int64s:
        """The highest value of an integer column for each set of values of other columns, 0 without any; shape (n,)."""
        handle = self._prepared(self._appends.highest_statement(table, column, tuple(where)))
        session = self._open_session()
        found = [_only(session.query(handle, values)) for values in session.encode(handle, where)]
        return np.array([value or 0 for value in found], dtype=np.int64)

    @contextmanager
    def creating_parents_of(self, table: str, most: int) -> Iterator[None]:
        """Raises InputError where parents need parents without an end."""
        if self._depth >= most:
            raise InputError(f'factory("{table}")', "needs parents that need each other; give one of them with for_()")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    # -- rows that are there ---------------------------------------------------------------------------------------

    def _behind_highest(self, table: Table, first: int) -> int:
        """Behind the highest integer key: an application's own inserts take the next numbers as well."""
        column = self._numbered_key(table)
        if column is None:
            return first
        handle = self._prepared(self._appends.highest_statement(table, column))
        highest = _only(self._open_session().query(handle, ()))
        rows = np.array([first, first + 1], dtype=np.int64)
        one, two = self.values_of(table).values(table.key, column, rows).to_pylist()
        if highest is None or two - one != 1:
            return first
        return max(first, first + int(highest) - int(one) + 1)

    def _numbered_key(self, table: Table) -> str | None:
        """The primary key where it is one integer of its own."""
        if len(table.primary_key) != 1 or any(table.primary_key[0] in key.columns for key in table.foreign_keys):
            return None
        return table.primary_key[0] if table.column(table.primary_key[0]).type.kind == "integer" else None

    def _first_free(self, table: Table, first: int) -> int:
        """In a table without a ledger: the first row number whose keys nobody has.

        Earlier factories took rows in order, nearly without holes, so a stretch of which eight samples are free lies
        behind them.
        """
        in_keys = {name for key in table.foreign_keys for name in key.columns}
        own = [key for key in table.unique_keys if not set(key) & in_keys and key != (self._numbered_key(table),)]
        if not own or all(self._is_free(table, key, first) for key in own):
            return first
        step = _FIRST_STEP
        while not all(self._is_free(table, key, first + step + step * k // 8) for k in range(8) for key in own):
            step *= 2
            if step > _LAST_STEP:
                raise DatabaseError(f"{table.key}: no row is free for new keys; give its keys with sequence()")
        return first + step

    def _is_free(self, table: Table, key: Sequence[str], row: int) -> bool:
        values = self.values_of(table).columns(table.key, tuple(key), np.array([row], dtype=np.int64))
        handle = self._prepared(self._appends.lookup_statement(table, tuple(key)))
        session = self._open_session()
        return not session.query(handle, session.encode(handle, values)[0])

    def _open_session(self) -> Session:
        if self._session is None:
            self._session = self.engine.connect(timeout_s=_QUERY_TIMEOUT_S)
        return self._session

    def _prepared(self, statement: Statement) -> Any:
        if statement not in self._handles:
            self._handles[statement] = self._open_session().prepare(statement)
        return self._handles[statement]


def _only(rows: Sequence[tuple[Any, ...]]) -> Any:
    """The one value of a query; None also where there is no row."""
    return rows[0][0] if rows else None


def _request(manifest: Manifest, shape: DataShape, place: str) -> DataRequest:
    """What a manifest asked for, with another shape."""
    body = manifest.body
    full: Mapping[str, int] = body["full_rows"]
    return DataRequest(
        shape=shape,
        scale=body["scale"],
        seed=body["seed"],
        full_rows=full.get,
        rows={} if body["rows_stated"] is None else body["rows_stated"],
        rows_everywhere=body["rows_everywhere"],
        default_rows=body["default_rows"],
        default_rows_of=body.get("default_rows_of", {}),
        place=place,
        remedies=body.get("remedies", {}),
    )


def _now_us(dataset: Dataset, now: dt.datetime | None) -> int:
    if now is not None:
        moment = now.replace(tzinfo=dt.UTC) if now.tzinfo is None else now
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond
    if any(dataset.row_count(table) for table in dataset.tables):
        return dataset.now_us
    return int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000 // _DAY_US * _DAY_US


# -- the database of the moment --------------------------------------------------------------------------------------

_current: Database | None = None


def use(database: Database | None) -> None:
    """Make a database the one that `factory` writes to; None: no longer any."""
    global _current
    _current = database


def factory(table: str) -> Factory:
    """Begin an order for rows of a table of the database that `use` was told of. Raises InputError."""
    if _current is None:
        raise InputError("factory()", "has no database; call loadlab.factories.use(loadlab.open(…)) first")
    return _current.factory(table)
