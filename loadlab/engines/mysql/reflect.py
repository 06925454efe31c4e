"""The schema of a database, from information_schema and the server's own CREATE TABLE texts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.ledger import PREFIX
from loadlab.engines.mysql.names import literal, quoted
from loadlab.engines.mysql.partitions import partition_checks
from loadlab.engines.mysql.show import CheckPart, TableParts, table_parts
from loadlab.engines.mysql.types import encoding, implied_check, logical_type
from loadlab.schema.model import Check, Column, ForeignKey, Index, LogicalType, Schema, Table, Trigger

NAME = "mysql"
_VALID_JSON = re.compile(r"^\(*json_valid\(`(?P<name>(?:[^`]|``)+)`\)\)*$", re.IGNORECASE)
_METHODS = {"BTREE": "btree", "RTREE": "spatial"}
_EXPRESSION_TYPES = ("int", "decimal", "float", "double", "bit", "year")

Record = Mapping[str, Any]


def reflect(connection: Connection, database: str) -> Schema:
    """The tables of the database, LoadLab's own left out; partitions are a part of their table."""
    names = table_names(connection, database)
    found = _Catalogue(connection, database)
    return Schema(tuple(found.table(name) for name in names), NAME)


def table_names(connection: Connection, database: str) -> list[str]:
    """The names of the tables that `reflect` describes, sorted."""
    rows = connection.rows(
        "SELECT table_name FROM information_schema.tables"
        f" WHERE table_schema = {literal(database)} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')"
    )
    return sorted(name for (name,) in rows if not name.startswith(PREFIX))


def create_text(connection: Connection, database: str, table: str) -> str:
    """The server's CREATE TABLE."""
    return str(connection.rows(f"SHOW CREATE TABLE {quoted(database)}.{quoted(table)}")[0][1])


class _Catalogue:
    """Everything that information_schema says of a database, by table: one query a view."""

    def __init__(self, connection: Connection, database: str) -> None:
        self._connection, self._database = connection, database
        self._columns = self._by_table("columns", "ordinal_position")
        self._statistics = self._by_table("statistics", "index_name, seq_in_index")
        self._usage = self._by_table("key_column_usage", "constraint_name, ordinal_position")
        self._triggers = self._records("triggers", "event_object_table", "trigger_schema", "trigger_name")
        self._references = {
            (row["table_name"], row["constraint_name"]): row
            for row in self._rows("referential_constraints", "constraint_schema", "constraint_name")
        }

    def _by_table(self, view: str, order: str) -> dict[str, list[Record]]:
        return self._records(view, "table_name", "table_schema", order)

    def _records(self, view: str, key: str, schema: str, order: str) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = defaultdict(list)
        for row in self._rows(view, schema, order):
            found[row[key]].append(row)
        return found

    def _rows(self, view: str, schema: str, order: str) -> list[dict[str, Any]]:
        where = f"{schema} = {literal(self._database)}"
        return self._connection.records(f"SELECT * FROM information_schema.{view} WHERE {where} ORDER BY {order}")

    def table(self, name: str) -> Table:
        parts = table_parts(create_text(self._connection, self._database, name))
        documents = {found["name"].replace("``", "`") for check in parts.checks if (found := _json_check(check))}
        columns = tuple(
            self._column(row, documents) for row in self._columns[name] if not row["column_name"].startswith(PREFIX)
        )
        primary_key = tuple(row["column_name"] for row in self._statistics[name] if row["index_name"] == "PRIMARY")
        return Table(
            name=name,
            columns=columns,
            primary_key=primary_key,
            primary_key_name="PRIMARY" if primary_key else "",
            foreign_keys=tuple(self._foreign_keys(name, parts)),
            indexes=tuple(self._indexes(name, parts)),
            checks=tuple(_checks(name, columns, parts)),
            triggers=tuple(self._triggers_of(name)),
            comment=None,
        )

    def _column(self, row: Record, documents: set[str]) -> Column:
        extra = str(row["extra"]).lower()
        kind = logical_type(str(row["column_type"]), srid=row.get("srs_id"))
        if row["column_name"] in documents and kind.kind == "text":
            kind = LogicalType("json", kind.native)
        if kind.kind == "text":
            kind = replace(kind, form=encoding(row["character_set_name"]))
        identity: Literal["by default"] | None = "by default" if "auto_increment" in extra else None
        generated = row.get("generation_expression") or None
        return Column(
            name=row["column_name"],
            type=kind,
            nullable=row["is_nullable"] == "YES",
            default=None if generated else _default(row, extra),
            generated=str(generated) if generated else None,
            identity=identity,
            comment=row["column_comment"] or None,
        )

    def _indexes(self, table: str, parts: TableParts) -> Iterator[Index]:
        by_name: dict[str, list[Record]] = defaultdict(list)
        for row in self._statistics[table]:
            by_name[row["index_name"]].append(row)
        for name in sorted(by_name):
            rows = by_name[name]
            unique = not int(rows[0]["non_unique"])
            yield Index(
                name=name,
                keys=tuple(row["column_name"] or f"({row['expression']})" for row in rows),
                unique=unique,
                method=_METHODS.get(rows[0]["index_type"], str(rows[0]["index_type"]).lower()),
                expressions=tuple(not row["column_name"] for row in rows),
                constraint=name if unique else None,
                definition=parts.indexes.get(name, ""),
            )

    def _foreign_keys(self, table: str, parts: TableParts) -> Iterator[ForeignKey]:
        by_name: dict[str, list[Record]] = defaultdict(list)
        for row in self._usage[table]:
            if row["referenced_table_name"]:
                by_name[row["constraint_name"]].append(row)
        for name, rows in sorted(by_name.items()):
            rule = self._references[(table, name)]
            yield ForeignKey(
                name=name,
                columns=tuple(row["column_name"] for row in rows),
                target=rows[0]["referenced_table_name"],
                target_columns=tuple(row["referenced_column_name"] for row in rows),
                on_delete=rule["delete_rule"],
                on_update=rule["update_rule"],
                definition=parts.foreign_keys.get(name, ""),
            )

    def _triggers_of(self, table: str) -> Iterator[Trigger]:
        for row in self._triggers[table]:
            name = row["trigger_name"]
            record = self._connection.records(f"SHOW CREATE TRIGGER {quoted(self._database)}.{quoted(name)}")[0]
            yield Trigger(name, (row["event_manipulation"],), str(record["sql original statement"]))


def _json_check(check: CheckPart) -> re.Match[str] | None:
    return _VALID_JSON.match(check.expression)


def _default(row: Record, extra: str) -> str | None:
    """As an expression: MariaDB gives that, MySQL a bare value unless it says that it was an expression."""
    default = row["column_default"]
    if default is None or str(default).upper() == "NULL":
        return None
    text = default.decode() if isinstance(default, bytes) else str(default)
    says_expressions = "default_generated" in extra or text.startswith(("'", "current_timestamp", "curdate", "uuid"))
    if says_expressions or str(row["data_type"]).startswith(_EXPRESSION_TYPES) or "(" in text:
        return text
    return text if re.fullmatch(r"-?[\d.]+", text) else literal(text)


def _checks(table: str, columns: tuple[Column, ...], parts: TableParts) -> Iterator[Check]:
    """The CHECKs that say more than the columns' types, and what declared types and partitions demand."""
    documents = {column.name for column in columns if column.type.kind == "json"}
    known = {column.name for column in columns}
    for check in parts.checks:
        found = _json_check(check)
        is_type = found is not None and found["name"].replace("``", "`") in documents
        if not is_type and (not check.column or check.column in known):
            yield Check(check.name, check.expression, f"CHECK ({check.expression})")
    for column in columns:
        implied = implied_check(column)
        if implied is not None:
            yield Check(f"type of {column.name}", implied)
    for place, condition in enumerate(partition_checks(parts.options), start=1):
        yield Check(f"{table}_partitions{place}", condition)
