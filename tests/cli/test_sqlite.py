"""A load of several processes on one SQLite file: who does not get the write lock is counted by its outcome."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Loadlab
from tests.shop import write_shop

# It holds the write lock over a query of some tens of milliseconds.
FLOWS = """\
from loadlab.workload import Keys, Session

MARK = "UPDATE orders SET status = 'paid' WHERE id = :id"
SUM = "SELECT sum(a.total * b.total) FROM orders a, orders b WHERE a.customer_id % 10 = 3"


def hold(db: Session, pick: Keys) -> None:
    with db.transaction():
        db.execute(MARK, id=pick.row("orders")["id"])
        db.query(SUM)
"""
OPERATIONS = {
    "hold": {"kind": "write", "weight": 1, "flow": "hold"},
    "read": {
        "kind": "simple",
        "weight": 1,
        "sql": "SELECT status FROM orders WHERE id = :id",
        "params": {"id": "orders.id"},
    },
}


@pytest.mark.slow
def test_a_lock_that_is_not_to_be_had_is_counted_as_busy(loadlab: Loadlab, tmp_path: Path) -> None:
    load = {"users": 6, "connections": 6, "workers": 3, "think_time": 0, "timeout": 0.1, "extend": False}
    shop = write_shop(tmp_path / "shop", operations=OPERATIONS, flows=FLOWS, **load)
    done = loadlab("run", shop, "--database", f"sqlite:///{tmp_path}/x.db", "--json")
    assert done.exit_code in (1, 3), done.err
    result = json.loads(done.out)
    operations = {operation["name"]: operation for operation in result["operations"]}
    hold, read = operations["hold"], operations["read"]
    assert result["load"]["workers"] == 3
    assert hold["count"] > 0
    assert hold["errors"] > 0
    # On a slow machine the query itself may run into the time limit now and then.
    assert hold["errors_by_outcome"]["ConflictError SQLITE_BUSY"] > 0
    assert hold["errors_by_outcome"].keys() <= {"ConflictError SQLITE_BUSY", "StatementTimeoutError SQLITE_INTERRUPT"}
    # In WAL mode nobody who reads waits for one who writes.
    assert read["count"] > 0
    assert read["errors"] == 0
    verdicts = {target["name"]: target["verdict"] for target in result["targets"]}
    assert verdicts["error_rate"] == "FAIL"
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_fails_during_warm_up_is_told(loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL);")
    (tmp_path / "scenario.yaml").write_text(
        "schema: {sqlite: schema.sql}\n"
        "workload:\n  users: 2\n  think_time: 50ms\n  operations:\n"
        "    again: {weight: 1, kind: write, sql: 'INSERT INTO words VALUES (1, :word)', params: {word: {value: x}}}\n"
    )
    where = ("--database", f"sqlite:///{tmp_path}/words.db", "--warmup", "1500ms", "--duration", "1s", "--no-extend")
    ran = loadlab("run", "scenario.yaml", *where, "--out", "run")
    notes = json.loads((tmp_path / "run" / "result.json").read_text())["evidence"]["notes"]
    (note,) = [note for note in notes if note.startswith("During warm-up")]
    assert re.match(r"During warm-up (\d+) of \1 executions failed, which no target counts \(again: \1 × ", note)
    assert note in ran.err
