"""The law of the values that a column's shape states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from loadlab.data.core.cells import scale_of
from loadlab.data.core.constants import ORDERED_KINDS, WHOLE_KINDS, constant, constants, limits
from loadlab.data.core.hashing import make_key
from loadlab.data.core.quantiles import (
    NAMED,
    Categories,
    ContinuousLaw,
    ExponentialLaw,
    LognormalLaw,
    NormalLaw,
    ParetoLaw,
    cut,
)
from loadlab.data.frame import Generator
from loadlab.data.values.laws import (
    Bins,
    Law,
    Listed,
    Quantiles,
    RankedWholes,
    Ranks,
    Reals,
    Scaled,
    TextsBetween,
    Wholes,
)
from loadlab.errors import InputError
from loadlab.schema.model import LogicalType
from loadlab.spec.shapes import ColumnShape

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class ShapeContext:
    """A column's shape and what else its generator is made from; see `distributions.shaped_generator`."""

    shape: ColumnShape
    type: LogicalType
    key: int
    place: str
    base: Generator | None
    columns: Mapping[str, LogicalType]
    nullable: bool
    along: str | None = None
    rows: float = 0.0

    @property
    def unit(self) -> int:
        """Cells in one of what the scenario counts in: cents in a dollar, microseconds in a second."""
        if self.type.kind == "interval":
            return _SECOND_US
        return int(10 ** scale_of(self.type)) if self.type.kind in ("integer", "numeric") else 1


def law_of(context: ShapeContext) -> Law | None:
    """The law of the values that the shape states, None when it states none."""
    shape, kind = context.shape, context.type.kind
    if shape.values is not None:
        return listed_law(context, shape.values, weights_of(shape), "values")
    if shape.empirical is not None:
        return listed_law(context, shape.empirical, [1.0] * len(shape.empirical), "empirical")
    if shape.histogram is not None and kind not in ORDERED_KINDS:
        return _text_histogram(context)
    if kind in ("date", "time", "timestamp"):
        return _moment_law(context)
    if kind in ("integer", "numeric", "float", "interval"):
        return _number_law(context)
    if shape.law is not None or shape.between is not None:
        name = shape.law or "between"
        raise InputError(
            f"{context.place}.{name}", f"is for numbers, dates and times; {context.type.native or kind} takes values"
        )
    return None


def weights_of(shape: ColumnShape) -> Sequence[float]:
    """The weights of the listed values, stated or by their law."""
    values = shape.values or ()
    if shape.weights is not None:
        return shape.weights
    # Life cycles and enumerations are skewed: the k-th value has weight 1 / k.
    exponent = shape.zipf.exponent if shape.zipf is not None else 1.0
    return [(k + 1.0) ** -exponent for k in range(len(values))]


def listed_law(context: ShapeContext, values: Sequence[Any], weights: Sequence[float], name: str) -> Listed:
    """One of listed values by weight, in their order where they have one. Raises InputError."""
    place = f"{context.place}.{name}"
    pairs = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    if len(pairs) < len(values):
        raise InputError(place, "holds null; state it as null_share")
    if context.type.kind in ORDERED_KINDS:
        pairs.sort(key=lambda pair: constant(pair[0], context.type, place))
    return Listed(constants([value for value, _ in pairs], context.type, place), Categories.of([w for _, w in pairs]))


def _number_law(context: ShapeContext) -> Law | None:
    shape, unit = context.shape, context.unit
    if shape.between is not None:
        raise InputError(f"{context.place}.between", "is for dates and times; a number has a range")
    whole = context.type.kind in WHOLE_KINDS
    least, most = limits(context.type)
    low, high = _range(context, least / unit, most / unit)
    if shape.zipf is not None:
        return _ranked(context, low, high)
    table: Quantiles
    if shape.histogram is not None:
        bounds = [
            float(constant(bound, context.type, f"{context.place}.histogram")) for bound in shape.histogram.bounds
        ]
        table = Bins.of(_closed(bounds) if whole else bounds, shape.histogram.shares)
        return Wholes(table, int(bounds[0]), int(bounds[-1])) if whole else Reals(table)
    law = _continuous(shape, low)
    if law is not None:
        try:
            table = cut(law, low, high)
        except ValueError:
            raise InputError(
                f"{context.place}.range", f"[{low:g}, {high:g}] holds nothing of the distribution {shape.law}"
            ) from None
        return (
            Wholes(table.scaled(unit, 0.5), _inside(low, unit, least), _inside(high, unit, most))
            if whole
            else (Reals(table))
        )
    if shape.range is None:
        return None
    named = NAMED[shape.distribution or "uniform"]
    if not whole:
        return Reals(named(low, high))
    return Wholes(named(low, high + 1 / unit).scaled(unit), round(low * unit), round(high * unit))


def _range(context: ShapeContext, least: float, most: float) -> tuple[float, float]:
    """The shape's range, else the type's own."""
    shape = context.shape
    if shape.range is None:
        return least, most
    for bound in shape.range:
        if not least <= bound <= most:
            raise InputError(
                f"{context.place}.range", f"holds {bound:g}, which the type {context.type.native} cannot hold"
            )
    return shape.range


def _inside(bound: float, unit: int, limit: float) -> int:
    return round(bound * unit) if math.isfinite(bound) else int(math.copysign(2**63 - 1, limit))


def _closed(bounds: list[float]) -> list[float]:
    """The last bin of whole numbers holds its upper bound too."""
    return [*bounds[:-1], bounds[-1] + 1]


def _continuous(shape: ColumnShape, low: float) -> ContinuousLaw | None:
    if shape.normal is not None:
        return NormalLaw(shape.normal.mean, shape.normal.stddev)
    if shape.lognormal is not None:
        return LognormalLaw(shape.lognormal.median, shape.lognormal.sigma)
    if shape.pareto is not None:
        return ParetoLaw(shape.pareto.alpha, shape.pareto.minimum)
    if shape.exponential is not None:
        return ExponentialLaw(shape.exponential.mean, low if shape.range is not None else 0.0)
    return None


def _ranked(context: ShapeContext, low: float, high: float) -> Law:
    shape = context.shape
    if shape.range is None or shape.zipf is None:
        raise InputError(f"{context.place}.zipf", "needs the values: range: [1, 1000] for numbers, or values")
    step = context.unit if context.type.kind in WHOLE_KINDS else 1
    ranks = Ranks.of(int(high - low) + 1, shape.zipf.exponent)
    law = RankedWholes(ranks, round(low * step), step)
    return law if context.type.kind in WHOLE_KINDS else Scaled(law)


def _moment_law(context: ShapeContext) -> Law | None:
    """Dates in days; times and timestamps in microseconds."""
    shape, place = context.shape, context.place
    if shape.histogram is not None:
        bounds = [constant(bound, context.type, f"{place}.histogram") for bound in shape.histogram.bounds]
        if sorted(bounds) != bounds:
            raise InputError(f"{place}.histogram.bounds", "must ascend")
        closed = _closed([float(bound) for bound in bounds])
        return Wholes(Bins.of(closed, shape.histogram.shares), bounds[0], bounds[-1])
    if shape.law not in (None, "distribution") or shape.range is not None:
        key = shape.law if shape.law not in (None, "distribution") else "range"
        raise InputError(f"{place}.{key}", "is for numbers; dates and times take between, a histogram or values")
    if shape.between is None:
        return None
    low, high = (constant(bound, context.type, f"{place}.between") for bound in shape.between)
    if low > high:
        raise InputError(f"{place}.between", f"is in the wrong order: {shape.between[0]} is after {shape.between[1]}")
    # Quantile tables keep nine digits: counted from `low`, a decade is exact to a second.
    table = NAMED[shape.distribution or "uniform"](0.0, float(high - low) + 1).scaled(1.0, float(low))
    return Wholes(table, low, high)


def _text_histogram(context: ShapeContext) -> Law:
    shape, place = context.shape, f"{context.place}.histogram"
    assert shape.histogram is not None
    if context.type.kind != "text":
        raise InputError(place, f"is for numbers, times and texts; {context.type.native} takes values")
    # A bound that is longer than the column is cut, not refused: text is made from its beginning.
    bounds = pa.array([str(bound) for bound in shape.histogram.bounds], pa.string())
    bins = Bins.of([float(k) for k in range(len(bounds))], shape.histogram.shares)
    return TextsBetween(make_key(context.key, "between"), bounds, bins, context.type.length)
