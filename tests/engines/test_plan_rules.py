"""Defects that are planted, each of which exactly its rule finds, and a clean load on which none speaks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.spec.statement import Statement
from loadlab.validate.review.load import LOAD_RULES
from loadlab.validate.review.model import Finding, Outcome, ReviewFacts, RuleOutcome
from loadlab.validate.review.plans import PLAN_RULES
from loadlab.validate.review.reviewing import review
from tests.events import Shop

RULES = (*PLAN_RULES, *LOAD_RULES)
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
    """An operation with a defect, and the rules that have to speak; `before` is done to the database first."""

    operation: Mapping[str, Any]
    rules: frozenset[str]
    is_cured_by_sql: bool = True
    before: str = "SELECT"


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
        before="DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''2MB''', current_database()); END $$",
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


@pytest.fixture
def shop(events_shop: Shop) -> Shop:
    return events_shop


def outcomes(facts: ReviewFacts) -> dict[str, RuleOutcome]:
    return {item.rule.id: item for item in review(RULES, facts)}


def speaking(facts: ReviewFacts) -> dict[str, tuple[Finding, ...]]:
    return {name: item.findings for name, item in outcomes(facts).items() if item.findings}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_by_its_rule_alone_and_its_remedy_cures_it(name, shop, tmp_path):
    planted = DEFECTS[name]
    operations = {"it": planted.operation}
    shop.engine.tune(planted.before)
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


def test_what_is_cut_off_once_is_not_executed_again(shop: Shop, tmp_path: Path) -> None:
    """A look costs no more than the operation's own limit; the other values are planned alone."""
    sleep = {"kind": "simple", "sql": "SELECT pg_sleep(:s)", "params": {"s": {"between": [20, 30]}}, "timeout": "200ms"}
    began_s = time.monotonic()
    plans = shop.facts(tmp_path, {"sleep": sleep}).plans
    assert time.monotonic() - began_s < 15
    assert plans is not None
    assert "statement timeout" in plans["sleep"].problem
    samples = plans["sleep"].samples
    assert samples
    assert not any(sample.is_executed for sample in samples)


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
