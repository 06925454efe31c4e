"""What a server tells of itself and of what it was asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from loadlab.engines.protocol import LiveEvidence, StatementHistory
from loadlab.schema.statistics import DatabaseStatistics


@runtime_checkable
class CanWatch(Protocol):
    """The engine can look at what the server is doing so cheaply that it may while a load is measured."""

    def watch(self) -> LiveEvidence: ...


@runtime_checkable
class CanProfile(Protocol):
    """The engine keeps statistics of the data, which can be read without reading the data."""

    def statistics(self, tables: Collection[str] | None) -> DatabaseStatistics:
        """Of the tables that are asked for, by key (None: all). Raises DatabaseError when none can be seen."""
        ...


@runtime_checkable
class CanReadStatements(Protocol):
    """The engine counts what it is asked, and keeps the statements' texts."""

    def asked_statements(self) -> StatementHistory:
        """No table is read. Raises DatabaseError when the counts cannot be had, saying what is needed."""
        ...


Doing = Literal["running", "lock", "io", "client", "other"]
"""What a session that has work to do does: run on a processor (or be ready to), or wait, and for what."""


class ActivitySampler(Protocol):
    """Looks at a server from a connection of its own. Errors are `loadlab.errors.DatabaseError`s."""

    def sample(self) -> Mapping[tuple[Doing, str], int]:
        """How many sessions do what at this moment, with the server's own word for it; its own session left out."""
        ...

    def cpu_s(self) -> float | None:
        """Processor seconds of all the server's processes since they began; None for a server on another machine."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class CanSampleActivity(Protocol):
    """The server tells what its sessions are doing."""

    def activity_sampler(self) -> ActivitySampler: ...


EventKind = Literal["checkpoint", "autovacuum", "autoanalyze"]


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """A piece of work that the server did by itself beside its sessions.

    `subject` is the table, or why there was a checkpoint. Times are seconds since the epoch on this machine's clock;
    `began_s` is None where nobody saw the beginning, `ended_s` while the work goes on.
    """

    kind: EventKind
    subject: str
    began_s: float | None
    ended_s: float | None


@runtime_checkable
class EventSampler(Protocol):
    """A sampler that is told what the server does by itself. Its errors are `loadlab.errors.DatabaseError`s."""

    def events(self, *, last: bool = False) -> Sequence[ServerEvent]:
        """What has ended since it was last asked, or since it was made; to be asked about twice a second.

        `last`: nobody will ask again, so what still goes on is told as well.
        """
        ...
