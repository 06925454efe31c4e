"""Where the rows of a table stand: in a place of their own, or in the rows of the table that they belong to.

A document database keeps an order's items in the order. Which tables go where is planned once for a database (by its
engine: `loadlab.engines.abilities.CanNest`), and kept in the ledger beside what the rows are made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from loadlab.schema.manifest import Manifest
from loadlab.schema.model import Column, LogicalType, Schema, Table

Design = Literal["embed", "hybrid", "reference"]
KEY = "documents"
"""Of the manifest's body."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the rows of `table` stand, and why.

    `reference`: in a collection of their own, and nowhere else. `embed`: in `field` of the rows of `host` that they
    reference through `relation` (the columns of the foreign key, joined by ","), a list of them or (`many` false) one
    at most. `hybrid`: in a collection of their own, and the newest `newest` of them also in `field`, newest first, in
    these `columns` alone; `counter` is the field with the number of all of them.

    `columns` of embedded rows are all but those of the foreign key, whose values are the host's own key.
    """

    table: str
    design: Design
    why: str = ""
    host: str = ""
    relation: str = ""
    field: str = ""
    columns: tuple[str, ...] = ()
    many: bool = True
    newest: int | None = None
    counter: str = ""

    @property
    def is_inside(self) -> bool:
        """Whether the rows stand in the host's alone."""
        return self.design == "embed"

    def to_json(self) -> dict[str, Any]:
        """What is not as by default."""
        default = {item.name: item.default for item in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != default[name]}


@dataclass(frozen=True, slots=True)
class Summary:
    """Some columns of the row of `table` that a row of `host` references through `relation`, copied into `field`."""

    host: str
    relation: str
    table: str
    field: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Documents:
    """The plan of a whole database, one placement a table; a table without one has a collection of its own.

    `advice` is what to know when the database is made larger than one server.
    """

    placements: tuple[Placement, ...] = ()
    advice: tuple[str, ...] = ()
    summaries: tuple[Summary, ...] = ()

    def of(self, table: str) -> Placement:
        """Where the rows of a table stand."""
        found = (placement for placement in self.placements if placement.table == table)
        return next(found, Placement(table, "reference"))

    def inside(self, host: str) -> tuple[Placement, ...]:
        """What stands in the rows of a table."""
        return tuple(p for p in self.placements if p.host == host and p.design != "reference")

    def summaries_in(self, host: str) -> tuple[Summary, ...]:
        """What the rows of a table hold of those that they reference."""
        return tuple(summary for summary in self.summaries if summary.host == host)

    def roots(self, tables: Iterable[str]) -> tuple[str, ...]:
        """Those of the tables that have a collection of their own."""
        inside = {placement.table for placement in self.placements if placement.is_inside}
        return tuple(table for table in tables if table not in inside)

    def path(self, table: str) -> tuple[Placement, ...]:
        """The way from the collection to the rows of an embedded table, outermost first; () for one with its own."""
        found: list[Placement] = []
        placement = self.of(table)
        while placement.is_inside:
            found.append(placement)
            placement = self.of(placement.host)
        return tuple(reversed(found))

    def root(self, table: str) -> str:
        """The table whose collection holds the rows of a table."""
        way = self.path(table)
        return way[0].host if way else table

    def to_json(self) -> dict[str, Any]:
        """For the manifest's body."""
        found = {"placements": [item.to_json() for item in self.placements], "advice": list(self.advice)}
        copied = [{**asdict(item), "columns": list(item.columns)} for item in self.summaries]
        return found | ({"summaries": copied} if copied else {})


APART = Documents()
"""Every table by itself."""


def table_as_stored(schema: Schema, documents: Documents, key: str) -> Table:
    """A table with a column for whatever stands in its rows: an array of records, one record, a number of them.

    `not_null` of a record's field says that its column is NOT NULL. The columns themselves may be left out, as by a
    load that knows nothing of them: a list that is not there is empty.
    """
    table = schema.table(key)
    more = _more_columns(schema, documents, key)
    return replace(table, columns=(*table.columns, *more)) if more else table


def _more_columns(schema: Schema, documents: Documents, key: str) -> list[Column]:
    held = [column for placement in documents.inside(key) for column in _columns(schema, documents, placement)]
    copied = (
        Column(item.field, _record(item.table, [schema.table(item.table).column(name) for name in item.columns]))
        for item in documents.summaries_in(key)
    )
    return [*held, *copied]


def _record(name: str, columns: Iterable[Column]) -> LogicalType:
    fields = tuple((column.name, replace(column.type, not_null=not column.nullable)) for column in columns)
    return LogicalType("composite", name, fields=fields, not_null=True)


def _columns(schema: Schema, documents: Documents, placement: Placement) -> Iterator[Column]:
    table = schema.table(placement.table)
    columns = [table.column(name) for name in placement.columns]
    if placement.is_inside:
        columns += _more_columns(schema, documents, placement.table)
    record = _record(placement.table, columns)
    kind = LogicalType("array", f"{placement.table}[]", element=record) if placement.many else record
    yield Column(placement.field, kind)
    if placement.counter:
        yield Column(placement.counter, LogicalType("integer", "bigint", bits=64))


def identity_of(table: Table, placement: Placement) -> tuple[str, ...]:
    """The columns that tell a row from the others that stand in the same row; () where none do."""
    away = placement.relation.split(",")
    for key in (table.primary_key, *table.unique_keys):
        rest = tuple(name for name in key if name not in away)
        if rest and not any(table.column(name).nullable for name in rest):
            return rest
    return ()


def address_of(table: Table, placement: Placement) -> tuple[str, ...]:
    """The columns that find a row of a table with this placement: its primary key, or what it stands in and which of
    the rows there it is; () where nothing does.
    """
    if not placement.is_inside:
        return table.primary_key
    identity = identity_of(table, placement) if placement.many else ()
    return () if placement.many and not identity else (*placement.relation.split(","), *identity)


def documents_from(body: Mapping[str, Any]) -> Documents:
    """The plan that a manifest's body keeps; of a database that has none, every table by itself."""
    said = body.get(KEY) or {}
    placements = (
        Placement(**item | {"columns": tuple(item.get("columns", ()))}) for item in said.get("placements", ())
    )
    copied = (Summary(**item | {"columns": tuple(item["columns"])}) for item in said.get("summaries", ()))
    return Documents(tuple(placements), tuple(said.get("advice", ())), tuple(copied))


def documents_of(manifest: Manifest) -> Documents:
    """The plan of what a database is filled with."""
    return documents_from(manifest.body)


def content_of(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What of a plan (`Documents.to_json`) decides the content: no reasons, and no tables that stand by themselves."""
    moved = (item for item in said.get("placements", ()) if item["design"] != "reference")
    return [
        *({name: value for name, value in item.items() if name != "why"} for item in moved),
        *said.get("summaries", ()),
    ]
