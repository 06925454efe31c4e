"""`loadlab check` as a user runs it: what it prints, its exit codes, and what it leaves of a database."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.cli.conftest import ROOT

CLEAN = (ROOT / "fixtures/review/clean.sql").read_text(encoding="utf-8")
DEFECTS = """
DROP INDEX payments_order_id_idx;
ALTER TABLE payments ADD COLUMN card_number varchar(19);
ALTER TABLE orders ADD COLUMN "shippingNote" text;
"""
SCENARIO = """
schema: schema.sql
data: {default_rows: 1500}
workload:
  users: 2
  warmup: 0.2s
  duration: 1.5s
  operations:
    pay:
      kind: simple
      weight: 1
      sql: SELECT amount FROM payments WHERE order_id = :id
      params: {id: orders.id}
review:
  silence: [SILENCED]
"""


@pytest.fixture
def schema(tmp_path):
    path = tmp_path / "schema.sql"
    path.write_text(CLEAN + DEFECTS, encoding="utf-8")
    return path


def test_a_schema(loadlab, schema):
    done = loadlab("check", "schema.sql")
    assert done.exit_code == 1, done.err
    assert "payments.card_number looks like a card's number or code in plain text." in done.out
    assert 'CREATE INDEX ON "payments" ("order_id");' in done.out
    assert "1 error, 1 warning, 1 note;" in " ".join(done.out.split())
    places = [done.out.index(word) for word in ("card_number", "shippingNote", "No index finds")]
    assert places == sorted(places), "by area, worst first"
    assert "a schema has no rows" in " ".join(done.out.split())


def test_the_clean_schema(loadlab, tmp_path):
    (tmp_path / "clean.sql").write_text(CLEAN, encoding="utf-8")
    done = loadlab("check", "clean.sql", "--fail-on", "note", "--rule", "fk-*", "--rule", "naming")
    assert done.exit_code == 0, done.out
    assert "no findings; 4 rules found nothing, 0 skipped." in done.out


def test_json_silence_and_severities(loadlab, schema):
    done = loadlab("check", "schema.sql", "--json", "--silence", "sensitive-*:payments.*", "--fail-on", "warning")
    assert (done.exit_code, done.err) == (1, "")
    body = json.loads(done.out)
    assert [finding["id"] for finding in body["findings"]] == [
        "fk-without-index:payments.order_id", "naming:orders.shippingNote",
    ]  # fmt: skip
    silenced = {rule["rule"]: rule["silenced"] for rule in body["reviewed"] if rule["silenced"]}
    assert silenced == {"sensitive-plain-text": 1}


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "loadlab check needs a scenario, a schema, or --database"),
        (["schema.sql", "--silence", "namign"], "--silence=namign matches no rule; did you mean naming?"),
        (["schema.sql", "--rule", "nothing-like-it"], "--rule=nothing-like-it matches no rule"),
        (["none.sql"], "none.sql"),
    ],
)
def test_mistakes(loadlab, schema, arguments, message):
    done = loadlab("check", *arguments)
    assert done.exit_code == 2
    assert message in done.error_line


def test_the_list_names_every_rule(loadlab):
    from loadlab.validate.review.rules import RULES

    done = loadlab("check", "--list")
    assert done.exit_code == 0
    assert all(f"{rule.id}: " in done.out for rule in RULES)


def test_a_live_database_is_read(loadlab, database):
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute((CLEAN + DEFECTS).encode())
        done = loadlab("check", "--database", database.url, "--json")
        assert done.exit_code == 1, done.err
        body = json.loads(done.out)
        assert body["kind"] == "database"
        found = next(item for item in body["findings"] if item["rule"] == "fk-without-index")
        assert found["sql"] == ['CREATE INDEX CONCURRENTLY ON "payments" ("order_id")']
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)


def test_an_empty_database_is_nothing_to_review(loadlab, database, tmp_path):
    for url in (database.url, f"sqlite:///{tmp_path}/new.db"):
        done = loadlab("check", "--database", url)
        assert done.exit_code == 2
        assert done.error_line.endswith(" is empty: no tables to review")


def test_a_schema_leaves_the_named_database_alone(loadlab, schema, database):
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (id bigint PRIMARY KEY)")
    assert loadlab("check", "schema.sql", "--database", database.url).exit_code == 1
    assert set(database.user_tables()) == {"mine"}


def test_a_scenario_and_its_run(loadlab, schema, tmp_path, embedded_server):
    (tmp_path / "scenario.yaml").write_text(SCENARIO.replace("SILENCED", "naming, bloated-*"), encoding="utf-8")
    done = loadlab("check", "scenario.yaml", "--json")
    assert done.exit_code == 1, done.err
    checked = {finding["id"]: finding for finding in json.loads(done.out)["findings"]}
    assert "fk-without-index:payments.order_id" in checked
    assert "naming:orders.shippingNote" not in checked
    run = loadlab("run", "scenario.yaml", "--out", "run")
    assert "Review: " in run.out
    result = json.loads((tmp_path / "run/result.json").read_text(encoding="utf-8"))
    found = next(finding for finding in result["findings"] if finding["rule"] == "fk-without-index")
    assert found["load_share"] == 1.0
    rules = {rule["rule"]: rule for rule in result["reviewed"]}
    assert rules["naming"]["silenced"] == 1
    assert rules["bloated-table"]["examined"] > 0 or rules["bloated-table"]["reason"].startswith("there are no")
    assert "LoadLab made the rows" in rules["nullable-never-null"]["reason"]
    assert 'CREATE INDEX ON "payments" ("order_id");' in loadlab("report", "run").out
    html = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "CREATE INDEX ON &#34;payments&#34; (&#34;order_id&#34;)" in html


def test_a_scenarios_mistaken_silence_is_told_before_anything_is_made(loadlab, schema, tmp_path):
    (tmp_path / "scenario.yaml").write_text(SCENARIO.replace("SILENCED", "nothing-like-it"), encoding="utf-8")
    for command in ("check", "run"):
        done = loadlab(command, "scenario.yaml")
        assert done.exit_code == 2
        assert "scenario.yaml: review.silence[0]=nothing-like-it matches no rule" in done.error_line


def test_sqlite(loadlab, tmp_path):
    (tmp_path / "books.sql").write_text(
        "CREATE TABLE authors (id INTEGER PRIMARY KEY);"
        "CREATE TABLE books (id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL REFERENCES authors ON DELETE CASCADE);",
        encoding="utf-8",
    )
    done = loadlab("check", "books.sql", "--database", "sqlite://", "--fail-on", "warning")
    assert done.exit_code == 1
    assert 'CREATE INDEX "books_author_id_idx" ON "books" ("author_id");' in done.out
