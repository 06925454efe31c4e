"""The way that the load takes to the database: the address that is seeded and looked at, or another one."""

from __future__ import annotations

from dataclasses import dataclass, field

from loadlab.engines import mask, open_database
from loadlab.engines.abilities import CanGoThroughPooler, CanTellIdentity, Pooler
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError

OPTION = "--load-database"


@dataclass(frozen=True, slots=True)
class Route:
    """`url` may hold a secret; `pooler` is what stands between load and server."""

    url: str = field(repr=False)
    pooler: Pooler | None = None


def route_to(engine: Engine, load_database: str | None) -> Route:
    """The engine's own address, or the one that the load is to take.

    Raises InputError when that leads to another database, and what opening it raises.
    """
    if load_database is None:
        return Route(engine.url, _pooler(engine))
    with _opened(load_database) as other:
        if not isinstance(engine, CanTellIdentity) or not isinstance(other, CanTellIdentity):
            raise InputError(OPTION, f"is not possible with {engine.name}: it cannot tell where an address leads")
        if other.identity() != engine.identity():
            remedy = f"leads to another database than {engine.display_url}, which is filled and looked at"
            raise InputError(OPTION, f"{remedy}; give --database too, or the pooler of that one", value=mask(other.url))
        return Route(other.url, _pooler(other))


def _opened(url: str) -> Engine:
    try:
        return open_database(url)
    except InputError as error:
        raise InputError(OPTION, error.remedy, value=error.value) from None


def _pooler(engine: Engine) -> Pooler | None:
    return engine.pooler() if isinstance(engine, CanGoThroughPooler) else None
