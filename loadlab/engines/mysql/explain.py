"""How the server would execute a statement: EXPLAIN FORMAT=JSON, asked with values of rows that are there.

With NULL or a value that no row has, the server says only that nothing can match.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.dialect import Rendered, parse_native, tables_in
from loadlab.engines.mysql.names import literal, quoted
from loadlab.engines.mysql.plan_json import accesses, read_plan
from loadlab.engines.plan_tree import Plan, PlanNode
from loadlab.engines.protocol import PlanEvidence
from loadlab.errors import DatabaseError

_ANY = "'1'"  # taken for a number, a text and a document
_A_FEW = "10"
_MARK = "loadlab_p"


def explain(connection: Connection, database: str, rendered: Rendered) -> PlanEvidence:
    """Tables that are read in full though no index could find their rows, and the indexes that are or could be used."""
    document = explanation(connection, text_with_values(connection, rendered))
    names = aliases(rendered)
    first = _first_columns(connection, database)
    scans, indexes = [], []
    tree = tree_of(rendered)
    has_limit = tree is not None and tree.args.get("limit") is not None
    for access in accesses(document, has_limit=has_limit):
        table = names.get(access.name, access.name)
        # Where the table stands first in the join, an index for joining it to another one is no help.
        possible = [name for name in access.possible if first.get((table, name)) in access.compared]
        if access.index:
            indexes.append(access.index)
        if access.is_full and not possible and table in names.values():
            scans.append(table)
        elif access.is_full and possible:
            indexes.append(possible[0])
    return PlanEvidence(
        tuple(dict.fromkeys(scans)),
        tuple(dict.fromkeys(indexes)),
        json.dumps(document, indent=2, ensure_ascii=False),
    )


def plan(connection: Connection, rendered: Rendered) -> Plan | None:
    """The plan for values of rows that are there; None for a statement that has none."""
    return plan_of_text(connection, text_with_values(connection, rendered), rendered)


def plan_of_text(connection: Connection, text: bytes, rendered: Rendered, *, execute: bool = False) -> Plan | None:
    """`execute`: run it as well, where the server tells what happened in the same form."""
    try:
        document = explanation(connection, text, execute=execute)
    except DatabaseError as error:
        if error.code == _SYNTAX_ERROR:
            return None  # BEGIN and the like have no plan.
        raise
    found = read_plan(document, aliases(rendered), executed=execute)
    return None if found is None else replace(found, root=_with_its_write(found.root, tree_of(rendered)))


def _with_its_write(root: PlanNode, tree: exp.Expr | None) -> PlanNode:
    """Below the write of the statement, of which the document says little or nothing."""
    word = next((word for kind, word in _WRITES.items() if isinstance(tree, kind)), None)
    table = tree.find(exp.Table) if word is not None and tree is not None else None
    if word is None or table is None:
        return root
    below = root.children if root.kind == "other" and not root.table else (root,)
    reads = tuple(node for node in below if node.kind != "other" or node.children)
    return PlanNode("write", word, table.name, rows_estimated=1.0 if not reads else None, children=reads)


_SYNTAX_ERROR = "1064"
# No such table (a name that stands for a subquery), no such column (one of another table).
_NO_SUCH_COLUMNS = {"1146", "1054"}
_WRITES: dict[type[exp.Expr], str] = {exp.Insert: "insert", exp.Update: "update", exp.Delete: "delete"}


def explanation(connection: Connection, text: bytes, *, execute: bool = False) -> Mapping[str, Any]:
    """The server's document. MySQL's EXPLAIN ANALYZE has no such form, and is not asked."""
    analyzes = execute and connection.product.is_mariadb
    head = b"ANALYZE FORMAT=JSON " if analyzes else b"EXPLAIN FORMAT=JSON "
    found = connection.value(head + text)
    document: Mapping[str, Any] = json.loads(found)
    return document


def _first_columns(connection: Connection, database: str) -> dict[tuple[str, str], str]:
    """The column that an ordered index begins with, by (table, index)."""
    rows = connection.rows(
        "SELECT table_name, index_name, column_name FROM information_schema.statistics"
        f" WHERE table_schema = {literal(database)} AND seq_in_index = 1 AND index_type = 'BTREE'"
    )
    return {(str(table), str(name)): str(column) for table, name, column in rows}


# Values --------------------------------------------------------------------------------------------------------------


def tree_of(rendered: Rendered) -> exp.Expr | None:
    """The statement with `:loadlab_pK` for its parameters."""
    text = rendered.pieces[0]
    for place, piece in zip(rendered.places, rendered.pieces[1:], strict=True):
        text += f":{_MARK}{place}{piece}"
    return parse_native(text)


def aliases(rendered: Rendered) -> dict[str, str]:
    """The table by the name that the statement calls it by, which is the one that plans show."""
    tree = tree_of(rendered)
    return dict(tables_in(tree)) if tree is not None else {}


def text_with_values(connection: Connection, rendered: Rendered) -> bytes:
    """The text with literals of one row of each table in place of what is compared with its columns."""
    values = sample_values(connection, rendered)
    text = rendered.pieces[0].encode()
    for place, piece in zip(rendered.places, rendered.pieces[1:], strict=True):
        text += values.get(place, _ANY).encode() + piece.encode()
    return text


def sample_values(connection: Connection, rendered: Rendered) -> dict[int, str]:
    """Literals by the number of the parameter."""
    tree = tree_of(rendered)
    if tree is None:
        return {}
    tables = dict(tables_in(tree))
    found: dict[int, str] = {}
    wanted: dict[str, list[tuple[int, str]]] = {}
    for node in tree.find_all(exp.Placeholder):
        place = int(str(node.name).removeprefix(_MARK))
        if isinstance(node.parent, (exp.Limit, exp.Offset)):
            found[place] = _A_FEW
        elif (column := _compared(node, tables)) is not None:
            wanted.setdefault(column[0], []).append((place, column[1]))
    for table, columns in wanted.items():
        found |= _row_of(connection, table, columns)
    return found


def _compared(node: exp.Expr, tables: Mapping[str, str]) -> tuple[str, str] | None:
    """(table, column) that a parameter is compared with, however wrapped either is."""
    above = node.parent
    while above is not None and not isinstance(above, (exp.Predicate, exp.Select, exp.Update, exp.Insert)):
        above = above.parent
    if not isinstance(above, exp.Predicate):
        return None
    columns = list(above.find_all(exp.Column))
    if len(columns) != 1:
        return None
    owner = columns[0].table
    if owner:
        return (tables[owner], columns[0].name) if owner in tables else None
    known = set(tables.values())
    return (next(iter(known)), columns[0].name) if len(known) == 1 else None


def _row_of(connection: Connection, table: str, columns: Sequence[tuple[int, str]]) -> dict[int, str]:
    """The literals of one row; none where the table is empty, or what is read from is no table with these columns."""
    names = ", ".join(f"QUOTE({quoted(column)})" for _, column in columns)
    given = " AND ".join(f"{quoted(column)} IS NOT NULL" for _, column in columns)
    try:
        rows = connection.rows(f"SELECT {names} FROM {quoted(table)} WHERE {given} LIMIT 1")
    except DatabaseError as error:
        if error.code in _NO_SUCH_COLUMNS:
            return {}
        raise
    return {} if not rows else {place: _text(value) for (place, _), value in zip(columns, rows[0], strict=True)}


def _text(value: object) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return _ANY
    return str(value)
