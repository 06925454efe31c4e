"""Trying a sample of the rows on the database before anything is written, and what to do about a refusal.

A CHECK that nobody here understands is left to the database. Should it refuse the rows as they are generated, its
columns are tried as NULL, at their constant defaults, and both (`data.plan.remedies`); the first that the database
accepts is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

import pyarrow as pa

from loadlab.data.dataset import Dataset
from loadlab.data.feasibility import TableFeasibility, feasibility
from loadlab.data.plan.remedies import Remedy
from loadlab.engines.abilities import CanTryRows, Refusal
from loadlab.engines.protocol import Engine
from loadlab.errors import ConstraintError, InputError
from loadlab.schema.checks import expression_columns
from loadlab.schema.model import Table

_ROWS, _ROWS_IF_UNCERTAIN = 64, 512
_MOST_ATTEMPTS = 40
_VALUE_SHOWN = 60


@dataclass(frozen=True, slots=True)
class TableRefusal:
    """What the database refused. `values` are those of the row in the columns that the constraint speaks of."""

    table: str
    message: str
    constraint: str | None
    columns: tuple[str, ...]
    values: tuple[str, ...]
    tried: tuple[str, ...]
    """The remedies that were tried in vain."""
    not_understood: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """`rows` of `tables` tables were tried."""

    tables: int
    rows: int
    refusals: tuple[TableRefusal, ...]


def settle(engine: Engine, dataset: Dataset, *, always: bool) -> tuple[Dataset, Trial | None]:
    """Try the dataset where the database may refuse it (or `always`); with the remedies that it takes, if any.

    No trial where rows cannot be tried, or were begun to be written already.
    """
    if not isinstance(engine, CanTryRows) or engine.manifest() is not None:
        return dataset, None
    report = _report(dataset)
    uncertain = frozenset(item.table for item in report if item.rows and not item.is_certain)
    if not uncertain and not always:
        return dataset, None
    if not dataset.manifest.owns_tables and any(engine.user_tables().values()):
        return dataset, None  # seeding refuses tables that hold rows, whatever the rows
    tables = [item.table for item in report if item.rows and (always or item.table in uncertain)]
    return _Attempts(engine, uncertain).settled(dataset, tables)


def refuse(dataset: Dataset, refusal: TableRefusal) -> NoReturn:
    """Raises InputError naming the scenario's key that helps, or ConstraintError where none does."""
    if not refusal.columns:
        raise ConstraintError(f"{refusal.table}: the database would refuse its rows: {refusal.message}")
    place = f"{dataset.manifest.body['place']}: data.tables.{refusal.table}.columns.{refusal.columns[0]}"
    row = ", ".join(f"{name} = {value}" for name, value in zip(refusal.columns, refusal.values, strict=False))
    unknown = ", which is not understood" if refusal.not_understood else ""
    tried = f" (tried in vain: {'; '.join(refusal.tried)})" if refusal.tried else ""
    others = f", and for {', '.join(refusal.columns[1:])} if need be" if len(refusal.columns) > 1 else ""
    raise InputError(
        place,
        f"needs values: by its CHECK {refusal.constraint}{unknown}, the database refuses {row or 'what is made'}"
        f"{tried}; state values, a range or a meaning{others}",
    )


def _report(dataset: Dataset) -> tuple[TableFeasibility, ...]:
    return feasibility(dataset.plan, dataset.manifest.schema, owns_tables=dataset.manifest.owns_tables)


class _Attempts:
    """Trials one after the other, each with the next remedy for what was refused."""

    def __init__(self, engine: CanTryRows, uncertain: frozenset[str]) -> None:
        self._engine = engine
        self._uncertain = uncertain
        self._chosen: dict[str, dict[str, str]] = {}
        self._refused: dict[tuple[str, str | None], TableRefusal] = {}
        """By table and constraint, what was refused first: the rows as they are generated."""
        self._tried: dict[tuple[str, str | None], list[Remedy]] = {}

    def settled(self, dataset: Dataset, tables: list[str]) -> tuple[Dataset, Trial]:
        """The dataset that the database accepts, or comes closest to it."""
        rows = sum(min(dataset.row_count(key), self._size(key) * 3) for key in tables)
        pending, final = tables, list[TableRefusal]()
        for _ in range(_MOST_ATTEMPTS):
            refused = self._try(dataset, pending)
            for item in refused:
                self._refused.setdefault((item.table, item.constraint), self._told(dataset, item))
            # Only the tables that change are tried anew: what others take from them does not change.
            dataset, pending = self._changed(dataset, refused)
            final += [self._final(item) for item in refused if item.table not in pending]
            if not pending:
                break
        return dataset, Trial(len(tables), rows, tuple(final))

    def _changed(self, dataset: Dataset, refused: tuple[Refusal, ...]) -> tuple[Dataset, list[str]]:
        """The dataset with the next remedies, and the tables that have one."""
        before = {key: dict(chosen) for key, chosen in self._chosen.items()}
        again = [item for item in refused if self._advance(dataset, item)]
        while again:
            try:
                return dataset.remedied(self._chosen), [item.table for item in again]
            except InputError:
                # Data that cannot be: the remedy contradicts something else.
                again = [item for item in again if self._advance(dataset, item)]
        return (dataset if self._chosen == before else dataset.remedied(self._chosen)), []

    def _final(self, refusal: Refusal) -> TableRefusal:
        found = self._refused[refusal.table, refusal.constraint]
        tried = tuple(remedy.words for remedy in self._tried.get((refusal.table, refusal.constraint), ()))
        return replace(found, tried=tried)

    def _try(self, dataset: Dataset, tables: list[str]) -> tuple[Refusal, ...]:
        wanted = {*tables, *_parents(dataset, set(tables) & self._uncertain)}
        samples = (
            (dataset.loaded_table(key), self._sample(dataset, key))
            for key in dataset.tables
            if key in wanted and dataset.row_count(key)
        )
        return self._engine.try_rows(dataset.manifest, samples)

    def _size(self, key: str) -> int:
        return _ROWS_IF_UNCERTAIN if key in self._uncertain else _ROWS

    def _sample(self, dataset: Dataset, key: str) -> pa.RecordBatch:
        return _joined([dataset.batch(key, start, stop) for start, stop in self._parts(dataset, key)])

    def _parts(self, dataset: Dataset, key: str) -> Iterator[tuple[int, int]]:
        """The first rows, some in the middle and the last."""
        rows, size, done = dataset.row_count(key), self._size(key), 0
        for start in (0, max((rows - size) // 2, 0), max(rows - size, 0)):
            start, stop = max(start, done), min(start + size, rows)
            if start < stop:
                yield start, stop
                done = stop

    def _advance(self, dataset: Dataset, refusal: Refusal) -> bool:
        """Choose the next remedy for what was refused; False where there is none, and then none is chosen.

        An error that names no constraint may come from a CHECK that cannot be computed: each is tried.
        """
        remedies = dataset.plan.findings[refusal.table].remedies
        names = [refusal.constraint] if refusal.constraint is not None else list(remedies)
        tried = self._tried.setdefault((refusal.table, refusal.constraint), [])
        chosen = self._chosen.setdefault(refusal.table, {})
        for remedy in (remedy for name in names for remedy in remedies.get(name, ())):
            if remedy not in tried:
                tried.append(remedy)
                chosen |= {remedy.check: remedy.candidate}
                return True
            if refusal.constraint is None:
                chosen.pop(remedy.check, None)
        for name in names:
            chosen.pop(name, None)
        if not chosen:
            del self._chosen[refusal.table]
        return False

    def _told(self, dataset: Dataset, refusal: Refusal) -> TableRefusal:
        columns = _columns(dataset.table(refusal.table), refusal, dataset.manifest.schema.dialect)
        values: tuple[str, ...] = ()
        if refusal.row is not None and columns:
            row = self._row(dataset, refusal.table, refusal.row)
            filled = dataset.plan.tables[refusal.table].columns
            values = tuple(_shown(dataset.cell(refusal.table, n, row)) if n in filled else "?" for n in columns)
        unknown = (refusal.constraint or "") in dataset.plan.findings[refusal.table].remedies
        return TableRefusal(refusal.table, refusal.message, refusal.constraint, columns, values, (), unknown)

    def _row(self, dataset: Dataset, key: str, place: int) -> int:
        """The row at a place in the sample."""
        for start, stop in self._parts(dataset, key):
            if place < stop - start:
                return start + place
            place -= stop - start
        return 0


def _parents(dataset: Dataset, tables: set[str]) -> set[str]:
    """Of tables whose CHECKs are not understood: a function in one of them may look at the rows of its parents."""
    return {key.target for name in tables for key in dataset.table(name).foreign_keys if key.target in dataset.tables}


def _columns(table: Table, refusal: Refusal, dialect: str) -> tuple[str, ...]:
    """The stored columns that a refused CHECK speaks of; none for any other constraint."""
    check = next((check for check in table.checks if check.name == refusal.constraint), None)
    if check is None:
        return ()
    stored = {column.name for column in table.stored_columns}
    return tuple(name for name in expression_columns(check.expression, dialect) if name in stored)


def _shown(value: object) -> str:
    text = "NULL" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _VALUE_SHOWN else f"{text[: _VALUE_SHOWN - 1]}…"


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
