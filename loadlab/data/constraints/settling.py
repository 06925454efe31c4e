"""Which worlds of a table are left where some columns cannot take part in the choice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from loadlab.data.constraints.column_facts import ColumnFacts, combined
from loadlab.data.constraints.facts import Component, TableFacts


def without(facts: TableFacts, columns: Collection[str]) -> tuple[TableFacts, list[str]]:
    """The facts without the worlds in which any of the columns has a value; and those that must have one."""
    components, stuck = [], []
    for component in facts.components:
        kept = component.of_worlds(
            [item for item in component.parted if not any(item[0][n].null is False for n in columns if n in item[0])]
        )
        if not kept.has_outside:
            stuck += [name for name in component.columns if name in columns]
        components.append(kept if kept.worlds else component)
    return replace(facts, components=tuple(components)), stuck


def settled(
    facts: TableFacts,
    columns: Iterable[str],
    fits: Callable[[str, ColumnFacts], bool],
    may_be_null: Collection[str] = (),
) -> TableFacts:
    """The facts where some columns' values do not depend on the world of a row: those of keys, which are counted.

    Of each component those worlds are kept that agree about these columns, the first one and what goes along with it;
    `fits` tells whether a column still has enough values. Where none fits, the first one is left. Columns that
    `may_be_null` are NULL where a world wants it: their keys do not count such rows.
    """
    fixed = set(columns)
    components = []
    for component in facts.components:
        mine = [name for name in component.columns if name in fixed]
        if mine:
            component = _settled(component, mine, {name: facts.of(name) for name in mine}, fits, may_be_null)
        components.append(component)
    return replace(facts, components=tuple(components))


def _settled(
    component: Component,
    names: Sequence[str],
    known: Mapping[str, ColumnFacts],
    fits: Callable[[str, ColumnFacts], bool],
    may_be_null: Collection[str],
) -> Component:
    def valued(world: Mapping[str, ColumnFacts]) -> list[str]:
        return [n for n in names if n not in may_be_null or n not in world or world[n].null is not True]

    kept: list[dict[str, ColumnFacts]] = []
    # Worlds that say least of the columns leave the most of them.
    order = sorted(component.worlds, key=lambda world: sum(world[n] != known[n] for n in names if n in world))
    fitting = [world for world in order if all(fits(n, world.get(n, known[n])) for n in valued(world))]
    for world in fitting:
        together = {name: combined(known[name], world.get(name, ColumnFacts())) for name in valued(world)}
        agreed = {name: facts for name, facts in together.items() if facts is not None and fits(name, facts)}
        if len(agreed) == len(together):
            known = {**known, **agreed}
            kept.append(world)
    if not kept:
        # No world has values enough: at least none is NULL that must not be.
        left = min(
            order, key=lambda world: sum(world[n].null is True for n in names if n in world and n not in may_be_null)
        )
        return component.of_worlds([item for item in component.parted if item[0] is left])
    return component.of_worlds(
        [({**world, **{n: known[n] for n in valued(world)}}, part) for world, part in component.parted if world in kept]
    )
