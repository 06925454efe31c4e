"""A pooler between the load and its server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class PoolerState:
    """What a connection pooler between client and server says of the pools that lead to one database.

    `counters` count up: transactions, queries, transaction_us, query_us and wait_us, the time that clients waited for
    a server. `gauges` are as they stand: clients_active, clients_waiting, servers_active, servers_idle and
    longest_wait_us.
    """

    counters: Mapping[str, float]
    gauges: Mapping[str, float]


class PoolerConsole(Protocol):
    """A connection to a pooler itself. Errors are `loadlab.errors.DatabaseError`s."""

    def state(self) -> PoolerState: ...

    def close(self) -> None: ...


class Pooler(Protocol):
    """A pooler that an address leads through. `product` names it, `manner` says how sessions go through it."""

    @property
    def product(self) -> str: ...

    @property
    def manner(self) -> str: ...

    def console(self) -> PoolerConsole:
        """Raises DatabaseError, saying what is needed, when the pooler tells us nothing."""
        ...


@runtime_checkable
class CanGoThroughPooler(Protocol):
    """The engine notices a connection pooler between itself and the server."""

    def pooler(self) -> Pooler | None: ...
