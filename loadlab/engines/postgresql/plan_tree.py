"""From the document of EXPLAIN (FORMAT JSON, VERBOSE) to the neutral tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadlab.engines.plan_tree import NodeKind, Plan, PlanNode
from loadlab.engines.postgresql.plan_conditions import Tables, comparisons, sort_keys
from loadlab.engines.postgresql.plan_names import STREAMING, Node, PlanNames

_KINDS: Mapping[str, NodeKind] = {
    "Seq Scan": "full scan",
    "Sample Scan": "full scan",
    "Index Scan": "index scan",
    "Index Only Scan": "index only scan",
    "Bitmap Heap Scan": "index scan",
    "Nested Loop": "nested loop",
    "Hash Join": "hash join",
    "Merge Join": "merge join",
    "Hash": "hash",
    "Sort": "sort",
    "Incremental Sort": "sort",
    "Aggregate": "aggregate",
    "Limit": "limit",
    "Append": "append",
    "Merge Append": "append",
    "ModifyTable": "write",
}
_FOUND_BY = ("Index Cond", "Hash Cond", "Merge Cond", "TID Cond", "Order By")
_TRIED = ("Filter", "Join Filter", "One-Time Filter")
_REMOVED = ("Rows Removed by Filter", "Rows Removed by Join Filter")
# What may stop reading an input before its end: a merge join when the other side has ended, …
_ENDS_ITS_INPUTS = ("Merge Join",)
_ONE_MATCH = ("Semi", "Anti")


def read_plan(document: Mapping[str, Any], names: PlanNames) -> Plan:
    """One element of EXPLAIN's answer."""
    root = document["Plan"]
    tables: dict[str, str] = {}
    _collect_aliases(root, names, tables)
    return Plan(_Reader(names, tables).node(root, ends_early=False), document.get("Execution Time"))


def _collect_aliases(node: Node, names: PlanNames, tables: dict[str, str]) -> None:
    table = names.tables.get((node.get("Schema", ""), node.get("Relation Name", "")))
    if table is not None:
        alias = str(node.get("Alias", node["Relation Name"]))
        tables[alias] = table
        # The partitions of `o` are `o_1`, `o_2`, …; what stands above them calls the whole `o`.
        tables.setdefault(re.sub(r"_\d+$", "", alias), table)
    for child in node.get("Plans", ()):
        _collect_aliases(child, names, tables)


@dataclass(frozen=True, slots=True)
class _Reader:
    names: PlanNames
    tables: Tables

    def node(self, node: Node, *, ends_early: bool) -> PlanNode:
        loops = node.get("Actual Loops")
        table = self.names.tables.get((node.get("Schema", ""), node.get("Relation Name", "")), "")
        is_bitmap = node["Node Type"] == "Bitmap Heap Scan"
        bitmaps = list(_bitmaps(node)) if is_bitmap else []
        indexes = [
            self.names.indexes.get((node.get("Schema", ""), item["Index Name"]), (item["Index Name"], False))
            for item in (bitmaps or [node])
            if "Index Name" in item
        ]
        condition = _text([*bitmaps, node], _FOUND_BY)
        tried = _text([node], _TRIED)
        by_condition, _ = comparisons(condition, self.tables, table)
        by_filter, understood = comparisons(tried, self.tables, table)
        return PlanNode(
            kind=_KINDS.get(node["Node Type"], "other"),
            name=node["Node Type"],
            table=table,
            indexes=tuple(dict.fromkeys(key for key, _ in indexes)),
            condition=condition,
            filter=tried,
            compared_by_condition=by_condition,
            compared_by_filter=by_filter,
            understood=understood,
            is_partial=any(partial for _, partial in indexes),
            rows_estimated=node.get("Plan Rows"),
            cost=node.get("Total Cost"),
            loops=loops,
            rows=None if loops is None else round(node["Actual Rows"] * loops),
            rows_removed=None if loops is None else round(sum(node.get(name, 0) for name in _REMOVED) * loops),
            sort_keys=sort_keys(node.get("Sort Key", []), self.tables, table),
            sort_method=node.get("Sort Method", ""),
            spilled_kib=_spilled_kib(node),
            hash_batches=node.get("Hash Batches", node.get("HashAgg Batches")),
            blocks_hit=node.get("Shared Hit Blocks"),
            blocks_read=node.get("Shared Read Blocks"),
            may_end_early=ends_early,
            children=()
            if is_bitmap
            else tuple(
                self.node(child, ends_early=_child_ends_early(node, child, ends_early))
                for child in node.get("Plans", ())
            ),
        )


def _child_ends_early(node: Node, child: Node, ends_early: bool) -> bool:
    relationship = child.get("Parent Relationship")
    if relationship in ("SubPlan", "InitPlan") or node["Node Type"] in _ENDS_ITS_INPUTS:
        return True
    if relationship == "Inner" and (node.get("Inner Unique") or node.get("Join Type") in _ONE_MATCH):
        return True
    return node["Node Type"] == "Limit" or (ends_early and node["Node Type"] in STREAMING)


def _bitmaps(node: Node) -> list[Node]:
    """The index scans that a bitmap is made of."""
    below = node.get("Plans", ())
    return [item for child in below for item in ([child] if "Index Name" in child else _bitmaps(child))]


def _text(nodes: list[Node], labels: tuple[str, ...]) -> str:
    """Conditions of several kinds as one, all of which hold."""
    texts = [_as_text(node[label]) for node in nodes for label in labels if label in node]
    return texts[0] if len(texts) == 1 else " AND ".join(f"({text})" for text in texts)


def _as_text(condition: object) -> str:
    return " AND ".join(map(str, condition)) if isinstance(condition, list) else str(condition)


def _spilled_kib(node: Node) -> int:
    """What a sort or a hash wrote to temporary files."""
    if node.get("Sort Space Type") == "Disk":
        return int(node["Sort Space Used"])
    groups = node.get("Pre-sorted Groups", {}).get("Sort Space Disk", {})
    if groups:
        return int(groups.get("Peak Sort Space Used", 0))
    if node.get("HashAgg Batches", 0) > 1:
        return int(node.get("Disk Usage", 0))
    if node.get("Hash Batches", 0) > 1:
        block_kib = 8
        # The batches are written and read once; what the join below adds is in its own figures.
        return max(1, int(node.get("Temp Written Blocks", 0)) * block_kib)
    return 0
