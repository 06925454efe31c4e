"""Plans of `mongod` as its documentation and its servers show them: the test server tells less.

The documents follow https://www.mongodb.com/docs/manual/reference/explain-results/ in their fields.
"""

from __future__ import annotations

from typing import Any

from bson.regex import Regex

from loadlab.engines.mongodb.conditions import compared_part
from loadlab.engines.mongodb.plan_stages import Query, executed_part, later_stages, on_top, planner_of, tree
from loadlab.engines.plan_tree import Comparison, PlanNode, SortKey

PARSED = {"$and": [{"status": {"$eq": "paid"}}, {"total": {"$gt": 10}}]}
IXSCAN = {
    "stage": "IXSCAN",
    "keyPattern": {"status": 1, "at": 1},
    "indexName": "orders_open_idx",
    "isMultiKey": False,
    "isPartial": False,
    "direction": "forward",
    "indexBounds": {"status": ['["paid", "paid"]'], "at": ["[MinKey, MaxKey]"]},
}
FETCH = {"stage": "FETCH", "filter": {"total": {"$gt": 10}}, "inputStage": IXSCAN}


def at(collection: str, path: str) -> tuple[str, ...]:
    return {"_id": ("id", "at")}.get(path, (path,)) if collection == "orders" else (path,)


def plan(answer: dict[str, Any]) -> PlanNode:
    planner = planner_of(answer)
    query = Query("orders", planner["parsedQuery"], at)
    root = tree(query, planner["winningPlan"], executed_part(answer))
    return on_top(query, root, later_stages(answer), lambda stage: None)


def explained(winning: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"queryPlanner": {"namespace": "shop.orders", "parsedQuery": PARSED, "winningPlan": winning}, **more}


def test_an_index_scan_has_what_its_documents_are_filtered_by() -> None:
    node = plan(explained(FETCH))
    assert (node.kind, node.table, node.indexes) == ("index scan", "orders", ("orders_open_idx",))
    assert node.compared_by_condition == (Comparison("orders", "status", "equal"),)
    assert node.compared_by_filter == (Comparison("orders", "total", "range"),)
    assert (node.filter, node.reads_all, node.rows) == ("total $gt", False, None)


def test_of_a_condition_the_part_that_an_ordered_index_finds() -> None:
    condition = {"$and": [{"at": {"$gt": 1, "$ne": 5}}], "status": "paid", "name": {"$regex": "x"}, "$expr": {}}
    assert compared_part(condition) == {"$and": [{"at": {"$gt": 1}}, {"status": "paid"}]}
    assert compared_part({"name": Regex("x"), "$or": [{"a": 1}]}) == {}


def test_what_was_executed_has_documents_kept_and_thrown_away() -> None:
    stages = {
        **FETCH,
        "nReturned": 7,
        "docsExamined": 90,
        "inputStage": {**IXSCAN, "nReturned": 90, "keysExamined": 90},
    }
    stats = {"nReturned": 7, "totalDocsExamined": 90, "totalKeysExamined": 90, "executionStages": stages}
    node = plan(explained(FETCH, executionStats=stats))
    assert (node.rows, node.rows_removed, node.rows_read) == (7, 83, 90)


def test_a_whole_index_that_is_read_for_its_order_is_no_search() -> None:
    whole = {**IXSCAN, "indexBounds": {"status": ["[MinKey, MaxKey]"], "at": ["[MinKey, MaxKey]"]}}
    answer = explained({"stage": "FETCH", "inputStage": whole})
    answer["queryPlanner"]["parsedQuery"] = {}
    assert plan(answer).reads_all


def test_a_covered_projection_reads_the_index_alone() -> None:
    assert plan(explained({"stage": "PROJECTION_COVERED", "inputStage": IXSCAN})).kind == "index only scan"


def test_a_scan_under_a_sort() -> None:
    scan = {"stage": "COLLSCAN", "filter": PARSED, "direction": "forward"}
    node = plan(explained({"stage": "SORT", "sortPattern": {"total": -1}, "inputStage": scan}))
    assert (node.kind, node.sort_keys) == ("sort", (SortKey("orders", "total", True),))
    (below,) = node.children
    assert (below.kind, below.reads_all, below.understood) == ("full scan", True, True)
    assert {item.column for item in below.compared_by_filter} == {"status", "total"}


def test_a_plan_of_the_slot_based_engine_holds_the_tree() -> None:
    group = {"stage": "GROUP", "planNodeId": 3, "inputStage": FETCH}
    answer = explained(
        {"isCached": False, "queryPlan": group, "slotBasedPlan": {"stages": "[3] …"}}, explainVersion="2"
    )
    node = plan(answer)
    assert node.kind == "aggregate"
    assert node.children[0].indexes == ("orders_open_idx",)


def test_a_lookup_of_the_slot_based_engine_is_a_join_with_its_own_scan() -> None:
    lookup = {
        "stage": "EQ_LOOKUP", "foreignCollection": "shop.users", "localField": "user_id", "foreignField": "email",
        "asField": "u", "strategy": "HashJoin", "inputStage": FETCH,
    }  # fmt: skip
    node = plan(explained({"queryPlan": lookup}))
    assert (node.kind, node.children[1].kind, node.children[1].table) == ("hash join", "full scan", "users")
    node = plan(explained({"queryPlan": {**lookup, "strategy": "IndexedLoopJoin", "indexName": "users_email"}}))
    assert (node.kind, node.children[1].indexes) == ("nested loop", ("users_email",))


def test_a_key_is_found_by_its_own_index() -> None:
    for stage in ("IDHACK", "EXPRESS_IXSCAN", "EXPRESS_CLUSTERED_IXSCAN"):
        answer = explained({"stage": stage, "keyPattern": {"_id": 1}, "indexName": "_id_"})
        answer["queryPlanner"]["parsedQuery"] = {"_id": {"$eq": {"id": 1, "at": 2}}}
        node = plan(answer)
        assert (node.kind, node.indexes, node.reads_all) == ("index scan", ("_id_",), False)
        assert {item.column for item in node.compared_by_condition} == {"id", "at"}


def test_branches_of_an_or_are_appended() -> None:
    other = {**IXSCAN, "indexName": "other"}
    node = plan(explained({"stage": "FETCH", "inputStage": {"stage": "OR", "inputStages": [IXSCAN, other]}}))
    assert [item.indexes[0] for item in node.walk() if item.table] == ["orders_open_idx", "other"]


def test_shards_have_a_plan_each() -> None:
    shards = [{"shardName": "a", "winningPlan": FETCH}, {"shardName": "b", "winningPlan": {"queryPlan": FETCH}}]
    node = plan(explained({"stage": "SHARD_MERGE", "shards": shards}))
    assert node.kind == "append"
    assert len(list(node.walk())) == 3


def test_stages_of_a_pipeline_stand_above_its_cursor() -> None:
    cursor = {"$cursor": explained(FETCH)}
    grouped = {"$group": {"_id": "$status"}, "nReturned": 4, "executionTimeMillisEstimate": 1}
    node = plan({"explainVersion": "1", "stages": [cursor, {"$unwind": "$lines"}, grouped]})
    assert [item.name for item in node.walk()] == ["$group", "$unwind", "IXSCAN"]
    assert node.rows == 4


def test_conditions_that_no_index_serves_are_told_apart() -> None:
    answer = explained({"stage": "COLLSCAN", "filter": {"$or": [{"a": {"$eq": 1}}, {"b": {"$eq": 2}}]}})
    node = plan(answer)
    assert not node.understood
    assert node.filter == "a $eq or b $eq"
    answer = explained({"stage": "COLLSCAN", "filter": {"name": {"$regex": "x", "$options": "i"}}})
    assert plan(answer).compared_by_filter == (Comparison("orders", "name", "other"),)
