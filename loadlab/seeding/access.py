"""What the statements of a load do to the tables: read together, written alone, the newest of something.

It is read off the neutral forms, and off SQL by its tree. Of a flow, and of a text that is no SQL, nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.abilities import Access
from loadlab.errors import InputError
from loadlab.schema.checks import parser_dialect
from loadlab.schema.joins import links, split_name
from loadlab.schema.model import Schema
from loadlab.spec.operations import Action, Delete, Join, Nullness, OneOf, RowList, Span, Update, sort_keys
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation


def accesses(operations: Mapping[str, Operation], schema: Schema) -> tuple[Access, ...]:
    """One for each statement that can be read; a transaction's count as often as it is executed."""
    found = []
    for name, operation in operations.items():
        for action in (operation, *operation.steps):
            access = _access(name, operation.weight, action, schema)
            if access is not None and access.tables:
                found.append(access)
    return tuple(found)


def _access(name: str, weight: float, action: Action, schema: Schema) -> Access | None:
    if action.insert is not None:
        return Access(name, weight, inserts=frozenset({action.insert}))
    if action.form is not None:
        return _of_form(name, weight, action, schema)
    return next((found for text in _texts(action) if (found := _of_sql(name, weight, *text, schema)) is not None), None)


# -- neutral forms ---------------------------------------------------------------------------------------------------


def _of_form(name: str, weight: float, action: Action, schema: Schema) -> Access | None:
    form = action.form
    assert form is not None
    if not schema.has(form.table):
        return None
    by = form.by or (() if isinstance(form, (RowList, Join)) else schema.table(form.table).primary_key)
    equal = {(form.table, column) for column in by}
    for column, condition in getattr(form, "where", {}).items():
        if not isinstance(condition, (Span, OneOf, Nullness)):
            equal.add((form.table, column))
    if isinstance(form, (Update, Delete)):
        return Access(name, weight, changes=frozenset({form.table}), equal=frozenset(equal))
    reads, newest = {form.table}, {}
    if isinstance(form, Join):
        try:
            reads |= {link.new.key for link in links(schema.table(form.table), schema, form.along)}
        except InputError:
            # Whoever writes the statement says what is wrong with it, and where.
            reads |= {split_name(item, schema.table(form.table))[0] for item in form.along}
    if isinstance(form, RowList) and (keys := sort_keys(form.sort)) and keys[0][1]:
        newest[form.table] = form.limit
    return Access(name, weight, frozenset(reads), equal=frozenset(equal), newest=newest)


# -- SQL -------------------------------------------------------------------------------------------------------------


def _texts(action: Action) -> Iterator[tuple[str, str]]:
    """(engine, text) of what is said in SQL; "" for whoever executes it."""
    said = {"": action.sql} if isinstance(action.sql, str) else action.sql or {}
    for engine, text in said.items():
        if not Statement.parse(text).is_command:
            yield engine, text


def _of_sql(name: str, weight: float, engine: str, text: str, schema: Schema) -> Access | None:
    try:
        tree = sqlglot.parse_one(text, dialect=parser_dialect(engine) or parser_dialect(schema.dialect))
    except SqlglotError:
        return None
    known = {table.alias_or_name: table.name for table in tree.find_all(exp.Table) if schema.has(table.name)}
    target = _target(tree)
    tables = frozenset(known.values())
    written = frozenset({target} & tables)
    return Access(
        name,
        weight,
        reads=tables - written,
        inserts=written if isinstance(tree, exp.Insert) else frozenset(),
        changes=written if not isinstance(tree, exp.Insert) else frozenset(),
        equal=frozenset(_equal(tree, known, schema)),
        newest=_newest(tree, tables),
    )


def _target(tree: exp.Expr) -> str:
    """The table that a statement writes to, "" where it reads."""
    if not isinstance(tree, (exp.Insert, exp.Update, exp.Delete)):
        return ""
    table = tree.this.find(exp.Table) if tree.this is not None else None
    return table.name if table is not None else ""


def _equal(tree: exp.Expr, known: Mapping[str, str], schema: Schema) -> Iterator[tuple[str, str]]:
    for item in tree.find_all(exp.EQ):
        sides = (item.this, item.expression)
        columns = [side for side in sides if isinstance(side, exp.Column)]
        if len(columns) != 1 or not any(isinstance(side, (exp.Placeholder, exp.Parameter)) for side in sides):
            continue
        for table in [known[columns[0].table]] if columns[0].table in known else known.values():
            if columns[0].name in schema.table(table).column_names:
                yield table, columns[0].name


def _newest(tree: exp.Expr, tables: frozenset[str]) -> dict[str, int]:
    order, limit = tree.args.get("order"), tree.args.get("limit")
    if len(tables) != 1 or order is None or limit is None or not order.expressions[0].args.get("desc"):
        return {}
    size = limit.expression
    return {next(iter(tables)): int(size.this)} if isinstance(size, exp.Literal) and size.is_int else {}
