"""Values that agree across tables: sums, counts and extremes over a row's children, running balances among siblings.

The children of a row are enumerable where the relation is nested (they are neighbours): their cells are made anew and
added up, for any rows in any order, in pieces of bounded size. For every other pattern one pass over all children
fills an array with a place for each parent row.

Rows that a load inserts later change no aggregate: what stands in the database is what was true when it was seeded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.data.core.cells import Cells, Mask, as_int64, scale_of
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, TablePlan
from loadlab.data.relations.relation import Relation
from loadlab.data.values.numbers import Computed
from loadlab.errors import InputError
from loadlab.schema.model import Column, ForeignKey, LogicalType, Schema, Table
from loadlab.spec.aggregates import ChildValue

Kind = Literal["sum", "count", "min", "max"]

PARENTS_MAX = 5_000_000
"""Rows of a table whose children are not neighbours: each needs a place in memory."""
RUN_MAX = 1_000_000
"""Rows of a parent whose running balance is added up anew for each batch."""
_PIECE_ROWS = 1 << 18
_NUMBERS = ("integer", "numeric", "float")
_MOMENTS = ("date", "time", "timestamp")
_EXTREMES = {"min": np.iinfo(np.int64).max, "max": np.iinfo(np.int64).min}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`kind` over `value` (an expression of the child table's columns, empty for a count) of the rows of `table`.

    `via` names the child's foreign key by its columns, joined by ","; None when there is only one.
    """

    kind: Kind
    table: str
    value: str = ""
    via: str | None = None

    @classmethod
    def of(cls, kind: Kind, wish: ChildValue) -> Aggregate:
        """What a scenario asks for."""
        return cls(kind, wish.table, wish.value, wish.via)


@dataclass(frozen=True, slots=True)
class Balance:
    """The sum of `value` (an expression of the own table's columns) over a row and its earlier siblings."""

    value: str
    via: str | None = None


# -- generators ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Value:
    """An expression over the columns of a table, in whole numbers of its own decimal scale, or in floats."""

    expression: exp.Expr
    scale: int
    is_float: bool

    def make(self, frame: Frame) -> tuple[npt.NDArray[Any], Mask | None]:
        if isinstance(self.expression, exp.Column):
            cells = frame.cells(self.expression.name)
            values = np.asarray(cells.values) if self.is_float else as_int64(cells)
            return values, cells.valid
        cells = Computed(self.expression, self.scale).make(frame)
        return as_int64(cells), cells.valid


@dataclass
class _Totals:
    """The result of the one pass over all children, made at the first use and kept."""

    lock: Any = field(default_factory=threading.Lock)
    found: tuple[npt.NDArray[Any], Int64s] | None = None


@dataclass(frozen=True, slots=True)
class OfChildren:
    """An aggregate over the rows of `child` that reference the row through the relation of that name.

    `scale` is the decimal scale of the own column. A sum or count over no rows is 0, an extreme NULL.
    """

    kind: Kind
    child: str
    relation: str
    value: _Value | None
    scale: int
    totals: _Totals = field(default_factory=_Totals, compare=False, repr=False)

    def make(self, frame: Frame) -> Cells:
        plan, relation = self.child_plan(frame)
        if relation.pattern == "nested":
            result, counts = self._over_runs(frame, plan, relation)
        else:
            every, every_count = self._over_all(frame, plan, relation)
            known = frame.rows < len(every)
            places = np.where(known, frame.rows, 0)
            counts = np.where(known, every_count[places], 0) if len(every) else np.zeros(len(frame), dtype=np.int64)
            result = every[places] if len(every) else _start(self.kind, len(frame), self._is_float)
            if self.kind in ("sum", "count"):
                result = np.where(known, result, 0)
        return self.cells(result, counts)

    def cells(self, result: npt.NDArray[Any], counts: Int64s) -> Cells:
        """The column's cells from what was added up over so many rows."""
        if self.kind == "count":
            return Cells(counts)
        if self.kind == "sum":
            return Cells(self._scaled(result))
        valid = counts > 0
        return Cells(self._scaled(np.where(valid, result, 0)), valid)

    def child_plan(self, frame: Frame) -> tuple[TablePlan, Relation]:
        """The child table's plan and its relation to this table."""
        plan = frame.of(self.child, np.empty(0, dtype=np.int64)).plan
        return plan, next(r for r in plan.relations if r.name == self.relation)

    @property
    def _is_float(self) -> bool:
        return self.value is not None and self.value.is_float

    def _over_runs(self, frame: Frame, plan: TablePlan, relation: Relation) -> tuple[npt.NDArray[Any], Int64s]:
        starts, stops = child_runs(relation, plan.rows, frame.rows)
        lengths = stops - starts
        if self.value is None:
            return lengths, lengths
        result = _start(self.kind, len(frame), self._is_float)
        counts = np.zeros(len(frame), dtype=np.int64)
        for owners, rows in _pieces(starts, lengths):
            values, valid = self.value.make(frame.of(self.child, rows))
            _add(self.kind, result, counts, owners, values, valid)
        return result, counts

    def _over_all(self, frame: Frame, plan: TablePlan, relation: Relation) -> tuple[npt.NDArray[Any], Int64s]:
        with self.totals.lock:
            if self.totals.found is None:
                self.totals.found = self._pass(frame, plan, relation)
            return self.totals.found

    def _pass(self, frame: Frame, plan: TablePlan, relation: Relation) -> tuple[npt.NDArray[Any], Int64s]:
        result = _start(self.kind, relation.parents, self._is_float)
        counts = np.zeros(relation.parents, dtype=np.int64)
        for first in range(0, plan.rows, _PIECE_ROWS):
            rows = np.arange(first, min(first + _PIECE_ROWS, plan.rows), dtype=np.int64)
            owners, has_parent = relation.parent_rows(rows)
            if has_parent is not None:
                rows, owners = rows[has_parent], owners[has_parent]
            if self.value is None:
                counts += np.bincount(owners, minlength=relation.parents)
                continue
            values, valid = self.value.make(frame.of(self.child, rows))
            _add(self.kind, result, counts, owners, values, valid)
        return result, counts

    def _scaled(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.value is None or self.value.is_float:
            return values
        return rescaled(values, self.value.scale, self.scale)


@dataclass(frozen=True, slots=True)
class RunningBalance:
    """The sum of a value over the row itself and its earlier siblings: the balance after the entry.

    Rows from beyond the dataset begin anew: they are nobody's later sibling that the dataset knows of.
    """

    relation: str
    value: _Value
    scale: int

    def make(self, frame: Frame) -> Cells:
        relation = next(r for r in frame.plan.relations if r.name == self.relation)
        parents, _ = relation.parent_rows(frame.rows)
        rows = frame.rows
        starts = np.minimum(np.where(rows < relation.children, relation.run_start(parents), rows), rows)
        # Rows of the same run share one addition; the runs are put one after the other.
        runs, place = np.unique(starts, return_inverse=True)
        ends = np.zeros(len(runs), dtype=np.int64)
        np.maximum.at(ends, place, rows + 1)
        result: npt.NDArray[Any] = np.zeros(len(frame), dtype=np.float64 if self.value.is_float else np.int64)
        order = np.argsort(place, kind="stable")
        sorted_place = place[order]
        for first, last in _groups(ends - runs):
            low, high = np.searchsorted(sorted_place, [first, last])
            mine = order[low:high]
            result[mine] = self._within(frame, runs[first:last], ends[first:last], place[mine] - first, rows[mine])
        return Cells(result if self.value.is_float else rescaled(result, self.value.scale, self.scale))

    def _within(self, frame: Frame, starts: Int64s, ends: Int64s, place: Int64s, rows: Int64s) -> npt.NDArray[Any]:
        lengths = ends - starts
        offsets = np.cumsum(lengths) - lengths
        every = np.arange(int(lengths.sum()), dtype=np.int64) - np.repeat(offsets - starts, lengths)
        values, valid = self.value.make(frame.with_rows(every))
        total = np.cumsum(values if valid is None else np.where(valid, values, 0))
        before = np.where(offsets > 0, total[np.maximum(offsets - 1, 0)], 0)
        return np.asarray(total[offsets[place] + rows - starts[place]] - before[place])


def child_runs(relation: Relation, children: int, parents: Int64s) -> tuple[Int64s, Int64s]:
    """The rows [start, stop) that a nested relation gives each parent, of `children` rows in all; shape (n,) each."""
    last = relation.parents - 1
    starts = np.minimum(relation.run_start(parents), children)
    # The last parent takes whatever is left.
    stops = np.where(parents >= last, children, np.minimum(relation.run_start(parents + 1), children))
    beyond = parents > last
    return np.where(beyond, 0, starts), np.where(beyond, 0, stops)


def rescaled(values: Int64s, scale: int, wanted: int) -> Int64s:
    """Whole numbers of 10 ** -scale as such of 10 ** -wanted, halves rounded away from zero as numeric casts do."""
    if wanted >= scale:
        return np.asarray(values * 10 ** (wanted - scale), dtype=np.int64)
    divisor = 10 ** (scale - wanted)
    return np.asarray(np.sign(values) * ((np.abs(values) + divisor // 2) // divisor), dtype=np.int64)


def _start(kind: Kind, count: int, is_float: bool) -> npt.NDArray[Any]:
    if kind in _EXTREMES:
        infinity = np.inf if kind == "min" else -np.inf
        return np.full(count, infinity) if is_float else np.full(count, _EXTREMES[kind], dtype=np.int64)
    return np.zeros(count, dtype=np.float64 if is_float else np.int64)


def _add(
    kind: Kind, result: npt.NDArray[Any], counts: Int64s, owners: Int64s, values: npt.NDArray[Any], valid: Mask | None
) -> None:
    """Add values to their owners' results; one after the other, so that float sums do not depend on the pieces."""
    if valid is not None:
        owners, values = owners[valid], values[valid]
    counts += np.bincount(owners, minlength=len(counts))
    operation = {"sum": np.add, "min": np.minimum, "max": np.maximum}[kind]
    operation.at(result, owners, values)


def _groups(lengths: Int64s) -> Iterator[tuple[int, int]]:
    """Neighbouring runs [first, last) of about `_PIECE_ROWS` rows in all."""
    ends = np.cumsum(lengths)
    first = 0
    while first < len(lengths):
        before = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, before + _PIECE_ROWS, side="right")), first + 1)
        yield first, last
        first = last


def _pieces(starts: Int64s, lengths: Int64s) -> Iterator[tuple[Int64s, Int64s]]:
    """The rows of all runs, one run after the other, in pieces: (index of the run, row) of each; shape (m,) each."""
    ends = np.cumsum(lengths)
    for first in range(0, int(ends[-1]) if len(ends) else 0, _PIECE_ROWS):
        places = np.arange(first, min(first + _PIECE_ROWS, int(ends[-1])), dtype=np.int64)
        owners = np.searchsorted(ends, places, side="right").astype(np.int64)
        yield owners, starts[owners] + places - (ends[owners] - lengths[owners])


def aggregate_of(generator: object) -> OfChildren | None:
    """The aggregate over children that a generator is, whatever is laid over it."""
    found = unwrapped(generator)
    return found if isinstance(found, OfChildren) else None


def added_up(made: OfChildren, count: int, parts: Iterable[tuple[Int64s, Frame]]) -> Cells:
    """The aggregate of `count` parents over children that are at hand: (index of the parent, child) of each part."""
    is_float = made.value is not None and made.value.is_float
    result, counts = _start(made.kind, count, is_float), np.zeros(count, dtype=np.int64)
    for owners, frame in parts:
        if made.value is None:
            counts += np.bincount(owners, minlength=count)
        else:
            _add(made.kind, result, counts, owners, *made.value.make(frame))
    return made.cells(result, counts)


# -- from words to generators ----------------------------------------------------------------------------------------


def aggregate_generator(schema: Schema, table: Table, column: Column, wish: Aggregate, place: str) -> OfChildren:
    """The generator of a parent's column. Raises InputError naming what the schema does not have."""
    child = next((t for t in schema if t.key == wish.table), None)
    if child is None:
        raise InputError(
            place, f"names no table of the schema; tables: {', '.join(t.key for t in schema)}", value=wish.table
        )
    relation = ",".join(_foreign_key(child, table.key, wish.via, place).columns)
    if wish.kind == "count":
        if column.type.kind != "integer":
            raise InputError(place, f"is a whole number, {column.name} is {_said(column.type)}")
        return OfChildren("count", child.key, relation, None, 0)
    value = _value(child, wish.value, schema.dialect, place)
    _require_kind(wish, child, column, value, place)
    return OfChildren(wish.kind, child.key, relation, value, scale_of(column.type))


def balance_generator(
    schema: Schema, table: Table, column: Column, wish: Balance, nested: str | None, place: str
) -> RunningBalance:
    """The generator of a running balance; `nested` is the name of the table's nested relation.

    Raises InputError naming what the schema does not have.
    """
    relation = wish.via or nested
    if relation is None:
        raise InputError(
            place, "needs rows that are neighbours within their parent: give a relation the pattern nested"
        )
    if column.type.kind not in _NUMBERS:
        raise InputError(place, f"is a number, {column.name} is {_said(column.type)}")
    return RunningBalance(relation, _value(table, wish.value, schema.dialect, place), scale_of(column.type))


def _said(kind: LogicalType) -> str:
    return kind.native or kind.kind


def _foreign_key(child: Table, parent: str, via: str | None, place: str) -> ForeignKey:
    keys = [key for key in child.foreign_keys if key.target == parent]
    if via is not None:
        keys = [key for key in keys if ",".join(key.columns) == via]
    if len(keys) == 1:
        return keys[0]
    if not keys:
        raise InputError(
            place, f"needs a foreign key of {child.key} to {parent}{f' over {via}' if via else ''}, there is none"
        )
    names = "; ".join(",".join(key.columns) for key in keys)
    raise InputError(place, f"is ambiguous: {child.key} references {parent} {len(keys)} times; add via, one of {names}")


def _value(table: Table, text: str, dialect: str, place: str) -> _Value:
    tree = _expression(table, text, dialect, place)
    columns = [table.column(item.name) for item in tree.find_all(exp.Column)]
    if isinstance(tree, exp.Column):
        kind = columns[0].type.kind
        if kind not in (*_NUMBERS, *_MOMENTS):
            raise InputError(
                place, f"needs numbers, dates or times; {table.key}.{tree.name} is {_said(columns[0].type)}", value=text
            )
        return _Value(tree, scale_of(columns[0].type), kind == "float")
    odd = next((c for c in columns if c.type.kind not in ("integer", "numeric")), None)
    if odd is not None:
        raise InputError(
            place, f"can calculate with integers and numerics only; {odd.name} is {_said(odd.type)}", value=text
        )
    return _Value(tree, _natural_scale(tree, table), False)


def _expression(table: Table, text: str, dialect: str, place: str) -> exp.Expr:
    """The tree of a value, server-computed columns replaced by what they are computed from."""
    from loadlab.schema.checks import parser_dialect

    try:
        tree = sqlglot.parse_one(text, dialect=parser_dialect(dialect))
    except SqlglotError:
        raise InputError(place, "must be a column or a sum, difference or product of columns", value=text) from None
    if not _is_arithmetic(tree):
        raise InputError(place, "must be a column or a sum, difference or product of columns", value=text)
    for item in list(tree.find_all(exp.Column)):
        if item.name not in table.column_names:
            raise InputError(
                place, f"has {item.name}, which is no column of {table.key}; columns: {', '.join(table.column_names)}"
            )
        generated = table.column(item.name).generated
        if generated is not None:
            inner = exp.Paren(this=_expression(table, generated, dialect, place))
            if item is tree:
                return inner
            item.replace(inner)
    return tree


def _is_arithmetic(node: exp.Expr) -> bool:
    if isinstance(node, (exp.Paren, exp.Cast)):
        return _is_arithmetic(node.this)
    if isinstance(node, exp.Literal):
        return not node.is_string
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul)):
        return _is_arithmetic(node.this) and _is_arithmetic(node.expression)
    return isinstance(node, exp.Column)


def _natural_scale(node: exp.Expr, table: Table) -> int:
    """Decimal digits that the exact value has."""
    if isinstance(node, (exp.Paren, exp.Cast)):
        return _natural_scale(node.this, table)
    if isinstance(node, exp.Column):
        return scale_of(table.column(node.name).type)
    if isinstance(node, exp.Literal):
        return len(str(node.this).partition(".")[2])
    left, right = _natural_scale(node.this, table), _natural_scale(node.expression, table)
    return left + right if isinstance(node, exp.Mul) else max(left, right)


def _require_kind(wish: Aggregate, child: Table, column: Column, value: _Value, place: str) -> None:
    """The column must be able to hold what the aggregate yields."""
    kinds = {child.column(item.name).type.kind for item in value.expression.find_all(exp.Column)}
    own = column.type.kind
    if kinds & set(_MOMENTS):
        if wish.kind == "sum":
            raise InputError(place, "cannot add up dates or times", value=wish.value)
        fits = kinds == {own}
    elif value.is_float:
        fits = own == "float"
    else:
        fits = own in ("integer", "numeric")
    if not fits:
        raise InputError(place, f"does not fit {column.name}, which is {_said(column.type)}", value=wish.value)


# -- checks of the whole plan ----------------------------------------------------------------------------------------


def unwrapped(generator: object) -> object:
    """An aggregate without what is laid over it; any other generator at its innermost."""
    while not isinstance(generator, (OfChildren, RunningBalance)) and hasattr(generator, "inner"):
        generator = generator.inner
    return generator


__all__ = [
    "Aggregate",
    "Balance",
    "OfChildren",
    "RunningBalance",
    "added_up",
    "aggregate_generator",
    "aggregate_of",
    "balance_generator",
    "child_runs",
    "unwrapped",
]
