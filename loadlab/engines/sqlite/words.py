"""SQLite's words for the neutral forms of operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadlab.engines.operations_sql import Match, Value, plain_literal
from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.full_text import FullText, condition
from loadlab.engines.sqlite.times import TO_MONDAY, TRUNCATED
from loadlab.schema.model import Table
from loadlab.spec.operations import SEARCHED, BucketUnit, Search


class SqliteWords:
    """See `loadlab.engines.operations_sql.SqlWords`; `full_text` are the full-text tables, by table."""

    def __init__(self, full_text: Mapping[str, Sequence[FullText]]) -> None:
        self._full_text = full_text

    def table(self, table: Table) -> str:
        return quoted(table.key)

    def column(self, name: str) -> str:
        return quoted(name)

    def literal(self, value: object) -> str:
        return plain_literal(value, lambda text: "'" + text.replace("'", "''") + "'")

    def bucket(self, expression: str, unit: BucketUnit) -> str:
        modifiers = [f"'{modifier}'" for modifier in TO_MONDAY] if unit == "week" else []
        return f"strftime({', '.join([repr(TRUNCATED[unit.upper()]), expression, *modifiers])})"

    def match(self, form: Search, table: Table, expression: str) -> Match | None:
        """Words, all of them, by a full-text table; SQLite has no index that searches inside other values."""
        found = next((item for item in self._full_text.get(table.key, ()) if item.finds(form.column)), None)
        if form.how != "text" or found is None:
            return None
        before, behind = condition(found, expression.removesuffix(quoted(form.column)))
        return Match(condition=(before, Value(SEARCHED), behind))
