"""The server's explanation as the neutral tree (https://www.mongodb.com/docs/manual/reference/explain-results/). Pure.

Classic plans are trees of `stage`s with their input; plans of the slot-based engine hold such a tree as `queryPlan`;
a pipeline adds stages of its own on top. What was executed has figures of each stage, or of the whole alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loadlab.engines.mongodb.collections.indexes import ID_INDEX
from loadlab.engines.mongodb.conditions import compared_columns, outline
from loadlab.engines.plan_tree import Comparison, NodeKind, PlanNode, SortKey

Stage = Mapping[str, Any]
ColumnsAt = Callable[[str, str], tuple[str, ...]]
"""The columns of a collection (its name) that lie at a path; the path itself where no column is known."""

_SCANS: Mapping[str, NodeKind] = {
    "COLLSCAN": "full scan", "CLUSTERED_IXSCAN": "index scan", "IXSCAN": "index scan", "IDHACK": "index scan",
    "EXPRESS_IXSCAN": "index scan", "EXPRESS_CLUSTERED_IXSCAN": "index scan", "COUNT_SCAN": "index only scan",
    "DISTINCT_SCAN": "index only scan", "TEXT_MATCH": "index scan", "TEXT": "index scan",
    "GEO_NEAR_2D": "index scan", "GEO_NEAR_2DSPHERE": "index scan", "RECORD_STORE_FAST_COUNT": "index only scan",
}  # fmt: skip
_KINDS: Mapping[str, NodeKind] = {
    "SORT": "sort", "LIMIT": "limit", "GROUP": "aggregate", "COUNT": "aggregate", "OR": "append",
    "SORT_MERGE": "append", "AND_SORTED": "append", "AND_HASH": "hash join", "UPDATE": "write", "DELETE": "write",
    "BATCHED_DELETE": "write", "$sort": "sort", "$limit": "limit", "$group": "aggregate", "$count": "aggregate",
    "$sortByCount": "aggregate", "$bucket": "aggregate", "$bucketAuto": "aggregate", "$unionWith": "append",
    "$facet": "append", "$merge": "write", "$out": "write",
}  # fmt: skip
_WHOLE = "[MinKey, MaxKey]"


@dataclass(frozen=True, slots=True)
class Executed:
    """What happened in a plan that was executed: the stages with their figures, and those of the whole."""

    stages: Stage
    documents: int
    returned: int


@dataclass(frozen=True, slots=True)
class Query:
    """What a plan is for: the documents of a collection that match `parsed`, the server's form of the condition."""

    collection: str
    parsed: Mapping[str, Any]
    columns_at: ColumnsAt

    def compared(self, condition: Mapping[str, Any] | None) -> tuple[tuple[Comparison, ...], bool]:
        return compared_columns(self.collection, condition or {}, self.columns_at)


def planner_of(explanation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part that says how documents are found, wherever it stands; empty for what finds none."""
    for holder in _holders(explanation):
        if "queryPlanner" in holder:
            found: Mapping[str, Any] = holder["queryPlanner"]
            return found
    return {}


def executed_part(explanation: Mapping[str, Any]) -> Executed | None:
    """What happened, None for a plan that was not executed."""
    for holder in _holders(explanation):
        stats = holder.get("executionStats")
        if stats:
            return Executed(
                stats.get("executionStages", {}),
                int(stats.get("totalDocsExamined", 0)),
                int(stats.get("nReturned", 0)),
            )
    return None


def _holders(explanation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield explanation
    for stage in explanation.get("stages", ()):
        if "$cursor" in stage:
            yield stage["$cursor"]
    for shard in (explanation.get("shards") or {}).values() if isinstance(explanation.get("shards"), Mapping) else ():
        yield from _holders(shard)


def later_stages(explanation: Mapping[str, Any]) -> list[Stage]:
    """The stages of a pipeline that run behind its first documents."""
    stages = explanation.get("stages", ())
    return [stage for stage in stages if "$cursor" not in stage and "$geoNearCursor" not in stage]


# The tree -------------------------------------------------------------------------------------------------------------


def tree(query: Query, winning: Stage, executed: Executed | None) -> PlanNode:
    """The plan of a query: `winning` is the planner's choice."""
    winning = winning.get("queryPlan", winning)
    if "shards" in winning:
        parts = [shard["winningPlan"].get("queryPlan", shard["winningPlan"]) for shard in winning["shards"]]
        return PlanNode(
            "append", str(winning.get("stage", "SHARDS")), children=tuple(_node(query, s, None) for s in parts)
        )
    root = _node(query, winning, executed.stages if executed else None)
    return _with_totals(root, executed) if executed is not None else root


def _node(query: Query, stage: Stage, seen: Stage | None) -> PlanNode:
    name = str(stage.get("stage", ""))
    inputs = _inputs(stage)
    below = _seen_inputs(seen, stage, len(inputs))
    if name in _SCANS:
        return _figured(_scan(query, stage, None), seen)
    if name == "FETCH" and len(inputs) == 1 and str(inputs[0].get("stage")) in _SCANS:
        found = _scan(query, inputs[0], stage)
        return _figured(found, seen)
    if name == "EQ_LOOKUP":
        return _eq_lookup(query, stage, tuple(_node(query, i, s) for i, s in zip(inputs, below, strict=True)))
    children = tuple(_node(query, part, figures) for part, figures in zip(inputs, below, strict=True))
    if name == "PROJECTION_COVERED" and len(children) == 1:
        return children[0]
    node = PlanNode(_KINDS.get(name, "other"), name, children=children)
    if name == "SORT":
        node = replace(node, sort_keys=_sort_keys(query, stage.get("sortPattern", {})))
    return _figured(node, seen)


def _inputs(stage: Stage) -> list[Stage]:
    if "inputStage" in stage:
        return [stage["inputStage"]]
    return list(stage.get("inputStages", ()))


def _seen_inputs(seen: Stage | None, stage: Stage, count: int) -> list[Stage | None]:
    """The figures of the inputs; the same stage where the server left this one out of what happened."""
    if seen is None:
        return [None] * count
    if seen.get("stage") != stage.get("stage"):
        return [seen] * count if count == 1 else [None] * count
    inputs = _inputs(seen)
    return [*inputs[:count], *[None] * (count - len(inputs))]


def _figured(node: PlanNode, seen: Stage | None) -> PlanNode:
    if seen is None or "nReturned" not in seen:
        return node
    returned = int(seen["nReturned"])
    examined = seen.get("docsExamined")
    removed = max(0, int(examined) - returned) if examined is not None and node.table else None
    return replace(node, loops=1, rows=returned, rows_removed=removed)


def _with_totals(root: PlanNode, executed: Executed) -> PlanNode:
    """Where stages have no figures of their own: those of the whole, which are the only scan's."""
    scans = [node for node in root.walk() if node.table]
    if len(scans) != 1 or (scans[0].rows is not None and scans[0].rows_removed is not None):
        return root
    scan = scans[0]
    kept = executed.returned if scan.rows is None else scan.rows
    removed = max(0, executed.documents - kept) if scan.kind != "index only scan" else 0
    return replaced(root, scan, replace(scan, loops=1, rows=kept, rows_removed=removed))


def replaced(root: PlanNode, old: PlanNode, new: PlanNode) -> PlanNode:
    """The tree with one node in another's place."""
    if root is old:
        return new
    return replace(root, children=tuple(replaced(child, old, new) for child in root.children))


# Scans ----------------------------------------------------------------------------------------------------------------


def _scan(query: Query, stage: Stage, fetch: Stage | None) -> PlanNode:
    name = str(stage["stage"])
    kind = _SCANS[name]
    if kind == "full scan":
        condition = stage.get("filter") or query.parsed
        compared, understood = query.compared(condition)
        return PlanNode(
            kind, name, query.collection, filter=outline(condition), compared_by_filter=compared, understood=understood
        )
    compared, understood = query.compared(query.parsed)
    bounded = _bounded(stage, compared, query)
    by_condition = tuple(item for item in compared if item.column in bounded and item.kind != "other")
    residual = fetch.get("filter") if fetch is not None else None
    by_filter = query.compared(residual)[0] if residual else _not_in(compared, by_condition, stage)
    is_only = fetch is None and kind == "index scan" and name == "IXSCAN"
    return PlanNode(
        "index only scan" if is_only else kind,
        name,
        query.collection,
        indexes=(_index(stage),),
        condition=", ".join(f"{item.column} {item.kind}" for item in by_condition)
        or ("text" if "TEXT" in name else ""),
        filter=outline(residual) if residual else ", ".join(item.column for item in by_filter),
        compared_by_condition=by_condition,
        compared_by_filter=by_filter,
        understood=understood,
        is_partial=bool(stage.get("isPartial")),
    )


def _index(stage: Stage) -> str:
    is_id = stage["stage"] in ("IDHACK", "EXPRESS_CLUSTERED_IXSCAN", "CLUSTERED_IXSCAN")
    return ID_INDEX if is_id else str(stage.get("indexName", ID_INDEX))


def _bounded(stage: Stage, compared: Sequence[Comparison], query: Query) -> set[str]:
    """The columns by which the index is entered: by its bounds, or by what an index can be entered by."""
    if stage["stage"] in ("IDHACK", "EXPRESS_CLUSTERED_IXSCAN", "CLUSTERED_IXSCAN"):
        return set(query.columns_at(query.collection, "_id"))
    bounds = stage.get("indexBounds")
    if bounds:
        paths = [path for path, parts in bounds.items() if list(parts) != [_WHOLE]]
        return {column for path in paths for column in query.columns_at(query.collection, path)}
    found: set[str] = set()
    kinds = {item.column: item.kind for item in compared}
    for path in stage.get("keyPattern", {}):
        columns = query.columns_at(query.collection, path)
        found |= {column for column in columns if kinds.get(column) in ("equal", "range")}
        if any(kinds.get(column) != "equal" for column in columns):
            break
    return found


def _not_in(
    compared: tuple[Comparison, ...], by_condition: tuple[Comparison, ...], stage: Stage
) -> tuple[Comparison, ...]:
    """What is left for the documents, where the server shows no filter: of a server that shows bounds, nothing is."""
    if "indexBounds" in stage or stage["stage"] != "IXSCAN":
        return ()
    return tuple(item for item in compared if item not in by_condition)


def _sort_keys(query: Query, pattern: Mapping[str, Any]) -> tuple[SortKey, ...]:
    return tuple(
        SortKey(query.collection, column, descending=direction == -1)
        for path, direction in pattern.items()
        for column in query.columns_at(query.collection, path)
    )


# Stages of a pipeline -------------------------------------------------------------------------------------------------


def on_top(
    query: Query, below: PlanNode, stages: Sequence[Stage], inner: Callable[[Stage], PlanNode | None]
) -> PlanNode:
    """The pipeline's stages above its first documents; `inner` is the plan of what a stage looks up elsewhere."""
    for stage in stages:
        word = next((key for key in stage if key.startswith("$")), "")
        if word == "$match" and not below.children and below.table:
            continue  # What the first documents were found by.
        found = inner(stage)
        kind: NodeKind = "nested loop" if word in ("$lookup", "$graphLookup") else _KINDS.get(word, "other")
        node = PlanNode(kind, word, children=(below, found) if found is not None else (below,))
        if word == "$sort" and isinstance(stage[word], Mapping):
            pattern = stage[word].get("sortKey", stage[word])
            node = replace(node, sort_keys=_sort_keys(query, pattern))
        if "nReturned" in stage:
            node = replace(node, loops=1, rows=int(stage["nReturned"]))
        below = node
    return below


def _eq_lookup(query: Query, stage: Stage, children: tuple[PlanNode, ...]) -> PlanNode:
    """A `$lookup` inside the slot-based plan."""
    foreign = str(stage.get("foreignCollection", "")).partition(".")[2]
    column = query.columns_at(foreign, str(stage.get("foreignField", "")))
    compared = tuple(Comparison(foreign, name, "equal") for name in column)
    index, strategy = stage.get("indexName"), str(stage.get("strategy", ""))
    text = ", ".join(column)
    if index:
        inner = PlanNode(
            "index scan", "IXSCAN", foreign, indexes=(str(index),), condition=text, compared_by_condition=compared
        )
    else:
        inner = PlanNode("full scan", "COLLSCAN", foreign, filter=text, compared_by_filter=compared)
    kind: NodeKind = "hash join" if strategy == "HashJoin" else "nested loop"
    return PlanNode(kind, "EQ_LOOKUP", condition=text, compared_by_condition=compared, children=(*children, inner))
