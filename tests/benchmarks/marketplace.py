"""The marketplace scenario at the size that a benchmark asks for."""

from __future__ import annotations

from pathlib import Path

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.spec.scenario import load_scenario

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "marketplace"


def plan(engine: PostgresqlEngine, rows: int) -> Dataset:
    """The marketplace at the scale that gives at least so many rows in all."""
    scenario = load_scenario(SCENARIO)
    schema = engine.preview((SCENARIO / "schema.sql").read_text(), {})
    scale = 0.001
    while True:
        request = DataRequest(scenario.file.data, scale, 1, scenario.full_rows, {}, default_rows=scenario.default_rows)
        dataset = Dataset.plan_for(schema, request, owns_tables=True)
        planned = sum(map(dataset.row_count, dataset.tables))
        if planned >= rows:
            return dataset
        scale *= 1.01 * rows / planned
