"""The facts that a CHECK can state of a row.

A fact over a NULL holds, since a CHECK passes unless it is FALSE; only `IsNull`, `NotNull` and `TreeLevel` speak of
NULL. Signs are `<`, `<=`, `>`, `>=`, `=` and `<>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

Scalar = str | int | float | bool
Number = int | float
Unit = Literal["number", "us"]
"""What is added in a comparison: a number in the columns' own unit (days between dates), or microseconds."""
Casings = Literal["lower", "upper", "trimmed"]


@dataclass(frozen=True, slots=True)
class OfOneColumn:
    """What facts about a single column share."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns the fact speaks of."""
        return (self.column,)


@dataclass(frozen=True, slots=True)
class IsNull(OfOneColumn):
    """The column is NULL."""


@dataclass(frozen=True, slots=True)
class NotNull(OfOneColumn):
    """The column is not NULL."""


@dataclass(frozen=True, slots=True)
class Allowed(OfOneColumn):
    """The column holds one of `values`; dates, times and the like are text as the server reads it."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Excluded(OfOneColumn):
    """The column holds none of `values`."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Bound(OfOneColumn):
    """The column compares (< <= > >=) with a constant: a number, or the text of a date, time, interval or word."""

    sign: str
    value: Number | str


@dataclass(frozen=True, slots=True)
class Inside(OfOneColumn):
    """The column lies within a constant range: its value keeps each of `bounds`; of a range, every point does."""

    bounds: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class BoundToNow(OfOneColumn):
    """The column compares with the server's clock, plus `plus` (days for a date where `unit` is number)."""

    sign: str
    plus: Number = 0
    unit: Unit = "us"


@dataclass(frozen=True, slots=True)
class Compared:
    """The column compares (any sign) with another column of the row: `column sign other + plus`."""

    column: str
    sign: str
    other: str
    plus: Number = 0
    unit: Unit = "number"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns the fact speaks of."""
        return (self.column, self.other)


@dataclass(frozen=True, slots=True)
class Linear:
    """The sum of `factor x column` compares (any sign) with a constant; µs where `unit` says so."""

    terms: tuple[tuple[str, Number], ...]
    sign: str
    constant: Number
    unit: Unit = "number"

    @property
    def column(self) -> str:
        """The first of the columns."""
        return self.terms[0][0]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns the fact speaks of."""
        return tuple(name for name, _ in self.terms)


@dataclass(frozen=True, slots=True)
class Derived:
    """The column equals an expression of other columns (those in `columns`, without itself).

    In the parsed form there are Column, Literal, Paren, Neg, Add, Sub, Mul, Div, Mod, Round, Abs, Ceil, Floor, and
    for texts DPipe, Concat, Lower, Upper and Trim.
    """

    column: str
    expression: exp.Expr
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComparedToExpression:
    """The column compares (not by =) with such an expression of the columns `others`."""

    column: str
    sign: str
    expression: exp.Expr
    others: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns the fact speaks of."""
        return (self.column, *self.others)


@dataclass(frozen=True, slots=True)
class Matches(OfOneColumn):
    """The column matches a regular expression (anywhere in it, as the server's operator does).

    With `as_text` the operator sees the text alone, else a char(n) with its blanks up to n.
    """

    pattern: str
    ignore_case: bool = False
    negated: bool = False
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Like(OfOneColumn):
    """The whole column matches a LIKE pattern, in which a backslash escapes; `as_text` as with `Matches`."""

    pattern: str
    ignore_case: bool = False
    negated: bool = False
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Length(OfOneColumn):
    """The column's length in characters or bytes compares (any sign) with a constant."""

    sign: str
    value: int
    unit: Literal["characters", "bytes"] = "characters"


@dataclass(frozen=True, slots=True)
class Casing(OfOneColumn):
    """The text is as lower-casing, upper-casing or trimming would leave it."""

    form: Casings


@dataclass(frozen=True, slots=True)
class Multiple(OfOneColumn):
    """The column minus `remainder` is a multiple of `modulo`."""

    modulo: int
    remainder: int = 0


@dataclass(frozen=True, slots=True)
class Truncated(OfOneColumn):
    """The date or time is the first moment of its `unit`: year, quarter, month, week, day, hour, minute or second."""

    unit: str


@dataclass(frozen=True, slots=True)
class DatePart(OfOneColumn):
    """A part (dow, hour, month, ...) of the date or time compares (any sign) with a number."""

    part: str
    sign: str
    value: Number


@dataclass(frozen=True, slots=True)
class Size(OfOneColumn):
    """The number of elements of the array (or JSON array) compares (any sign) with a constant."""

    sign: str
    value: int


@dataclass(frozen=True, slots=True)
class Elements(OfOneColumn):
    """`fact`, whose column is this column, holds for every element of the array."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class Contains(OfOneColumn):
    """The array has all of `values` among its elements."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class JsonType(OfOneColumn):
    """The document's top level is of the named JSON type: object, array, string, number, boolean or null."""

    type: str


@dataclass(frozen=True, slots=True)
class JsonText(OfOneColumn):
    """The text is a JSON document; of `type` (object, array, scalar) where that is said."""

    type: str | None = None


@dataclass(frozen=True, slots=True)
class JsonKeys(OfOneColumn):
    """The document's top level has these keys, with values other than null; none of them where `absent`."""

    keys: tuple[str, ...]
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Member(OfOneColumn):
    """`fact`, whose column is this column, holds for the document's value at `path`; one that is absent is NULL."""

    path: tuple[str, ...]
    fact: Fact


@dataclass(frozen=True, slots=True)
class NotEmptyRange(OfOneColumn):
    """The range has at least one point."""


@dataclass(frozen=True, slots=True)
class RangeEnd(OfOneColumn):
    """The range has a limit at its lower or upper end, which compares with `value` where a sign is given.

    Says nothing where the column is a text: lower(x) and upper(x) are its names for that too.
    """

    end: Literal["lower", "upper"]
    sign: str | None = None
    value: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Unbounded(OfOneColumn):
    """The range has no limit at its lower or upper end."""

    end: Literal["lower", "upper"]


@dataclass(frozen=True, slots=True)
class RangeInclusive(OfOneColumn):
    """Whether the range's lower or upper limit belongs to it."""

    end: Literal["lower", "upper"]
    inclusive: bool


@dataclass(frozen=True, slots=True)
class RangeEndIs:
    """The range in `column` begins or ends with the value of the column `other`."""

    column: str
    end: Literal["lower", "upper"]
    other: str

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns the fact speaks of."""
        return (self.column, self.other)


@dataclass(frozen=True, slots=True)
class Segment:
    """The part `number` (from 1) of the text in `column`, between separators, is the column `other` as a text."""

    column: str
    separator: str
    number: int
    other: str

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns the fact speaks of."""
        return (self.column, self.other)


@dataclass(frozen=True, slots=True)
class RangeWidth(OfOneColumn):
    """The difference of the range's ends compares (but not by <>) with a number, or with microseconds."""

    sign: str
    value: Number
    unit: Unit = "number"


@dataclass(frozen=True, slots=True)
class ContainedIn:
    """What is in `column` lies within the range, array or document in the column `other` of the row."""

    column: str
    other: str

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns the fact speaks of."""
        return (self.column, self.other)


@dataclass(frozen=True, slots=True)
class Network(OfOneColumn):
    """The address's family (4 or 6) or the length of its mask compares (any sign) with a number."""

    attribute: Literal["family", "masklen"]
    sign: str
    value: int


@dataclass(frozen=True, slots=True)
class Within(OfOneColumn):
    """The address lies in the network (or does not, where `negated`)."""

    network: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Spatial(OfOneColumn):
    """A property of the geometry (srid, ndims, x, y, geometrytype, isvalid, ...) compares with a constant."""

    attribute: str
    sign: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class TreeLevel:
    """`column` is NULL exactly where the level in `other` is `value`: `(parent IS NULL) = (level = 0)`.

    Elsewhere the level is another number, above it where `rising`.
    """

    column: str
    other: str
    value: Number
    rising: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns the fact speaks of."""
        return (self.column, self.other)


@dataclass(frozen=True, slots=True)
class InPart:
    """The row is one of those that the partial index `name` has; speaks of no column."""

    name: str

    @property
    def column(self) -> str:
        """None."""
        return ""

    @property
    def columns(self) -> tuple[str, ...]:
        """None."""
        return ()


Fact = (
    IsNull
    | NotNull
    | Allowed
    | Excluded
    | Bound
    | Inside
    | BoundToNow
    | Compared
    | Linear
    | Derived
    | ComparedToExpression
    | Matches
    | Like
    | Length
    | Casing
    | Multiple
    | Truncated
    | DatePart
    | Size
    | Elements
    | Contains
    | JsonType
    | JsonText
    | JsonKeys
    | Member
    | NotEmptyRange
    | RangeEnd
    | RangeInclusive
    | RangeEndIs
    | RangeWidth
    | Segment
    | ContainedIn
    | Unbounded
    | Network
    | Within
    | Spatial
    | TreeLevel
    | InPart
)


def spoken_of(fact: Fact) -> tuple[str, ...]:
    """All columns whose being NULL makes the fact hold."""
    return (fact.column, *fact.columns) if isinstance(fact, Derived) else fact.columns
