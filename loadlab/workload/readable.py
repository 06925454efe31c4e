"""What of a workload can be checked against the dataset: which reads return known cells, which inserts leave a key.

Found before the load from the statements' texts, by the engine itself where they are no SQL (`CanTellContent`). What is
not understood is not checked, and nothing is claimed of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.abilities import CanTellContent, StatementContent
from loadlab.engines.protocol import Engine
from loadlab.schema.checks.syntax import parser_dialect
from loadlab.schema.model import Schema, Table
from loadlab.spec.parameters import ColumnParameter, Parameter
from loadlab.spec.statement import Statement

# Kinds whose values a read gives back as the dataset has them.
_COMPARABLE = {
    "integer", "numeric", "float", "boolean", "text", "uuid", "date", "timestamp", "json", "bytes",
}  # fmt: skip


# Others, such as REPLACE, the parser takes for a command of which it knows nothing.
_UNDERSTOOD = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)


@dataclass(frozen=True, slots=True)
class ReadCheck:
    """A read of one row by a key: `columns` are the result's, None where it is no cell of the row.

    `parameters` are those that the row is told by.
    """

    table: str
    columns: tuple[str | None, ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Insertion:
    """An insert of one row: which of the statement's distinct parameters hold the key, in the key's order."""

    table: str
    key: tuple[str, ...]
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What the workload may change: columns by table, and tables from which rows may go."""

    columns: Mapping[str, frozenset[str]]
    emptied: frozenset[str]


def _told(statement: Statement, schema: Schema, engine: Engine) -> StatementContent | None:
    """What the engine says of a statement; None where that is to be read from its SQL."""
    if not isinstance(engine, CanTellContent):
        return None
    # Of what it does not understand nothing is claimed.
    return engine.content_of(statement, schema) or StatementContent()


def parsed(statement: Statement, engine: str) -> exp.Expr | None:
    """The tree of a statement; None where it cannot be read."""
    try:
        return sqlglot.parse_one(str(statement), dialect=parser_dialect(statement.dialect or engine))
    except (SqlglotError, RecursionError):
        return None


def read_check(
    statement: Statement, params: Mapping[str, Parameter], schema: Schema, engine: Engine
) -> ReadCheck | None:
    """How a read is checked, None where it is no read of one row by a unique key of the dataset."""
    told = _told(statement, schema, engine)
    if told is not None:
        return _told_read(told, params)
    tree = parsed(statement, engine.name)
    if not isinstance(tree, exp.Select) or any(tree.args.get(name) for name in ("joins", "group", "with_", "distinct")):
        return None
    tables = list(tree.find_all(exp.Table))
    table = _table(schema, tables[0]) if len(tables) == 1 else None
    where = tree.args.get("where")
    if table is None or where is None or tree.find(exp.Subquery, exp.Window, exp.AggFunc) is not None:
        return None
    compared = _compared(where.this, params)
    if compared is None or not _is_one_row(table.key, compared):
        return None
    keys = [set(key) for key in table.unique_keys]
    if not any(key <= set(compared) for key in keys):
        return None
    columns = tuple(_result_column(item, table) for item in tree.expressions)
    return ReadCheck(table.key, columns, tuple(name for name, _ in compared.values())) if any(columns) else None


def _is_one_row(table: str, compared: Mapping[str, tuple[str, ColumnParameter]]) -> bool:
    """Whether the columns are compared with those of one known row of the table."""
    return len({item.row for _, item in compared.values()}) == 1 and all(
        (item.table, item.column_name) == (table, column) for column, (_, item) in compared.items()
    )


def _told_read(told: StatementContent, params: Mapping[str, Parameter]) -> ReadCheck | None:
    if told.read is None:
        return None
    table, by, columns = told.read
    found = {column: (name, item) for column, name in by.items() if (item := _known(params.get(name))) is not None}
    if len(found) != len(by) or not _is_one_row(table, found):
        return None
    return ReadCheck(table, columns, tuple(by.values()))


def _known(item: Parameter | None) -> ColumnParameter | None:
    return item if isinstance(item, ColumnParameter) and item.pick != "new" else None


def _compared(condition: exp.Expr, params: Mapping[str, Parameter]) -> dict[str, tuple[str, ColumnParameter]] | None:
    """By column, the parameter that it must equal; None where there is another condition."""
    found: dict[str, tuple[str, ColumnParameter]] = {}
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        if not isinstance(part, exp.EQ):
            return None
        column, value = part.this, part.expression
        if isinstance(column, exp.Placeholder):
            column, value = value, column
        if not isinstance(column, exp.Column) or not isinstance(value, exp.Placeholder):
            return None
        item = _known(params.get(value.name))
        if item is None:
            return None
        found[column.name] = (value.name, item)
    return found


def _result_column(item: exp.Expr, table: Table) -> str | None:
    inner = item.this if isinstance(item, exp.Alias) else item
    if not isinstance(inner, exp.Column) or inner.name not in table.column_names:
        return None
    column = table.column(inner.name)
    is_cell = column.generated is None and column.type.kind in _COMPARABLE
    return column.name if is_cell else None


def insertion(statement: Statement, schema: Schema, engine: Engine) -> Insertion | None:
    """The key that an insert of one row leaves behind, None where it is none or the key is not a parameter."""
    told = _told(statement, schema, engine)
    if told is not None:
        if told.inserted is None:
            return None
        key, values = told.inserted
        return _insertion(statement, schema.table(key), values)
    tree = parsed(statement, engine.name)
    if not isinstance(tree, exp.Insert) or not isinstance(tree.this, exp.Schema):
        return None
    if not isinstance(tree.expression, exp.Values) or tree.args.get("conflict") is not None:
        return None
    table = _table(schema, tree.this.this)
    rows = tree.expression.expressions
    if table is None or len(rows) != 1:
        return None
    cells = zip((column.name for column in tree.this.expressions), rows[0].expressions, strict=False)
    return _insertion(statement, table, {name: cell.name for name, cell in cells if isinstance(cell, exp.Placeholder)})


def _insertion(statement: Statement, table: Table, values: Mapping[str, str]) -> Insertion | None:
    """`values` are parameters by column."""
    names = [values[name] for name in table.primary_key if name in values]
    if not names or len(names) != len(table.primary_key):
        return None
    return Insertion(table.key, table.primary_key, tuple(statement.names.index(name) for name in names))


def changes_of(statements: Iterable[Statement], schema: Schema, engine: Engine) -> Changes:
    """What these statements may change; of a text that cannot be read, every table that it might name."""
    columns: dict[str, set[str]] = {}
    emptied: set[str] = set()
    for statement in statements:
        if not statement.is_write:
            continue
        told = engine.content_of(statement, schema) if isinstance(engine, CanTellContent) else None
        if told is not None:
            for key, names in told.changes.items():
                columns.setdefault(key, set()).update(names)
            emptied |= told.deleted
            continue
        tree = None if isinstance(engine, CanTellContent) else parsed(statement, engine.name)
        if not isinstance(tree, _UNDERSTOOD):
            for anything in schema:
                columns.setdefault(anything.key, set()).update(anything.column_names)
                emptied.add(anything.key)
            continue
        if isinstance(tree, exp.TruncateTable):
            emptied |= _emptied(tree, schema)
        for node, table in _writes(tree, schema):
            if isinstance(node, (exp.Delete, exp.Merge)):
                emptied |= _with_cascades(schema, table.key)
            if isinstance(node, (exp.Update, exp.Merge)) or node.args.get("conflict") is not None:
                columns.setdefault(table.key, set()).update(_assigned(node, table))
    return Changes({key: frozenset(names) for key, names in columns.items()}, frozenset(emptied))


def _writes(tree: exp.Expr, schema: Schema) -> Iterator[tuple[exp.Expr, Table]]:
    """The parts of a statement that write rows, each with its table."""
    for node in tree.find_all(exp.Update, exp.Delete, exp.Merge, exp.Insert):
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        table = _table(schema, target) if isinstance(target, exp.Table) else None
        if table is not None:
            yield node, table


def written_tables(statement: Statement, schema: Schema, engine: Engine) -> frozenset[str]:
    """The tables whose rows a statement adds, changes or removes; of a text that cannot be read, every one."""
    if not statement.is_write:
        return frozenset()
    told = engine.content_of(statement, schema) if isinstance(engine, CanTellContent) else None
    if told is not None:
        return frozenset(told.changes) | told.deleted | ({told.inserted[0]} if told.inserted is not None else set())
    tree = None if isinstance(engine, CanTellContent) else parsed(statement, engine.name)
    if not isinstance(tree, _UNDERSTOOD):
        return frozenset(table.key for table in schema)
    if isinstance(tree, exp.TruncateTable):
        return frozenset(_emptied(tree, schema))
    return frozenset(table.key for _, table in _writes(tree, schema))


def _emptied(tree: exp.TruncateTable, schema: Schema) -> set[str]:
    tables = (_table(schema, node) for node in tree.find_all(exp.Table))
    return {key for table in tables if table is not None for key in _with_cascades(schema, table.key)}


def _assigned(node: exp.Expr, table: Table) -> Sequence[str]:
    # A trigger may write any column of the row that is updated.
    if table.triggers:
        return table.column_names
    return [item.this.name for item in node.find_all(exp.EQ) if isinstance(item.this, exp.Column)]


def _with_cascades(schema: Schema, key: str) -> set[str]:
    found = {key}
    while True:
        more = {
            table.key
            for table in schema
            for reference in table.foreign_keys
            if reference.target in found and reference.on_delete == "CASCADE"
        }
        if more <= found:
            return found
        found |= more


def _table(schema: Schema, node: exp.Table) -> Table | None:
    for key in (f"{node.db}.{node.name}" if node.db else node.name, node.name):
        if schema.has(key):
            return schema.table(key)
    return None
