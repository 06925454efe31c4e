"""What a server's sessions do at a moment, by `$currentOp`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/currentOp/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo import MongoClient

from loadlab.engines.abilities import Doing
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.errors import translated
from loadlab.errors import DatabaseError

_ASK = [{"$currentOp": {"allUsers": True, "idleConnections": False, "localOps": True}}]
# What a session does for the server itself, and for the driver that watches it.
_OF_THE_SERVER = ("hello", "isMaster", "ismaster", "replSetHeartbeat")


class MongodbActivitySampler:
    """See `loadlab.engines.abilities.ActivitySampler`. Raises DatabaseError for a server that does not tell."""

    def __init__(self, client: MongoClient[Document]) -> None:
        self._client = client
        try:
            operations = self._operations()
            # This very question is an operation that is under way.
            if not any(operation.get("active") for operation in operations):
                raise DatabaseError("$currentOp of this server lists no operation that is under way")
        except BaseException:
            client.close()
            raise

    def _operations(self) -> list[Document]:
        with translated():
            return list(self._client.admin.aggregate(_ASK))

    def sample(self) -> Mapping[tuple[Doing, str], int]:
        """One look."""
        return doings(self._operations())

    def cpu_s(self) -> float | None:
        """The server's processor time is not asked of it."""
        return None

    def close(self) -> None:
        """Close the connection of its own."""
        self._client.close()


def doings(operations: Iterable[Mapping[str, Any]]) -> Counter[tuple[Doing, str]]:
    """How many clients' operations do what; those that asked are left out."""
    return Counter(_doing(operation) for operation in operations if _is_clients(operation))


def _is_clients(operation: Mapping[str, Any]) -> bool:
    if not operation.get("active") or ("client" not in operation and "client_s" not in operation):
        return False
    command = operation.get("command") or {}
    stages = command.get("pipeline")
    asks = isinstance(stages, list) and bool(stages) and "$currentOp" in stages[0]
    return not asks and not any(word in command for word in _OF_THE_SERVER)


def _doing(operation: Mapping[str, Any]) -> tuple[Doing, str]:
    if operation.get("waitingForLock"):
        modes = operation.get("locks") or {}
        return "lock", ", ".join(sorted(str(name) for name in modes)) or "lock"
    queue = operation.get("currentQueue")
    if queue:
        return "other", f"queue {queue.get('name', '')}".strip()
    if operation.get("waitingForFlowControl"):
        return "other", "flow control"
    if operation.get("waitingForLatch"):
        return "lock", "latch"
    return "running", str(operation.get("op", "command"))
