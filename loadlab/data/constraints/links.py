"""Foreign keys before rows are counted: which there are, which follow from others, and which share columns.

A column belongs to one foreign key, from whose parent its value comes. Another foreign key that shares it has to
agree: it chooses among the parents that have the same value there (`data.relations.agreement`). Tables that repeat a
column of their parents without saying so in a constraint (`orders.tenant_id` beside `users.tenant_id`) are read the
same way, so that a row's parents belong to the same tenant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from loadlab.errors import InputError
from loadlab.schema.meaning import about_table
from loadlab.schema.model import ForeignKey, Schema, Table
from loadlab.spec.shapes import RelationShape, TableShape

# Foreign keys that are followed from one table to the next.
_LONGEST_CHAIN = 12
_ITS_OWN = re.compile(
    r"address|location|currency|country|language|locale|timezone|image|picture|photo|avatar|file|status|type"
    r"|(?:created|updated|modified|deleted)_by"
)
"""Columns that say something of their own row, whatever they reference."""


@dataclass(frozen=True, slots=True)
class Link:
    """One foreign key that gives values to columns.

    `columns` reference `target_columns`; of these `own` are the link's to fill, the others come from `source` (its
    column names are the same here). `soft` columns were added by the reading above: no constraint asks for them.
    """

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    own: tuple[str, ...]
    nullable: bool
    match_full: bool
    cascades: bool
    wish: RelationShape
    source: str | None = None
    soft: tuple[str, ...] = ()
    stays: bool = False
    """A self reference that keeps a column of the row which no other link fills: only the row itself surely fits."""
    returns: tuple[str, ...] = ()
    """Columns that the target's rows have from this very row: the link chooses among the row's own children."""

    @property
    def shared(self) -> tuple[str, ...]:
        return tuple(name for name in self.columns if name not in self.own)

    @property
    def is_torn(self) -> bool:
        """Whether several other links fill its columns, so that no parent is sure to agree with all: it is NULL."""
        return bool(self.shared) and self.source is None and not self.returns and not self.stays

    def target_of(self, column: str) -> str:
        return self.target_columns[self.columns.index(column)]


@dataclass(frozen=True, slots=True)
class Restriction:
    """A foreign key all of whose columns are filled by the link `source`: its parents must be known to `target` too."""

    source: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


@dataclass(slots=True)
class Links:
    """All of a table's, sources before those that agree with them."""

    links: list[Link] = field(default_factory=list)
    restrictions: list[Restriction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of_column(self, column: str) -> Link | None:
        """The link that fills a column."""
        return next((link for link in self.links if column in link.own), None)

    def named(self, name: str) -> Link:
        return next(link for link in self.links if link.name == name)


def read_links(
    schema: Schema,
    table: Table,
    shape: TableShape,
    first: Sequence[str] = (),
    *,
    soften: bool = True,
    last: Collection[str] = (),
    equal: Collection[tuple[str, str]] = (),
) -> Links:
    """The links of a table. `first` names those that should lead, most important first; `last` those without parents.

    Columns that are `equal` by a CHECK are as if foreign keys shared them: their parents agree there.

    Keys count on those to have the parents that their place gives them: with others they agree only where a constraint
    asks for it.

    Raises InputError for a foreign key into a table that is not there, or one that shares columns with two others.
    """
    found = Links()
    candidates = []
    for key in table.foreign_keys:
        if any(table.column(name).generated is not None for name in key.columns):
            found.notes.append(
                f"{table.key}.{','.join(key.columns)}: a generated column's reference cannot be foreseen"
            )
            continue
        candidates.append(_with_children(schema, table, _link(schema, table, key, shape, soften)))
    filled: dict[str, Link] = {}
    # One that may be NULL fills no column of another: that which leads has to do without the agreement.
    candidates = [_without_soft(link, link.soft if link.name in first and link.nullable else ()) for link in candidates]
    tied = {name for pair in equal for name in pair}
    in_order = sorted(
        _deduplicated(candidates), key=lambda link: (link.name in last, *_rank(link, first, table.key, tied))
    )
    for link in in_order:
        back = returning(schema, table, link.columns, link.target, link.target_columns)
        if back:
            link = _without_soft(link, link.soft)
            own = tuple(name for name in link.columns if name not in back and name not in filled)
            link = replace(link, own=own, returns=back)
            filled |= dict.fromkeys(own, link)
            found.links.append(link)
            continue
        if link.name in first:
            link = _without_soft(link, [name for name in link.soft if name in filled])
        if link.soft and link.nullable and link.target != table.key:
            link = _following(link, filled)
        link = _tied(link, filled, equal)
        shared = [name for name in link.columns if name in filled]
        if len(shared) == len(link.columns):
            _restrict(schema, found, link, filled)
            continue
        sources = {filled[name].name for name in shared}
        if len(sources) > 1:
            if not link.nullable:
                raise InputError(
                    f"{table.key}.{link.name}", "shares columns with several other foreign keys; drop one of them"
                )
            found.notes.append(f"{table.key}.{link.name}: shares columns with several foreign keys and is left NULL")
        kept = [name for name in link.columns if link.target == table.key and link.target_of(name) == name]
        own = tuple(name for name in link.columns if name not in filled and name not in kept)
        stays = any(name not in filled for name in kept)
        link = replace(link, own=own, source=sources.pop() if len(sources) == 1 else None, stays=stays)
        filled |= dict.fromkeys(own, link)
        found.links.append(link)
    return found


def returning(
    schema: Schema, table: Table, columns: Sequence[str], target: str, target_columns: Sequence[str]
) -> tuple[str, ...]:
    """The columns of a foreign key that its target has from this table: a header that names one of its own revisions.

    None where no other column is left.
    """
    if target == table.key or not schema.has(target):
        return ()
    back = {
        (theirs, mine)
        for key in schema.table(target).foreign_keys
        if key.target == table.key
        for theirs, mine in zip(key.columns, key.target_columns, strict=True)
    }
    found = tuple(mine for mine, theirs in zip(columns, target_columns, strict=True) if (theirs, mine) in back)
    return found if len(found) < len(columns) else ()


def may_name_nobody(schema: Schema, table: Table, key: ForeignKey) -> bool:
    """Whether a foreign key returns, and a row need not name any of its children."""
    back = returning(schema, table, key.columns, key.target, key.target_columns)
    return bool(back) and any(table.column(name).nullable for name in key.columns if name not in back)


def _with_children(schema: Schema, table: Table, link: Link) -> Link:
    """The link with a child for each parent, where somebody has to name one of the children with that parent's values.

    That may be the parent itself, or a row of another table that belongs to the same parent.
    """
    if link.target == table.key or link.wish.pattern is not None or link.wish.children is not None:
        return link
    for target in dict.fromkeys(key.target for key in table.foreign_keys if schema.has(key.target)):
        other = schema.table(target)
        for key in other.foreign_keys:
            back = returning(schema, other, key.columns, key.target, key.target_columns)
            mine = {key.target_columns[key.columns.index(name)] for name in back}
            named = key.target == table.key and back and not may_name_nobody(schema, other, key)
            if named and mine <= set(link.columns):
                return replace(link, wish=link.wish.model_copy(update={"pattern": "nested", "min": 1}))
    return link


def _without_soft(link: Link, without: Sequence[str]) -> Link:
    """The link without some of its soft columns."""
    kept = [pair for pair in zip(link.columns, link.target_columns, strict=True) if pair[0] not in without]
    columns, targets = zip(*kept, strict=True)
    soft = tuple(name for name in link.soft if name not in without)
    return replace(link, columns=columns, target_columns=targets, soft=soft)


def _following(link: Link, filled: Mapping[str, Link]) -> Link:
    """A link that may be NULL, with those of its soft columns alone that one other link fills: it fills none itself."""
    source = next((filled[name].name for name in link.soft if name in filled), None)
    return _without_soft(link, [name for name in link.soft if name not in filled or filled[name].name != source])


def _tied(link: Link, filled: Mapping[str, Link], equal: Collection[tuple[str, str]]) -> Link:
    """The link with the columns of others to which its own have to be equal, as columns that it shares with them."""
    for pair in equal:
        for mine, theirs in (pair, pair[::-1]):
            if mine in link.columns and mine not in filled and theirs in filled and theirs not in link.columns:
                columns, targets = (*link.columns, theirs), (*link.target_columns, link.target_of(mine))
                link = replace(link, columns=columns, target_columns=targets)
    return link


def _rank(link: Link, first: Sequence[str], table: str, tied: Collection[str]) -> tuple[int, int, int, int]:
    """Self references come last: their columns are those of another parent first."""
    nested = link.wish.is_nested
    # One that is NULL in some rows can follow another's column, but it cannot fill it.
    follows = link.nullable and (bool(link.soft) or any(name in tied for name in link.columns))
    return (
        3 if link.target == table else 2 if follows else 0 if nested else 1,
        first.index(link.name) if link.name in first else len(first),
        -len(link.columns),
        len(link.soft),
    )


def _link(schema: Schema, table: Table, key: ForeignKey, shape: TableShape, soften: bool) -> Link:
    name = ",".join(key.columns)
    if not schema.has(key.target):
        raise InputError(f"{table.key}.{name}", f"references {key.target or 'a table'}, which is not in the schema")
    columns, targets = key.columns, key.target_columns
    if key.target == table.key:
        soft = _owner(schema, table, key, shape.relations.get(name, RelationShape()))
    else:
        soft = _soft(schema, schema.table(key.target), table, key)
    soft = soft if soften else []
    return Link(
        name=name,
        columns=(*columns, *(own for own, _ in soft)),
        target=key.target,
        target_columns=(*targets, *(theirs for _, theirs in soft)),
        own=(),
        nullable=any(table.column(column).nullable for column in columns),
        match_full="MATCH FULL" in key.definition.upper(),
        cascades=key.on_delete == "CASCADE",
        wish=shape.relations.get(name, RelationShape()),
        soft=tuple(own for own, _ in soft),
    )


def _soft(schema: Schema, parent: Table, table: Table, key: ForeignKey) -> list[tuple[str, str]]:
    """Columns of one name, NOT NULL in both tables, that lead to the same column of a third table.

    None where the parent in turn depends on this table: each would wait for the other's value. And no column that
    says something of the row itself: a customer has an address of its own, not that of its shop.
    """
    if _depends(schema, parent, table.key):
        return []
    found = []
    for name in table.column_names:
        if name in key.columns or name not in parent.column_names or _ITS_OWN.search(name):
            continue
        if table.column(name).nullable or parent.column(name).nullable:
            continue
        mine, theirs = _origin(schema, table, name, key), _origin(schema, parent, name)
        if mine == theirs and mine is not None and mine[0] not in (table.key, parent.key):
            found.append((name, name))
    return found


def _depends(schema: Schema, table: Table, on: str) -> bool:
    """Whether foreign keys lead from a table to another one."""
    seen, waiting = {table.key}, [table]
    while waiting:
        for key in waiting.pop().foreign_keys:
            if key.target == on:
                return True
            if key.target not in seen and schema.has(key.target):
                seen.add(key.target)
                waiting.append(schema.table(key.target))
    return False


def _owner(schema: Schema, table: Table, key: ForeignKey, wish: RelationShape) -> list[tuple[str, str]]:
    """What a row and the row of the same table above it have in common: an answer belongs to its comment's ticket.

    Of several foreign keys the one whose parents say most of the others; people own rows of their own.
    """
    numbered = any(re.search(r"^(level|depth)$", name) for name in table.column_names)
    if wish.pattern is not None or numbered or set(key.columns) != {key.columns[0]}:
        return []
    led = re.search(r"manager|supervisor|reports|lead|boss", key.columns[0]) is not None
    found = [
        other
        for other in table.foreign_keys
        if other.target != table.key
        and schema.has(other.target)
        and len(other.columns) == 1
        and not table.column(other.columns[0]).nullable
        and table.column(other.columns[0]).generated is None
        and (about_table(schema.table(other.target)) == "company" if led else _can_own(schema, table, other))
    ]
    if not found:
        return []
    targets = {other.target for other in found}

    def says(other: ForeignKey) -> int:
        return sum(1 for theirs in schema.table(other.target).foreign_keys if theirs.target in targets)

    owner = max(found, key=lambda other: (says(other), other.on_delete == "CASCADE"))
    return [(owner.columns[0], owner.columns[0])]


def _can_own(schema: Schema, table: Table, key: ForeignKey) -> bool:
    return about_table(schema.table(key.target)) != "full_name" and (key.columns not in table.unique_keys)


def _origin(schema: Schema, table: Table, column: str, but: ForeignKey | None = None) -> tuple[str, str] | None:
    """The table and column in which a column's values are keys at last; None where it references nothing."""
    found = None
    for _ in range(_LONGEST_CHAIN):
        key = next(
            (k for k in table.foreign_keys if column in k.columns and k is not but and k.target != table.key), None
        )
        if key is None or not schema.has(key.target):
            return found
        column = key.target_columns[key.columns.index(column)]
        table = schema.table(key.target)
        found = (table.key, column)
    return found


def _deduplicated(links: Sequence[Link]) -> list[Link]:
    """Two constraints that say the same are one link."""
    found: dict[tuple[object, ...], Link] = {}
    for link in links:
        found.setdefault((link.columns, link.target, link.target_columns), link)
    return list(found.values())


def _restrict(schema: Schema, found: Links, link: Link, filled: Mapping[str, Link]) -> None:
    """Note what a link without columns of its own asks of the one that fills them, unless it follows from it."""
    sources = {filled[name].name: filled[name] for name in link.columns}
    if len(sources) > 1:
        found.notes.append(f"{link.name} → {link.target}: its columns come from several foreign keys; it may not hold")
        return
    source = next(iter(sources.values()))
    # The parent's own columns reference the same table: what holds there holds here.
    theirs = tuple(source.target_of(name) for name in link.columns)
    hard = all(name not in source.soft for name in link.columns)
    for key in schema.table(source.target).foreign_keys:
        pairs = dict(zip(key.columns, key.target_columns, strict=True))
        if key.target == link.target and all(
            pairs.get(column) == target for column, target in zip(theirs, link.target_columns, strict=True)
        ):
            return
    if source.target == link.target and theirs == link.target_columns:
        return
    if hard or not link.soft:
        found.restrictions.append(Restriction(source.name, link.columns, link.target, link.target_columns))
