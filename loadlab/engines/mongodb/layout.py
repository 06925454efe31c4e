"""Where the columns of a whole schema are, rows that stand in others included. Pure.

`paths` tells it of one table by itself; here an embedded table's columns are behind the fields that lead to it, and the
columns of its foreign key to what it stands in are that one's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from loadlab.engines.mongodb.paths import collection_name, field_name, path
from loadlab.schema.manifest import Manifest
from loadlab.schema.model import ForeignKey, Schema, Table
from loadlab.schema.nesting import Documents, Placement, documents_of, table_as_stored


@dataclass(frozen=True, slots=True)
class Layout:
    """A schema and its plan of documents."""

    schema: Schema
    documents: Documents

    @classmethod
    def of(cls, manifest: Manifest) -> Layout:
        """Those of what a database is filled with."""
        return cls(manifest.schema, documents_of(manifest))

    @property
    def roots(self) -> tuple[Table, ...]:
        """The tables that have a collection, with a column for whatever stands in their rows."""
        keys = self.documents.roots(table.key for table in self.schema)
        return tuple(table_as_stored(self.schema, self.documents, key) for key in keys)

    @property
    def stored(self) -> Schema:
        """The collections as tables: a schema without the tables whose rows stand in others."""
        return replace(self.schema, tables=self.roots)

    def collection(self, table: str) -> str:
        """The collection that holds a table's rows."""
        return collection_name(self.documents.root(table))

    def within(self, table: str) -> str:
        """The path of an embedded table's rows in the documents; "" for one with a collection of its own."""
        return ".".join(placement.field for placement in self.documents.path(table))

    def arrays(self, table: str) -> tuple[str, ...]:
        """The paths on the way to a table's rows that hold lists of them, outermost first: what `$unwind` takes."""
        way = self.documents.path(table)
        names = [".".join(step.field for step in way[: depth + 1]) for depth in range(len(way))]
        return tuple(name for name, step in zip(names, way, strict=True) if step.many)

    def origin(self, table: str, column: str) -> tuple[str, str]:
        """(table, column) that holds a column's value: of a foreign key to the host, the host's. Raises KeyError."""
        placement = self.documents.of(table)
        if placement.is_inside:
            owner, name = self.host_column(table, column)
            if owner != table:
                return self.origin(owner, name)
        return table, self.schema.table(table).column(column).name

    def host_column(self, table: str, column: str) -> tuple[str, str]:
        """(table, column) of an embedded table's column, or of its host where it is of the foreign key to that."""
        placement = self.documents.of(table)
        key = self._key(placement)
        if column in key.columns:
            return placement.host, key.target_columns[key.columns.index(column)]
        return table, column

    def path(self, table: str, column: str) -> str:
        """Where a column of a table is in the documents of its collection. Raises KeyError."""
        owner, name = self.origin(table, column)
        if not self.documents.of(owner).is_inside:
            return path(self.schema.table(owner), name)
        return f"{self.within(owner)}.{field_name(name)}"

    def is_by_host(self, table: str, key: ForeignKey) -> bool:
        """Whether a foreign key leads to what the table stands in: it holds by where the rows are."""
        placement = self.documents.of(table)
        return placement.is_inside and ",".join(key.columns) == placement.relation

    def _key(self, placement: Placement) -> ForeignKey:
        keys = self.schema.table(placement.table).foreign_keys
        return next(key for key in keys if ",".join(key.columns) == placement.relation)
