"""From links to relations: how many parents there are to choose from, who agrees with whom, which pattern each has."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow.compute as pc

from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.links import Link, Links
from loadlab.data.constraints.pairs import Pair
from loadlab.data.constraints.uniqueness import SlotPlan, Solution, Width
from loadlab.data.core.hashing import Int64s, make_key
from loadlab.data.core.worlds import First, FirstOfTable, Presence, Worlds
from loadlab.data.plan.candidates import Candidates, Parents
from loadlab.data.plan.demands import Demands
from loadlab.data.relations.agreement import MOST_ROWS, Partners
from loadlab.data.relations.pairs import Ordered, Pairs
from loadlab.data.relations.relation import Pattern, Relation
from loadlab.data.relations.runs import Runs
from loadlab.data.relations.slots import MOST_COMBINATIONS, Population, Slots
from loadlab.data.values.numbers import RowNumbers
from loadlab.data.volumes import Volume
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.meaning import singular
from loadlab.schema.model import Table

_NULL_SHARE = 0.1
# Rows that begin a thread of their own beside those that answer another row of the same owner.
_ANSWERS_NONE = 0.4


@dataclass
class Relating:
    """The relations of one table while they are planned."""

    key: int
    demands: Demands
    candidates: Candidates
    width: Width
    place: str
    values: Mapping[str, int]
    """By column, how many values the scenario lists."""
    firsts: frozenset[str] = frozenset()
    """Links of whose parents each has a first child that is known."""
    worlds: Mapping[str, Worlds] = field(default_factory=dict)
    """By column, the worlds of its component."""
    rooms: dict[str, int] = field(default_factory=dict)
    """Rows a key has room for: by the key's name where it is unranked, by the column's where one is distinct."""
    groups: dict[str, int] = field(default_factory=dict)
    """By link that agrees with the lead of a key and is one digit of several: how many partners each parent has."""

    @property
    def table(self) -> Table:
        """The table itself."""
        return self.demands.table

    @property
    def links(self) -> Links:
        """Its foreign keys."""
        return self.demands.links

    @property
    def solution(self) -> Solution:
        """How its keys are kept."""
        return self.demands.solution

    @property
    def facts(self) -> TableFacts:
        """What its conditions say."""
        return self.demands.facts

    @property
    def parents(self) -> Mapping[str, Parents]:
        """By link, the parents to choose from."""
        return self.candidates.parents

    def may_be_first(self, name: str) -> bool:
        """Whether it can be known which child of a link's parent is the first, also when the table has grown."""
        is_stable = name != self.solution.lead or self.parents[name].chosen is None
        return is_stable and self.demands.may_be_first(name)

    # -- volume ------------------------------------------------------------------------------------------------------

    def fit(self, volume: Volume) -> Volume:
        """The volume, cut to what parents and keys allow.

        Raises InfeasibleError where the scenario states both the rows and too few values for them.
        """
        self._require_values(volume)
        for link in self.links.links:
            parents = self.parents[link.name]
            if parents.rows == 0 and self.demands.is_needed(link) and link.target != self.table.key:
                agreeing = self.candidates.reasons.get(link.name, "none of which agrees with its other parents")
                why = "which has none" if parents.chosen is None else agreeing
                volume = volume.cut(0, f"{link.name} needs a row of {link.target}, {why}", full=volume.full)
            if parents.rows == 1 and self.demands.is_required(link) and self.demands.rival(link) is not None:
                volume = volume.cut(
                    0, f"{link.name} needs another row of {link.target}, which has one", full=volume.full
                )
            if link.name in self.solution.one_to_one and link.target != self.table.key:
                volume = self._one_each(volume, link, parents)
        for link in self.links.links:
            if link.wish.children is not None:
                volume = self._distributed(volume, link)
        for plan in self.solution.slots:
            self._hold_to_groups(plan)
        for plan in self.solution.slots:
            volume = self._unranked(volume, plan)
        for names in self.solution.pairs:
            volume = self._paired(volume, names)
        for name in self.solution.unique:
            width = self.rooms[name] = self.width(name)
            if width < volume.rows:
                volume = volume.cut(width, f"{name} is unique and can tell {width:,} rows apart")
        for key in self.solution.unsolved:
            self.rooms[key.name] = 1
            columns = f" ({', '.join(key.columns)})" if key.columns else ""
            volume = volume.cut(1, f"{key.name}{columns} leaves no room for a second row")
        return volume

    def _require_values(self, volume: Volume) -> None:
        alone = {plan.key.columns[0] for plan in self.solution.slots if len(plan.key.columns) == 1}
        for name in sorted(alone & set(self.values)):
            if volume.stated and self.values[name] < volume.rows:
                raise InfeasibleError(
                    f"{self.place}: data.tables.{self.table.key}.columns.{name}.values",
                    f"has {self.values[name]:,} distinct values for {volume.rows:,} unique rows of {self.table.key}",
                )

    def _distributed(self, volume: Volume, link: Link) -> Volume:
        """As many rows as the parents have children by the distribution, where nobody stated another number."""
        parents, runs = self.parents[link.name], self.runs(link)
        assert runs is not None
        total = int(runs.start(np.array([parents.rows], dtype=np.int64))[0])
        if volume.stated:
            return volume.cut(total, f"{link.name} has {runs.mean:g} children a parent", full=parents.full * runs.mean)
        return replace(volume, rows=total, full=max(parents.full * runs.mean, 1.0))

    def runs(self, link: Link) -> Runs | None:
        """The numbers of children that the scenario states for a link."""
        if link.wish.children is None:
            return None
        return Runs.of(link.wish.children, make_key(self.key, "children", link.name))

    def _one_each(self, volume: Volume, link: Link, parents: Parents) -> Volume:
        reason = f"{link.name} takes each row of {link.target} once"
        volume = volume.cut(parents.rows, reason, full=parents.full)
        ratio = parents.full / volume.full if volume.full else 1.0
        rows = volume.rows
        while rows > 1 and int((rows - 1) * ratio) >= parents.rows:
            rows -= 1
        return volume.cut(rows, reason, full=volume.full)

    def _unranked(self, volume: Volume, plan: SlotPlan) -> Volume:
        room = 1
        for member in plan.members:
            room = min(room * self._size(member, plan), MOST_COMBINATIONS)
        columns = ", ".join(plan.key.columns)
        if plan.lead is None:
            what = "combinations" if len(plan.members) > 1 else "values"
            self.rooms[plan.key.name] = room
            return volume.cut(room, f"({columns}) is unique and has {room:,} {what}", full=float(room))
        lead = self.parents[plan.lead]
        full = min(volume.full, lead.full * room)
        capacity = self.rooms[plan.key.name] = lead.rows * room
        mean = full / lead.full if lead.full else 0.0
        if 2 * mean + 2 > room:
            # Every run is as long as it can be: with rounded counts the last one must not grow beyond that.
            capacity = min(capacity, int(lead.rows * mean + 1e-6))
        return volume.cut(capacity, f"({columns}) is unique and has {capacity:,} combinations", full=full)

    def _paired(self, volume: Volume, names: tuple[str, str]) -> Volume:
        parents = self.candidates.common(*names)
        room = self.rooms[",".join(names)] = parents.rows * (parents.rows - 1) // 2
        full = parents.full * (parents.full - 1) / 2
        why = f"({', '.join(names)}) is unique and has {room:,} pairs"
        return volume.cut(room, why, full=min(volume.full, max(full, 1.0)))

    def _size(self, member: str, plan: SlotPlan) -> int:
        if member not in self.parents:
            return max(self.width(member), 1)
        link = self.links.named(member)
        partners = self._partners_within(link, plan)
        if partners is not None:
            size = int(min(self._group_counts(plan, partners), default=0))
            if len(plan.members) > 1:
                self.groups[member] = max(size, 1)
            return size
        less = 1 if self.demands.rival(link) is not None else 0
        return max(self.parents[member].rows - less, 0)

    def _partners_within(self, link: Link, plan: SlotPlan) -> Partners | None:
        """The partners of a member that agrees with the parent that leads."""
        return self.candidates.partners.get(link.name) if link.source == plan.lead else None

    def _hold_to_groups(self, plan: SlotPlan) -> None:
        """Only the parents with the largest groups could have more children: all are held to the smallest group.

        Parents whose group is too small are left without children.
        """
        for member in plan.members:
            partners = self._partners_within(self.links.named(member), plan) if member in self.parents else None
            if partners is None or plan.lead is None:
                continue
            sizes = np.sort(self._group_counts(plan, partners))
            if len(sizes):
                best = int(sizes[int(np.argmax(sizes * np.arange(len(sizes), 0, -1)))])
                counts = self._counts(plan, partners)
                enough = np.flatnonzero((partners.codes >= 0) & (counts[np.maximum(partners.codes, 0)] >= best))
                self.candidates.choose_parents(plan.lead, enough)

    def _group_counts(self, plan: SlotPlan, partners: Partners) -> Int64s:
        """How many partners each parent that leads has, of those that have a group."""
        assert plan.lead is not None
        lead = self.parents[plan.lead]
        rows = lead.chosen if lead.chosen is not None else np.arange(lead.rows, dtype=np.int64)
        codes = partners.codes[rows[rows < len(partners.codes)]]
        return self._counts(plan, partners)[codes[codes >= 0]]

    def _counts(self, plan: SlotPlan, partners: Partners) -> Int64s:
        """How many rows of each group a parent can have children of."""
        is_half = any(member in self.solution.halved for member in plan.members)
        less = any(self.demands.rival(self.links.named(member)) for member in plan.members if member in self.parents)
        counts: Int64s = np.maximum((partners.counts - 1) // 2 if is_half else partners.counts - less, 0)
        return counts

    # -- relations ---------------------------------------------------------------------------------------------------

    def relations(self, volume: Volume) -> tuple[Relation, ...]:
        """One relation for each link, sources first."""
        made: dict[str, Relation] = {}
        for link in self.demands.in_order():
            made[link.name] = self._relation(link, volume, made)
            for pair in self.demands.pairs:
                if pair.ordered and link.name in pair.names and set(pair.names) <= set(made):
                    made |= self._ordered(pair, made)
        return tuple(made[link.name] for link in self.links.links)

    def first(self, name: str, volume: Volume) -> First:
        """The first child of each parent of a link; "" for the first row of the table."""
        return self._relation(self.links.named(name), volume, {}) if name else FirstOfTable()

    def _ordered(self, pair: Pair, made: Mapping[str, Relation]) -> dict[str, Relation]:
        """The relations of a pair with their parents exchanged where the keys stand the wrong way round."""
        lower, upper = (made[name] for name in pair.names)
        plan = self.candidates.plans.get(lower.target)
        if plan is None or not plan.rows or not self.candidates.are_known(lower.target, (pair.column,)):
            return {}
        ranks = None
        if not isinstance(plan.columns.get(pair.column), RowNumbers):
            order = pc.sort_indices(self.candidates.values(lower.target, (pair.column,))[0]).to_numpy()
            ranks = np.empty(len(order), dtype=np.int64)
            ranks[order] = np.arange(len(order))
        return {
            lower.name: replace(lower, ordered=Ordered(lower, upper, True, ranks)),
            upper.name: replace(upper, ordered=Ordered(upper, lower, False, ranks)),
        }

    def _relation(self, link: Link, volume: Volume, made: Mapping[str, Relation]) -> Relation:
        parents = self.parents[link.name]
        is_self = link.target == self.table.key
        if is_self:
            parents = Parents(volume.rows, volume.full, volume.reference)
        pattern = self._pattern(link, volume)
        required = self.demands.is_required(link)
        roots, fan_out = _tree(link, volume)
        rival = self.demands.rival(link)
        differs = made.get(rival) if rival is not None else None
        relation = Relation(
            columns=link.columns,
            target=link.target,
            target_columns=link.target_columns,
            pattern=pattern,
            key=make_key(self.key, "relation", link.name),
            ratio=parents.full / volume.full if volume.full and parents.full else 1.0,
            parents=parents.rows - (1 if differs is not None else 0),
            children=volume.rows,
            reference=parents.reference,
            skew=link.wish.skew or "mild",
            min_children=min(link.wish.min or 0, int(volume.full / parents.full) if parents.full else 0),
            runs=self.runs(link),
            roots=roots,
            fan_out=fan_out,
            presence=self._presence(link, pattern, required),
            required=required,
            self_reference=is_self,
            future=not is_self and link.target not in self.candidates.plans,
            chosen=parents.chosen,
            differs_from=differs,
            returns=link.shared if link.returns else (),
            name=link.name,
        )
        if link.returns:
            # Until all tables are planned it names nobody.
            return replace(relation, parents=0)
        if link.name in self.firsts and relation.pattern == "spread":
            target = self.candidates.volumes[link.target]
            relation = replace(relation, births=target.full / volume.full if volume.full else 1.0)
        return self._agreeing(link, relation, volume, self._slotted(link, relation, volume, made), made)

    def _slotted(self, link: Link, relation: Relation, volume: Volume, made: Mapping[str, Relation]) -> Relation:
        names = next((names for names in self.solution.pairs if link.name in names), None)
        if names is not None:
            mean = max(volume.full, 1e-3) / max(self.parents[names[0]].full, 1.0)
            pairs = Pairs(make_key(self.key, "pairs", *names), mean, self.parents[names[0]].rows)
            return replace(relation, pattern="paired", pairs=pairs, position=names.index(link.name))
        found = self.solution.slot_of(link.name)
        led = [plan for plan in self.solution.slots if plan.lead == link.name]
        if led:
            return self._led(link, relation, led)
        if found is None:
            return relation
        return replace(relation, pattern="slotted", slots=self.slots(found[0], volume, made), position=found[1])

    def _led(self, link: Link, relation: Relation, plans: Sequence[SlotPlan]) -> Relation:
        """The relation whose children are numbered for some keys: no parent has more than the narrowest has room."""
        rooms = {
            plan.key: min(math.prod(self._size(member, plan) for member in plan.members), MOST_COMBINATIONS)
            for plan in plans
        }
        key, room = min(rooms.items(), key=lambda item: item[1])
        longest = relation.longest_run
        if relation.runs is not None and longest > room:
            raise InfeasibleError(
                f"{self.place}: data.tables.{self.table.key}.relations.{link.name}.children",
                f"has up to {longest:,} children; ({', '.join(key.columns)}) has room for {room:,}",
            )
        return replace(relation, even=longest > room)

    def slots(self, plan: SlotPlan, volume: Volume, made: Mapping[str, Relation]) -> Slots:
        """The unranking of a key. Shared by its links and its columns: the same key gives the same digits."""
        sizes: list[int | Population] = []
        for member in plan.members:
            parents = self.parents.get(member)
            if parents is None:
                sizes.append(max(self.width(member), 1))
                continue
            if member in self.groups:
                sizes.append(self.groups[member])
                continue
            rival = self.demands.rival(self.links.named(member))
            target = self.links.named(member).target
            # Of the table itself there are as many as are left, now that it was cut.
            known = volume.rows if target == self.table.key else parents.rows
            rows = known - (1 if rival is not None else 0)
            fixed = parents.reference or plan.lead is None or target not in self.candidates.plans
            sizes.append(Population(rows, parents.full / volume.full if volume.full else 1.0, fixed))
        lead = made[plan.lead] if plan.lead is not None else None
        # Four times what is needed: the load inserts more rows later.
        room = 4 * lead.longest_run if lead is not None else volume.rows
        return Slots(make_key(self.key, "slots", plan.key.name), lead, tuple(sizes), room)

    def _agreeing(
        self, link: Link, plain: Relation, volume: Volume, relation: Relation, made: Mapping[str, Relation]
    ) -> Relation:
        if link.source is None:
            return relation
        first = made[link.source]
        partners = self.candidates.partners.get(link.name)
        lenient = set(link.shared) <= set(link.soft)
        slotted = self.solution.slot_of(link.name)
        if lenient and relation.pattern == "slotted" and slotted is not None and link.source != slotted[0].lead:
            # A key tells its rows apart by this parent: that is a constraint, and the agreement is none.
            return relation
        if relation.self_reference:
            if lenient and self.links.named(link.source).target not in self.candidates.plans:
                return relation
            partners = self._own_partners(link, first, volume)
            # The first row of a ticket answers none.
            lenient = lenient and relation.required
        if partners is None:
            if lenient:
                return relation
            if not relation.required:
                return replace(plain, pattern="spread", presence=Presence(0, (1.0,)))
            raise InputError(
                f"{self.table.key}.{link.name}",
                f"shares columns with {link.source} in a cycle of tables; make one of the foreign keys nullable",
            )
        numbered = relation.slots if relation.pattern == "slotted" and link.source == self.solution.lead else None
        differs = first if link.name in self.solution.halved else relation.differs_from
        return replace(
            relation, pattern="agreeing", first=first, partners=partners, slots=numbered, lenient=lenient,
            half=link.name in self.solution.halved, differs_from=differs, parents=self.parents[link.name].rows,
        )  # fmt: skip

    def _own_partners(self, link: Link, first: Relation, volume: Volume) -> Partners:
        """The rows of the table itself, grouped by the shared columns, which come from another parent."""
        source = self.links.named(link.source or "")
        groups, count = self._groups(source, tuple(source.target_of(name) for name in link.shared))
        rows = np.arange(min(volume.rows, MOST_ROWS), dtype=np.int64)
        parents, valid = first.parent_rows(rows)
        codes = groups[np.minimum(parents, len(groups) - 1)] if len(groups) else np.full_like(rows, -1)
        if valid is not None:
            codes = np.where(valid, codes, -1)
        return Partners.of_codes(groups, codes, count)

    def _groups(self, source: Link, columns: tuple[str, ...]) -> tuple[Int64s, int]:
        """By row of a link's target, which rows have the same values; each is its own where these are not known yet."""
        known = self.candidates
        if source.target in known.plans and known.are_known(source.target, columns):
            values = known.values(source.target, columns)
            groups = Partners.of_values(values, values)
            return groups.codes, len(groups.counts)
        rows = min(known.volumes[source.target].rows, MOST_ROWS)
        return np.arange(rows, dtype=np.int64), rows

    def _pattern(self, link: Link, volume: Volume) -> Pattern:
        is_self = link.target == self.table.key
        if link.stays:
            return "itself"
        if link.name in self.solution.one_to_one:
            if is_self and (self.demands.is_required(link) or self.demands.is_demanded(link)):
                # The first one has nobody before it but must have somebody: then each row is its own.
                return "itself"
            return "chain" if is_self else "one_to_one"
        if link.wish.pattern is not None:
            return link.wish.pattern
        if is_self:
            chosen_null = any(self.facts.component_of(name) for name in link.own)
            return (
                "tree"
                if re.search(r"parent|manager|ancestor|reports_to", link.own[0]) and not chosen_null
                else "spread"
            )
        if link.name == self.solution.lead:
            return "nested"
        parents = self.parents[link.name]
        owned = self.table.name.startswith(singular(link.target.rpartition(".")[2])) and link.cascades
        # One nested relation leads; another could not have its children side by side too.
        free = self.solution.lead is None and link.source is None
        return "nested" if owned and free and not link.nullable and volume.full >= parents.full / 20 else "spread"

    def _presence(self, link: Link, pattern: Pattern, required: bool) -> Presence | None:
        if required:
            return None
        worlds = next((self.worlds[name] for name in link.own if name in self.worlds), None)
        # Rows of the table itself stand in no order that is known before they are there.
        wish = 1.0 if link.stays or self.demands.is_ordered(link) else link.wish.null_share
        own = link.target == self.table.key and link.soft
        plain = _ANSWERS_NONE if own else 0.0 if pattern in ("tree", "chain") else _NULL_SHARE
        default = plain if wish is None else wish
        key = make_key(self.key, "relation", link.name)
        if worlds is None:
            if any(self.facts.of(name).null is True for name in link.own):
                return Presence(key, (1.0,))
            return Presence(key, (default,)) if default else None
        shares = []
        for number in range(len(worlds.weights)):
            said = [self.facts.every(name)[number].null for name in link.own if name in self.worlds]
            shares.append(0.0 if False in said else 1.0 if True in said else default)
        return Presence(key, tuple(shares), worlds)


def _tree(link: Link, volume: Volume) -> tuple[int, int]:
    """Roots and children of a node; a stated depth asks for the fewest children with which the tree is no deeper."""
    if link.wish.depth == 1:
        return max(int(volume.full), 1), 1
    roots = link.wish.roots or max(1, min(12, int(volume.full) // 10))
    if link.wish.depth is None:
        return roots, link.wish.fan_out or 6
    fan_out = 1
    while roots * sum(fan_out**level for level in range(link.wish.depth)) < volume.full:
        fan_out += 1
    return roots, fan_out


__all__ = ["Parents", "Relating", "SlotPlan"]
