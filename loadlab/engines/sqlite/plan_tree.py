"""EXPLAIN QUERY PLAN as the neutral tree, as far as it tells (https://www.sqlite.org/eqp.html)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from loadlab.engines.plan_tree import Comparison, Plan, PlanNode
from loadlab.engines.sqlite.dialect import render
from loadlab.engines.sqlite.evidence import STEP, copy_without_statistics, tables_by_alias
from loadlab.engines.sqlite.filters import Filter, expected_rows, filters_of
from loadlab.engines.sqlite.reflect import table_names
from loadlab.spec.statement import Statement

# `(customer_id=? AND created_at>? AND created_at<?)`, `(rowid=?)`.
_CONDITION = re.compile(r"\((?P<terms>[^()]*\?)\)$")
_TERM = re.compile(r"(?P<column>.+?)(?P<sign>[=<>])\?")


def plan(connection: sqlite3.Connection, statement: Statement) -> Plan:
    """The plan that tables without statistics get: SQLite takes those for large.

    What a scan's rows are tried against, and how many that leaves, is found out beside it (`filters.py`).
    """
    text = render(statement)
    tables = tables_by_alias(text, table_names(connection))
    look = _Look(connection, tables, filters_of(connection, text, tables))
    with closing(copy_without_statistics(connection)) as copy:
        rows = copy.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * len(statement.names)).fetchall()
    below: dict[int, list[tuple[int, str]]] = {}
    for number, parent, _, detail in rows:
        below.setdefault(parent, []).append((number, detail))
    return Plan(PlanNode("other", "QUERY PLAN", children=_children(0, below, look)))


@dataclass(frozen=True, slots=True)
class _Look:
    """What a node is read with: tables and filters by the name that the plan shows."""

    connection: sqlite3.Connection
    tables: Mapping[str, set[str]]
    filters: Mapping[str, Filter]

    def scan(self, alias: str, table: str, detail: str, children: tuple[PlanNode, ...]) -> PlanNode:
        found = self.filters.get(alias)
        return PlanNode(
            "full scan",
            detail,
            table,
            filter=found.text if found is not None else "",
            compared_by_filter=found.compared if found is not None else (),
            rows_estimated=expected_rows(self.connection, table, found) if found is not None else None,
            children=children,
        )


def _children(parent: int, below: Mapping[int, list[tuple[int, str]]], look: _Look) -> tuple[PlanNode, ...]:
    return tuple(_node(detail, _children(number, below, look), look) for number, detail in below.get(parent, ()))


def _node(detail: str, children: tuple[PlanNode, ...], look: _Look) -> PlanNode:
    if "TEMP B-TREE" in detail:
        return PlanNode("sort", detail, children=children)
    match = STEP.match(detail)
    known = sorted(look.tables.get(match["name"], ())) if match else []
    if match is None or not known:
        return PlanNode("other", detail, children=children)
    table, how = known[0], match["how"] or ""
    if how.startswith("AUTOMATIC") or (match["verb"] == "SCAN" and not how):
        # An automatic index is made by reading the whole table.
        return look.scan(match["name"], table, detail, children)
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
