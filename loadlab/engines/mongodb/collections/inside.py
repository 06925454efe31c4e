"""What a schema demands of rows that stand in others: their CHECKs and indexes, on the collection that holds them.

Types and NOT NULL of embedded rows are in the validator already, as those of the columns that hold them
(`schema.nesting.table_as_stored`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loadlab.engines.mongodb.collections.expressions import check_expression
from loadlab.engines.mongodb.collections.indexes import Spec, index_spec
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.paths import ID, field_name, paths
from loadlab.engines.translation import UntranslatableError
from loadlab.schema.model import Index, Table
from loadlab.schema.nesting import Placement

_ROW = "row"


# -- CHECKs ----------------------------------------------------------------------------------------------------------


def clauses_inside(layout: Layout, root: Table, notes: list[str]) -> Iterator[dict[str, Any]]:
    """The CHECKs of every table whose rows stand in those of a collection; what cannot be said is added to `notes`."""
    for table in layout.schema:
        if layout.within(table.key) and layout.documents.root(table.key) == root.key:
            for check in table.checks:
                try:
                    yield _clause(layout, table, check.name, check.expression)
                except UntranslatableError as error:
                    notes.append(f"CHECK {table.key}.{check.name}: left out, {error}")


def _clause(layout: Layout, table: Table, name: str, expression: str) -> dict[str, Any]:
    way = layout.documents.path(table.key)
    bases = _bases(way)
    at = {column: _reference(layout, table.key, column, bases) for column in table.column_names}
    found = check_expression(table, expression, layout.schema.dialect, at)
    for depth in range(len(way) - 1, -1, -1):
        found = _of_every(f"${bases[depth]}{way[depth].field}", bases[depth + 1], way[depth], found)
    return {"$expr": found, "$comment": name}


def _bases(way: Sequence[Placement]) -> list[str]:
    """What stands before a field, within an expression, at each depth: nothing, a field and a dot, or a variable."""
    found = [""]
    for depth, step in enumerate(way, start=1):
        found.append(f"${_ROW}{depth}." if step.many else f"{found[-1]}{step.field}.")
    return found


def _reference(layout: Layout, table: str, column: str, bases: Sequence[str]) -> str:
    owner, name = layout.origin(table, column)
    depth = len(layout.documents.path(owner))
    return f"{bases[depth]}{field_name(name)}" if depth else paths(layout.schema.table(owner))[name]


def _of_every(held: str, base: str, step: Placement, found: Any) -> dict[str, Any]:
    if not step.many:
        return {"$or": [{"$lte": [held, None]}, found]}
    rows = {"$ifNull": [held, []]}
    return {"$allElementsTrue": [{"$map": {"input": rows, "as": base.strip("$."), "in": found}}]}


# -- indexes ---------------------------------------------------------------------------------------------------------


def specs_inside(layout: Layout, notes: list[str]) -> Iterator[tuple[str, Spec]]:
    """(collection, index) for the indexes of every table whose rows stand in others."""
    for table in layout.schema:
        if not layout.within(table.key):
            continue
        for index in (_primary(table), *table.indexes):
            if index is None or (index.keys == table.primary_key and index.name != _primary_name(table)):
                continue
            spec = _spec(layout, table, index, notes)
            if spec is not None:
                yield layout.collection(table.key), spec


def _primary_name(table: Table) -> str:
    return table.primary_key_name or f"{table.name}_pkey"


def _primary(table: Table) -> Index | None:
    key = table.primary_key
    return Index(_primary_name(table), key, unique=True, expressions=(False,) * len(key)) if key else None


def _spec(layout: Layout, table: Table, index: Index, notes: list[str]) -> Spec | None:
    """The index with the paths of its collection; None where `_id` serves it, or it cannot be (which is noted)."""
    own = [key for key in index.keys if key not in table.column_names or _is_own(layout, table, key)]
    if not own:
        return None
    if index.unique and len(own) < len(index.keys):
        # Nothing can be repeated between documents, and within one the server does not look.
        if index.keys != table.primary_key:
            notes.append(f"index {table.key}.{index.name}: left out, it would be unique within one document")
        return None
    try:
        spec = index_spec(table, index, layout.schema.dialect)
    except UntranslatableError as error:
        notes.append(f"index {table.key}.{index.name}: left out, {error}")
        return None
    moved = {at: layout.path(table.key, column) for column, at in paths(table).items()}
    spec = spec | {"key": {_moved(at, moved): value for at, value in spec["key"].items()}}
    if "partialFilterExpression" in spec:
        spec["partialFilterExpression"] = _moved_filter(spec["partialFilterExpression"], moved)
    return _unique_between(layout, table, index, spec, notes) if index.unique else spec


def _is_own(layout: Layout, table: Table, column: str) -> bool:
    return layout.origin(table.key, column)[0] == table.key


def _unique_between(layout: Layout, table: Table, index: Index, spec: Spec, notes: list[str]) -> Spec:
    """A unique index over lists: an empty list counts as NULL, so documents without any row are left out of it."""
    conditional = index.predicate is not None or any(
        key in table.column_names and table.column(key).nullable and key not in table.primary_key for key in index.keys
    )
    if not layout.arrays(table.key):
        return spec
    if conditional:
        notes.append(f"index {table.key}.{index.name}: not unique, its condition would be of whole documents")
        return {name: value for name, value in spec.items() if name not in ("unique", "partialFilterExpression")}
    first = next(iter(spec["key"]))
    if index.keys != table.primary_key:
        notes.append(f"index {table.key}.{index.name}: unique between documents, not within one")
    return spec | {"partialFilterExpression": {first: {"$exists": True}}}


def _moved(at: str, moved: Mapping[str, str]) -> str:
    if at in moved:
        return moved[at]
    first, dot, rest = at.partition(".")
    return f"{moved[first]}.{rest}" if dot and first in moved and first != ID else at


def _moved_filter(said: Any, moved: Mapping[str, str]) -> Any:
    if isinstance(said, list):
        return [_moved_filter(item, moved) for item in said]
    if not isinstance(said, Mapping):
        return said
    return {
        name if name.startswith("$") else _moved(name, moved): _moved_filter(value, moved)
        if name.startswith("$")
        else value
        for name, value in said.items()
    }
