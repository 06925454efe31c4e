"""The shop, filled, with a table of events beside it that is as large as a defect of plans needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.measure.evidence import subtract
from loadlab.measure.window import Window
from loadlab.pipeline import Ready
from loadlab.plan_facts import plan_facts
from loadlab.spec.scenario import load_scenario
from loadlab.validate.review.model import ReviewFacts
from loadlab.workload.plan import operation_statements
from tests.shop import FLOWS, measured, write_shop

# Regions and zones say the same, one kind is nearly everything, owners have no index, notes are as wide as a line.
EVENTS = """
    CREATE TABLE events (
        id bigint PRIMARY KEY, region int NOT NULL, zone int NOT NULL, owner int NOT NULL, kind text NOT NULL,
        note text NOT NULL, parent bigint NOT NULL
    );
    INSERT INTO events
    SELECT g, g % 20, g % 20, g % 5000, CASE WHEN g % 50 = 0 THEN 'k' || g % 1000 ELSE 'usual' END,
           md5(g::text) || repeat('x', 120), (g * 7919) % 50000
    FROM generate_series(1, 50000) AS g;
    CREATE INDEX events_region_idx ON events (region);
    CREATE INDEX events_kind_idx ON events (kind);
    ALTER TABLE events SET (autovacuum_enabled = off);
    VACUUM ANALYZE events;
"""
MANY_FLOWS = (
    FLOWS
    + """

def one_by_one(db: Session, pick: Keys) -> None:
    for number in range(20):
        db.query("SELECT note FROM events WHERE id = :id", id=number + 1)


def all_at_once(db: Session, pick: Keys) -> None:
    db.query("SELECT note FROM events WHERE id BETWEEN :low AND :high", low=1, high=20)
    db.execute("UPDATE events SET note = note WHERE id = :id", id=pick.between(1, 1000))
"""
)
# More than a short load inserts: what looks afterwards begins behind it.
_NEW_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Shop:
    """The filled database, and what a load of the shop needs of it."""

    engine: PostgresqlEngine
    filled: Ready

    def load(self, folder: Path, operations: Mapping[str, Any], **workload: Any) -> Ready:
        """A load of other operations, on the events as well."""
        path = write_shop(folder, operations=weighted(operations), flows=MANY_FLOWS, **workload)
        scenario = load_scenario(path)
        statements = operation_statements(scenario, self.engine, self.filled.dataset.manifest.schema)
        plans = {name: self.engine.explain(text) for name, text in statements.items()}
        workload_ = scenario.file.workload
        return replace(self.filled, scenario=scenario, workload=workload_, statements=statements, plans=plans)

    def facts(self, folder: Path, operations: Mapping[str, Any]) -> ReviewFacts:
        return plan_facts(self.engine, self.load(folder, operations))

    def measured(self, folder: Path, operations: Mapping[str, Any], **workload: Any) -> ReviewFacts:
        """With a short measured window."""
        load = self.load(folder, operations, users=4, **workload)
        before = self.engine.snapshot()
        measure = measured(self.engine, load.scenario, seconds=1.0)
        delta = subtract(before, self.engine.snapshot())
        self.engine.note_new_rows(_NEW_ROWS)
        return plan_facts(self.engine, load, Window(measure, delta, counters_were_reset=False, failure=None))


def weighted(operations: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"weight": 1, **operation} for name, operation in operations.items()}
