"""Schemas and rows in the forms of other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from loadlab.schema.model import LogicalType, Table

if TYPE_CHECKING:
    import pyarrow as pa

    from loadlab.schema.sources.prisma.model import PrismaSchema


@runtime_checkable
class CanDumpSchema(Protocol):
    """The database can write out the schema that is there as a text of its own words."""

    schema_file: str
    """What a file with such a text is called."""

    def dump_ddl(self) -> str:
        """The schema that is there as a script that `preview` accepts; the same schema gives the same text."""
        ...


@runtime_checkable
class CanHostMigrations(CanDumpSchema, Protocol):
    """Frameworks can make their tables in the database, which then writes them out."""

    def sqlalchemy_url(self) -> str:
        """The database as SQLAlchemy names it, with the driver that LoadLab brings along."""
        ...

    def django_settings(self) -> Mapping[str, Any]:
        """The database as an entry of Django's DATABASES."""
        ...

    def with_extensions(self, ddl: str) -> str:
        """A text of a framework that takes the server's extensions for granted, with those that it needs."""
        ...


@runtime_checkable
class CanRenderPrisma(Protocol):
    """The engine can write the tables of a Prisma schema as Prisma's own migrations do."""

    def render_prisma(self, schema: PrismaSchema) -> str:
        """Raises InputError naming the line of what cannot be written."""
        ...


class FileForm(Protocol):
    """How an engine's tools read values and statements from files. Pure; `engines.file_form` finds an engine's."""

    def text_column(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """The values in the form that a bulk import of text reads; NULL stays NULL. Shape (n,) of Arrow strings."""
        ...

    def insert_head(self, table: Table) -> str:
        """An INSERT of every stored column up to and with VALUES; rows in parentheses follow."""
        ...

    def literals(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """The values as literals of SQL, NULL included. Shape (n,) of Arrow strings."""
        ...

    def after_table(self, table: Table) -> Sequence[str]:
        """Statements for when all rows of a table are in, such as setting its sequences."""
        ...
