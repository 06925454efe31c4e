"""Ranges whose ends are other columns of the row, and columns that lie within a range or a list of the same row.

Where both ends of a range are columns, what its CHECKs say of it is a comparison of those; else one of the two columns
is copied from the other, or the range is made around the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from loadlab.data.core.cells import scale_of
from loadlab.schema.checks import (
    Compared,
    ContainedIn,
    Fact,
    IsNull,
    NotNull,
    RangeEnd,
    RangeEndIs,
    RangeInclusive,
    RangeWidth,
    Reading,
    Segment,
    Unbounded,
)
from loadlab.schema.model import Column, Table

_WITH_ENDS = ("integer", "numeric", "timestamp", "date", "time")
"""Kinds of bounds that can be added to."""
_LIMITED = (*_WITH_ENDS, "float", "interval")
"""Kinds of bounds whose ranges have both."""
_READABLE = ("integer", "timestamp", "date", "time")
"""Kinds of bounds that a column can take from a range."""
Ends = Mapping[tuple[str, Literal["lower", "upper"]], str]
"""By range and end, the column that the end is."""


def with_ends(
    readings: Sequence[tuple[str, Reading]], table: Table
) -> tuple[list[tuple[str, Reading]], frozenset[Fact]]:
    """The readings with what follows from ends and containment for other columns; and the facts that cannot be kept."""
    said = {fact for _, reading in readings for branch in reading.branches for fact in branch if _is_about(fact)}
    if not said:
        return list(readings), frozenset()
    always = [fact for _, reading in readings if len(reading.branches) == 1 for fact in reading.branches[0]]
    unkept = frozenset(fact for fact in said if not _can_be_kept(fact, table, said))

    def complete(reading: Reading) -> Reading:
        branches = ((*branch, *_following(branch, always, unkept)) for branch in reading.branches)
        return replace(reading, branches=tuple(branches))

    return [(name, complete(reading)) for name, reading in readings], unkept


def _is_about(fact: Fact) -> bool:
    return isinstance(fact, (RangeEndIs, ContainedIn, RangeEnd, RangeInclusive, RangeWidth, Segment, Unbounded))


def kept_apart(table: Table) -> frozenset[str]:
    """The columns whose values keys decide: no two rows share them, or they reference a row."""
    keys = {name for index in table.indexes if index.unique or index.operators for name in index.keys}
    return frozenset(keys | set(table.primary_key) | {name for key in table.foreign_keys for name in key.columns})


def _can_be_kept(fact: Fact, table: Table, said: Iterable[Fact]) -> bool:
    if not set(fact.columns) <= set(table.column_names):
        return False
    if isinstance(fact, Segment):
        return _is_a_part(fact, table)
    if not isinstance(fact, (RangeEndIs, ContainedIn)):
        return _is_made(fact, table, _ends(said))
    mine, theirs = (table.column(name) for name in fact.columns)
    if mine.generated is not None or theirs.generated is not None or mine == theirs:
        return False
    fixed = kept_apart(table)
    if isinstance(fact, RangeEndIs):
        kinds = _READABLE if mine.name in fixed else _WITH_ENDS
        return is_end_of(theirs, mine, kinds) and not (mine.name in fixed and theirs.name in fixed)
    ends = _ends(said)
    outers = {other.other for other in said if isinstance(other, ContainedIn) and other.column == mine.name}
    tied = [[(column.name, end) in ends for end in ("lower", "upper")] for column in (mine, theirs)]
    if is_end_of(mine, theirs, _WITH_ENDS):
        return all(tied[1]) or (not any(tied[1]) and theirs.name not in fixed)
    if mine.type != theirs.type or len(outers) > 1 or {mine.name, theirs.name} <= fixed:
        return False
    return all(map(all, tied)) or not all(map(any, tied))


def _is_a_part(fact: Segment, table: Table) -> bool:
    """Whether a text can have the other column as a part of it."""
    mine, theirs = (table.column(name) for name in fact.columns)
    readable = mine.type.kind == "text" and theirs.type.kind in ("text", "uuid", "integer")
    references = {name for key in table.foreign_keys for name in key.columns}
    free = mine.generated is None and theirs.generated is None and mine.name not in references
    return readable and free and (fact.number == 1 or mine.name not in kept_apart(table))


def _is_made(fact: Fact, table: Table, ends: Ends) -> bool:
    """Whether ranges are made true to a fact of one range: they have both limits, of which the lower one is inside."""
    column = table.column(fact.column)
    element, is_fixed = column.type.element, column.name in kept_apart(table)
    if element is None or element.checks or element.kind not in _LIMITED or column.generated is not None:
        return False
    if isinstance(fact, RangeEnd):
        return fact.sign is None
    if isinstance(fact, RangeInclusive):
        return fact.inclusive == (fact.end == "lower")
    if column.type.kind != "range" or element.kind not in _WITH_ENDS:
        return False
    if isinstance(fact, RangeWidth):
        tied = [(column.name, end) in ends for end in ("lower", "upper")]
        return tied[0] == tied[1] and (fact.unit == "us") == (element.kind in ("timestamp", "time"))
    return not is_fixed


def is_end_of(column: Column, of: Column, kinds: Sequence[str] = _WITH_ENDS) -> bool:
    """Whether a column's values can be ends of a range as they are."""
    element, type = of.type.element, column.type
    if of.type.kind != "range" or element is None or element.checks:
        return False
    alike = type.kind == element.kind and type.timezone == element.timezone
    return alike and type.kind in kinds and scale_of(type) <= scale_of(element)


def _ends(facts: Iterable[Fact]) -> Ends:
    found: dict[tuple[str, Literal["lower", "upper"]], str] = {}
    for fact in facts:
        if isinstance(fact, RangeEndIs):
            found.setdefault((fact.column, fact.end), fact.other)
    return found


def _following(branch: Sequence[Fact], always: Sequence[Fact], unkept: frozenset[Fact]) -> list[Fact]:
    """What the ends and the containments of a branch, with those of every row, mean for the columns that are ends."""
    if not any(map(_is_about, branch)):
        return []
    facts = [fact for fact in dict.fromkeys((*always, *branch)) if fact not in unkept]
    ends = _ends(facts)
    found: list[Fact] = []
    for fact in facts:
        if isinstance(fact, RangeEndIs):
            first = ends[fact.column, fact.end]
            found += [Compared(fact.other, "=", first)] if first != fact.other else []
            upper = ends.get((fact.column, "upper"))
            found += [Compared(fact.other, "<", upper)] if fact.end == "lower" and upper is not None else []
        if isinstance(fact, ContainedIn):
            found += _contained(fact, ends)
        found += _of_limits(fact, ends)
    return [fact for fact in dict.fromkeys(found) if fact.column != getattr(fact, "other", "")]


def _of_limits(fact: Fact, ends: Ends) -> list[Fact]:
    """What a limit or the width of a range asks of the columns that are its ends."""
    if isinstance(fact, RangeWidth):
        lower, upper = ends.get((fact.column, "lower")), ends.get((fact.column, "upper"))
        return [] if lower is None or upper is None else [Compared(upper, fact.sign, lower, fact.value, fact.unit)]
    if not isinstance(fact, (RangeEnd, RangeInclusive, Unbounded)):
        return []
    name = ends.get((fact.column, fact.end))
    if name is None or (isinstance(fact, RangeInclusive) and not fact.inclusive):
        return []
    return [IsNull(name) if isinstance(fact, Unbounded) else NotNull(name)]


def _contained(fact: ContainedIn, ends: Ends) -> list[Fact]:
    lower, upper = ends.get((fact.other, "lower")), ends.get((fact.other, "upper"))
    if lower is None or upper is None:
        return []
    mine = ends.get((fact.column, "lower")), ends.get((fact.column, "upper"))
    if mine[0] is not None and mine[1] is not None:
        return [Compared(mine[0], ">=", lower), Compared(mine[1], "<=", upper)]
    return [Compared(fact.column, ">=", lower), Compared(fact.column, "<", upper)]
