"""PostgreSQL's words for the neutral forms of operations.

Indexes that search: full text (GIN or GiST on a tsvector, or on a to_tsvector expression), trigrams (pg_trgm),
documents and arrays (GIN), vectors (pgvector's HNSW and IVFFlat).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from psycopg import sql

from loadlab.engines.operations_sql import Match, Value
from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.schema.model import Index, Table
from loadlab.spec.operations import SEARCHED, BucketUnit, Search

_CONFIGURATION = re.compile(r"to_tsvector\(\s*('(?:[^']|'')*'::regconfig)")
_DISTANCES = {"vector_l2_ops": "<->", "vector_ip_ops": "<#>", "vector_cosine_ops": "<=>", "vector_l1_ops": "<+>"}
_DISTANCE = re.compile(r"\b(?:vector|halfvec|sparsevec)_(l2|ip|cosine|l1)_ops\b")
_WANTED = Value(SEARCHED)


class PostgresqlWords:
    """See `loadlab.engines.operations_sql.SqlWords`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def table(self, table: Table) -> str:
        return identifier(table.namespace, table.name).as_string(self._connection)

    def column(self, name: str) -> str:
        return sql.Identifier(name).as_string(self._connection)

    def literal(self, value: object) -> str:
        # psycopg writes a space before a negative number, and text as E'…' only where it has to.
        return sql.Literal(value).as_string(self._connection).strip()

    def bucket(self, expression: str, unit: BucketUnit) -> str:
        return f"date_trunc('{unit}', {expression})"

    def match(self, form: Search, table: Table, expression: str) -> Match | None:
        found = {"text": self._text, "contains": self._contains, "near": self._near}[form.how]
        return next(found(table, form.column, expression), None)

    def _text(self, table: Table, column: str, expression: str) -> Iterator[Match]:
        is_document = table.column(column).type.kind == "search_vector"
        for index in table.indexes:
            key = self._key(index, column)
            if index.method not in ("gin", "gist") or key is None:
                continue
            if is_document and key == column:
                # The words go through the configuration that the document went through.
                made = _CONFIGURATION.search(table.column(column).generated or "")
                yield Match((f"{expression} @@ websearch_to_tsquery({f'{made[1]}, ' if made else ''}", _WANTED, ")"))
            elif key != column and (made := _CONFIGURATION.match(key)):
                yield Match((f"{key} @@ websearch_to_tsquery({made[1]}, ", _WANTED, ")"))
            elif key == column and "_trgm_ops" in index.definition:
                yield Match((f"{expression} ILIKE '%' || ", _WANTED, " || '%'"))

    def _contains(self, table: Table, column: str, expression: str) -> Iterator[Match]:
        for index in table.indexes:
            if index.method == "gin" and column in index.keys:
                yield Match((f"{expression} @> ", _WANTED))

    def _near(self, table: Table, column: str, expression: str) -> Iterator[Match]:
        for index in table.indexes:
            if index.method in ("hnsw", "ivfflat") and column in index.keys:
                named = _DISTANCE.search(index.definition)
                operator = _DISTANCES[f"vector_{named[1] if named else 'l2'}_ops"]
                yield Match(order=(f"{expression} {operator} ", _WANTED))

    @staticmethod
    def _key(index: Index, column: str) -> str | None:
        """The index's only key, when it is the column or an expression of it."""
        if len(index.keys) != 1:
            return None
        (key,) = index.keys
        return key if key == column or (index.has_expressions and re.search(rf"\b{re.escape(column)}\b", key)) else None
