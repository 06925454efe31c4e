"""Statement logs, and sessions that execute them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

StepKind = Literal["read", "write", "begin", "commit", "rollback", "savepoint", "setting", "transaction setting"]
"""What a logged statement does: `savepoint` sets, releases or returns to one, a `setting` holds for the session."""


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """A statement that a server has executed, as its log tells.

    `start_s` is on the log's own clock. `values` were bound, in their text form, None for NULL; None altogether for a
    text without parameters that was sent as it is. `is_prepared`: it was parsed before, under a name. `shape` is the
    text without its constants, `query_id` the server's own number of that ("" where it does not tell). A `setting`
    has the name of what is set.
    """

    session: str
    start_s: float
    duration_s: float
    text: str
    shape: str
    kind: StepKind
    values: tuple[str | None, ...] | None = None
    is_prepared: bool = False
    query_id: str = ""
    setting: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of a log that is no statement to execute: why, in a few words.

    `failed_session`: a statement of this session has failed, and with it a transaction that may be open.
    """

    reason: str
    failed_session: str | None = None


@dataclass(frozen=True, slots=True)
class LogNote:
    """Something about a log that a reader of the result has to know."""

    text: str


LogItem = LoggedStatement | LeftOut | LogNote


class StatementLog(Protocol):
    """How an engine's log of statements is read. No database is asked; `engines.statement_log` finds an engine's."""

    engine: str

    def reads(self, path: Path) -> bool:
        """Whether the file begins as such a log does. Raises InputError when it cannot be read at all."""
        ...

    def items(self, paths: Sequence[Path], *, database: str | None) -> Iterable[LogItem]:
        """All of the files, in the order of their times, as they are read; statements in the order of their ends.

        `database` is the one whose statements are wanted, None where there is but one. Raises InputError naming file
        and line.
        """
        ...


class ReplaySession(Protocol):
    """One connection of a replay. Not shared between threads; errors are `loadlab.errors.DatabaseError`s."""

    @property
    def in_transaction(self) -> bool:
        """Whether the server has a transaction open, a failed one included."""
        ...

    def prepare(self, text: str) -> None:
        """Have the text parsed under a name, unless it is; for `execute`."""
        ...

    def execute(self, text: str, values: Sequence[str | None] | None, *, is_prepared: bool) -> int:
        """Run it and drain the result; the number of rows returned, or affected when none are returned."""
        ...

    def set(self, settings: Mapping[str, str]) -> None:
        """Let the session's settings be these (name → statement) and no others; within a transaction, these too."""
        ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class CanReplay(Protocol):
    """What the server's own log says was executed can be executed anew."""

    def replay_session(self, *, timeout_s: float, read_only: bool) -> ReplaySession:
        """`read_only`: the server itself refuses every change."""
        ...

    def free_connections(self) -> int:
        """How many more clients the server takes."""
