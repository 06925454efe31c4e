"""What every engine must do; the gaps are declared in conftest.py."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import subprocess
import sys
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadlab.engines import mask, open_database, scratch_database
from loadlab.engines.abilities import CanExplain, CanRenderInsert
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.errors import (
    ConflictError,
    ConstraintError,
    DatabaseError,
    InputError,
    StatementTimeoutError,
    UnreachableError,
)
from loadlab.spec.statement import Statement
from tests.engines.books import (
    author,
    batch,
    fill,
    full_work,
    load,
    meant_works,
    prepare,
    read,
    stored_works,
    work,
)
from tests.engines.words import asked

ROOT = Path(__file__).resolve().parents[2]
INSERT_AUTHOR = "INSERT INTO authors (id, email) VALUES (:id, :email)"


def silent(_: str) -> None:
    pass


# Opening -------------------------------------------------------------------------------------------------------------


def test_an_opened_database_says_what_it_is(engine, under_test):
    assert engine.name == under_test.name
    assert any(character.isdigit() for character in engine.version())
    assert engine.user_tables() == {}
    assert engine.reflect().tables == ()
    assert engine.manifest() is None
    assert engine.loaded() == frozenset()


def test_the_url_opens_the_same_database_anew(engine, under_test):
    fill(engine, under_test.ddl, [full_work(1)])
    with open_database(engine.url) as again:
        assert again.user_tables() == {"authors": True, "works": True}


def test_nobody_there_is_one_line_without_the_password(under_test):
    with pytest.raises(UnreachableError) as caught:
        open_database(under_test.unreachable_url)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in mask(under_test.unreachable_url)


def test_a_scratch_database_is_empty_and_of_that_kind(under_test):
    with scratch_database(under_test.name) as scratch:
        assert scratch.name == under_test.name
        assert scratch.user_tables() == {}


# Preview -------------------------------------------------------------------------------------------------------------


def test_preview_leaves_nothing_behind(engine, under_test):
    schema = engine.preview(under_test.ddl, {"find": asked(under_test.name, "SELECT title FROM works WHERE id = :id")})
    assert [table.key for table in schema] == ["authors", "works"]
    assert schema.dialect == under_test.name
    assert schema.ddl == under_test.ddl
    assert engine.user_tables() == {}
    assert engine.manifest() is None


def test_preview_describes_the_tables(engine, under_test):
    works = engine.preview(under_test.ddl, {}).table("works")
    kinds = {column.name: column.type.kind for column in works.columns}
    # A virtual column holds what another engine's index has a condition for.
    assert kinds.pop("sold_title", "text") == "text"
    if not under_test.has_generated_columns:
        kinds["price_twice"] = "numeric"
    assert kinds == {
        "id": "uuid",
        "author_id": "integer",
        "rating": "integer",
        "copies": "integer",
        "price": "numeric",
        "weight": "float",
        "sold": "boolean",
        "title": "text",
        "document": "json",
        "picture": "bytes",
        "published": "date",
        "opens": "time",
        "written": "timestamp",
        "changed": "timestamp",
        "price_twice": "numeric",
    }
    assert (works.column("price").type.precision, works.column("price").type.scale) == (12, 2)
    assert not under_test.has_generated_columns or works.column("price_twice").generated
    assert works.primary_key == ("id",)
    assert [column.name for column in works.columns if not column.nullable] == ["id", "author_id", "rating"]
    (key,) = works.foreign_keys
    assert (key.columns, key.target, key.target_columns) == (("author_id",), "authors", ("id",))
    assert key.on_delete == ("CASCADE" if under_test.enforces_references else "NO ACTION")
    assert [check.name for check in works.checks] == ["works_rating_range"]
    indexes = {index.name: index for index in works.indexes if index.keys != works.primary_key}
    assert set(indexes) == {"works_author_id_changed_idx", "works_lower_title_idx", "works_sold_title_key"}
    assert indexes["works_author_id_changed_idx"].keys == ("author_id", "changed")
    assert indexes["works_sold_title_key"].unique
    assert ("email",) in engine.preview(under_test.ddl, {}).table("authors").unique_keys


def test_preview_describes_indexes_of_expressions_and_with_conditions(engine, under_test):
    works = engine.preview(under_test.ddl, {}).table("works")
    indexes = {index.name: index for index in works.indexes}
    assert indexes["works_lower_title_idx"].has_expressions
    assert "title" in (indexes["works_sold_title_key"].predicate or "")


def test_bad_ddl_names_the_line(engine, under_test):
    with pytest.raises(InputError, match="line 3") as caught:
        engine.preview(under_test.bad_ddl, {})
    assert "\n" not in str(caught.value)
    assert engine.user_tables() == {}


def test_a_bad_statement_is_named_with_what_is_wrong(engine, under_test):
    statements = {
        "good": asked(under_test.name, "SELECT id FROM authors WHERE email = :email"),
        "bad": asked(under_test.name, "SELECT sallary FROM authors WHERE id = :id"),
    }
    with pytest.raises(InputError, match=r"operation bad.*sallary") as caught:
        engine.preview(under_test.ddl, statements)
    assert "\n" not in str(caught.value)
    assert engine.user_tables() == {}


def test_statements_are_checked_against_the_tables_that_are_there(engine, under_test):
    prepare(engine, under_test.ddl)
    engine.check_statements({"good": asked(under_test.name, INSERT_AUTHOR)})
    assert engine.user_tables() == {"authors": False, "works": False}
    with pytest.raises(InputError, match=r"operation lost.*nowhere"):
        engine.check_statements({"lost": asked(under_test.name, "SELECT 1 FROM nowhere")})


# Create, load, finish ------------------------------------------------------------------------------------------------


def test_the_schema_after_equals_the_schema_before(engine, under_test):
    before = fill(engine, under_test.ddl, [full_work(number) for number in range(50)])
    after = engine.reflect()
    assert after.tables == before.tables
    assert after.fingerprint == before.fingerprint


def test_indexes_wait_until_the_rows_are_in(engine, under_test):
    manifest = prepare(engine, under_test.ddl)
    put_off = {"works_author_id_changed_idx", "works_lower_title_idx", "works_sold_title_key"}
    assert not put_off & {index.name for index in engine.reflect().table("works").indexes}
    lines: list[str] = []
    engine.finish(manifest, lines.append)
    assert put_off <= {index.name for index in engine.reflect().table("works").indexes}
    assert lines
    assert all("\n" not in line for line in lines)


def test_rows_come_back_as_they_were_loaded(engine, under_test):
    rows = [full_work(number) for number in range(1, 300)] + [work(number) for number in range(300, 340)]
    schema = fill(engine, under_test.ddl, rows)
    assert stored_works(engine, schema) == meant_works(schema, rows)
    if under_test.has_generated_columns:
        assert read(engine, "SELECT count(*) FROM works WHERE price_twice = price * 2") == [(299,)]


HIGHEST, LOWEST = dt.datetime.max, dt.datetime.min
BEFORE_1970 = dt.datetime(1969, 12, 31, 23, 59, 59, 1, dt.UTC)
EDGES = [
    work(0, copies=2**63 - 1, price=Decimal("9999999999.99"), weight=1.7976931348623157e308, sold=True, title=""),
    work(1, copies=-(2**63), price=Decimal("-9999999999.99"), weight=5e-324, sold=False),
    work(2, copies=0, price=Decimal("0.00"), weight=-0.5, document="{}", picture=b"", title="\x01\x7f€😀"),
    work(3, price=Decimal("0.01"), weight=0.1, document='{"a": "\\u00e9", "b": [true, null, -1.5e3]}'),
    work(4, published=LOWEST.date(), opens=LOWEST.time(), written=LOWEST, picture=b"\x00\xff\n"),
    work(5, published=HIGHEST.date(), opens=HIGHEST.time(), written=HIGHEST, changed=BEFORE_1970),
    work(6, title="\\N\t\r\n\\.", price=Decimal("-0.05")),
    work(7, title="'; DROP TABLE works --"),
]


def test_edge_values_come_back(engine, under_test):
    schema = fill(engine, under_test.ddl, EDGES)
    assert stored_works(engine, schema) == meant_works(schema, EDGES)


def test_infinities_are_kept(engine, under_test):
    fill(engine, under_test.ddl, [work(1, weight=-math.inf), work(2, weight=math.inf)])
    assert read(engine, "SELECT weight FROM works ORDER BY id") == [(-math.inf,), (math.inf,)]


def test_nan_is_kept(engine, under_test):
    fill(engine, under_test.ddl, [work(1, weight=math.nan)])
    ((value,),) = read(engine, "SELECT weight FROM works")
    assert value is not None
    assert math.isnan(value)


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9).map(lambda x: round(x, 3)) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_VALUES = {
    "rating": st.integers(1, 5),
    "copies": st.none() | st.integers(-(2**63), 2**63 - 1),
    "price": st.none() | st.decimals(-(10**10) + 1, 10**10 - 1, places=2),
    "weight": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "sold": st.none() | st.booleans(),
    "title": st.none() | _TEXT,
    "document": st.none() | st.dictionaries(_TEXT, _JSON, max_size=3).map(json.dumps),
    "picture": st.none() | st.binary(max_size=40),
    "published": st.none() | st.dates(),
    "opens": st.none() | st.times(),
    "written": st.none() | st.datetimes(),
    "changed": st.none() | st.datetimes(timezones=st.just(dt.UTC)),
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.fixed_dictionaries(_VALUES), min_size=1, max_size=40))
def test_any_value_round_trips(engine, under_test, values):
    manifest = engine.manifest() or prepare(engine, under_test.ddl)
    table = manifest.schema.table("works")
    start = max((chunk.stop for chunk in engine.loaded()), default=0)
    rows = [work(start + number, **row) for number, row in enumerate(values)]
    assert load(engine, table, start, rows) == len(rows)
    stored = stored_works(engine, manifest.schema)
    assert stored[start:] == meant_works(manifest.schema, rows)


VIOLATIONS = {
    "primary key": ("INSERT INTO authors (id, email) VALUES (:a, :b)", {"a": 1, "b": "new@example.com"}),
    "unique": ("INSERT INTO authors (id, email) VALUES (:a, :b)", {"a": 99, "b": "author1@example.com"}),
    "not null": ("INSERT INTO authors (id, email) VALUES (:a, :b)", {"a": 99, "b": None}),
    "foreign key": ("INSERT INTO works (id, author_id, rating) VALUES (:k, :a, 1)", {"k": UUID(int=77), "a": 12345}),
    "check": ("INSERT INTO works (id, author_id, rating) VALUES (:k, 1, :r)", {"k": UUID(int=77), "r": 6}),
    "partial unique": (
        "INSERT INTO works (id, author_id, rating, title, sold) VALUES (:k, 1, 1, :t, :s)",
        {"k": UUID(int=77), "t": "once", "s": True},
    ),
}


def test_constraints_hold_after_the_load(engine, under_test):
    fill(engine, under_test.ddl, [work(1, title="once", sold=True)])
    with closing(engine.connect(timeout_s=10)) as session:
        for what, (sql, values) in VIOLATIONS.items():
            if what == "foreign key" and not under_test.enforces_references:
                continue
            handle = session.prepare(asked(under_test.name, sql))
            with pytest.raises(ConstraintError) as caught:
                session.execute(handle, session.encode_row(handle, values))
            assert caught.value.code, what


def test_deleting_a_parent_deletes_its_children(engine, under_test):
    fill(engine, under_test.ddl, [work(1), work(2), work(11)])
    with closing(engine.connect(timeout_s=10)) as session:
        delete = session.prepare(asked(under_test.name, "DELETE FROM authors WHERE id = :id"))
        assert session.execute(delete, session.encode_row(delete, {"id": 1})) == 1
    assert read(engine, "SELECT author_id FROM works") == [(2,)]


def test_finish_refuses_rows_without_their_parent(engine, under_test):
    manifest = prepare(engine, under_test.ddl)
    load(engine, manifest.schema.table("works"), 0, [work(3)])
    with pytest.raises(ConstraintError, match="works") as caught:
        engine.finish(manifest, silent)
    assert "\n" not in str(caught.value)
    unfinished = engine.manifest()
    assert unfinished is not None
    assert not unfinished.finished


def test_a_row_that_breaks_a_check_never_passes(engine, under_test):
    manifest = prepare(engine, under_test.ddl)
    rows = [work(number) for number in range(100)] + [work(100) | {"rating": 9}]

    def load_and_finish() -> None:
        """An engine may check it while it loads or when it makes the constraint."""
        load(engine, manifest.schema.table("works"), 0, rows)
        engine.finish(manifest, silent)

    with pytest.raises(ConstraintError, match="works"):
        load_and_finish()
    unfinished = engine.manifest()
    assert unfinished is not None
    assert not unfinished.finished


# Ledger --------------------------------------------------------------------------------------------------------------


def test_the_ledger_knows_what_is_in(engine, under_test):
    manifest = prepare(engine, under_test.ddl)
    authors = manifest.schema.table("authors")
    assert engine.manifest() == manifest
    load(engine, authors, 0, [author(0), author(1)])
    load(engine, authors, 2, [author(2)])
    assert engine.loaded() == {Chunk("authors", 0, 2), Chunk("authors", 2, 3)}
    engine.finish(manifest, silent)
    finished = engine.manifest()
    assert finished is not None
    assert finished.finished
    assert finished.schema == manifest.schema
    assert finished.body == manifest.body


def test_a_chunk_is_never_loaded_twice(engine, under_test):
    authors = prepare(engine, under_test.ddl).schema.table("authors")
    assert load(engine, authors, 0, [author(0), author(1)]) == 2
    with contextlib.suppress(DatabaseError):  # refusing it is as good
        assert load(engine, authors, 0, [author(5), author(6)]) == 2, "they are in"
    assert read(engine, "SELECT id FROM authors ORDER BY id") == [(0,), (1,)]


def test_finish_can_be_repeated(engine, under_test):
    manifest = prepare(engine, under_test.ddl)
    load(engine, manifest.schema.table("authors"), 0, [author(0)])
    engine.finish(manifest, silent)
    engine.finish(manifest, silent)
    assert engine.reflect().tables == manifest.schema.tables


def test_tables_that_were_found_are_filled_as_they_are(engine, under_test):
    intended = engine.preview(under_test.ddl, {})
    under_test.execute(engine.url, under_test.ddl)
    with open_database(engine.url) as other:
        assert other.user_tables() == {"authors": False, "works": False}
        schema = other.reflect()
        assert schema.tables == intended.tables
        found = Manifest("f2", {}, schema, owns_tables=False)
        other.create(found)
        load(other, schema.table("authors"), 0, [author(number) for number in range(10)])
        load(other, schema.table("works"), 0, [full_work(4)])
        assert other.reflect().tables == schema.tables, "nothing of a found table is put off"
        other.finish(found, silent)
        assert stored_works(other, schema) == meant_works(schema, [full_work(4)])
        assert other.reflect().tables == schema.tables


LOADER = """
import sys
from loadlab.engines import open_database
from tests.engines.books import author, load
with open_database(sys.argv[1]) as engine:
    table = engine.manifest().schema.table("authors")
    for start in range(int(sys.argv[2]), int(sys.argv[3]), 500):
        load(engine, table, start, [author(number) for number in range(start, start + 500)])
        print(start, flush=True)
"""


def start_loader(engine, start: int, stop: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LOADER, engine.url, str(start), str(stop)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def authors_there(engine) -> list[tuple[object, ...]]:
    return read(engine, "SELECT count(*), min(id), max(id), count(DISTINCT email) FROM authors")


def test_a_loader_killed_on_the_way_leaves_whole_chunks(engine, under_test):
    manifest, rows = prepare(engine, under_test.ddl), under_test.rows_of_loaders
    with start_loader(engine, 0, rows) as loader:
        assert loader.stdout is not None
        for _ in range(5):
            loader.stdout.readline()
        time.sleep(0.003)  # into the next chunk
        loader.kill()
    chunks = len(engine.loaded())
    assert 5 <= chunks < rows // 500
    ((there,),) = read(engine, "SELECT count(*) FROM authors")
    if under_test.loads_whole_chunks:
        assert there == chunks * 500
    else:
        assert chunks * 500 <= there < (chunks + 1) * 500 + 1
    table = manifest.schema.table("authors")
    for start in range(0, rows, 500):
        if Chunk("authors", start, start + 500) not in engine.loaded():
            load(engine, table, start, [author(number) for number in range(start, start + 500)])
    engine.finish(manifest, silent)
    assert authors_there(engine) == [(rows, 0, rows - 1, rows)]
    assert engine.reflect().tables == manifest.schema.tables


def test_loaders_work_side_by_side(engine, under_test):
    manifest, rows = prepare(engine, under_test.ddl), under_test.rows_of_loaders
    loaders = [start_loader(engine, start, start + rows // 2) for start in (0, rows // 2)]
    for loader in loaders:
        loader.communicate(timeout=60)
        assert loader.returncode == 0
    engine.finish(manifest, silent)
    assert len(engine.loaded()) == rows // 500
    assert authors_there(engine) == [(rows, 0, rows - 1, rows)]


# Session -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def session(engine, under_test):
    fill(engine, under_test.ddl, [full_work(number) for number in range(1, 101)])
    with closing(engine.connect(timeout_s=5)) as opened:
        yield opened


def test_execute_counts_rows(session, under_test):
    def run(sql, **values):
        handle = session.prepare(asked(under_test.name, sql))
        return session.execute(handle, session.encode_row(handle, values))

    assert run("SELECT id FROM authors") == 10
    assert run("SELECT id FROM authors WHERE id < :n", n=4) == 4
    assert run("SELECT id FROM authors WHERE id = :n", n=444) == 0
    assert run("UPDATE works SET rating = 2 WHERE rating = :a OR rating = :b OR rating = :a", a=1, b=3) == 40
    assert run("INSERT INTO authors (id, email) VALUES (:id, :email) RETURNING id", id=50, email="x") == 1
    assert run("DELETE FROM authors WHERE id = :id", id=50) == 1
    assert run("DELETE FROM authors WHERE id = :id", id=50) == 0


def test_a_name_that_occurs_twice_is_one_value(session, under_test):
    handle = session.prepare(asked(under_test.name, "SELECT id FROM authors WHERE id = :b OR id = :a OR id = :b + 1"))
    values = session.encode_row(handle, {"a": 1, "b": 5})
    assert len(values) == 2
    assert sorted(session.query(handle, values)) == [(1,), (5,), (6,)]


def test_values_of_many_executions_are_encoded_at_once(session, engine):
    works = engine.reflect().table("works")
    rows = [full_work(number) for number in range(1, 101)] + [work(500)]
    arrays = dict(zip([c.name for c in works.stored_columns], batch(works, rows).columns, strict=True))
    names = ("id", "rating", "price", "title", "published", "written", "changed", "sold", "copies")
    condition = " AND ".join(f"{name} = :{name}" for name in names)
    handle = session.prepare(asked(engine.name, f"SELECT id FROM works WHERE {condition}"))
    encoded = session.encode(handle, {name: arrays[name] for name in names})
    assert len(encoded) == 101
    assert [session.execute(handle, values) for values in encoded[:100]] == [1] * 100
    assert session.execute(handle, encoded[100]) == 0, "NULL equals nothing"
    one_by_one = [session.encode_row(handle, row) for row in rows[:100]]
    assert [session.execute(handle, values) for values in one_by_one] == [1] * 100


def test_transactions_commit_and_roll_back(session, engine):
    handle = session.prepare(asked(engine.name, INSERT_AUTHOR))
    session.begin()
    session.execute(handle, session.encode_row(handle, {"id": 100, "email": "a"}))
    session.rollback()
    session.begin()
    session.execute(handle, session.encode_row(handle, {"id": 101, "email": "b"}))
    session.commit()
    assert read(engine, "SELECT id FROM authors WHERE id >= 100") == [(101,)]


def test_a_session_goes_on_after_an_error(session, under_test):
    handle = session.prepare(asked(under_test.name, INSERT_AUTHOR))
    session.begin()
    with pytest.raises(ConstraintError):
        session.execute(handle, session.encode_row(handle, {"id": 1, "email": "twice"}))
    session.rollback()
    session.rollback()
    assert session.execute(handle, session.encode_row(handle, {"id": 200, "email": "fine"})) == 1


def test_a_statement_is_cut_off_at_its_time_limit(engine, under_test):
    prepare(engine, under_test.ddl)
    with closing(engine.connect(timeout_s=0.3)) as session:
        handle = session.prepare(Statement.parse(under_test.endless))
        started = time.monotonic()
        with pytest.raises(StatementTimeoutError):
            session.execute(handle, session.encode_row(handle, {"most": 10**9}))
        # To the end it would take minutes.
        assert 0.2 < time.monotonic() - started < 20
        assert session.query(handle, session.encode_row(handle, {"most": 10})) == [(10,)]


def test_a_lock_that_is_not_to_be_had_is_a_conflict_or_a_timeout(engine, under_test):
    fill(engine, under_test.ddl, [])
    sql = asked(under_test.name, "UPDATE authors SET born = NULL WHERE id = :id")
    with closing(engine.connect(timeout_s=10)) as holder, closing(engine.connect(timeout_s=0.3)) as waiter:
        held, wanted = holder.prepare(sql), waiter.prepare(sql)
        holder.begin()
        holder.execute(held, holder.encode_row(held, {"id": 1}))
        with pytest.raises((ConflictError, StatementTimeoutError)):
            waiter.execute(wanted, waiter.encode_row(wanted, {"id": 1}))
        holder.commit()
        assert waiter.execute(wanted, waiter.encode_row(wanted, {"id": 1})) == 1


def test_sessions_work_side_by_side(engine, under_test):
    fill(engine, under_test.ddl, [])
    errors: list[BaseException] = []

    def insert(first: int) -> None:
        columns = {
            "id": pa.array(range(first, first + 50), pa.int64()),
            "email": pa.array([f"side{number}" for number in range(first, first + 50)]),
        }
        try:
            with closing(engine.connect(timeout_s=30)) as session:
                handle = session.prepare(asked(under_test.name, INSERT_AUTHOR))
                for values in session.encode(handle, columns):
                    session.execute(handle, values)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=insert, args=(1000 * place,)) for place in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert read(engine, "SELECT count(*) FROM authors") == [(210,)]


# Evidence ------------------------------------------------------------------------------------------------------------


def test_a_snapshot_shows_sizes_and_rows(engine, under_test):
    fill(engine, under_test.ddl, [full_work(number) for number in range(2000)])
    evidence = engine.snapshot()
    works = evidence.tables["works"]
    assert set(evidence.tables) == {"authors", "works"}
    assert works.size_bytes is not None
    assert works.size_bytes > 2000 * 100
    assert works.index_bytes is not None
    assert works.index_bytes > 2000 * 16
    assert works.rows == pytest.approx(2000, rel=0.1), "an estimate"
    assert works.analyzed or not under_test.has_statistics
    assert evidence.database_bytes is not None
    assert evidence.database_bytes >= works.size_bytes + works.index_bytes
    index = evidence.indexes["works_author_id_changed_idx"]
    assert index.table == "works"
    assert index.size_bytes
    assert all(evidence.index("works", index.name) for index in engine.reflect().table("works").indexes)
    assert evidence.settings
    assert abs(evidence.taken_at_s - time.time()) < 60


def test_a_plan_shows_the_index_that_serves_it(engine, under_test):
    fill(engine, under_test.ddl, [full_work(number) for number in range(200)])
    assert isinstance(engine, CanExplain)
    sql = "SELECT title FROM works AS w WHERE w.author_id = :a ORDER BY w.changed DESC"
    served = engine.explain(asked(under_test.name, sql))
    assert served.full_scans == ()
    assert served.served_by_index
    assert served.indexes == ("works_author_id_changed_idx",)
    assert served.text


def test_a_plan_shows_a_full_scan_whatever_the_size(engine, under_test):
    fill(engine, under_test.ddl, [full_work(number) for number in range(20)])
    scanned = engine.explain(asked(under_test.name, "SELECT w.title FROM works AS w WHERE w.weight > :x"))
    assert scanned.full_scans == ("works",)
    assert not scanned.served_by_index
    small = engine.explain(asked(under_test.name, "SELECT email FROM authors WHERE id = :id"))
    assert small.full_scans == (), "ten rows fit one page, but the key would serve a million"
    written = engine.explain(asked(under_test.name, "UPDATE works SET rating = 1 WHERE weight = :x"))
    assert written.full_scans == ("works",)


def test_a_join_does_not_hide_a_full_scan(engine, under_test):
    fill(engine, under_test.ddl, [full_work(number) for number in range(20)])
    sql = "SELECT a.email FROM works AS b JOIN authors AS a ON a.id = b.author_id WHERE b.weight > :x"
    # Which one is read in full is the planner's choice.
    assert engine.explain(asked(under_test.name, sql)).full_scans in (("works",), ("authors",))


def test_an_insert_is_written_for_a_table(engine, under_test):
    schema = fill(engine, under_test.ddl, [])
    works = schema.table("works")
    assert isinstance(engine, CanRenderInsert)
    statement = engine.insert_statement(works)
    assert statement.names == tuple(column.name for column in works.stored_columns)
    engine.check_statements({"insert": statement})
    rows = [full_work(number) for number in range(1, 30)] + [work(30)]
    arrays = batch(works, rows)
    with closing(engine.connect(timeout_s=10)) as session:
        handle = session.prepare(statement)
        for values in session.encode(handle, dict(zip(arrays.schema.names, arrays.columns, strict=True))):
            assert session.execute(handle, values) == 1
    assert stored_works(engine, schema) == meant_works(schema, rows)
