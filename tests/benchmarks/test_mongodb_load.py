"""MongoDB: what a document costs the client, generated and loaded by us, against pymongo's insert_many of ready dicts.

The server of the tests is slower than either, so what is compared is the time that this process was on a processor.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines.mongodb.engine import MongodbEngine
from loadlab.engines.mongodb.loading import encoded
from loadlab.engines.protocol import Chunk
from loadlab.spec.shapes import DataShape

ROWS, CHUNK, PAIRS = 40_000, 10_000, 5
DDL = """\
{"create": "orders", "validator": {"$jsonSchema": {
    "bsonType": "object",
    "required": ["_id", "user_id", "created_at", "status", "total", "city"],
    "properties": {
        "_id": {"bsonType": "long", "title": "id"},
        "user_id": {"bsonType": "binData", "description": "uuid"},
        "created_at": {"bsonType": "date"},
        "updated_at": {"bsonType": "date"},
        "status": {"enum": ["pending", "paid", "shipped"]},
        "total": {"bsonType": "decimal", "description": "numeric(12, 2)"},
        "quantity": {"bsonType": "int"},
        "city": {"bsonType": "string", "maxLength": 60},
        "note": {"bsonType": "string", "maxLength": 120},
        "gift": {"bsonType": "bool"}}}}}
"""


@pytest.mark.timeout(300)
def test_mongodb_load_cpu(benchmark: BenchmarkFixture, mongodb_database: MongodbEngine) -> None:
    """In turns, each into the same collection, emptied before."""
    import bson

    from loadlab.engines.mongodb.connection import CODEC

    engine = mongodb_database
    request = DataRequest(DataShape(), 1.0, 1, lambda _: None, {}, rows_everywhere=ROWS)
    dataset = Dataset.plan_for(engine.preview(DDL, {}), request, owns_tables=True)
    table, collection = dataset.table("orders"), engine._database["orders"]
    chunks = [Chunk("orders", start, start + CHUNK) for start in range(0, ROWS, CHUNK)]
    ready: list[list[dict[str, Any]]] = []
    for chunk in chunks:
        found = encoded(table, [dataset.batch("orders", chunk.start, chunk.stop)], 0)
        ready.append([document for block in found for document in bson.decode_all(block.data, CODEC)])

    def empty() -> None:
        engine.forget(with_new_rows=True)
        engine.create(dataset.manifest)

    def ours() -> None:
        for chunk in chunks:
            assert engine.load(table, [dataset.batch("orders", chunk.start, chunk.stop)], chunk) == CHUNK

    def theirs() -> None:
        for documents in ready:
            collection.insert_many(documents, ordered=False)

    def round_of(work: Callable[[], None]) -> float:
        empty()
        started = time.process_time()
        work()
        return time.process_time() - started

    pairs = [(round_of(theirs), round_of(ours)) for _ in range(PAIRS)]
    ratios = sorted(our / their for their, our in pairs)
    benchmark.pedantic(ours, setup=empty, rounds=1, iterations=1)
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark.extra_info["ratio_range"] = [ratios[0], ratios[-1]]
    theirs_us, ours_us = (1e6 * statistics.median(side) / ROWS for side in zip(*pairs, strict=True))
    print(
        f"\nclient's processor time per document, generated and loaded, against insert_many of ready dicts: ratio"
        f" {statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f}, {PAIRS} pairs);"
        f" ours {ours_us:.2f} µs, theirs {theirs_us:.2f} µs"
    )
