"""Plans as trees: what the server says, on every PostgreSQL that is installed and on SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines import open_database
from loadlab.engines.abilities import CanPlan
from loadlab.engines.plan_tree import Comparison, NewIndex, Plan, PlanNode, SortKey
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.errors import ConstraintError, DatabaseError
from loadlab.measure.plans.live import look_at_live_plans
from loadlab.measure.plans.model import TYPICAL
from loadlab.spec.statement import Statement

TABLES = """
    CREATE TABLE people (id int PRIMARY KEY, city text NOT NULL, age int NOT NULL, note text NOT NULL);
    INSERT INTO people SELECT g, 'c' || CASE WHEN g % 10 < 4 THEN 0 ELSE g % 1000 END, g % 90, repeat('n', 100)
    FROM generate_series(1, 20000) AS g;
    CREATE INDEX people_city_idx ON people (city);
    CREATE TABLE visits (id int PRIMARY KEY, person_id int NOT NULL, at date NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE visits_low PARTITION OF visits FOR VALUES FROM (0) TO (100);
    CREATE TABLE visits_high PARTITION OF visits FOR VALUES FROM (100) TO (1000);
    INSERT INTO visits SELECT g, g * 3, DATE '2026-01-01' + g FROM generate_series(1, 900) AS g;
    ANALYZE
"""


@pytest.fixture
def filled(any_database: PostgresqlEngine) -> PostgresqlEngine:
    for command in TABLES.split(";"):
        any_database.tune(command)
    return any_database


def plan_of(engine: PostgresqlEngine, text: str, *, execute: bool = True, **values: Any) -> Plan:
    statement = Statement.parse(text)
    with closing(engine.connect(timeout_s=20)) as session:
        session.begin()
        found = session.plan_of(statement, session.encode_row(session.prepare(statement), values), execute=execute)
        session.rollback()
    assert found is not None
    return found


def scan_of(plan: Plan) -> PlanNode:
    (found,) = plan.scans()
    return found


def test_a_plan_has_what_was_expected_and_what_happened(filled):
    plan = plan_of(filled, "SELECT id FROM people WHERE age = :age AND note LIKE :note", age=7, note="n%")
    node = scan_of(plan)
    assert (node.kind, node.table, node.reads_all) == ("full scan", "people", True)
    # 20,000 rows, ages from 0 to 89 in turn: 7 occurs once in 90.
    assert node.rows == sum(number % 90 == 7 for number in range(1, 20_001))
    assert node.rows_read == 20_000
    assert node.loops == 1
    assert node.rows_estimated is not None
    assert set(node.compared_by_filter) == {Comparison("people", "age", "equal"), Comparison("people", "note", "other")}
    assert not node.understood
    assert plan.execution_ms is not None
    assert (plan.blocks or 0) > 100


def test_without_execution_there_is_no_count(filled):
    plan = plan_of(filled, "SELECT id FROM people WHERE age = :age", execute=False, age=7)
    assert scan_of(plan).rows is None
    assert plan.execution_ms is None


def test_the_plan_follows_the_value(filled):
    rare = plan_of(filled, "SELECT id FROM people WHERE city = :city", city="c777")
    hot = plan_of(filled, "SELECT id FROM people WHERE city = :city", city="c0")
    assert scan_of(rare).indexes == ("people_city_idx",)
    assert scan_of(rare).condition
    assert (scan_of(hot).rows or 0) > 100 * (scan_of(rare).rows or 1)


def test_the_plan_for_any_value_names_parameters(filled):
    plan = filled.plan(Statement.parse("SELECT id FROM people WHERE city = :city AND age > :age"))
    assert plan is not None
    node = scan_of(plan)
    compared = {
        (item.column, item.kind, item.parameter) for item in (*node.compared_by_condition, *node.compared_by_filter)
    }
    assert compared == {("city", "equal", 0), ("age", "range", 1)}
    assert node.rows is None


def test_a_sort_on_disk_says_how_much(filled):
    plan = plan_of(filled, "SELECT p.id FROM people p CROSS JOIN generate_series(1, 4) ORDER BY p.note, p.id DESC")
    (node,) = (item for item in plan.nodes() if item.kind == "sort")
    assert node.spilled_kib > 1_000
    assert "external" in node.sort_method
    assert node.sort_keys == (SortKey("people", "note"), SortKey("people", "id", descending=True))


def test_partitions_go_by_their_table_and_joins_by_their_columns(filled):
    plan = plan_of(
        filled, "SELECT p.city FROM visits v JOIN people p ON p.id = v.person_id WHERE v.at > :at", at="2026-01-01"
    )
    assert {node.table for node in plan.scans()} == {"visits", "people"}
    compared = {item for node in plan.nodes() for item in (*node.compared_by_condition, *node.compared_by_filter)}
    assert Comparison("people", "id", "equal", ("visits", "person_id")) in compared
    assert {item.kind for item in compared if item.column == "at"} == {"range"}


def test_columns_of_one_row_that_are_compared_are_nothing_an_index_serves(filled):
    plan = plan_of(filled, "SELECT id FROM people WHERE age < id AND id + 1 = :sum", sum=5)
    assert {item.kind for item in scan_of(plan).compared_by_filter} == {"other"}


def test_what_a_limit_may_stop_is_marked(filled):
    plan = plan_of(filled, "SELECT id FROM people ORDER BY id LIMIT 5")
    assert scan_of(plan).may_end_early
    assert not plan.root.may_end_early


def test_writes_are_undone_and_a_failure_leaves_the_transaction(filled):
    insert = Statement.parse("INSERT INTO people VALUES (:id, 'x', 1, 'y')")
    with closing(filled.connect(timeout_s=20)) as session:
        handle = session.prepare(insert)
        session.begin()
        fresh, taken = (session.encode_row(handle, {"id": number}) for number in (99_999, 1))
        found = session.plan_of(insert, fresh, execute=True)
        assert found is not None
        assert (found.root.kind, found.root.table) == ("write", "people")
        with pytest.raises(ConstraintError):
            session.plan_of(insert, taken, execute=True)
        count = session.prepare(Statement.parse("SELECT count(*) FROM people"))
        assert session.query(count, session.encode_row(count, {})) == [(20_000,)]
        session.rollback()


def test_a_statement_without_a_plan_has_none(filled):
    begin = Statement.parse("BEGIN")
    assert filled.plan(begin) is None
    with closing(filled.connect(timeout_s=20)) as session:
        session.begin()
        assert session.plan_of(begin, (), execute=True) is None
        session.rollback()


def test_an_imagined_index_is_tried_and_leaves_nothing(filled):
    people = filled.reflect().table("people")
    wanted = NewIndex("people", ("age", "id"))
    texts = {
        "by_age": Statement.parse("SELECT count(*) FROM people WHERE age = :age AND id < :id"),
        "by_id": Statement.parse("SELECT note FROM people WHERE id = :id"),
    }
    if "hypopg" not in available_extensions(filled):
        # Debian's server gets its package; the bundled one has none.
        if filled.version().startswith("PostgreSQL 15."):
            pytest.skip("the package postgresql-15-hypopg is not installed")
        with pytest.raises(DatabaseError, match="HypoPG cannot be used here"):
            filled.try_index(people, wanted, texts)
        return
    trials = {trial.statement: trial for trial in filled.try_index(people, wanted, texts)}
    assert trials["by_age"].is_used
    assert trials["by_age"].cost_after < 0.5 * trials["by_age"].cost_before
    assert not trials["by_id"].is_used
    assert trials["by_id"].cost_after == trials["by_id"].cost_before
    again = {trial.statement: trial for trial in filled.try_index(people, NewIndex("people", ("note",)), texts)}
    assert not again["by_age"].is_used, "the first one is still imagined"
    assert {index.name for index in filled.reflect().table("people").indexes} >= {"people_city_idx"}


def available_extensions(engine: PostgresqlEngine) -> set[str]:
    statement = Statement.parse("SELECT name::text FROM pg_available_extensions")
    with closing(engine.connect(timeout_s=20)) as session:
        handle = session.prepare(statement)
        return {name for (name,) in session.query(handle, session.encode_row(handle, {}))}


def test_of_a_database_that_is_not_ours_nothing_is_executed(filled):
    texts = {
        "by_city": Statement(("SELECT id FROM people WHERE city = $1 LIMIT $2",), ()),
        "gone": Statement(("SELECT 1 FROM no_such_table WHERE a = $1",), ()),
        "count": Statement(("SELECT count(*) FROM people",), ()),
    }
    plans = look_at_live_plans(filled, texts, filled.statistics(None))
    assert plans is not None
    assert plans["gone"].generic is None
    assert "no_such_table" in plans["gone"].problem
    assert [sample.values for sample in plans["count"].samples] == [TYPICAL]
    labels = [sample.values for sample in plans["by_city"].samples]
    assert labels == [TYPICAL, "most frequent people.city", "rare people.city"]
    assert not any(sample.is_executed for item in plans.values() for sample in item.samples)
    # The value of an expression is compared with no column: nobody can tell what it may be.
    unknown = {"sum": Statement(("SELECT id FROM people WHERE id + age = $1",), ())}
    found = look_at_live_plans(filled, unknown, filled.statistics(None))
    assert found is not None
    assert not found["sum"].samples
    assert found["sum"].problem


def test_sqlite_tells_how_tables_are_reached(tmp_path: Path):
    path = tmp_path / "plans.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c); CREATE INDEX t_a_b ON t (a, b);"
            "CREATE TABLE u (id INTEGER PRIMARY KEY, t_id)"
        )
    with open_database(f"sqlite:///{path}") as engine:
        assert isinstance(engine, CanPlan)

        def nodes(text: str) -> list[PlanNode]:
            plan = engine.plan(Statement.parse(text))
            assert plan is not None
            return list(plan.nodes())

        (search, sort) = nodes("SELECT c FROM t WHERE a = :a AND b > :b ORDER BY c")[1:]
        assert (search.kind, search.table, search.indexes) == ("index scan", "t", ("t_a_b",))
        assert search.compared_by_condition == (Comparison("t", "a", "equal"), Comparison("t", "b", "range"))
        assert sort.kind == "sort"
        (covering,) = nodes("SELECT b FROM t WHERE a = :a")[1:]
        assert covering.kind == "index only scan"
        found = {node.table: node.reads_all for node in nodes("SELECT * FROM t JOIN u ON u.t_id = t.id") if node.table}
        assert found == {"t": False, "u": True}
        (ordered,) = nodes("SELECT a FROM t ORDER BY a")[1:]
        assert ordered.reads_all


def test_sqlite_s_scans_tell_their_filters_and_what_these_leave(tmp_path: Path):
    path = tmp_path / "plans.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c); CREATE TABLE u (id INTEGER PRIMARY KEY, t_id, d);"
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
            " INSERT INTO t SELECT i, i % 100, iif(i % 4, 'x', NULL), i FROM n; INSERT INTO u SELECT id, id, a FROM t"
        )
    with open_database(f"sqlite:///{path}") as engine:
        assert isinstance(engine, CanPlan)

        def scan(text: str, table: str = "t") -> PlanNode:
            plan = engine.plan(Statement.parse(text))
            assert plan is not None
            return next(node for node in plan.scans() if node.table == table)

        equal = scan("SELECT id FROM t AS x WHERE x.a = :a AND (c > :c)")
        assert equal.compared_by_filter == (
            Comparison("t", "a", "equal", parameter=0), Comparison("t", "c", "range", parameter=1),
        )  # fmt: skip
        # One value in a hundred, and a third of it for a range of which nothing is known.
        assert equal.rows_estimated == pytest.approx(60 / 3)
        assert scan("SELECT id FROM t WHERE 7 < c AND b = 'x'").rows_estimated == pytest.approx(4500 / 3, rel=0.01)
        assert scan("SELECT id FROM t WHERE a IN (:one)").rows_estimated == pytest.approx(60)
        assert scan("SELECT id FROM t WHERE c > :c").rows_estimated is None
        assert scan("SELECT id FROM t WHERE a = :a OR b = :b").compared_by_filter == ()
        assert scan("DELETE FROM t WHERE a = :a").rows_estimated == pytest.approx(60)
        joined = scan("SELECT t.id FROM t JOIN u ON u.t_id = t.c WHERE d = :d", "u")
        assert set(joined.compared_by_filter) == {
            Comparison("u", "t_id", "equal", other_side=("t", "c")), Comparison("u", "d", "equal", parameter=0),
        }  # fmt: skip
        assert joined.filter == "d = :p1"
