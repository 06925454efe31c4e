"""What `$currentOp` of MongoDB 8 tells, counted."""

from __future__ import annotations

from typing import Any

from loadlab.engines.mongodb.activity import doings

CLIENT: dict[str, Any] = {
    "type": "op",
    "active": True,
    "client": "10.0.0.7:5000",
    "op": "query",
    "waitingForLock": False,
}
OPERATIONS = [
    CLIENT,
    CLIENT | {"op": "update", "waitingForLock": True, "locks": {"Global": "w", "Collection": "w"}},
    CLIENT | {"op": "insert", "currentQueue": {"name": "execution", "timeQueuedMicros": 12}},
    CLIENT | {"waitingForFlowControl": True},
    CLIENT | {"op": "command", "command": {"aggregate": 1, "pipeline": [{"$currentOp": {}}]}},
    CLIENT | {"op": "command", "command": {"hello": 1, "maxAwaitTimeMS": 10000}},
    CLIENT | {"active": False},
    {"type": "op", "active": True, "desc": "Checkpointer", "op": "none"},
]


def test_sessions_are_counted_by_what_they_do() -> None:
    assert doings(OPERATIONS) == {
        ("running", "query"): 1,
        ("lock", "Collection, Global"): 1,
        ("other", "queue execution"): 1,
        ("other", "flow control"): 1,
    }
