"""A schema in another engine's words as tables of SQLite.

What SQLite cannot keep is left out and *named*: every part of the schema becomes the same thing here, or a note.

- Tables are STRICT. Types are stored as `values.py` says; what a type promised beyond that becomes a CHECK (labels of
  an enum, length of a text, valid JSON, 0 or 1). A numeric with decimals is REAL (exact to 15 digits), in CHECKs its
  sums are rounded to the digits that they can have; one of more than 15 digits is ANY and keeps its digits as text.
- Primary keys, UNIQUE, foreign keys and CHECKs stand in the CREATE TABLE, since SQLite cannot add them later.
- B-tree indexes are made after the load, hash and BRIN ones as b-trees, INCLUDE columns as further key columns.
- A GIN or GiST index of a search document becomes a full-text table (`full_text.py`), which stands for both.
- Partitioned tables become one plain table. Triggers, and GIN or GiST indexes of other things, are left out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.dialect import is_native, translate_expression
from loadlab.engines.sqlite.full_text import FullText, full_text_of
from loadlab.engines.sqlite.values import EXACT_DIGITS
from loadlab.engines.translation import UntranslatableError, descending_keys, kept_default
from loadlab.schema.model import Column, ForeignKey, Index, LogicalType, Schema, Table

_INTEGER_DIGITS = 18  # every number of 18 digits fits 64 bits
# What is made of parts is stored as JSON.
_DOCUMENTS = ("array", "range", "multirange", "composite", "map", "vector", "shape", "search_vector")
_TYPES = {
    "integer": "INTEGER",
    "float": "REAL",
    "boolean": "INTEGER",
    "text": "TEXT",
    "uuid": "TEXT",
    "json": "TEXT",
    "bytes": "BLOB",
    "date": "TEXT",
    "time": "TEXT",
    "timestamp": "TEXT",
    "interval": "INTEGER",
    "inet": "TEXT",
    "enum": "TEXT",
    "label_path": "TEXT",
    "geometry": "BLOB",
    **dict.fromkeys(
        ("mac", "bits", "search_query", "label_query", "json_path", "xml", "locator", "object_name"), "TEXT"
    ),
    **dict.fromkeys(_DOCUMENTS, "TEXT"),
    "other": "ANY",
}
_AS_BTREE = {"btree", "hash", "brin", ""}
_WHOLE_TABLE = "its one table has all rows"


@dataclass(frozen=True, slots=True)
class Translation:
    """`tables`, `indexes` (name, CREATE INDEX) and full-text tables, and what is not as it was, one line each."""

    tables: tuple[str, ...]
    indexes: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    full_text: tuple[FullText, ...] = ()

    @property
    def ddl(self) -> str:
        """The whole as one text."""
        statements = [*self.tables, *(sql for _, sql in self.indexes)]
        return "".join(f"{sql};\n" for sql in statements)


def translate(schema: Schema) -> Translation:
    """The schema for SQLite. Every kept expression has been accepted by SQLite itself, in a scratch database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as scratch:
        translator = _Translator(schema, scratch)
        tables = tuple(translator.table(table) for table in schema)
        indexes = tuple(item for table in schema for item in translator.indexes(table))
        return Translation(tables, indexes, tuple(translator.notes), tuple(translator.full_text))


class _Translator:
    """One schema on its way; collects the notes."""

    def __init__(self, schema: Schema, scratch: sqlite3.Connection) -> None:
        self._schema = schema
        self._scratch = scratch
        self.notes: list[str] = []
        self.full_text: list[FullText] = []

    def table(self, table: Table) -> str:
        """CREATE TABLE, which stands in the scratch database afterwards."""
        parts = [self._column(table, column) for column in table.columns if column.generated is None]
        parts += self._keys(table)
        for column in table.columns:
            if column.generated is not None:
                parts += self._generated(table, column, parts)
        parts += self._checks(table, parts)
        sql = _create(table.key, parts)
        self._scratch.execute(sql)
        self._note_lost(table)
        return sql

    def _note_lost(self, table: Table) -> None:
        for trigger in table.triggers if not is_native(self._schema.dialect) else ():
            self._left_out("trigger", f"{table.key}.{trigger.name}", "its body is in another engine's language")
        if table.partitioning is not None:
            by = f"{table.partitioning.strategy} ({', '.join(table.partitioning.keys)})"
            self.notes.append(f"table {table.key}: partitioning by {by} left out, {_WHOLE_TABLE}")

    def _left_out(self, what: str, name: str, why: str) -> None:
        self.notes.append(f"{what} {name}: left out, {why}")

    def _column(self, table: Table, column: Column) -> str:
        parts = [quoted(column.name), stored_type(column.type)]
        if _is_rowid(table, column):
            return f"{quoted(column.name)} INTEGER PRIMARY KEY"
        if not column.nullable or column.name in table.primary_key:
            parts.append("NOT NULL")
        default = self._default(table, column)
        if default is not None:
            parts.append(f"DEFAULT ({default})")
        check = _type_check(column)
        if check is not None:
            parts.append(f"CHECK ({check})")
        if column.type.kind == "other":
            self.notes.append(f"column {table.key}.{column.name}: type {column.type.native} kept as it comes")
        return " ".join(parts)

    def _default(self, table: Table, column: Column) -> str | None:
        return kept_default(table, column, self._accepted, (UntranslatableError, sqlite3.Error), self._left_out)

    def _accepted(self, text: str) -> str:
        default = translate_expression(text, self._schema.dialect)
        self._scratch.execute(f"EXPLAIN SELECT {default}")
        return default

    def _keys(self, table: Table) -> Iterator[str]:
        if table.primary_key and not any(_is_rowid(table, column) for column in table.columns):
            yield f"{_named(table.primary_key_name)}PRIMARY KEY ({_list(table.primary_key)})"
        for index in table.indexes:
            if index.constraint is None or index.keys == table.primary_key:
                continue
            if index.unique and not index.has_expressions and index.predicate is None:
                yield f"{_named(index.constraint)}UNIQUE ({_list(index.keys)})"
            else:
                self._left_out("constraint", f"{table.key}.{index.constraint}", "SQLite has only UNIQUE ones")
        yield from (_foreign_key(key) for key in table.foreign_keys)

    def _generated(self, table: Table, column: Column, parts: list[str]) -> Iterator[str]:
        place = f"{table.key}.{column.name}"
        if any(self._searched(table, index) and index.keys == (column.name,) for index in table.indexes):
            return
        try:
            expression = translate_expression(column.generated or "", self._schema.dialect, _columns(table))
            clause = f"{quoted(column.name)} {stored_type(column.type)} GENERATED ALWAYS AS ({expression}) STORED"
            self._try(_create(table.key, [clause, *parts]))
        except (UntranslatableError, sqlite3.Error) as error:
            self._left_out("generated column", place, str(error))
            return
        yield clause

    def _checks(self, table: Table, parts: list[str]) -> Iterator[str]:
        for check in table.checks:
            try:
                expression = translate_expression(check.expression, self._schema.dialect, _columns(table))
                clause = f"{_named(check.name)}CHECK ({expression})"
                self._try(_create(table.key, [*parts, clause]))
            except (UntranslatableError, sqlite3.Error) as error:
                self._left_out("check", f"{table.key}.{check.name}", f"{check.expression} ({error})")
                continue
            yield clause

    def _try(self, sql: str) -> None:
        """Execute in the scratch database and undo; raises sqlite3.Error."""
        self._scratch.execute("SAVEPOINT attempt")
        try:
            self._scratch.execute(sql)
        finally:
            self._scratch.execute("ROLLBACK TO attempt")
            self._scratch.execute("RELEASE attempt")

    def indexes(self, table: Table) -> Iterator[tuple[str, str]]:
        """The table's own indexes; those of constraints stand in its CREATE TABLE."""
        for index in table.indexes:
            if index.constraint is not None or self._is_full_text(table, index):
                continue
            if index.method not in _AS_BTREE:
                self._left_out("index", f"{table.key}.{index.name}", f"SQLite has no {index.method} indexes")
                continue
            try:
                sql = self._index(table, index)
                self._scratch.execute(sql)
            except (UntranslatableError, sqlite3.Error) as error:
                self._left_out("index", f"{table.key}.{index.name}", str(error))
                continue
            self._note_changed(table, index)
            yield index.name, sql

    def _searched(self, table: Table, index: Index) -> FullText | None:
        try:
            return full_text_of(table, index, self._schema.dialect)
        except UntranslatableError:
            return None

    def _is_full_text(self, table: Table, index: Index) -> bool:
        """Whether it has become a full-text table."""
        found, place = self._searched(table, index), f"{table.key}.{index.name}"
        if found is None:
            return False
        try:
            self._scratch.execute(found.definition)
        except sqlite3.Error as error:
            self._left_out("index", place, str(error))
            return True
        self.full_text.append(found)
        self.notes.append(f"index {place}: made as a full-text table (FTS5) of {', '.join(found.columns)}")
        if index.predicate:
            self.notes.append(f"index {place}: made over all rows, not only where {index.predicate}")
        return True

    def _note_changed(self, table: Table, index: Index) -> None:
        if index.method not in ("btree", ""):
            self.notes.append(f"index {table.key}.{index.name}: made as a b-tree instead of {index.method}")
        if index.include and index.unique:
            columns = ", ".join(index.include)
            self._left_out("columns included in", f"{table.key}.{index.name}", f"a unique index cannot take {columns}")

    def _index(self, table: Table, index: Index) -> str:
        dialect, columns = self._schema.dialect, _columns(table)
        descending = descending_keys(index.definition, dialect) if index.definition else ()
        keys = []
        for place, key in enumerate(index.keys):
            is_expression = place < len(index.expressions) and index.expressions[place]
            text = translate_expression(key, dialect, columns) if is_expression else quoted(key)
            is_descending = place < len(descending) and descending[place]
            keys.append(f"{text} DESC" if is_descending else text)
        if not index.unique:
            keys += [quoted(name) for name in index.include]
        where = f" WHERE {translate_expression(index.predicate, dialect, columns)}" if index.predicate else ""
        unique = "UNIQUE " if index.unique else ""
        return f"CREATE {unique}INDEX {quoted(index.name)} ON {quoted(table.key)} ({', '.join(keys)}){where}"


def stored_type(logical: LogicalType) -> str:
    """The type of a STRICT table's column (https://www.sqlite.org/stricttables.html)."""
    if logical.kind != "numeric":
        return _TYPES[logical.kind]
    if logical.precision is None:
        return "ANY"
    if not logical.scale and logical.precision <= _INTEGER_DIGITS:
        return "INTEGER"
    return "REAL" if logical.precision <= EXACT_DIGITS else "ANY"


def _type_check(column: Column) -> str | None:
    """What the type promises and SQLite's does not."""
    name, kind = quoted(column.name), column.type
    if kind.kind == "boolean":
        return f"{name} IN (0, 1)"
    if kind.kind == "json" or kind.kind in _DOCUMENTS:
        # Of NULL, older versions say that it is not valid.
        return f"{name} IS NULL OR json_valid({name})" if column.nullable else f"json_valid({name})"
    if kind.kind == "enum" and kind.labels:
        labels = ", ".join("'" + label.replace("'", "''") + "'" for label in kind.labels)
        return f"{name} IN ({labels})"
    if kind.kind == "text" and kind.length is not None:
        return f"length({name}) <= {kind.length}"
    return None


def _is_rowid(table: Table, column: Column) -> bool:
    """Whether the column can be another name of SQLite's rowid, which is numbered like a sequence."""
    return table.primary_key == (column.name,) and column.type.kind == "integer" and column.generated is None


def _foreign_key(key: ForeignKey) -> str:
    parts = [
        f"{_named(key.name)}FOREIGN KEY ({_list(key.columns)})",
        f"REFERENCES {quoted(key.target)} ({_list(key.target_columns)})",
    ]
    parts += [f"ON DELETE {key.on_delete}"] if key.on_delete != "NO ACTION" else []
    parts += [f"ON UPDATE {key.on_update}"] if key.on_update != "NO ACTION" else []
    parts += ["DEFERRABLE INITIALLY DEFERRED"] if "INITIALLY DEFERRED" in key.definition.upper() else []
    return " ".join(parts)


def _create(name: str, parts: list[str]) -> str:
    # SQLite wants columns before constraints.
    columns = [part for part in parts if part.startswith('"')]
    constraints = [part for part in parts if not part.startswith('"')]
    body = ",\n    ".join([*columns, *constraints])
    return f"CREATE TABLE {quoted(name)} (\n    {body}\n) STRICT"


def _columns(table: Table) -> dict[str, Column]:
    return {column.name: column for column in table.columns}


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(quoted(name) for name in names)


def _named(name: str) -> str:
    return f"CONSTRAINT {quoted(name)} " if name else ""
