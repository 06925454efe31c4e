"""What a server tells of itself: serverStatus, the statistics of collections and of their indexes.

Counters that only go up are kept under names of LoadLab's; what a server does not tell is left out, and never zero. In
WiredTiger a collection and each of its indexes is a tree of pages, whose requests to the cache are counted apart.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.errors import UNAUTHORIZED, translated
from loadlab.engines.mongodb.names import user_collections
from loadlab.engines.protocol import Evidence, IndexEvidence, LiveEvidence, TableEvidence
from loadlab.errors import DatabaseError

Path = tuple[str, ...]
# https://www.mongodb.com/docs/manual/reference/command/serverStatus/: all of them only go up.
_COUNTERS: Mapping[str, Path] = {
    "commits": ("transactions", "totalCommitted"),
    "rollbacks": ("transactions", "totalAborted"),
    "write_conflicts": ("metrics", "operation", "writeConflicts"),
    "blocking_sorts": ("metrics", "operation", "scanAndOrder"),
    "collection_scans": ("metrics", "queryExecutor", "collectionScans", "total"),
    "keys_examined": ("metrics", "queryExecutor", "scanned"),
    "documents_examined": ("metrics", "queryExecutor", "scannedObjects"),
    "documents_returned": ("metrics", "document", "returned"),
    "documents_inserted": ("metrics", "document", "inserted"),
    "documents_updated": ("metrics", "document", "updated"),
    "documents_deleted": ("metrics", "document", "deleted"),
    "temp_files": ("metrics", "query", "sort", "spillToDisk"),
    "inserts": ("opcounters", "insert"),
    "queries": ("opcounters", "query"),
    "updates": ("opcounters", "update"),
    "deletes": ("opcounters", "delete"),
    "get_mores": ("opcounters", "getmore"),
    "commands": ("opcounters", "command"),
    "network_in_bytes": ("network", "bytesIn"),
    "network_out_bytes": ("network", "bytesOut"),
    "wal_bytes": ("wiredTiger", "log", "log bytes written"),
    "io_read_bytes": ("wiredTiger", "block-manager", "bytes read"),
    "io_written_bytes": ("wiredTiger", "block-manager", "bytes written"),
    "pages_evicted_by_operations": ("wiredTiger", "cache", "pages evicted by application threads"),
    "read_tickets_queued_us": ("queues", "execution", "read", "totalTimeQueuedMicros"),
    "write_tickets_queued_us": ("queues", "execution", "write", "totalTimeQueuedMicros"),
}
_ASKED, _READ = "pages requested from the cache", "pages read into cache"
_CACHE: Path = ("wiredTiger", "cache")
_CACHE_BYTES = "maximum bytes configured"
# Unauthorized, and what a server does not know.
_MAY_NOT = ("13", "59", "115", "40324")
_PARAMETERS = ("featureCompatibilityVersion", "wiredTigerConcurrentReadTransactions",
               "wiredTigerConcurrentWriteTransactions", "syncdelay", "transactionLifetimeLimitSeconds",
               "maxTransactionLockRequestTimeoutMillis", "internalQueryFrameworkControl")  # fmt: skip


def snapshot(database: Database[Document]) -> Evidence:
    """Counters and sizes as they stand. Raises DatabaseError where the user may not ask."""
    with translated():
        status = server_status(database)
        names = user_collections(database)
        stats = {name: _stats(database, name) for name in names}
        usage = {name: _usage(database, name) for name in names}
    connections = status.get("connections", {})
    return Evidence(
        taken_at_s=time.time(),
        reset_marker=_marker(database, status),
        server=_product(str(status.get("version", "")), status),
        database=counters(status),
        tables={name: table_evidence(found) for name, found in stats.items()},
        indexes=index_evidence(stats, usage),
        settings=_settings(database, status),
        connections=connections.get("current"),
        connections_max=connections_max(connections),
        database_bytes=sum(found.get("storageSize", 0) + found.get("totalIndexSize", 0) for found in stats.values()),
        cache_bytes=at(status, (*_CACHE, _CACHE_BYTES)),
    )


def watch(database: Database[Document]) -> LiveEvidence:
    """See `loadlab.engines.abilities.CanWatch`. Raises DatabaseError where the server tells nothing of its cache."""
    with translated():
        status = server_status(database)
    found = counters(status)
    most = connections_max(status.get("connections", {}))
    if "index_blocks_hit" not in found or most is None:
        raise DatabaseError("the server tells nothing of its cache and its connections")
    active = at(status, ("globalLock", "activeClients", "total"))
    waiting = at(status, ("globalLock", "currentQueue", "total"))
    return LiveEvidence(
        blocks_hit=round(found["index_blocks_hit"]),
        blocks_read=round(found["index_blocks_read"]),
        transactions=round(found.get("commits", 0) + found.get("rollbacks", 0)),
        deadlocks=round(found.get("write_conflicts", 0)),
        connections=int(status["connections"]["current"]),
        connections_max=most,
        active=int(active or 0),
        waits={"lock or ticket": int(waiting)} if waiting else {},
    )


def server_status(database: Database[Document]) -> Mapping[str, Any]:
    """As the server answers."""
    return database.client.admin.command("serverStatus")


def product(database: Database[Document]) -> str:
    """Product and version; of a server that is not MongoDB's own also its program, which not every user may know."""
    version = str(database.command("buildInfo")["version"])
    try:
        return _product(version, server_status(database))
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        return _product(version, {})


def _product(version: str, status: Mapping[str, Any]) -> str:
    program = str(status.get("process", ""))
    is_own = not program or program.startswith(("mongod", "mongos"))
    return f"MongoDB {version}".strip() + ("" if is_own else f" ({program})")


def at(status: Any, path: Path) -> Any:
    """What stands at a path, None where there is nothing."""
    for name in path:
        if not isinstance(status, Mapping) or name not in status:
            return None
        status = status[name]
    return status


def counters(status: Mapping[str, Any]) -> dict[str, float]:
    """Under LoadLab's names; with the whole cache's requests and time spent on locks, where they are told."""
    found = {name: float(value) for name, path in _COUNTERS.items() if (value := at(status, path)) is not None}
    cache = at(status, _CACHE) or {}
    if _ASKED in cache and _READ in cache:
        # A page that is read was asked for; what reads ahead may read more.
        found["index_blocks_hit"] = max(float(cache[_ASKED]) - float(cache[_READ]), 0.0)
        found["index_blocks_read"] = float(cache[_READ])
    locks = status.get("locks")
    if isinstance(locks, Mapping):
        found["lock_waits"] = _lock_sum(locks, "acquireWaitCount")
        found["lock_wait_us"] = _lock_sum(locks, "timeAcquiringMicros")
    return found


def _lock_sum(locks: Mapping[str, Any], counter: str) -> float:
    return float(sum(sum((one.get(counter) or {}).values()) for one in locks.values() if isinstance(one, Mapping)))


def connections_max(connections: Mapping[str, Any]) -> int | None:
    """Those that there are and those that there may be; None where the server does not count who is active."""
    if "active" not in connections:
        return None
    return int(connections["current"]) + int(connections["available"])


def _marker(database: Database[Document], status: Mapping[str, Any]) -> str:
    """Changes with the server's process."""
    hello = database.client.admin.command("hello")
    process = at(hello, ("topologyVersion", "processId"))
    return str(process) if process is not None else f"{status.get('host')} {status.get('pid')}"


# Collections ----------------------------------------------------------------------------------------------------------


def _stats(database: Database[Document], collection: str) -> Mapping[str, Any]:
    """The statistics of a collection and of the trees of its indexes."""
    return database.command("collStats", collection)


def table_evidence(stats: Mapping[str, Any]) -> TableEvidence:
    """Sizes are those on disk, after compression and with what is free for reuse."""
    hit, read = _pages(stats.get("wiredTiger", {}))
    parts = [_pages(one) for one in (stats.get("indexDetails") or {}).values()]
    told = [part for part in parts if part[0] is not None]
    return TableEvidence(
        size_bytes=stats.get("storageSize"),
        index_bytes=stats.get("totalIndexSize"),
        rows=stats.get("count"),
        table_blocks_hit=hit,
        table_blocks_read=read,
        index_blocks_hit=sum(part[0] or 0 for part in told) if told else None,
        index_blocks_read=sum(part[1] or 0 for part in told) if told else None,
    )


def _pages(tree: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """(found in the cache, read into it) of the requests for a tree's pages."""
    cache = tree.get("cache", {})
    if _ASKED not in cache or _READ not in cache:
        return None, None
    return max(int(cache[_ASKED]) - int(cache[_READ]), 0), int(cache[_READ])


def _usage(database: Database[Document], collection: str) -> dict[str, int]:
    """Operations that used each index since it was made or the server started; none where that is not counted.

    https://www.mongodb.com/docs/manual/reference/operator/aggregation/indexStats/: of each member for itself.
    """
    try:
        with translated():
            found = list(database[collection].aggregate([{"$indexStats": {}}]))
    except DatabaseError as error:
        if error.code in _MAY_NOT:
            return {}
        raise
    # A server that does not know since when has not counted.
    return {item["name"]: int(item["accesses"]["ops"]) for item in found if item["accesses"].get("since") is not None}


def index_evidence(
    stats: Mapping[str, Mapping[str, Any]], usage: Mapping[str, Mapping[str, int]]
) -> dict[str, IndexEvidence]:
    """By name; by `collection.name` from the second collection on that has an index of the name."""
    found: dict[str, IndexEvidence] = {}
    for collection, told in stats.items():
        details = told.get("indexDetails") or {}
        for name, size in (told.get("indexSizes") or {}).items():
            hit, read = _pages(details.get(name, {}))
            key = f"{collection}.{name}" if name in found else name
            found[key] = IndexEvidence(collection, int(size), usage.get(collection, {}).get(name), hit, read)
    return found


# Settings -------------------------------------------------------------------------------------------------------------


def _settings(database: Database[Document], status: Mapping[str, Any]) -> dict[str, str]:
    """Of the server, and of the session that the address asks for."""
    found: dict[str, Any] = {
        "storage engine": at(status, ("storageEngine", "name")),
        "cache bytes": at(status, (*_CACHE, _CACHE_BYTES)),
        "read concern": database.read_concern.level or "server's default",
        "write concern": _shown(database.write_concern.document) or "server's default",
        "read preference": database.read_preference.name,
    }
    found |= _parameters(database)
    return {name: str(value) for name, value in found.items() if value is not None}


def _shown(document: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in document.items())


def _parameters(database: Database[Document]) -> dict[str, Any]:
    try:
        with translated():
            told = database.client.admin.command("getParameter", "*")
    except DatabaseError as error:
        if error.code in _MAY_NOT:
            return {}  # A user who may not see them loses nothing else.
        raise
    found = {name: told[name] for name in _PARAMETERS if name in told}
    version = found.get("featureCompatibilityVersion")
    return found | ({"featureCompatibilityVersion": version.get("version")} if isinstance(version, Mapping) else {})
