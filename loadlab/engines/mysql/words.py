"""MariaDB's and MySQL's words for the neutral forms of operations."""

from __future__ import annotations

from collections.abc import Mapping

from loadlab.engines.mysql.names import literal, quoted
from loadlab.engines.mysql.times import TRUNCATED
from loadlab.engines.operations_sql import Match, Value, plain_literal
from loadlab.schema.model import Table
from loadlab.spec.operations import SEARCHED, BucketUnit, Search


class MysqlWords:
    """See `loadlab.engines.operations_sql.SqlWords`; `full_text` has the columns of each such index, by table."""

    def __init__(self, full_text: Mapping[str, tuple[tuple[str, ...], ...]]) -> None:
        self._full_text = full_text

    def table(self, table: Table) -> str:
        return quoted(table.key)

    def column(self, name: str) -> str:
        return quoted(name)

    def literal(self, value: object) -> str:
        return plain_literal(value, literal)

    def bucket(self, expression: str, unit: BucketUnit) -> str:
        if unit == "day":
            return f"DATE({expression})"
        if unit == "week":
            return f"DATE({expression}) - INTERVAL WEEKDAY({expression}) DAY"
        return f"DATE_FORMAT({expression}, {literal(TRUNCATED[unit.upper()])})"

    def match(self, form: Search, table: Table, expression: str) -> Match | None:
        """Words, by a FULLTEXT index that the column begins; it finds no parts of words."""
        if form.how != "text":
            return None
        known = next((columns for columns in self._full_text.get(table.key, ()) if form.column in columns), None)
        if known is None:
            return None
        owner = expression[: -len(quoted(form.column))]
        columns = ", ".join(f"{owner}{quoted(name)}" for name in known)
        return Match(condition=(f"MATCH ({columns}) AGAINST (", Value(SEARCHED), ")"))
