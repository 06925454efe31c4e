"""Statements of MariaDB and MySQL for what a review recommends.

`live` ones say how they are to go: beside the writes of others, or refused rather than by a copy under a lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadlab.engines.abilities import NewType, Remedies
from loadlab.engines.mysql.names import listed, quoted
from loadlab.schema.model import ForeignKey, Index, Table

_ONLINE = ", ALGORITHM = INPLACE, LOCK = NONE"
_TYPES: dict[NewType, str] = {
    "text": "LONGTEXT",
    "decimal": "DECIMAL(19, 4)",
    "moment": "DATETIME(6)",
    "big integer": "BIGINT",
}


class MysqlRemedies(Remedies):
    """See `loadlab.engines.abilities.Remedies`."""

    def __init__(self, *, live: bool) -> None:
        self._how = _ONLINE if live else ""

    def _alter(self, table: Table, change: str, *, online: bool = False) -> tuple[str, ...]:
        return (f"ALTER TABLE {quoted(table.key)} {change}{self._how if online else ''}",)

    def create_index(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        taken = {index.name for index in table.indexes}
        name = f"{table.name}_{'_'.join(columns)}_idx"[:60]
        name = f"{name}1" if name in taken else name
        return self._alter(table, f"ADD INDEX {quoted(name)} ({listed(tuple(columns))})", online=True)

    def drop_index(self, table: Table, index: Index) -> tuple[str, ...]:
        if index.name == "PRIMARY":
            return self._alter(table, "DROP PRIMARY KEY")
        return self._alter(table, f"DROP INDEX {quoted(index.name)}", online=True)

    def rebuild_index(self, table: Table, index: Index) -> tuple[str, ...]:
        return self.rebuild_table(table)

    def rebuild_table(self, table: Table) -> tuple[str, ...]:
        return self._alter(table, "ENGINE = InnoDB", online=True)

    def add_primary_key(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        if columns:
            return self._alter(table, f"ADD PRIMARY KEY ({listed(tuple(columns))})")
        return self._alter(table, "ADD COLUMN `id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST")

    def add_foreign_key(
        self, table: Table, columns: Sequence[str], target: Table, target_columns: Sequence[str], on_delete: str
    ) -> tuple[str, ...]:
        action = f" ON DELETE {on_delete}" if on_delete not in ("", "NO ACTION") else ""
        name = f"{table.name}_{'_'.join(columns)}_fkey"[:64]
        return self._alter(
            table,
            f"ADD CONSTRAINT {quoted(name)} FOREIGN KEY ({listed(tuple(columns))})"
            f" REFERENCES {quoted(target.key)} ({listed(tuple(target_columns))}){action}",
        )

    def replace_foreign_key(self, table: Table, key: ForeignKey, target: Table, on_delete: str) -> tuple[str, ...]:
        added = self.add_foreign_key(table, key.columns, target, key.target_columns, on_delete)
        return (*self._alter(table, f"DROP FOREIGN KEY {quoted(key.name)}"), *added)

    def change_type(self, table: Table, column: str, to: NewType) -> tuple[str, ...]:
        null = "" if table.column(column).nullable else " NOT NULL"
        return self._alter(table, f"MODIFY COLUMN {quoted(column)} {_TYPES[to]}{null}")

    def set_not_null(self, table: Table, column: str) -> tuple[str, ...]:
        return self._alter(table, f"MODIFY COLUMN {quoted(column)} {table.column(column).type.native} NOT NULL")

    def order_new_keys(self, table: Table, column: str) -> tuple[str, ...]:
        """No version of either has a default of UUIDs that are ordered by time."""
        return ()

    def add_moment(self, table: Table, column: str) -> tuple[str, ...]:
        return self._alter(table, f"ADD COLUMN {quoted(column)} DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)")
