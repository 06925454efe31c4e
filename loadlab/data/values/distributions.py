"""From a column's shape to its generator.

Everything that cannot be (a range outside the type, a column that is not there) is an InputError that names the key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from loadlab.data.core.constants import ORDERED_KINDS, constant, constants
from loadlab.data.core.hashing import make_key
from loadlab.data.frame import Generator
from loadlab.data.values.cases import Blank, Conditional, check_dependencies, makes_nulls
from loadlab.data.values.keys import UuidV4, WithNulls
from loadlab.data.values.laws import (
    Ascending,
    Bins,
    Codes,
    Correlated,
    Hashed,
    Law,
    Listed,
    Ranks,
    Shaped,
    Source,
    Wholes,
)
from loadlab.data.values.numbered import Along, ByNumber, Distinct, FirstOf, drawn_of
from loadlab.data.values.shape_laws import ShapeContext, law_of, listed_law
from loadlab.data.values.times import DAY_US
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import LogicalType
from loadlab.spec.shapes import ColumnShape

_SECOND_US = 1_000_000
_LISTED_MAX = 100_000
# Different days of which nothing is known: this many, up to 2026-01-01 (in days since 1970).
_UNCOUNTED = 2**40
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
    along: str | None = None,
    rows: float = 0.0,
) -> Generator | None:
    """The generator of a column whose shape says how its values are distributed; None where it does not.

    `base` is what the column gets without the shape: it makes the values of a `distinct` column and of a case without
    values of its own. Without it a `distinct` text is a code of the shape's `width`. `columns` are the table's columns
    with their types, to which `given` and `correlates_with` refer. `along` is the column whose ranks a moment takes
    unless the shape says otherwise; `rows` is the table's count at full volume. The generator of a `given`, a
    `distinct` and a `distinct_share` makes the NULLs itself (`makes_nulls`).

    Raises InputError and InfeasibleError at `place` (`scenario.yaml: data.tables.orders.columns.total`).
    """
    context = ShapeContext(shape, type, key, place, base, columns or {}, nullable, along, rows)
    if shape.given is not None:
        return _with_nulls(context, _conditional(context))
    if shape.distinct is not None or shape.distinct_share is not None:
        return _distinct(context)
    if not _says_something(shape, type):
        return None
    if shape.weights is not None and _is_independent(shape):
        return _weighted(context)
    law = law_of(context)
    if law is None:
        raise InputError(place, f"needs values, a range, a histogram or a distribution for {_wish(shape)}")
    if context.along is not None and shape.null_share and shape.order in (None, "random"):
        _require_nullable(context)
        return _along(context)
    return Shaped(_source(context), law)


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


def _source(context: ShapeContext) -> Source:
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
    return Hashed(context.key) if context.along is None else Correlated(context.key, context.along, 1.0)


def _other(context: ShapeContext, column: str, place: str) -> LogicalType:
    if column not in context.columns:
        raise InputError(
            f"{place}.column", f"is not a column of the table; columns: {', '.join(context.columns)}", value=column
        )
    if context.place.endswith(f".columns.{column}"):
        raise InputError(f"{place}.column", "is the column itself; name another one", value=column)
    return context.columns[column]


# -- a stated number of different values -----------------------------------------------------------------------------


def _weighted(context: ShapeContext) -> Generator:
    """Values by stated weights, met as nearly as whole rows can in every thousand of them, as NULLs are."""
    shape, key = context.shape, make_key(context.key, "weighted")
    _require_nullable(context)
    law = listed_law(context, shape.values or (), shape.weights or (), "values")
    tops = np.cumsum(_weights_of(context, law)) / sum(shape.weights or ())
    inner = ByNumber(key, law, len(tops), None, mixed=False)
    return Distinct(key, inner, len(tops), None, tops, listed=law.values, null_share=shape.null_share or 0.0)


def _weights_of(context: ShapeContext, law: Listed) -> npt.NDArray[np.float64]:
    """The weights in the order of the law's values."""
    below = np.concatenate(([0.0], law.categories.thresholds.astype(np.float64)))
    shares: npt.NDArray[np.float64] = np.diff(below) * (sum(context.shape.weights or ()) / 2**32)
    return shares


def _require_nullable(context: ShapeContext) -> None:
    share = context.shape.null_share
    if share and not context.nullable:
        raise InputError(f"{context.place}.null_share", "cannot be above 0: the column is NOT NULL", value=share)


def _distinct(context: ShapeContext) -> Generator:
    shape, place = context.shape, context.place
    _require_nullable(context)
    listed = None
    if shape.common is not None:
        listed = constants(shape.common, context.type, f"{place}.common")
    count = shape.distinct
    tops = _tops(shape)
    if context.along is not None and listed is None and shape.zipf is None and shape.order in (None, "random"):
        along = _along(context)
        if along is not None:
            return along
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


def _along(context: ShapeContext) -> Distinct | None:
    """So many different moments as are asked for, in the order of another column; None where nothing is known of them.

    Whole moments are kept apart where there is room, so that the number of different ones is met.
    """
    shape, law = context.shape, law_of(context)
    if law is None or context.along is None:
        return None
    rows = max(context.rows * (1.0 - (shape.null_share or 0.0)), 1.0)
    if shape.distinct is None and shape.distinct_share is None:
        count = _UNCOUNTED
    else:
        count = drawn_of(rows, min(float(shape.distinct or rows * (shape.distinct_share or 1.0)), rows))
    shares = np.diff(_tops(shape), prepend=0.0)
    if len(shares) and count > max(_LISTED_MAX, len(shares)):
        return None
    whole = _whole_range(law)
    if whole is not None and (shape.distinct or count) <= whole[1]:
        count = min(count, whole[1])
    apart = whole if whole is not None and count <= whole[1] else None
    key = make_key(context.key, "distinct")
    return Distinct(
        key=key,
        inner=ByNumber(make_key(key, "along"), law, count, apart, mixed=False),
        count=count,
        share=None,
        tops=np.array([]),
        null_share=shape.null_share or 0.0,
        along=Along.of(Correlated(key, context.along, 1.0), count, shares),
    )


def _tops(shape: ColumnShape) -> list[float]:
    """Cumulated shares of the most frequent values; where there are no others, they add up to 1."""
    shares, so_far, tops = shape.common_shares or [], 0.0, []
    total = max(sum(shares), 1.0) if shape.distinct != len(shares) else sum(shares)
    for share in shares:
        so_far += share / total
        tops.append(min(so_far, 1.0))
    return tops


def _numbered(context: ShapeContext) -> Generator:
    """What makes value number i in row i."""
    shape, type, key = context.shape, context.type, make_key(context.key, "numbered")
    law = None if shape.zipf is not None else law_of(context)
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


def _other_values(context: ShapeContext, key: int) -> Generator:
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


def _conditional(context: ShapeContext) -> Generator:
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


def _case(context: ShapeContext, shape: ColumnShape, key: int, place: str) -> Generator:
    inner = ShapeContext(shape, context.type, key, place, context.base, context.columns, context.nullable)
    _require_nullable(inner)
    if shape.null_share == 1:
        return Blank(context.type)
    made = shaped_generator(
        shape, context.type, key, place, base=context.base, columns=context.columns, nullable=context.nullable
    )
    if made is None:
        law = law_of(inner)
        made = Shaped(Hashed(key), law) if law is not None else context.base
    if made is None:
        if context.nullable and shape == ColumnShape():
            return Blank(context.type)
        raise InputError(place, "needs values, a range, a histogram or a distribution")
    if shape.null_share and not makes_nulls(made):
        return WithNulls(made, make_key(key, "null"), shape.null_share)
    return made


def _with_nulls(context: ShapeContext, made: Generator) -> Generator:
    _require_nullable(context)
    share = context.shape.null_share
    if not share or not isinstance(made, Conditional):
        return made
    # The outer share holds in every case, so that the result is a Conditional still.
    key = make_key(context.key, "null")
    cases = tuple((value, WithNulls(inner, key, share)) for value, inner in made.cases)
    return Conditional(made.column, cases, WithNulls(made.otherwise, key, share))


__all__ = ["check_dependencies", "makes_nulls", "shaped_generator"]
