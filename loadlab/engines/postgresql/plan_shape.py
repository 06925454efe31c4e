"""A plan without its figures, and the rows that it takes from each table.

The figures are the planner's own: what a scan yields, times how often it is executed (once for each row of the other
side of a nested loop), less where a LIMIT ends it early. A scan from end to end takes every row of its table, whatever
its filter leaves of them, and a bitmap is complete before its first row is. Partitions count as their table; those that
hold next to none of its rows are left out, because how an empty partition is read says nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loadlab.engines.postgresql.catalog import IS_USERS_TABLE
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.plan_names import STREAMING, Node
from loadlab.engines.protocol import PlanShape

_WHOLE = {"Seq Scan", "Sample Scan"}
_FOLDED = {"Append", "Merge Append", "Bitmap Index Scan"}
# How a table's partitions are read counts from this share of its rows on.
_SHARE_MIN = 0.05
_RELATIONS = f"""
    SELECT n.nspname::text, c.relname::text,
           CASE WHEN rn.nspname = current_schema() THEN root.relname::text ELSE rn.nspname || '.' || root.relname END,
           greatest(c.reltuples, 0)::float8
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
    JOIN pg_namespace AS rn ON rn.oid = root.relnamespace
    WHERE {IS_USERS_TABLE}
"""
# An index goes by the table's one that it is part of.
_INDEXES = """
    SELECT n.nspname::text, c.relname::text, root.relname::text
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
    WHERE c.relkind IN ('i', 'I')
"""


@dataclass(frozen=True, slots=True)
class _Step:
    """A node as the outline says it; of a scan its table, the rows that it takes and those that its relation has."""

    words: str
    table: str | None = None
    rows: float = 0.0
    relation_rows: float = 0.0
    is_bounded: bool = False


@dataclass(frozen=True, slots=True)
class Shapes:
    """By (namespace, name), tables with the rows of each relation, and indexes."""

    tables: Mapping[tuple[str, str], tuple[str, float]]
    indexes: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, connection: Connection) -> Shapes:
        """As the catalogue has them now."""
        return cls(
            {(n, name): (key, rows) for n, name, key, rows in connection.execute(_RELATIONS.encode())},
            {(n, name): key for n, name, key in connection.execute(_INDEXES.encode())},
        )

    def shape(self, plan: Node) -> PlanShape:
        """Of a plan in EXPLAIN's JSON form, VERBOSE."""
        steps = list(self._steps(plan, 1.0, None))
        sizes: dict[str, float] = defaultdict(float)
        ways: dict[tuple[str, str], float] = defaultdict(float)
        for step in steps:
            if step.table is not None:
                sizes[step.table] += step.relation_rows
                ways[step.table, step.words] += step.relation_rows
        rows: dict[str, float] = defaultdict(float)
        outline: dict[str, None] = {}
        unbounded: set[str] = set()
        for step in steps:
            if step.table is None:
                outline[step.words] = None
            elif ways[step.table, step.words] >= _SHARE_MIN * sizes[step.table]:
                outline[step.words] = None
                rows[step.table] += step.rows
                unbounded |= set() if step.is_bounded else {step.table}
        return PlanShape(tuple(outline), dict(rows), frozenset(rows) - unbounded)

    def _steps(self, node: Node, executions: float, share: float | None) -> Iterator[_Step]:
        """The node and those below it; a LIMIT wants `share` of its rows (None: all are wanted)."""
        kind = node["Node Type"]
        if kind not in _FOLDED:
            yield self._step(node, executions, share)
        children = node.get("Plans", ())
        outer_rows = next((c["Plan Rows"] for c in children if c.get("Parent Relationship") == "Outer"), 1)
        for child in children:
            times, wanted = executions, share if kind in STREAMING else None
            if kind == "Limit":
                wanted = min(1.0, node["Plan Rows"] / max(child["Plan Rows"], 1))
            elif kind == "Nested Loop" and child.get("Parent Relationship") == "Inner":
                times = executions * max(outer_rows * (1.0 if share is None else share), 1.0)
            yield from self._steps(child, times, wanted)

    def _step(self, node: Node, executions: float, share: float | None) -> _Step:
        kind: str = node["Node Type"]
        if "Relation Name" not in node:
            return _Step(kind)
        relation = (node.get("Schema", ""), node["Relation Name"])
        key, size = self.tables.get(relation, (node["Relation Name"], 0.0))
        if kind == "ModifyTable":
            return _Step(f"{node['Operation']} {key}", key, executions, size)
        index = self._index(node, relation[0])
        words = f"{kind} on {key}" + (f" by {index}" if index else "")
        rows = size if kind in _WHOLE else float(node["Plan Rows"])
        if kind == "Bitmap Heap Scan":
            rows, share = max(rows, _bitmap_rows(node)), None
        wanted = 1.0 if share is None else share
        # How many rows a filter passes over until the LIMIT is reached depends on the table.
        return _Step(words, key, rows * executions * wanted, size, share is not None and "Filter" not in node)

    def _index(self, node: Node, namespace: str) -> str:
        """The index of a scan; a bitmap's stand below it."""
        names = [node["Index Name"]] if "Index Name" in node else []
        if node["Node Type"] == "Bitmap Heap Scan":
            names += _bitmap_indexes(node)
        return " and ".join(self.indexes.get((namespace, name), name) for name in names)


def _bitmap_indexes(node: Node) -> list[str]:
    found: list[str] = []
    for child in node.get("Plans", ()):
        if "Index Name" in child:
            found.append(child["Index Name"])
        found += _bitmap_indexes(child)
    return found


def _bitmap_rows(node: Node) -> float:
    """Entries that go into the bitmap."""
    return sum(
        float(child["Plan Rows"]) if "Index Name" in child else _bitmap_rows(child) for child in node.get("Plans", ())
    )
