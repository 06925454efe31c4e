"""Defects that are planted, each of which exactly its rule finds, and a clean load on which none speaks.

One database for all: the shop's own tables, and a table of events that is as large as a defect needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.measure.evidence import subtract
from loadlab.measure.window import Window
from loadlab.pipeline import Ready, make_ready
from loadlab.plan_facts import plan_facts
from loadlab.request import DataOptions
from loadlab.spec.scenario import load_scenario
from loadlab.spec.statement import Statement
from loadlab.validate.review.load import LOAD_RULES
from loadlab.validate.review.model import Finding, Outcome, ReviewFacts, RuleOutcome
from loadlab.validate.review.plans import PLAN_RULES
from loadlab.validate.review.reviewing import review
from loadlab.workload.plan import operation_statements
from tests.shop import FLOWS, measured, write_shop

RULES = (*PLAN_RULES, *LOAD_RULES)
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
CLEAN: Mapping[str, Any] = {
    "event": {
        "kind": "simple",
        "weight": 5,
        "sql": "SELECT kind, note FROM events WHERE id = :id",
        "params": {"id": {"between": [1, 50000]}},
    },
    "events_of_region": {
        "kind": "report",
        "sql": "SELECT count(*) FROM events WHERE region = :region",
        "params": {"region": {"between": [0, 19]}},
    },
    "events_of_kind": {
        "kind": "complex",
        "sql": "SELECT id FROM events WHERE kind = :kind LIMIT 5",
        "params": {"kind": {"choice": ["k0", "k50", "k100"]}},
    },
    "everything": {"kind": "report", "sql": "SELECT region, count(*) FROM events GROUP BY region"},
    "first_page": {"kind": "complex", "sql": "SELECT id, kind FROM events ORDER BY id LIMIT 20"},
    "customers_orders": {
        "kind": "complex",
        "sql": "SELECT o.id, c.name FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = :id",
        "params": {"id": "customers.id"},
    },
    "place_order": {"kind": "write", "insert": "orders"},
    "all_at_once": {"kind": "write", "flow": "all_at_once"},
}


@dataclass(frozen=True, slots=True)
class Planted:
    """An operation with a defect, the rules that have to speak, and where in the finding to look."""

    operation: Mapping[str, Any]
    rules: frozenset[str]
    is_cured_by_sql: bool = True


DEFECTS = {
    "seq scan": Planted(
        {
            "kind": "simple",
            "sql": "SELECT id FROM events WHERE owner = :owner",
            "params": {"owner": {"between": [0, 4999]}},
        },
        frozenset({"seq-scan", "missing-index"}),
    ),
    "seq scan behind a join": Planted(
        {
            "kind": "complex",
            "sql": "SELECT c.name, e.id FROM customers c JOIN events e ON e.owner = c.id WHERE c.email = :email",
            "params": {"email": "customers.email"},
        },
        frozenset({"seq-scan", "missing-index"}),
    ),
    "index that leads too far": Planted(
        {
            "kind": "simple",
            "sql": "SELECT id FROM events WHERE region = :region AND owner = :owner",
            "params": {"region": {"between": [0, 19]}, "owner": {"between": [0, 4999]}},
        },
        frozenset({"filter-after-index", "missing-index"}),
    ),
    "sort on disk": Planted(
        {"kind": "report", "sql": "SELECT id, note, kind FROM events ORDER BY note"}, frozenset({"sort-spilled"})
    ),
    "hash on disk": Planted(
        {
            "kind": "report",
            "sql": "SELECT max(a.kind || b.note) FROM events a JOIN events b ON a.note = b.note",
        },
        frozenset({"hash-spilled"}),
    ),
    "correlated columns": Planted(
        {
            "kind": "report",
            "sql": "SELECT sum(length(note)) FROM events WHERE region = :a AND zone = :a",
            "params": {"a": {"between": [0, 19]}},
        },
        frozenset({"row-estimate"}),
    ),
    "plan flip": Planted(
        {
            "kind": "complex",
            "sql": "SELECT sum(length(note)) FROM events WHERE kind = :kind",
            "params": {"kind": {"choice": ["k0", "k50", "usual"], "weights": [1, 1, 0]}},
        },
        frozenset({"plan-flip"}),
        is_cured_by_sql=False,
    ),
    "a look-up for each row": Planted(
        {
            "kind": "report",
            "sql": "SELECT max(s.zone + (SELECT count(e.note) FROM events e WHERE e.id = s.parent)) FROM events s",
        },
        frozenset({"nested-loop-many-rows"}),
        is_cured_by_sql=False,
    ),
    "page 10,000": Planted(
        {
            "kind": "complex",
            "sql": "SELECT id, kind FROM events ORDER BY id LIMIT 20 OFFSET :skipped",
            "params": {"skipped": {"between": [0, 200000]}},
        },
        frozenset({"offset-pagination"}),
        is_cured_by_sql=False,
    ),
    "N+1": Planted({"kind": "complex", "flow": "one_by_one"}, frozenset({"n-plus-one"}), is_cured_by_sql=False),
    "select star": Planted(
        {
            "kind": "simple",
            "sql": "SELECT * FROM events WHERE id = :id",
            "params": {"id": {"between": [1, 50000]}},
        },
        frozenset({"select-star"}),
        is_cured_by_sql=False,
    ),
}  # fmt: skip


# More than a short load inserts: what looks afterwards begins behind it.
_NEW_ROWS = 100_000


class Silent:
    """Nobody follows."""

    def step(self, text: str) -> None: ...

    def notes(self, notes: object) -> None: ...

    def seeding(self, progress: object) -> None: ...

    def load(self, *progress: object) -> None: ...


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
        measure = measured(self.engine, load.scenario, seconds=1.5)
        delta = subtract(before, self.engine.snapshot())
        self.engine.note_new_rows(_NEW_ROWS)
        return plan_facts(self.engine, load, Window(measure, delta, counters_were_reset=False, failure=None))


def weighted(operations: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"weight": 1, **operation} for name, operation in operations.items()}


@pytest.fixture(scope="module")
def shop(embedded_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop's tables, filled, and the events."""
    folder = tmp_path_factory.mktemp("filled")
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        operations = {"customers_orders": CLEAN["customers_orders"]}
        scenario = load_scenario(write_shop(folder, operations=weighted(operations)))
        filled = make_ready(engine, scenario, scenario.file.workload, DataOptions(), Silent())
        for command in EVENTS.strip().rstrip(";").split(";"):
            engine.tune(command)
        yield Shop(engine, filled)


def outcomes(facts: ReviewFacts) -> dict[str, RuleOutcome]:
    return {item.rule.id: item for item in review(RULES, facts)}


def speaking(facts: ReviewFacts) -> dict[str, tuple[Finding, ...]]:
    return {name: item.findings for name, item in outcomes(facts).items() if item.findings}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_by_its_rule_alone_and_its_remedy_cures_it(name, shop, tmp_path):
    planted = DEFECTS[name]
    operations = {"it": planted.operation}
    facts = shop.facts(tmp_path, operations)
    assert not [plans.problem for plans in (facts.plans or {}).values() if plans.problem]
    found = speaking(facts)
    assert found.keys() == planted.rules, found
    for finding in (finding for findings in found.values() for finding in findings):
        assert finding.evidence
        assert finding.why
        assert finding.remedy
        assert "it" in finding.what
    if planted.is_cured_by_sql:
        cure(shop, tmp_path, operations, found)


def cure(shop: Shop, folder: Path, operations: Mapping[str, Any], found: Mapping[str, tuple[Finding, ...]]) -> None:
    """Execute every remedy once, look again, and put things back."""
    commands = list(dict.fromkeys(text for items in found.values() for item in items for text in item.sql))
    assert commands, found
    try:
        for text in commands:
            shop.engine.tune(text)
        assert not speaking(shop.facts(folder, operations))
    finally:
        for text in UNDO:
            shop.engine.tune(text)


UNDO = (
    "DROP INDEX IF EXISTS events_owner_idx, events_region_owner_idx",
    "DROP STATISTICS IF EXISTS events_region_zone_stats",
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET work_mem', current_database()); END $$",
)


def test_on_a_clean_load_no_rule_speaks_and_each_says_what_it_looked_at(shop, tmp_path):
    found = outcomes(shop.measured(tmp_path, CLEAN, connections=3))
    assert {name: item.findings for name, item in found.items() if item.findings} == {}
    silent = {name: item.reason for name, item in found.items() if item.outcome is Outcome.SKIPPED}
    assert silent == {}
    assert all(item.examined for item in found.values())


def test_a_large_idle_pool_and_an_index_without_a_scan_are_found(shop, tmp_path):
    shop.engine.tune("CREATE INDEX events_parent_idx ON events (parent)")
    try:
        found = speaking(shop.measured(tmp_path, CLEAN, connections=60))
        assert found.keys() == {"oversized-pool", "unused-index"}, found
        (unused,) = found["unused-index"]
        assert unused.subject == "events_parent_idx"
        assert unused.load_share is not None
        assert 0 < unused.load_share < 1
        for text in unused.sql:
            shop.engine.tune(text)
        assert "events_parent_idx" not in {index.name for index in shop.engine.reflect().table("events").indexes}
    finally:
        shop.engine.tune("DROP INDEX IF EXISTS events_parent_idx")


def test_statistics_of_another_content_are_found(shop, tmp_path):
    operations = {"event": CLEAN["event"]}
    shop.engine.tune("UPDATE events SET zone = zone WHERE id <= 15000")
    shop.engine.tune("CREATE TABLE late WITH (autovacuum_enabled = off) AS SELECT g FROM generate_series(1, 2000) AS g")
    try:
        found = speaking(shop.facts(tmp_path, operations))
        assert found.keys() == {"stale-statistics"}, found
        assert {finding.subject for finding in found["stale-statistics"]} == {"events", "late"}
        for finding in found["stale-statistics"]:
            for text in finding.sql:
                shop.engine.tune(text)
        assert not speaking(shop.facts(tmp_path, operations))
    finally:
        shop.engine.tune("DROP TABLE late")
        shop.engine.tune("VACUUM ANALYZE events")


def test_a_look_leaves_nothing_behind(shop, tmp_path):
    count = "SELECT count(*), max(id) FROM orders"
    before = asked(shop.engine, count)
    plans = shop.facts(tmp_path, {name: CLEAN[name] for name in ("place_order", "all_at_once")}).plans
    assert plans is not None
    assert all(item.executed for item in plans.values())
    assert asked(shop.engine, count) == before


def asked(engine: PostgresqlEngine, text: str) -> list[tuple[Any, ...]]:
    session = engine.connect(timeout_s=5)
    try:
        handle = session.prepare(Statement.parse(text))
        return session.query(handle, session.encode_row(handle, {}))
    finally:
        session.close()
