"""SQLite's words for the neutral forms of operations. It has no index that searches inside a value."""

from __future__ import annotations

from loadlab.engines.operations_sql import Match
from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.times import TO_MONDAY, TRUNCATED
from loadlab.schema.model import Table
from loadlab.spec.operations import BucketUnit, Search


class SqliteWords:
    """See `loadlab.engines.operations_sql.SqlWords`."""

    def table(self, table: Table) -> str:
        return quoted(table.key)

    def column(self, name: str) -> str:
        return quoted(name)

    def literal(self, value: object) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, (bool, int, float)):
            return repr(int(value) if isinstance(value, bool) else value)
        return "'" + str(value).replace("'", "''") + "'"

    def bucket(self, expression: str, unit: BucketUnit) -> str:
        modifiers = [f"'{modifier}'" for modifier in TO_MONDAY] if unit == "week" else []
        return f"strftime({', '.join([repr(TRUNCATED[unit.upper()]), expression, *modifiers])})"

    def match(self, form: Search, table: Table, expression: str) -> Match | None:
        return None
