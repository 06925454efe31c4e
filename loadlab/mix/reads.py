"""The reads that a schema was designed for: keys, foreign keys, composite indexes, searches, times.

Every candidate comes with the reason for it, which the scenario's file repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from loadlab.mix.facts import SORTABLE, TableFacts, descending, is_one_to_one
from loadlab.schema.model import ForeignKey, Index, Table

Category = Literal[
    "lookup", "unique", "children", "page", "join", "list", "search", "report", "insert", "update", "delete",
    "transaction",
]  # fmt: skip
_PARENTS_JOINED = 3
_CHILDREN_SHOWN = 100
_REPORTED_DAYS = 30
_SHORT_NAMES = re.compile(r"name|title|subject|label|headline", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An operation that could be in the mix; `body` is as in the scenario's file, without a weight."""

    category: Category
    name: str
    table: TableFacts
    why: str
    body: Mapping[str, Any]
    bonus: float = 1.0
    """Factor on the table's heat."""

    @property
    def heat(self) -> float:
        return self.table.heat * self.bonus


def reads(facts: Mapping[str, TableFacts]) -> Iterator[Candidate]:
    """Every read candidate of a schema, the hottest tables first."""
    for one in facts.values():
        yield from _lookups(one)
        yield from _children(one, facts)
        yield from _joins(one, facts)
        yield from _lists(one)
        yield from _searches(one)
        yield from _reports(one)


def short(key: str) -> str:
    """A table's or a column's name as a part of an operation's name."""
    return re.sub(r"\W+", "_", key.rpartition(".")[2]).strip("_").lower() or "table"


def full(key: str) -> str:
    """The same with the namespace."""
    return re.sub(r"\W+", "_", key).strip("_").lower() or "table"


def _parent_name(key: ForeignKey) -> str:
    """`user_id` → user; several columns → the parent's table."""
    if len(key.columns) == 1:
        return re.sub(r"(?i)_?(id|uuid|key|fk|code)$", "", short(key.columns[0])) or short(key.target)
    return short(key.target)


# -- keys ------------------------------------------------------------------------------------------------------------


def _lookups(one: TableFacts) -> Iterator[Candidate]:
    table = one.table
    foreign = {key.columns for key in table.foreign_keys}
    for key in table.unique_keys:
        if not one.is_stored(*key):
            continue
        primary = key == table.primary_key
        if not primary and (one.is_nullable(*key) or key in foreign):
            continue
        columns = "id" if primary and len(key) == 1 else "_and_".join(short(name) for name in key)
        body: dict[str, Any] = {"table": one.key}
        if not primary:
            body["by"] = list(key)
        body["pick"] = one.pick
        why = f"The {'primary' if primary else 'unique'} key of {one.key} ({', '.join(key)})."
        yield Candidate("lookup" if primary else "unique", f"{full(one.key)}_by_{columns}", one, why, {"lookup": body})


# -- children --------------------------------------------------------------------------------------------------------


def _children(one: TableFacts, facts: Mapping[str, TableFacts]) -> Iterator[Candidate]:
    table = one.table
    for key in table.foreign_keys:
        index = one.index_for(key.columns)
        if index is None or is_one_to_one(table, key) or key.target not in facts:
            continue
        sort = _order_behind(one, index, len(key.columns))
        nullable = one.is_nullable(*key.columns)
        body: dict[str, Any] = {"table": one.key}
        if nullable:
            # The children of some parent: a known child may have none.
            target = facts[key.target]
            body["where"] = {
                column: {"column": f"{target.key}.{parent}"}
                for column, parent in zip(key.columns, key.target_columns, strict=True)
            }
        else:
            body |= {"by": list(key.columns), "pick": one.pick}
        if sort:
            body["sort"] = sort
        name = f"{full(one.key)}_of_{_parent_name(key)}"
        why = f"The {one.key} of a row of {key.target}, along the index {index.name or 'of the primary key'}."
        # What is shown with its parent goes before who wrote it; answers to a row are a detail of it.
        bonus = 0.5 if key.target == one.key else 1.5 if key.on_delete == "CASCADE" else 1.0
        yield Candidate("children", name, one, why, {"list": {**body, "limit": 20}}, bonus)
        if sort and not nullable and _is_total(one, sort):
            why = f"The next page of {name}, behind the last row of the one before (keyset pagination)."
            yield Candidate("page", f"{name}_next", one, why, {"list": {**body, "limit": 20, "after": True}}, bonus)


def _order_behind(one: TableFacts, index: Index, skipped: int) -> list[str]:
    """The order in which an index has the rows of its first columns, made total by the primary key."""
    sort: list[str] = []
    for name, down in list(zip(index.keys, descending(index), strict=True))[skipped:]:
        if one.is_nullable(name) or not one.is_stored(name) or one.table.column(name).type.kind not in SORTABLE:
            break
        newest_first = down or name == one.created
        sort.append(f"-{name}" if newest_first else name)
    return _made_total(one, sort) if sort else []


def _made_total(one: TableFacts, sort: list[str]) -> list[str]:
    """With the primary key behind it, in the direction of the last key, so that an index can serve it."""
    sign = "-" if sort and sort[-1].startswith("-") else ""
    named = {item.removeprefix("-") for item in sort}
    return [*sort, *(f"{sign}{column}" for column in one.table.primary_key if column not in named)]


def _is_total(one: TableFacts, sort: list[str]) -> bool:
    named = {item.removeprefix("-") for item in sort}
    return any(set(key) <= named for key in one.table.unique_keys)


# -- joins -----------------------------------------------------------------------------------------------------------


def _joins(one: TableFacts, facts: Mapping[str, TableFacts]) -> Iterator[Candidate]:
    table = one.table
    if not table.primary_key or not one.is_stored(*table.primary_key):
        return
    parents = list({key.target: key for key in table.foreign_keys if key.target != one.key}.values())[:_PARENTS_JOINED]
    if parents:
        names = [_parent_name(key) for key in parents]
        why = f"A row of {one.key} with the {'row' if len(names) == 1 else 'rows'} that it belongs to."
        along = [",".join(key.columns) for key in parents]
        yield Candidate(
            "join",
            f"{full(one.key)}_with_{'_and_'.join(names)}",
            one,
            why,
            {"join": {"table": one.key, "along": along, "pick": one.pick}},
        )
    for other in facts.values():
        for key in other.table.foreign_keys:
            if key.target != one.key or other.key == one.key or is_one_to_one(other.table, key):
                continue
            if other.index_for(key.columns) is not None:
                yield _with_children(one, other, key)


def _with_children(one: TableFacts, other: TableFacts, key: ForeignKey) -> Candidate:
    """The children, and what the first of their other foreign keys leads to."""
    along = [f"{other.key}.{','.join(key.columns)}"]
    further = next((k for k in other.table.foreign_keys if k.target not in (one.key, other.key)), None)
    if further is not None:
        along.append(f"{other.key}.{','.join(further.columns)}")
    why = f"A row of {one.key} with its {other.key}"
    why += f", each with its {further.target}." if further is not None else "."
    body: dict[str, Any] = {"table": one.key, "by": list(one.table.primary_key), "along": along}
    body |= {"pick": one.pick, "limit": _CHILDREN_SHOWN}
    # Parts of a whole are shown with it; whatever else references a row is listed on a page of its own.
    bonus = 1.5 if key.on_delete == "CASCADE" else 0.5
    return Candidate("join", f"{full(one.key)}_with_{short(other.key)}", one, why, {"join": body}, bonus)


# -- lists -----------------------------------------------------------------------------------------------------------


def _lists(one: TableFacts) -> Iterator[Candidate]:
    foreign = [set(key.columns) for key in one.table.foreign_keys]
    for index in one.table.indexes:
        where = one.conditions(index)
        if index.method != "btree" or index.has_expressions or index.unique or where is None:
            continue
        if not one.is_stored(*index.keys) or one.is_nullable(*index.keys):
            continue
        equal, sort = _split_keys(one, index)
        equal = [name for name in equal if name not in where]
        if not (equal or sort or where) or (set(equal) in foreign and not where):
            continue  # The children of a row are a list of their own.
        name = f"{full(one.key)}_{_list_name(one, equal, sort, where)}"
        why = f"What the index {index.name} was made for"
        why += " (a part of the rows)." if where else "."
        body: dict[str, Any] = {"table": one.key}
        if equal:
            body |= {"by": equal, "pick": one.pick}
        if where:
            body["where"] = where
        if sort:
            body["sort"] = sort
        yield Candidate("list", name, one, why, {"list": {**body, "limit": 20}})
        if not equal and not where and sort and _is_total(one, _made_total(one, sort)):
            paged = {"table": one.key, "pick": "latest", "sort": _made_total(one, sort), "limit": 20, "after": True}
            why = f"The next page of {name}, behind the last row of the one before (keyset pagination)."
            yield Candidate("page", f"{name}_next", one, why, {"list": paged})


def _split_keys(one: TableFacts, index: Index) -> tuple[list[str], list[str]]:
    """The keys that are filtered by, and the last one to sort by where it is a time or an amount."""
    foreign = {name for key in one.table.foreign_keys for name in key.columns}
    *first, last = index.keys
    if last in foreign or one.table.column(last).type.kind not in SORTABLE:
        return list(index.keys), []
    down = descending(index)[-1] or last == one.created
    return first, [f"-{last}" if down else last]


def _list_name(one: TableFacts, equal: list[str], sort: list[str], where: Mapping[str, Any]) -> str:
    parts = []
    if equal:
        parts.append(f"by_{'_and_'.join(short(name) for name in equal)}")
    states = [str(item["value"]) for item in where.values() if isinstance(item.get("value"), str)]
    parts += [short(state) for state in states[:1]]
    column = sort[0].removeprefix("-") if sort else ""
    if column and column == one.created:
        parts.append("latest")
    elif column:
        parts.append(f"sorted_by_{short(column)}" if not equal else short(column))
    return "_".join(parts) or "listed"


# -- searches --------------------------------------------------------------------------------------------------------


def _searches(one: TableFacts) -> Iterator[Candidate]:
    for index in one.table.indexes:
        where = one.conditions(index)
        if index.method == "btree" or len(index.keys) != 1 or where is None:
            continue
        found = _search(one, index)
        if found is None:
            continue
        how, body = found
        if where:
            body = {**body, "where": where}
        what = {
            "text": "Full-text search",
            "contains": "Rows whose document holds another",
            "near": "Nearest neighbours",
        }
        why = f"{what[how]} through the index {index.name}."
        name = f"{full(one.key)}_{'nearest' if how == 'near' else 'search' if how == 'text' else 'containing'}"
        yield Candidate("search", name, one, why, {"search": {"table": one.key, **body}})


def _search(one: TableFacts, index: Index) -> tuple[str, dict[str, Any]] | None:
    (key,) = index.keys
    if index.has_expressions:
        words = next((c.name for c in one.table.stored_columns if c.type.kind == "text" and c.name in key), None)
        return None if words is None or "tsvector" not in key else ("text", {"text": words})
    column = one.table.column(key)
    if column.type.kind == "search_vector":
        words = _words_of(one.table, column.generated or "")
        return None if words is None else ("text", {"text": key, "for": f"{one.key}.{words}"})
    if column.generated is not None:
        return None
    by_kind = {"text": "text", "json": "contains", "array": "contains", "vector": "near"}
    how = by_kind.get(column.type.kind)
    return None if how is None else (how, {how: key})


def _words_of(table: Table, expression: str) -> str | None:
    """The text that a document of words is made of: a short one, so that a search for all of its words is quick."""
    texts = [column.name for column in table.stored_columns if column.type.kind == "text"]
    made_of = [name for name in texts if re.search(rf"\b{re.escape(name)}\b", expression)] or texts
    return next((name for name in made_of if _SHORT_NAMES.search(name)), made_of[0] if made_of else None)


# -- reports ---------------------------------------------------------------------------------------------------------


def _reports(one: TableFacts) -> Iterator[Candidate]:
    created = one.created
    if created is None:
        return
    body: dict[str, Any] = {"table": one.key, "bucket": {"column": created, "by": "day"}}
    state = one.state_column
    if state is not None:
        body["group"] = [state]
    if one.amount is not None:
        body["sum"] = [one.amount]
    body["where"] = {created: {"from": {"ago": f"{_REPORTED_DAYS}d"}}}
    indexed = any(index.keys[:1] == (created,) and index.predicate is None for index in one.table.indexes)
    why = f"Rows of {one.key} by day over the last {_REPORTED_DAYS} days"
    why += f", by {state}." if state is not None else "."
    # A report that no index serves reads the whole table.
    yield Candidate("report", f"{full(one.key)}_by_day", one, why, {"report": body}, 2.0 if indexed else 1.0)
