"""PostgreSQL's statements for what a review recommends.

On tables in use nothing is locked for long: indexes are built CONCURRENTLY, constraints are added NOT VALID and
validated afterwards, which reads the table while others write to it (PostgreSQL documentation, "ALTER TABLE, Notes").
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from loadlab.engines.abilities import NewType
from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.schema.model import ForeignKey, Index, Table

_NAME_BYTES = 63
_TIME_ORDERED_SINCE = 18
# Four decimals hold every currency's smallest unit (ISO 4217 has up to four), fifteen digits before them any sum.
_DECIMAL = "numeric(19, 4)"
_TENANT_SETTING = "app.tenant_id"


class PostgresqlRemedies:
    """See `loadlab.engines.abilities.Remedies`. `version` is the server's major version."""

    def __init__(self, connection: Connection, version: int, *, live: bool) -> None:
        self._connection = connection
        self._version = version
        self._live = live

    def create_index(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        return (f"CREATE INDEX{self._concurrently(table)} ON {self._table(table)} ({self._columns(columns)})",)

    def drop_index(self, table: Table, index: Index) -> tuple[str, ...]:
        if index.constraint is not None:
            return (f"{self._alter(table)} DROP CONSTRAINT {self._name(index.constraint)}",)
        return (f"DROP INDEX{self._concurrently(table)} {self._in(table, index.name)}",)

    def rebuild_index(self, table: Table, index: Index) -> tuple[str, ...]:
        # REINDEX CONCURRENTLY takes partitioned indexes as well, one partition after the other.
        return (f"REINDEX INDEX{' CONCURRENTLY' if self._live else ''} {self._in(table, index.name)}",)

    def rebuild_table(self, table: Table) -> tuple[str, ...]:
        return (f"VACUUM (FULL, ANALYZE) {self._table(table)}",)

    def add_primary_key(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        if columns:
            return (f"{self._alter(table)} ADD PRIMARY KEY ({self._columns(columns)})",)
        if table.partitioning is not None:
            return ()  # The key would have to hold the partition key's columns.
        return (
            f"{self._alter(table)} ADD COLUMN {self._new_name(table)} bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        )

    def add_foreign_key(
        self, table: Table, columns: Sequence[str], target: Table, target_columns: Sequence[str], on_delete: str
    ) -> tuple[str, ...]:
        name = self._name(_constraint_name(table, columns, "fkey"))
        clause = self._references(columns, target, target_columns, on_delete)
        if not self._live or table.partitioning is not None:
            return (f"{self._alter(table)} ADD CONSTRAINT {name} {clause}",)
        return (
            f"{self._alter(table)} ADD CONSTRAINT {name} {clause} NOT VALID",
            f"{self._alter(table)} VALIDATE CONSTRAINT {name}",
        )

    def replace_foreign_key(self, table: Table, key: ForeignKey, target: Table, on_delete: str) -> tuple[str, ...]:
        if table.partitioning and any(part.name in key.name for part in table.partitioning.partitions):
            return ()  # The constraint is each partition's own.
        name = self._name(key.name)
        clause = self._references(key.columns, target, key.target_columns, on_delete)
        is_put_off = self._live and table.partitioning is None
        added = f"{self._alter(table)} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {clause}"
        if not is_put_off:
            return (added,)
        return (f"{added} NOT VALID", f"{self._alter(table)} VALIDATE CONSTRAINT {name}")

    def change_type(self, table: Table, column: str, to: NewType) -> tuple[str, ...]:
        name = self._name(column)
        changes = {
            "text": "text",
            "decimal": f"{_DECIMAL} USING {name}::{_DECIMAL}",
            "moment": f"timestamptz USING {name} AT TIME ZONE 'UTC'",
            "big integer": "bigint",
        }
        return (f"{self._alter(table)} ALTER COLUMN {name} TYPE {changes[to]}",)

    def set_not_null(self, table: Table, column: str) -> tuple[str, ...]:
        name = self._name(column)
        direct = f"{self._alter(table)} ALTER COLUMN {name} SET NOT NULL"
        if not self._live:
            return (direct,)
        # With a validated CHECK the server does not read the table again under its exclusive lock.
        check = self._name(_constraint_name(table, [column], "not_null"))
        return (
            f"{self._alter(table)} ADD CONSTRAINT {check} CHECK ({name} IS NOT NULL) NOT VALID",
            f"{self._alter(table)} VALIDATE CONSTRAINT {check}",
            direct,
            f"{self._alter(table)} DROP CONSTRAINT {check}",
        )

    def order_new_keys(self, table: Table, column: str) -> tuple[str, ...]:
        if self._version < _TIME_ORDERED_SINCE:
            return ()
        return (f"{self._alter(table)} ALTER COLUMN {self._name(column)} SET DEFAULT uuidv7()",)

    def hide_rows(self, table: Table, column: str) -> tuple[str, ...]:
        kind = table.column(column).type.native or "text"
        condition = f"{self._name(column)} = current_setting('{_TENANT_SETTING}')::{kind}"
        return (
            f"{self._alter(table)} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant_isolation ON {self._table(table)} USING ({condition})",
        )

    def add_moment(self, table: Table, column: str) -> tuple[str, ...]:
        return (f"{self._alter(table)} ADD COLUMN {self._name(column)} timestamptz NOT NULL DEFAULT now()",)

    # Words --------------------------------------------------------------------------------------------------------

    def _references(self, columns: Sequence[str], target: Table, target_columns: Sequence[str], on_delete: str) -> str:
        place = f"{self._table(target)} ({self._columns(target_columns)})"
        return f"FOREIGN KEY ({self._columns(columns)}) REFERENCES {place} ON DELETE {on_delete}"

    def _concurrently(self, table: Table) -> str:
        return " CONCURRENTLY" if self._live and table.partitioning is None else ""

    def _alter(self, table: Table) -> str:
        return f"ALTER TABLE {self._table(table)}"

    def _table(self, table: Table) -> str:
        return self._in(table, table.name)

    def _in(self, table: Table, name: str) -> str:
        return identifier(table.namespace, name).as_string(self._connection)

    def _columns(self, columns: Sequence[str]) -> str:
        return ", ".join(self._name(column) for column in columns)

    def _name(self, name: str) -> str:
        return sql.Identifier(name).as_string(self._connection)

    def _new_name(self, table: Table) -> str:
        """Of a key that the table gets: `id`, or `row_id` where that is taken."""
        return self._name("row_id" if "id" in table.column_names else "id")


def _constraint_name(table: Table, columns: Sequence[str], suffix: str) -> str:
    """As the server would name it."""
    room = _NAME_BYTES - len(suffix) - 1
    stem = f"{table.name}_{'_'.join(columns)}".encode()[:room].decode(errors="ignore")
    return f"{stem}_{suffix}"
