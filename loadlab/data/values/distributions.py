"""From a column's shape to its generator.

Everything that cannot be (a range outside the type, a column that is not there) is an InputError that names the key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
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
from loadlab.data.values.cases import Blank, Conditional, check_dependencies, makes_nulls
from loadlab.data.values.keys import UuidV4, WithNulls
from loadlab.data.values.laws import (
    Ascending,
    Bins,
    ByNumber,
    Codes,
    Correlated,
    Distinct,
    FirstOf,
    Hashed,
    Law,
    Listed,
    Quantiles,
    RankedWholes,
    Ranks,
    Reals,
    Scaled,
    Shaped,
    Source,
    TextsBetween,
    Wholes,
)
from loadlab.data.values.times import DAY_US
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import LogicalType
from loadlab.spec.shapes import ColumnShape

_SECOND_US = 1_000_000
_LISTED_MAX = 100_000
# Different days of which nothing is known: this many, up to 2026-01-01 (in days since 1970).
_DAYS, _LATEST_DAY = 3650, 20_454
# What an enum, a CHECK or a type of the database's own accepts is not for a distribution to say.
_PLAIN_VALUES = ("text", "enum", "label_path", "inet", "boolean", "float", "integer", "numeric")


def shaped_generator(
    shape: ColumnShape,
    type: LogicalType,
    key: int,
    place: str,
    *,
    base: Generator | None = None,
    columns: Mapping[str, LogicalType] | None = None,
    nullable: bool = True,
) -> Generator | None:
    """The generator of a column whose shape says how its values are distributed; None where it does not.

    `base` is what the column gets without the shape: it makes the values of a `distinct` column and of a case without
    values of its own. Without it a `distinct` text is a code of the shape's `width`. `columns` are the table's columns
    with their types, to which `given` and `correlates_with` refer. The generator of a `given`, a `distinct` and a
    `distinct_share` makes the NULLs itself (`makes_nulls`).

    Raises InputError and InfeasibleError at `place` (`scenario.yaml: data.tables.orders.columns.total`).
    """
    context = _Context(shape, type, key, place, base, columns or {}, nullable)
    if shape.given is not None:
        return _with_nulls(context, _conditional(context))
    if shape.distinct is not None or shape.distinct_share is not None:
        return _distinct(context)
    if not _says_something(shape, type):
        return None
    if shape.weights is not None and _is_independent(shape):
        return _weighted(context)
    law = _law(context)
    if law is None:
        raise InputError(place, f"needs values, a range, a histogram or a distribution for {_wish(shape)}")
    return Shaped(_source(context), law)


@dataclass(frozen=True, slots=True)
class _Context:
    shape: ColumnShape
    type: LogicalType
    key: int
    place: str
    base: Generator | None
    columns: Mapping[str, LogicalType]
    nullable: bool

    @property
    def unit(self) -> int:
        """Cells in one of what the scenario counts in: cents in a dollar, microseconds in a second."""
        if self.type.kind == "interval":
            return _SECOND_US
        return int(10 ** scale_of(self.type)) if self.type.kind in ("integer", "numeric") else 1


def _says_something(shape: ColumnShape, type: LogicalType) -> bool:
    if shape.correlates_with is not None or shape.order in ("ascending", "descending") or shape.between is not None:
        return True
    if shape.distribution is not None:
        return shape.range is not None
    if shape.law is not None:
        return True
    return shape.values is not None and (shape.weights is not None or type.kind not in _PLAIN_VALUES)


def _is_independent(shape: ColumnShape) -> bool:
    return shape.correlates_with is None and shape.order in (None, "random")


def _wish(shape: ColumnShape) -> str:
    return "correlates_with" if shape.correlates_with is not None else f"order: {shape.order}"


# -- sources ---------------------------------------------------------------------------------------------------------


def _source(context: _Context) -> Source:
    shape = context.shape
    if shape.correlates_with is not None:
        wish, place = shape.correlates_with, f"{context.place}.correlates_with"
        other = _other(context, wish.column, place)
        if other.kind not in ORDERED_KINDS:
            raise InputError(f"{place}.column", "must be a number, a date or a time", value=wish.column)
        if context.type.kind not in ORDERED_KINDS:
            raise InputError(place, f"is for numbers, dates and times; the column is {context.type.native}")
        return Correlated(context.key, wish.column, wish.coefficient)
    if shape.order in ("ascending", "descending"):
        return Ascending(context.key, shape.order == "descending")
    return Hashed(context.key)


def _other(context: _Context, column: str, place: str) -> LogicalType:
    if column not in context.columns:
        raise InputError(
            f"{place}.column", f"is not a column of the table; columns: {', '.join(context.columns)}", value=column
        )
    if context.place.endswith(f".columns.{column}"):
        raise InputError(f"{place}.column", "is the column itself; name another one", value=column)
    return context.columns[column]


# -- laws ------------------------------------------------------------------------------------------------------------


def _law(context: _Context) -> Law | None:
    """The law of the values that the shape states, None when it states none."""
    shape, kind = context.shape, context.type.kind
    if shape.values is not None:
        return _listed(context, shape.values, _weights(shape), "values")
    if shape.empirical is not None:
        return _listed(context, shape.empirical, [1.0] * len(shape.empirical), "empirical")
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


def _weights(shape: ColumnShape) -> Sequence[float]:
    values = shape.values or ()
    if shape.weights is not None:
        return shape.weights
    # Life cycles and enumerations are skewed: the k-th value has weight 1 / k.
    exponent = shape.zipf.exponent if shape.zipf is not None else 1.0
    return [(k + 1.0) ** -exponent for k in range(len(values))]


def _listed(context: _Context, values: Sequence[Any], weights: Sequence[float], name: str) -> Listed:
    place = f"{context.place}.{name}"
    pairs = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    if len(pairs) < len(values):
        raise InputError(place, "holds null; state it as null_share")
    if context.type.kind in ORDERED_KINDS:
        pairs.sort(key=lambda pair: constant(pair[0], context.type, place))
    return Listed(constants([value for value, _ in pairs], context.type, place), Categories.of([w for _, w in pairs]))


def _number_law(context: _Context) -> Law | None:
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


def _range(context: _Context, least: float, most: float) -> tuple[float, float]:
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


def _ranked(context: _Context, low: float, high: float) -> Law:
    shape = context.shape
    if shape.range is None or shape.zipf is None:
        raise InputError(f"{context.place}.zipf", "needs the values: range: [1, 1000] for numbers, or values")
    step = context.unit if context.type.kind in WHOLE_KINDS else 1
    ranks = Ranks.of(int(high - low) + 1, shape.zipf.exponent)
    law = RankedWholes(ranks, round(low * step), step)
    return law if context.type.kind in WHOLE_KINDS else Scaled(law)


def _moment_law(context: _Context) -> Law | None:
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


def _text_histogram(context: _Context) -> Law:
    shape, place = context.shape, f"{context.place}.histogram"
    assert shape.histogram is not None
    if context.type.kind != "text":
        raise InputError(place, f"is for numbers, times and texts; {context.type.native} takes values")
    # A bound that is longer than the column is cut, not refused: text is made from its beginning.
    bounds = pa.array([str(bound) for bound in shape.histogram.bounds], pa.string())
    bins = Bins.of([float(k) for k in range(len(bounds))], shape.histogram.shares)
    return TextsBetween(make_key(context.key, "between"), bounds, bins, context.type.length)


# -- a stated number of different values -----------------------------------------------------------------------------


def _weighted(context: _Context) -> Generator:
    """Values by stated weights, met as nearly as whole rows can in every thousand of them, as NULLs are."""
    shape, key = context.shape, make_key(context.key, "weighted")
    _require_nullable(context)
    law = _listed(context, shape.values or (), shape.weights or (), "values")
    tops = np.cumsum(_weights_of(context, law)) / sum(shape.weights or ())
    inner = ByNumber(key, law, len(tops), None, mixed=False)
    return Distinct(key, inner, len(tops), None, tops, listed=law.values, null_share=shape.null_share or 0.0)


def _weights_of(context: _Context, law: Listed) -> npt.NDArray[np.float64]:
    """The weights in the order of the law's values."""
    below = np.concatenate(([0.0], law.categories.thresholds.astype(np.float64)))
    shares: npt.NDArray[np.float64] = np.diff(below) * (sum(context.shape.weights or ()) / 2**32)
    return shares


def _require_nullable(context: _Context) -> None:
    share = context.shape.null_share
    if share and not context.nullable:
        raise InputError(f"{context.place}.null_share", "cannot be above 0: the column is NOT NULL", value=share)


def _distinct(context: _Context) -> Generator:
    shape, place = context.shape, context.place
    _require_nullable(context)
    listed = None
    if shape.common is not None:
        listed = constants(shape.common, context.type, f"{place}.common")
    count = shape.distinct
    tops = _tops(shape)
    ranks = Ranks.of(count, shape.zipf.exponent) if count is not None and shape.zipf is not None and not tops else None
    return Distinct(
        key=make_key(context.key, "distinct"),
        inner=_numbered(context),
        count=count,
        share=shape.distinct_share,
        tops=np.array(tops),
        listed=listed,
        ranks=ranks,
        null_share=shape.null_share or 0.0,
        order=shape.order or "random",
    )


def _tops(shape: ColumnShape) -> list[float]:
    """Cumulated shares of the most frequent values; where there are no others, they add up to 1."""
    shares, so_far, tops = shape.common_shares or [], 0.0, []
    total = max(sum(shares), 1.0) if shape.distinct != len(shares) else sum(shares)
    for share in shares:
        so_far += share / total
        tops.append(min(so_far, 1.0))
    return tops


def _numbered(context: _Context) -> Generator:
    """What makes value number i in row i."""
    shape, type, key = context.shape, context.type, make_key(context.key, "numbered")
    law = None if shape.zipf is not None else _law(context)
    if law is None and type.kind in ("integer", "numeric", "interval") and shape.distinct is not None:
        if context.base is not None and shape.zipf is None:
            return _of_base(context.base, shape)
        law = Wholes(Bins.of([1.0, shape.distinct + 1.0], None), 1, shape.distinct)
    if law is None:
        return _of_base(context.base, shape) if context.base is not None else _other_values(context, key)
    if shape.distinct is None:
        return Shaped(Hashed(key), law)
    whole = _whole_range(law)
    if whole is not None and shape.distinct > whole[1]:
        raise InfeasibleError(
            f"{context.place}.distinct", f"is more than the {whole[1]:,} values of the range", value=shape.distinct
        )
    return ByNumber(key, law, shape.distinct, whole, mixed=shape.order in (None, "random"))


def _of_base(base: Generator, shape: ColumnShape) -> Generator:
    """Different values of what the column gets without the shape, up to a number that can be kept as a list."""
    return FirstOf(base, shape.distinct) if shape.distinct is not None and shape.distinct <= _LISTED_MAX else base


def _whole_range(law: Law) -> tuple[int, int] | None:
    """The smallest whole number of a law, and how many there are up to its largest."""
    if not isinstance(law, Wholes):
        return None
    ends = law.at(np.array([0, 2**64 - 1], dtype=np.uint64))
    return int(ends[0]), int(ends[1] - ends[0]) + 1


def _other_values(context: _Context, key: int) -> Generator:
    """Different values of a type of which nothing else is known."""
    type, shape = context.type, context.shape
    if type.kind == "text":
        width = min(shape.width or _width(shape.distinct), type.length or 10**6)
        if shape.distinct is not None and shape.distinct > 32 ** min(width, 12):
            raise InfeasibleError(
                f"{context.place}.distinct", f"is more than {width} characters tell apart", value=shape.distinct
            )
        return Codes(key, width)
    if type.kind == "uuid":
        return UuidV4(key)
    if type.kind in ("date", "timestamp"):
        step = 1 if type.kind == "date" else _SECOND_US
        last = _LATEST_DAY if type.kind == "date" else _LATEST_DAY * DAY_US
        count = shape.distinct or _DAYS
        return ByNumber(key, Wholes(Bins.of([float(last - count * step), float(last)], None), 0, last), count, None)
    raise InputError(
        f"{context.place}.{'distinct' if shape.distinct else 'distinct_share'}",
        f"cannot be made for the type {type.native or type.kind}; give values, a range or a histogram",
    )


def _width(distinct: int | None) -> int:
    return 10 if distinct is None else max(4, math.ceil(math.log(distinct + 1, 32)) + 1)


# -- conditional tables ----------------------------------------------------------------------------------------------


def _conditional(context: _Context) -> Generator:
    given = context.shape.given
    assert given is not None
    other = _other(context, given.column, f"{context.place}.given")
    cases = []
    for number, (text, shape) in enumerate(given.cases.items()):
        place = f"{context.place}.given.cases.{text}"
        value = constant(text, other, f"{context.place}.given.cases")
        if other.kind == "enum" and other.labels and text not in other.labels:
            raise InputError(place, f"is no value of {given.column}; values: {', '.join(other.labels)}")
        if other.kind == "uuid":
            value = np.frombuffer(value, dtype=np.uint8)
        cases.append((value, _case(context, shape, make_key(context.key, "case", number), place)))
    rest = given.otherwise or ColumnShape()
    place = f"{context.place}.given.otherwise"
    return Conditional(given.column, tuple(cases), _case(context, rest, make_key(context.key, "otherwise"), place))


def _case(context: _Context, shape: ColumnShape, key: int, place: str) -> Generator:
    inner = _Context(shape, context.type, key, place, context.base, context.columns, context.nullable)
    _require_nullable(inner)
    if shape.null_share == 1:
        return Blank(context.type)
    made = shaped_generator(
        shape, context.type, key, place, base=context.base, columns=context.columns, nullable=context.nullable
    )
    if made is None:
        law = _law(inner)
        made = Shaped(Hashed(key), law) if law is not None else context.base
    if made is None:
        if context.nullable and shape == ColumnShape():
            return Blank(context.type)
        raise InputError(place, "needs values, a range, a histogram or a distribution")
    if shape.null_share and not makes_nulls(made):
        return WithNulls(made, make_key(key, "null"), shape.null_share)
    return made


def _with_nulls(context: _Context, made: Generator) -> Generator:
    _require_nullable(context)
    share = context.shape.null_share
    if not share or not isinstance(made, Conditional):
        return made
    # The outer share holds in every case, so that the result is a Conditional still.
    key = make_key(context.key, "null")
    cases = tuple((value, WithNulls(inner, key, share)) for value, inner in made.cases)
    return Conditional(made.column, cases, WithNulls(made.otherwise, key, share))


__all__ = ["check_dependencies", "makes_nulls", "shaped_generator"]
