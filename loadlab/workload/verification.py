"""Checks of the data beside the load: what reads returned, and whether what was acknowledged is still there.

While the load runs a thread only keeps references: a read's raw result, an insert's key. They are looked at when
nothing is executed any more. Reads are compared value by value with the dataset's cells; a row that has been updated
since it was loaded is left out, by the database's own word (`CanTellUntouched`), or by the columns that the workload
updates where the database has none.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from loadlab.engines.abilities import CanAppend, CanReadBack, CanTellContent, CanTellResolution, CanTellUntouched
from loadlab.engines.protocol import Engine, Session, Values
from loadlab.workload.loop import Call
from loadlab.workload.plan import LoadPlan
from loadlab.workload.readable import Changes, Insertion, ReadCheck, changes_of, insertion, read_check
from loadlab.workload.values import full_parameters

if TYPE_CHECKING:
    from loadlab.schema.model import LogicalType, Table
    from loadlab.workload.values import Cells, Columns

# What a thread keeps at most: memory stays bounded however long the load is.
READS_KEPT = 2_000
KEYS_KEPT = 200_000
_SHOWN = 3
# Engines whose reads are compared: those that know which rows were updated, or what the load updates.
_COMPARED = (CanTellUntouched, CanTellContent)


@dataclass(slots=True)
class Findings:
    """What one driver found: `checked` reads or keys, of `seen`; `wrong` are sentences about those that were not right.

    `changed` reads returned rows that had been updated since they were loaded, and say nothing.
    """

    seen: int = 0
    checked: int = 0
    changed: int = 0
    wrong: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return {"seen": self.seen, "checked": self.checked, "changed": self.changed, "wrong": len(self.wrong),
                "first": self.wrong[:_SHOWN]}  # fmt: skip


class Kept:
    """What one thread keeps for later."""

    def __init__(self) -> None:
        self.reads: deque[tuple[str, Values, Any]] = deque(maxlen=READS_KEPT)
        self.keys: deque[tuple[str, tuple[Any, ...]]] = deque(maxlen=KEYS_KEPT)
        self.reads_seen = self.keys_seen = 0
        self._pending: list[tuple[str, tuple[Any, ...]]] = []

    def acknowledge(self, name: str, key: tuple[Any, ...]) -> None:
        """The database has said that the row is in."""
        self.keys.append((name, key))
        self.keys_seen += 1

    def expect(self, name: str, key: tuple[Any, ...]) -> None:
        """The row is in once the transaction is committed."""
        self._pending.append((name, key))

    def committed(self) -> None:
        for name, key in self._pending:
            self.acknowledge(name, key)
        self._pending.clear()

    def rolled_back(self) -> None:
        self._pending.clear()


def checked_read(session: CanReadBack, execute: Call, name: str, kept: Kept, *, every: int) -> Call:
    """The read, which keeps its raw result every so many executions, and the first time: a slow load is checked too."""
    keep = session.keep_result
    count = every - 1

    def read(values: Values) -> object:
        nonlocal count
        rows = execute(values)
        count += 1
        if count >= every:
            count = 0
            kept.reads.append((name, values, keep()))
            kept.reads_seen += 1
        return rows

    return read


def acknowledged_insert(execute: Call, name: str, found: Insertion, kept: Kept) -> Call:
    """The insert, whose key is kept when the database has acknowledged it."""
    positions = found.positions

    def insert(values: Values) -> object:
        rows = execute(values)
        kept.acknowledge(name, tuple(values[position] for position in positions))
        return rows

    return insert


def verifier_of(plan: LoadPlan, engine: Engine, cells: Cells) -> Verifier:
    """What of a plan's workload is checked: nothing, unless the workload asks for it."""
    share = plan.workload.verify
    if not share:
        return Verifier(engine, cells, {}, {}, Changes({}, frozenset()))
    schema = plan.manifest.schema
    operations = plan.workload.operations
    reads, inserts = {}, {}
    for name, statement in plan.statements.items():
        operation = operations.get(name)
        plain = operation is not None and operation.transaction is None and operation.flow is None
        if operation is not None and plain and not operation.is_write and isinstance(engine, _COMPARED):
            check = read_check(statement, full_parameters(operation, cells.table), schema, engine)
            if check is not None:
                reads[name] = check
        found = insertion(statement, schema, engine) if isinstance(engine, CanAppend) else None
        if found is not None:
            inserts[name] = found
    changes = changes_of(plan.statements.values(), schema, engine)
    if plan.new_rows_start and not isinstance(engine, CanTellUntouched):
        # An earlier load may have changed anything, and nobody knows what.
        changes = Changes({table.key: frozenset((*table.column_names, "")) for table in schema}, frozenset())
    return Verifier(engine, cells, reads, inserts, changes, every=max(1, round(1 / share)))


class Verifier:
    """Looks at what the threads kept. Made before the load; `verify` runs when nothing is executed."""

    def __init__(
        self,
        engine: Engine,
        cells: Cells,
        reads: Mapping[str, ReadCheck],
        inserts: Mapping[str, Insertion],
        changes: Changes,
        *,
        every: int = 1,
    ) -> None:
        self._engine, self._cells, self._changes, self._every = engine, cells, changes, every
        self.reads, self.inserts = reads, inserts
        self._moment_us = engine.moment_us if isinstance(engine, CanTellResolution) else 1
        self._rows: dict[str, dict[Values, int]] = {}
        self._untouched: dict[tuple[str, tuple[str, ...]], Any] = {}

    def watched(self, session: Session, execute: Call, name: str, kept: Kept) -> Call:
        """The call of an operation, with what is kept of it for later."""
        if name in self.reads and isinstance(session, CanReadBack):
            return checked_read(session, execute, name, kept, every=self._every)
        if name in self.inserts:
            return acknowledged_insert(execute, name, self.inserts[name], kept)
        return execute

    def know(self, name: str, values: Sequence[Values], rows: Sequence[int]) -> None:
        """Which row of the dataset each set of values of an operation stands for."""
        self._rows[name] = dict(zip(map(tuple, values), rows, strict=True))

    def verify(self, kept: Sequence[Kept], *, timeout_s: float) -> dict[str, dict[str, Any]]:
        """By kind of check, what was found. Raises DatabaseError when the database cannot be asked."""
        session = self._engine.connect(timeout_s=timeout_s)
        try:
            found = {}
            if self.reads:
                found["reads"] = self._verify_reads(session, kept).plain()
            if self.inserts:
                found["writes"] = self._verify_keys(session, kept).plain()
            return found
        finally:
            session.close()

    # -- reads -------------------------------------------------------------------------------------------------------

    def _verify_reads(self, session: Session, kept: Sequence[Kept]) -> Findings:
        assert isinstance(session, CanReadBack)
        findings = Findings(seen=sum(one.reads_seen for one in kept))
        by_operation: dict[str, list[tuple[int, list[tuple[Any, ...]]]]] = {}
        for one in kept:
            for name, values, raw in one.reads:
                row = self._rows[name].get(tuple(values))
                if row is not None:
                    by_operation.setdefault(name, []).append((row, session.rows_of(raw)))
        for name, reads in by_operation.items():
            self._compare(session, name, reads, findings)
        return findings

    def _compare(
        self,
        session: Session,
        name: str,
        reads: Sequence[tuple[int, list[tuple[Any, ...]]]],
        findings: Findings,
    ) -> None:
        check = self.reads[name]
        table = self._cells.table(check.table)
        rows = np.array([row for row, _ in reads], dtype=np.int64)
        names = tuple(dict.fromkeys(column for column in check.columns if column is not None))
        wanted = {column: array.to_pylist() for column, array in self._cells.columns(check.table, names, rows).items()}
        for place, (row, found) in enumerate(reads):
            cells = {column: wanted[column][place] for column in names}
            differing = _differing(check, table, cells, found, self._moment_us)
            if differing is not None and not self._is_wrong(session, table, row, differing):
                findings.changed += 1
                continue
            findings.checked += 1
            if differing is not None:
                findings.wrong.append(f"{name} returned of row {row:,} of {table.key} {_told(differing)}")

    def _is_wrong(self, session: Session, table: Table, row: int, differing: Mapping[str, Any]) -> bool:
        """Whether what differs is nobody's doing: not this load's, nor an earlier one's, nor anybody else's."""
        untouched = self._is_untouched(session, table, row)
        if untouched is not None:
            return untouched
        changing = self._changes.columns.get(table.key, frozenset())
        return table.key not in self._changes.emptied and not set(differing) <= changing

    def _is_untouched(self, session: Session, table: Table, row: int) -> bool | None:
        """Whether a row is as it was loaded; None: the database does not tell."""
        if not isinstance(self._engine, CanTellUntouched):
            return None
        key, cells = self._key_of(table, row)
        handle = self._untouched.get((table.key, key))
        if handle is None:
            statement = self._engine.untouched_statement(table, key)
            handle = self._untouched[table.key, key] = session.prepare(statement)
        return session.execute(handle, session.encode(handle, cells)[0]) == 1

    def _key_of(self, table: Table, row: int) -> tuple[tuple[str, ...], Columns]:
        """The columns by which a row is found, with its cells: a read is checked of none that has no such key."""
        for key in table.unique_keys:
            cells = self._cells.columns(table.key, key, np.array([row], dtype=np.int64))
            if not any(array.null_count for array in cells.values()):
                return key, cells
        raise AssertionError(f"nothing tells row {row} of {table.key} from others")

    # -- acknowledged writes -----------------------------------------------------------------------------------------

    def _verify_keys(self, session: Session, kept: Sequence[Kept]) -> Findings:
        assert isinstance(self._engine, CanAppend)
        findings = Findings(seen=sum(one.keys_seen for one in kept))
        handles: dict[tuple[str, tuple[str, ...]], Any] = {}
        for one in kept:
            for name, key in one.keys:
                found = self.inserts[name]
                if found.table in self._changes.emptied:
                    findings.changed += 1
                    continue
                handle = handles.get((found.table, found.key))
                if handle is None:
                    lookup = self._engine.lookup_statement(self._cells.table(found.table), found.key)
                    handle = handles[found.table, found.key] = session.prepare(lookup)
                findings.checked += 1
                if session.execute(handle, key) != 1:
                    shown = ", ".join(_text(value) for value in key)
                    findings.wrong.append(f"{name} was acknowledged and is lost: {found.table} {shown}")
        return findings


def _differing(
    check: ReadCheck, table: Table, wanted: Mapping[str, Any], found: Sequence[tuple[Any, ...]], moment_us: int = 1
) -> dict[str, tuple[Any, Any]] | None:
    """By column (read, meant) where they differ; `""` stands for the row itself. None: all is right."""
    if len(found) != 1:
        return {"": (f"{len(found)} rows", "one row")}
    differing = {}
    for column, value in zip(check.columns, found[0], strict=True):
        if column is not None:
            meant = _kept(meant_value(wanted[column], table.column(column).type), moment_us)
            if not _equal(value, meant):
                differing[column] = (value, meant)
    return differing or None


def _told(differing: Mapping[str, tuple[Any, Any]]) -> str:
    column, (value, meant) = next(iter(differing.items()))
    return f"{column} = {value!r}, not {meant!r}" if column else f"{value}, not {meant}"


def meant_value(value: Any, type: LogicalType) -> Any:
    """A cell as an engine's session gives it back (`CanReadBack.rows_of`)."""
    if value is None:
        return None
    match type.kind:
        case "uuid":
            return UUID(bytes=value)
        case "json":
            return json.loads(value)
        case "text" if type.fixed:
            return value.rstrip(" ")
        case "float" if type.bits == 32:
            return float(np.float32(value))
        case "timestamp" if isinstance(value, dt.datetime):
            return value.replace(tzinfo=None) if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
    return value


def _kept(value: Any, moment_us: int) -> Any:
    """As a database keeps it whose moments are no finer."""
    if moment_us == 1 or not isinstance(value, dt.datetime):
        return value
    return value.replace(microsecond=value.microsecond // moment_us * moment_us)


def _equal(value: Any, meant: Any) -> bool:
    if isinstance(value, dt.datetime):
        value = value.replace(tzinfo=None) if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, str) and isinstance(meant, str):
        return value.rstrip(" ") == meant.rstrip(" ")
    if isinstance(value, Decimal) or isinstance(meant, Decimal):
        return Decimal(value) == Decimal(meant)
    return bool(value == meant)


def _text(value: Any) -> str:
    if isinstance(value, bytes) and len(value) == 16:
        return str(UUID(bytes=value))
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
