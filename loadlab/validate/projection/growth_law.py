"""How an operation's latency will grow with the volume, told by the shape of its plan at each measured volume.

| law | when | latency over volume |
| --- | --- | --- |
| constant | it touches no table that grows | a |
| log | it takes a number of rows through indexes that does not grow with the table | a + b · ln(rows) |
| linear | it takes rows in proportion to the table | a + b · rows |

A B-tree of n entries has a height that is proportional to log n (Comer, "The Ubiquitous B-Tree", Computing Surveys
11(2), 1979); a scan costs what it reads. How many rows a plan takes is the planner's own guess at each volume: whether
they grow is told by how that guess grows. Where the server goes another way from one volume to the next, or will have
to because an index would spare it what it reads now, there is no law.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadlab.engines.protocol import PlanEvidence, PlanShape
from loadlab.validate.projection.size_law import POINTS_MIN
from loadlab.validate.wording import counted, names

Law = Literal["constant", "log", "linear"]
_ORDER: tuple[Law, ...] = ("constant", "log", "linear")
# Rows that grow with this power of the table's, or more, grow with it.
_GROWS = 0.5
_OUTLINE_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """The law, why, the tables whose rows it is over, and the number of the first volume that it holds from.

    `law` None: there is none, and `reason` says why.
    """

    law: Law | None
    reason: str
    tables: tuple[str, ...] = ()
    first: int = 0


def operation_law(statements: Mapping[str, Sequence[PlanEvidence | None]], rows: Sequence[Mapping[str, int]]) -> Choice:
    """Of an operation whose statements had these plans at each volume, smallest first: the one that grows most.

    `rows` are the rows by table at each volume.
    """
    if not statements:
        return Choice(None, "The database does not show how it executes this.")
    choices = [_statement_law(name, plans, rows) for name, plans in statements.items()]
    for choice in choices:
        if choice.law is None:
            return choice
    steepest = max(choices, key=lambda choice: _ORDER.index(choice.law or "constant"))
    alike = [choice for choice in choices if choice.law == steepest.law]
    tables = tuple(dict.fromkeys(table for choice in alike for table in choice.tables))
    return Choice(steepest.law, steepest.reason, tables, max(choice.first for choice in choices))


def _statement_law(name: str, plans: Sequence[PlanEvidence | None], rows: Sequence[Mapping[str, int]]) -> Choice:
    known = [plan for plan in plans if plan is not None]
    shapes = [plan.shape for plan in known if plan.shape is not None]
    if len(shapes) < len(plans):
        return Choice(None, f"The database does not show the plan of {name}.")
    first = _stable_from(shapes)
    if len(shapes) - first < POINTS_MIN:
        return Choice(None, _changed(name, shapes))
    last = shapes[-1]
    growing = [table for table in last.rows if rows[-1].get(table, 0) > rows[first].get(table, 0)]
    if not growing:
        return Choice("constant", "No table that it reads grows.", (), first)
    with_table = [
        table
        for table in growing
        if table not in last.bounded and _grows(table, shapes[first], last, rows[first], rows[-1])
    ]
    if not with_table:
        return Choice("log", f"It finds what it needs in {names(growing)} through an index.", tuple(growing), first)
    spared = [table for table in with_table if _spared(table, known[first:], rows[first:])]
    if spared:
        reason = f"{name} still reads {names(spared)} whole, which an index will spare it once that is larger."
        return Choice(None, f"{reason} Measure at larger scales.")
    return Choice("linear", f"It takes rows in proportion to {names(with_table)}.", tuple(with_table), first)


def _stable_from(shapes: Sequence[PlanShape]) -> int:
    first = len(shapes) - 1
    while first and shapes[first - 1].outline == shapes[-1].outline:
        first -= 1
    return first


def _changed(name: str, shapes: Sequence[PlanShape]) -> str:
    position = _stable_from(shapes)
    before, after = shapes[position - 1].outline, shapes[-1].outline
    gone = [step for step in before if step not in after]
    new = [step for step in after if step not in before]
    what = f"{names(gone, _OUTLINE_SHOWN) or 'nothing'} gave way to {names(new, _OUTLINE_SHOWN) or 'nothing'}"
    return (
        f"The plan of {name} changed between the scales ({what}), and is the same at the last "
        f"{counted(len(shapes) - position, 'scale')} only. Measure at larger scales."
    )


def _grows(
    table: str, small: PlanShape, large: PlanShape, rows_small: Mapping[str, int], rows_large: Mapping[str, int]
) -> bool:
    """Whether the rows that are taken of a table grow with it."""
    taken_small, taken_large = max(small.rows.get(table, 0.0), 1.0), max(large.rows.get(table, 0.0), 1.0)
    growth = math.log(rows_large[table] / max(rows_small.get(table, 0), 1))
    return math.log(taken_large / taken_small) > _GROWS * growth


def _spared(table: str, plans: Sequence[PlanEvidence], rows: Sequence[Mapping[str, int]]) -> bool:
    """Whether with indexes wherever there are any, no more rows of the table would be taken as it grows."""
    small, large = plans[0].indexed_shape, plans[-1].indexed_shape
    if small is None or large is None or table in plans[-1].full_scans:
        return False
    return not _grows(table, small, large, rows[0], rows[-1])


def volume_of(tables: Iterable[str], rows: Mapping[str, float]) -> float:
    """The rows that a law is over."""
    return float(sum(rows.get(table, 0) for table in tables))
