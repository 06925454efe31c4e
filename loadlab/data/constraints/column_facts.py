"""What is known of one column of a table, gathered from the facts of its conditions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from loadlab.schema.checks import (
    Allowed,
    Bound,
    BoundToNow,
    Casing,
    Compared,
    ComparedToExpression,
    ContainedIn,
    Derived,
    Elements,
    Excluded,
    Fact,
    InPart,
    IsNull,
    JsonKeys,
    JsonText,
    JsonType,
    Length,
    Like,
    Linear,
    Matches,
    Member,
    Multiple,
    NotEmptyRange,
    NotNull,
    RangeEnd,
    RangeEndIs,
    RangeInclusive,
    RangeWidth,
    Scalar,
    Segment,
    Size,
    TreeLevel,
    Truncated,
    Unbounded,
)


@dataclass
class ColumnFacts:
    """What is known of one column (in one world). `low` and `high` are inclusive unless marked strict."""

    allowed: tuple[Scalar, ...] | None = None
    excluded: tuple[Scalar, ...] = ()
    low: float | None = None
    high: float | None = None
    low_strict: bool = False
    high_strict: bool = False
    low_text: str | None = None
    high_text: str | None = None
    """Bounds that are texts, dates or times in the server's words."""
    length_min: int = 0
    length_max: int | None = None
    bytes_min: int = 0
    bytes_max: int | None = None
    size_min: int = 0
    size_max: int | None = None
    patterns: list[Matches | Like] = field(default_factory=list)
    casing: list[str] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    linear: list[Linear] = field(default_factory=list)
    expressions: list[ComparedToExpression] = field(default_factory=list)
    ends: list[RangeEndIs] = field(default_factory=list)
    """Of a range, the columns that are its ends; of a column, the ranges whose end it is."""
    open_ends: tuple[str, ...] = ()
    closed_ends: tuple[str, ...] = ()
    """The ends, lower or upper, at which a range has no limit, or has one."""
    range_widths: list[RangeWidth] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    """Parts of the text that are other columns."""
    contained: list[ContainedIn] = field(default_factory=list)
    """What lies within the column, or in what the column lies."""
    multiple: Multiple | None = None
    derived: Derived | None = None
    truncated: str | None = None
    after_now: BoundToNow | None = None
    before_now: BoundToNow | None = None
    json_type: str | None = None
    json_keys: tuple[str, ...] = ()
    json_absent: tuple[str, ...] = ()
    json_text: str | None = None
    """The text is JSON of this type; "" for any."""
    members: list[Member] = field(default_factory=list)
    elements: list[Fact] = field(default_factory=list)
    """What holds of every element of an array; each fact's column is this one."""
    null: bool | None = None
    """True: NULL; False: not NULL; None: as the column pleases."""
    root_value: float | None = None
    """For a tree's level: the value that roots have."""

    def admits(self, value: float) -> bool:
        """Whether a number lies within the bounds."""
        above = self.low is None or value > self.low or (value == self.low and not self.low_strict)
        return above and (self.high is None or value < self.high or (value == self.high and not self.high_strict))

    @property
    def limits(self) -> str:
        """The bounds in words of SQL, e.g. `>= 1 and <= 5`."""
        low = [] if self.low is None else [f"{'>' if self.low_strict else '>='} {self.low:g}"]
        high = [] if self.high is None else [f"{'<' if self.high_strict else '<='} {self.high:g}"]
        return " and ".join(low + high)

    @property
    def contradicts_itself(self) -> bool:
        """Whether no value can be true to all of it."""
        if self.allowed is not None and self.null is not True:
            left = [v for v in self.allowed if v not in self.excluded]
            left = [v for v in left if isinstance(v, (str, bool)) or self.admits(v)]
            least, most = self.length_min, 2**62 if self.length_max is None else self.length_max
            left = [v for v in left if not isinstance(v, str) or least <= len(v) <= most]
            if not left:
                return True
        if self.low is not None and self.high is not None and self.null is not True:
            nothing_between = self.low == self.high and (self.low_strict or self.high_strict)
            if self.low > self.high or nothing_between:
                return True
        if self.size_max is not None and self.size_max < self.size_min:
            return True
        if set(self.open_ends) & set(self.closed_ends) and self.null is not True:
            return True
        if set(self.json_keys) & set(self.json_absent) and self.null is not True:
            return True
        if self.low_text is not None and self.high_text is not None and self.null is not True:
            # Moments are written alike, so that their texts have their order; of other texts little is lost.
            nothing_between = self.low_text == self.high_text and (self.low_strict or self.high_strict)
            if self.low_text > self.high_text or nothing_between:
                return True
        return self.length_max is not None and self.length_max < self.length_min


def combined(first: ColumnFacts, second: ColumnFacts) -> ColumnFacts | None:
    """What holds where both hold; None where nothing can."""
    made = replace(first)
    if second.allowed is not None:
        _note(made, Allowed("", second.allowed))
    made.excluded = tuple(dict.fromkeys((*first.excluded, *second.excluded)))
    for value, sign in (
        (second.low, ">" if second.low_strict else ">="), (second.high, "<" if second.high_strict else "<="),
        (second.low_text, ">" if second.low_strict else ">="), (second.high_text, "<" if second.high_strict else "<="),
    ):  # fmt: skip
        if value is not None:
            _bound(made, Bound("", sign, value))
    made.length_min, made.bytes_min = max(first.length_min, second.length_min), max(first.bytes_min, second.bytes_min)
    made.size_min, made.size_max = max(first.size_min, second.size_min), _least(first.size_max, second.size_max)
    made.length_max = _least(first.length_max, second.length_max)
    made.bytes_max = _least(first.bytes_max, second.bytes_max)
    for name in (
        "patterns",
        "casing",
        "compared",
        "linear",
        "expressions",
        "ends",
        "contained",
        "range_widths",
        "segments",
        "members",
        "elements",
    ):
        mine = getattr(first, name)
        setattr(made, name, [*mine, *(item for item in getattr(second, name) if item not in mine)])
    for name in (
        "multiple",
        "derived",
        "truncated",
        "after_now",
        "before_now",
        "json_type",
        "json_text",
        "null",
        "root_value",
    ):
        mine, theirs = getattr(first, name), getattr(second, name)
        if mine is not None and theirs is not None and mine != theirs:
            return None
        setattr(made, name, theirs if mine is None else mine)
    made.json_keys = tuple(dict.fromkeys((*first.json_keys, *second.json_keys)))
    made.open_ends = tuple(dict.fromkeys((*first.open_ends, *second.open_ends)))
    made.closed_ends = tuple(dict.fromkeys((*first.closed_ends, *second.closed_ends)))
    made.json_absent = tuple(dict.fromkeys((*first.json_absent, *second.json_absent)))
    return None if made.contradicts_itself else made


def merge(facts: Iterable[Fact]) -> dict[str, ColumnFacts]:
    """Facts that hold together, by column."""
    found: dict[str, ColumnFacts] = {}
    for fact in facts:
        if isinstance(fact, InPart):
            continue
        if isinstance(fact, (Linear, Compared, RangeEndIs, ContainedIn)):
            for name in dict.fromkeys(fact.columns):
                _note_both(found.setdefault(name, ColumnFacts()), fact)
        else:
            _note(found.setdefault(fact.column, ColumnFacts()), fact)
            if isinstance(fact, TreeLevel):
                found.setdefault(fact.other, ColumnFacts()).root_value = fact.value
    return found


def _note_both(column: ColumnFacts, fact: Linear | Compared | RangeEndIs | ContainedIn) -> None:
    """A fact that each of its columns knows."""
    match fact:
        case Linear():
            column.linear.append(fact)
        case Compared():
            column.compared.append(fact)
        case RangeEndIs():
            column.ends.append(fact)
        case ContainedIn():
            column.contained.append(fact)


def _note(column: ColumnFacts, fact: Fact) -> None:
    match fact:
        case Allowed():
            known = column.allowed
            column.allowed = fact.values if known is None else tuple(v for v in known if v in fact.values)
        case Excluded():
            column.excluded += fact.values
        case Bound():
            _bound(column, fact)
        case ComparedToExpression():
            column.expressions.append(fact)
        case BoundToNow():
            if fact.sign in (">", ">="):
                column.after_now = fact
            elif fact.sign in ("<", "<="):
                column.before_now = fact
        case Derived():
            column.derived = fact
        case Matches() | Like():
            column.patterns.append(fact)
        case Length():
            _length(column, fact)
        case Size():
            low, high = _limits(fact.sign, fact.value)
            column.size_min = max(column.size_min, low)
            column.size_max = _least(column.size_max, high)
        case Multiple():
            column.multiple = fact
        case Casing():
            column.casing.append(fact.form)
        case JsonType():
            column.json_type = fact.type
        case JsonKeys():
            if fact.absent:
                column.json_absent += fact.keys
            else:
                column.json_keys += fact.keys
        case JsonText():
            column.json_text = fact.type or column.json_text or ""
        case Member():
            column.members.append(fact)
        case Elements():
            column.elements.append(fact.fact)
        case Truncated():
            column.truncated = fact.unit
        case RangeEnd() | RangeInclusive():
            column.closed_ends += (fact.end,)
        case Unbounded():
            column.open_ends += (fact.end,)
        case Segment():
            column.segments.append(fact)
        case RangeWidth():
            column.range_widths.append(fact)
        case IsNull():
            column.null = True
        case NotNull() | NotEmptyRange():
            column.null = False if isinstance(fact, NotNull) else column.null


def _bound(column: ColumnFacts, fact: Bound) -> None:
    """Of two bounds the narrower one; of two with the same value the one that leaves the value out."""
    side = "low" if fact.sign in (">", ">=") else "high"
    name = f"{side}_text" if isinstance(fact.value, str) else side
    known: Any = getattr(column, name)
    is_strict = fact.sign in (">", "<")
    if known == fact.value:
        is_strict = is_strict or getattr(column, f"{side}_strict")
    elif known is not None and (known > fact.value) == (side == "low"):
        return
    setattr(column, name, fact.value)
    setattr(column, f"{side}_strict", is_strict)


def _length(column: ColumnFacts, fact: Length) -> None:
    low, high = _limits(fact.sign, fact.value)
    if fact.unit == "bytes":
        column.bytes_min, column.bytes_max = max(column.bytes_min, low), _least(column.bytes_max, high)
    else:
        column.length_min, column.length_max = max(column.length_min, low), _least(column.length_max, high)


def _limits(sign: str, value: int) -> tuple[int, int | None]:
    """The least and the most that a comparison leaves."""
    if sign == "=":
        return value, value
    if sign in (">", ">="):
        return value + (sign == ">"), None
    return 0, (value - (sign == "<") if sign in ("<", "<=") else None)


def _least(first: int | None, second: int | None) -> int | None:
    known = [value for value in (first, second) if value is not None]
    return min(known, default=None)
