"""How a table's unique keys are kept: by construction, never by a retry.

For each key the weakest means that suffices is chosen: a column that is distinct over the whole table (a code, a
number, a UUID); a number within the parent whose rows stand together (line 1, 2, 3 of an order); a foreign key that
takes each parent once; or, where every column has few values, combinations that are unranked (`data.relations.slots`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loadlab.data.constraints.links import Link, Links
from loadlab.schema.checks import expression_columns, is_truth
from loadlab.schema.model import Column, Index, Schema, Table

Width = Callable[[str], int]
"""How many values a column can tell apart."""
_NUMBERED = ("integer", "date")
_WITH_DISTANCE = ("integer", "numeric", "float", "timestamp", "date", "time", "interval", "uuid", "text")
_PERIODS = ("timestamp", "date", "time", "integer", "numeric")
_CONSTANT = re.compile(r"\(*(?:true|false|\d+|'[^']*'(?:::[\w ]+)?)\)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Key:
    """Columns that no two rows agree in. `nulls_agree`: a NULL equals a NULL (primary keys, NULLS NOT DISTINCT)."""

    name: str
    columns: tuple[str, ...]
    nulls_agree: bool = False
    predicate: str | None = None
    either_way: tuple[str, ...] = ()
    """Two columns that the key takes in either order: least(a, b), greatest(a, b)."""


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """A key whose rows are unranked: the link that leads (None: the table's rows are numbered), then its members.

    A member is a link's name or a column's.
    """

    key: Key
    lead: str | None
    members: tuple[str, ...]


@dataclass(slots=True)
class Solution:
    """What each column and link has to do for the keys."""

    unique: set[str] = field(default_factory=set)
    ordinals: set[str] = field(default_factory=set)
    one_to_one: set[str] = field(default_factory=set)
    lead: str | None = None
    slots: list[SlotPlan] = field(default_factory=list)
    unsolved: list[Key] = field(default_factory=list)
    never_null: set[str] = field(default_factory=set)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    """Links by name of which no two rows have the same two parents."""
    halved: set[str] = field(default_factory=set)
    """Links of which a parent has half of the rows that agree with it."""
    periods: dict[str, int] = field(default_factory=dict)
    """Columns that are the start (0) or the end (1) of a period that overlaps with no other row's."""

    def slot_of(self, member: str) -> tuple[SlotPlan, int] | None:
        for plan in self.slots:
            if member in plan.members:
                return plan, plan.members.index(member)
        return None


def keys_of(table: Table, dialect: str) -> list[Key]:
    """Every unique key, the primary key first; an expression counts as the columns in it."""
    keys = [Key(table.primary_key_name or "primary key", table.primary_key, True)] if table.primary_key else []
    for index in table.kept_apart:
        if index.keys == table.primary_key and not index.has_expressions:
            continue
        names, coalesced = _columns(table, index, dialect)
        if names or _is_constant(index, dialect):
            agree = coalesced or not getattr(index, "nulls_distinct", True)
            keys.append(Key(index.name, names, agree, index.predicate, _either_way(index, dialect)))
    full = {key.columns for key in keys if key.predicate is None}
    return [key for key in keys if key.predicate is None or key.columns not in full]


def _is_constant(index: Index, dialect: str) -> bool:
    """`UNIQUE ((true))`, `UNIQUE ((version IS NOT NULL))`: one row is all that there can be."""
    return all(_CONSTANT.fullmatch(key) or is_truth(key, dialect) for key in index.keys)


def _either_way(index: Index, dialect: str) -> tuple[str, ...]:
    words: dict[tuple[str, ...], set[str]] = {}
    for key, is_expression in zip(index.keys, index.expressions, strict=False):
        word = key.strip("( ").partition("(")[0].strip().lower()
        if is_expression and word in ("least", "greatest"):
            words.setdefault(tuple(sorted(expression_columns(key, dialect))), set()).add(word)
    return next((names for names, said in words.items() if len(names) == 2 and len(said) == 2), ())


def _columns(table: Table, index: Index, dialect: str) -> tuple[tuple[str, ...], bool]:
    """The columns of an index, and whether an expression makes NULLs equal (coalesce)."""
    names: list[str] = []
    coalesced = False
    expressions = index.expressions or (False,) * len(index.keys)
    for key, is_expression in zip(index.keys, expressions, strict=True):
        if not is_expression:
            names += _made_of(table, key, dialect)
            continue
        if is_truth(key, dialect):
            # What is beside it in the key has to tell the rows apart.
            continue
        inside = expression_columns(key, dialect)
        coalesced |= "coalesce" in key.lower()
        names += [name for name in inside if name in table.column_names]
    return tuple(dict.fromkeys(names)), coalesced


def _made_of(table: Table, name: str, dialect: str) -> tuple[str, ...]:
    """The column itself, or those that the server generates it from."""
    generated = table.column(name).generated
    inside = () if generated is None else expression_columns(generated, dialect)
    return tuple(other for other in inside if other in table.column_names) or (name,)


def keep_apart(table: Table, dialect: str, solution: Solution) -> list[str]:
    """Exclusion constraints: ranges and periods of which no two overlap, whatever else the rows have in common.

    Returns the names of those that cannot be kept.
    """
    unkept = []
    for index in table.indexes:
        if index.unique or index.constraint is None or "&&" not in index.operators:
            continue
        position = index.operators.index("&&")
        key = index.keys[position]
        is_expression = bool(index.expressions) and index.expressions[position]
        names = expression_columns(key, dialect) if is_expression else (key,)
        kinds = [table.column(name).type.kind for name in names if name in table.column_names]
        if kinds in (["range"], ["multirange"]) and _stands_apart(table.column(names[0])):
            solution.unique.add(names[0])
        elif len(kinds) == 2 and kinds[0] == kinds[1] and kinds[0] in _PERIODS:
            solution.periods |= {names[0]: 0, names[1]: 1}
        else:
            unkept.append(index.name)
    return unkept


def _stands_apart(column: Column) -> bool:
    """Whether there are as many ranges as one likes of which no two overlap."""
    element = column.type.element
    return element is not None and not element.checks and element.kind in _WITH_DISTANCE


def is_sequence(column: Column) -> bool:
    """Whether the column counts the rows of its table."""
    return column.identity is not None or "nextval" in (column.default or "")


def identifies(schema: Schema, link: Link, columns: Sequence[str]) -> bool:
    """Whether the link's columns among these determine the parent row: a key of it, or what differs in every row."""
    inside = {link.target_of(name) for name in link.columns if name in columns}
    target = schema.table(link.target)
    if not set(link.own) & set(columns):
        return False
    taken = {name for key in target.foreign_keys for name in key.columns}
    counted = any(
        is_sequence(target.column(name)) or (target.column(name).type.kind == "uuid" and name not in taken)
        for name in inside
    )
    return counted or any(set(key) <= inside for key in target.unique_keys)


def solve(
    schema: Schema,
    table: Table,
    keys: Sequence[Key],
    links: Links,
    width: Width,
    rows: int,
    parents: Callable[[str], int],
    pairs: Sequence[tuple[str, str]] = (),
) -> Solution:
    """Find the means for each key. `parents` tells the rows of a link's target by the link's name.

    `pairs` names links whose parents are exchanged where their keys stand the wrong way round: nothing can be counted
    within one of them.
    """
    solution = Solution()
    nested = next((link for link in links.links if link.wish.is_nested), None)
    solution.lead = nested.name if nested else None
    solution.one_to_one = {link.name for link in links.links if link.wish.pattern == "one_to_one"}
    for key in sorted(keys, key=lambda key: (len(key.columns), key.columns != table.primary_key)):
        _Means(schema, table, links, width, rows, parents, solution, pairs).find(key)
        if key.nulls_agree:
            solution.never_null |= set(key.columns)
    return solution


@dataclass(frozen=True, slots=True)
class _Means:
    schema: Schema
    table: Table
    links: Links
    width: Width
    rows: int
    parents: Callable[[str], int]
    solution: Solution
    pairs: Sequence[tuple[str, str]]

    def find(self, key: Key) -> None:
        found = self.solution
        filled = {name for link in self.links.links for name in link.own}
        own = [name for name in key.columns if name not in filled and self.table.column(name).generated is None]
        members = [link for link in self.links.links if identifies(self.schema, link, key.columns)]
        members.sort(key=lambda link: min(key.columns.index(name) for name in link.own if name in key.columns))
        if set(own) & found.unique or any(link.name in found.one_to_one for link in members):
            return
        if any(set(key.columns) >= set(done.key.columns) for done in found.slots):
            return
        inside = {link.name for link in members}
        pair = next((pair for pair in self.pairs if set(pair) <= inside), None)
        if pair is not None and all(link.source is None for link in members if link.name in pair):
            found.pairs.add(pair)
            return
        if pair is not None and self._halved(key, [link for link in members if link.name in pair]):
            return
        members = [link for link in members if not any(link.name in pair for pair in self.pairs)]
        if not own and len(members) == 1 and len(key.columns) <= len(members[0].columns):
            found.one_to_one.add(members[0].name)
            return
        counted = next((name for name in own if is_sequence(self.table.column(name))), None)
        if counted is not None:
            found.unique.add(counted)
            return
        numbered = next((name for name in own if self._is_numbered(name)), None)
        lead = self._lead(members)
        if numbered is not None and lead is not None:
            found.lead = lead.name
            found.ordinals.add(numbered)
            return
        if any(name in found.ordinals for name in own) and found.lead in [link.name for link in members]:
            return
        free = [name for name in own if name not in found.ordinals and found.slot_of(name) is None]
        widest = max(free, key=self.width, default=None)
        if widest is not None and self.width(widest) >= max(self.rows, 1):
            found.unique.add(widest)
            return
        self._unrank(key, lead, [link.name for link in members if found.slot_of(link.name) is None], free)

    def _unrank(self, key: Key, lead: Link | None, members: list[str], free: list[str]) -> None:
        found = self.solution
        first = lead.name if lead is not None else None
        rest = [name for name in members if name != first and name != found.lead]
        chosen = (*rest, *sorted(free, key=self.width, reverse=True))
        if first is not None and not chosen:
            # Nothing beside the leading parent tells its rows apart.
            found.one_to_one.add(first)
        elif chosen:
            found.lead = first or found.lead
            found.slots.append(SlotPlan(key, first, chosen))
        else:
            found.unsolved.append(key)

    def _halved(self, key: Key, pair: Sequence[Link]) -> bool:
        """A pair that agrees in other columns is unranked within each parent, whose partners are half of the rest."""
        found = self.solution
        lead = next((link for link in pair if link.source is None), None)
        other = next((link for link in pair if lead is not None and link.source == lead.name), None)
        if lead is None or other is None or found.lead not in (None, lead.name):
            return False
        found.lead = lead.name
        found.slots.append(SlotPlan(key, lead.name, (other.name,)))
        found.halved.add(other.name)
        return True

    def _is_numbered(self, name: str) -> bool:
        """Whether the column can count the rows of a parent."""
        found = self.solution
        kind = self.table.column(name).type.kind
        free = name not in found.unique and found.slot_of(name) is None
        return kind in _NUMBERED and free and self.width(name) >= min(self.rows, 1000)

    def _lead(self, members: Sequence[Link]) -> Link | None:
        """The link whose children are numbered: the one that leads already, else the one with the most parents."""
        found = self.solution
        if found.lead is not None:
            return next((link for link in members if link.name == found.lead), None)
        inside = {link.name for link in members}
        able = [
            link
            for link in members
            if link.target != self.table.key
            and found.slot_of(link.name) is None
            and link.name not in found.one_to_one
            # What may be NULL follows the member that it agrees with, and cannot lead it.
            and not (link.soft and link.nullable and link.source in inside)
        ]
        most = max((self.parents(link.name) for link in able), default=0)
        return next((link for link in able if self.parents(link.name) * 4 >= most), None)
