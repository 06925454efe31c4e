"""The schema of a database file, from SQLite's PRAGMAs and the texts that it keeps of its tables and indexes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from loadlab.engines.sqlite.clauses import (
    CheckClause,
    TableClauses,
    index_clauses,
    quoted,
    table_clauses,
    trigger_event,
    unquoted,
)
from loadlab.engines.sqlite.full_text import METHOD, read_full_text
from loadlab.engines.sqlite.ledger import PREFIX
from loadlab.engines.sqlite.rewriting import NAME
from loadlab.engines.sqlite.values import EXACT_DIGITS
from loadlab.schema.model import Check, Column, ForeignKey, Index, LogicalType, Schema, Table, Trigger, TypeKind

_DECLARED = re.compile(r"^\s*(?P<name>[^(]*?)\s*(?:\(\s*(?P<first>\d+)\s*(?:,\s*(?P<second>\d+)\s*)?\).*)?$", re.DOTALL)
# Declared types that mean more than the affinity that SQLite reads in them.
_KINDS: dict[str, LogicalType] = {
    "SMALLINT": LogicalType("integer", bits=16),
    "TINYINT": LogicalType("integer", bits=16),
    "INT2": LogicalType("integer", bits=16),
    "INT4": LogicalType("integer", bits=32),
    "BOOLEAN": LogicalType("boolean"),
    "BOOL": LogicalType("boolean"),
    "DATE": LogicalType("date"),
    "TIME": LogicalType("time"),
    "DATETIME": LogicalType("timestamp"),
    "TIMESTAMP": LogicalType("timestamp"),
    "TIMESTAMPTZ": LogicalType("timestamp", timezone=True),
    "JSON": LogicalType("json"),
    "JSONB": LogicalType("json"),
    "UUID": LogicalType("uuid"),
    "GUID": LogicalType("uuid"),
    "INET": LogicalType("inet"),
    "INTERVAL": LogicalType("interval"),
    "BINARY": LogicalType("bytes"),
    "VARBINARY": LogicalType("bytes"),
    # Whatever is put there stays as it is: a text is as good as anything.
    "ANY": LogicalType("text"),
    "": LogicalType("text"),
}
# https://www.sqlite.org/datatype3.html, "Determination Of Column Affinity": the first that occurs in the name.
_AFFINITIES: tuple[tuple[tuple[str, ...], TypeKind], ...] = (
    (("INT",), "integer"),
    (("CHAR", "CLOB", "TEXT"), "text"),
    (("BLOB",), "bytes"),
    (("REAL", "FLOA", "DOUB"), "float"),
)
# What typeof() says of a value, https://www.sqlite.org/lang_corefunc.html#typeof.
_STORAGE_CLASSES: dict[str, TypeKind] = {"integer": "integer", "text": "text", "real": "float", "blob": "bytes"}
_MADE_BY_TIME = re.compile(r"current_timestamp|(date)?time\s*\(|strftime", re.IGNORECASE)
_MADE_BY_DATE = re.compile(r"^\(?\s*(current_date|date\s*\()", re.IGNORECASE)
_VIRTUAL, _STORED = 2, 3  # `hidden` of table_xinfo for generated columns


def logical_type(declared: str) -> LogicalType:
    """What a declared type means; `native` keeps it as it was declared."""
    match = _DECLARED.match(declared)
    assert match is not None
    name = " ".join(match["name"].upper().split())
    first, second = (int(part) if part else None for part in (match["first"], match["second"]))
    known = _KINDS.get(name)
    if known is not None:
        return replace(known, native=declared)
    kind: TypeKind = next((kind for parts, kind in _AFFINITIES if any(part in name for part in parts)), "numeric")
    bits = 64 if kind in ("integer", "float") else None
    length = first if kind == "text" else None
    if kind == "numeric" and first is not None:
        # Of more digits SQLite keeps 15.
        return LogicalType(kind, declared, precision=min(first, EXACT_DIGITS), scale=second or 0)
    return LogicalType(kind, declared, bits=bits, length=length)


def reflect(connection: sqlite3.Connection) -> Schema:
    """The ordinary tables of the database, LoadLab's own, SQLite's own and virtual ones left out."""
    names = table_names(connection)
    words: dict[str, list[Index]] = {}
    for found, sql in read_full_text(connection):
        words.setdefault(found.table.lower(), []).append(
            Index(found.name, found.columns, method=METHOD, definition=sql)
        )
    tables = _typed_as_referenced([_table(connection, name, names) for name in sorted(names)])
    return Schema(tuple(_with_indexes(table, words.get(table.name.lower(), ())) for table in tables), NAME)


def _typed_as_referenced(tables: list[Table]) -> list[Table]:
    """A foreign key holds what it references, whatever is declared for it: nothing at all, or another type."""
    for _ in tables:
        types = {(table.name, column.name): column.type for table in tables for column in table.columns}
        meant = {
            (table.name, column): replace(types[key.target, target], native=types[table.name, column].native)
            for table in tables
            for key in table.foreign_keys
            # Without column names, of a table that is not there, it is not known what they are.
            for column, target in zip(key.columns, key.target_columns, strict=False)
            if (key.target, target) in types and types[key.target, target].kind != types[table.name, column].kind
        }
        if not meant:
            break
        tables = [
            replace(
                table, columns=tuple(replace(c, type=meant.get((table.name, c.name), c.type)) for c in table.columns)
            )
            for table in tables
        ]
    return tables


def _with_indexes(table: Table, more: Sequence[Index]) -> Table:
    return replace(table, indexes=(*table.indexes, *more)) if more else table


def table_names(connection: sqlite3.Connection) -> list[str]:
    """The names of the tables that `reflect` describes."""
    rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    return [name for (name,) in rows if not name.startswith((PREFIX, "sqlite_"))]


def _table(connection: sqlite3.Connection, name: str, names: list[str]) -> Table:
    clauses = table_clauses(_sql_of(connection, "table", name))
    rows = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    keyed = sorted((position, column) for _, column, _, _, _, position, _ in rows if position)
    primary_key = tuple(column for _, column in keyed)
    columns = tuple(_column(row, clauses, _is_rowid(row, primary_key, connection, name)) for row in rows if row[6] != 1)
    implied = {check.definition for column in columns for check in _implied_by_type(column, clauses)}
    return Table(
        name=name,
        columns=columns,
        primary_key=primary_key,
        primary_key_name=clauses.primary_key_name or (f"{name}_pkey" if primary_key else ""),
        foreign_keys=tuple(_foreign_keys(connection, name, names, clauses)),
        indexes=tuple(_indexes(connection, name, clauses)),
        checks=tuple(_checks(name, [check for check in clauses.checks if check.definition not in implied])),
        triggers=tuple(_triggers(connection, name)),
    )


def _sql_of(connection: sqlite3.Connection, kind: str, name: str) -> str:
    """The text that made it, "" for the index of a constraint."""
    row = connection.execute("SELECT sql FROM sqlite_master WHERE type = ? AND name = ?", (kind, name)).fetchone()
    return str(row[0]) if row and row[0] else ""


def _is_rowid(
    row: tuple[object, ...], primary_key: tuple[str, ...], connection: sqlite3.Connection, table: str
) -> bool:
    """Whether the column is another name of the rowid, which SQLite numbers by itself."""
    if primary_key != (row[1],) or str(row[2]).upper() != "INTEGER":
        return False
    without_rowid, owns_index = connection.execute(
        "SELECT wr, EXISTS (SELECT 1 FROM pragma_index_list(name) WHERE origin = 'pk') FROM pragma_table_list"
        " WHERE schema = 'main' AND name = ?",
        (table,),
    ).fetchone()
    return not without_rowid and not owns_index


def _column(row: tuple[object, ...], clauses: TableClauses, is_rowid: bool) -> Column:
    _, name, declared, not_null, default, key_position, hidden = row
    identity: Literal["by default"] | None = "by default" if is_rowid else None
    column = Column(
        name=str(name),
        type=logical_type(str(declared or "")),
        nullable=not not_null and not key_position and not _refuses_null(str(name), clauses),
        default=None if default is None else str(default),
        generated=clauses.generated.get(str(name), "") if hidden in (_VIRTUAL, _STORED) else None,
        identity=identity,
    )
    return replace(column, type=_meant_type(column, clauses))


def _refuses_null(name: str, clauses: TableClauses) -> bool:
    """Whether a CHECK of typeof() does, of which NULL is a class of its own."""
    return any(re.fullmatch(_typeof(name, "="), check.expression, re.IGNORECASE) for check in clauses.checks)


def _typeof(name: str, sign: str) -> str:
    """The pattern of a CHECK that wants one class of values; `sign` IN: or NULL."""
    wanted = r"=\s*'(?P<one>\w+)'" if sign == "=" else r"in\s*\(\s*'(?P<other>\w+)'\s*,\s*'null'\s*\)"
    return rf"typeof\s*\(\s*[\"`\[]?{re.escape(name)}[\"`\]]?\s*\)\s*{wanted}"


def _meant_type(column: Column, clauses: TableClauses) -> LogicalType:
    """SQLite has few types: a CHECK or a default tells which documents, truth values and times are."""
    implied = next(iter(_kinds_by_check(column, clauses)), None)
    if implied == column.type.kind:
        return column.type
    if implied is not None:
        return replace(column.type, kind=implied, bits=64 if implied in ("integer", "float") else None)
    if column.type.kind == "text" and column.default is not None and not column.default.startswith("'"):
        if _MADE_BY_TIME.search(column.default):
            return replace(column.type, kind="timestamp")
        if _MADE_BY_DATE.search(column.default):
            return replace(column.type, kind="date")
    return column.type


def _kinds_by_check(column: Column, clauses: TableClauses) -> Iterator[TypeKind]:
    for check in clauses.checks:
        kind = _kind_by_check(column, check)
        if kind is not None:
            yield kind


def _kind_by_check(column: Column, check: CheckClause) -> TypeKind | None:
    name = rf"[\"`\[]?{re.escape(column.name)}[\"`\]]?"
    or_null = rf"(?:{name}\s+is\s+null\s+or\s+)?"
    # With the NULL first, last (as Django writes it), in parentheses of its own, or not spoken of.
    valid = rf"json_valid\s*\(\s*{name}\s*\)"
    if re.fullmatch(rf"\(?(?:{or_null}{valid}|{valid}\s+or\s+{name}\s+is\s+null)\)?", check.expression, re.IGNORECASE):
        return "json"
    if re.fullmatch(rf"{or_null}{name}\s+in\s*\(\s*(0\s*,\s*1|1\s*,\s*0)\s*\)", check.expression, re.IGNORECASE):
        return "boolean" if column.type.native.upper() in ("INT", "INTEGER") or column.type.kind == "boolean" else None
    found = re.fullmatch(
        rf"{or_null}(?:{_typeof(column.name, '=')}|{_typeof(column.name, 'IN')})", check.expression, re.IGNORECASE
    )
    return _STORAGE_CLASSES.get((found["one"] or found["other"]).lower()) if found is not None else None


def _implied_by_type(column: Column, clauses: TableClauses) -> Iterator[CheckClause]:
    """The CHECKs that say no more than the column's type: they are how SQLite spells it."""
    return (check for check in clauses.checks if _kind_by_check(column, check) == column.type.kind)


def _checks(table: str, clauses: list[CheckClause]) -> Iterator[Check]:
    for position, check in enumerate(clauses, start=1):
        yield Check(check.name or f"{table}_check{position}", check.expression, check.definition)


def _foreign_keys(
    connection: sqlite3.Connection, table: str, names: list[str], clauses: TableClauses
) -> Iterator[ForeignKey]:
    spelling = {name.lower(): name for name in names}
    written = {tuple(column.lower() for column in item.columns): item for item in clauses.references}
    keys: dict[int, list[tuple[str, str | None, str, str, str]]] = {}
    for number, _, target, source, to, on_update, on_delete, _ in connection.execute(
        f"PRAGMA foreign_key_list({quoted(table)})"
    ):
        keys.setdefault(number, []).append((source, to, target, on_update, on_delete))
    for _, parts in sorted(keys.items(), reverse=True):  # SQLite numbers the last one 0
        columns = tuple(part[0] for part in parts)
        target, on_update, on_delete = parts[0][2:]
        clause = written.get(tuple(column.lower() for column in columns))
        yield ForeignKey(
            name=clause.name if clause and clause.name else f"{table}_{'_'.join(columns)}_fkey",
            columns=columns,
            target=spelling.get(target.lower(), target),
            target_columns=_target_columns(connection, target, [part[1] for part in parts]),
            on_delete=on_delete,
            on_update=on_update,
            deferrable=clause.deferred if clause else False,
            definition=clause.definition if clause else "",
        )


def _target_columns(connection: sqlite3.Connection, target: str, named: list[str | None]) -> tuple[str, ...]:
    """As the table spells them: to SQLite names are the same in small letters and in large ones."""
    rows = connection.execute(f"PRAGMA table_xinfo({quoted(target)})").fetchall()
    if None in named:
        return tuple(name for _, name in sorted((row[5], row[1]) for row in rows if row[5]))
    spelling = {str(row[1]).lower(): str(row[1]) for row in rows}
    return tuple(spelling.get(str(name).lower(), str(name)) for name in named)


def _indexes(connection: sqlite3.Connection, table: str, clauses: TableClauses) -> Iterator[Index]:
    rows = connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall()
    for _, name, unique, origin, _ in sorted(rows, key=lambda row: str(row[1])):
        definition = _sql_of(connection, "index", name)
        written = index_clauses(definition) if definition else None
        parts = connection.execute(f"PRAGMA index_xinfo({quoted(name)})").fetchall()
        columns = [column for _, _, column, _, _, is_key in parts if is_key]
        keys = tuple(
            column if column is not None else (written.keys[place] if written else "rowid")
            for place, column in enumerate(columns)
        )
        yield Index(
            name=name,
            keys=keys,
            unique=bool(unique),
            predicate=written.predicate if written else None,
            expressions=tuple(column is None for column in columns),
            constraint=_constraint(origin, name, keys, table, clauses),
            definition=definition,
        )


def _constraint(origin: str, name: str, keys: tuple[str, ...], table: str, clauses: TableClauses) -> str | None:
    if origin == "c":
        return None
    if origin == "pk":
        return clauses.primary_key_name or f"{table}_pkey"
    return clauses.uniques.get(keys) or name


def _triggers(connection: sqlite3.Connection, table: str) -> Iterator[Trigger]:
    sql = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY name"
    rows = connection.execute(sql, (table,))
    for name, sql in rows:
        yield Trigger(unquoted(name), (trigger_event(sql),), sql)
