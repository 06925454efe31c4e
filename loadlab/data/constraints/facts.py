"""What a table's constraints say of each column: plain facts of every row, worlds where a CHECK leaves a choice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from loadlab.data.constraints.column_facts import ColumnFacts, merge
from loadlab.data.constraints.ranges import with_ends
from loadlab.schema.checks import (
    Allowed,
    Bound,
    BoundToNow,
    Casing,
    Compared,
    ComparedToExpression,
    ContainedIn,
    Derived,
    Elements,
    Excluded,
    Fact,
    InPart,
    IsNull,
    JsonKeys,
    JsonText,
    JsonType,
    Length,
    Like,
    Linear,
    Matches,
    Member,
    Multiple,
    NotEmptyRange,
    NotNull,
    RangeEnd,
    RangeEndIs,
    RangeInclusive,
    RangeWidth,
    Reading,
    Segment,
    Size,
    TreeLevel,
    Truncated,
    Unbounded,
    read_check,
)
from loadlab.schema.checks.casts import read_casts
from loadlab.schema.model import Table

MOST_WORLDS = 64


# Facts that the generators keep. The others are named as not understood: the database will tell.
_KEPT = (
    Allowed, Bound, BoundToNow, Casing, Compared, ComparedToExpression, ContainedIn, Derived, Elements, Excluded,
    InPart, IsNull, JsonKeys, JsonText, JsonType, Length, Like, Linear, Matches, Member, Multiple, NotEmptyRange,
    NotNull, RangeEnd, RangeEndIs, RangeInclusive, RangeWidth, Segment, Size, TreeLevel, Truncated, Unbounded,
)  # fmt: skip
_WANTS_VALUES = (Allowed, Bound, Matches, Like, Linear, Length, Derived)


@dataclass(frozen=True, slots=True)
class Component:
    """Columns whose CHECKs leave a choice together; one mapping of facts for each world, at least one.

    `parts` names for each world the partial indexes that its rows are in, of those of which not all rows can be.
    """

    columns: tuple[str, ...]
    worlds: tuple[dict[str, ColumnFacts], ...]
    parts: tuple[frozenset[str], ...] = ()

    @property
    def parted(self) -> tuple[tuple[dict[str, ColumnFacts], frozenset[str]], ...]:
        """The worlds with their parts."""
        return tuple(zip(self.worlds, self.parts or (frozenset(),) * len(self.worlds), strict=True))

    @property
    def has_outside(self) -> bool:
        """Whether a row can be in no part."""
        return any(not part for _, part in self.parted)

    def of_worlds(self, parted: Sequence[tuple[dict[str, ColumnFacts], frozenset[str]]]) -> Component:
        """The same columns in other worlds."""
        return Component(self.columns, tuple(world for world, _ in parted), tuple(part for _, part in parted))


@dataclass
class TableFacts:
    """`plain` holds in every row; `components` where rows differ; what was not understood as (constraint, text).

    `contradicted` names conditions that are understood and that no row can be true to.
    """

    plain: dict[str, ColumnFacts]
    components: tuple[Component, ...]
    not_understood: list[tuple[str, str]]
    contradicted: tuple[str, ...] = ()

    def of(self, column: str) -> ColumnFacts:
        """The plain facts of a column."""
        return self.plain.setdefault(column, ColumnFacts())

    def component_of(self, column: str) -> Component | None:
        return next((c for c in self.components if column in c.columns), None)

    def every(self, column: str) -> list[ColumnFacts]:
        """The facts of a column in each world that it knows: one where there is no choice."""
        component = self.component_of(column)
        if component is None:
            return [self.of(column)]
        return [world.get(column, ColumnFacts()) for world in component.worlds]

    @property
    def equal(self) -> tuple[tuple[str, str], ...]:
        """Pairs of columns that are equal in some world, or in every row, and different by no CHECK."""
        worlds = [self.plain, *(world for component in self.components for world in component.worlds)]
        compared = [fact for world in worlds for facts in world.values() for fact in facts.compared if not fact.plus]
        different = {frozenset(fact.columns) for fact in compared if fact.sign == "<>"}
        found = {frozenset(fact.columns): (fact.column, fact.other) for fact in compared if fact.sign == "="}
        return tuple(pair for names, pair in found.items() if names not in different and len(names) == 2)


def table_facts(table: Table, dialect: str, more: Iterable[tuple[str, Reading]] = ()) -> TableFacts:
    """Read every CHECK of the table. `more` are further conditions by name, e.g. of partitions."""
    readings = [(check.name, read_check(check.expression, dialect)) for check in table.checks] + list(more)
    readings += [("", Reading((tuple(read_casts(table)),)))]
    ranges = {column.name for column in table.columns if column.type.kind in ("range", "multirange")}
    octets = {column.name for column in table.columns if column.type.kind == "bytes"}
    readings = [(name, _of_octets(reading.of_values(ranges), octets)) for name, reading in readings]
    facts = [fact for _, reading in readings for branch in reading.branches for fact in branch]
    spoken = {name for fact in facts for name in fact.columns}
    # What a branch excludes may be all that an enum has.
    enums = [column for column in table.columns if column.type.kind == "enum" and column.name in spoken]
    readings += [("", Reading(((Allowed(column.name, column.type.labels),),))) for column in enums]
    never_null = set(table.primary_key) | {column.name for column in table.columns if not column.nullable}
    references = frozenset(name for key in table.foreign_keys for name in key.columns)
    readings += [("", Reading((tuple(_declared_octets(table, references)),)))]
    readings = [(name, _for_references(reading, references)) for name, reading in readings]
    readings, unkept = with_ends(readings, table)
    columns = frozenset(table.column_names)
    return gather(readings, columns, frozenset(never_null), _ties(table, never_null), unkept)


def _of_octets(reading: Reading, octets: Collection[str]) -> Reading:
    """The lengths of columns of octets are counted in these."""
    if not any(isinstance(fact, Length) and fact.column in octets for branch in reading.branches for fact in branch):
        return reading

    def counted(fact: Fact) -> Fact:
        return replace(fact, unit="bytes") if isinstance(fact, Length) and fact.column in octets else fact

    return replace(reading, branches=tuple(tuple(map(counted, branch)) for branch in reading.branches))


def _declared_octets(table: Table, references: Collection[str]) -> Iterator[Fact]:
    """The lengths that the types of columns of octets declare, where they have values of their own."""
    for column in table.columns:
        length = column.type.length
        if column.type.kind == "bytes" and length is not None and column.name not in references:
            yield Length(column.name, "=" if column.type.fixed else "<=", length, "bytes")


def _ties(table: Table, never_null: Collection[str]) -> tuple[frozenset[str], ...]:
    """Columns of one foreign key alone that are NULL together: such a row has no parent."""
    keys = [set(key.columns) for key in table.foreign_keys]
    shared = {name for number, key in enumerate(keys) for other in keys[:number] for name in key & other}
    ties = [frozenset(key - shared - set(never_null)) for key in keys]
    return tuple(tie for tie in ties if len(tie) > 1)


def _for_references(reading: Reading, references: frozenset[str]) -> Reading:
    """Without the branches that want values of foreign keys, whose values are those of parents, if others are left."""
    free = tuple(
        branch
        for branch in reading.branches
        if not any(isinstance(fact, _WANTS_VALUES) and references & set(fact.columns) for fact in branch)
    )
    return replace(reading, branches=free) if free else reading


def gather(
    readings: Sequence[tuple[str, Reading]],
    columns: frozenset[str],
    never_null: frozenset[str],
    ties: Sequence[frozenset[str]] = (),
    unkept: Collection[Fact] = (),
) -> TableFacts:
    """Sort the readings into plain facts and components; `ties` are columns that are NULL together.

    `unkept` are facts that cannot be kept in this table.
    """
    not_understood: list[tuple[str, str]] = []
    plain: list[Fact] = []
    choices: list[tuple[str, tuple[tuple[Fact, ...], ...]]] = []
    contradicted: list[str] = []
    for name, reading in readings:
        not_understood += [(name, text) for text in reading.not_understood]
        branches = _kept(reading.branches, columns, unkept)
        # That a column is not NULL which never is asks for nothing.
        branches = _widest(
            tuple(f for f in b if not (isinstance(f, NotNull) and f.column in never_null)) for b in branches
        )
        if reading.left_out and not any(_consistent(branch, never_null) for branch in branches):
            # What was understood asks for NULL where there is none: it depends on what was not.
            not_understood += [(name, text) for text in reading.left_out]
            continue
        if not reading.branches:
            # CHECK (false): a table that others inherit from.
            contradicted.append(name)
        elif not branches:
            not_understood.append((name, "its conditions are not kept"))
        if len(branches) == 1:
            plain += branches[0]
        elif branches and all(branches):
            choices.append((name, branches))
        # A branch without any fact is satisfied by everything: nothing to do.
    components = []
    for group in _connected(choices, ties):
        worlds = _worlds(plain, [branches for _, branches in group], never_null, ties)
        touched = tuple(dict.fromkeys(c for _, bs in group for b in bs for f in b for c in f.columns))
        if worlds:
            components.append(Component(touched, ()).of_worlds(worlds))
        else:
            known = dict(readings)
            for name, _ in group:
                texts = known[name].left_out or ("contradicts the other conditions",)
                not_understood += [(name, text) for text in texts]
            if _are_complete(group, known):
                contradicted += [name for name, _ in group]
    merged = merge(plain)
    for name in never_null & set(merged):
        merged[name].null = False if merged[name].null is None else merged[name].null
    return TableFacts(merged, tuple(components), not_understood, tuple(contradicted))


def _widest(branches: Iterable[tuple[Fact, ...]]) -> tuple[tuple[Fact, ...], ...]:
    """Without the branches that ask for all that another one asks for, and more: that one has their rows too."""
    known = list({frozenset(branch): branch for branch in branches}.items())
    return tuple(branch for facts, branch in known if not any(other < facts for other, _ in known))


def _are_complete(group: Sequence[tuple[str, tuple[tuple[Fact, ...], ...]]], readings: Mapping[str, Reading]) -> bool:
    """Whether the alternatives of the conditions are all that there are: none left out, and all of them combined."""
    combinations = 1
    for name, branches in group:
        reading = readings[name]
        combinations *= len(branches)
        if reading.not_understood or reading.left_out or len(reading.branches) != len(branches):
            return False
    return combinations <= MOST_WORLDS


def _kept(
    branches: Sequence[tuple[Fact, ...]], columns: frozenset[str], unkept: Collection[Fact]
) -> tuple[tuple[Fact, ...], ...]:
    """The branches all of whose facts the generators keep."""
    return tuple(
        b for b in branches if all(isinstance(f, _KEPT) and set(f.columns) <= columns and f not in unkept for f in b)
    )


def _connected(
    choices: Sequence[tuple[str, tuple[tuple[Fact, ...], ...]]], ties: Sequence[frozenset[str]]
) -> list[list[tuple[str, tuple[tuple[Fact, ...], ...]]]]:
    """Groups of conditions that share columns or speak of one tie, directly or through others."""
    groups: list[tuple[set[str], list[tuple[str, tuple[tuple[Fact, ...], ...]]]]] = []
    for choice in choices:
        columns = {c for branch in choice[1] for fact in branch for c in fact.columns}
        columns = columns.union(*(tie for tie in ties if tie & columns))
        joined = [group for group in groups if group[0] & columns]
        members = [member for group in joined for member in group[1]] + [choice]
        groups = [group for group in groups if not group[0] & columns]
        groups.append((columns.union(*(group[0] for group in joined)), members))
    return [members for _, members in groups]


def _worlds(
    plain: Sequence[Fact],
    conditions: Sequence[tuple[tuple[Fact, ...], ...]],
    never_null: frozenset[str],
    ties: Sequence[frozenset[str]],
) -> tuple[tuple[dict[str, ColumnFacts], frozenset[str]], ...]:
    """Every consistent choice of one branch of each condition, at most MOST_WORLDS; with its parts."""
    partial: list[tuple[Fact, ...]] = [()]
    for branches in sorted(conditions, key=len):
        longer = (
            (*facts, *branch)
            for facts in partial
            for branch in branches
            if _consistent((*plain, *facts, *branch), never_null, ties)
        )
        partial = list(islice(longer, MOST_WORLDS))
    found: list[tuple[dict[str, ColumnFacts], frozenset[str]]] = []
    for facts in partial:
        part = frozenset(fact.name for fact in facts if isinstance(fact, InPart))
        world = (merge((*plain, *facts)), part)
        if world not in found:
            found.append(world)
    return tuple(found)


def _consistent(facts: Iterable[Fact], never_null: frozenset[str], ties: Sequence[frozenset[str]] = ()) -> bool:
    facts = tuple(facts)
    nulls = {f.column for f in facts if isinstance(f, IsNull)}
    nulls = nulls.union(*(tie for tie in ties if tie & nulls))
    if nulls & never_null or nulls & {f.column for f in facts if isinstance(f, NotNull)}:
        return False
    return not any(column.contradicts_itself for column in merge(facts).values())
