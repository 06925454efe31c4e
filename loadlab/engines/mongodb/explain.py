"""How the server would execute a command: `explain`, asked with values of documents that are there.

A write is explained by the query that finds its documents: the planner is the same, nothing is written, and the answer
says what was examined. What a `$lookup` does inside is not shown by every server, so the query that it makes is
explained as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from bson.json_util import dumps
from pymongo.database import Database

from loadlab.engines.mongodb.commands import Command
from loadlab.engines.mongodb.conditions import compared_part
from loadlab.engines.mongodb.connection import CODEC, EXTENDED_JSON, Document
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.plan_stages import (
    ColumnsAt,
    Query,
    Stage,
    executed_part,
    later_stages,
    on_top,
    planner_of,
    replaced,
    tree,
)
from loadlab.engines.mongodb.samples import conditions_of, sample_values, value_at
from loadlab.engines.plan_tree import Plan, PlanNode
from loadlab.engines.protocol import PlanEvidence

# Of so many conditions every part is asked for: a few dozen explanations, of a millisecond each.
_PARTS_MAX = 4
_KEPT = ("sort", "limit", "skip", "hint", "collation", "let", "projection")
_NO_LIMIT: Mapping[str, Any] = {}


def same_path(collection: str, path: str) -> tuple[str, ...]:
    """A path as the column of its name."""
    return (path,)


def explain(database: Database[Document], command: Command, columns_at: ColumnsAt = same_path) -> PlanEvidence:
    """Collections that are read in full, and the indexes that documents are found through.

    The planner takes an index wherever one can be entered, whatever the size of the collection: a scan is not the
    cheaper way of a small one, but the only one.
    """
    found = _Explaining(database, command, columns_at)
    plan = found.plan(command.filled(sample_values(database, command)), execute=False)
    nodes = [] if plan is None else list(plan.scans())
    return PlanEvidence(
        tuple(dict.fromkeys(node.table for node in nodes if node.kind == "full scan")),
        tuple(dict.fromkeys(name for node in nodes for name in node.indexes)),
        "\n".join(found.texts),
    )


def plan_of_command(
    database: Database[Document],
    command: Command,
    filled: Mapping[str, Any],
    *,
    execute: bool = False,
    limit: Mapping[str, Any] = _NO_LIMIT,
    columns_at: ColumnsAt = same_path,
) -> Plan | None:
    """The plan of a command with its values; None for one that has none. `execute`: with what really happened."""
    return _Explaining(database, command, columns_at, limit).plan(filled, execute=execute)


class _Explaining:
    """One command's explanations; `texts` are the server's own."""

    def __init__(
        self,
        database: Database[Document],
        command: Command,
        columns_at: ColumnsAt,
        limit: Mapping[str, Any] = _NO_LIMIT,
    ) -> None:
        self._database, self._command, self._columns_at, self._limit = database, command, columns_at, limit
        self.texts: list[str] = []

    def plan(self, filled: Mapping[str, Any], *, execute: bool) -> Plan | None:
        command = self._command
        if command.verb == "ping":
            return None
        if command.verb == "insert":
            return Plan(PlanNode("write", command.verb, command.collection, rows_estimated=1.0))
        parts = [self._explained(asked, execute=execute) for asked in _asked(command, filled)]
        root, executed_ms = parts[0][0], sum(ms for _, ms in parts)
        if len(parts) > 1:
            root = PlanNode("append", command.verb, children=tuple(part for part, _ in parts))
        if command.verb in ("update", "delete", "findAndModify"):
            root = PlanNode("write", command.verb, command.collection, children=(root,))
        return Plan(root, executed_ms if execute else None)

    def _explained(self, asked: Mapping[str, Any], *, execute: bool) -> tuple[PlanNode, float]:
        answer = self._ask(asked, execute=execute)
        collection = str(asked[next(iter(asked))])
        planner, executed = planner_of(answer), executed_part(answer)
        query = Query(collection, planner.get("parsedQuery") or {}, self._columns_at)
        if not planner:
            # Of a collection that is not there, and of stages that read no documents.
            return PlanNode("other", next(iter(asked)), collection), 0.0
        root = tree(query, planner["winningPlan"], executed)
        if any(node.kind == "full scan" for node in root.walk()):
            root = self._by_a_part(asked, root, execute=execute)
        if executed is not None:
            root = self._counted(asked, root)
        stages = later_stages(answer)
        if stages:
            loops = executed.returned if executed is not None else None
            root = on_top(query, root, stages, lambda stage: self._looked_up(stage, loops, execute=execute))
        return root, _milliseconds(answer)

    def _by_a_part(self, asked: Mapping[str, Any], root: PlanNode, *, execute: bool) -> PlanNode:
        """The plan of a part of the condition that an index finds documents by, with the rest as their filter.

        `mongod` chooses such an index by itself; servers that are compatible may use it and tell of a scan.
        """
        condition = _condition(asked)
        paths = [key for key in condition if not key.startswith("$")]
        if not 2 <= len(condition) <= _PARTS_MAX or not paths or "$or" in condition:
            return root
        scan = next(node for node in root.walk() if node.kind == "full scan")
        largest = len(paths) - (len(paths) == len(condition))
        for names in (part for size in range(largest, 0, -1) for part in combinations(paths, size)):
            found = {"find": scan.table, "filter": {name: condition[name] for name in names}}
            answer = self._ask(
                {**found, **{key: asked[key] for key in ("collation",) if key in asked}}, execute=execute
            )
            planner, executed = planner_of(answer), executed_part(answer)
            query = Query(scan.table, planner.get("parsedQuery") or {}, self._columns_at)
            part = tree(query, planner.get("winningPlan") or {}, executed)
            if part.kind in ("index scan", "index only scan") and part.condition:
                return replaced(root, scan, _filtered(part, scan))
            self.texts.pop()
        return root

    def _counted(self, asked: Mapping[str, Any], root: PlanNode) -> PlanNode:
        """With the documents that comparisons alone leave of a scan that tries them against something else as well."""
        scans = [node for node in root.walk() if node.table]
        part = compared_part(_condition(asked))
        if len(scans) != 1 or scans[0].understood or scans[0].rows is None or not part:
            return root
        read, left = scans[0].rows_read or 0, self._count(scans[0].table, part)
        if scans[0].kind == "full scan":
            # A limit may have stopped it before the end.
            left = round(left * read / max(read, self._count(scans[0].table, {})))
        return replaced(root, scans[0], replace(scans[0], rows_compared=min(read, left)))

    def _count(self, collection: str, condition: Mapping[str, Any]) -> int:
        with translated():
            answer = self._database.command(
                {"count": collection, "query": condition, **self._limit}, codec_options=CODEC
            )
        return int(answer["n"])

    def _looked_up(self, stage: Stage, loops: int | None, *, execute: bool) -> PlanNode | None:
        """The plan of the query that a stage makes for each document, with a value that is there."""
        asked = self._inner(stage)
        if asked is None:
            return None
        node, _ = self._explained(asked, execute=execute)
        told = next((key for key in stage if key.startswith("$")), "")
        return _for_all(node, stage, loops, told)

    def _inner(self, stage: Stage) -> dict[str, Any] | None:
        word, asked = next(((key, item) for key, item in stage.items() if key.startswith("$")), ("", None))
        if not isinstance(asked, Mapping) or word not in ("$lookup", "$graphLookup", "$unionWith"):
            return None
        collection = asked.get("from") or asked.get("coll")
        if not isinstance(collection, str):
            return None
        field = asked.get("foreignField") or asked.get("connectToField")
        stages = [item for item in asked.get("pipeline", ()) if isinstance(item, Mapping)]
        found: dict[str, Any] = {}
        if field:
            sample = self._database[collection].find_one({field: {"$exists": True}}, {field: 1})
            found[field] = value_at(sample, str(field))
        first = stages[0].get("$match") if stages else None
        if isinstance(first, Mapping):
            stages = stages[1:]
            plain = {key: part for key, part in first.items() if key != "$expr"}
            found = {"$and": [found, plain]} if found and plain else found or plain
        return {"aggregate": collection, "pipeline": [{"$match": found}, *_looking_up(stages)], "cursor": {}}

    def _ask(self, asked: Mapping[str, Any], *, execute: bool) -> Mapping[str, Any]:
        verbosity = "executionStats" if execute else "queryPlanner"
        with translated():
            answer: Document = self._database.command(
                {"explain": dict(asked), "verbosity": verbosity, **self._limit}, codec_options=CODEC
            )
        shown = {key: answer[key] for key in ("queryPlanner", "stages", "executionStats") if key in answer}
        self.texts.append(dumps(shown, json_options=EXTENDED_JSON, indent=2, ensure_ascii=False))
        return answer


def _condition(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing of one that is a parameter, whose value the server has to judge."""
    first: Mapping[str, Any] = next(iter(asked.get("pipeline") or [{}]))
    found = asked.get("filter") or asked.get("query") or first.get("$match") or {}
    return found if isinstance(found, Mapping) else {}


def _filtered(part: PlanNode, scan: PlanNode) -> PlanNode:
    """An index scan whose documents have to satisfy the rest of the scan's conditions as well."""
    rest = tuple(item for item in scan.compared_by_filter if item not in part.compared_by_condition)
    examined = part.rows_read
    removed = None if examined is None or scan.rows is None else max(0, examined - scan.rows)
    return replace(
        part,
        filter=", ".join(dict.fromkeys(item.column for item in rest)) or scan.filter,
        compared_by_filter=rest,
        understood=scan.understood,
        rows=scan.rows,
        rows_removed=removed,
    )


def _asked(command: Command, filled: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What is explained of a command: itself, or the query of each of its writes."""
    own = {key: part for key, part in filled.items() if key not in ("maxTimeMS", "readConcern", "writeConcern")}
    if command.verb in ("find", "aggregate", "count", "distinct"):
        yield own
        return
    holders: list[Mapping[str, Any]] = [filled]
    if command.verb in ("update", "delete"):
        holders = list(filled.get("updates") or filled.get("deletes") or ())
    for condition, holder in zip(conditions_of(filled, command), holders, strict=True):
        asked: dict[str, Any] = {"find": command.collection, "filter": condition}
        asked |= {key: holder[key] for key in _KEPT if key in holder and key in ("sort", "hint", "collation", "let")}
        if command.verb == "findAndModify" or not holder.get("multi", command.verb == "delete" and not holder["limit"]):
            asked["limit"] = 1
        yield asked


def _looking_up(stages: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the inner stages those whose own look-ups count."""
    return [stage for stage in stages if set(stage) & {"$lookup", "$graphLookup", "$unionWith"}]


def _for_all(node: PlanNode, stage: Stage, loops: int | None, word: str) -> PlanNode:
    """The inner plan's figures over all documents: those that the server tells, else each time as this once."""
    scan = next((item for item in node.walk() if item.table), None)
    if scan is None or scan.rows is None or loops is None or word == "$unionWith":
        return node
    examined = stage.get("totalDocsExamined")
    rows = scan.rows * loops
    removed = (scan.rows_removed or 0) * loops if examined is None else max(0, int(examined) - rows)
    compared = None if scan.rows_compared is None else scan.rows_compared * loops
    changed = replace(scan, loops=loops, rows=rows, rows_removed=removed, rows_compared=compared)
    return replaced(node, scan, changed)


def _milliseconds(answer: Mapping[str, Any]) -> float:
    for holder in (answer, *(stage["$cursor"] for stage in answer.get("stages", ()) if "$cursor" in stage)):
        if "executionStats" in holder:
            return float(holder["executionStats"].get("executionTimeMillis", 0))
    return 0.0
