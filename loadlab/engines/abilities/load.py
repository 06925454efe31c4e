"""What a load needs of a session and of an engine beyond the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from loadlab.engines.protocol import Session
from loadlab.schema.model import Schema, Table
from loadlab.spec.operations import Form
from loadlab.spec.statement import Statement


@runtime_checkable
class CanReadBack(Protocol):
    """A session can look at what its last `execute` returned, after the clock has stopped."""

    def keep_result(self) -> Any:
        """The last result, unread and cheap to keep."""
        ...

    def rows_of(self, result: Any) -> list[tuple[Any, ...]]:
        """Its rows: numbers, texts, bytes, `uuid.UUID`, dates and times of Python; JSON as its value."""
        ...


@runtime_checkable
class CanCancel(Protocol):
    """A session whose statement can be stopped by another thread while this one executes it."""

    @property
    def enforced_s(self) -> float:
        """After how long the server stops a statement by itself; infinity where it was not told."""
        ...

    def cancel(self) -> None:
        """Ask the server to stop what it executes for this session; returns when it has been asked."""
        ...

    def abandon(self) -> None:
        """Cut the connection, for a server that does not heed requests: what waits for an answer has lost it."""
        ...


@runtime_checkable
class CanCutOff(Protocol):
    """An engine that waits for a server, which may never answer."""

    def cut_off(self) -> None:
        """From another thread: what waits for an answer now raises ConnectionLostError."""
        ...


class DirectSession(Session, Protocol):
    """A session whose connection comes and goes; what was prepared on one is valid on the next."""

    def open(self) -> None:
        """Connect; nothing when it is connected. Raises DatabaseError."""
        ...

    def shut(self) -> None:
        """Disconnect; nothing when it is not connected."""
        ...


@runtime_checkable
class CanConnectDirectly(Protocol):
    """The engine can serve operations that open a connection each."""

    def connect_directly(self, *, timeout_s: float) -> DirectSession:
        """Connected to begin with, to prepare statements; these are cut off after `timeout_s`."""
        ...


@runtime_checkable
class CanTellIdentity(Protocol):
    """The engine knows whether two addresses lead to one database."""

    def identity(self) -> str:
        """Equal for two engines whose addresses lead to the same database of the same running server."""
        ...


@runtime_checkable
class CanTellUntouched(Protocol):
    """The engine knows of a row whether it has been updated since LoadLab loaded it."""

    def untouched_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        """A query that returns a row when the row with these values is as it was loaded."""
        ...


@runtime_checkable
class CanIdentifyStatements(Protocol):
    """The engine counts executions by statement; the id is the key of `Evidence.statements`."""

    def statement_id(self, statement: Statement) -> str | None:
        """The id under which the server counts a statement as a `Session` prepares it, None when it does not."""
        ...


@runtime_checkable
class CanRenderInsert(Protocol):
    """The engine can write an insert of one row."""

    def insert_statement(self, table: Table) -> Statement:
        """An insert of every stored column, each parameter named as its column."""
        ...


@runtime_checkable
class CanRenderOperations(Protocol):
    """The engine can write the neutral forms of operations in its own language."""

    def operation_statement(self, form: Form, schema: Schema) -> Statement:
        """The statement of a checked form with its defaults filled in; parameters as `form.parameters()` names them.

        `schema` is that of the tables that are there. Raises InputError, its place beginning with the form's name, for
        what the engine has no words or no index for.
        """
        ...


@runtime_checkable
class CanWriteOut(Protocol):
    """The engine writes changed pages when it suits it, which may be in the middle of what is measured."""

    def write_out(self) -> None:
        """Have them written now, where we may ask for it."""
        ...


@dataclass(frozen=True, slots=True)
class StatementContent:
    """What a statement does, as far as its engine understands its own words. Tables by key, columns by name.

    `read`: one row of a table by a key. `inserted`: one row into a table. Values of both are parameters, by column;
    `columns` are the result's, None where it is no cell of the row.
    """

    touched: frozenset[str] = frozenset()
    changes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()
    read: tuple[str, Mapping[str, str], tuple[str | None, ...]] | None = None
    inserted: tuple[str, Mapping[str, str]] | None = None


@runtime_checkable
class CanTellContent(Protocol):
    """The engine's statements are no SQL, and it says itself what they do."""

    def content_of(self, statement: Statement, schema: Schema) -> StatementContent | None:
        """None for a text that is not understood."""
        ...


@runtime_checkable
class CanTellResolution(Protocol):
    """The engine keeps moments coarser than a microsecond; what is finer is cut off."""

    moment_us: int


@runtime_checkable
class CanIdle(Protocol):
    """The engine has other words than SQL for a question that asks for nothing."""

    def idle_statement(self) -> Statement:
        """Answered by the server without a look at any data."""
        ...
