"""The shape of a database from its statistics alone: nothing is read, little is shown, and seeding reproduces it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import yaml

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import open_database
from loadlab.engines.abilities import CanProfile
from loadlab.engines.postgresql.connection import publish_counters
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.profile import array_items
from loadlab.errors import DatabaseError, InputError
from loadlab.pipeline import profile_database
from loadlab.profile.shape import Profile, ProfileOptions
from loadlab.profile.text import profile_text
from loadlab.profile.values import interval_s, merged_bins, rounded_bounds
from loadlab.schema.statistics import TableStatistics
from loadlab.seeding.seeder import seed
from loadlab.spec.scenario import Scenario, load_scenario

DDL = """\
CREATE TYPE state AS ENUM ('open', 'paid', 'shipped', 'cancelled');
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    country text NOT NULL,
    segment text,
    score double precision,
    born date,
    created_at timestamptz NOT NULL
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status state NOT NULL,
    payment text,
    coupon text,
    total numeric(10, 2) NOT NULL CHECK (total >= 10),
    quantity int NOT NULL,
    city text,
    weight real,
    took interval,
    paid boolean NOT NULL,
    note text,
    document jsonb,
    placed_at timestamp NOT NULL
);
CREATE TABLE parcels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivered_at timestamptz,
    shipped_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    receipt_date date
);
CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, kind text NOT NULL, PRIMARY KEY (id, at))
    PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE STATISTICS payments (ndistinct, dependencies, mcv) ON status, payment FROM orders;
"""
ROWS = {"customers": 5_000, "orders": 30_000, "events": 9_000, "parcels": 12_000}
FILL = """\
SELECT setseed(0.5);
INSERT INTO customers (email, country, segment, score, born, created_at)
    SELECT 'u' || i || '@example.org', (ARRAY['de','de','de','de','fr','fr','it','es','us','pl'])[1 + i % 10],
           CASE WHEN i % 3 = 0 THEN (ARRAY['gold','silver'])[1 + (i / 3) % 2] END, random() * random() * 1000,
           date '1950-01-01' + (random() * 20000)::int, timestamptz '2024-01-01 00:00Z' + i * interval '1 hour'
    FROM generate_series(1, 5000) i;
INSERT INTO orders (status, payment, coupon, total, quantity, city, weight, took, paid, note, document, placed_at)
    SELECT (ARRAY['open','paid','shipped','shipped','cancelled'])[1 + i % 5]::state,
           CASE i % 5 WHEN 0 THEN NULL WHEN 4 THEN 'refund' ELSE (ARRAY['card','paypal'])[1 + (i / 7) % 2] END,
           CASE WHEN i % 20 = 0 THEN 'C' || (i % 300) END, round((exp(random() * 4) * 10 + 0.01)::numeric, 2),
           1 + floor(8 * random() ^ 3)::int, 'city, "' || floor(900 * random() ^ 2), random() * 30,
           make_interval(mins => (random() * 600)::int), i % 5 IN (1, 2, 3),
           CASE WHEN i % 4 = 0 THEN 'note ' || md5(i::text) END, jsonb_build_object('n', i),
           timestamp '2024-06-01' + i * interval '10 min' + random() * interval '9 min'
    FROM generate_series(1, 30000) i;
INSERT INTO parcels (created_at, shipped_at, delivered_at, updated_at, starts_on, ends_on, receipt_date)
    SELECT at, shipped, shipped + random() * interval '5 days', greatest(at, shipped) + random() * interval '9 days',
           starts, starts + (random() * 12)::int, CASE WHEN n % 3 > 0 THEN at::date + (random() * 30)::int END
    FROM (SELECT n, at, CASE WHEN n % 4 > 0 THEN at + interval '1 hour' + random() * interval '3 days' END AS shipped,
                 date '2023-01-01' + (random() * 900)::int AS starts
          FROM (SELECT n, timestamptz '2023-01-01 00:00Z' + random() * interval '900 days' AS at
                FROM generate_series(1, 12000) n) AS a) AS b;
INSERT INTO events SELECT i, date '2024-01-01' + (i % 730), (ARRAY['a','b','c'])[1 + i % 3]
    FROM generate_series(1, 9000) i;
"""


def execute(url: str, *scripts: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for script in scripts:
            connection.execute(script.encode())


@pytest.fixture
def production(any_database: PostgresqlEngine) -> PostgresqlEngine:
    """A database with data in it, analysed."""
    execute(any_database.url, DDL, FILL, "ANALYZE")
    return any_database


def test_of_a_partitioned_table_as_many_rows_are_sampled_as_are_wanted(production: PostgresqlEngine) -> None:
    """Its own number of rows, which ANALYZE knows as well, is that of its partitions."""
    events = production.reflect().table("events")
    for wanted in (2_000, 4_000):
        assert len(production.sample_rows(events, ["id"], wanted)) == wanted


@pytest.fixture
def reader(production: PostgresqlEngine) -> Iterator[str]:
    """The address of a role that may log in, and no more."""
    name = f"reader_{uuid4().hex[:12]}"
    execute(production.url, f"CREATE ROLE {name} LOGIN")
    info = psycopg.conninfo.conninfo_to_dict(production.url) | {"user": name}
    yield psycopg.conninfo.make_conninfo("", **info)
    execute(production.url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def profile(url: str, *tables: str, **options: Any) -> Profile:
    return profile_database(url, list(tables), ProfileOptions(**options))


def statistics(engine: PostgresqlEngine) -> dict[str, TableStatistics]:
    assert isinstance(engine, CanProfile)
    return dict(engine.statistics(None).tables)


def scans(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        publish_counters(connection)
        return connection.execute(
            "SELECT relname, seq_scan, coalesce(idx_scan, 0), seq_tup_read FROM pg_stat_user_tables ORDER BY 1"
        ).fetchall()


def test_no_table_is_read(production: PostgresqlEngine) -> None:
    before = scans(production.url)
    assert len(before) == 5 + 1
    made = profile(production.url)
    assert set(made.tables) == set(ROWS)
    after = scans(production.url)
    assert after == before
    execute(production.url, "SELECT count(*) FROM orders")
    assert scans(production.url) != before, "a scan would have been seen"


def as_url(conninfo: str) -> str:
    info = psycopg.conninfo.conninfo_to_dict(conninfo)
    host = str(info["host"])
    where = f"/{info['dbname']}?host={host}&port={info['port']}" if host.startswith("/") else None
    return f"postgresql://{info['user']}@" + (where or f"{host}:{info['port']}/{info['dbname']}")


def test_a_role_without_a_right_on_any_table(production: PostgresqlEngine, reader: str) -> None:
    url = as_url(reader)
    with pytest.raises(DatabaseError, match=r"GRANT SELECT ON pg_statistic, pg_statistic_ext_data TO reader_"):
        profile(url)
    role = psycopg.conninfo.conninfo_to_dict(reader)["user"]
    execute(production.url, f"GRANT SELECT ON pg_statistic, pg_statistic_ext_data TO {role}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(url, "SELECT * FROM customers")
    assert profile(url) == profile(production.url)


def test_what_a_role_cannot_see_is_named(production: PostgresqlEngine, reader: str) -> None:
    role = psycopg.conninfo.conninfo_to_dict(reader)["user"]
    execute(production.url, f"GRANT SELECT ON orders TO {role}")
    made = profile(as_url(reader))
    assert made.tables["orders"]["columns"] == profile(production.url).tables["orders"]["columns"] | {
        "payment": made.tables["orders"]["columns"]["payment"]
    }
    assert made.tables["customers"] == {"rows": 5000}
    assert any("no statistics can be seen of customers, events, parcels" in note for note in made.notes)


def test_values_are_shown_only_where_they_may(production: PostgresqlEngine) -> None:
    made = profile(production.url, "orders")
    columns = made.tables["orders"]["columns"]
    assert set(made.real_values) == {
        "orders.status",
        "orders.payment",
        "orders.coupon",
        "orders.quantity",
        "orders.paid",
    }
    assert "city" not in profile_text(made).replace("      city:", "")
    assert columns["city"]["distinct"] == pytest.approx(900, rel=0.03)
    assert "common" not in columns["city"]
    few = profile(production.url, "orders", values_up_to=4)
    assert set(few.real_values) == {"orders.status", "orders.payment", "orders.paid"}
    allowed = profile(production.url, "orders", allowed=frozenset({"orders.city"}))
    assert allowed.tables["orders"]["columns"]["city"]["common"][0] == 'city, "0'
    assert "orders.city" in allowed.real_values
    everything = profile(production.url, "orders", all_allowed=True).tables["orders"]["columns"]
    assert all(bound.startswith("note ") for bound in everything["note"]["histogram"]["bounds"])
    with pytest.raises(InputError, match=r"--allow-values=orders\.town names no column"):
        profile(production.url, allowed=frozenset({"orders.town"}))
    with pytest.raises(InputError, match="--table=order names no table; tables: customers, events, orders, parcels"):
        profile(production.url, "order")


def test_bounds_are_rounded(production: PostgresqlEngine) -> None:
    total = profile(production.url).tables["orders"]["columns"]["total"]["histogram"]["bounds"]
    assert all(len(f"{bound:g}".replace(".", "").strip("0")) <= 2 for bound in total)
    assert total[0] >= 10, "a CHECK holds"
    days = profile(production.url).tables["events"]["columns"]["at"]["histogram"]["bounds"]
    assert days[0] >= "2024-01-01"
    assert days[-1] <= "2025-12-31", "the partitions hold"
    exact = profile(production.url, all_allowed=True).tables["orders"]["columns"]["total"]["histogram"]["bounds"]
    assert any(len(f"{bound:g}".replace(".", "")) > 2 for bound in exact)


def test_the_file_says_what_it_shows(production: PostgresqlEngine) -> None:
    made = profile(production.url)
    text = profile_text(made)
    head = [line for line in text.splitlines() if line.startswith("#")]
    for name in made.real_values:
        assert any(name in line for line in head)
    for name in made.rounded:
        assert any(name in line for line in head)
    assert yaml.safe_load(text) == {"data": {"tables": json.loads(json.dumps(made.tables))}}


def test_a_partitioned_table_counts_its_partitions(production: PostgresqlEngine) -> None:
    assert profile(production.url).tables["events"]["rows"] == ROWS["events"]


def test_a_table_that_was_never_analysed_is_named(database: PostgresqlEngine) -> None:
    execute(database.url, "CREATE TABLE fresh (id int PRIMARY KEY)")
    made = profile(database.url)
    assert made.tables == {"fresh": {}}
    assert made.notes == ("fresh: never analysed, so neither rows nor values are known; ANALYZE it first",)


def test_columns_that_depend_on_each_other(production: PostgresqlEngine) -> None:
    given = profile(production.url).tables["orders"]["columns"]["payment"]["given"]
    assert given["column"] == "status"
    assert given["cases"]["open"] == {"null_share": 1}
    assert given["cases"]["cancelled"]["values"] == ["refund"]
    assert sorted(given["cases"]["paid"]["values"]) == ["card", "paypal"]


def scenario(folder: Path, made: Profile, own: dict[str, Any] | None = None) -> Scenario:
    (folder / "shape.yaml").write_text(profile_text(made), encoding="utf-8")
    (folder / "schema.sql").write_text(DDL, encoding="utf-8")
    data = {"schema": "schema.sql", "data": {"profile": "shape.yaml", **(own or {})}}
    (folder / "scenario.yaml").write_text(json.dumps(data), encoding="utf-8")
    return load_scenario(folder)


def test_a_scenario_goes_before_its_profile(production: PostgresqlEngine, tmp_path: Path) -> None:
    own = {"tables": {"orders": {"rows": 7, "columns": {"city": {"values": ["x"]}}}}}
    shape = scenario(tmp_path, profile(production.url), own).file.data
    assert shape.tables["orders"].rows == 7
    assert shape.tables["orders"].columns["city"].values == ["x"]
    assert shape.tables["orders"].columns["city"].distinct is None
    assert shape.tables["orders"].columns["quantity"].weights is not None
    assert shape.tables["customers"].rows == 5000
    (tmp_path / "shape.yaml").unlink()
    with pytest.raises(InputError, match=r"data\.profile=shape\.yaml does not exist"):
        load_scenario(tmp_path)


@pytest.mark.slow
def test_seeding_reproduces_the_statistics(
    production: PostgresqlEngine, new_database: Callable[[], PostgresqlEngine], tmp_path: Path
) -> None:
    made = scenario(tmp_path, profile(production.url))
    seeded = new_database()
    request = DataRequest(made.file.data, 1.0, 3, made.full_rows, {})
    dataset = Dataset.plan_for(seeded.preview(DDL, {}), request, owns_tables=True)
    seed(seeded, dataset, workers=1, observe=lambda progress: None)
    execute(seeded.url, "ANALYZE")
    wanted, found = statistics(production), statistics(seeded)
    for name, table in wanted.items():
        assert found[name].rows == table.rows
        for column, one in table.columns.items():
            where, other = f"{name}.{column}", found[name].columns[column]
            assert other.null_share == pytest.approx(one.null_share, abs=0.005), where
            if where in ("events.id", "events.at"):
                continue
            rows = table.rows or 0
            counts = [item.distinct if item.distinct > 0 else -item.distinct * rows for item in (one, other)]
            assert counts[1] == pytest.approx(counts[0], rel=0.05), where
            tops = [share for share in one.common_shares[:5] if share * rows >= 500]
            assert list(other.common_shares[: len(tops)]) == pytest.approx(tops, rel=0.05), where
            if abs(one.correlation or 0) > 0.98 and column != "document":
                assert other.correlation == pytest.approx(one.correlation, abs=0.02), where
    assert out_of_order(production.url) == out_of_order(seeded.url) == 0
    joint = found["orders"].joint[0]
    assert {values for values, _ in joint.common} == {values for values, _ in wanted["orders"].joint[0].common}


def out_of_order(url: str) -> int:
    """Rows whose moments are not in the order in which things happen."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT count(*) FROM parcels WHERE shipped_at < created_at OR delivered_at < shipped_at"
            " OR delivered_at < created_at OR updated_at < created_at OR updated_at < shipped_at OR ends_on < starts_on"
            " OR receipt_date < created_at::date"
        ).fetchone()
    assert found is not None
    return int(found[0])


# -- pure parts ------------------------------------------------------------------------------------------------------


def test_items_of_an_array() -> None:
    assert array_items(None) == ()
    assert array_items(r'{a,"b c","x\"y\\z","NULL",12,"","{1,2}"}') == ("a", "b c", 'x"y\\z', "NULL", "12", "", "{1,2}")


@pytest.mark.parametrize(
    "text, seconds",
    [("01:02:03.5", 3723.5), ("-00:00:10", -10), ("3 days", 259200), ("1 year 2 mons -1 days 00:00:01", 36201601)],
)
def test_seconds_of_an_interval(text: str, seconds: float) -> None:
    expected = 420 * 86400 - 86400 + 1 if text.startswith("1 year") else seconds
    assert interval_s(text) == expected


def test_rounding_keeps_the_order() -> None:
    assert rounded_bounds([10.01, 14.6, 99.9, 101, 1234], "numeric") == [11, 15, 100, 100, 1200]
    assert rounded_bounds([-123, 0, 5], "integer") == [-120, 0, 5]
    assert rounded_bounds(["2024-01-01 00:30:00", "2024-03-01", "2024-12-31 23:59:59"], "timestamp")[0] == "2024-01-02"


def test_bins_with_equal_bounds_are_merged() -> None:
    assert merged_bins([1, 2, 3]) == ([1, 2, 3], None)
    kept, shares = merged_bins([1, 2, 2, 3, 4])
    assert kept == [1, 2, 3, 4]
    assert shares == [0.375, 0.375, 0.25]


def test_an_engine_without_statistics_says_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    with open_database(url):
        pass
    with pytest.raises(InputError, match="is not possible with SQLite"):
        profile(url)
