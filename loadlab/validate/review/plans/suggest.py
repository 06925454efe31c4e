"""Indexes that would spare a plan the rows that it reads and throws away. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loadlab.engines.plan_tree import Comparison, NewIndex, PlanNode, SortKey
from loadlab.schema.model import Schema, Table

_COLUMNS_MAX = 4
# Types whose values have an order that an ordinary index keeps, and that are short enough to be keys.
_UNORDERED = {"json", "array", "composite", "map", "vector", "shape", "geometry", "search_vector", "xml", "bytes"}


def suggest(
    schema: Schema,
    table: str,
    comparisons: Iterable[Comparison],
    sort_keys: Iterable[SortKey] = (),
) -> NewIndex | None:
    """An index over the columns that a condition compares: those with `=` first, then a range or the order.

    The order of columns is M. Winand's rule: "index for equality first, then for ranges" (Use The Index, Luke,
    "The where clause: searching for ranges"). None where an index begins with them already, or there is none to make.
    """
    if not schema.has(table):
        return None
    of_table = schema.table(table)
    own = [item for item in comparisons if item.table == table and _can_be_key(of_table, item.column)]
    equal = list(dict.fromkeys(item.column for item in own if item.kind == "equal"))
    ranges = [item.column for item in own if item.kind == "range" and item.column not in equal]
    order = [key for key in sort_keys if key.table == table and key.column not in equal]
    is_sorted = bool(order) and not ranges and all(_can_be_key(of_table, key.column) for key in order)
    columns = tuple([*equal, *(dict.fromkeys(key.column for key in order) if is_sorted else ranges[:1])][:_COLUMNS_MAX])
    if not columns or (not equal and not ranges):
        return None
    # An index is read from either end: a single direction needs no DESC.
    mixed = is_sorted and len({key.descending for key in order}) > 1
    descending = {columns.index(key.column) for key in order if mixed and key.descending and key.column in columns}
    return None if _begins_an_index(of_table, columns) else NewIndex(table, columns, frozenset(descending))


def for_node(schema: Schema, node: PlanNode, above: tuple[PlanNode, ...]) -> NewIndex | None:
    """For a scan: its own conditions, those of the joins above it, and the order that is asked of it."""
    compared = [*node.compared_by_condition, *node.compared_by_filter]
    for parent in above:
        compared += [
            item
            for item in (*parent.compared_by_condition, *parent.compared_by_filter)
            if item.table == node.table and item.other_side is not None and item.kind == "equal"
        ]
    sort = next((parent for parent in above if parent.kind == "sort"), None)
    return suggest(schema, node.table, compared, sort.sort_keys if sort else ())


def covers(wide: NewIndex, narrow: NewIndex) -> bool:
    """Whether one begins with the columns of the other, so that it serves its statements too."""
    same = wide.table == narrow.table
    return same and wide.columns[: len(narrow.columns)] == narrow.columns and wide.descending >= narrow.descending


def without_covered(found: Mapping[NewIndex, tuple[str, ...]]) -> dict[NewIndex, tuple[str, ...]]:
    """Indexes with the statements that they are for; those that another one covers are merged into it."""
    result: dict[NewIndex, tuple[str, ...]] = {}
    for index in sorted(found, key=lambda item: (-len(item.columns), item.table, item.columns)):
        wide = next((other for other in result if covers(other, index)), index)
        result[wide] = tuple(dict.fromkeys((*result.get(wide, ()), *found[index])))
    return result


def _can_be_key(table: Table, column: str) -> bool:
    return column in table.column_names and table.column(column).type.kind not in _UNORDERED


def _begins_an_index(table: Table, columns: tuple[str, ...]) -> bool:
    keys = [table.primary_key, *(i.keys for i in table.indexes if i.predicate is None and i.method == "btree")]
    return any(key[: len(columns)] == columns for key in keys)
