"""From a schema and the shape that is asked for to a plan: rows of each table, relations, a generator a column.

Everything that cannot be is found here, before a row is written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from loadlab.data.choose import TableContext, choose
from loadlab.data.choose.fitting import has_limits
from loadlab.data.constraints.bounds import carried
from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.links import Links, may_name_nobody, read_links
from loadlab.data.constraints.pairs import Pair, pairs_of
from loadlab.data.constraints.partitions import Coverage, fitting_rows, has_room, keys_without_null, listed_values
from loadlab.data.constraints.settling import without
from loadlab.data.constraints.uniqueness import Key, Solution, Width, keep_apart, solve
from loadlab.data.core.cells import to_arrow
from loadlab.data.core.clock import Clock
from loadlab.data.core.hashing import make_key
from loadlab.data.frame import Frame, Generator, TablePlan
from loadlab.data.overlay.overlay import overlay
from loadlab.data.plan.candidates import Candidates
from loadlab.data.plan.conditions import Conditions
from loadlab.data.plan.demands import Demands
from loadlab.data.plan.findings import Findings, find
from loadlab.data.plan.relating import Relating
from loadlab.data.plan.remedies import Remedy, stated_columns
from loadlab.data.plan.returning import require_beginnings, with_children_named
from loadlab.data.plan.widths import Widths, choices_of
from loadlab.data.relations.relation import Relation
from loadlab.data.relations.slots import Slots
from loadlab.data.relations.timing import timing_of
from loadlab.data.texts import pools
from loadlab.data.values.distributions import check_dependencies
from loadlab.data.volumes import DEFAULT_ROWS, DataRequest, Volume, asked_volume, check_names, require_rows
from loadlab.errors import InputError
from loadlab.schema.model import Schema, Table
from loadlab.schema.order import LoadOrder, load_order
from loadlab.spec.shapes import TableShape

_MOST_PASSES = 6


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
    require_beginnings(schema, request.shape, order.cycles)
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
    laid, more = overlay(schema, request, planning.plans, planning.clock)
    return DataPlan(
        laid, order.tables, planning.clock, request.seed,
        request.scale, shape.locale,
        (*planning.notes, *more), planning.postponed(), planning.findings,
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
    planning.plans = with_children_named(planning.plans, planning.clock)
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

    def made(self) -> TablePlan:
        table, schema = self.table, self.all.schema
        table_key = make_key(self.all.request.seed, table.key)
        request = self.all.request
        widths = Widths(table, self.shape, schema.dialect, request.shape.locale)
        conditions, keys, relating, coverage = self._related(widths, table_key)
        facts, links, solution, never_null = (
            relating.facts,
            relating.links,
            relating.solution,
            relating.demands.never_null,
        )
        self.applied = conditions.applied
        self.notes += self._of_parts(conditions)
        self.notes += [
            f"{table.key}: the exclusion constraint {name} is not understood and may be broken" for name in self.unkept
        ]
        self._cover_parents(relating, {**listed_values(table, facts), **coverage})
        volume = self._fit(relating, coverage, conditions)
        self.all.volumes[table.key] = volume
        firsts = {name: relating.first(first, volume) for name, first in conditions.firsts.items()}
        worlds = relating.worlds = widths.worlds(table_key, facts, firsts)
        relations = relating.relations(volume)
        columns: dict[str, Generator] = {}
        timing = timing_of(relations, self.all.plans)
        bare = TablePlan(
            table, table_key, volume.rows, volume.full, volume.reference, relations, columns, timing,
            choices_of(facts, worlds),
        )  # fmt: skip
        context = TableContext(
            schema=schema,
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
            plans=self.all.plans,
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
            schema, relating, self.shape, keys, self.all.asked[table.key], coverage, self.unkept, self.applied, columns,
            conditions.firsts,
        )  # fmt: skip
        self._note(facts, links, volume)
        return bare

    def _related(
        self, widths: Widths, table_key: int
    ) -> tuple[Conditions, list[Key], Relating, Mapping[str, Coverage]]:
        """What the rows have to keep, and their parents; each partial key in the fullest way that can be."""
        of_table: frozenset[str] = frozenset()
        left_empty: frozenset[str] = frozenset()
        without_parents: frozenset[str] = frozenset()
        while True:
            made = self._attempt(widths, table_key, of_table, left_empty, without_parents)
            conditions, relating = made[0], made[2]
            lost = {
                name
                for component in relating.facts.components
                if not component.has_outside
                for _, part in component.parted
                for name in part
            }
            unknown = {key for key, link in conditions.firsts.items() if link and not relating.may_be_first(link)}
            parted = relating.candidates.parted() - without_parents
            if not lost and not unknown and not parted:
                return made
            left_empty |= lost
            of_table |= unknown
            without_parents |= parted

    def _attempt(
        self,
        widths: Widths,
        table_key: int,
        of_table: frozenset[str],
        left_empty: frozenset[str],
        without_parents: frozenset[str],
    ) -> tuple[Conditions, list[Key], Relating, Mapping[str, Coverage]]:
        table, schema, request = self.table, self.all.schema, self.all.request
        conditions = Conditions(
            schema, table, self.shape, self.all.volumes, widths, request.remedies,
            left_empty=left_empty, of_table=of_table, without_parents=without_parents,
        )  # fmt: skip
        facts, keys = conditions.facts_and_keys()
        facts = conditions.possible(carried(facts, table))
        facts = conditions.settled(facts, conditions.counted(keys), keys)
        coverage = conditions.coverage(facts)
        links, solution, pairs = self._solved(keys, facts, widths.of(facts, coverage), without_parents)
        in_slots = {member for plan in solution.slots for member in plan.members if member in table.column_names}
        facts = conditions.settled(facts, solution.unique | solution.ordinals, keys)
        facts = conditions.settled(facts, solution.periods, [Key("", tuple(solution.periods), True)])
        facts = conditions.settled(facts, in_slots, keys, enough=1)
        # A row's parent does not depend on its world: of several that want other parents one is left.
        followed = {n for link in links.links for n in link.own if any(map(has_limits, facts.every(n)))}
        facts = conditions.settled(facts, followed, keys, enough=1)
        never_null = frozenset(solution.never_null | self._referenced(facts) | keys_without_null(table))
        demands = Demands(schema, table, links, solution, facts, never_null, pairs)
        candidates = Candidates(
            demands, self.all.plans, self.all.volumes, self.all.clock,
            lambda key: self.all.findings[key].facts if key in self.all.findings else None,
        )  # fmt: skip
        candidates.count_parents()
        demands.facts, stuck = without(facts, candidates.without_parents())
        conditions.impossible += stuck
        relating = Relating(
            table_key, demands, candidates, widths.of(facts, coverage), request.place,
            {name: len(set(map(str, shape.values))) for name, shape in self.shape.columns.items() if shape.values},
            frozenset(conditions.firsts.values()),
        )  # fmt: skip
        return conditions, keys, relating, coverage

    def _of_parts(self, conditions: Conditions) -> list[str]:
        """What is to be known of partial keys that have no room for all rows."""
        emptied = {key.name: key for key in conditions.emptied}
        alone = {name for name, link in conditions.firsts.items() if not link}
        return [
            f"{self.table.key}: {'no row' if index.name in emptied else 'one row'} is in {index.name}"
            f" (WHERE {index.predicate}), whose key has no room for all rows"
            for index in self.table.kept_apart
            if index.name in emptied or index.name in alone
        ]

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

    def _solved(
        self, keys: list[Key], facts: TableFacts, width: Width, last: frozenset[str]
    ) -> tuple[Links, Solution, tuple[Pair, ...]]:
        table, schema, volumes = self.table, self.all.schema, self.all.volumes
        links = read_links(schema, table, self.shape, last=last, equal=facts.equal)
        rows = volumes[table.key].rows

        def solved(links: Links) -> Solution:
            return solve(
                schema, table, keys, links, width, rows,
                lambda name: volumes[links.named(name).target].rows,
                [pair.names for pair in pairs_of(links, facts, keys, table.key)],
            )  # fmt: skip

        solution = solved(links)
        leads = _leads(solution)
        while any(links.named(name).source is not None for name in leads):
            # What leads fills its columns itself; the others agree with it.
            links = read_links(schema, table, self.shape, leads, last=last, equal=facts.equal)
            solution = solved(links)
            if set(_leads(solution)) <= set(leads):
                break
            leads += [name for name in _leads(solution) if name not in leads]
        self.unkept = keep_apart(table, schema.dialect, solution)
        if solution.unsolved and any(link.soft for link in links.links):
            links = read_links(schema, table, self.shape, leads, soften=False, last=last, equal=facts.equal)
            solution = solved(links)
        return links, solution, pairs_of(links, facts, keys, table.key)

    def _referenced(self, facts: TableFacts) -> set[str]:
        """Columns that other tables reference: a child whose key must not be NULL needs a value in every parent.

        But for foreign keys of which a CHECK wants a column to be NULL: then all of them are.
        """
        found = {
            name
            for table in self.all.schema
            for key in table.foreign_keys
            if key.target == self.table.key and not may_name_nobody(self.all.schema, table, key)
            for name in key.target_columns
        }
        for key in self.table.foreign_keys:
            if any(said.null is True for name in key.columns for said in facts.every(name)):
                found -= set(key.columns)
        return found

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
                relating.candidates.choose_parents(link.name, fitting_rows(values, cover, plan.type_of(column)))
                relating.candidates.reasons.setdefault(link.name, f"none of which has a {name} that is allowed here")

    def _fit(self, relating: Relating, coverage: Mapping[str, Coverage], conditions: Conditions) -> Volume:
        volume = self.all.volumes[self.table.key]
        if not has_room(self.table.partitioning):
            return volume.cut(0, "it is partitioned and has no partition")
        for name in conditions.contradicted:
            return volume.cut(0, f"no row is true to its CHECK {name}")
        for name in conditions.impossible:
            where = " that has a partition" if name in coverage else ""
            return volume.cut(0, f"its CHECKs leave no value for {name}{where}")
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


def _leads(solution: Solution) -> list[str]:
    """The links whose parents the keys count on, the one whose children are numbered first."""
    return [*([solution.lead] if solution.lead else []), *sorted(solution.one_to_one)]


def used_pools(plan: DataPlan) -> dict[str, str]:
    """Digest of every pool, for the manifest."""
    names: set[str] = set()
    for table in plan.tables.values():
        for generator in table.columns.values():
            names |= pools.pools_of(generator)
    return {name: pools.pool_digest(name, plan.locale) for name in sorted(names)}


__all__ = ["DEFAULT_ROWS", "DataPlan", "DataRequest", "Generator", "plan_data", "used_pools"]
