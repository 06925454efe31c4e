"""Every error a user can meet.

LoadLabError
├── InputError            the user's words are wrong: place, value, remedy
│   └── InfeasibleError   the words are right, the data they ask for cannot exist
├── MissingDependencyError  an engine's driver is not installed
└── DatabaseError         the database said no; drivers' exceptions are translated to these at the engine's edge
    ├── UnreachableError  nobody answers, or the log-in is refused
    ├── NotEmptyError     tables that LoadLab did not create are in the way
    ├── ConstraintError   a key, a foreign key or a CHECK was violated
    ├── ConflictError     serialization failure, deadlock, lock not available: worth a retry
    ├── StatementTimeoutError
    └── ConnectionLostError
        └── UnansweredError  neither an answer in time, nor one to the request to stop
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

# What is hidden already, and what stands for a password in advice.
_SHOWN = ("***", "PASSWORD")
_SECRET = re.compile(r"([\w.%+-]+):([^\s@]+)@")
_USER_ALONE = re.compile(r"//[\w.%+-]*")


def without_secrets(text: str) -> str:
    """The text with whatever stands between a colon and an @ hidden, as passwords do in addresses.

    An address that is mistyped (`postgres:bob:secret@db`, or one given in place of a file) is none that anybody could
    take apart, so this errs on the side of hiding; a scheme and a user name without a password hide nothing.
    """

    def shown(found: re.Match[str]) -> str:
        open_to_all = found[2].endswith(_SHOWN) or _USER_ALONE.fullmatch(found[2])
        return found[0] if open_to_all else f"{found[1]}:***@"

    return _SECRET.sub(shown, text)


class LoadLabError(Exception):
    """Base of everything LoadLab raises on purpose; the message is one line meant for the user."""

    exit_code = 2

    def __str__(self) -> str:
        return without_secrets(super().__str__())


class InputError(LoadLabError):
    """Something the user wrote cannot be used.

    `place` is where it stands (`scenario.yaml: data.tables.orders.rows`), `value` what stands there
    and `remedy` what would be accepted.
    """

    def __init__(self, place: str, remedy: str, *, value: object = ...) -> None:
        self.place = place
        self.remedy = remedy
        self.value = value
        shown = "" if value is ... else f"={value!r}" if not isinstance(value, str) else f"={value}"
        super().__init__(f"{place}{shown} {remedy}")

    def __reduce__(self) -> tuple[Callable[..., InputError], tuple[str, str]]:
        """A worker process hands it to its parent."""
        return partial(type(self), value=self.value), (self.place, self.remedy)


class InfeasibleError(InputError):
    """The data that is asked for cannot exist (10 distinct values for 1,000 unique rows)."""


class MissingDependencyError(LoadLabError):
    """A driver is not installed; the message holds the exact `pip install`."""


class DatabaseError(LoadLabError):
    """The database refused something.

    `code` is the server's own code (SQLSTATE, errno), `constraint` the name of the constraint that was violated; None
    where it did not tell.
    """

    def __init__(self, message: str, *, code: str | None = None, constraint: str | None = None) -> None:
        self.code = code
        self.constraint = constraint
        super().__init__(message)


class UnreachableError(DatabaseError):
    """Nobody answers at the address, or the log-in is refused."""


class NotEmptyError(DatabaseError):
    """The database holds tables or rows that LoadLab did not create."""


class ConstraintError(DatabaseError):
    """A key, a foreign key or a CHECK was violated."""


class ConflictError(DatabaseError):
    """A serialization failure, a deadlock or a lock that was not to be had; a retry may succeed."""


class StatementTimeoutError(DatabaseError):
    """The statement ran into its time limit."""


class ConnectionLostError(DatabaseError):
    """The connection broke under a statement; what the server did with it is unknown."""


class UnansweredError(ConnectionLostError):
    """The time limit passed, and so did the time to heed a request to stop; the connection has been given up."""
