"""Generators of numbers and booleans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlglot import exp

from loadlab.data.core.cells import Cells, as_int64, scale_of
from loadlab.data.core.hashing import Int64s, below, hash_rows, permute, unit_interval
from loadlab.data.core.quantiles import Categories, QuantileTable
from loadlab.data.frame import Frame


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
        if isinstance(node, exp.Neg):
            value, scale = self._evaluate(node.this, frame)
            return -value, scale
        left, left_scale = self._evaluate(node.this, frame)
        if isinstance(node, exp.Round):
            decimals = int(node.args["decimals"].name) if node.args.get("decimals") is not None else 0
            return _rounded(left, left_scale, decimals), min(left_scale, decimals)
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
        relation = frame.relation(self.relation)
        level = np.full(len(frame), self.root, dtype=np.int64)
        rows, child = frame.rows, frame.rows >= relation.roots
        while child.any():
            level += child
            rows = np.where(child, relation.parent_rows(rows)[0], 0)
            child = child & (rows >= relation.roots)
        return Cells(level)


@dataclass(frozen=True, slots=True)
class Ordinals:
    """Which child of its parent the row is, from `first` by `step`: line numbers, versions, positions."""

    relation: str
    first: int = 1
    step: int = 1

    def make(self, frame: Frame) -> Cells:
        return Cells(frame.relation(self.relation).ordinals(frame.rows) * self.step + self.first)


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


def _rounded(values: Int64s, scale: int, decimals: int) -> Int64s:
    """Scaled whole numbers with fewer decimals, half away from zero as SQL's numeric rounds."""
    if scale <= decimals:
        return values
    unit = 10 ** (scale - decimals)
    half = (np.abs(values) + unit // 2) // unit
    rounded: Int64s = np.where(values < 0, -half, half)
    return rounded
