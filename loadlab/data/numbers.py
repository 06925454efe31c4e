"""Generators of numbers and booleans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlglot import exp

from loadlab.data.cells import Cells, as_int64, scale_of
from loadlab.data.frame import Frame
from loadlab.data.hashing import Int64s, below, hash_rows, permute, unit_interval
from loadlab.data.quantiles import Categories, QuantileTable


@dataclass(frozen=True, slots=True)
class Integers:
    """Whole numbers from a quantile table, cut to [low, high]; a scaled numeric's cells are whole numbers too."""

    key: int
    table: QuantileTable
    low: int
    high: int

    def make(self, frame: Frame) -> Cells:
        values = np.floor(self.table.at(hash_rows(self.key, frame.rows))).astype(np.int64)
        return Cells(np.clip(values, self.low, self.high, out=values))


@dataclass(frozen=True, slots=True)
class Floats:
    """Floating-point numbers from a quantile table."""

    key: int
    table: QuantileTable

    def make(self, frame: Frame) -> Cells:
        return Cells(self.table.at(hash_rows(self.key, frame.rows)))


@dataclass(frozen=True, slots=True)
class Booleans:
    """True with a probability."""

    key: int
    share: float

    def make(self, frame: Frame) -> Cells:
        return Cells(unit_interval(hash_rows(self.key, frame.rows)) < self.share)


@dataclass(frozen=True, slots=True)
class RowNumbers:
    """row + first: what a sequence yields."""

    first: int = 1

    def make(self, frame: Frame) -> Cells:
        return Cells(frame.rows + self.first)


@dataclass(frozen=True, slots=True)
class DistinctIntegers:
    """A bijection of the rows onto [low, low + 2**bits): distinct, in no visible order."""

    key: int
    bits: int
    low: int

    def make(self, frame: Frame) -> Cells:
        return Cells(permute(frame.rows, self.bits, self.key).astype(np.int64) + self.low)


@dataclass(frozen=True, slots=True)
class ChosenNumbers:
    """One of a list of numbers or booleans; shape of `values` (k,)."""

    key: int
    values: Any
    categories: Categories

    def make(self, frame: Frame) -> Cells:
        return Cells(self.values[self.categories.at(hash_rows(self.key, frame.rows))])


@dataclass(frozen=True, slots=True)
class NotBelow:
    """Another column's value plus `share` of it at most: `compare_at_price >= price`."""

    key: int
    other: str
    factor: int
    least: int
    share: float

    def make(self, frame: Frame) -> Cells:
        base = _at_scale(frame, self.other, self.factor)
        u = unit_interval(hash_rows(self.key, frame.rows))
        plus = np.floor(base.astype(np.float64) * (u * self.share)).astype(np.int64)
        return Cells(base + np.maximum(plus, self.least), frame.cells(self.other).valid)


@dataclass(frozen=True, slots=True)
class NotAbove:
    """A part of another column's value, small parts being likelier: `reserved <= on_hand`."""

    key: int
    other: str
    factor: int
    least: int
    low: int

    def make(self, frame: Frame) -> Cells:
        base = _at_scale(frame, self.other, self.factor)
        u = unit_interval(hash_rows(self.key, frame.rows))
        part = np.floor(base.astype(np.float64) * (u * u)).astype(np.int64)
        return Cells(np.maximum(np.minimum(part, base - self.least), self.low), frame.cells(self.other).valid)


@dataclass(frozen=True, slots=True)
class Computed:
    """An arithmetic expression of other columns, exact in scaled integers: `total = subtotal + tax + shipping`."""

    expression: exp.Expr
    scale: int

    def make(self, frame: Frame) -> Cells:
        values, scale = self._evaluate(self.expression, frame)
        values = values * 10 ** max(self.scale - scale, 0) // 10 ** max(scale - self.scale, 0)
        valid = None
        for name in {column.name for column in self.expression.find_all(exp.Column)}:
            theirs = frame.cells(name).valid
            valid = theirs if valid is None else valid if theirs is None else valid & theirs
        return Cells(np.broadcast_to(values, (len(frame),)).copy(), valid)

    def _evaluate(self, node: exp.Expr, frame: Frame) -> tuple[Int64s, int]:
        """The value and its decimal scale."""
        if isinstance(node, (exp.Paren, exp.Cast)):
            return self._evaluate(node.this, frame)
        if isinstance(node, exp.Column):
            return as_int64(frame.cells(node.name)), scale_of(frame.plan.type_of(node.name))
        if isinstance(node, exp.Literal):
            digits = node.this.partition(".")[2]
            return np.array(int(node.this.replace(".", "")), dtype=np.int64), len(digits)
        left, left_scale = self._evaluate(node.this, frame)
        right, right_scale = self._evaluate(node.expression, frame)
        if isinstance(node, exp.Mul):
            return left * right, left_scale + right_scale
        scale = max(left_scale, right_scale)
        left, right = left * 10 ** (scale - left_scale), right * 10 ** (scale - right_scale)
        return (left - right if isinstance(node, exp.Sub) else left + right), scale


@dataclass(frozen=True, slots=True)
class TreeLevels:
    """Depth in the tree of the table's own self reference; roots are `root`."""

    relation: str
    root: int

    def make(self, frame: Frame) -> Cells:
        relation = next(r for r in frame.plan.relations if r.name == self.relation)
        level = np.full(len(frame), self.root, dtype=np.int64)
        rows, child = frame.rows, frame.rows >= relation.roots
        while child.any():
            level += child
            rows = np.where(child, relation.parent_rows(rows)[0], 0)
            child = child & (rows >= relation.roots)
        return Cells(level)


@dataclass(frozen=True, slots=True)
class Ordinals:
    """Which child of its parent the row is, from `first`: line numbers, versions, positions."""

    relation: str
    first: int = 1

    def make(self, frame: Frame) -> Cells:
        relation = next(r for r in frame.plan.relations if r.name == self.relation)
        parents, _ = relation.parent_rows(frame.rows)
        return Cells(relation.ordinals(frame.rows, parents) + self.first)


@dataclass(frozen=True, slots=True)
class Spread:
    """Whole numbers in [0, bound), uniform; for bounds beyond what a quantile table resolves."""

    key: int
    low: int
    span: int

    def make(self, frame: Frame) -> Cells:
        bits = hash_rows(self.key, frame.rows)
        if self.span <= 2**32:
            return Cells(below(bits, self.span) + self.low)
        return Cells((bits % np.uint64(self.span)).astype(np.int64) + self.low)


def _at_scale(frame: Frame, column: str, factor: int) -> Int64s:
    values = as_int64(frame.cells(column))
    return values * factor if factor >= 1 else values
