"""What planning found out about one table, kept for whoever has to explain the plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.links import Links
from loadlab.data.constraints.partitions import Coverage
from loadlab.data.constraints.uniqueness import Key, Solution
from loadlab.data.plan.relating import Relating
from loadlab.data.plan.remedies import Remedy, remedies_for, stated_columns
from loadlab.data.volumes import Volume
from loadlab.schema.model import Schema
from loadlab.spec.shapes import TableShape


@dataclass(frozen=True, slots=True)
class Findings:
    """How one table's constraints are met.

    `firsts` names by partial key the link of whose parents each has its first row in it ("": the table's first row).
    `asked` and `volume` are its rows as they were asked for and as they are planned. `rooms` has how many rows a key
    leaves room for (by the key's name where its values are unranked, by the column's where one is distinct),
    `parents` the rows that each link can choose from. `given` are the columns whose values the scenario states.
    `unkept` names exclusion constraints that cannot be kept, `left` the columns that are left to their default.
    By CHECK that is not understood, `remedies` has what can be done about it and `applied` what is done.
    """

    asked: Volume
    volume: Volume
    facts: TableFacts
    keys: tuple[Key, ...]
    links: Links
    solution: Solution
    coverage: Mapping[str, Coverage]
    rooms: Mapping[str, int]
    parents: Mapping[str, int]
    given: frozenset[str]
    unkept: tuple[str, ...]
    left: tuple[str, ...]
    remedies: Mapping[str, tuple[Remedy, ...]]
    applied: Mapping[str, Remedy]
    firsts: Mapping[str, str]


def find(
    schema: Schema,
    relating: Relating,
    shape: TableShape,
    keys: Sequence[Key],
    asked: Volume,
    coverage: Mapping[str, Coverage],
    unkept: Sequence[str],
    applied: Mapping[str, Remedy],
    columns: Collection[str],
    firsts: Mapping[str, str],
) -> Findings:
    """The findings of a table that is planned; `columns` are those that have a generator."""
    table, given = relating.table, stated_columns(shape)
    volume = relating.candidates.volumes[table.key]
    unknown = {name for name, _ in relating.facts.not_understood}
    return Findings(
        asked=asked,
        volume=volume,
        facts=relating.facts,
        keys=tuple(keys),
        links=relating.links,
        solution=relating.solution,
        coverage=coverage,
        rooms=relating.rooms,
        parents={name: parents.rows for name, parents in relating.parents.items()},
        given=given,
        unkept=tuple(unkept),
        left=tuple(column.name for column in table.stored_columns if volume.rows and column.name not in columns),
        remedies={
            check.name: remedies_for(schema, table, check, given) for check in table.checks if check.name in unknown
        },
        applied=applied,
        firsts=firsts,
    )
