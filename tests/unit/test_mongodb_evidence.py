"""What a real server's statistics come to; the names are those of MongoDB 8 (serverStatus, collStats)."""

from __future__ import annotations

from typing import Any

from loadlab.engines.mongodb.evidence import connections_max, counters, index_evidence, table_evidence


def _tree(asked: int, read: int) -> dict[str, Any]:
    return {"cache": {"pages requested from the cache": asked, "pages read into cache": read}}


STATUS = {
    "connections": {"current": 12, "available": 838848, "totalCreated": 40, "active": 3},
    "opcounters": {"insert": 5, "query": 7, "update": 1, "delete": 0, "getmore": 2, "command": 60},
    "transactions": {"totalCommitted": 9, "totalAborted": 1},
    "metrics": {
        "operation": {"scanAndOrder": 4, "writeConflicts": 3},
        "queryExecutor": {"scanned": 100, "scannedObjects": 90, "collectionScans": {"nonTailable": 2, "total": 2}},
    },
    "locks": {
        "Global": {"acquireCount": {"r": 10}, "acquireWaitCount": {"w": 2}, "timeAcquiringMicros": {"w": 150}},
        "Collection": {"acquireCount": {"r": 8}, "timeAcquiringMicros": {"r": 50}},
    },
    "queues": {"execution": {"read": {"out": 0, "totalTimeQueuedMicros": 77}}},
    "wiredTiger": {
        "cache": {
            "pages requested from the cache": 1000,
            "pages read into cache": 40,
            "maximum bytes configured": 2**28,
        },
        "log": {"log bytes written": 4096},
        "block-manager": {"bytes read": 1, "bytes written": 2},
    },
}


def test_counters_of_a_server() -> None:
    found = counters(STATUS)
    assert found["write_conflicts"] == 3
    assert found["collection_scans"] == 2
    assert (found["index_blocks_hit"], found["index_blocks_read"]) == (960, 40)
    assert (found["lock_waits"], found["lock_wait_us"]) == (2, 200)
    assert found["read_tickets_queued_us"] == 77
    assert (found["commits"], found["wal_bytes"], found["io_written_bytes"]) == (9, 4096, 2)


def test_what_a_server_does_not_tell_is_no_zero() -> None:
    assert counters({"opcounters": {"insert": 1}}) == {"inserts": 1.0}
    assert connections_max({"current": 3, "available": 0}) is None
    assert connections_max(STATUS["connections"]) == 838860


def test_a_collection_and_its_indexes_have_pages_of_their_own() -> None:
    stats = {
        "count": 10, "storageSize": 4096, "totalIndexSize": 8192, "indexSizes": {"_id_": 4096, "by_at": 4096},
        "wiredTiger": _tree(20, 5), "indexDetails": {"_id_": _tree(8, 1), "by_at": _tree(2, 2)},
    }  # fmt: skip
    found = table_evidence(stats)
    assert (found.rows, found.size_bytes, found.index_bytes) == (10, 4096, 8192)
    assert (found.table_blocks_hit, found.table_blocks_read) == (15, 5)
    assert (found.index_blocks_hit, found.index_blocks_read) == (7, 3)
    assert table_evidence({"count": 1}).index_blocks_hit is None
    indexes = index_evidence({"a": stats, "b": stats}, {"a": {"by_at": 3}})
    assert set(indexes) == {"_id_", "by_at", "b._id_", "b.by_at"}
    assert (indexes["by_at"].scans, indexes["_id_"].scans, indexes["b.by_at"].scans) == (3, None, None)
    assert (indexes["by_at"].blocks_hit, indexes["by_at"].blocks_read) == (0, 2)
