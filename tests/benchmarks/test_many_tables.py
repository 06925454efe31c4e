"""A wide schema of small tables: what one table costs, from the DDL text to finished statistics."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

TABLES, ROWS = 500, 100
LIMIT_S = 60


def statements(tables: int) -> Iterator[str]:
    """Tables of 6 to 10 columns: a key, up to two references to earlier tables, and columns of the common types."""
    others = (
        "name text NOT NULL",
        "created_at timestamptz NOT NULL DEFAULT now()",
        "price numeric(12, 2) CHECK (price >= 0)",
        "status varchar(20) NOT NULL CHECK (status IN ('draft', 'active', 'archived'))",
        "email varchar(255) NOT NULL UNIQUE",
        "quantity integer NOT NULL DEFAULT 0",
        "is_public boolean NOT NULL DEFAULT false",
        "settings jsonb",
        "born date",
    )
    for number in range(tables):
        key = "id uuid PRIMARY KEY" if number % 2 else "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        references = [number // 2, number // 3] if number > 2 else []
        columns = [key]
        for place, target in enumerate(references):
            kind = "uuid" if target % 2 else "bigint"
            columns.append(f"parent_{place} {kind} {'NOT NULL ' * (place == 0)}REFERENCES t{target:03}")
        count = 5 + number % 5
        columns += [others[(number + place) % len(others)] for place in range(count - len(references))]
        body = ",\n    ".join(columns)
        yield f"CREATE TABLE t{number:03} (\n    {body}\n);"
        yield from (f"CREATE INDEX ON t{number:03} (parent_{place});" for place in range(len(references)))


@pytest.mark.timeout(900)
def test_many_tables(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """`loadlab seed` of 500 tables of 100 rows, the whole process; ratio = 60 s / seconds, at least 1 is asked."""
    path = tmp_path / "wide.sql"
    path.write_text("\n".join(statements(TABLES)))
    command = [sys.executable, "-m", "loadlab", "seed", str(path), "--rows", str(ROWS), "--json"]
    seconds: list[float] = []

    def seed() -> None:
        started = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        seconds.append(time.perf_counter() - started)
        assert json.loads(done.stdout)["rows"] == TABLES * ROWS

    benchmark.pedantic(seed, rounds=1, iterations=1)
    benchmark.extra_info["ratio"] = LIMIT_S / seconds[0]
    print(f"\n{TABLES} tables of {ROWS} rows: {seconds[0]:.1f} s, ratio {LIMIT_S / seconds[0]:.2f}")
    assert seconds[0] < LIMIT_S
