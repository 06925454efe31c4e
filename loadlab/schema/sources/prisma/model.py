"""The tables that a Prisma schema means, in no engine's words: names resolved, relations as foreign keys."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal, TypeAlias

from loadlab.errors import InputError

Arity = Literal["required", "optional", "list"]
FULL_TEXT = "fulltext"
"""The method of `@@fulltext`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, for messages."""

    file: str
    line: int

    def error(self, remedy: str, *, value: object = ...) -> InputError:
        return InputError(f"{self.file}: line {self.line}", remedy, value=value)


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word: an enum's value, a field's name, `true`."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call or an attribute; `name` is empty for one that stands without."""

    name: str
    value: Literal_


@dataclass(frozen=True, slots=True)
class Call:
    """Something with parentheses: `now()`, `dbgenerated("…")`, in a key `title(sort: Desc)`."""

    name: str
    given: tuple[Argument, ...] = ()

    @property
    def arguments(self) -> tuple[Literal_, ...]:
        return tuple(argument.value for argument in self.given)

    @property
    def options(self) -> dict[str, Literal_]:
        return {argument.name: argument.value for argument in self.given if argument.name}


Literal_: TypeAlias = "str | Number | Word | Call | tuple[Literal_, ...]"


@dataclass(frozen=True, slots=True)
class NativeType:
    """`@db.VarChar(200)`."""

    name: str
    arguments: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class EnumType:
    """An enum of the schema; `values` are the labels in the database, by their names in the file."""

    name: str
    namespace: str
    values: tuple[tuple[str, str], ...]
    place: Place

    def label(self, value: str) -> str | None:
        return dict(self.values).get(value)


@dataclass(frozen=True, slots=True)
class PrismaColumn:
    """`type` is Prisma's scalar (`String`, `Int`, …) unless `enum` or `unsupported` (a native type's text) says it."""

    name: str
    type: str
    arity: Arity
    place: Place
    enum: EnumType | None = None
    native: NativeType | None = None
    unsupported: str | None = None
    default: Literal_ | None = None

    @property
    def is_autoincrement(self) -> bool:
        return isinstance(self.default, Call) and self.default.name == "autoincrement"

    def octets(self, text: str) -> bytes:
        """A value of the type Bytes, which is written in Base64. Raises InputError naming the line."""
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise self.place.error("has a default that is no Base64", value=text) from None


@dataclass(frozen=True, slots=True)
class KeyPart:
    """A column of a key. `descending`, `operator_class` (native text) and `length` are as the file says them."""

    column: str
    descending: bool = False
    operator_class: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class PrismaKey:
    """A primary key, a unique key or an index. `name` None: the one that Prisma gives it."""

    parts: tuple[KeyPart, ...]
    name: str | None
    unique: bool = False
    method: str | None = None
    predicate: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(part.column for part in self.parts)


@dataclass(frozen=True, slots=True)
class PrismaForeignKey:
    """Actions are SQL's words."""

    columns: tuple[str, ...]
    target: tuple[str, str]
    target_columns: tuple[str, ...]
    on_delete: str
    on_update: str
    name: str | None


@dataclass(frozen=True, slots=True)
class PrismaTable:
    """`namespace` is empty where the file names none. `is_join`: Prisma's own table of a many-to-many relation."""

    name: str
    namespace: str
    columns: tuple[PrismaColumn, ...]
    primary_key: PrismaKey | None
    indexes: tuple[PrismaKey, ...]
    foreign_keys: tuple[PrismaForeignKey, ...]
    is_join: bool = False


@dataclass(frozen=True, slots=True)
class PrismaSchema:
    """`provider` is the file's word for the kind of database, None without a datasource."""

    provider: str | None
    namespaces: tuple[str, ...]
    extensions: tuple[tuple[str, str | None], ...]
    """(name, namespace) of each."""
    enums: tuple[EnumType, ...]
    tables: tuple[PrismaTable, ...]


def default_name(table: str, columns: tuple[str, ...], suffix: str, length_max: int) -> str:
    """A constraint's name as Prisma makes it: table and columns, cut so that the suffix still fits (bytes)."""
    stem = "_".join((table, *columns)).encode()
    if len(stem) >= length_max - len(suffix):
        stem = stem[: length_max - len(suffix)]
    return stem.decode(errors="ignore") + suffix
