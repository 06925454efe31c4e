"""Constant bounds go along comparisons: where `a <= b` and `b <= 5`, `a <= 5` too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from loadlab.data.constraints.column_facts import ColumnFacts, combined
from loadlab.data.constraints.facts import TableFacts
from loadlab.schema.model import Table

_TURNS = 8
"""Comparisons in a row that a bound is carried along."""


def carried(facts: TableFacts, table: Table) -> TableFacts:
    """The facts with the bounds that follow from others; a column for which nothing would be left keeps its own."""
    components = [
        component.of_worlds([(_carried(world, table), part) for world, part in component.parted])
        for component in facts.components
    ]
    return replace(facts, plain=_carried(facts.plain, table), components=tuple(components))


def _carried(facts: Mapping[str, ColumnFacts], table: Table) -> dict[str, ColumnFacts]:
    found = dict(facts)
    for _ in range(_TURNS):
        before = dict(found)
        for lower, upper, strict in _comparisons(before, table):
            for name, bound in ((lower, _below(found[upper], strict)), (upper, _above(found[lower], strict))):
                narrowed = combined(found[name], bound)
                if narrowed is not None:
                    found[name] = narrowed
        if found == before:
            break
    return found


def _comparisons(facts: Mapping[str, ColumnFacts], table: Table) -> Iterator[tuple[str, str, bool]]:
    """(lower, upper, whether they differ) of the comparisons between columns of one kind."""
    kinds = {column.name: column.type.kind for column in table.columns}
    for said in facts.values():
        for fact in said.compared:
            one, two = fact.column, fact.other
            if fact.plus or not {one, two} <= set(facts) or kinds.get(one) != kinds.get(two) or kinds[one] == "text":
                continue
            if fact.sign in ("<", "<=", "="):
                yield one, two, fact.sign == "<"
            if fact.sign in (">", ">=", "="):
                yield two, one, fact.sign == ">"


def _below(facts: ColumnFacts, strict: bool) -> ColumnFacts:
    is_strict = strict or facts.high_strict
    if facts.high is not None and strict and facts.high_strict:
        # Whole numbers between: `a < b` and `b < 5` leave 3 to a. Of others a little is lost.
        return ColumnFacts(high=facts.high - 1, high_text=facts.high_text, high_strict=True)
    return ColumnFacts(high=facts.high, high_text=facts.high_text, high_strict=is_strict)


def _above(facts: ColumnFacts, strict: bool) -> ColumnFacts:
    is_strict = strict or facts.low_strict
    if facts.low is not None and strict and facts.low_strict:
        return ColumnFacts(low=facts.low + 1, low_text=facts.low_text, low_strict=True)
    return ColumnFacts(low=facts.low, low_text=facts.low_text, low_strict=is_strict)
