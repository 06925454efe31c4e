"""What makes statements faster, in SQLite's words."""

from __future__ import annotations

from collections.abc import Sequence

from loadlab.engines.plan_tree import NewIndex
from loadlab.engines.sqlite.clauses import quoted
from loadlab.schema.model import Table


class SqliteTuning:
    """See `loadlab.engines.abilities.Tuning`."""

    def create_index(self, table: Table, index: NewIndex, *, online: bool = True) -> str:
        columns = ", ".join(
            f"{quoted(column)}{' DESC' if position in index.descending else ''}"
            for position, column in enumerate(index.columns)
        )
        return f"CREATE INDEX {quoted(index.name)} ON {quoted(table.key)} ({columns})"

    def drop_index(self, table: Table, name: str, *, online: bool = True) -> str:
        return f"DROP INDEX {quoted(name)}"

    def collect_statistics(self, table: Table) -> str:
        return f"ANALYZE {quoted(table.key)}"

    def correlate(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        """SQLite learns of columns together only through an index over them."""
        return ()

    def allow_memory(self, kib: int) -> tuple[str, ...]:
        """SQLite spills by the size of its page cache, which is the file's user's to set."""
        return ()
