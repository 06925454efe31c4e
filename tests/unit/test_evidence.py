"""The difference of two snapshots, its way through JSON, and the machine's fingerprint."""

from __future__ import annotations

import platform
from dataclasses import fields, replace

import pytest

from loadlab import pipeline
from loadlab.engines.protocol import Evidence, IndexEvidence, StatementEvidence, TableEvidence
from loadlab.measure import fingerprint
from loadlab.measure.evidence import counters_were_reset, subtract

BEFORE = Evidence(
    10.0,
    "boot 1",
    "Server 1.0",
    database={"commits": 100.0},
    tables={"orders": TableEvidence(8192, 16384, 0, 10, 5, 50, 20, 10, 1, 0, 90, 10, 80, 20, True)},
    indexes={"orders_pkey": IndexEvidence("orders", 16384, 20, 80, 20)},
    statements={"1": StatementEvidence(7, 3.5, 70, 12, 1, "SELECT 1")},
    settings={"memory": "1GB"},
    connections=3,
    connections_max=100,
    database_bytes=1_000_000,
)
AFTER = replace(
    BEFORE,
    taken_at_s=30.0,
    database={"commits": 140.0, "aborts": 2.0},
    tables={
        "orders": TableEvidence(24576, 32768, 8192, 30, 6, 80, 25, 30, 4, 2, 190, 11, 180, 23, False),
        "late": TableEvidence(sequential_scans=3),
    },
    indexes={"orders_pkey": IndexEvidence("orders", 32768, 25, 180, 23)},
    statements={
        "1": StatementEvidence(17, 8.0, 170, 32, 1, "SELECT 1"),
        "2": StatementEvidence(4, 1.0, 4, 4, 0, "SELECT 2"),
    },
    settings={"memory": "2GB"},
    connections=9,
    database_bytes=1_500_000,
)


def test_counters_are_differences_and_states_are_the_later_ones() -> None:
    difference = subtract(BEFORE, AFTER)
    assert difference.database == {"commits": 40.0, "aborts": 2.0}
    assert difference.tables["orders"] == TableEvidence(
        24576, 32768, 8192, 30, 1, 30, 5, 20, 3, 2, 100, 1, 100, 3, False
    )
    assert difference.tables["late"].sequential_scans == 3
    assert difference.tables["late"].index_scans is None
    assert difference.indexes["orders_pkey"] == IndexEvidence("orders", 32768, 5, 100, 3)
    assert difference.statements["1"] == StatementEvidence(10, 4.5, 100, 20, 0, "SELECT 1")
    assert difference.statements["2"].calls == 4
    assert (difference.settings, difference.connections) == ({"memory": "2GB"}, 9)
    assert (difference.database_bytes, difference.connections_max) == (1_500_000, 100)


def test_nothing_happened_between_equal_snapshots() -> None:
    difference = subtract(AFTER, AFTER)
    assert set(difference.database.values()) == {0.0}
    assert difference.tables["orders"].index_blocks_hit == 0
    assert difference.tables["orders"].size_bytes == 24576
    assert not counters_were_reset(AFTER, AFTER)


def test_a_reset_is_noticed() -> None:
    assert not counters_were_reset(BEFORE, AFTER)
    assert counters_were_reset(BEFORE, replace(AFTER, reset_marker="boot 2"))
    assert counters_were_reset(BEFORE, replace(AFTER, database={"commits": 99.0}))


@pytest.mark.parametrize("name", [item.name for item in fields(TableEvidence)])
def test_a_counter_that_went_down_is_a_reset_and_a_state_is_not(name: str) -> None:
    states = {"size_bytes", "index_bytes", "toast_bytes", "rows", "analyzed", "modified_since_analyze"}
    after = replace(AFTER, tables={"orders": replace(AFTER.tables["orders"], **{name: 0})})
    before = replace(BEFORE, tables={"orders": replace(BEFORE.tables["orders"], **{name: 1})})
    assert counters_were_reset(before, after) == (name not in states)


def test_cores_are_counted_where_the_system_knows_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has none: how many processes seed there depended on it."""
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert fingerprint.usable_cores() == pipeline._workers(pipeline.DataOptions()) == 6
    assert pipeline._workers(pipeline.DataOptions(workers=2)) == 2


def test_this_machine_does_not_tell_its_name() -> None:
    machine = fingerprint.this_machine()
    assert machine == fingerprint.this_machine()
    assert machine.cores >= 1
    assert machine.cpu
    assert machine.python == platform.python_version()
    shown = f"{machine} {machine.fingerprint}"
    assert not platform.node() or platform.node() not in shown


def test_the_fingerprint_changes_with_what_makes_results_differ() -> None:
    machine = fingerprint.Machine("Some CPU", 2, 8 * 2**30, "Linux-6.1-x86_64", "3.12.4")
    same = replace(machine, python="3.12.9", platform="Linux-6.2-x86_64", memory_bytes=8 * 2**30 - 10**6)
    assert same.fingerprint == machine.fingerprint
    for change in ({"cpu": "Other"}, {"cores": 4}, {"memory_bytes": 16 * 2**30}, {"python": "3.13.0"}):
        assert replace(machine, **change).fingerprint != machine.fingerprint
