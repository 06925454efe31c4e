"""From links to relations: how many parents there are to choose from, who agrees with whom, which pattern each has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.links import Link, Links
from loadlab.data.constraints.pairs import Pair
from loadlab.data.constraints.uniqueness import SlotPlan, Solution, Width
from loadlab.data.core.cells import arrow_type, to_arrow
from loadlab.data.core.clock import Clock
from loadlab.data.core.hashing import Int64s, make_key
from loadlab.data.core.worlds import Presence, Worlds
from loadlab.data.frame import Frame, TablePlan
from loadlab.data.relations.agreement import MOST_ROWS, Partners
from loadlab.data.relations.pairs import Ordered, Pairs
from loadlab.data.relations.relation import Pattern, Relation
from loadlab.data.relations.runs import Runs
from loadlab.data.relations.slots import MOST_COMBINATIONS, Population, Slots
from loadlab.data.values.numbers import RowNumbers
from loadlab.data.volumes import Volume
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import Table

_NULL_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Parents:
    """The parents a link can choose from: rows now, rows at full volume, and which rows where not all will do."""

    rows: int
    full: float
    reference: bool
    chosen: Int64s | None = None


@dataclass
class Relating:
    """The relations of one table while they are planned."""

    table: Table
    key: int
    links: Links
    solution: Solution
    facts: TableFacts
    worlds: Mapping[str, Worlds]
    """By column, the worlds of its component."""
    plans: Mapping[str, TablePlan]
    volumes: Mapping[str, Volume]
    clock: Clock
    never_null: frozenset[str]
    width: Width
    place: str
    values: Mapping[str, int] = field(default_factory=dict)
    """By column, how many values the scenario lists."""
    pairs: Sequence[Pair] = ()
    """Links of which a CHECK says whose key is the lower, or that a key takes in either order."""
    known: Callable[[str], TableFacts | None] = lambda _: None
    """The facts of a table that is planned."""
    partners: dict[str, Partners] = field(default_factory=dict)
    parents: dict[str, Parents] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """By link, why none of the rows of its target will do."""
    lost: set[str] = field(default_factory=set)
    """Links for which no parent agrees with what their source can have."""
    rooms: dict[str, int] = field(default_factory=dict)
    """Rows a key has room for: by the key's name where it is unranked, by the column's where one is distinct."""

    # -- parents -----------------------------------------------------------------------------------------------------

    def count_parents(self) -> None:
        """Find for each link which parents will do, and for those that agree with another the partners."""
        for link in self.links.links:
            volume = self.volumes[link.target]
            self.parents[link.name] = Parents(volume.rows, volume.full, volume.reference)
            self._choose_those_with_a_key(link)
        for link in self.links.links:
            if link.source is not None and link.target in self.plans:
                source = self.links.named(link.source)
                theirs = [link.target_of(name) for name in link.shared]
                if source.target in self.plans and self._are_known(link.target, theirs):
                    partners = self._partners(source, link.shared, link.target, link.target_of)
                    self.partners[link.name] = partners
                    self._choose_source(link, source, partners)
        for restriction in self.links.restrictions:
            source = self.links.named(restriction.source)
            known = restriction.target in self.plans and self._are_known(restriction.target, restriction.target_columns)
            if source.target in self.plans and known:
                targets = dict(zip(restriction.columns, restriction.target_columns, strict=True))
                partners = self._partners(source, restriction.columns, restriction.target, targets.__getitem__)
                self.choose_parents(source.name, partners.fitting())

    def _choose_those_with_a_key(self, link: Link) -> None:
        """A unique key that others reference may be NULL in some rows by a CHECK: those are nobody's parents."""
        facts = self.known(link.target)
        if facts is None or link.target == self.table.key or not self._are_known(link.target, link.target_columns):
            return
        by_choice = [name for name in link.target_columns if any(said.null is True for said in facts.every(name))]
        if by_choice and self.plans[link.target].rows:
            has_key = np.logical_and.reduce(
                [values.is_valid().to_numpy(zero_copy_only=False) for values in self._values(link.target, tuple(by_choice))]
            )
            self.choose_parents(link.name, np.flatnonzero(has_key).astype(np.int64))
            self.reasons[link.name] = f"none of which has {', '.join(by_choice)}"

    def _choose_source(self, link: Link, source: Link, partners: Partners) -> None:
        """Of the parents that a link has to agree with only those with a partner, where there has to be one."""
        fitting = partners.fitting(2 if self._rival(link) is not None else 1)
        chosen = self.parents[source.name].chosen
        left = fitting if chosen is None else np.intersect1d(fitting, chosen)
        if self._is_required(link):
            # Where no constraint asks for it the parents agree as far as it can be had.
            if len(left) or not set(link.shared) <= set(link.soft):
                self.choose_parents(source.name, fitting)
        elif self._is_demanded(link) and len(left):
            self.choose_parents(source.name, fitting)
        elif not len(left):
            self.lost.add(link.name)

    def without_parents(self) -> set[str]:
        """Columns of the links that may be NULL and for which there is no parent at all."""
        empty = {link.name for link in self.links.links if not self.parents[link.name].rows}
        lost = [link for link in self.links.links if link.name in self.lost | empty and link.target != self.table.key]
        return {name for link in lost if not self._is_required(link) for name in link.own}

    def _partners(self, source: Link, shared: tuple[str, ...], target: str, target_of: object) -> Partners:
        assert callable(target_of)
        mine = self._values(source.target, tuple(source.target_of(name) for name in shared))
        theirs = self._values(target, tuple(target_of(name) for name in shared))
        return Partners.of_values(mine, theirs)

    def _are_known(self, table: str, columns: Iterable[str]) -> bool:
        """Whether values of a planned table can be had: none comes from a table that is planned after this one."""
        for relation in self.plans[table].relations:
            names = dict(zip(relation.columns, relation.target_columns, strict=True))
            found = [names[name] for name in columns if name in names]
            if not found or relation.self_reference:
                continue
            if relation.target not in self.plans or not self._are_known(relation.target, found):
                return False
        return True

    def _values(self, table: str, columns: tuple[str, ...]) -> list[pa.Array]:
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

    # -- volume ------------------------------------------------------------------------------------------------------

    def fit(self, volume: Volume) -> Volume:
        """The volume, cut to what parents and keys allow.

        Raises InfeasibleError where the scenario states both the rows and too few values for them.
        """
        self._require_values(volume)
        for link in self.links.links:
            parents = self.parents[link.name]
            if parents.rows == 0 and self._is_required(link) and link.target != self.table.key:
                agreeing = self.reasons.get(link.name, "none of which agrees with its other parents")
                why = "which has none" if parents.chosen is None else agreeing
                volume = volume.cut(0, f"{link.name} needs a row of {link.target}, {why}", full=volume.full)
            if parents.rows == 1 and self._is_required(link) and self._rival(link) is not None:
                volume = volume.cut(0, f"{link.name} needs another row of {link.target}, which has one", full=volume.full)
            if link.name in self.solution.one_to_one and link.target != self.table.key:
                volume = self._one_each(volume, link, parents)
        for link in self.links.links:
            if link.wish.children is not None:
                volume = self._distributed(volume, link)
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
            volume = volume.cut(1, f"{key.name} ({', '.join(key.columns)}) leaves no room for a second row")
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
        parents = self._common_parents(*names)
        room = self.rooms[",".join(names)] = parents.rows * (parents.rows - 1) // 2
        full = parents.full * (parents.full - 1) / 2
        why = f"({', '.join(names)}) is unique and has {room:,} pairs"
        return volume.cut(room, why, full=min(volume.full, max(full, 1.0)))

    def _common_parents(self, one: str, two: str) -> Parents:
        """Those that both links of a pair can have; both are held to them."""
        chosen = self.parents[two].chosen
        if chosen is not None:
            self.choose_parents(one, chosen)
        if self.parents[one].chosen is not None:
            self.choose_parents(two, self.parents[one].chosen)  # type: ignore[arg-type]
        return self.parents[one]

    def _size(self, member: str, plan: SlotPlan) -> int:
        if member not in self.parents:
            return max(self.width(member), 1)
        partners = self.partners.get(member)
        link = self.links.named(member)
        if partners is not None and link.source == plan.lead:
            # Only the parents with the largest groups could have more children: all are held to the smallest group.
            return self._group_size(plan, partners)
        less = 1 if self._rival(link) is not None else 0
        return max(self.parents[member].rows - less, 0)

    def _group_size(self, plan: SlotPlan, partners: Partners) -> int:
        """The size of the groups of agreeing partners; parents whose group is too small are left without children."""
        assert plan.lead is not None
        lead = self.parents[plan.lead]
        rows = lead.chosen if lead.chosen is not None else np.arange(lead.rows, dtype=np.int64)
        codes = partners.codes[rows[rows < len(partners.codes)]]
        is_half = any(member in self.solution.halved for member in plan.members)
        less = any(self._rival(self.links.named(member)) for member in plan.members if member in self.parents)
        counts = np.maximum((partners.counts - 1) // 2 if is_half else partners.counts - less, 0)
        sizes = np.sort(counts[codes[codes >= 0]])
        if not len(sizes):
            return 0
        capacities = sizes * np.arange(len(sizes), 0, -1)
        best = int(sizes[int(np.argmax(capacities))])
        all_codes = partners.codes
        enough = np.flatnonzero((all_codes >= 0) & (counts[np.maximum(all_codes, 0)] >= best))
        self.choose_parents(plan.lead, enough)
        return best

    # -- relations ---------------------------------------------------------------------------------------------------

    def relations(self, volume: Volume) -> tuple[Relation, ...]:
        """One relation for each link, sources first."""
        made: dict[str, Relation] = {}
        for link in self._in_order():
            made[link.name] = self._relation(link, volume, made)
            for pair in self.pairs:
                if pair.ordered and link.name in pair.names and set(pair.names) <= set(made):
                    made |= self._ordered(pair, made)
        return tuple(made[link.name] for link in self.links.links)

    def _in_order(self) -> list[Link]:
        """The links, each after those that it follows; two that are a pair stand together."""
        lead, paired = self.solution.lead, {name for pair in self.pairs for name in pair.names}
        return sorted(
            self.links.links,
            key=lambda link: (link.source is not None, link.name != lead, link.name not in paired),
        )

    def _ordered(self, pair: Pair, made: Mapping[str, Relation]) -> dict[str, Relation]:
        """The relations of a pair with their parents exchanged where the keys stand the wrong way round."""
        lower, upper = (made[name] for name in pair.names)
        plan = self.plans.get(lower.target)
        if plan is None or not plan.rows or not self._are_known(lower.target, (pair.column,)):
            return {}
        ranks = None
        if not isinstance(plan.columns.get(pair.column), RowNumbers):
            order = pc.sort_indices(self._values(lower.target, (pair.column,))[0]).to_numpy()
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
        required = self._is_required(link)
        roots, fan_out = _tree(link, volume)
        rival = self._rival(link)
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
            future=not is_self and link.target not in self.plans,
            chosen=parents.chosen,
            differs_from=differs,
            name=link.name,
        )
        return self._agreeing(link, relation, volume, self._slotted(link, relation, volume, made), made)

    def _slotted(self, link: Link, relation: Relation, volume: Volume, made: Mapping[str, Relation]) -> Relation:
        names = next((names for names in self.solution.pairs if link.name in names), None)
        if names is not None:
            mean = volume.full / max(self.parents[names[0]].full, 1.0)
            pairs = Pairs(make_key(self.key, "pairs", *names), mean, self.parents[names[0]].rows)
            return replace(relation, pattern="paired", pairs=pairs, position=names.index(link.name))
        found = self.solution.slot_of(link.name)
        plan_of_lead = next((plan for plan in self.solution.slots if plan.lead == link.name), None)
        if plan_of_lead is not None:
            longest = relation.longest_run
            room = 1
            for member in plan_of_lead.members:
                room = min(room * self._size(member, plan_of_lead), MOST_COMBINATIONS)
            if relation.runs is not None and longest > room:
                raise InfeasibleError(
                    f"{self.place}: data.tables.{self.table.key}.relations.{link.name}.children",
                    f"has up to {longest:,} children; ({', '.join(plan_of_lead.key.columns)}) has room for {room:,}",
                )
            return replace(relation, even=longest > room)
        if found is None:
            return relation
        return replace(relation, pattern="slotted", slots=self.slots(found[0], volume, made), position=found[1])

    def slots(self, plan: SlotPlan, volume: Volume, made: Mapping[str, Relation]) -> Slots:
        """The unranking of a key. Shared by its links and its columns: the same key gives the same digits."""
        sizes: list[int | Population] = []
        for member in plan.members:
            parents = self.parents.get(member)
            if parents is None:
                sizes.append(max(self.width(member), 1))
                continue
            rival = self._rival(self.links.named(member))
            target = self.links.named(member).target
            # Of the table itself there are as many as are left, now that it was cut.
            known = volume.rows if target == self.table.key else parents.rows
            rows = known - (1 if rival is not None else 0)
            fixed = parents.reference or plan.lead is None or target not in self.plans
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
        partners = self.partners.get(link.name)
        if relation.self_reference:
            partners = self._own_partners(link, first, volume)
        lenient = set(link.shared) <= set(link.soft)
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
        values = self._values(source.target, tuple(source.target_of(name) for name in link.shared))
        groups = Partners.of_values(values, values)
        rows = np.arange(min(volume.rows, MOST_ROWS), dtype=np.int64)
        parents, valid = first.parent_rows(rows)
        codes = (
            groups.codes[np.minimum(parents, len(groups.codes) - 1)] if len(groups.codes) else np.full_like(rows, -1)
        )
        if valid is not None:
            codes = np.where(valid, codes, -1)
        return Partners.of_codes(groups.codes, codes, len(groups.counts))

    def _pattern(self, link: Link, volume: Volume) -> Pattern:
        is_self = link.target == self.table.key
        if link.stays:
            return "itself"
        if link.name in self.solution.one_to_one:
            if is_self and (self._is_required(link) or self._is_demanded(link)):
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
        owned = self.table.name.startswith(_singular(link.target.rpartition(".")[2])) and link.cascades
        # One nested relation leads; another could not have its children side by side too.
        free = self.solution.lead is None and link.source is None
        return "nested" if owned and free and not link.nullable and volume.full >= parents.full / 20 else "spread"

    def _is_required(self, link: Link) -> bool:
        return all(self._never_null(name) for name in link.own)

    def _is_demanded(self, link: Link) -> bool:
        """Whether a CHECK wants the link of some rows."""
        return any(facts.null is False for name in link.own for facts in self.facts.every(name))

    def _never_null(self, name: str) -> bool:
        column = self.table.column(name)
        always = all(facts.null is False for facts in self.facts.every(name))
        return not column.nullable or name in self.never_null or always

    def _presence(self, link: Link, pattern: Pattern, required: bool) -> Presence | None:
        if required:
            return None
        worlds = next((self.worlds[name] for name in link.own if name in self.worlds), None)
        # Rows of the table itself stand in no order that is known before they are there.
        wish = 1.0 if link.stays or self._is_ordered(link) else link.wish.null_share
        default = wish if wish is not None else 0.0 if pattern in ("tree", "chain") else _NULL_SHARE
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

    def _is_ordered(self, link: Link) -> bool:
        """Whether a CHECK puts the keys of two references to the table itself in order, of which this is the second."""
        for fact in (fact for name in link.own for fact in self.facts.of(name).compared if fact.sign not in ("=", "<>")):
            others = [self.links.of_column(name) for name in (fact.column, fact.other) if name not in link.own]
            if any(other and other.target == link.target == self.table.key for other in others):
                return any(other is not None and self._comes_before(other, link) for other in others)
        return False

    def _rival(self, link: Link) -> str | None:
        """The link before this one whose parent has to be another row: `CHECK (follower_id <> followed_id)`."""
        if any(link.name in names for names in self.solution.pairs):
            return None
        for pair in self.pairs:
            if pair.distinct and link.name in pair.names:
                other = self.links.named(next(name for name in pair.names if name != link.name))
                return other.name if self._comes_before(other, link) else None
        for name in link.own:
            for facts in self.facts.every(name):
                for fact in facts.compared:
                    pair = {fact.column, fact.other}
                    if fact.sign != "<>" or name not in pair or len(pair) < 2:
                        continue
                    other = self.links.of_column((pair - {name}).pop())
                    if other is not None and other.target == link.target and self._comes_before(other, link):
                        return other.name
        return None

    def _comes_before(self, first: Link, second: Link) -> bool:
        order = self._in_order()
        return order.index(first) < order.index(second)


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


def _singular(name: str) -> str:
    return name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")


__all__ = ["Parents", "Relating", "SlotPlan"]
