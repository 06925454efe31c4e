"""What planning found out about one table, kept for whoever has to explain the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadlab.data.facts import TableFacts
from loadlab.data.links import Links
from loadlab.data.partitions import Coverage
from loadlab.data.remedies import Remedy
from loadlab.data.uniqueness import Key, Solution
from loadlab.data.volumes import Volume


@dataclass(frozen=True, slots=True)
class Findings:
    """How one table's constraints are met.

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
