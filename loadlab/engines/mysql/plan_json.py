"""EXPLAIN FORMAT=JSON as the neutral tree. Both products nest differently, and use the same words for an access.

https://mariadb.com/kb/en/explain-format-json/ and https://mariadb.com/kb/en/analyze-format-json/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from loadlab.engines.mysql.dialect import parse_native
from loadlab.engines.plan_tree import Comparison, ComparisonKind, NodeKind, Plan, PlanNode, SortKey
from loadlab.engines.translation import bare

# Steps by the key under which the document has them.
_STEPS: dict[str, NodeKind] = {
    "filesort": "sort",
    "ordering_operation": "sort",
    "temporary_table": "aggregate",
    "grouping_operation": "aggregate",
    "duplicates_removal": "aggregate",
    "union_result": "append",
    "recursive_union": "append",
}
# Steps that take all rows before they give the first.
_COLLECTING = ("'filesort'", "'temporary_table'", "'using_filesort': True", "'using_temporary_table': True")
_EQUAL = {"const", "ref", "eq_ref", "ref_or_null", "system", "fulltext", "unique_subquery", "index_subquery"}
_RANGES: dict[type[exp.Expr], ComparisonKind] = {
    exp.EQ: "equal", exp.NullSafeEQ: "equal", exp.In: "equal", exp.LT: "range", exp.LTE: "range", exp.GT: "range",
    exp.GTE: "range", exp.Between: "range",
}  # fmt: skip
_SORT_KEY = re.compile(r"^(?:`?(?P<table>\w+)`?\.)?`?(?P<column>\w+)`?(?P<down> desc)?$", re.IGNORECASE)
_ALL_OF_THEM = 100.0
_TEMPORARY = "<"  # <derived2>, <union1,3>, <subquery2>


@dataclass(frozen=True, slots=True)
class Access:
    """How one table is reached; `name` is what the statement calls it.

    `possible` are the indexes that the server thought of, for a join in another order too; `compared` the columns that
    a condition on the table compares in a way that an ordered index serves.
    """

    name: str
    index: str
    possible: tuple[str, ...]
    compared: frozenset[str]
    is_full: bool


def accesses(document: Any, *, has_limit: bool) -> Iterator[Access]:
    """Every table that a document names, temporary ones left out; `has_limit`: the statement ends with a LIMIT."""
    bounded = has_limit and not any(step in str(document) for step in _COLLECTING)
    for table, conditions in _tables(document, ()):
        name, how = str(table["table_name"]), str(table.get("access_type", ""))
        if name.startswith(_TEMPORARY) or not how:
            continue
        is_full = how == "ALL" or (how == "index" and not bounded)
        index = "" if is_full else str(table.get("key", "") or "")
        compared = frozenset(column for text in conditions for column in _compared(text, name))
        yield Access(name, index, tuple(table.get("possible_keys", ()) or ()), compared, is_full)


def _tables(document: Any, above: tuple[str, ...]) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Each part that names a table, and the conditions on it: those of a join by a buffer stand above."""
    if isinstance(document, Mapping):
        here = document.get("attached_condition")
        conditions = (*above, str(here)) if here else above
        if "table_name" in document:
            yield document, conditions
        for key, value in document.items():
            yield from _tables(value, conditions if key == "table" else ())
    elif isinstance(document, list):
        for value in document:
            yield from _tables(value, above)


def _compared(text: str, name: str) -> Iterator[str]:
    """The columns of a table that each row has to compare well."""
    tree = parse_native(f"SELECT {text}")
    condition = bare(tree.expressions[0]) if tree is not None else None
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        part = bare(part) if part is not None else None
        if part is None or type(part) not in _RANGES:
            continue
        for side in (part.this, part.args.get("expression")):
            if isinstance(side, exp.Column) and side.table in ("", name):
                yield side.name


def reads_all(table: Mapping[str, Any]) -> bool:
    """Whether the whole table is read: by itself, or along an index whose every row is tried against a condition.

    The clustered index is the table.
    """
    how = table.get("access_type")
    if how != "index":
        return how == "ALL"
    covers = bool(table.get("using_index"))
    return not covers and ("attached_condition" in table or table.get("key") == "PRIMARY")


def read_plan(document: Mapping[str, Any], tables: Mapping[str, str], *, executed: bool = False) -> Plan | None:
    """`tables` by the names that the statement calls them by."""
    block = document.get("query_block")
    if not isinstance(block, Mapping):
        return None
    took_ms = block.get("r_total_time_ms") if executed else None
    reader = _Reader(tables)
    children = reader.children(block)
    root = children[0] if len(children) == 1 else PlanNode("other", "query_block", children=children)
    return Plan(root, execution_ms=None if took_ms is None else float(took_ms))


class _Reader:
    """One document."""

    def __init__(self, tables: Mapping[str, str]) -> None:
        self._names = tables

    def children(self, block: Mapping[str, Any]) -> tuple[PlanNode, ...]:
        """The steps directly below a part of the document."""
        found: list[PlanNode] = []
        for key, value in block.items():
            if key == "nested_loop":
                found.append(self._joined(value))
            elif key == "table":
                found.append(self._table(value))
            elif key in ("block-nl-join", "read_sorted_file", "query_block", "materialized"):
                found += self.children(value) if isinstance(value, Mapping) else ()
            elif key in _STEPS and isinstance(value, Mapping):
                found.append(self._step(_STEPS[key], key, value))
            elif key in ("query_specifications", "subqueries", "attached_subqueries", "materialized_from_subquery"):
                items = value if isinstance(value, list) else [value]
                found += [node for item in items if isinstance(item, Mapping) for node in self.children(item)]
            elif key.endswith("_subqueries") and isinstance(value, list):
                found += [node for item in value for node in self.children(item)]
        return tuple(found)

    def _joined(self, parts: Sequence[Mapping[str, Any]]) -> PlanNode:
        """MariaDB's plans join from left to right; a part may be a join by a buffer."""
        nodes = [node for part in parts for node in self.children(part)]
        if len(nodes) == 1:
            return nodes[0]
        by_hash = any("BNLH" in str(_inner(part).get("join_type", "")) for part in parts)
        return PlanNode("hash join" if by_hash else "nested loop", "nested_loop", children=tuple(nodes))

    def _step(self, kind: NodeKind, key: str, value: Mapping[str, Any]) -> PlanNode:
        children = self.children(value)
        # MySQL says of an order that an index gives it for nothing.
        if value.get("using_filesort") is False and len(children) == 1:
            return children[0]
        keys = tuple(self._sort_keys(str(value.get("sort_key", "")))) if kind == "sort" else ()
        passes = value.get("r_sort_passes")
        return PlanNode(
            kind,
            key,
            sort_keys=keys,
            sort_method=str(value.get("r_sort_mode", "")),
            rows=_whole(value.get("r_output_rows")),
            spilled_kib=1 if passes else 0,
            children=children,
        )

    def _sort_keys(self, text: str) -> Iterator[SortKey]:
        for part in text.split(", "):
            found = _SORT_KEY.match(part.strip())
            if found is None:
                return
            owner = found["table"] or (next(iter(self._names)) if len(self._names) == 1 else "")
            yield SortKey(self._names.get(owner, owner), found["column"], bool(found["down"]))

    def _table(self, table: Mapping[str, Any]) -> PlanNode:
        name = str(table.get("table_name", ""))
        below = self.children({key: value for key, value in table.items() if isinstance(value, (Mapping, list))})
        if not name or "access_type" not in table:
            return PlanNode("other", str(table.get("message", "table")), self._names.get(name, ""), children=below)
        known = self._names.get(name, "")
        is_full = reads_all(table)
        kind: NodeKind = "full scan" if is_full else "index only scan" if table.get("using_index") else "index scan"
        if not known:
            return PlanNode("other", f"{table['access_type']} {name}", children=below)
        found_by = () if is_full else self._found_by(table, known)
        filtered, understood = self._filter(
            str(table.get("attached_condition", "")), {item.column for item in found_by}
        )
        loops, read = table.get("r_loops"), table.get("r_rows")
        all_read = None if loops is None or read is None else float(loops) * float(read)
        kept = None if all_read is None else all_read * float(table.get("r_filtered", 100) or 0) / 100
        return PlanNode(
            kind,
            str(table["access_type"]),
            known,
            indexes=(str(table["key"]),) if table.get("key") and not is_full else (),
            condition=", ".join(f"{item.column} {'=' if item.kind == 'equal' else 'between'}" for item in found_by),
            filter=str(table.get("attached_condition", "")),
            compared_by_condition=tuple(found_by),
            compared_by_filter=tuple(filtered),
            understood=understood,
            rows_estimated=_estimate(table),
            cost=_cost(table),
            loops=_whole(loops),
            rows=_whole(kept),
            rows_removed=None if all_read is None or kept is None else round(all_read - kept),
            children=below,
        )

    def _found_by(self, table: Mapping[str, Any], known: str) -> list[Comparison]:
        """What the index finds rows by: the parts of its key that are used, and what they are compared with."""
        how, parts = str(table["access_type"]), [str(part) for part in table.get("used_key_parts", ())]
        if how == "index":
            return []
        if how not in _EQUAL:
            return [Comparison(known, part, "range") for part in parts]
        sides = [str(side) for side in table.get("ref", ())]
        found = []
        for place, part in enumerate(parts):
            side = sides[place] if place < len(sides) else ""
            found.append(Comparison(known, part, "equal", self._other_side(side)))
        return found

    def _other_side(self, side: str) -> tuple[str, str] | None:
        """`database.alias.column` of a join; `const` and `func` are none."""
        parts = side.split(".")
        if len(parts) < 2:
            return None
        return self._names.get(parts[-2], parts[-2]), parts[-1]

    def _filter(self, text: str, found: set[str]) -> tuple[list[Comparison], bool]:
        """What rows are tried against after they were read, and whether all of it was understood."""
        if not text:
            return [], True
        tree = parse_native(f"SELECT {text}")
        if tree is None:
            return [], False
        compared: list[Comparison] = []
        understood = True
        condition = bare(tree.expressions[0])
        for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            item = self._comparison(bare(part))
            if item is None:
                understood = False
            elif item.column not in found:
                compared.append(item)
        return compared, understood

    def _comparison(self, part: exp.Expr) -> Comparison | None:
        kind = _RANGES.get(type(part))
        column = next((side for side in (part.this, part.args.get("expression")) if isinstance(side, exp.Column)), None)
        if column is None or (column.table and column.table not in self._names):
            return None
        owner = column.table or (next(iter(self._names)) if len(self._names) == 1 else "")
        if not owner:
            return None
        return Comparison(self._names[owner], column.name, kind or "other")


def _inner(part: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = part.get("block-nl-join", part)
    return inner if isinstance(inner, Mapping) else {}


def _estimate(table: Mapping[str, Any]) -> float | None:
    """MariaDB's `rows` before the filter, MySQL's after it; None where it has no idea what the filter lets through."""
    if "rows_produced_per_join" in table:
        return float(table["rows_produced_per_join"])
    rows = table.get("rows")
    if "attached_condition" in table and float(table.get("filtered", 0) or 0) == _ALL_OF_THEM and reads_all(table):
        return None
    return None if rows is None else float(rows) * float(table.get("filtered", 100) or 0) / 100


def _cost(table: Mapping[str, Any]) -> float | None:
    costs = table.get("cost_info")
    if isinstance(costs, Mapping) and "prefix_cost" in costs:
        return float(costs["prefix_cost"])
    cost = table.get("cost")
    return None if cost is None else float(cost)


def _whole(value: Any) -> int | None:
    return None if value is None else round(float(value))
