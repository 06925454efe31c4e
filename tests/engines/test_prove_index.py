"""An index is proved by measuring, and is gone afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadlab.engines.plan_tree import NewIndex
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.errors import DatabaseError, InputError
from loadlab.pipeline import Ready
from loadlab.proof.prove import ProofPlan, prove_index
from tests.events import Shop
from tests.silent import Silent

OWNER = NewIndex("events", ("owner",))
OPERATIONS: dict[str, Any] = {
    "events_of_owner": {
        "kind": "simple",
        "sql": "SELECT id FROM events WHERE owner = :owner",
        "params": {"owner": {"between": [0, 4999]}},
    },
    "change_zone": {
        "kind": "write",
        "sql": "UPDATE events SET zone = zone WHERE id = :id",
        "params": {"id": {"between": [1, 50000]}},
    },
}


@pytest.fixture
def filled(events_shop: Shop, tmp_path: Path) -> tuple[PostgresqlEngine, Ready]:
    return events_shop.engine, events_shop.load(tmp_path, OPERATIONS, users=4, connections=2)


def index_names(engine: PostgresqlEngine) -> set[str]:
    return {index.name for table in engine.reflect() for index in table.indexes}


@pytest.mark.slow
def test_reads_gain_bytes_are_counted_and_exactly_that_index_is_dropped(filled):
    engine, ready = filled
    before = index_names(engine)
    proof = prove_index(
        engine, ready, OWNER, ["events_of_owner"], Silent(), ProofPlan(pairs=5, window_s=0.3, warmup_s=0.1)
    )
    assert index_names(engine) == before
    (read,) = proof.reads
    assert read.operation == "events_of_owner"
    # A look-up of a row instead of a scan of fifty thousand: many times faster, on any machine.
    assert read.interval[0] <= read.ratio <= read.interval[1]
    assert read.ratio < 0.7
    assert read.executions > 0
    (write,) = proof.writes
    assert write.operation == "change_zone"
    assert write.interval[0] <= write.ratio <= write.interval[1]
    # Each row has a place of six bytes in a B-tree, equal keys or not (PostgreSQL documentation, "Deduplication").
    assert proof.index_bytes > 50_000 * 6
    assert proof.table_bytes > proof.index_bytes


def test_what_is_there_already_is_not_built_nor_dropped(filled):
    engine, ready = filled
    before = index_names(engine)
    with pytest.raises(InputError, match=r"events_region_idx.*there already"):
        prove_index(engine, ready, NewIndex("events", ("region",)), ["events_of_owner"], Silent())
    assert index_names(engine) == before


def test_an_index_that_cannot_be_built_says_why(filled):
    engine, ready = filled
    before = index_names(engine)
    with pytest.raises(DatabaseError, match='column "nothing" does not exist'):
        prove_index(
            engine, ready, NewIndex("events", ("nothing",)), ["events_of_owner"], Silent(),
            ProofPlan(pairs=5, window_s=0.1, warmup_s=0.1),
        )  # fmt: skip
    assert index_names(engine) == before


def test_an_operation_that_is_not_there_is_refused(filled):
    engine, ready = filled
    with pytest.raises(InputError, match="nothing_such"):
        prove_index(engine, ready, OWNER, ["nothing_such"], Silent())


def test_too_few_pairs_are_refused():
    with pytest.raises(InputError, match="pairs=4"):
        ProofPlan(pairs=4)
