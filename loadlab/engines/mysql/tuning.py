"""What makes statements faster, in the words of MariaDB and MySQL."""

from __future__ import annotations

from collections.abc import Sequence

from loadlab.engines.mysql.names import quoted
from loadlab.engines.plan_tree import NewIndex
from loadlab.schema.model import Table

_ONLINE = " ALGORITHM = INPLACE LOCK = NONE"


class MysqlTuning:
    """See `loadlab.engines.abilities.Tuning`."""

    def create_index(self, table: Table, index: NewIndex, *, online: bool = True) -> str:
        columns = ", ".join(
            f"{quoted(column)}{' DESC' if position in index.descending else ''}"
            for position, column in enumerate(index.columns)
        )
        text = f"CREATE INDEX {quoted(index.name)} ON {quoted(table.key)} ({columns})"
        return text + _ONLINE if online else text

    def drop_index(self, table: Table, name: str, *, online: bool = True) -> str:
        text = f"DROP INDEX {quoted(name)} ON {quoted(table.key)}"
        return text + _ONLINE if online else text

    def collect_statistics(self, table: Table) -> str:
        return f"ANALYZE TABLE {quoted(table.key)}"

    def correlate(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        """The server learns of columns together only through an index over them."""
        return ()

    def allow_memory(self, kib: int) -> tuple[str, ...]:
        return (f"SET SESSION sort_buffer_size = {kib * 1024}", f"SET SESSION join_buffer_size = {kib * 1024}")
