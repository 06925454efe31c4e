"""A relational schema as plain values: what reflection yields, what data is made for, what an engine renders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

TypeKind = Literal[
    "integer",
    "numeric",
    "float",
    "boolean",
    "text",
    "uuid",
    "json",
    "bytes",
    "date",
    "time",
    "timestamp",
    "interval",
    "inet",
    "mac",
    "bits",
    "enum",
    "array",
    "range",
    "multirange",
    "composite",
    "map",
    "vector",
    "shape",
    "geometry",
    "search_vector",
    "search_query",
    "label_path",
    "label_query",
    "json_path",
    "xml",
    "locator",
    "object_name",
    "other",
]


@dataclass(frozen=True, slots=True)
class LogicalType:
    """What a column can hold, in no engine's words; `native` keeps the engine's own name for it.

    | kind | meaning | fields beyond `native` |
    | --- | --- | --- |
    | integer | a whole number | `bits`, `unsigned` |
    | numeric | an exact decimal number | `precision`, `scale` (may be negative); `form` "money" |
    | float | a binary floating-point number | `bits` |
    | boolean, uuid, json, date | as they say | |
    | text | characters | `length` at most; `fixed`: padded with blanks to it; `form` "byte": one ASCII character, else
      the encoding of Python that has all of them ("": every character) |
    | bytes | octets | `length` at most; `fixed`: exactly that many |
    | time, timestamp | with decimals of a second | `precision` (None: 6), `timezone`; `bits` 32: ends with 2038-01-19 |
    | interval | an exact duration, a day being 24 hours and a month 30 days | `precision`; `form`: its smallest unit |
    | inet | an address; `form` "network": a network without host bits | `form` |
    | mac | a hardware address | `bits`: 48 or 64 |
    | bits | a string of bits | `length`; `fixed`: exactly that many, else at most |
    | enum | one of some labels | `labels` |
    | array | a list | `element` |
    | range, multirange | an interval of values [lower, upper), and a set of them | `element`: the bounds' type |
    | composite | a record | `fields`: (name, type) in order |
    | map | texts by text | |
    | vector | numbers in space | `length`: dimensions; `form` "" (32 bits), "half", "sparse" or "cube" (64 bits) |
    | shape | figure in the plane | `form`: point, line, segment, box, path, polygon or circle |
    | geometry | figure on a map | `form`: point, linestring, …, with " z", " m" or " zm" behind; `srid` |
    | search_vector, search_query | a document of full-text search, and a query on one | |
    | label_path, label_query | dotted labels, and a pattern for them | `form` of a query: "" or "text" |
    | json_path, xml | as they say | |
    | locator | a place in the engine's own storage | `form`: log, row or snapshot |
    | object_name | the name of a thing of the database that exists everywhere | `labels` |
    | other | nothing known | |

    `checks` (native expressions over VALUE) and `not_null` say what the domain of a part demands: of an element, a
    bound, a record's field. Those of a column's own domain are its table's checks.
    """

    kind: TypeKind
    native: str = ""
    bits: int | None = None
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    timezone: bool = False
    labels: tuple[str, ...] = ()
    element: LogicalType | None = None
    fields: tuple[tuple[str, LogicalType], ...] = ()
    fixed: bool = False
    unsigned: bool = False
    form: str = ""
    srid: int | None = None
    checks: tuple[str, ...] = ()
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `default` and `generated` are native expressions; a generated value is the server's."""

    name: str
    type: LogicalType
    nullable: bool = True
    default: str | None = None
    generated: str | None = None
    identity: Literal["always", "by default"] | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of this table reference `target_columns` of the table whose key is `target`."""

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    deferrable: bool = False
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `keys` are column names or, where `expressions[k]` is true, native expressions.

    `constraint` names the constraint (primary key, unique, exclusion) that owns it. `definition` is the native
    statement that creates it. `nulls_distinct`: NULLs do not equal each other, so a unique index takes any number of
    them. `operators` are those of an exclusion constraint, one a key: no two rows may satisfy all of them.
    """

    name: str
    keys: tuple[str, ...]
    unique: bool = False
    method: str = "btree"
    include: tuple[str, ...] = ()
    predicate: str | None = None
    expressions: tuple[bool, ...] = ()
    constraint: str | None = None
    definition: str = ""
    nulls_distinct: bool = True
    operators: tuple[str, ...] = ()

    @property
    def has_expressions(self) -> bool:
        return any(self.expressions)


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK; `expression` is native text without the outer parentheses."""

    name: str
    expression: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A user's trigger; `definition` is the native statement that creates it.

    `writes` are the keys of tables that it is known to write to; it may write to others.
    """

    name: str
    events: tuple[str, ...]
    definition: str = ""
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition; `bound` is native text, `partitioning` says how it is divided in its turn."""

    name: str
    bound: str
    partitioning: Partitioning | None = None
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Partitioning:
    """How a table is partitioned. Its partitions are never listed as tables of the schema.

    `own_keys` are unique indexes that the table has not, only partitions of it: one for all that have the same.
    """

    strategy: Literal["range", "list", "hash"]
    keys: tuple[str, ...]
    partitions: tuple[Partition, ...] = ()
    own_keys: tuple[Index, ...] = field(default=(), metadata={"if any": True})


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `namespace` is empty in the database's default one."""

    name: str
    columns: tuple[Column, ...]
    namespace: str = ""
    primary_key: tuple[str, ...] = ()
    primary_key_name: str = ""
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    checks: tuple[Check, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    partitioning: Partitioning | None = None
    comment: str | None = None

    @property
    def key(self) -> str:
        """The name by which users and LoadLab call it: `orders`, or `billing.orders` outside the default namespace."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    def column(self, name: str) -> Column:
        """Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """The columns whose values a client sends; generated ones are the server's."""
        return tuple(column for column in self.columns if column.generated is None)

    @property
    def kept_apart(self) -> tuple[Index, ...]:
        """The unique indexes of the table and those of its partitions alone."""
        own = self.partitioning.own_keys if self.partitioning is not None else ()
        return tuple(index for index in (*self.indexes, *own) if index.unique)

    @property
    def unique_keys(self) -> tuple[tuple[str, ...], ...]:
        """Column sets in which no two rows agree: primary key and unique indexes without expression or predicate."""
        keys = [self.primary_key] if self.primary_key else []
        keys += [i.keys for i in self.indexes if i.unique and not i.has_expressions and i.predicate is None]
        return tuple(dict.fromkeys(keys))


@dataclass(frozen=True)
class Schema:
    """All tables, in the order of their names.

    `dialect` is the engine whose words the native expressions are in; `ddl` is the text it was made from, if a text
    it was ("" for a live database).
    """

    tables: tuple[Table, ...]
    dialect: str
    ddl: str = field(default="", repr=False)

    def table(self, key: str) -> Table:
        """Raises KeyError."""
        return self._by_key[key]

    def has(self, key: str) -> bool:
        """Whether there is a table of that key."""
        return key in self._by_key

    @cached_property
    def _by_key(self) -> dict[str, Table]:
        return {table.key: table for table in self.tables}

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the structure (not of the text it came from)."""
        text = json.dumps(replace(self, ddl=""), default=_members, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    @cached_property
    def structure_fingerprint(self) -> str:
        """A digest of what rows can be there: without indexes that are there for speed alone, without comments."""
        return replace(self, tables=tuple(_structure(table) for table in self.tables)).fingerprint

    def to_json(self) -> str:
        return json.dumps(self, default=_members)

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """The inverse of `to_json`."""
        data = json.loads(text)
        return cls(tuple(_table(item) for item in data["tables"]), data["dialect"], data["ddl"])


def _structure(table: Table) -> Table:
    kept = tuple(index for index in table.indexes if index.unique or index.constraint)
    return replace(table, indexes=kept, comment=None, columns=tuple(replace(c, comment=None) for c in table.columns))


def _members(value: Any) -> dict[str, Any]:
    """A dataclass by the names of its fields, without what is rare and not there: the digests of others stay."""
    found = {member.name: getattr(value, member.name) for member in fields(value)}
    rare = {member.name for member in fields(value) if member.metadata.get("if any")}
    return {name: item for name, item in found.items() if item or name not in rare}


def _table(data: dict[str, Any]) -> Table:
    return Table(
        **data
        | {
            "columns": tuple(Column(**item | {"type": _type(item["type"])}) for item in data["columns"]),
            "primary_key": tuple(data["primary_key"]),
            "foreign_keys": tuple(ForeignKey(**_tuples(item)) for item in data["foreign_keys"]),
            "indexes": tuple(Index(**_tuples(item)) for item in data["indexes"]),
            "checks": tuple(Check(**item) for item in data["checks"]),
            "triggers": tuple(Trigger(**_tuples(item)) for item in data["triggers"]),
            "partitioning": _partitioning(data["partitioning"]),
        }
    )


def _partitioning(data: dict[str, Any] | None) -> Partitioning | None:
    if data is None:
        return None
    parts = tuple(
        Partition(**part | {"partitioning": _partitioning(part["partitioning"])}) for part in data["partitions"]
    )
    own_keys = tuple(Index(**_tuples(item)) for item in data.get("own_keys", ()))
    return Partitioning(data["strategy"], tuple(data["keys"]), parts, own_keys)


def _type(data: dict[str, Any]) -> LogicalType:
    element = data["element"]
    fields = tuple((name, _type(item)) for name, item in data["fields"])
    return LogicalType(**_tuples(data) | {"element": _type(element) if element else None, "fields": fields})


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
