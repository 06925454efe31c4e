"""The review of schema and indexes: one clean schema of which nothing is said, and one small change a defect.

Each change makes exactly its rule speak, and the remedy's SQL makes it silent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.measure.fingerprint import this_machine
from loadlab.pipeline import DataOptions, seed_database
from loadlab.plan_facts import _cores
from loadlab.reviewing import live_facts, schema_facts
from loadlab.schema.model import Schema
from loadlab.spec.statement import Statement
from loadlab.validate.review.model import Finding, Outcome, ReviewFacts, RuleOutcome
from loadlab.validate.review.reviewing import review
from loadlab.validate.review.rules import RULES
from tests.fix_engines import ENGINES

ROOT = Path(__file__).resolve().parents[2]
CLEAN = (ROOT / "fixtures/review/clean.sql").read_text(encoding="utf-8")
ROWS = 10_000_000

# (rule, subject, what is changed in the clean schema); a remedy without SQL is one that only people can carry out.
DEFECTS = [
    ("no-primary-key", "reviews", "ALTER TABLE reviews DROP CONSTRAINT reviews_pkey;"
     " CREATE INDEX ON reviews (product_id)"),
    ("random-uuid-key", "orders.id", "ALTER TABLE orders ALTER COLUMN id SET DEFAULT gen_random_uuid()"),
    ("missing-foreign-key", "orders.customer_id", "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey"),
    ("fk-without-on-delete", "payments", "ALTER TABLE payments DROP CONSTRAINT payments_order_id_fkey,"
     " ADD CONSTRAINT payments_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders"),
    ("fk-type-mismatch", "order_lines.product_id", "ALTER TABLE order_lines ALTER COLUMN product_id TYPE integer"),
    ("varchar-255", "schema", "".join(
        f"ALTER TABLE {column.split('.')[0]} ALTER COLUMN {column.split('.')[1]} TYPE varchar(255);"
        for column in ("tenants.name", "customers.full_name", "customers.city", "products.name", "orders.note",
                       "orders.status", "members.email", "reviews.body"))),
    ("money-as-float", "order_lines.unit_price", "ALTER TABLE order_lines ALTER COLUMN unit_price TYPE real"),
    ("timestamp-without-time-zone", "orders", "ALTER TABLE orders ALTER COLUMN updated_at TYPE timestamp"),
    ("sensitive-plain-text", "members.password", "ALTER TABLE members RENAME COLUMN password_hash TO password"),
    ("sensitive-plain-text", "payments.card_number", "ALTER TABLE payments ADD COLUMN card_number varchar(19)"),
    ("sensitive-plain-text", "members.api_token", "ALTER TABLE members ADD COLUMN api_token text"),
    ("sensitive-plain-text", "customers.ssn", "ALTER TABLE customers ADD COLUMN ssn text"),
    ("no-row-security", "products", "ALTER TABLE products DISABLE ROW LEVEL SECURITY"),
    ("no-audit", "payments", "ALTER TABLE payments DROP COLUMN updated_at"),
    ("no-audit", "member_roles", "CREATE TABLE roles (id bigint PRIMARY KEY, name text NOT NULL);"
     "CREATE TABLE member_roles (member_id bigint REFERENCES members ON DELETE CASCADE, role_id bigint"
     " REFERENCES roles ON DELETE CASCADE, PRIMARY KEY (member_id, role_id)); CREATE INDEX ON member_roles (role_id)"),
    ("naming", "orders.shippingNote", 'ALTER TABLE orders ADD COLUMN "shippingNote" text'),
    ("naming", "OrderTags", 'CREATE TABLE "OrderTags" (id bigint PRIMARY KEY);'
     "CREATE TABLE stock_levels (id bigint PRIMARY KEY); CREATE TABLE price_lists (id bigint PRIMARY KEY);"
     "CREATE TABLE tax_rates (id bigint PRIMARY KEY)"),
    ("naming", "reviews.created_on", "ALTER TABLE reviews RENAME COLUMN created_at TO created_on"),
    ("unbounded-growth", "orders.events", "ALTER TABLE orders ADD COLUMN events jsonb NOT NULL DEFAULT '[]'"),
    ("duplicate-index", "order_lines_spare", "CREATE INDEX order_lines_spare ON order_lines (product_id)"),
    ("duplicate-index", "orders_turned", "CREATE INDEX orders_turned ON orders (tenant_id DESC, created_at)"),
    ("duplicate-index", "tenants_id_key", "ALTER TABLE tenants ADD UNIQUE (id)"),
    ("redundant-index", "orders_tenant", "CREATE INDEX orders_tenant ON orders (tenant_id)"),
    ("redundant-index", "customers_tenant_id_full_name_idx", "CREATE INDEX customers_wide ON customers"
     " (tenant_id, full_name, city)"),
    ("fk-without-index", "payments.order_id", "DROP INDEX payments_order_id_idx"),
    ("fk-without-index", "payments.order_id", "DROP INDEX payments_order_id_idx;"
     "CREATE INDEX ON payments (order_id) WHERE amount > 100"),
    ("key-overflow", "reviews_read.id", "CREATE TABLE reviews_read (id smallint PRIMARY KEY)"),
]  # fmt: skip

# What looks like a defect and is none.
SOUND = {
    "another operator class": "CREATE INDEX ON customers (tenant_id, full_name text_pattern_ops)",
    "another collation": 'CREATE INDEX ON customers (tenant_id, full_name COLLATE "C")',
    "another order": "CREATE INDEX ON orders (tenant_id, created_at)",
    "another predicate": "CREATE INDEX ON orders (created_at)",
    "no predicate": "CREATE INDEX ON orders (tenant_id, created_at DESC) WHERE status = 'paid'",
    "more included": "CREATE INDEX ON order_lines (product_id, quantity); DROP INDEX order_lines_product_id_idx;"
    "CREATE INDEX ON order_lines (product_id) INCLUDE (unit_price)",
    "unique prefix": "ALTER TABLE products ADD COLUMN code text NOT NULL UNIQUE; CREATE INDEX ON products (code, name)",
    "another method": "CREATE INDEX ON order_lines USING hash (product_id)",
    "an expression": "CREATE INDEX ON customers (tenant_id, lower(full_name))",
    "foreign key first by another order": "ALTER TABLE order_lines ADD COLUMN of uuid, ADD COLUMN of_line smallint;"
    "ALTER TABLE order_lines ADD FOREIGN KEY (of, of_line) REFERENCES order_lines ON DELETE CASCADE;"
    "CREATE INDEX ON order_lines (of_line, of)",
    "foreign key of those that are not NULL": "ALTER TABLE orders ADD COLUMN member_id bigint REFERENCES members"
    " ON DELETE SET NULL; CREATE INDEX ON orders (member_id) WHERE member_id IS NOT NULL",
    "id and type": "ALTER TABLE reviews ADD COLUMN order_id uuid, ADD COLUMN order_type text",
    "a log": "CREATE TABLE order_log (id bigint PRIMARY KEY, order_id uuid NOT NULL)",
    "Django's password": "ALTER TABLE members DROP COLUMN password_hash, ADD COLUMN password varchar(128)",
    "a commented secret": "ALTER TABLE members ADD COLUMN access_token text;"
    "COMMENT ON COLUMN members.access_token IS 'Encrypted with the key of the tenant'",
    "a device's token": "ALTER TABLE members ADD COLUMN device_token text",
    "local time": "ALTER TABLE orders ADD COLUMN delivered_local timestamp",
    "a few varchar(255)": "ALTER TABLE orders ALTER COLUMN note TYPE varchar(255)",
    "cost in time": "ALTER TABLE products ADD COLUMN total_hours real",
    "a ledger of entries": "CREATE TABLE ledger_entries (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)",
    "a migration tool's table": "CREATE TABLE alembic_version (version_num varchar(32))",
}


@pytest.fixture(scope="module")
def scratch(embedded_server: str) -> Iterator[PostgresqlEngine]:
    """One database for all schemas that are only tried out."""
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        yield engine


def facts_of(database: PostgresqlEngine, ddl: str) -> ReviewFacts:
    schema = database.preview(ddl, {})
    facts = schema_facts(schema, database)
    return replace(facts, rows={table.key: ROWS for table in facts.schema})


def findings(facts: ReviewFacts) -> list[Finding]:
    return [finding for outcome in review(RULES, facts) for finding in outcome.findings]


def outcome_of(rule: str, facts: ReviewFacts) -> RuleOutcome:
    return next(outcome for outcome in review(RULES, facts) if outcome.rule.id == rule)


def spoken_of(outcomes: tuple[RuleOutcome, ...]) -> None:
    """Every rule says what it looked at, or why it looked at nothing."""
    assert len(outcomes) == len(RULES)
    for outcome in outcomes:
        if outcome.outcome is Outcome.SKIPPED:
            assert outcome.reason, outcome.rule.id
            assert not outcome.examined
        else:
            assert outcome.examined > 0, outcome.rule.id


def test_nothing_is_said_of_the_clean_schema(scratch):
    outcomes = review(RULES, facts_of(scratch, CLEAN))
    assert [finding.id for outcome in outcomes for finding in outcome.findings] == []
    spoken_of(outcomes)


@pytest.mark.parametrize("rule, subject, change", DEFECTS, ids=[f"{r}-{s}" for r, s, _ in DEFECTS])
def test_a_defect_is_found_and_its_remedy_works(scratch, rule, subject, change):
    ddl = f"{CLEAN};{change};"
    found = findings(facts_of(scratch, ddl))
    assert [finding.id for finding in found] == [f"{rule}:{subject}"]
    (finding,) = found
    assert finding.what
    assert finding.evidence
    assert finding.why
    assert finding.remedy
    if finding.sql:
        assert findings(facts_of(scratch, ddl + ";".join(finding.sql) + ";")) == []
    else:
        assert rule in ("sensitive-plain-text", "naming", "unbounded-growth")


@pytest.mark.parametrize("change", SOUND.values(), ids=list(SOUND))
def test_no_false_alarm(scratch, change):
    assert [finding.id for finding in findings(facts_of(scratch, f"{CLEAN};{change};"))] == []


def test_every_static_rule_has_a_defect_here():
    own = {"nullable-never-null", "functional-dependency", "invalid-index", "bloated-index", "bloated-table"}
    of_schema = {rule.id for rule in RULES if rule.examine.__module__.startswith(_STATIC)}
    assert of_schema - own == {rule for rule, _, _ in DEFECTS}


_STATIC = ("loadlab.validate.review.schema", "loadlab.validate.review.indexes")


def test_an_empty_database_leaves_every_rule_skipped_with_its_reason(database):
    outcomes = review(RULES, live_facts(database))
    assert {outcome.outcome for outcome in outcomes} == {Outcome.SKIPPED}
    spoken_of(outcomes)


def test_a_schema_without_rows_proves_nothing_about_data(database):
    execute(database, CLEAN)
    outcomes = review(RULES, live_facts(database))
    spoken_of(outcomes)
    assert [finding.id for outcome in outcomes for finding in outcome.findings] == []
    skipped = {outcome.rule.id for outcome in outcomes if outcome.outcome is Outcome.SKIPPED}
    assert {"nullable-never-null", "functional-dependency", "bloated-index", "bloated-table"} <= skipped


def test_rows_that_loadlab_made_prove_nothing(database, tmp_path):
    (tmp_path / "clean.sql").write_text(CLEAN, encoding="utf-8")

    class Quiet:
        def step(self, text): ...
        def notes(self, notes): ...
        def seeding(self, progress): ...
        def load(self, *args): ...

    seed_database(str(tmp_path / "clean.sql"), database.url, DataOptions(rows_everywhere=1500, workers=1), Quiet())
    facts = live_facts(database)
    for rule in ("nullable-never-null", "functional-dependency"):
        found = outcome_of(rule, facts)
        assert found.outcome is Outcome.SKIPPED
        assert "LoadLab made the rows" in found.reason


def test_of_two_that_are_the_same_one_is_asked_whether_it_is_redundant(scratch):
    ddl = f"{CLEAN};CREATE INDEX orders_one ON orders (tenant_id);CREATE INDEX orders_two ON orders (tenant_id);"
    found = findings(facts_of(scratch, ddl))
    assert [finding.id for finding in found] == ["duplicate-index:orders_two", "redundant-index:orders_one"]


def test_the_load_of_a_live_database_is_what_clients_asked_of_its_tables(database):
    execute(database, CLEAN)
    with psycopg.connect(database.url, autocommit=True) as connection:
        for _ in range(3):
            connection.execute("SELECT id FROM customers WHERE id = 1")
        few = live_facts(database)
        for _ in range(120):
            connection.execute("SELECT id FROM customers WHERE id = 1")
            connection.execute("EXPLAIN SELECT id FROM customers WHERE id = 1")
    enough = live_facts(database)
    assert few.executions is None
    assert "no load" in few.why_missing("executions")
    assert list(enough.executions.values()) == [123]


def test_every_postgresql_tells_what_the_rules_ask(any_database):
    execute(any_database, CLEAN, "CREATE INDEX orders_tenant ON orders (tenant_id)")
    outcomes = review(RULES, live_facts(any_database))
    spoken_of(outcomes)
    assert [finding.id for outcome in outcomes for finding in outcome.findings] == ["redundant-index:orders_tenant"]
    measured = any_database.bloat(least_bytes=1, may_install=True)
    assert {size.index for size in measured if size.table == "payments"} == {"payments_pkey", "payments_order_id_idx"}
    assert all(size.wasted_bytes == 0 for size in measured)


def test_a_role_that_may_read_little_gets_reasons(database):
    role = f"reader_{database.url.rpartition('/')[2].partition('?')[0]}"
    execute(database, FILLED, f"CREATE ROLE {role} LOGIN")
    try:
        with open_database(database.url.replace("loadlab@", f"{role}@")) as engine:
            outcomes = review(RULES, live_facts(engine))
        spoken_of(outcomes)
        reasons = {outcome.rule.id: outcome.reason for outcome in outcomes}
        assert "GRANT" in reasons["nullable-never-null"]
        assert "permission denied" in reasons["functional-dependency"]
    finally:
        execute(database, f"DROP ROLE {role}")


# Data of an application -------------------------------------------------------------------------------------------


def execute(database: PostgresqlEngine, *statements: str) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def carry_out(database: PostgresqlEngine, finding: Finding) -> None:
    assert finding.sql
    execute(database, *finding.sql)


FILLED = """
    CREATE TABLE vendors (id bigint PRIMARY KEY, name text NOT NULL);
    CREATE TABLE sales (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        vendor_id bigint NOT NULL REFERENCES vendors ON DELETE RESTRICT,
        vendor_name text NOT NULL, buyer text, remark text, parent_id bigint REFERENCES sales ON DELETE SET NULL,
        paid_at timestamptz
    );
    CREATE INDEX sales_vendor_id_idx ON sales (vendor_id);
    CREATE INDEX sales_parent_id_idx ON sales (parent_id);
    INSERT INTO vendors SELECT i, 'Vendor ' || i FROM generate_series(1, 100) i;
    INSERT INTO sales (vendor_id, vendor_name, buyer, remark, parent_id, paid_at)
    SELECT 1 + i % 100, 'Vendor ' || (1 + i % 100), md5(i::text), CASE WHEN i % 50 > 0 THEN md5((i * 7)::text) END,
           1, now() FROM generate_series(0, 4999) i;
    ANALYZE;
"""


def test_the_applications_data_shows_columns_that_are_never_null(database):
    execute(database, FILLED)
    (finding,) = outcome_of("nullable-never-null", live_facts(database)).findings
    assert finding.subject == "sales.buyer"
    carry_out(database, finding)
    assert outcome_of("nullable-never-null", live_facts(database)).outcome is Outcome.CLEAN


def test_the_applications_data_shows_facts_that_are_stored_once_a_row(database):
    execute(database, FILLED)
    (finding,) = outcome_of("functional-dependency", live_facts(database)).findings
    assert finding.subject == "sales.vendor_id"
    assert "vendor_name" in finding.what
    assert "Vendor 7" not in " ".join((finding.what, *finding.evidence))
    execute(database, "UPDATE sales SET vendor_name = 'Renamed' WHERE id = 17", "ANALYZE")
    assert outcome_of("functional-dependency", live_facts(database)).outcome is Outcome.CLEAN


def test_an_invalid_index_is_found_and_rebuilt(database):
    execute(database, "CREATE TABLE things (id bigint PRIMARY KEY, code text NOT NULL)")
    execute(database, "INSERT INTO things VALUES (1, 'same'), (2, 'same')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(database, "CREATE UNIQUE INDEX CONCURRENTLY things_code_key ON things (code)")
    (finding,) = outcome_of("invalid-index", live_facts(database)).findings
    assert finding.subject == "things_code_key"
    execute(database, "UPDATE things SET code = 'other' WHERE id = 2")
    carry_out(database, finding)
    assert outcome_of("invalid-index", live_facts(database)).outcome is Outcome.CLEAN


def test_bloat_is_measured_and_goes(database):
    # 30 MB of rows and as much of an index over a wide key, nine tenths of which are deleted from all pages.
    execute(
        database,
        "CREATE EXTENSION pgstattuple",
        "CREATE TABLE notes (id bigint PRIMARY KEY, body text NOT NULL)",
        "INSERT INTO notes SELECT i, (SELECT string_agg(md5((i * 31 + j)::text), '') FROM generate_series(1, 30) j)"
        " FROM generate_series(1, 26000) i",
        "CREATE INDEX notes_body_idx ON notes (body)",
        "VACUUM ANALYZE notes",
    )
    before = live_facts(database)
    for rule in ("bloated-table", "bloated-index"):
        assert outcome_of(rule, before).outcome is Outcome.CLEAN
        assert outcome_of(rule, before).examined > 0
    execute(database, "DELETE FROM notes WHERE id % 10 > 0", "VACUUM ANALYZE notes")
    facts = live_facts(database)
    (table,) = outcome_of("bloated-table", facts).findings
    (index,) = outcome_of("bloated-index", facts).findings
    assert (table.subject, index.subject) == ("notes", "notes_body_idx")
    carry_out(database, index)
    assert outcome_of("bloated-index", live_facts(database)).findings == ()
    carry_out(database, table)
    assert outcome_of("bloated-table", live_facts(database)).findings == ()


def test_without_pgstattuple_a_live_database_is_not_touched(database):
    execute(database, FILLED)
    found = outcome_of("bloated-table", live_facts(database))
    assert found.outcome is Outcome.SKIPPED
    assert "CREATE EXTENSION pgstattuple" in found.reason
    assert any(size.table == "sales" for size in database.bloat(least_bytes=1, may_install=True))
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT FROM pg_extension WHERE extname = 'pgstattuple'").fetchone() is None


@pytest.mark.parametrize("change", [
    "DROP INDEX payments_order_id_idx",
    "CREATE INDEX order_lines_spare ON order_lines (product_id)",
    "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey",
    "ALTER TABLE payments DROP CONSTRAINT payments_order_id_fkey, ADD CONSTRAINT payments_order_id_fkey"
    " FOREIGN KEY (order_id) REFERENCES orders",
])  # fmt: skip
def test_the_remedies_for_tables_in_use_work(database, change):
    execute(database, CLEAN, change)
    (finding,) = findings(live_facts(database))
    assert any(word in " ".join(finding.sql) for word in ("CONCURRENTLY", "NOT VALID"))
    carry_out(database, finding)
    assert findings(live_facts(database)) == []


def test_nothing_of_a_live_database_is_changed(database):
    execute(database, FILLED)
    with psycopg.connect(database.url, autocommit=True) as connection:
        count = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), (SELECT count(*) FROM pg_class) FROM pg_stat_all_tables"
        before = connection.execute(count.encode()).fetchone()
        live_facts(database)
        assert connection.execute(count.encode()).fetchone() == before


# The load ---------------------------------------------------------------------------------------------------------


def loaded(facts: ReviewFacts, **texts: str) -> ReviewFacts:
    statements = {name: Statement.parse(text) for name, text in texts.items()}
    return replace(facts, statements=statements, executions=dict.fromkeys(texts, 10))


def test_the_load_shows_what_grows_and_what_a_finding_touches(scratch):
    facts = loaded(
        facts_of(scratch, CLEAN),
        tag="UPDATE customers SET tags = array_append(tags, :tag) WHERE id = :id",
        join="UPDATE customers SET tags = tags || ARRAY[:tag] WHERE id = :id",
        settings="UPDATE members SET settings = settings || CAST(:more AS jsonb) WHERE id = :id",
        read="SELECT city FROM customers WHERE id = :id",
        other="SELECT 1 FROM orders WHERE id = :id",
    )
    (finding,) = findings(facts)
    assert finding.id == "unbounded-growth:customers.tags"
    assert finding.load_share == pytest.approx(0.4)
    assert "tag, join" in " ".join(finding.evidence)


def test_a_finding_says_how_much_of_the_load_it_touches(scratch):
    ddl = f"{CLEAN}; DROP INDEX payments_order_id_idx;"
    facts = loaded(
        facts_of(scratch, ddl),
        pay="INSERT INTO payments (order_id, amount) VALUES (:id, :amount)",
        forget="DELETE FROM orders WHERE id = :id",
        a="SELECT name FROM products WHERE id = :id",
        b="WITH payments AS (SELECT 1 AS x) SELECT x FROM payments",
    )
    (finding,) = findings(facts)
    assert finding.load_share == pytest.approx(0.25)
    assert any("forget" in item for item in finding.evidence)


def test_small_tables_need_no_index_for_their_foreign_keys(scratch):
    facts = facts_of(scratch, f"{CLEAN}; DROP INDEX payments_order_id_idx;")
    assert findings(replace(facts, rows={**facts.rows, "payments": 999})) == []


def test_large_is_what_a_default_cache_does_not_hold(scratch):
    facts = facts_of(scratch, f"{CLEAN}; ALTER TABLE orders ALTER COLUMN id SET DEFAULT gen_random_uuid();")
    assert findings(replace(facts, rows={**facts.rows, "orders": 3_999_999})) == []


# Silence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["fk-*", "fk-without-index", "fk-without-index:payments.*", "*"])
def test_a_silenced_finding_is_counted_and_not_heard(scratch, pattern):
    facts = facts_of(scratch, f"{CLEAN}; DROP INDEX payments_order_id_idx;")
    outcomes = review(RULES, facts, [pattern])
    assert not any(outcome.findings for outcome in outcomes)
    assert sum(len(outcome.silenced) for outcome in outcomes) == 1


def test_a_pattern_that_silences_nothing_is_told(scratch):
    facts = facts_of(scratch, CLEAN)
    silence = ["naming:no_such_*", "naming", "fk-without-index:orders.gone"]
    unmatched = {outcome.rule.id: outcome.unmatched for outcome in review(RULES, facts, silence) if outcome.unmatched}
    assert unmatched == {"naming": ("naming:no_such_*",), "fk-without-index": ("fk-without-index:orders.gone",)}


def test_another_subject_is_heard(scratch):
    facts = facts_of(scratch, f"{CLEAN}; DROP INDEX payments_order_id_idx;")
    outcomes = review(RULES, facts, ["fk-without-index:orders.*"])
    assert sum(len(outcome.findings) for outcome in outcomes) == 1


# SQLite -----------------------------------------------------------------------------------------------------------

SQLITE = """
    CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born DATE);
    CREATE TABLE books (
        id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL REFERENCES authors (id) ON DELETE CASCADE,
        title TEXT NOT NULL, price DOUBLE PRECISION, created_at TIMESTAMP NOT NULL
    );
    CREATE INDEX books_author_id_idx ON books (author_id, title);
    CREATE INDEX books_title_idx ON books (title COLLATE NOCASE);
"""


@pytest.mark.parametrize("rule, subject, change", [
    ("duplicate-index", "books_spare", "CREATE INDEX books_spare ON books (author_id, title)"),
    ("redundant-index", "books_author", "CREATE INDEX books_author ON books (author_id)"),
    ("fk-without-index", "books.author_id", "DROP INDEX books_author_id_idx"),
])  # fmt: skip
def test_sqlite(rule, subject, change, tmp_path):
    with open_database(f"sqlite:///{tmp_path}/books.db") as engine:
        assert findings(schema_facts(engine.preview(SQLITE, {}), engine)) == []
        ddl = f"{SQLITE} {change};"
        (finding,) = findings(schema_facts(engine.preview(ddl, {}), engine))
        assert finding.id == f"{rule}:{subject}"
        assert findings(schema_facts(engine.preview(f"{ddl} {';'.join(finding.sql)};", {}), engine)) == []


MYSQL = """
    CREATE TABLE authors (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(90) NOT NULL, born DATE);
    CREATE TABLE books (
        id BIGINT AUTO_INCREMENT PRIMARY KEY, author_id BIGINT NOT NULL,
        title VARCHAR(200) NOT NULL, price DECIMAL(10, 2), created_at DATETIME NOT NULL,
        CONSTRAINT books_author FOREIGN KEY (author_id) REFERENCES authors (id) ON DELETE CASCADE
    );
    CREATE INDEX books_author_id_idx ON books (author_id, title);
    CREATE INDEX books_title_idx ON books (title(20));
"""


@pytest.mark.parametrize("rule, subject, change", [
    ("duplicate-index", "books_spare", "CREATE INDEX books_spare ON books (author_id, title)"),
    ("redundant-index", "books_short", "CREATE INDEX books_short ON books (author_id)"),
    ("no-primary-key", "notes", "CREATE TABLE notes (body TEXT NOT NULL)"),
    ("money-as-float", "books.price", "ALTER TABLE books MODIFY price DOUBLE"),
])  # fmt: skip
def test_mariadb(rule, subject, change, mysql_database):
    assert findings(schema_facts(mysql_database.preview(MYSQL, {}), mysql_database)) == []
    ddl = f"{MYSQL} {change};"
    (finding,) = findings(schema_facts(mysql_database.preview(ddl, {}), mysql_database))
    assert finding.id == f"{rule}:{subject}"
    cured = f"{ddl} {';'.join(finding.sql)};"
    assert findings(schema_facts(mysql_database.preview(cured, {}), mysql_database)) == []


def test_what_mariadb_cannot_tell_of_deletions_is_asked_of_the_scenario(mysql_database):
    foreign = "FOREIGN KEY (author_id) REFERENCES authors (id)"
    ddl = f"{MYSQL} ALTER TABLE books ADD {foreign} ON DELETE NO ACTION;"
    facts = schema_facts(mysql_database.preview(ddl, {}), mysql_database)
    rule = [rule for rule in RULES if rule.id == "fk-without-on-delete"]
    (untold,) = review(rule, facts)
    assert (untold.outcome, untold.findings) == (Outcome.SKIPPED, ())
    assert "ON DELETE RESTRICT" in untold.reason

    def stated(action: str) -> Schema:
        books = facts.schema.table("books")
        keys = tuple(replace(key, on_delete=action) for key in books.foreign_keys)
        return Schema((replace(books, foreign_keys=keys),), "postgresql")

    (said,) = review(rule, replace(facts, stated=stated("RESTRICT")))
    assert said.outcome is Outcome.CLEAN
    (unsaid,) = review(rule, replace(facts, stated=stated("NO ACTION")))
    assert [finding.subject for finding in unsaid.findings] == ["books"]


def test_where_the_server_keeps_no_references_an_index_is_for_joins(mongodb_database):
    ddl = next(engine.ddl for engine in ENGINES if engine.name == "mongodb")
    ddl = ddl.replace('{"key": {"author_id": 1, "changed": -1}, "name": "works_author_id_changed_idx"},', "")
    facts = schema_facts(mongodb_database.preview(ddl, {}), mongodb_database)
    (found,) = review([rule for rule in RULES if rule.id == "fk-without-index"], facts)
    (finding,) = found.findings
    assert finding.subject == "works.author_id"
    assert "join" in finding.why
    assert not any(word in " ".join((*finding.evidence, finding.why)) for word in ("ON DELETE", "lock"))


def test_sqlite_keeps_other_collations_and_orders(tmp_path):
    with open_database(f"sqlite:///{tmp_path}/books.db") as engine:
        more = "CREATE INDEX by_title ON books (title); CREATE INDEX by_both ON books (author_id, title DESC);"
        assert findings(schema_facts(engine.preview(SQLITE + more, {}), engine)) == []
        spoken_of(review(RULES, live_facts(engine)))


def test_why_the_servers_cores_are_not_known_is_told(database: PostgresqlEngine) -> None:
    with open_database("sqlite://") as other:
        cores, why = _cores(other)
    assert cores is None
    assert why.startswith("SQLite ")
    assert _cores(database) == (this_machine().cores, "")
