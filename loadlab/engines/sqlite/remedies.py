"""SQLite's statements for what a review recommends.

ALTER TABLE changes no type and no constraint here: such a table is made anew and its rows are copied
(https://www.sqlite.org/lang_altertable.html#otheralter), which is no statement to be copied out of a report.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadlab.engines.abilities import Remedies
from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.full_text import METHOD, dropping, rebuilding
from loadlab.schema.model import Index, Table


class SqliteRemedies(Remedies):
    """See `loadlab.engines.abilities.Remedies`."""

    def create_index(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        taken = {index.name for index in table.indexes}
        name = f"{table.name}_{'_'.join(columns)}_idx"
        name = f"{name}1" if name in taken else name
        return (f"CREATE INDEX {quoted(name)} ON {quoted(table.key)} ({', '.join(map(quoted, columns))})",)

    def drop_index(self, table: Table, index: Index) -> tuple[str, ...]:
        if index.method == METHOD:
            return dropping(table, index.name)
        return (f"DROP INDEX {quoted(index.name)}",) if index.constraint is None else ()

    def rebuild_index(self, table: Table, index: Index) -> tuple[str, ...]:
        return (rebuilding(index.name) if index.method == METHOD else f"REINDEX {quoted(index.name)}",)

    def rebuild_table(self, table: Table) -> tuple[str, ...]:
        # It may number the rows anew, by which full-text tables know them.
        return ("VACUUM", *(rebuilding(index.name) for index in table.indexes if index.method == METHOD))

    def add_moment(self, table: Table, column: str) -> tuple[str, ...]:
        # A column that is added may have no default that is computed.
        return (f"ALTER TABLE {quoted(table.key)} ADD COLUMN {quoted(column)} TIMESTAMP",)
