"""Flows: operations of several steps, written as plain Python functions in the scenario's `flows.py`.

    from loadlab.workload import Keys, Session

    def transfer(db: Session, pick: Keys) -> None:
        order = pick.row("orders", by="latest")
        with db.transaction():
            db.execute("UPDATE orders SET status = 'paid' WHERE id = :id", id=order["id"])

A flow runs in a driver's threads; what it raises is counted as the failure of one operation.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from loadlab.errors import InputError
from loadlab.spec.native import text_for
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from loadlab.data.core.hashing import Int64s
    from loadlab.engines.protocol import Session as Connection
    from loadlab.engines.protocol import Values
    from loadlab.schema.model import LogicalType
    from loadlab.workload.keys import NewRows, ReadPick
    from loadlab.workload.readable import Insertion
    from loadlab.workload.supply import Supply
    from loadlab.workload.values import Cells
    from loadlab.workload.verification import Kept

FlowText = str | Mapping[str, str | Mapping[str, Any]]
"""A statement's text, or one for each engine by its name (`sql`: for all that speak SQL); a command may be a dict."""

# Rows are drawn in blocks; reads go round in one, new rows are used once.
_TEXTS_KEPT = 256
_READ_BLOCK = 8192
_NEW_BLOCK = 512


class StatementNames:
    """The names under which a flow's statements are counted, `operation/1`, `operation/2`, …, in one process.

    Statements found in the source are numbered before the load, in the order of the source, so that every process
    agrees; a text made up at run time gets the next number. Safe to share between threads.
    """

    def __init__(self, operation: str, known: Mapping[str, Statement]) -> None:
        self._operation = operation
        self._names = {statement: name for name, statement in known.items()}
        self._lock = threading.Lock()

    @property
    def known(self) -> Mapping[str, Statement]:
        """Every statement so far, by name."""
        with self._lock:
            return {name: statement for statement, name in self._names.items()}

    def name_of(self, statement: Statement) -> str:
        with self._lock:
            return self._names.setdefault(statement, f"{self._operation}/{len(self._names) + 1}")


class FlowSession:
    """A connection as a flow sees it. One thread's, one flow's.

    Texts hold named parameters (`:name`); each distinct text is prepared once. Errors are
    `loadlab.errors.DatabaseError`s; a flow may catch them or let them end it.
    """

    def __init__(
        self,
        connection: Connection,
        names: StatementNames,
        counts: dict[str, int],
        *,
        engine: str,
        isolation: str | None = None,
        kept: Kept | None = None,
        insertions: Mapping[str, Insertion] | None = None,
    ) -> None:
        self._connection, self._names, self._counts, self._isolation = connection, names, counts, isolation
        self.kept_for_later, self._insertions = kept, insertions or {}
        self._prepared: dict[str, tuple[Any, str]] = {}
        self._texts: dict[int, tuple[Mapping[str, str | Mapping[str, Any]], str]] = {}
        self.kept = 0
        """How often something was made to stay, by a commit or a statement of its own: that cannot be repeated."""
        self.is_in_transaction = False
        self.engine = engine
        """The engine's name, for texts that differ between engines."""
        for statement in names.known.values():
            self._prepare(str(statement), statement)

    def execute(self, text: FlowText, /, **values: object) -> int:
        """Run a statement; the number of rows returned, or affected when none are returned."""
        handle, name = self._find(text)
        wires = self._encode(handle, name, values)
        result = self._connection.execute(handle, wires)
        if name in self._insertions and self.kept_for_later is not None:
            key = tuple(wires[position] for position in self._insertions[name].positions)
            (self.kept_for_later.expect if self.is_in_transaction else self.kept_for_later.acknowledge)(name, key)
        self.kept += not self.is_in_transaction
        self._counts[name] = self._counts.get(name, 0) + 1
        return result

    def query(self, text: FlowText, /, **values: object) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        handle, name = self._find(text)
        rows = self._connection.query(handle, self._encode(handle, name, values))
        self._counts[name] = self._counts.get(name, 0) + 1
        return rows

    def transaction(self) -> Transaction:
        """`with db.transaction():` commits at its end and rolls back when an exception leaves it."""
        return Transaction(self._connection, self._isolation, self)

    def _encode(self, handle: Any, name: str, values: Mapping[str, object]) -> Values:
        try:
            return self._connection.encode_row(handle, values)
        except KeyError as error:
            raise InputError("flows.py", f"gives no value for :{error.args[0]} of {name}") from None

    def _find(self, text: FlowText) -> tuple[Any, str]:
        native = text if isinstance(text, str) else self._native(text)
        found = self._prepared.get(native)
        return found if found is not None else self._prepare(native, Statement.parse(native))

    def _native(self, texts: Mapping[str, str | Mapping[str, Any]]) -> str:
        """The text of this engine; of a constant it is not made again on the clock."""
        known = self._texts.get(id(texts))
        if known is not None and known[0] is texts:
            return known[1]
        if len(self._texts) >= _TEXTS_KEPT:  # They are made anew each time.
            self._texts.clear()
        self._texts[id(texts)] = texts, own_text(texts, self.engine)
        return self._texts[id(texts)][1]

    def _prepare(self, native: str, statement: Statement) -> tuple[Any, str]:
        self._prepared[native] = self._connection.prepare(statement), self._names.name_of(statement)
        return self._prepared[native]


def own_text(texts: Mapping[str, str | Mapping[str, Any]], engine: str) -> str:
    """The text for an engine. Raises InputError when there is none."""
    found = text_for(texts, engine)
    if found is None:
        raise InputError("flows.py", f"has a statement for {', '.join(texts)} only, none for {engine}")
    return found


class Transaction:
    """A transaction as a context manager."""

    __slots__ = ("_connection", "_flow", "_isolation")

    def __init__(self, connection: Connection, isolation: str | None = None, flow: FlowSession | None = None) -> None:
        self._connection, self._isolation, self._flow = connection, isolation, flow

    def __enter__(self) -> None:
        self._connection.begin(self._isolation)
        if self._flow is not None:
            self._flow.is_in_transaction = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._flow is not None:
            self._flow.is_in_transaction = False
        later = self._flow.kept_for_later if self._flow is not None else None
        if error is not None:
            if later is not None:
                later.rolled_back()
            self._connection.rollback()
            return
        try:
            self._connection.commit()
        except BaseException:
            if later is not None:
                later.rolled_back()
            raise
        if later is not None:
            later.committed()
        if self._flow is not None:
            self._flow.kept += 1


class Row:
    """One row of the dataset: `row["id"]` is its value in a column, as Python."""

    __slots__ = ("_block", "_index")

    def __init__(self, block: _Block, index: int) -> None:
        self._block, self._index = block, index

    def __getitem__(self, column: str) -> Any:
        return self._block.column(column)[self._index]


class _Block:
    """Some rows of one table; a column is made when it is first asked for."""

    def __init__(self, cells: Cells, table: str, rows: Int64s, columns: Sequence[str]) -> None:
        self._cells, self._table, self._numbers = cells, table, rows
        self._columns: dict[str, list[Any]] = {}
        self._lock = threading.Lock()
        for name in columns:
            self._make(name)

    def rows(self) -> list[Row]:
        return [Row(self, index) for index in range(len(self._numbers))]

    def column(self, name: str) -> list[Any]:
        found = self._columns.get(name)
        return found if found is not None else self._make(name)

    def _make(self, name: str) -> list[Any]:
        with self._lock:
            if name not in self._columns:
                table = self._cells.table(self._table)
                if name not in table.column_names:
                    raise InputError("flows.py", f"asks for the column {name}, which {self._table} does not have")
                array = self._cells.columns(self._table, (name,), self._numbers)[name]
                self._columns[name] = python_values(array, table.column(name).type)
            return self._columns[name]


def python_values(array: pa.Array, kind: LogicalType) -> list[Any]:
    """The values as a flow expects them: UUIDs are `uuid.UUID`, everything else is Arrow's own choice."""
    values: list[Any] = array.to_pylist()
    if kind.kind == "uuid":
        return [None if value is None else UUID(bytes=value) for value in values]
    return values


class Keys:
    """Rows for flows, drawn ahead in blocks. One for each flow of a process; its threads share it."""

    def __init__(
        self,
        cells: Cells,
        new_rows: NewRows,
        random: Callable[..., np.random.Generator],
        add_supply: Callable[[Supply], None],
    ) -> None:
        self._cells, self._new_rows, self._random, self._add_supply = cells, new_rows, random, add_supply
        self._next: dict[tuple[str, str, float], Callable[[], Row]] = {}
        self._lock = threading.Lock()
        self.random: Callable[[], float] = cycle(random("uniform").random(65_521).tolist()).__next__
        """The next of prepared uniform numbers in [0, 1)."""

    def row(self, table: str, *, by: ReadPick = "uniform", exponent: float = 0.99) -> Row:
        """A seeded row: `uniform` over all, `zipf` (few hot rows), `latest` (zipf from the newest backwards)."""
        source = self._next.get((table, by, exponent))
        return (source if source is not None else self._open(table, by, exponent))()

    def new(self, table: str) -> Row:
        """A row from beyond the dataset, for an insert; never the same twice."""
        source = self._next.get((table, "new", 0.0))
        return (source if source is not None else self._open(table, "new", 0.0))()

    def pick(self, column: str, *, by: ReadPick = "uniform", exponent: float = 0.99) -> Any:
        """The value of one seeded row in `TABLE.COLUMN`."""
        table, _, name = column.rpartition(".")
        return self.row(table, by=by, exponent=exponent)[name]

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def _open(self, table: str, by: str, exponent: float) -> Callable[[], Row]:
        with self._lock:
            key = (table, by, exponent)
            if key not in self._next:
                self._check(table, by)
                self._next[key] = self._new_source(table) if by == "new" else self._read_source(table, by, exponent)
            return self._next[key]

    def _check(self, table: str, by: str) -> None:
        try:
            self._cells.table(table)
        except KeyError:
            raise InputError("flows.py", f"picks a row of {table}, a table that is not there") from None
        if by not in ("uniform", "zipf", "latest", "new"):
            raise InputError("flows.py", f"picks a row of {table} by {by}; known are uniform, zipf and latest")
        if by != "new" and not self._cells.row_count(table):
            raise InputError("flows.py", f"picks a row of {table}, which has no rows at this scale")

    def _read_source(self, table: str, by: str, exponent: float) -> Callable[[], Row]:
        from loadlab.workload.keys import pick_rows

        rows = pick_rows(
            self._random(table, by, exponent),
            by,  # type: ignore[arg-type]
            _READ_BLOCK,
            table=table,
            row_count=self._cells.row_count(table),
            exponent=exponent,
        )
        return cycle(_Block(self._cells, table, rows, ()).rows()).__next__

    def _new_source(self, table: str) -> Callable[[], Row]:
        from loadlab.workload.supply import Supply

        # Later blocks have the columns of the earlier ones ready when they are handed out.
        latest: deque[_Block] = deque(maxlen=1)

        def make(count: int) -> list[Row]:
            columns = tuple(latest[0]._columns) if latest else ()
            latest.append(_Block(self._cells, table, self._new_rows.take(table, count), columns))
            return latest[0].rows()

        supply = Supply(make, _NEW_BLOCK * 2, reusable=False)
        supply.fill()
        self._add_supply(supply)
        return supply.next


class Picks:
    """What one flow in one thread picks: the rows and numbers of `Keys`, the same again when the flow is repeated."""

    __slots__ = ("_keys", "_made", "_place")

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._made: list[Any] = []
        self._place = 0

    def forget(self) -> None:
        """Another operation begins."""
        self._made.clear()

    def begin(self) -> None:
        """The flow begins, once more perhaps."""
        self._place = 0

    def row(self, table: str, *, by: ReadPick = "uniform", exponent: float = 0.99) -> Row:
        """See `Keys.row`."""
        row: Row = self._again(lambda: self._keys.row(table, by=by, exponent=exponent))
        return row

    def new(self, table: str) -> Row:
        """See `Keys.new`."""
        row: Row = self._again(lambda: self._keys.new(table))
        return row

    def pick(self, column: str, *, by: ReadPick = "uniform", exponent: float = 0.99) -> Any:
        """See `Keys.pick`."""
        return self._again(lambda: self._keys.pick(column, by=by, exponent=exponent))

    def between(self, low: int, high: int) -> int:
        """See `Keys.between`."""
        number: int = self._again(lambda: self._keys.between(low, high))
        return number

    def random(self) -> float:
        """See `Keys.random`."""
        number: float = self._again(self._keys.random)
        return number

    def _again(self, pick: Callable[[], Any]) -> Any:
        if self._place == len(self._made):
            self._made.append(pick())
        self._place += 1
        return self._made[self._place - 1]
