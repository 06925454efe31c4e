"""The parents that each foreign key of a table can choose from, and which of them agree with its other parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from loadlab.data.choose.fitting import fitting, has_limits, in_order
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.links import Link
from loadlab.data.core.cells import arrow_type, to_arrow
from loadlab.data.core.clock import Clock
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, TablePlan
from loadlab.data.plan.demands import Demands
from loadlab.data.relations.agreement import MOST_ROWS, Partners
from loadlab.data.volumes import Volume
from loadlab.errors import InputError


@dataclass(frozen=True, slots=True)
class Parents:
    """The parents a link can choose from: rows now, rows at full volume, and which rows where not all will do."""

    rows: int
    full: float
    reference: bool
    chosen: Int64s | None = None


@dataclass
class Candidates:
    """Of one table's links, by their names. `known` has the facts of a table that is planned."""

    demands: Demands
    plans: Mapping[str, TablePlan]
    volumes: Mapping[str, Volume]
    clock: Clock
    known: Callable[[str], TableFacts | None]
    partners: dict[str, Partners] = field(default_factory=dict)
    parents: dict[str, Parents] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """By link, why none of the rows of its target will do."""
    lost: set[str] = field(default_factory=set)
    """Links for which no parent agrees with what their source can have."""

    def count_parents(self) -> None:
        """Find for each link which parents will do, and for those that agree with another the partners."""
        for link in self.demands.links.links:
            volume = self.volumes[link.target]
            self.parents[link.name] = Parents(volume.rows, volume.full, volume.reference)
            if link.is_torn or self.demands.is_generated(link):
                self.choose_parents(link.name, np.zeros(0, dtype=np.int64))
                self.reasons[link.name] = (
                    "whose key the server generates" if not link.is_torn else "none of which is sure"
                )
                continue
            self._choose_those_with_a_key(link)
            self._choose_those_allowed(link)
            self._choose_those_in_order(link)
        for link in self.demands.links.links:
            if link.source is not None and link.target in self.plans:
                source = self.demands.links.named(link.source)
                theirs = [link.target_of(name) for name in link.shared]
                if source.target in self.plans and self.are_known(link.target, theirs):
                    partners = self._partners(source, link.shared, link.target, link.target_of)
                    self.partners[link.name] = partners
                    self._choose_source(link, source, partners)
        for restriction in self.demands.links.restrictions:
            source = self.demands.links.named(restriction.source)
            known = restriction.target in self.plans and self.are_known(restriction.target, restriction.target_columns)
            if source.target in self.plans and known:
                targets = dict(zip(restriction.columns, restriction.target_columns, strict=True))
                partners = self._partners(source, restriction.columns, restriction.target, targets.__getitem__)
                self.choose_parents(source.name, partners.fitting())

    def _choose_those_with_a_key(self, link: Link) -> None:
        """A unique key that others reference may be NULL in some rows: those are nobody's parents.

        By a CHECK, or as it is a foreign key itself, of a row without a parent.
        """
        facts = self.known(link.target)
        if (
            facts is None
            or link.target == self.demands.table.key
            or not self.are_known(link.target, link.target_columns)
        ):
            return
        theirs = self.plans[link.target].table
        followed = {name for key in theirs.foreign_keys for name in key.columns if theirs.column(name).nullable}
        by_choice = [
            name
            for name in link.target_columns
            if name in followed or any(said.null is True for said in facts.every(name))
        ]
        if by_choice and self.plans[link.target].rows:
            has_key = np.logical_and.reduce(
                [
                    values.is_valid().to_numpy(zero_copy_only=False)
                    for values in self.values(link.target, tuple(by_choice))
                ]
            )
            self.choose_parents(link.name, np.flatnonzero(has_key).astype(np.int64))
            self.reasons[link.name] = f"none of which has {', '.join(by_choice)}"

    def _choose_those_allowed(self, link: Link) -> None:
        """A CHECK on the foreign key's own values (`type NOT IN (2, 5)`): only parents whose keys it lets pass.

        In every world alike: a row's parent does not depend on the world that it lives in.
        """
        limits = {name: self._limits(name) for name in link.own}
        limits = {name: facts for name, facts in limits.items() if any(map(has_limits, facts))}
        names = [link.target_of(name) for name in limits]
        if not names or link.target == self.demands.table.key:
            return
        if link.target not in self.plans or not self.are_known(link.target, names):
            if not self.demands.is_needed(link):
                self.choose_parents(link.name, np.zeros(0, dtype=np.int64))
            return
        if not self.plans[link.target].rows:
            return
        values = self.values(link.target, tuple(names))
        fits = np.logical_and.reduce(
            [
                fitting(self.demands.table.column(name), array, each)
                for array, (name, facts) in zip(values, limits.items(), strict=True)
                for each in facts
            ]
        )
        if not fits.all():
            self.choose_parents(link.name, np.flatnonzero(fits).astype(np.int64))
            self.reasons[link.name] = f"none of which the CHECKs of {', '.join(limits)} allow"

    def _choose_those_in_order(self, link: Link) -> None:
        """A CHECK that compares two columns of the foreign key: only parents whose key is true to it.

        Raises InputError where every row needs a parent and it is not known yet which keys those have.
        """
        facts = [
            fact
            for name in link.own
            for said in self._limits(name)
            for fact in said.compared
            if set(fact.columns) <= set(link.own) and fact.column != fact.other
        ]
        if not facts:
            return
        names = tuple(dict.fromkeys(link.target_of(name) for fact in facts for name in fact.columns))
        if (
            link.target == self.demands.table.key
            or link.target not in self.plans
            or not self.are_known(link.target, names)
        ):
            if self.demands.is_needed(link):
                raise InputError(
                    f"{self.demands.table.key}.{link.name}",
                    f"has columns that a CHECK compares, and the keys of {link.target} are not known before this table"
                    " is; make the foreign key nullable, or drop the CHECK",
                )
            self.choose_parents(link.name, np.zeros(0, dtype=np.int64))
            return
        values = dict(zip(names, self.values(link.target, names), strict=True))
        fits = np.logical_and.reduce(
            [
                in_order(values[link.target_of(f.column)], f, values[link.target_of(f.other)])
                for f in dict.fromkeys(facts)
            ]
        )
        if not fits.all():
            self.choose_parents(link.name, np.flatnonzero(fits).astype(np.int64))
            self.reasons[link.name] = f"none of which the CHECKs of {', '.join(link.own)} allow"

    def _limits(self, name: str) -> list[ColumnFacts]:
        facts = self.demands.facts
        return [said for said in (facts.of(name), *facts.every(name)) if said.null is not True]

    def _choose_source(self, link: Link, source: Link, partners: Partners) -> None:
        """Of the parents that a link has to agree with only those with a partner, where there has to be one."""
        fitting = partners.fitting(2 if self.demands.rival(link) is not None else 1)
        chosen = self.parents[source.name].chosen
        left = fitting if chosen is None else np.intersect1d(fitting, chosen)
        if self.demands.is_required(link):
            # Where no constraint asks for it the parents agree as far as it can be had.
            if len(left) or not set(link.shared) <= set(link.soft):
                self.choose_parents(source.name, fitting)
        elif self.demands.is_demanded(link) and len(left):
            self.choose_parents(source.name, fitting)
        elif not len(left):
            self.lost.add(link.name)

    def parted(self) -> set[str]:
        """Links without parents that are NULL in part only: a column that must not be NULL has a value all the same."""
        return {
            link.name
            for link in self.demands.links.links
            if not self.parents[link.name].rows and self.demands.is_needed(link) and not self.demands.is_required(link)
        }

    def without_parents(self) -> set[str]:
        """Columns of the links that may be NULL and for which there is no parent at all."""
        empty = {link.name for link in self.demands.links.links if not self.parents[link.name].rows}
        lost = [
            link
            for link in self.demands.links.links
            if link.name in self.lost | empty and link.target != self.demands.table.key
        ]
        return {name for link in lost if not self.demands.is_required(link) for name in link.own}

    def _partners(self, source: Link, shared: tuple[str, ...], target: str, target_of: object) -> Partners:
        assert callable(target_of)
        mine = self.values(source.target, tuple(source.target_of(name) for name in shared))
        theirs = self.values(target, tuple(target_of(name) for name in shared))
        return Partners.of_values(mine, theirs)

    def are_known(self, table: str, columns: Iterable[str]) -> bool:
        """Whether values of a planned table can be had: none comes from a table that is planned after this one.

        What the server generates is not known either.
        """
        if any(self.plans[table].table.column(name).generated is not None for name in columns):
            return False
        for relation in self.plans[table].relations:
            names = dict(zip(relation.columns, relation.target_columns, strict=True))
            if relation.returns:
                if any(name in names and name not in relation.returns for name in columns):
                    return False
                continue
            found = [names[name] for name in columns if name in names]
            if not found or relation.self_reference:
                continue
            if relation.target not in self.plans or not self.are_known(relation.target, found):
                return False
        return True

    def values(self, table: str, columns: tuple[str, ...]) -> list[pa.Array]:
        plan = self.plans[table]
        if not plan.rows:
            return [pa.array([], arrow_type(plan.type_of(name))) for name in columns]
        frame = Frame(plan, np.arange(min(plan.rows, MOST_ROWS), dtype=np.int64), self.plans, self.clock)
        return [to_arrow(frame.cells(name), plan.type_of(name)) for name in columns]

    def choose_parents(self, name: str, fitting: Int64s) -> None:
        """Restrict a link to these parent rows (ascending), beside earlier restrictions."""
        parents = self.parents[name]
        if parents.chosen is not None:
            fitting = np.intersect1d(parents.chosen, fitting)
        if len(fitting) < parents.rows:
            full = parents.full * len(fitting) / max(parents.rows, 1)
            self.parents[name] = Parents(len(fitting), max(full, 1.0), parents.reference, fitting)

    def common(self, one: str, two: str) -> Parents:
        """Those that both links of a pair can have; both are held to them."""
        chosen = self.parents[two].chosen
        if chosen is not None:
            self.choose_parents(one, chosen)
        if self.parents[one].chosen is not None:
            self.choose_parents(two, self.parents[one].chosen)  # type: ignore[arg-type]
        return self.parents[one]
