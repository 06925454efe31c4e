"""MariaDB: generating and loading rows against LOAD DATA of a ready CSV file, into the same table."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import open_database
from loadlab.seeding.seeder import seed
from loadlab.spec.shapes import DataShape
from tests.benchmarks.pairs import time_pairs

ROWS = 2_000_000
DDL = """\
CREATE TABLE orders (
    id BIGINT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    created_at DATETIME(6) NOT NULL,
    status ENUM('pending', 'paid', 'shipped') NOT NULL,
    total DECIMAL(12, 2) NOT NULL,
    note VARCHAR(120),
    KEY orders_user_id_idx (user_id, created_at)
);
"""


@pytest.mark.timeout(600)
def test_mysql_load_data(benchmark: BenchmarkFixture, mariadb_server: str, tmp_path: Path) -> None:
    """Both end with the index made: ours after the rows, the file's while they go in and, fairer, after them too."""
    from loadlab.engines.mysql.loading import lines

    with open_database("mysql://") as engine:
        request = DataRequest(DataShape(), 1.0, 1, lambda _: None, {}, rows_everywhere=ROWS)
        dataset = Dataset.plan_for(engine.preview(DDL, {}), request, owns_tables=True)
    table = dataset.table("orders")
    csv = tmp_path / "orders.csv"
    with csv.open("wb") as file:
        import pyarrow as pa

        for start in range(0, ROWS, 50_000):
            batch = dataset.batch("orders", start, min(start + 50_000, ROWS))
            file.write(lines(pa.Table.from_batches([batch]), table.stored_columns, native=True))

    def generate_and_load() -> None:
        with open_database("mysql://") as engine:
            seed(engine, dataset, workers=2, observe=lambda _: None)

    def load_file() -> None:
        from loadlab.engines.mysql.engine import MysqlEngine

        with open_database("mysql://") as engine:
            assert isinstance(engine, MysqlEngine)
            connection = engine._connection
            head, _, index = DDL.partition(",\n    KEY ")
            connection.run(f"{head}\n)")
            connection.run(
                f"LOAD DATA LOCAL INFILE '{csv}' INTO TABLE orders CHARACTER SET utf8mb4"
                f" ({', '.join(column.name for column in table.stored_columns)}, @end)"
            )
            connection.run(f"ALTER TABLE orders ADD KEY {index.partition(chr(10))[0]}")
            connection.rows("ANALYZE TABLE orders")

    time_pairs(
        benchmark,
        generate_and_load,
        load_file,
        pairs=3,
        what=f"generate and load {ROWS:,} rows into MariaDB against LOAD DATA of a ready file",
    )
