"""What is SQLite's own: files, its driver's errors, its texts, what its types keep."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.engines import file_form, open_database
from loadlab.engines.protocol import Manifest
from loadlab.engines.sqlite.clauses import quoted, split_statements, table_clauses
from loadlab.engines.sqlite.errors import BY_CLASS, translate_error, translated
from loadlab.engines.sqlite.reflect import logical_type, reflect
from loadlab.engines.sqlite.values import column_values, exact_number, value
from loadlab.errors import (
    ConflictError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    InputError,
    NotEmptyError,
    StatementTimeoutError,
    UnreachableError,
)
from loadlab.schema.model import Column, LogicalType, Schema, Table
from loadlab.seeding.seeder import seed
from loadlab.spec.statement import Statement
from tests.engines.books import author, load, read
from tests.fix_engines import ENGINES
from tests.seeded import plan

NOON = dt.datetime(2024, 1, 2, 12)
DDL = next(engine.ddl for engine in ENGINES if engine.name == "sqlite")


# Files ---------------------------------------------------------------------------------------------------------------


def test_urls_name_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url, name in {
        "sqlite:///relative.db": "relative.db",
        f"sqlite:///{tmp_path}/absolute.db": "absolute.db",
        "sqlite:///with%20space%3F.db": "with space?.db",
    }.items():
        with open_database(url) as engine:
            engine.create(Manifest("f", {}, engine.preview("CREATE TABLE t (a)", {}), owns_tables=True))
            assert engine.display_url == url
        assert (tmp_path / name).is_file()
        with open_database(engine.url) as again:
            assert again.user_tables() == {"t": False}


@pytest.mark.parametrize("url", ["sqlite://host/file.db", "sqlite:file.db", "sqlite:///x.db?mode=ro"])
def test_urls_of_another_form_are_refused(url):
    with pytest.raises(InputError, match=r"--database=sqlite:.* must be sqlite:///relative\.db"):
        open_database(url)


def test_looking_makes_no_file(tmp_path):
    path = tmp_path / "new.db"
    with open_database(f"sqlite:///{path}") as engine:
        schema = engine.preview(DDL, {"find": Statement.parse("SELECT * FROM authors WHERE id = :id")})
        assert engine.user_tables() == {}
        assert engine.snapshot().tables == {}
        with pytest.raises(InputError):
            engine.check_statements({"find": Statement.parse("SELECT * FROM authors")})
        assert os.listdir(tmp_path) == []
        engine.create(Manifest("f", {}, schema, owns_tables=True))
    assert path.is_file()


def test_a_table_of_a_namespace_is_kept_when_it_holds_rows_of_others(tmp_path):
    table = Table("orders", (Column("id", LogicalType("integer")),), namespace="shop", primary_key=("id",))
    manifest = Manifest("f", {}, Schema((table,), "postgresql"), owns_tables=True)
    with open_database(f"sqlite:///{tmp_path}/shop.db") as engine:
        engine.create(manifest)
        with closing(sqlite3.connect(tmp_path / "shop.db")) as theirs, theirs:
            theirs.execute(f"{file_form('sqlite').insert_head(table)} (1)")
        with pytest.raises(NotEmptyError, match=r"shop\.orders holds 1 rows, of which LoadLab loaded 0"):
            engine.forget()
        assert engine.user_tables() == {"shop.orders": True}


def test_a_file_that_appears_later_is_seen(tmp_path):
    url = f"sqlite:///{tmp_path}/shared.db"
    with open_database(url) as early, open_database(url) as maker:
        assert early.manifest() is None
        manifest = Manifest("f", {}, maker.preview(DDL, {}), owns_tables=True)
        maker.create(manifest)
        assert early.manifest() == manifest


def test_a_scratch_database_leaves_no_file():
    with open_database("sqlite://") as engine:
        engine.create(Manifest("f", {}, engine.preview(DDL, {}), owns_tables=True))
        path = Path(engine.url.removeprefix("sqlite:///"))
        assert path.is_file()
        with open_database(engine.url) as again:
            assert again.user_tables() == {"authors": False, "works": False}
    assert not path.parent.exists()


def test_what_cannot_be_opened_is_one_clear_line(tmp_path):
    (tmp_path / "text.db").write_text("This is a text of more than sixteen characters.")
    (tmp_path / "folder.db").mkdir()
    for name, said in {
        "text.db": "file is not a database",
        "folder.db": "is a folder",
        "no/such/x.db": "the folder does not exist",
    }.items():
        with pytest.raises(UnreachableError, match=said) as caught:
            open_database(f"sqlite:///{tmp_path}/{name}")
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_tables_in_the_way_are_not_touched(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE mine (a)")
    with open_database(url) as engine:
        with pytest.raises(NotEmptyError, match="mine"):
            engine.create(Manifest("f", {}, engine.preview(DDL, {}), owns_tables=True))
        assert engine.user_tables() == {"mine": False}
        assert engine.manifest() is None


def test_a_found_database_keeps_its_journal_mode(tmp_path):
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE authors (id INTEGER PRIMARY KEY, email TEXT, born DATE)")
    with open_database(f"sqlite:///{tmp_path}/x.db") as engine:
        manifest = Manifest("f", {}, engine.reflect(), owns_tables=False)
        engine.create(manifest)
        load(engine, manifest.schema.table("authors"), 0, [author(1)])
        engine.finish(manifest, lambda _: None)
        assert engine.snapshot().settings["journal_mode"] == "delete"


def test_what_a_load_runs_with_is_in_the_settings(engine_with_tables):
    found = engine_with_tables.snapshot().settings
    with closing(engine_with_tables.connect(timeout_s=1)) as session:
        for name, numbers in {"synchronous": {"FULL": 2}, "foreign_keys": {"ON": 1}, "cache_size": {}}.items():
            ((running,),) = session.query(session.prepare(Statement.parse(f"PRAGMA {name}")), ())
            assert str(running) == str(numbers.get(found[name], found[name]))
        # A writer waits for another one as long as its time limit allows.
        assert session.query(session.prepare(Statement.parse("PRAGMA busy_timeout")), ()) == [(1000,)]
    assert found["journal_mode"] == "wal"
    orphan = Statement.parse("INSERT INTO works (id, author_id, rating) VALUES ('w', 99, 3)")
    with closing(engine_with_tables.connect(timeout_s=1)) as other, pytest.raises(ConstraintError, match="FOREIGN KEY"):
        other.execute(other.prepare(orphan), ())


def test_strict_tables_stay_strict(tmp_path):
    with open_database(f"sqlite:///{tmp_path}/x.db") as engine:
        ddl = "CREATE TABLE s (a INTEGER PRIMARY KEY, b TEXT NOT NULL) STRICT; CREATE TABLE l (a INTEGER, b TEXT);"
        engine.create(Manifest("f", {}, engine.preview(ddl, {}), owns_tables=True))
        assert read(engine, "SELECT name FROM pragma_table_list WHERE strict AND name IN ('s', 'l')") == [("s",)]
        with closing(engine.connect(timeout_s=1)) as session, pytest.raises(ConstraintError, match="cannot store"):
            session.execute(session.prepare(Statement.parse("INSERT INTO s VALUES (1, x'00')")), ())


def test_statistics_are_evidence(engine_with_tables):
    authors = engine_with_tables.manifest().schema.table("authors")
    load(engine_with_tables, authors, 0, [author(number) for number in range(500)])
    before = engine_with_tables.snapshot()
    assert before.database["stat1_rows"] == 0
    assert before.tables["authors"].analyzed is False
    engine_with_tables.finish(engine_with_tables.manifest(), lambda _: None)
    after = engine_with_tables.snapshot()
    assert after.database["stat1_rows"] >= 1
    has_samples = any("ENABLE_STAT4" in name for (name,) in read(engine_with_tables, "PRAGMA compile_options"))
    assert (after.database["stat4_samples"] > 0) is has_samples
    assert after.tables["authors"].analyzed is True


@pytest.fixture
def engine_with_tables(tmp_path):
    with open_database(f"sqlite:///{tmp_path}/x.db") as engine:
        engine.create(Manifest("f", {}, engine.preview(DDL, {}), owns_tables=True))
        yield engine


# Errors --------------------------------------------------------------------------------------------------------------


def test_every_exception_of_the_driver_is_mapped():
    raised = {item for item in vars(sqlite3).values() if isinstance(item, type) and issubclass(item, Exception)}
    assert raised <= set(BY_CLASS)
    for kind in raised:
        found = translate_error(kind("first line\nsecond line"))
        assert isinstance(found, DatabaseError)
        assert str(found) == "first line second line"


def test_errors_are_told_apart_by_result_code(tmp_path):
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
        assert type(_error_of(connection, "INSERT INTO t VALUES (1, 1), (1, 2)")) is ConstraintError
        assert type(_error_of(connection, "SELECT nothing FROM t")) is DatabaseError
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert type(_error_of(connection, "INSERT INTO t VALUES (3, 3)")) is ConflictError
        connection.execute("PRAGMA max_page_count = 3")
        full = _error_of(connection, "INSERT INTO t VALUES (4, zeroblob(100000))")
        assert full.code == "SQLITE_FULL"
        assert "full; make room" in str(full)
        connection.execute("PRAGMA query_only = ON")
        read_only = _error_of(connection, "INSERT INTO t VALUES (5, 5)")
        assert read_only.code == "SQLITE_READONLY"
        assert "give a file that may be written to" in str(read_only)
        connection.set_progress_handler(lambda: 1, 1)
        assert type(_error_of(connection, "SELECT * FROM t")) is StatementTimeoutError
    assert type(_error_of(connection, "SELECT 1")) is ConnectionLostError


def _error_of(connection: sqlite3.Connection, sql: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, translated():
        connection.execute(sql)
    return caught.value


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """Root may do everything; somebody else may not."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_who_may_not_read_or_write_a_file_is_told_so():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        url = f"sqlite:///{folder}/x.db"
        with closing(sqlite3.connect(folder / "x.db")) as connection:
            connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        (folder / "x.db").chmod(0o444)
        folder.chmod(0o555)
        with without_roots_rights():
            with open_database(url) as engine, pytest.raises(DatabaseError, match="give a file that may be written to"):
                engine.create(Manifest("f", {}, engine.reflect(), owns_tables=False))
            with open_database(f"sqlite:///{folder}/new.db") as engine:
                manifest = Manifest("f", {}, engine.preview(DDL, {}), owns_tables=True)
                with pytest.raises(UnreachableError, match="its folder must exist and be writable"):
                    engine.create(manifest)
        (folder / "x.db").chmod(0)
        with without_roots_rights(), pytest.raises(UnreachableError, match="unable to open") as caught:
            open_database(url)
        assert "\n" not in str(caught.value)


def test_a_full_disk_ends_a_chunk_and_a_later_run_goes_on(engine_with_tables):
    authors = engine_with_tables.manifest().schema.table("authors")
    rows = [author(number) for number in range(2000)]
    connection = engine_with_tables._connection
    connection.execute("PRAGMA max_page_count = 12")
    with pytest.raises(DatabaseError, match=r"table authors: .*full"):
        load(engine_with_tables, authors, 0, rows)
    assert engine_with_tables.loaded() == frozenset()
    assert engine_with_tables.user_tables()["authors"] is False
    connection.execute("PRAGMA max_page_count = 100000")
    assert load(engine_with_tables, authors, 0, rows) == 2000


# Texts ---------------------------------------------------------------------------------------------------------------

DUMP = """\
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE "Orders" (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- the key; with ( and ,
    number TEXT NOT NULL CONSTRAINT number_known UNIQUE CHECK (length(number) > 3),
    price NUMERIC(20, 2) NOT NULL DEFAULT 0.5 CONSTRAINT price_positive CHECK (price >= 0),
    document TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(document)),
    paid INTEGER NOT NULL DEFAULT 0 CHECK (paid IN (0, 1)),
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    day TEXT DEFAULT (date('now')),
    parent INTEGER REFERENCES Orders(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED CHECK (parent <> id),
    lower_number TEXT GENERATED ALWAYS AS (lower(number)) STORED,
    CONSTRAINT "both, of them" CHECK (price > 0 OR paid = 0)
);
CREATE TABLE items (
    order_id INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE, line INTEGER, note VARCHAR(20) DEFAULT 'a;b',
    changes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line)
) WITHOUT ROWID;
CREATE UNIQUE INDEX first_index ON "Orders" (lower(number), price DESC) WHERE paid = 1;
CREATE INDEX note_index ON items (note);
CREATE TRIGGER count_changes AFTER UPDATE OF note ON items BEGIN
    UPDATE items SET changes = changes + 1 WHERE order_id = new.order_id; SELECT 1;
END;
CREATE VIRTUAL TABLE search USING fts5 (body);
CREATE VIEW open_orders AS SELECT * FROM "Orders" WHERE paid = 0;
COMMIT;
"""


def test_a_dump_is_read_back(engine_with_tables):
    schema = engine_with_tables.preview(DUMP, {"view": Statement.parse("SELECT price FROM open_orders")})
    assert [table.key for table in schema] == ["Orders", "items"], "virtual tables and their shadows are left out"
    orders, items = schema
    assert {column.name: column.type.kind for column in orders.columns} == {
        "id": "integer",
        "number": "text",
        "price": "numeric",
        "document": "json",
        "paid": "boolean",
        "created_at": "timestamp",
        "day": "date",
        "parent": "integer",
        "lower_number": "text",
    }
    assert orders.column("price").type.precision == 15, "what a double keeps"
    assert orders.column("id").identity == "by default"
    assert orders.column("lower_number").generated == "lower(number)"
    assert [(check.name, check.expression) for check in orders.checks] == [
        ("Orders_check1", "length(number) > 3"),
        ("price_positive", "price >= 0"),
        ("Orders_check3", "parent <> id"),
        ("both, of them", "price > 0 OR paid = 0"),
    ], "what a type implies is in the type"
    (parent,) = orders.foreign_keys
    assert (parent.target, parent.target_columns, parent.on_delete) == ("Orders", ("id",), "SET NULL")
    assert parent.deferrable
    assert parent.definition == "REFERENCES Orders(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED"
    (order,) = items.foreign_keys
    assert (order.target, order.target_columns) == ("Orders", ("id",)), "as the table is spelled"
    index = next(index for index in orders.indexes if index.name == "first_index")
    assert (index.keys, index.expressions, index.predicate) == (("lower(number)", "price"), (True, False), "paid = 1")
    assert next(i.constraint for i in orders.indexes if i.constraint) == "number_known"
    assert items.primary_key == ("order_id", "line")
    assert [(trigger.name, trigger.events) for trigger in items.triggers] == [("count_changes", ("UPDATE",))]


def test_triggers_sleep_while_rows_are_loaded(tmp_path):
    with open_database(f"sqlite:///{tmp_path}/x.db") as engine:
        manifest = Manifest("f", {}, engine.preview(DUMP, {}), owns_tables=True)
        engine.create(manifest)
        assert all(table.triggers == () for table in engine.reflect())
        orders, items = (manifest.schema.table(key) for key in ("Orders", "items"))
        values = {"id": 1, "number": "0001", "price": Decimal(1), "document": "{}", "paid": True, "created_at": NOON}
        load(engine, orders, 0, [values])
        load(engine, items, 0, [{"order_id": 1, "line": line, "note": "x", "changes": 0} for line in range(9)])
        engine.finish(manifest, lambda _: None)
        assert engine.reflect().tables == manifest.schema.tables
        with closing(engine.connect(timeout_s=1)) as session:
            session.execute(session.prepare(Statement.parse("UPDATE items SET note = 'y' WHERE line = 3")), ())
            assert session.query(session.prepare(Statement.parse("SELECT max(changes) FROM items")), ()) == [(1,)]


def test_a_script_touches_no_other_file(engine_with_tables, tmp_path):
    with pytest.raises(InputError, match="schema: line 2 is refused by the database: not authorized"):
        engine_with_tables.preview(f"CREATE TABLE a (b);\nATTACH '{tmp_path}/other.db' AS o;", {})
    assert not (tmp_path / "other.db").exists()


def test_columns_without_a_type_and_references_of_another_type_are_filled(tmp_path):
    ddl = """
        CREATE TABLE people (id INTEGER PRIMARY KEY, name NOT NULL, email UNIQUE, full AS (name || '!'));
        CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
        CREATE TABLE notes (
            id PRIMARY KEY, person NOT NULL REFERENCES people(id), text_of TEXT NOT NULL REFERENCES people(id),
            meta NOT NULL REFERENCES meta, size CHECK (typeof(size) IN ('integer', 'null')),
            share NOT NULL CHECK (typeof(share) = 'real'), extra ANY
        );
        CREATE TABLE replies (id INTEGER PRIMARY KEY, to_note NOT NULL REFERENCES notes, of REFERENCES notes(id),
            size CHECK (typeof(size) = 'integer'));
        CREATE TABLE pairs (a, b, PRIMARY KEY (a, b));
    """
    with open_database(f"sqlite:///{tmp_path}/a.db") as engine:
        schema = engine.preview(ddl, {})
        kinds = {column.name: column.type.kind for column in schema.table("notes").columns}
        assert kinds == {
            "id": "text", "person": "integer", "text_of": "integer", "meta": "text", "size": "integer",
            "share": "float", "extra": "text",
        }  # fmt: skip
        seed(engine, plan(schema, 200), workers=1, observe=lambda _: None)
        assert engine.reflect().tables == schema.tables
        connection = engine._connection
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        counts = [connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0] for table in schema]
        assert counts == [200] * 5
        assert connection.execute("SELECT count(*) FROM replies WHERE size IS NULL").fetchall() == [(0,)]


def test_an_applications_own_collation_has_something_in_its_place(tmp_path):
    ddl = """
        CREATE TABLE tags (tag TEXT NOT NULL PRIMARY KEY COLLATE unicase, note TEXT NOT NULL) WITHOUT ROWID;
        CREATE UNIQUE INDEX by_note ON tags (note COLLATE "own one");
    """
    with open_database(f"sqlite:///{tmp_path}/a.db") as engine:
        schema = engine.preview(ddl, {})
        assert [note.split(":")[0] for note in engine.notes()] == [
            "collation unicase is the application's own",
            "collation own one is the application's own",
        ]
        dataset = plan(schema, 300)
        seed(engine, dataset, workers=1, observe=lambda _: None)
        assert engine.reflect().tables == schema.tables
        with closing(engine.connect(timeout_s=1)) as session:
            sql = "SELECT count(*), count(DISTINCT lower(tag)), count(DISTINCT lower(note)) FROM tags"
            assert session.query(session.prepare(Statement.parse(sql)), ()) == [(300, 300, 300)]


def test_a_collation_of_a_file_that_is_there_is_named(tmp_path):
    """Its index is kept in the application's order, in which rows of LoadLab's need not be."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.create_collation("unicase", lambda one, other: (one > other) - (one < other))
        connection.execute("CREATE TABLE tags (tag TEXT PRIMARY KEY COLLATE unicase, note TEXT COLLATE NOCASE)")
    with open_database(f"sqlite:///{tmp_path}/a.db") as engine:
        (told,) = engine.notes()
    assert told.endswith("let it execute REINDEX unicase")


def test_rows_and_upkeep_of_a_script_are_left_out_but_not_the_settings_of_full_text(tmp_path):
    ddl = """
        CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT UNIQUE);
        INSERT INTO a VALUES (1, 'x'); REPLACE INTO a (id, b) VALUES (2, 'y'); UPDATE a SET b = 'z';
        CREATE VIRTUAL TABLE words USING fts5(b, content='');
        INSERT INTO words(words, rank) VALUES ('rank', 'bm25(10.0)');
        ANALYZE;
    """
    with open_database(f"sqlite:///{tmp_path}/a.db") as engine:
        manifest = Manifest("a", {}, engine.preview(ddl, {}), owns_tables=True)
        noted = engine.notes()
        engine.create(manifest)
        assert engine.notes() == noted == (
            "INSERT left out: a schema holds no rows",
            "REPLACE left out: a schema holds no rows",
            "UPDATE left out: a schema holds no rows",
            "ANALYZE left out: it is done after the rows are in",
        )  # fmt: skip
        assert not any(engine.user_tables().values())
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("SELECT v FROM words_config WHERE k = 'rank'").fetchall() == [("bm25(10.0)",)]


def test_constraints_without_a_comma_in_between_are_all_read():
    clauses = table_clauses(
        "CREATE TABLE t (a INT, b INT, FOREIGN KEY (a) REFERENCES u(id) ON DELETE SET NULL CHECK (a != b)"
        " CONSTRAINT one UNIQUE (a, b) CONSTRAINT two CHECK (a > 0), FOREIGN KEY (b) REFERENCES u)"
    )
    assert [(check.name, check.expression) for check in clauses.checks] == [("", "a != b"), ("two", "a > 0")]
    assert [clause.columns for clause in clauses.references] == [("a",), ("b",)]
    assert clauses.uniques == {("a", "b"): "one"}


def test_statements_are_split_where_sqlite_ends_them():
    assert [(line, sql.split()[1 if " " in sql else 0]) for line, sql in split_statements(DUMP)] == [
        (1, "foreign_keys=OFF;"),
        (2, "TRANSACTION;"),
        (3, "TABLE"),
        (15, "TABLE"),
        (20, "UNIQUE"),
        (21, "INDEX"),
        (22, "TRIGGER"),
        (25, "VIRTUAL"),
        (26, "VIEW"),
        (27, "COMMIT;"),
    ]


_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)


@given(names=st.lists(_NAMES, min_size=2, max_size=5, unique_by=str.lower), text=_NAMES)
def test_any_name_can_be_read_back(names, text):
    columns = ", ".join(f"{quoted(name)} TEXT" for name in names[1:])
    check = f"{quoted(names[1])} <> '{text.replace(chr(39), chr(39) * 2)}'"
    sql = f"CREATE TABLE {quoted(names[0])} ({columns}, CONSTRAINT {quoted(names[0])} CHECK ({check}))"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(sql)
        found = table_clauses(sql)
        assert [(item.name, item.expression) for item in found.checks] == [(names[0], check)]
        if not names[0].startswith(("sqlite_", "_loadlab_")):
            (table,) = reflect(connection).tables
            assert table.name == names[0]
            assert list(table.column_names) == names[1:]


@pytest.mark.parametrize(
    "declared, kind, precision, length",
    [
        ("INTEGER", "integer", None, None),
        ("int unsigned", "integer", None, None),
        ("VARCHAR(12)", "text", None, 12),
        ("nvarchar ( 7 )", "text", None, 7),
        ("DECIMAL(10, 2)", "numeric", 10, None),
        ("NUMERIC(38,10)", "numeric", 15, None),
        ("Double Precision", "float", None, None),
        ("TIMESTAMP", "timestamp", None, None),
        ("bool", "boolean", None, None),
        ("UUID", "uuid", None, None),
        ("BLOB", "bytes", None, None),
        ("", "text", None, None),
    ],
)
def test_declared_types_are_understood(declared, kind, precision, length):
    found = logical_type(declared)
    assert (found.kind, found.precision, found.length, found.native) == (kind, precision, length, declared)


# Values --------------------------------------------------------------------------------------------------------------

_DECIMALS = st.decimals(-(10**28), 10**28, places=6)


@given(st.lists(st.none() | _DECIMALS, min_size=1, max_size=20), st.integers(0, 3))
def test_decimals_are_kept_to_the_last_digit(numbers, skipped):
    array = pa.array([None] * skipped + numbers, pa.decimal128(38, 6))[skipped:]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a ANY) STRICT")
        connection.executemany("INSERT INTO t VALUES (?)", [(item,) for item in column_values(array)])
        stored = [row[0] for row in connection.execute("SELECT a FROM t ORDER BY rowid")]
    for number, item in zip(numbers, stored, strict=True):
        assert item is None if number is None else Decimal(str(item)) == number
        assert item is None or isinstance(item, float) or len(item.strip("-0.").replace(".", "")) > 15


@given(_DECIMALS)
def test_one_value_and_a_column_of_it_are_stored_alike(number):
    (stored,) = column_values(pa.array([number], pa.decimal128(38, 6)))
    assert exact_number(number) == stored
    assert value(number) == stored


def test_a_slice_with_nulls_is_encoded_as_itself():
    uuids = [bytes([number] * 16) for number in range(6)]
    array = pa.array([uuids[0], None, uuids[2], uuids[3], None, uuids[5]], pa.binary(16))
    assert column_values(array.slice(2, 3)) == [
        "02020202-0202-0202-0202-020202020202",
        "03030303-0303-0303-0303-030303030303",
        None,
    ]
    lists = pa.array([["a"], None, [], ["ü", None]], pa.list_(pa.string()))
    assert column_values(lists.slice(1)) == [None, "[]", '["ü", null]']
    assert column_values(array.slice(0, 0)) == []


def test_a_reference_to_a_table_that_is_not_there_is_read():
    """SQLite takes it; who seeds is told what to do."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x INT REFERENCES gone)")
        (key,) = reflect(connection).table("t").foreign_keys
    assert (key.columns, key.target, key.target_columns) == (("x",), "gone", ())


def test_a_reference_may_be_spelt_with_other_letters():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE Firms (Id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE t (x INT, FOREIGN KEY (X) REFERENCES firms (ID))")
        (key,) = reflect(connection).table("t").foreign_keys
    assert (key.columns, key.target, key.target_columns) == (("x",), "Firms", ("Id",))


# Plans ---------------------------------------------------------------------------------------------------------------


def test_an_index_made_for_one_query_is_a_full_scan(engine_with_tables):
    engine_with_tables.finish(engine_with_tables.manifest(), lambda _: None)
    sql = "SELECT * FROM authors AS a JOIN works AS w ON w.weight = a.id WHERE a.id < :n"
    assert engine_with_tables.explain(Statement.parse(sql)).full_scans == ("works",)


def test_a_subquery_is_no_table(engine_with_tables):
    engine_with_tables.finish(engine_with_tables.manifest(), lambda _: None)
    sql = "WITH works AS (SELECT :a AS id UNION SELECT 2) SELECT * FROM works JOIN authors USING (id)"
    assert engine_with_tables.explain(Statement.parse(sql)).full_scans == ()
