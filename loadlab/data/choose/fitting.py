"""Which of the values that are there already the facts of a column let pass: those of keys that are referenced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.choose.comparing import edges, of_pairs
from loadlab.data.choose.context import TableContext
from loadlab.data.choose.texts import admits
from loadlab.data.choose.times import constant_bounds
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.links import Link
from loadlab.data.core.cells import Cells, to_arrow
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, Generator
from loadlab.data.values.bounded import Edge
from loadlab.data.values.keys import FromParent
from loadlab.schema.checks import Compared
from loadlab.schema.model import Column

_ORDERED = ("integer", "numeric", "float", "date", "timestamp")
Passes = npt.NDArray[np.bool_]
_COMPARE = {
    "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal, "=": pc.equal, "<>": pc.not_equal,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """What has to be true of one column of a foreign key: its facts, and the bounds that columns of the row set."""

    value: FromParent
    column: Column
    facts: ColumnFacts
    lower: tuple[Edge, ...]
    upper: tuple[Edge, ...]
    differs: tuple[str, ...]
    """Columns of the row and of the same type that it is not equal to."""

    def passes(self, frame: Frame) -> Passes:
        """Where the key of the parent is true to it; shape (rows,)."""
        cells = self.value.make(frame)
        mine = to_arrow(cells, self.column.type)
        found = fitting(self.column, mine, self.facts)
        for name in self.differs:
            other = pc.not_equal(mine, to_arrow(frame.cells(name), self.column.type))
            found = found & other.fill_null(True).to_numpy(zero_copy_only=False)
        if not isinstance(cells.values, np.ndarray):
            return found
        for edge, is_lower in (*((edge, True) for edge in self.lower), *((edge, False) for edge in self.upper)):
            theirs, valid = edge.at(frame)
            inside = cells.values >= theirs if is_lower else cells.values <= theirs
            found = found & (inside if valid is None else inside | ~valid)
        return found


@dataclass(frozen=True, slots=True)
class Passing:
    """A column of a foreign key, NULL where the parent's key is not true to every condition of its columns."""

    inner: Generator
    conditions: tuple[Condition, ...]

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        for condition in self.conditions:
            cells = cells.with_nulls(condition.passes(frame))
        return cells


def passing(context: TableContext, link: Link, value: FromParent) -> Generator:
    """The column of a link without the parents that its conditions exclude, as far as those are not chosen already.

    Of the table itself it is not known before it is planned which rows will do; nor is what other columns of a row say.
    """
    nullable = [context.table.column(name).nullable and name not in context.never_null for name in link.own]
    if not all(nullable):
        return value
    conditions = []
    for name in link.own:
        column, facts = context.table.column(name), _of_others(context.of(name), link)
        lower, upper = edges(context, column, facts) if column.type.kind in _ORDERED else ([], [])
        differs = _differs(context, column, facts)
        if lower or upper or differs or (link.target == context.table.key and has_limits(facts)):
            theirs = FromParent(link.name, link.target_of(name), power=context.power_of(link, column))
            conditions.append(Condition(theirs, column, facts, tuple(lower), tuple(upper), differs))
    return Passing(value, tuple(conditions)) if conditions else value


def _of_others(facts: ColumnFacts, link: Link) -> ColumnFacts:
    """The facts without comparisons among the link's own columns: parents are chosen by those."""
    return replace(facts, compared=[fact for fact in facts.compared if not set(fact.columns) <= set(link.own)])


def _differs(context: TableContext, column: Column, facts: ColumnFacts) -> tuple[str, ...]:
    """The columns of the row, that no foreign key fills, to which a CHECK says that the column is not equal."""
    return tuple(
        fact.other
        for fact in of_pairs(context, column.name, facts)
        if fact.sign == "<>"
        and context.links.of_column(fact.other) is None
        and context.comes_before(fact.other, column.name)
        and context.table.column(fact.other).type == column.type
    )


def has_limits(facts: ColumnFacts) -> bool:
    """Whether anything is said of the values that `fitting` looks at."""
    bounds = (facts.low, facts.high, facts.low_text, facts.high_text, facts.allowed, facts.multiple)
    lengths = (facts.length_max, facts.bytes_max)
    others = facts.excluded or facts.patterns or facts.casing or facts.length_min or facts.bytes_min
    return bool(others) or any(bound is not None for bound in (*bounds, *lengths))


def fitting(column: Column, values: pa.Array, facts: ColumnFacts) -> Passes:
    """Where a value of a column is one that its facts let pass, as far as they can be read; shape of `values`.

    NULL passes as in a CHECK.
    """
    texts = _texts(values)
    passes = np.ones(len(values), dtype=np.bool_)
    if facts.allowed is not None:
        passes &= _is_in(texts, facts.allowed)
    if facts.excluded:
        passes &= ~_is_in(texts, facts.excluded)
    if column.type.kind == "text" and (
        facts.patterns or facts.casing or facts.length_min or facts.length_max is not None
    ):
        passes &= _is_in(
            texts, tuple(text for text in pc.drop_null(texts.unique()).to_pylist() if admits(column, facts, text))
        )
    if column.type.kind == "bytes":
        passes &= _has_length(values, facts)
    if column.type.kind in ("date", "timestamp"):
        low, high = constant_bounds(column, facts)
        cells = _wholes(values, pa.int32() if column.type.kind == "date" else pa.int64())
        passes &= (cells >= low) & (cells <= high)
    if facts.multiple is not None and pa.types.is_integer(values.type):
        passes &= _wholes(values, pa.int64()) % facts.multiple.modulo == facts.multiple.remainder
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        if facts.low is not None:
            passes &= (numbers > facts.low) if facts.low_strict else (numbers >= facts.low)
        if facts.high is not None:
            passes &= (numbers < facts.high) if facts.high_strict else (numbers <= facts.high)
    passes |= values.is_null().to_numpy(zero_copy_only=False)
    return passes


def in_order(mine: pa.Array, fact: Compared, theirs: pa.Array) -> Passes:
    """Where two columns' values are true to what compares them; shape of both. NULL passes as in a CHECK."""
    if fact.plus:
        mine, theirs = (_numbers(values, fact.unit) for values in (mine, theirs))
        theirs = pc.add(theirs, float(fact.plus))
    elif mine.type != theirs.type:
        theirs = theirs.cast(mine.type, safe=False)
    found = _COMPARE[fact.sign](mine, theirs).fill_null(True)
    passes: Passes = found.to_numpy(zero_copy_only=False)
    return passes


def _numbers(values: pa.Array, unit: str) -> pa.Array:
    """Values as floats: days or numbers, or µs where the unit says so."""
    if pa.types.is_date32(values.type):
        return pc.multiply(values.cast(pa.int32()).cast(pa.float64()), 86_400_000_000.0 if unit == "us" else 1.0)
    whole = values.cast(pa.int64()) if pa.types.is_temporal(values.type) else values
    return whole.cast(pa.float64(), safe=False)


def _wholes(values: pa.Array, type: pa.DataType) -> Int64s:
    found: Int64s = values.cast(type).cast(pa.int64()).fill_null(0).to_numpy()
    return found


def _has_length(values: pa.Array, facts: ColumnFacts) -> Passes:
    """Where octets are as many as the facts allow."""
    lengths: Int64s = pc.binary_length(values).cast(pa.int64()).fill_null(0).to_numpy()
    passes: Passes = (lengths >= facts.bytes_min) & (facts.bytes_max is None or lengths <= facts.bytes_max)
    return passes


def _texts(values: pa.Array) -> pa.Array:
    if pa.types.is_binary(values.type):
        return pa.array([None if value is None else f"\\x{value.hex()}" for value in values.to_pylist()], pa.string())
    if pa.types.is_fixed_size_binary(values.type):
        return pa.array(
            [None if value is None else str(UUID(bytes=value)) for value in values.to_pylist()], pa.string()
        )
    return values.cast(pa.string())


def _is_in(texts: pa.Array, listed: tuple[object, ...]) -> Passes:
    found = pc.is_in(texts, value_set=pa.array([str(value) for value in listed], pa.string()))
    passes: Passes = found.to_numpy(zero_copy_only=False)
    return passes
