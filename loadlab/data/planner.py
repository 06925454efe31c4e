"""From a schema and the shape that is asked for to a plan: rows of each table, relations, a generator a column.

Everything that cannot be is found here, before a row is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from loadlab.data import pools
from loadlab.data.cells import to_arrow
from loadlab.data.choose import TableContext, choose
from loadlab.data.choose.chosen import has_value, listed, narrowed
from loadlab.data.choose.numbers import width as number_width
from loadlab.data.choose.texts import width as text_width
from loadlab.data.choose.times import width as time_width
from loadlab.data.clock import Clock
from loadlab.data.distributions import check_dependencies
from loadlab.data.elements import distinct_generator
from loadlab.data.facts import ColumnFacts, Component, TableFacts, settled, table_facts
from loadlab.data.findings import Findings, find
from loadlab.data.frame import Frame, Generator, TablePlan
from loadlab.data.hashing import make_key
from loadlab.data.lifecycle import NAME as LIFE_CYCLE
from loadlab.data.lifecycle import life_cycle
from loadlab.data.links import Links, read_links
from loadlab.data.overlay import overlay
from loadlab.data.partitions import Coverage, coverage_of, fitting_rows, has_room, keys_without_null, listed_values
from loadlab.data.relating import Relating
from loadlab.data.relations import Relation
from loadlab.data.remedies import Remedy, applied_remedies, stated_columns
from loadlab.data.slots import Slots
from loadlab.data.timing import timing_of
from loadlab.data.uniqueness import Key, Solution, Width, identifies, keep_apart, keys_of, solve
from loadlab.data.volumes import DEFAULT_ROWS, DataRequest, Volume, asked_volume, check_names, require_rows
from loadlab.data.worlds import Worlds
from loadlab.errors import InputError
from loadlab.schema.checks import Reading, read_condition
from loadlab.schema.meaning import meaning_of
from loadlab.schema.model import Column, Schema, Table
from loadlab.schema.order import LoadOrder, load_order
from loadlab.spec.scenario import TableShape

_MOST_PASSES = 6
# Values of types whose width does not depend on the column.
_WIDTHS = {"boolean": 2, "uuid": 2**62}


@dataclass(frozen=True, slots=True)
class DataPlan:
    """The whole dataset. `notes` name what was not understood or had to be cut; `order` is parents first.

    `postponed` names by table the foreign-key columns that close a cycle: a database whose constraints are in place
    gets them after everything else.
    """

    tables: Mapping[str, TablePlan]
    order: tuple[str, ...]
    clock: Clock
    seed: int
    scale: float
    locale: str
    notes: tuple[str, ...]
    postponed: Mapping[str, tuple[str, ...]]
    findings: Mapping[str, Findings] = field(default_factory=dict)


def plan_data(schema: Schema, request: DataRequest) -> DataPlan:
    """Raises InputError for names that are not in the schema, InfeasibleError for data that cannot exist."""
    if not math.isfinite(request.scale):
        raise InputError("--scale", "must be a finite number", value=request.scale)
    check_names(schema, request)
    for name, table_shape in request.shape.tables.items():
        check_dependencies(table_shape.columns, f"{request.place}: data.tables.{name}")
    order = load_order(schema)
    asked = {table.key: asked_volume(table, request) for table in schema}
    volumes = dict(asked)
    planning = _planned(schema, request, order, volumes, asked)
    for _ in range(_MOST_PASSES):
        # In a cycle a child is planned before its parent: had the parent to be cut, everything is planned anew.
        if planning.final == volumes or not order.cycles:
            break
        volumes = planning.final
        planning = _planned(schema, request, order, volumes, asked)
    shape = request.shape
    return DataPlan(
        overlay(schema, request, planning.plans, planning.clock), order.tables, planning.clock, request.seed,
        request.scale, shape.locale,
        tuple(planning.notes), planning.postponed(), planning.findings,
    )  # fmt: skip


def _planned(
    schema: Schema,
    request: DataRequest,
    order: LoadOrder,
    volumes: Mapping[str, Volume],
    asked: Mapping[str, Volume],
) -> _Planning:
    planning = _Planning(schema, request, Clock.of(request.shape.time), dict(volumes), asked)
    for key in order.tables:
        planning.plan(schema.table(key))
    return planning


@dataclass
class _Planning:
    """The tables planned so far."""

    schema: Schema
    request: DataRequest
    clock: Clock
    volumes: dict[str, Volume]
    asked: Mapping[str, Volume]
    plans: dict[str, TablePlan] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    findings: dict[str, Findings] = field(default_factory=dict)
    final: dict[str, Volume] = field(default_factory=dict)

    def plan(self, table: Table) -> None:
        shape = self.request.shape.tables.get(table.key, TableShape())
        work = _TablePlanning(self, table, shape)
        plan = work.made()
        require_rows(table, self.volumes[table.key], self.asked[table.key], self.request)
        self.final[table.key] = self.volumes[table.key]
        self.plans[table.key] = plan
        if work.findings is not None:
            self.findings[table.key] = work.findings
        self.notes += work.notes

    def postponed(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for key, plan in self.plans.items():
            columns = [
                name
                for relation in plan.relations
                if relation.future
                for name in relation.columns
                if plan.table.column(name).nullable
            ]
            if columns:
                found[key] = tuple(dict.fromkeys(columns))
        return found


@dataclass
class _TablePlanning:
    """One table on its way to a plan."""

    all: _Planning
    table: Table
    shape: TableShape
    notes: list[str] = field(default_factory=list)
    findings: Findings | None = None
    unkept: list[str] = field(default_factory=list)
    applied: dict[str, Remedy] = field(default_factory=dict)
    impossible: list[str] = field(default_factory=list)
    """Columns for which their CHECKs leave no value."""

    def made(self) -> TablePlan:
        table, schema = self.table, self.all.schema
        table_key = make_key(self.all.request.seed, table.key)
        facts, keys = self._facts_and_keys()
        facts = self._possible(facts)
        facts = self._settled(facts, self._counted(keys))
        coverage = self._coverage(facts)
        links, solution = self._solved(facts, keys, coverage)
        in_slots = {member for plan in solution.slots for member in plan.members if member in table.column_names}
        facts = self._settled(facts, solution.unique | solution.ordinals | set(solution.periods))
        facts = self._settled(facts, in_slots, enough=1)
        worlds = self._worlds(table_key, facts)
        never_null = frozenset(solution.never_null | self._referenced() | keys_without_null(table, schema.dialect))
        relating = Relating(
            table, table_key, links, solution, facts, worlds, self.all.plans, self.all.volumes, self.all.clock,
            never_null, self._width(facts, coverage), self.all.request.place,
            {name: len(set(map(str, shape.values))) for name, shape in self.shape.columns.items() if shape.values},
        )  # fmt: skip
        relating.count_parents()
        self._cover_parents(relating, {**listed_values(table, facts), **coverage})
        volume = self._fit(relating, coverage)
        self.all.volumes[table.key] = volume
        relations = relating.relations(volume)
        columns: dict[str, Generator] = {}
        timing = timing_of(relations, self.all.plans)
        bare = TablePlan(table, table_key, volume.rows, volume.full, volume.reference, relations, columns, timing)
        context = TableContext(
            table=table,
            dialect=schema.dialect,
            key=table_key,
            rows=volume.rows,
            full_rows=volume.full,
            locale=self.all.request.shape.locale,
            clock=self.all.clock,
            facts=facts,
            worlds=worlds,
            relations=relations,
            links=links,
            solution=solution,
            slots=self._slots(relating, solution, volume, relations),
            coverage=coverage,
            never_null=never_null,
            shapes=dict(self.shape.columns),
            place=f"{self.all.request.place}: data.tables.{table.key}",
            sample=lambda count: self._sample(bare, count),
        )
        if volume.rows:
            self._choose(context, columns)
        self.findings = find(
            schema, relating, self.shape, keys, self.all.asked[table.key], coverage, self.unkept, self.applied, columns
        )
        self._note(facts, links, volume)
        return bare

    def _choose(self, context: TableContext, columns: dict[str, Generator]) -> None:
        for column in self.table.stored_columns:
            generator = choose(context, column)
            if generator is None:
                self.notes.append(
                    f"{self.table.key}.{column.name}: {column.type.native} is left to the column's default"
                )
            else:
                columns[column.name] = generator

    def _sample(self, plan: TablePlan, count: int) -> Frame:
        rows = np.arange(min(count, max(plan.rows, 1)), dtype=np.int64)
        return Frame(plan, rows, {**self.all.plans, plan.table.key: plan}, self.all.clock)

    # -- conditions and keys -----------------------------------------------------------------------------------------

    def _facts_and_keys(self) -> tuple[TableFacts, list[Key]]:
        """Facts of the CHECKs and of the life cycle, and the keys."""
        facts, keys, more = self._checks_and_keys()
        stages = life_cycle(self.table, facts)
        if stages is None:
            return facts, keys
        staged = table_facts(self.table, self.all.schema.dialect, [*more, (LIFE_CYCLE, stages)])
        # It is nobody's condition: it gives way to those that are.
        return (staged if len(staged.not_understood) == len(facts.not_understood) else facts), keys

    def _checks_and_keys(self) -> tuple[TableFacts, list[Key], list[tuple[str, Reading]]]:
        """A key that is partial is kept for all rows, or no row is in that part: then by what is told last."""
        table, dialect = self.table, self.all.schema.dialect
        self.applied = applied_remedies(self.all.schema, table, self.shape, self.all.request.remedies)
        fixes = [(name, remedy.reading) for name, remedy in self.applied.items()]
        facts = table_facts(table, dialect, fixes)
        # Where a column is NULL in every row there is nothing that could agree.
        nulls = {name for name in table.column_names if facts.of(name).null is True}
        keys = [key for key in keys_of(table, dialect) if key.nulls_agree or nulls.isdisjoint(key.columns)]
        partial = [key for key in keys if key.predicate is not None]
        if not partial:
            return facts, keys, fixes
        links = read_links(self.all.schema, table, self.shape)
        width = self._width(facts, {})
        outside = fixes
        kept = [key for key in keys if key.predicate is None]
        for key in partial:
            if self._holds_everywhere(key, links, width):
                kept.append(key)
                continue
            assert key.predicate is not None
            reading = read_condition(key.predicate, dialect, holds=False)
            if reading.not_understood or not reading.branches:
                kept.append(key)
            else:
                outside.append((key.name, reading))
        more = table_facts(table, dialect, outside)
        contradicted = {name for name, _ in more.not_understood} - {name for name, _ in facts.not_understood}
        if contradicted:
            # No row could be outside the index: its key holds for all of them.
            kept += [key for key in partial if key.name in contradicted]
            outside = [item for item in outside if item[0] not in contradicted]
            more = table_facts(table, dialect, outside)
        return more, kept, outside

    def _holds_everywhere(self, key: Key, links: Links, width: Width) -> bool:
        """Whether a partial key can be kept for every row without changing how the rows relate."""
        filled = {name for link in links.links for name in link.own}
        rows = self.all.volumes[self.table.key].rows
        own = [name for name in key.columns if name not in filled]
        if any(width(name) >= max(rows, 2) for name in own):
            return True
        members = [link for link in links.links if identifies(self.all.schema, link, key.columns)]
        room = 1
        for link in members:
            room *= max(self.all.volumes[link.target].rows, 1)
        for name in own:
            room *= max(width(name), 1)
        return len(members) + len(own) > 1 and room >= rows

    def _possible(self, facts: TableFacts) -> TableFacts:
        """The facts where a column that no value fits is NULL, and without the worlds in which it must not be."""
        must = {column.name for column in self.table.columns if not column.nullable} | set(self.table.primary_key)

        def possible(known: Mapping[str, ColumnFacts]) -> dict[str, ColumnFacts] | None:
            found = dict(known)
            for name, said in known.items():
                if said.null is not True and not has_value(self.table.column(name), said):
                    if name in must or said.null is False:
                        return None
                    found[name] = replace(said, null=True)
            return found

        components = []
        for component in facts.components:
            worlds = [found for world in component.worlds if (found := possible(world)) is not None]
            components.append(Component(component.columns, tuple(worlds or component.worlds)))
        plain = {name: said for name, said in facts.plain.items() if name in self.table.column_names}
        for name, said in plain.items():
            if possible({name: said}) is None:
                self.impossible.append(name)
        return TableFacts(
            {**facts.plain, **{n: f for n, s in plain.items() for f in (possible({n: s}) or {n: s}).values()}},
            tuple(components), facts.not_understood,
        )  # fmt: skip

    def _counted(self, keys: list[Key]) -> set[str]:
        """Columns that surely are keys by themselves, or sequences: their values are those of the row's number."""
        single = {key.columns[0] for key in keys if len(key.columns) == 1 and key.predicate is None}
        sequences = {
            column.name
            for column in self.table.stored_columns
            if column.identity is not None or "nextval" in (column.default or "")
        }
        return single | sequences

    def _settled(self, facts: TableFacts, columns: Iterable[str], *, enough: int | None = None) -> TableFacts:
        rows = self.all.volumes[self.table.key].rows if enough is None else enough
        return settled(
            facts, columns, lambda name, said: said.null is not True and self._said_width(name, said) >= rows
        )

    def _coverage(self, facts: TableFacts) -> dict[str, Coverage]:
        """What has a partition, as far as the conditions allow it."""
        found = coverage_of(self.table, self.all.schema.dialect)
        return {name: narrowed(self.table.column(name), facts.of(name), cover) for name, cover in found.items()}

    def _solved(
        self, facts: TableFacts, keys: list[Key], coverage: Mapping[str, Coverage]
    ) -> tuple[Links, Solution]:
        table, schema, volumes = self.table, self.all.schema, self.all.volumes
        links = read_links(schema, table, self.shape)
        rows = volumes[table.key].rows

        def solved(links: Links) -> Solution:
            return solve(
                schema, table, keys, links, self._width(facts, coverage), rows,
                lambda name: volumes[links.named(name).target].rows,
            )  # fmt: skip

        solution = solved(links)
        leads = [*([solution.lead] if solution.lead else []), *sorted(solution.one_to_one)]
        if any(links.named(name).source is not None for name in leads):
            # What leads fills its columns itself; the others agree with it.
            links = read_links(schema, table, self.shape, leads)
            solution = solved(links)
        self.unkept = keep_apart(table, schema.dialect, solution)
        for name in self.unkept:
            self.notes.append(f"{table.key}: the exclusion constraint {name} is not understood and may be broken")
        if solution.unsolved and any(link.soft for link in links.links):
            links = read_links(schema, table, self.shape, leads, soften=False)
            solution = solved(links)
        return links, solution

    def _width(self, facts: TableFacts, coverage: Mapping[str, Coverage]) -> Width:
        def width(name: str) -> int:
            known = [self._said_width(name, each) for each in facts.every(name) if each.null is not True]
            found = min(known, default=0)
            return min(found, coverage[name].count) if name in coverage else found

        return width

    def _said_width(self, name: str, facts: ColumnFacts) -> int:
        shape = self.shape.columns.get(name)
        if shape is not None and shape.values is not None:
            return len(set(map(str, shape.values)))
        return self._column_width(self.table.column(name), facts)

    def _column_width(self, column: Column, facts: ColumnFacts) -> int:
        """How many values a column can tell apart."""
        values = listed(column, facts)
        if values is not None:
            return len(set(values))
        kind = column.type.kind
        if kind in _WIDTHS:
            return _WIDTHS[kind]
        if kind in ("integer", "numeric", "float"):
            return number_width(column, facts)
        if kind == "text":
            meaning = meaning_of(self.table, column)
            return text_width(self.table, column, facts, meaning, self.all.request.shape.locale)
        if kind == "bytes" and facts.bytes_max is not None:
            return int(min(256 ** min(facts.bytes_max, 7), 2**60))
        if kind in ("date", "timestamp", "interval", "time"):
            return time_width(column, facts)
        found = distinct_generator(column.type, 0, self.all.schema.dialect)
        return found[1] if found is not None else 0

    def _worlds(self, table_key: int, facts: TableFacts) -> dict[str, Worlds]:
        found: dict[str, Worlds] = {}
        for component in facts.components:
            weights = [self._weight(facts, world) for world in component.worlds]
            worlds = Worlds.of(make_key(table_key, "world", *component.columns), weights)
            found |= dict.fromkeys(component.columns, worlds)
        return found

    def _weight(self, facts: TableFacts, world: Mapping[str, ColumnFacts]) -> float:
        """How likely a world is: by the weights of the values that it allows, or by who is NULL in it."""
        by_value, by_null, has_values = 1.0, 1.0, False
        for name, said in world.items():
            column = self.table.column(name)
            everything = listed(column, facts.of(name))
            mine = listed(column, said)
            shape = self.shape.columns.get(name)
            if shape is not None and shape.values is not None:
                everything = tuple(shape.values)
            if everything and mine and len(mine) < len(everything):
                weights = (
                    list(shape.weights)
                    if shape is not None and shape.weights
                    else [1 / (k + 1) for k in range(len(everything))]
                )
                total = sum(weight for value, weight in zip(everything, weights, strict=False) if value in mine)
                by_value *= max(total / sum(weights), 0.0)
                has_values = True
            if said.null is not None and column.nullable:
                by_null *= 0.4 if said.null else 0.6
        return max(by_value if has_values else by_null, 1e-6)

    def _referenced(self) -> set[str]:
        """Columns that other tables reference: a child whose key must not be NULL needs a value in every parent."""
        return {
            name
            for table in self.all.schema
            for key in table.foreign_keys
            if key.target == self.table.key
            for name in key.target_columns
        }

    # -- rows --------------------------------------------------------------------------------------------------------

    def _cover_parents(self, relating: Relating, coverage: Mapping[str, Coverage]) -> None:
        """A foreign key in the partition key, or with a list of values, takes only parents that have one of those."""
        for name, cover in coverage.items():
            link = relating.links.of_column(name)
            if link is None or link.target not in self.all.plans:
                continue
            plan = self.all.plans[link.target]
            column = link.target_of(name)
            if plan.rows and column in plan.columns:
                frame = Frame(plan, np.arange(plan.rows, dtype=np.int64), self.all.plans, self.all.clock)
                values = to_arrow(frame.cells(column), plan.type_of(column))
                relating.choose_parents(link.name, fitting_rows(values, cover, plan.type_of(column)))

    def _fit(self, relating: Relating, coverage: Mapping[str, Coverage]) -> Volume:
        volume = self.all.volumes[self.table.key]
        if not has_room(self.table.partitioning):
            return volume.cut(0, "it is partitioned and has no partition")
        for name in self.impossible:
            return volume.cut(0, f"its CHECKs leave no value for {name}")
        for name, cover in coverage.items():
            if not cover.count:
                return volume.cut(0, f"no partition takes what the CHECKs allow for {name}")
        return relating.fit(volume)

    def _slots(
        self, relating: Relating, solution: Solution, volume: Volume, relations: tuple[Relation, ...]
    ) -> dict[str, tuple[Slots, int]]:
        made = {relation.name: relation for relation in relations}
        found: dict[str, tuple[Slots, int]] = {}
        for plan in solution.slots:
            slots = relating.slots(plan, volume, made)
            for position, member in enumerate(plan.members):
                if member not in made:
                    found[member] = (slots, position)
        return found

    def _note(self, facts: TableFacts, links: Links, volume: Volume) -> None:
        key = self.table.key
        given = stated_columns(self.shape)
        for name, text in facts.not_understood:
            if name in self.applied:
                words = self.applied[name].words
                self.notes.append(f"{key}: CHECK {name} is not understood; {words}, which the database accepts")
            elif not any(column in text for column in given):
                self.notes.append(
                    f"{key}: CHECK {name} is not understood: {text}; should the database refuse rows, give its columns"
                    " values"
                )
        self.notes += links.notes
        if volume.limit:
            self.notes.append(f"{key}: {volume.rows:,} rows, not {self.all.asked[key].rows:,}: {volume.limit}")


def used_pools(plan: DataPlan) -> dict[str, str]:
    """Digest of every pool, for the manifest."""
    names: set[str] = set()
    for table in plan.tables.values():
        for generator in table.columns.values():
            names |= pools.pools_of(generator)
    return {name: pools.pool_digest(name, plan.locale) for name in sorted(names)}


__all__ = ["DEFAULT_ROWS", "DataPlan", "DataRequest", "Generator", "plan_data", "used_pools"]
