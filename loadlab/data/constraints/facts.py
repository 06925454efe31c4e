"""What a table's constraints say of each column: plain facts of every row, worlds where a CHECK leaves a choice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

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
    RangeEndIs,
    Reading,
    Scalar,
    Size,
    TreeLevel,
    Truncated,
    read_check,
)
from loadlab.schema.checks.casts import read_casts
from loadlab.schema.model import Table

MOST_WORLDS = 64


@dataclass
class ColumnFacts:
    """What is known of one column (in one world). `low` and `high` are inclusive unless marked strict."""

    allowed: tuple[Scalar, ...] | None = None
    excluded: tuple[Scalar, ...] = ()
    low: float | None = None
    high: float | None = None
    low_strict: bool = False
    high_strict: bool = False
    low_text: str | None = None
    high_text: str | None = None
    """Bounds that are texts, dates or times in the server's words."""
    length_min: int = 0
    length_max: int | None = None
    bytes_min: int = 0
    bytes_max: int | None = None
    size_min: int = 0
    size_max: int | None = None
    patterns: list[Matches | Like] = field(default_factory=list)
    casing: list[str] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    linear: list[Linear] = field(default_factory=list)
    expressions: list[ComparedToExpression] = field(default_factory=list)
    ends: list[RangeEndIs] = field(default_factory=list)
    """Of a range, the columns that are its ends; of a column, the ranges whose end it is."""
    contained: list[ContainedIn] = field(default_factory=list)
    """What lies within the column, or in what the column lies."""
    multiple: Multiple | None = None
    derived: Derived | None = None
    truncated: str | None = None
    after_now: BoundToNow | None = None
    before_now: BoundToNow | None = None
    json_type: str | None = None
    json_keys: tuple[str, ...] = ()
    json_absent: tuple[str, ...] = ()
    json_text: str | None = None
    """The text is JSON of this type; "" for any."""
    members: list[Member] = field(default_factory=list)
    elements: list[Fact] = field(default_factory=list)
    """What holds of every element of an array; each fact's column is this one."""
    null: bool | None = None
    """True: NULL; False: not NULL; None: as the column pleases."""
    root_value: float | None = None
    """For a tree's level: the value that roots have."""

    def admits(self, value: float) -> bool:
        """Whether a number lies within the bounds."""
        above = self.low is None or value > self.low or (value == self.low and not self.low_strict)
        return above and (self.high is None or value < self.high or (value == self.high and not self.high_strict))

    @property
    def limits(self) -> str:
        """The bounds in words of SQL, e.g. `>= 1 and <= 5`."""
        low = [] if self.low is None else [f"{'>' if self.low_strict else '>='} {self.low:g}"]
        high = [] if self.high is None else [f"{'<' if self.high_strict else '<='} {self.high:g}"]
        return " and ".join(low + high)

    @property
    def contradicts_itself(self) -> bool:
        """Whether no value can be true to all of it."""
        if self.allowed is not None and self.null is not True:
            left = [v for v in self.allowed if v not in self.excluded]
            left = [v for v in left if isinstance(v, (str, bool)) or self.admits(v)]
            least, most = self.length_min, 2**62 if self.length_max is None else self.length_max
            left = [v for v in left if not isinstance(v, str) or least <= len(v) <= most]
            if not left:
                return True
        if self.low is not None and self.high is not None and self.null is not True:
            nothing_between = self.low == self.high and (self.low_strict or self.high_strict)
            if self.low > self.high or nothing_between:
                return True
        if self.size_max is not None and self.size_max < self.size_min:
            return True
        if set(self.json_keys) & set(self.json_absent) and self.null is not True:
            return True
        if self.low_text is not None and self.high_text is not None and self.null is not True:
            # Moments are written alike, so that their texts have their order; of other texts little is lost.
            nothing_between = self.low_text == self.high_text and (self.low_strict or self.high_strict)
            if self.low_text > self.high_text or nothing_between:
                return True
        return self.length_max is not None and self.length_max < self.length_min


def combined(first: ColumnFacts, second: ColumnFacts) -> ColumnFacts | None:
    """What holds where both hold; None where nothing can."""
    made = replace(first)
    if second.allowed is not None:
        _note(made, Allowed("", second.allowed))
    made.excluded = tuple(dict.fromkeys((*first.excluded, *second.excluded)))
    for value, sign in (
        (second.low, ">" if second.low_strict else ">="), (second.high, "<" if second.high_strict else "<="),
        (second.low_text, ">" if second.low_strict else ">="), (second.high_text, "<" if second.high_strict else "<="),
    ):  # fmt: skip
        if value is not None:
            _bound(made, Bound("", sign, value))
    made.length_min, made.bytes_min = max(first.length_min, second.length_min), max(first.bytes_min, second.bytes_min)
    made.size_min, made.size_max = max(first.size_min, second.size_min), _least(first.size_max, second.size_max)
    made.length_max = _least(first.length_max, second.length_max)
    made.bytes_max = _least(first.bytes_max, second.bytes_max)
    for name in ("patterns", "casing", "compared", "linear", "expressions", "ends", "contained", "members", "elements"):
        mine = getattr(first, name)
        setattr(made, name, [*mine, *(item for item in getattr(second, name) if item not in mine)])
    for name in (
        "multiple",
        "derived",
        "truncated",
        "after_now",
        "before_now",
        "json_type",
        "json_text",
        "null",
        "root_value",
    ):
        mine, theirs = getattr(first, name), getattr(second, name)
        if mine is not None and theirs is not None and mine != theirs:
            return None
        setattr(made, name, theirs if mine is None else mine)
    made.json_keys = tuple(dict.fromkeys((*first.json_keys, *second.json_keys)))
    made.json_absent = tuple(dict.fromkeys((*first.json_absent, *second.json_absent)))
    return None if made.contradicts_itself else made


# Facts that the generators keep. The others are named as not understood: the database will tell.
_KEPT = (
    Allowed, Bound, BoundToNow, Casing, Compared, ComparedToExpression, ContainedIn, Derived, Elements, Excluded,
    InPart, IsNull, JsonKeys, JsonText, JsonType, Length, Like, Linear, Matches, Member, Multiple, NotEmptyRange,
    NotNull, RangeEndIs, Size, TreeLevel, Truncated,
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
        branches = tuple(
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


def merge(facts: Iterable[Fact]) -> dict[str, ColumnFacts]:
    """Facts that hold together, by column."""
    found: dict[str, ColumnFacts] = {}
    for fact in facts:
        if isinstance(fact, InPart):
            continue
        if isinstance(fact, (Linear, Compared, RangeEndIs, ContainedIn)):
            for name in dict.fromkeys(fact.columns):
                _note_both(found.setdefault(name, ColumnFacts()), fact)
        else:
            _note(found.setdefault(fact.column, ColumnFacts()), fact)
            if isinstance(fact, TreeLevel):
                found.setdefault(fact.other, ColumnFacts()).root_value = fact.value
    return found


def _note_both(column: ColumnFacts, fact: Linear | Compared | RangeEndIs | ContainedIn) -> None:
    """A fact that each of its columns knows."""
    match fact:
        case Linear():
            column.linear.append(fact)
        case Compared():
            column.compared.append(fact)
        case RangeEndIs():
            column.ends.append(fact)
        case ContainedIn():
            column.contained.append(fact)


def _note(column: ColumnFacts, fact: Fact) -> None:
    match fact:
        case Allowed():
            known = column.allowed
            column.allowed = fact.values if known is None else tuple(v for v in known if v in fact.values)
        case Excluded():
            column.excluded += fact.values
        case Bound():
            _bound(column, fact)
        case ComparedToExpression():
            column.expressions.append(fact)
        case BoundToNow():
            if fact.sign in (">", ">="):
                column.after_now = fact
            elif fact.sign in ("<", "<="):
                column.before_now = fact
        case Derived():
            column.derived = fact
        case Matches() | Like():
            column.patterns.append(fact)
        case Length():
            _length(column, fact)
        case Size():
            low, high = _limits(fact.sign, fact.value)
            column.size_min = max(column.size_min, low)
            column.size_max = _least(column.size_max, high)
        case Multiple():
            column.multiple = fact
        case Casing():
            column.casing.append(fact.form)
        case JsonType():
            column.json_type = fact.type
        case JsonKeys():
            if fact.absent:
                column.json_absent += fact.keys
            else:
                column.json_keys += fact.keys
        case JsonText():
            column.json_text = fact.type or column.json_text or ""
        case Member():
            column.members.append(fact)
        case Elements():
            column.elements.append(fact.fact)
        case Truncated():
            column.truncated = fact.unit
        case IsNull():
            column.null = True
        case NotNull() | NotEmptyRange():
            column.null = False if isinstance(fact, NotNull) else column.null


def _bound(column: ColumnFacts, fact: Bound) -> None:
    """Of two bounds the narrower one; of two with the same value the one that leaves the value out."""
    side = "low" if fact.sign in (">", ">=") else "high"
    name = f"{side}_text" if isinstance(fact.value, str) else side
    known: Any = getattr(column, name)
    is_strict = fact.sign in (">", "<")
    if known == fact.value:
        is_strict = is_strict or getattr(column, f"{side}_strict")
    elif known is not None and (known > fact.value) == (side == "low"):
        return
    setattr(column, name, fact.value)
    setattr(column, f"{side}_strict", is_strict)


def _length(column: ColumnFacts, fact: Length) -> None:
    low, high = _limits(fact.sign, fact.value)
    if fact.unit == "bytes":
        column.bytes_min, column.bytes_max = max(column.bytes_min, low), _least(column.bytes_max, high)
    else:
        column.length_min, column.length_max = max(column.length_min, low), _least(column.length_max, high)


def _limits(sign: str, value: int) -> tuple[int, int | None]:
    """The least and the most that a comparison leaves."""
    if sign == "=":
        return value, value
    if sign in (">", ">="):
        return value + (sign == ">"), None
    return 0, (value - (sign == "<") if sign in ("<", "<=") else None)


def _least(first: int | None, second: int | None) -> int | None:
    known = [value for value in (first, second) if value is not None]
    return min(known, default=None)
