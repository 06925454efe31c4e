"""What the rows of a table have to keep: the facts of its CHECKs, and its keys, with what gives way to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from loadlab.data.choose.chosen import has_value, narrowed
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.facts import TableFacts, table_facts
from loadlab.data.constraints.links import Links, read_links
from loadlab.data.constraints.partitions import Coverage, coverage_of, keys_without_null
from loadlab.data.constraints.settling import settled
from loadlab.data.constraints.uniqueness import Key, Width, identifies, is_sequence, keys_of
from loadlab.data.plan.lifecycle import NAME as LIFE_CYCLE
from loadlab.data.plan.lifecycle import life_cycle
from loadlab.data.plan.moments import NAME as MOMENTS
from loadlab.data.plan.moments import moments_in_order
from loadlab.data.plan.remedies import Remedy, applied_remedies
from loadlab.data.plan.widths import Widths
from loadlab.data.volumes import Volume
from loadlab.schema.checks import InPart, Reading, read_condition
from loadlab.schema.model import Schema, Table
from loadlab.spec.shapes import TableShape


@dataclass
class Conditions:
    """The conditions of one table while it is planned. `remedies` are those that the request names, by table."""

    schema: Schema
    table: Table
    shape: TableShape
    volumes: Mapping[str, Volume]
    widths: Widths
    remedies: Mapping[str, Mapping[str, str]]
    applied: dict[str, Remedy] = field(default_factory=dict)
    impossible: list[str] = field(default_factory=list)
    """Columns for which their CHECKs leave no value."""
    left_empty: frozenset[str] = frozenset()
    """Partial keys of which it is known that they are to be kept by having no row in them."""
    of_table: frozenset[str] = frozenset()
    """Partial keys that can have one row of the whole table at most."""
    without_parents: frozenset[str] = frozenset()
    """Links of which it is known that there is no parent, so that others have to fill their columns."""
    contradicted: list[str] = field(default_factory=list)
    """CHECKs that no row can be true to."""
    emptied: list[Key] = field(default_factory=list)
    """Partial keys that are kept by having no row in them."""
    firsts: dict[str, str] = field(default_factory=dict)
    """By partial key, the link of whose parents each has its first row in it ("": the table has)."""

    def facts_and_keys(self) -> tuple[TableFacts, list[Key]]:
        """Facts of the CHECKs, of the life cycle and of the order of moments; and the keys."""
        facts, keys, more = self._checks_and_keys()
        checks = facts
        for name, reading in (
            (LIFE_CYCLE, life_cycle(self.table, self.shape, checks)),
            (MOMENTS, moments_in_order(self.table, self.shape, checks)),
        ):
            if reading is None:
                continue
            wider = table_facts(self.table, self.schema.dialect, [*more, (name, reading)])
            # It is nobody's condition: it gives way to those that are.
            if len(wider.not_understood) == len(facts.not_understood):
                facts, more = wider, [*more, (name, reading)]
        return self._as_stated(facts), keys

    def _as_stated(self, facts: TableFacts) -> TableFacts:
        """The facts without the worlds that have none of the values that the scenario lists for a column."""
        stated = {name: shape.values for name, shape in self.shape.columns.items() if shape.values}

        def has_one(world: Mapping[str, ColumnFacts]) -> bool:
            lists = [(said.allowed, stated[name]) for name, said in world.items() if name in stated]
            return all(known is None or any(value in known for value in values) for known, values in lists)

        components = [
            component.of_worlds([item for item in component.parted if has_one(item[0])] or component.parted)
            for component in facts.components
        ]
        return replace(facts, components=tuple(components))

    def _checks_and_keys(self) -> tuple[TableFacts, list[Key], list[tuple[str, Reading]]]:
        """A key that is partial is kept for all rows, or few rows are in that part: then by what is told last."""
        table, dialect = self.table, self.schema.dialect
        self.applied = applied_remedies(self.schema, table, self.shape, self.remedies)
        fixes = [(name, remedy.reading) for name, remedy in self.applied.items()]
        facts = table_facts(table, dialect, fixes)
        # Where a column is NULL in every row there is nothing that could agree.
        nulls = {name for name in table.column_names if facts.of(name).null is True}
        keys = [key for key in keys_of(table, dialect) if key.nulls_agree or nulls.isdisjoint(key.columns)]
        partial = [key for key in keys if key.predicate is not None]
        if not partial:
            return facts, keys, fixes
        links = read_links(self.schema, table, self.shape, last=self.without_parents, equal=facts.equal)
        width = self.widths.of(facts, {})
        kept = [key for key in keys if key.predicate is None]
        kept += [key for key in partial if self._holds_everywhere(key, links, width)]
        more = list(fixes)
        for key in partial:
            reading = None if key in kept else self._parted(key, links, kept)
            if reading is not None:
                more.append((key.name, reading))
            elif key not in kept:
                kept.append(key)
        found = table_facts(table, dialect, more)
        contradicted = {name for name, _ in found.not_understood} - {name for name, _ in facts.not_understood}
        if contradicted:
            # No row could be outside the index: its key holds for all of them.
            kept += [key for key in partial if key.name in contradicted]
            more = [item for item in more if item[0] not in contradicted]
            found = table_facts(table, dialect, more)
        self.firsts = {name: first for name, first in self.firsts.items() if name not in contradicted}
        self.emptied = [key for key in partial if key not in kept and key.name not in self.firsts]
        return found, kept, more

    def _parted(self, key: Key, links: Links, kept: Iterable[Key]) -> Reading | None:
        """Who is in a partial index that has no room for all rows: nobody, or the first row of each parent.

        None where the condition is not understood.
        """
        assert key.predicate is not None
        dialect = self.schema.dialect
        outside = read_condition(key.predicate, dialect, holds=False)
        if outside.not_understood or not outside.branches:
            return None
        inside = read_condition(key.predicate, dialect)
        about = {name for branch in inside.branches for fact in branch for name in fact.columns}
        fixed = {name for known in kept for name in known.columns} | {n for link in links.links for n in link.own}
        if key.name in self.left_empty or inside.not_understood or not inside.branches or about & fixed:
            return outside
        self.firsts[key.name] = "" if key.name in self.of_table else self._first_of(key, links)
        return Reading((*outside.branches, *((*branch, InPart(key.name)) for branch in inside.branches)))

    def _first_of(self, key: Key, links: Links) -> str:
        """The link of whose parents each has one row in a partial index; "" where the table has one row there."""
        for link in links.links:
            own = link.source is None and link.target != self.table.key and not link.stays
            if own and link.wish.pattern in (None, "nested", "spread") and identifies(self.schema, link, key.columns):
                return link.name
        return ""

    def _holds_everywhere(self, key: Key, links: Links, width: Width) -> bool:
        """Whether a partial key can be kept for every row without changing how the rows relate."""
        filled = {name for link in links.links for name in link.own}
        rows = self.volumes[self.table.key].rows
        own = [name for name in key.columns if name not in filled]
        if any(width(name) >= max(rows, 2) for name in own):
            return True
        members = [link for link in links.links if identifies(self.schema, link, key.columns)]
        room = 1
        for link in members:
            room *= max(self.volumes[link.target].rows, 1)
        for name in own:
            room *= max(width(name), 1)
        return len(members) + len(own) > 1 and room >= rows

    def possible(self, facts: TableFacts) -> TableFacts:
        """The facts where a column that no value fits is NULL, and without the worlds in which it must not be.

        A value fits where the conditions allow it, and where a partition takes it.
        """
        must = {column.name for column in self.table.columns if not column.nullable} | set(self.table.primary_key)
        must |= keys_without_null(self.table)
        covered = coverage_of(self.table)

        def fits(name: str, said: ColumnFacts) -> bool:
            column = self.table.column(name)
            return has_value(column, said) and (name not in covered or narrowed(column, said, covered[name]).count > 0)

        def possible(known: Mapping[str, ColumnFacts]) -> dict[str, ColumnFacts] | None:
            found = dict(known)
            for name, said in known.items():
                if said.null is not True and not fits(name, said):
                    found[name] = replace(said, null=True)
                if found[name].null is True and (name in must or said.null is False):
                    return None
            return found

        components = []
        for component in facts.components:
            kept = component.of_worlds(
                [(found, part) for world, part in component.parted if (found := possible(world)) is not None]
            )
            if not kept.worlds:
                self.impossible += component.columns
            components.append(kept if kept.worlds else component)
        plain = {name: said for name, said in facts.plain.items() if name in self.table.column_names}
        for name, said in plain.items():
            if facts.component_of(name) is None and possible({name: said}) is None:
                self.impossible.append(name)
        checks = {check.name for check in self.table.checks}
        self.contradicted = [name for name in facts.contradicted if name in checks]
        known = {n: f for n, s in plain.items() for f in (possible({n: s}) or {n: s}).values()}
        return replace(facts, plain={**facts.plain, **known}, components=tuple(components))

    def counted(self, keys: list[Key]) -> set[str]:
        """Columns that surely are keys by themselves, or sequences: their values are those of the row's number."""
        single = {key.columns[0] for key in keys if len(key.columns) == 1 and key.predicate is None}
        return single | {column.name for column in self.table.stored_columns if is_sequence(column)}

    def settled(
        self, facts: TableFacts, columns: Iterable[str], keys: Iterable[Key], *, enough: int | None = None
    ) -> TableFacts:
        """The facts without the choices that columns would take part in whose values their keys decide."""
        rows = self.volumes[self.table.key].rows if enough is None else enough
        agree = {name for key in keys if key.nulls_agree for name in key.columns}
        nullable = {column.name for column in self.table.columns if column.nullable} - agree

        def fits(name: str, said: ColumnFacts) -> bool:
            # A key that is counted follows no sum that only some worlds want.
            known = facts.of(name)
            sums = any(fact not in known.linear for fact in said.linear) or said.expressions != known.expressions
            return said.null is not True and not sums and self.widths.of_facts(name, said) >= rows

        return settled(facts, columns, fits, nullable)

    def coverage(self, facts: TableFacts) -> dict[str, Coverage]:
        """What has a partition, as far as the conditions allow it."""
        found = coverage_of(self.table)
        return {
            name: narrowed(self.table.column(name), facts.of(name), cover)
            for name, cover in found.items()
            if facts.of(name).null is not True
        }
