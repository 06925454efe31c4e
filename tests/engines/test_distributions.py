"""The asked distribution is the one in the database."""

from __future__ import annotations

import numpy as np
import psycopg
from scipy import stats

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.seeding.seeder import seed
from loadlab.spec.base import validate
from loadlab.spec.shapes import DataShape

DDL = """\
CREATE TABLE measures (
    id bigint PRIMARY KEY,
    height double precision NOT NULL,
    weight double precision NOT NULL,
    price numeric(12, 2) NOT NULL,
    hits integer NOT NULL,
    status text NOT NULL,
    payment text,
    seen timestamp NOT NULL
);
"""
ROWS = 30_000
COLUMNS = {
    "height": {"normal": {"mean": 170, "stddev": 10}},
    "weight": {"lognormal": {"median": 70, "sigma": 0.2}, "correlates_with": {"column": "height", "coefficient": 0.7}},
    "price": {"pareto": {"alpha": 2, "minimum": 5}, "range": [5, 100_000]},
    "hits": {"zipf": {"exponent": 1.2}, "range": [1, 40]},
    "status": {"values": ["paid", "open"], "weights": [3, 1]},
    "payment": {
        "given": {
            "column": "status",
            "cases": {"paid": {"values": ["card", "cash"], "weights": [1, 1]}},
            "otherwise": {"null_share": 1},
        }
    },
    "seen": {"histogram": {"bounds": ["2024-01-01", "2024-02-01", "2025-01-01"], "shares": [0.8, 0.2]}},
}
UNLIKELY = 1e-8


def test_the_asked_distributions_are_in_the_database(database: PostgresqlEngine) -> None:
    shape = validate(DataShape, {"tables": {"measures": {"rows": ROWS, "columns": COLUMNS}}}, place="scenario.yaml")
    request = DataRequest(shape, 1.0, 11, lambda _: ROWS, {})
    dataset = Dataset.plan_for(database.preview(DDL, {}), request, owns_tables=True)
    seed(database, dataset, workers=1, observe=lambda progress: None)
    with psycopg.connect(database.url) as connection:
        rows = connection.execute(
            "SELECT height, weight, price::float8, hits, status, payment, seen < '2024-02-01' FROM measures"
        ).fetchall()
    height, weight, price, hits, status, payment, early = (np.array(column) for column in zip(*rows, strict=True))
    assert stats.kstest(height, stats.norm(170, 10).cdf).pvalue > UNLIKELY
    assert stats.kstest(weight, stats.lognorm(0.2, scale=70).cdf).pvalue > UNLIKELY
    # Cents, so the law is met but for half a cent.
    assert stats.kstest(price, stats.pareto(2, scale=5).cdf).pvalue > UNLIKELY
    assert abs(stats.spearmanr(height, weight).statistic - 0.7) < 0.015
    weights = np.arange(1, 41.0) ** -1.2
    expected = weights / weights.sum() * ROWS
    assert stats.chisquare(np.bincount(hits, minlength=41)[1:], expected).pvalue > UNLIKELY
    assert abs((status == "paid").mean() - 0.75) < 0.005
    assert all(kind is None for kind, state in zip(payment, status, strict=True) if state == "open")
    assert abs((payment == "card").sum() / (status == "paid").sum() - 0.5) < 0.02
    assert abs(early.mean() - 0.8) < 0.015
