"""What the rows of a scan are tried against, which EXPLAIN QUERY PLAN leaves out: read from the statement's own text.

How many rows that leaves is asked of the table's first rows, with the values of one of them: without an index SQLite's
planner knows nothing of a column, and takes a quarter of the rows to be equal to anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from sqlglot import exp

from loadlab.engines.plan_tree import Comparison, ComparisonKind
from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.dialect import parse_native
from loadlab.engines.sqlite.evidence import analyzed_rows
from loadlab.engines.translation import bare

_SAMPLED_ROWS = 2_000
# What is left of a range whose ends are not known, as planners guess since System R (Selinger et al., 1979).
_RANGE_SHARE = 1 / 3
_KINDS: dict[type[exp.Expr], ComparisonKind] = {
    exp.EQ: "equal",
    exp.Is: "equal",
    exp.In: "equal",
    exp.LT: "range",
    exp.LTE: "range",
    exp.GT: "range",
    exp.GTE: "range",
    exp.Between: "range",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions on a table that hold together; `literals` are those with a value that the text itself gives."""

    text: str
    compared: tuple[Comparison, ...]
    literals: Mapping[str, str]


def filters_of(connection: sqlite3.Connection, sql: str, tables: Mapping[str, Set[str]]) -> dict[str, Filter]:
    """By the name that a plan shows; without what means several tables, or a text that sqlglot cannot read."""
    tree = parse_native(sql)
    if tree is None:
        return {}
    known = {alias: next(iter(found)) for alias, found in tables.items() if len(found) == 1}
    named = {node.alias_or_name for node in tree.find_all(exp.Table)} & known.keys()
    columns = {alias: _columns(connection, known[alias]) for alias in named}
    parts: dict[str, list[tuple[exp.Expr, Comparison]]] = {}
    for condition in _conditions(tree):
        for alias, comparison in _compared(condition, known, columns):
            parts.setdefault(alias, []).append((condition, comparison))
    return {alias: _filter(found) for alias, found in parts.items()}


def _filter(found: list[tuple[exp.Expr, Comparison]]) -> Filter:
    own = [condition for condition, comparison in found if comparison.other_side is None]
    literals = {
        comparison.column: bare(condition.expression).sql(dialect="sqlite")
        for condition, comparison in found
        if isinstance(condition, exp.EQ) and isinstance(bare(condition.expression), exp.Literal)
    }
    text = " AND ".join(condition.sql(dialect="sqlite") for condition in own)
    return Filter(text, tuple(comparison for _, comparison in found), literals)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_xinfo({quoted(table)})")}


def _conditions(tree: exp.Expr) -> Iterator[exp.Expr]:
    """What must hold of a row: the parts of each WHERE and ON that stand between ANDs."""
    for node in tree.find_all(exp.Where, exp.Join):
        whole = node.this if isinstance(node, exp.Where) else node.args.get("on")
        if whole is not None:
            yield from (
                (bare(part) for part in bare(whole).flatten()) if isinstance(bare(whole), exp.And) else (bare(whole),)
            )


def _compared(
    condition: exp.Expr, known: Mapping[str, str], columns: Mapping[str, set[str]]
) -> Iterator[tuple[str, Comparison]]:
    kind = _KINDS.get(type(condition), "other")
    sides = [bare(condition.this), bare(condition.args.get("expression") or condition.this)]
    places = [_place(side, columns) if isinstance(side, exp.Column) else None for side in sides]
    if places[0] is not None and places[1] is not None and sides[0] is not sides[1]:
        if kind == "equal":
            yield from _joined(places[0], places[1], known)
        return
    for place, other in zip(places, sides[::-1], strict=True):
        if place is not None:
            alias, column = place
            yield alias, Comparison(known[alias], column, kind, parameter=_parameter(other))
            return


def _joined(a: tuple[str, str], b: tuple[str, str], known: Mapping[str, str]) -> Iterator[tuple[str, Comparison]]:
    for (alias, column), (other, name) in ((a, b), (b, a)):
        yield alias, Comparison(known[alias], column, "equal", other_side=(known[other], name))


def _place(column: exp.Column, columns: Mapping[str, set[str]]) -> tuple[str, str] | None:
    """(alias, column) where that is certain."""
    owners = [column.table] if column.table else [alias for alias, own in columns.items() if column.name in own]
    return (owners[0], column.name) if len(owners) == 1 and column.name in columns.get(owners[0], ()) else None


def _parameter(node: exp.Expr) -> int | None:
    return int(node.name[1:]) - 1 if isinstance(node, exp.Placeholder) and node.name[1:].isdigit() else None


def expected_rows(connection: sqlite3.Connection, table: str, found: Filter) -> float | None:
    """Rows of the table that the filter leaves; None where nothing is compared for equality."""
    own = [item for item in found.compared if item.other_side is None]
    equal = list(dict.fromkeys(item.column for item in own if item.kind == "equal"))
    if not equal:
        return None
    ranges = {item.column for item in own if item.kind == "range"}
    names = ", ".join(map(quoted, equal))
    alike = " AND ".join(f"s.{quoted(name)} = {found.literals.get(name) or f'v.{quoted(name)}'}" for name in equal)
    given = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in equal)
    row = connection.execute(
        f"WITH s AS MATERIALIZED (SELECT {names} FROM {quoted(table)} LIMIT {_SAMPLED_ROWS}),"
        f" v AS (SELECT {names} FROM s WHERE {given} LIMIT 1 OFFSET (SELECT count(*) / 2 FROM s WHERE {given}))"
        f" SELECT avg(coalesce({alike}, 0)) FROM s, v"
    ).fetchone()
    return None if row[0] is None else float(row[0]) * _rows(connection, table) * _RANGE_SHARE ** len(ranges)


def _rows(connection: sqlite3.Connection, table: str) -> int:
    """As of the last ANALYZE: counting a large table takes its time."""
    known = analyzed_rows(connection).get(table)
    return known or int(connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()[0])
