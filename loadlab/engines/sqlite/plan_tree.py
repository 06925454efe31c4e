"""EXPLAIN QUERY PLAN as the neutral tree, as far as it tells (https://www.sqlite.org/eqp.html)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing

from loadlab.engines.plan_tree import Comparison, Plan, PlanNode
from loadlab.engines.sqlite.dialect import render
from loadlab.engines.sqlite.evidence import STEP, copy_without_statistics, tables_by_alias
from loadlab.engines.sqlite.reflect import table_names
from loadlab.spec.statement import Statement

# `(customer_id=? AND created_at>? AND created_at<?)`, `(rowid=?)`.
_CONDITION = re.compile(r"\((?P<terms>[^()]*\?)\)$")
_TERM = re.compile(r"(?P<column>.+?)(?P<sign>[=<>])\?")


def plan(connection: sqlite3.Connection, statement: Statement) -> Plan:
    """The plan that tables without statistics get: SQLite takes those for large."""
    text = render(statement)
    tables = tables_by_alias(text, table_names(connection))
    with closing(copy_without_statistics(connection)) as copy:
        rows = copy.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * len(statement.names)).fetchall()
    below: dict[int, list[tuple[int, str]]] = {}
    for number, parent, _, detail in rows:
        below.setdefault(parent, []).append((number, detail))
    return Plan(PlanNode("other", "QUERY PLAN", children=_children(0, below, tables)))


def _children(
    parent: int, below: Mapping[int, list[tuple[int, str]]], tables: Mapping[str, set[str]]
) -> tuple[PlanNode, ...]:
    return tuple(_node(detail, _children(number, below, tables), tables) for number, detail in below.get(parent, ()))


def _node(detail: str, children: tuple[PlanNode, ...], tables: Mapping[str, set[str]]) -> PlanNode:
    if "TEMP B-TREE" in detail:
        return PlanNode("sort", detail, children=children)
    match = STEP.match(detail)
    known = sorted(tables.get(match["name"], ())) if match else []
    if match is None or not known:
        return PlanNode("other", detail, children=children)
    table, how = known[0], match["how"] or ""
    if how.startswith("AUTOMATIC") or (match["verb"] == "SCAN" and not how):
        # An automatic index is made by reading the whole table.
        return PlanNode("full scan", detail, table, children=children)
    condition = _CONDITION.search(detail)
    text = condition["terms"] if condition else ""
    return PlanNode(
        "index only scan" if "COVERING" in how else "index scan",
        detail,
        table,
        indexes=(match["index"],) if match["index"] else (),
        condition=text,
        compared_by_condition=tuple(
            Comparison(table, term["column"], "equal" if term["sign"] == "=" else "range")
            for part in text.split(" AND ")
            if (term := _TERM.fullmatch(part.strip()))
        ),
        children=children,
    )
