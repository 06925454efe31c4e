"""What a plan makes of each constraint of a schema: how it is kept, by whom, and for how many rows there is room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.facts import Component
from loadlab.data.constraints.uniqueness import Key
from loadlab.data.frame import TablePlan
from loadlab.data.plan.findings import Findings
from loadlab.data.plan.planner import DataPlan
from loadlab.data.relations.relation import Relation
from loadlab.schema.checks import expression_columns
from loadlab.schema.model import Check, Column, ForeignKey, Schema, Table

Status = Literal["kept", "overridden", "not understood", "left to the server", "left out"]
Kind = Literal[
    "primary key", "unique", "foreign key", "check", "exclusion", "not null", "type", "partition", "trigger"
]  # fmt: skip
_MOST = 2**60
"""More rows than any key is asked for: beyond it a capacity is not worth a figure."""
_WORLDS_SHOWN = 2
_VALUES_SHOWN = 3
_BY_PATTERN = {
    "spread": "any row of {target}",
    "nested": "rows of one {target} stand together",
    "one_to_one": "each row of {target} once",
    "tree": "a tree",
    "chain": "each row after another",
    "slotted": "combinations that do not repeat",
    "agreeing": "a row of {target} that agrees in {shared}",
    "paired": "pairs of {target} that do not repeat",
    "itself": "the row itself",
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint: `means` says in a few words how it is met, or why not.

    `capacity` is the number of rows that a key has room for (None: as many as anybody asks for, or no key), `certain`
    whether the database will surely accept the rows.
    """

    name: str
    kind: Kind
    status: Status
    means: str
    columns: tuple[str, ...] = ()
    capacity: int | None = None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class TableFeasibility:
    """`asked` and `rows` differ where `limit` says why."""

    table: str
    asked: int
    rows: int
    limit: str
    constraints: tuple[Constraint, ...]

    @property
    def is_certain(self) -> bool:
        return all(constraint.certain for constraint in self.constraints)


def feasibility(
    plan: DataPlan, schema: Schema, *, owns_tables: bool, engine: str | None = None, computes: bool = True
) -> tuple[TableFeasibility, ...]:
    """One report a table, in load order. `owns_tables`: LoadLab makes the tables, so that triggers can wait; on another
    `engine` than the one whose words the schema is in there are none (None: it is that one). `computes`: its tables
    can have generated columns and defaults.
    """
    has_triggers = engine in (None, schema.dialect)
    return tuple(
        TableFeasibility(
            key,
            plan.findings[key].asked.rows,
            plan.tables[key].rows,
            plan.findings[key].volume.limit,
            tuple(
                _Table(schema, plan.tables[key], plan.findings[key], owns_tables, has_triggers, computes).constraints()
            ),
        )
        for key in plan.order
        if key in plan.findings
    )


@dataclass(frozen=True, slots=True)
class _Table:
    schema: Schema
    plan: TablePlan
    found: Findings
    owns_tables: bool
    has_triggers: bool
    computes: bool

    @property
    def table(self) -> Table:
        return self.plan.table

    def constraints(self) -> Iterator[Constraint]:
        yield from map(self._key, self._keys())
        yield from map(self._foreign_key, self.table.foreign_keys)
        yield from map(self._check, self.table.checks)
        yield from self._exclusions()
        yield from self._columns()
        yield from self._partitions()
        yield from self._triggers()

    # -- keys --------------------------------------------------------------------------------------------------------

    def _keys(self) -> Iterator[tuple[Key, Kind]]:
        """Every key of the table, also those that were not for planning to keep."""
        planned = {key.name: key for key in self.found.keys}
        primary = self.table.primary_key_name or "primary key"
        if self.table.primary_key:
            yield planned.get(primary, Key(primary, self.table.primary_key, True)), "primary key"
        for index in self.table.kept_apart:
            if index.name != primary and index.keys != self.table.primary_key:
                yield planned.get(index.name, Key(index.name, index.keys, predicate=index.predicate)), "unique"

    def _key(self, item: tuple[Key, Kind]) -> Constraint:
        key, kind = item
        means, capacity = self._means(key)
        told = capacity if capacity is not None and capacity < _MOST else None
        if key.columns and any(name in self.found.given for name in key.columns) and not means:
            return Constraint(key.name, kind, "overridden", "the scenario states its columns' values", key.columns)
        if means:
            return Constraint(key.name, kind, "kept", means, key.columns, told)
        if self.table.column_names and all(self._is_generated(name) for name in key.columns):
            return self._of_generated(key.name, kind, "its columns are generated", key.columns)
        return Constraint(key.name, kind, "not understood", "nothing tells its rows apart", key.columns, certain=False)

    def _means(self, key: Key) -> tuple[str, int | None]:
        """In words, and for how many rows there is room; "" where the key is not kept."""
        found, rooms = self.found.solution, self.found.rooms
        inside = set(key.columns)
        for name in key.columns:
            if name in self.table.column_names and self.found.facts.of(name).null is True and not key.nulls_agree:
                return f"{name} is always NULL", None
        for name in key.columns:
            if name in found.unique:
                return self._distinct(name), rooms.get(name)
        for link in self.found.links.links:
            if link.name in found.one_to_one and set(link.own) & inside:
                own = link.target == self.table.key
                return f"each row of {link.target} once", None if own else self.found.parents[link.name]
        for pair in found.pairs:
            links = [self.found.links.named(name) for name in pair]
            if all(set(link.own) & inside for link in links):
                return f"pairs of {links[0].target} that do not repeat", rooms.get(",".join(pair))
        for plan in found.slots:
            if set(plan.key.columns) <= inside:
                if plan.lead is None and len(plan.members) == 1:
                    return "each of its values once", rooms.get(plan.key.name)
                members = " × ".join(plan.members)
                within = f" within each {plan.lead}" if plan.lead is not None else ""
                return f"combinations of {members}{within}", rooms.get(plan.key.name)
        ordinal = next((name for name in key.columns if name in found.ordinals), None)
        if ordinal is not None and found.lead is not None:
            return f"{ordinal} is numbered within {found.lead}", None
        if key.name in rooms:
            return "one row", rooms[key.name]
        if key.name in self.found.firsts:
            parent = self.found.firsts[key.name]
            return (
                f"the first row of each {parent} has {key.predicate}" if parent else f"one row has {key.predicate}",
                None,
            )
        if self._is_left_out(key):
            return f"no row has {key.predicate}", None
        return "", None

    def _distinct(self, name: str) -> str:
        kind = self.table.column(name).type.kind
        what = {"integer": "the number of the row", "uuid": "a UUID for each row", "text": "a text for each row"}
        return f"{name} is {what.get(kind, 'distinct in every row')}"

    def _is_left_out(self, key: Key) -> bool:
        """Whether a partial key was kept by leaving its condition false everywhere."""
        return key.predicate is not None and all(known.name != key.name for known in self.found.keys)

    def _is_generated(self, name: str) -> bool:
        return name in self.table.column_names and self.table.column(name).generated is not None

    # -- relations ---------------------------------------------------------------------------------------------------

    def _foreign_key(self, key: ForeignKey) -> Constraint:
        name = key.name or ",".join(key.columns)
        if any(self._is_generated(column) for column in key.columns):
            means = "a generated column's reference cannot be foreseen"
            return Constraint(name, "foreign key", "not understood", means, key.columns, certain=False)
        relation = next((r for r in self.plan.relations if self._is_relation(r, key)), None)
        if relation is not None:
            return Constraint(name, "foreign key", "kept", self._relation(relation), key.columns)
        if any(item.target == key.target and item.columns == key.columns for item in self.found.links.restrictions):
            means = f"only parents that {key.target} knows too"
            return Constraint(name, "foreign key", "kept", means, key.columns)
        if any("it may not hold" in note and ",".join(key.columns) in note for note in self.found.links.notes):
            means = "its columns come from several foreign keys; it may not hold"
            return Constraint(name, "foreign key", "not understood", means, key.columns, certain=False)
        return Constraint(name, "foreign key", "kept", "follows from the other foreign keys", key.columns)

    @staticmethod
    def _is_relation(relation: Relation, key: ForeignKey) -> bool:
        return relation.target == key.target and relation.name == ",".join(key.columns)

    def _relation(self, relation: Relation) -> str:
        link = self.found.links.named(relation.name)
        shared = ", ".join(link.shared) or "the others"
        words = _BY_PATTERN[relation.pattern].format(target=relation.target, shared=shared)
        if relation.presence is not None and set(relation.presence.shares) == {1.0}:
            return "left NULL"
        return f"{words}, some NULL" if relation.presence is not None else words

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check(self, check: Check) -> Constraint:
        known = self.table.column_names
        names = tuple(n for n in expression_columns(check.expression, self.schema.dialect) if n in known)
        texts = [text for name, text in self.found.facts.not_understood if name == check.name]
        given = [name for name in names if name in self.found.given]
        generated = [name for name in names if self._is_generated(name)]
        if given:
            means = f"the scenario states the values of {', '.join(given)}"
            return Constraint(check.name, "check", "overridden", means, names, certain=not texts)
        if check.name in self.found.applied:
            means = f"{'; '.join(texts)}: {self.found.applied[check.name].words}"
            return Constraint(check.name, "check", "not understood", means, names, certain=False)
        if texts:
            means = f"{'; '.join(texts)}: the database will decide"
            return Constraint(check.name, "check", "not understood", means, names, certain=False)
        if generated:
            return self._of_generated(check.name, "check", f"it speaks of {', '.join(generated)}, generated", names)
        component = next((c for name in names if (c := self.found.facts.component_of(name)) is not None), None)
        if component is not None and len(component.worlds) > 1:
            return Constraint(check.name, "check", "kept", _worlds(component, names), names)
        return Constraint(check.name, "check", "kept", "in every row", names)

    def _exclusions(self) -> Iterator[Constraint]:
        for index in self.table.indexes:
            if index.unique or index.constraint is None or not index.operators:
                continue
            if index.name in self.found.unkept:
                means = "overlapping rows are not kept apart"
                yield Constraint(index.name, "exclusion", "not understood", means, index.keys, certain=False)
            elif "&&" in index.operators:
                yield Constraint(index.name, "exclusion", "kept", "every row has a stretch of its own", index.keys)
            else:
                means = f"the operators {', '.join(index.operators)}: the database will decide"
                yield Constraint(index.name, "exclusion", "not understood", means, index.keys, certain=False)

    # -- columns and the rest ----------------------------------------------------------------------------------------

    def _columns(self) -> Iterator[Constraint]:
        filled = tuple(c.name for c in self.table.stored_columns if not c.nullable and c.name not in self.found.left)
        if filled:
            yield Constraint("", "not null", "kept", f"{len(filled)} columns always have a value", filled)
        for column in self.table.columns:
            if column.generated is not None:
                yield self._of_server(column, "generated")
            elif column.name in self.found.left:
                yield self._of_server(column, f"{column.type.native} cannot be generated: the column's default")

    def _of_server(self, column: Column, means: str) -> Constraint:
        """A column whose values the server computes, where it does."""
        if self.computes:
            return Constraint(column.name, "type", "left to the server", means, (column.name,))
        return Constraint(column.name, "type", "left out", f"{means}; the server computes nothing", (column.name,))

    def _of_generated(self, name: str, kind: Kind, means: str, columns: tuple[str, ...]) -> Constraint:
        """What is asked of such columns."""
        if self.computes:
            return Constraint(name, kind, "left to the server", f"{means} by the server", columns, certain=False)
        return Constraint(name, kind, "left out", f"{means}; the server computes nothing", columns)

    def _partitions(self) -> Iterator[Constraint]:
        parts = self.table.partitioning
        if parts is None:
            return
        name = f"{parts.strategy} ({', '.join(parts.keys)})"
        if not self.plan.rows and "no partition" in self.found.volume.limit:
            yield Constraint(name, "partition", "kept", "there is no partition that takes rows", parts.keys, 0)
            return
        covered = [key for key in parts.keys if key in self.found.coverage]
        means = (
            f"only values of {', '.join(covered)} that have a partition" if covered else "every value has a partition"
        )
        yield Constraint(name, "partition", "kept", means, parts.keys)

    def _triggers(self) -> Iterator[Constraint]:
        when = "put off until the rows are in" if self.owns_tables else "fires for the rows that are loaded"
        for trigger in self.table.triggers:
            if self.owns_tables and not self.has_triggers:
                means = f"its body is in the words of {self.schema.dialect}"
                yield Constraint(trigger.name, "trigger", "left out", means)
                continue
            writes = f"; writes to {', '.join(trigger.writes)}" if trigger.writes else ""
            yield Constraint(trigger.name, "trigger", "left to the server", f"{when}{writes}")


def _worlds(component: Component, names: tuple[str, ...]) -> str:
    """`2 worlds: status = done with completed_at, …`"""
    told: list[str] = []
    for world in component.worlds:
        text = _world(world, names)
        if text and text not in told:
            told.append(text)
    more = ", …" if len(told) > _WORLDS_SHOWN else ""
    shown = "; ".join(told[:_WORLDS_SHOWN])
    return f"{len(component.worlds)} worlds: {shown}{more}" if shown else f"{len(component.worlds)} worlds"


def _world(world: Mapping[str, ColumnFacts], names: tuple[str, ...]) -> str:
    said = [f"{name} = {_listed(facts)}" for name, facts in _of(world, names) if facts.allowed]
    said += [f"{name} {facts.limits}" for name, facts in _of(world, names) if facts.limits and not facts.allowed]
    present = [name for name, facts in _of(world, names) if facts.null is False and not facts.allowed]
    absent = [name for name, facts in _of(world, names) if facts.null is True]
    said += [f"with {', '.join(present)}"] if present else []
    said += [f"without {', '.join(absent)}"] if absent else []
    return " ".join(said)


def _listed(facts: ColumnFacts) -> str:
    """`open|paid|…`: the first of the values that are left."""
    left = [str(value) for value in facts.allowed or () if value not in facts.excluded]
    return "|".join([*left[:_VALUES_SHOWN], *(["…"] if len(left) > _VALUES_SHOWN else [])])


def _of(world: Mapping[str, ColumnFacts], names: tuple[str, ...]) -> list[tuple[str, ColumnFacts]]:
    return [(name, world[name]) for name in names if name in world]
