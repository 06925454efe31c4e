"""What is MariaDB's and MySQL's alone: addresses, errors, their types, LOAD DATA, servers that die."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import mask, open_database
from loadlab.engines.abilities import CanCancel, CanPlanValues
from loadlab.engines.protocol import Chunk, Manifest
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
from loadlab.schema.sources.prisma.resolve import read_prisma
from loadlab.seeding.seeder import seed
from loadlab.spec.operations import Search
from loadlab.spec.shapes import DataShape
from loadlab.spec.statement import Statement
from tests.engines.books import author, fill, full_work, load, read
from tests.fix_engines import ENGINES
from tests.fix_mysql import missing_for_mysql
from tests.readback import meant
from tests.timing import eventually

pytestmark = pytest.mark.usefixtures("mariadb_server")
ROOT = Path(__file__).resolve().parents[2]
KINDS = (ROOT / "fixtures" / "mysql" / "kinds.sql").read_text()
BOOKS = next(under_test.ddl for under_test in ENGINES if under_test.name == "mysql")
BAD_ADDRESSES = [
    "mysql://localhost", "mysql://localhost/", "mysql://localhost/a/b", "mysql://h:port/x", "mysql://u@h/x?sockett=1",
]  # fmt: skip


def test_a_search_can_be_written_before_its_table_is_there(mysql_database):
    """`loadlab run` checks a scenario's statements before it makes anything."""
    schema = mysql_database.preview("CREATE TABLE events (id INT PRIMARY KEY, title TEXT, FULLTEXT KEY t (title))", {})
    assert not mysql_database.user_tables()
    statement = mysql_database.operation_statement(Search(table="events", text="title", limit=20), schema)
    assert "MATCH (`title`) AGAINST (" in statement.fragments[0]
    with open_database("sqlite://") as other, pytest.raises(InputError) as caught:
        other.operation_statement(Search(table="events", text="title", limit=20), schema)
    assert "without an index for such a search here (t is a fulltext one); make one, or write it" in str(caught.value)


# Addresses and errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", BAD_ADDRESSES)
def test_addresses_of_another_form_are_refused(url):
    with pytest.raises(InputError, match="--database") as caught:
        open_database(url)
    assert "\n" not in str(caught.value)


def test_both_schemes_lead_to_the_same_database(mysql_database):
    with open_database(mysql_database.url.replace("mysql://", "mariadb://")) as other:
        assert other.name == "mysql"
        assert other.identity() == mysql_database.identity()
        assert other.version().startswith("MariaDB ")


def test_who_may_not_log_in_is_told_so_in_one_line(mysql_database):
    connection = mysql_database._connection
    connection.run("CREATE USER IF NOT EXISTS 'guest'@'localhost' IDENTIFIED BY 's3c:ret@'")
    place = mysql_database.url.partition("@")[2]
    for user, database, said in (
        ("guest:wrong", place, "correct user and password"),
        ("guest:s3c%3Aret%40", place, "grant the user the database"),
        ("root", place.replace("/scratch", "/nothing"), "create the database first"),
    ):
        url = f"mysql://{user}@{database}"
        with pytest.raises(UnreachableError, match=said) as caught:
            open_database(url)
        assert "\n" not in str(caught.value)
        assert "wrong" not in str(caught.value)
        assert "s3c" not in str(caught.value)
        assert "s3c" not in mask(url)


def test_a_user_without_the_right_to_try_out_is_told_what_to_grant(mysql_database):
    connection, place = mysql_database._connection, mysql_database.url.partition("@")[2]
    database = place.partition("/")[2].partition("?")[0]
    connection.run("CREATE USER IF NOT EXISTS 'narrow'@'localhost'")
    connection.run(f"GRANT ALL ON `{database}`.* TO 'narrow'@'localhost'")
    with open_database(f"mysql://narrow@{place}") as engine:
        with pytest.raises(DatabaseError, match=r"GRANT ALL ON `\\_loadlab\\_scratch\\_%`\.\*") as caught:
            engine.preview("CREATE TABLE t (a INT PRIMARY KEY)", {})
        assert "\n" not in str(caught.value)
        connection.run("GRANT ALL ON `\\_loadlab\\_scratch\\_%`.* TO 'narrow'@'localhost'")
        assert engine.preview("CREATE TABLE t (a INT PRIMARY KEY)", {}).table("t").primary_key == ("a",)


def test_a_server_that_may_not_be_written_to_is_named(mysql_database):
    connection, place = mysql_database._connection, mysql_database.url.partition("@")[2]
    connection.run("CREATE USER IF NOT EXISTS 'reader'@'localhost'")
    connection.run("GRANT ALL ON *.* TO 'reader'@'localhost'")
    connection.run("REVOKE READ_ONLY ADMIN ON *.* FROM 'reader'@'localhost'")
    connection.run("SET GLOBAL read_only = 1")
    try:
        with (
            open_database(f"mysql://reader@{place}") as engine,
            pytest.raises(DatabaseError, match="give a server that may be written to"),
        ):
            engine.preview("CREATE TABLE t (a INT PRIMARY KEY)", {})
    finally:
        connection.run("SET GLOBAL read_only = 0")


# Types ---------------------------------------------------------------------------------------------------------------


def dataset_of(engine, ddl: str, rows: int, locale: str = "en_US") -> Dataset:
    request = DataRequest(DataShape(locale=locale), 1.0, 5, lambda _: None, {}, rows_everywhere=rows)
    return Dataset.plan_for(engine.preview(ddl, {}), request, owns_tables=True)


def test_every_declared_type_holds_the_dataset(mysql_database):
    dataset = dataset_of(mysql_database, KINDS, 400)
    seed(mysql_database, dataset, workers=1, observe=lambda _: None)
    assert mysql_database.reflect().tables == dataset.manifest.schema.tables
    for key in dataset.tables:
        table = dataset.table(key)
        # A geometry and an address have forms of the server's own.
        columns = [item for item in table.stored_columns if item.type.kind not in ("geometry", "inet")]
        order = ", ".join(f"`{name}`" for name in table.primary_key)
        names = ", ".join(f"`{column.name}`" for column in columns)
        stored = read(mysql_database, f"SELECT {names} FROM `{key}` ORDER BY {order}")
        wanted = dataset.batch(key, 0, dataset.row_count(key)).to_pylist()
        wanted.sort(key=lambda row, table=table: tuple(row[name] for name in table.primary_key))
        assert len(stored) == len(wanted) > 0
        for found, want in zip(stored, wanted, strict=True):
            for column, value in zip(columns, found, strict=True):
                assert _as_python(value, column.type) == meant(want[column.name], column.type), (key, column.name)


def _as_python(value: Any, kind) -> Any:
    """A value of the driver, as `tests.readback.meant` has it."""
    import json
    from uuid import UUID

    if value is None:
        return None
    match kind.kind:
        case "json":
            return json.loads(value)
        case "uuid":
            return UUID(value).bytes
        case "bits":
            return format(value, f"0{kind.length}b")
        case "boolean":
            return bool(value)
        case "float" if kind.bits == 32:
            return pytest.approx(value, rel=1e-5)
    return value


def test_numbers_without_a_sign_use_their_upper_half(mysql_database):
    ddl = """CREATE TABLE big (id int unsigned PRIMARY KEY, s smallint unsigned NOT NULL CHECK (s >= 50000),
        t tinyint unsigned NOT NULL CHECK (t > 150), i int unsigned NOT NULL CHECK (i > 3000000000))"""
    dataset = dataset_of(mysql_database, ddl, 100)
    seed(mysql_database, dataset, workers=1, observe=lambda _: None)
    (found,) = read(mysql_database, "SELECT count(*), min(s), min(t), min(i) FROM big")
    assert (found[0], found[1] >= 50_000, found[2] > 150, found[3] > 3_000_000_000) == (100, True, True, True)


def test_declared_types_are_understood(mysql_database):
    kinds = mysql_database.preview(KINDS, {}).table("kinds")
    types = {column.name: column.type for column in kinds.columns}
    assert (types["tiny"].kind, types["tiny"].bits, types["flag"].kind) == ("integer", 8, "boolean")
    assert (types["big"].unsigned, types["medium"].bits) == (True, 24)
    assert types["state"].labels == ("new", "it's", "done")
    assert types["tags"].labels == ("red", "green", "blue", "red,green", "green,blue")
    assert (types["seen"].precision, types["seen6"].precision, types["stamp"].timezone) == (0, 6, True)
    assert (types["place"].kind, types["place"].form) == ("geometry", "point")
    assert kinds.column("id").identity == "by default"
    assert kinds.column("upper_name").generated
    methods = {index.name: index.method for index in kinds.indexes}
    assert (methods["ft"], methods["sp"], methods["k_state"]) == ("fulltext", "spatial", "btree")
    assert any(check.name == "amount_small" for check in kinds.checks)
    log = mysql_database.preview(KINDS, {}).table("log")
    assert [check.expression for check in log.checks] == ["`at` < '2030-01-01 00:00:00'"]


def test_rows_of_the_load_stay_within_a_timestamp(mysql_database):
    """Decades behind a short history, TIMESTAMP ends in 2038; a DATETIME need not."""
    ddl = (
        "CREATE TABLE t (id BIGINT PRIMARY KEY, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP(6),"
        " at DATETIME NOT NULL)"
    )
    dataset = dataset_of(mysql_database, ddl, 300)
    rows = dataset.batch("t", 100_000, 100_200)
    for name in ("created_at", "updated_at"):
        moments = pc.drop_null(rows.column(name)).cast(pa.timestamp("us")).to_pylist()
        assert moments
        assert dt.datetime(2037, 1, 1) < min(moments) <= max(moments) <= dt.datetime(2038, 1, 19, 3, 14, 7)
    assert max(rows.column("at").cast(pa.timestamp("us")).to_pylist()) > dt.datetime(2040, 1, 1)


def test_a_prisma_schema_is_made_and_filled(mysql_database):
    source = Path(__file__).parents[2] / "fixtures" / "prisma" / "mysql.prisma"
    dataset = dataset_of(mysql_database, mysql_database.render_prisma(read_prisma(source)), 60)
    seed(mysql_database, dataset, workers=1, observe=lambda _: None)
    assert mysql_database.reflect().tables == dataset.manifest.schema.tables
    assert read(mysql_database, "SELECT count(*), count(DISTINCT `A`, `B`) FROM `_GroupToUser`") == [(60, 60)]


DUMP = """\
-- MySQL dump
/*!40103 SET TIME_ZONE='+00:00' */;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '';
SET unknown_of_mysql_8 = 1;
CREATE DATABASE `shop`; USE `shop`;
SET SQL_MODE = '';
CREATE TABLE `people` (
  id INT PRIMARY KEY, seen TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00', mark VARBINARY(3) NOT NULL,
  label VARBINARY(16), UNIQUE (mark), KEY (seen)
);
LOCK TABLES `people` WRITE;
INSERT INTO `people` VALUES (1, now(), 'x', NULL);
INSERT INTO `people` VALUES (2, now(), 'y', NULL);
UNLOCK TABLES;
CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARCHAR(40) DEFAULT 'shop.people', person INT NOT NULL,
  FOREIGN KEY (person) REFERENCES `shop`.`people` (id));
CREATE VIEW shop.names AS SELECT shop.people.mark FROM shop.people;
CREATE USER reader; GRANT SELECT ON shop.* TO reader;
OPTIMIZE TABLE people;
DELIMITER //
CREATE PROCEDURE fill() BEGIN INSERT INTO people (id, mark) VALUES (1, 'x'); INSERT INTO orders VALUES (1, '', 1); END//
DELIMITER ;
CALL fill();
"""


def test_a_dump_is_read_without_its_rows_its_accounts_and_its_databases_name(mysql_database):
    dataset = dataset_of(mysql_database, DUMP, 300)
    assert [note for note in mysql_database.notes() if "left out" in note] == [
        "SET GLOBAL left out: what the whole server shares is no part of a schema",
        "SET left out: the server does not have that setting",
        "INSERT left out (2 times): a schema holds no rows",
        "CREATE USER left out: what the whole server shares is no part of a schema",
        "GRANT left out: what the whole server shares is no part of a schema",
        "OPTIMIZE left out: it is done after the rows are in",
        "rows that the schema's own code made are left out, of orders, people: a schema holds no rows",
    ]
    seed(mysql_database, dataset, workers=1, observe=lambda _: None)
    assert read(mysql_database, "SELECT count(*), count(DISTINCT mark), max(octet_length(label)) FROM people") == [
        (300, 300, 16)
    ]
    assert read(mysql_database, "SELECT count(*) FROM names JOIN orders WHERE note = 'shop.people'") == [(0,)]
    columns = dataset.table("orders").columns
    assert [column.default for column in columns if column.name == "note"] == ["'shop.people'"]


def test_a_dump_that_replaces_its_database_replaces_nothing_on_the_server(mysql_database):
    """As `mysqldump --add-drop-database` writes it."""
    with open_database("mysql://") as other:
        other._connection.run("CREATE TABLE kept (a INT)")
        name = other._database
        mysql_database.preview(
            f"/*!40000 DROP DATABASE IF EXISTS `{name}`*/;\nCREATE OR REPLACE DATABASE `{name}`;\nUSE `{name}`;\n"
            f"CREATE TABLE `{name}`.t (a INT PRIMARY KEY);",
            {},
        )
        mysql_database.preview(f"DROP TABLE IF EXISTS {name}.kept; CREATE TABLE {name}.t (a INT PRIMARY KEY);", {})
        for reaching in (
            f"RENAME TABLE {name}.kept TO {name}.gone",
            f"CREATE INDEX i ON `{name}`.kept (a)",
            f"DROP TABLE t, {name}.kept",
            f"CALL {name}.f()",
        ):
            with pytest.raises(InputError, match=f"line 2={name} names another database"):
                mysql_database.preview(f"CREATE TABLE t (a INT PRIMARY KEY);\n{reaching};", {})
        # The name of a table before a column's is none of a database.
        mysql_database.preview(
            f"CREATE TABLE t (a INT PRIMARY KEY, b INT DEFAULT 1.5);CREATE VIEW v AS SELECT {name}.a FROM t AS {name};",
            {},
        )
        assert list(other.user_tables()) == ["kept"]


def test_texts_of_a_small_character_set_are_spelt_with_what_it_has(mysql_database):
    columns = ", ".join(
        f"{name} VARCHAR(60) CHARACTER SET {kind} NOT NULL"
        for name, kind in (("city", "latin1"), ("last_name", "ascii"), ("company", "koi8r"), ("country", "sjis"))
    )
    ddl = (
        f"CREATE TABLE a (id INT PRIMARY KEY, {columns}, town VARCHAR(60) NOT NULL, UNIQUE (city), UNIQUE (last_name))"
    )
    dataset = dataset_of(mysql_database, f"{ddl} DEFAULT CHARSET latin1", 2000, locale="ja_JP")
    # A character that a column cannot keep is refused.
    seed(mysql_database, dataset, workers=1, observe=lambda _: None)
    found = read(mysql_database, "SELECT count(*), count(DISTINCT city), count(DISTINCT last_name) FROM a")
    assert found == [(2000, 2000, 2000)]


def test_collations_that_the_other_product_has_are_read_as_their_likes_and_named(mysql_database):
    ddl = (
        "CREATE TABLE a (id INT PRIMARY KEY, name VARCHAR(20) COLLATE utf8mb4_0900_as_cs NOT NULL"
        " DEFAULT 'utf8mb4_0900_ai_ci', UNIQUE (name)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"
    )
    dataset = dataset_of(mysql_database, ddl, 30)
    noted = mysql_database.notes()
    seed(mysql_database, dataset, workers=1, observe=lambda _: None)
    sql = (
        "SELECT collation_name, column_default FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name = 'a' AND column_name = 'name'"
    )
    assert read(mysql_database, sql) == [("utf8mb4_uca1400_nopad_as_cs", "'utf8mb4_0900_ai_ci'")]
    assert [note.split(":")[0] for note in noted if "collation" in note] == [
        "collation utf8mb4_0900_as_cs read as utf8mb4_uca1400_nopad_as_cs",
        "collation utf8mb4_0900_ai_ci read as utf8mb4_uca1400_nopad_ai_ci",
    ]
    assert mysql_database.notes() == noted
    with pytest.raises(InputError, match="line 1 is refused by the database: Unknown collation: 'no_such_ci'"):
        mysql_database.preview("CREATE TABLE b (x VARCHAR(9) COLLATE no_such_ci)", {})


def test_figures_and_addresses_are_taken(mysql_database):
    dataset = dataset_of(mysql_database, KINDS, 50)
    seed(mysql_database, dataset, workers=1, observe=lambda _: None)
    assert read(mysql_database, "SELECT count(*) FROM kinds WHERE ST_X(place) IS NOT NULL") == [(50,)]
    ((addresses, found),) = read(mysql_database, "SELECT count(ip), sum(ip LIKE '%:%') FROM kinds")
    assert addresses == found > 0
    statement = mysql_database.insert_statement(dataset.table("kinds"))
    mysql_database.check_statements({"insert": statement})
    with closing(mysql_database.connect(timeout_s=5)) as session:
        handle = session.prepare(statement)
        rows = dataset.batch("kinds", 0, 3)
        session.begin()
        session.execute(session.prepare(Statement.parse("DELETE FROM child")), ())
        session.execute(session.prepare(Statement.parse("DELETE FROM kinds")), ())
        for values in session.encode(handle, dict(zip(rows.schema.names, rows.columns, strict=True))):
            assert session.execute(handle, values) == 1
        session.rollback()


def test_numbering_goes_on_behind_the_rows(mysql_database):
    dataset = dataset_of(mysql_database, KINDS, 30)
    seed(mysql_database, dataset, workers=1, observe=lambda _: None)
    with closing(mysql_database.connect(timeout_s=5)) as session:
        session.execute(session.prepare(Statement.parse("INSERT INTO child (kind_id) SELECT min(id) FROM kinds")), ())
    ((highest, rows),) = read(mysql_database, "SELECT max(id), count(*) FROM child")
    assert rows == 31
    assert highest > max(row["id"] for row in dataset.batch("child", 0, 30).to_pylist())


# Loading -------------------------------------------------------------------------------------------------------------


def test_where_load_data_local_is_forbidden_rows_go_in_by_inserts_and_it_is_said(mysql_database):
    connection = mysql_database._connection
    connection.run("SET GLOBAL local_infile = 0")
    try:
        with open_database(mysql_database.url) as engine:
            fill(engine, BOOKS, [full_work(number) for number in range(50)])
            assert any("local_infile is off" in note for note in engine.notes())
            assert read(engine, "SELECT count(*), sum(price_twice = price * 2) FROM works") == [(50, 50)]
            assert read(engine, "SELECT title FROM works WHERE copies = 5000000000000") == [(full_work(5)["title"],)]
    finally:
        connection.run("SET GLOBAL local_infile = 1")


def test_what_local_would_bend_is_refused(mysql_database):
    """LOAD DATA LOCAL makes warnings of errors: a text that is too long would be cut."""
    ddl = "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(100));"
    manifest = Manifest("f", {}, mysql_database.preview(ddl, {}), owns_tables=True)
    mysql_database.create(manifest)
    mysql_database._connection.run("ALTER TABLE t MODIFY b VARCHAR(3)")
    table = manifest.schema.table("t")
    with pytest.raises(DatabaseError, match=r"table t: Data (truncated|too long) for column 'b' at row 2"):
        load(mysql_database, table, 0, [{"a": 1, "b": "abc"}, {"a": 2, "b": "abcd"}])
    assert read(mysql_database, "SELECT count(*) FROM t") == [(0,)]
    assert mysql_database.loaded() == frozenset()
    with pytest.raises(ConstraintError, match="Duplicate entry '1'"):
        load(mysql_database, table, 0, [{"a": 1}, {"a": 1}])


def test_what_was_half_made_is_made_anew(mysql_database):
    """DDL commits by itself: whoever is killed between two tables leaves some."""
    from loadlab.engines.mysql import ledger

    manifest = Manifest("f", {}, mysql_database.preview(BOOKS, {}), owns_tables=True)
    before = ledger.things(mysql_database._connection, mysql_database._database)
    ledger.write(mysql_database._connection, ledger.Entry(manifest, ledger.Plan(), before, ready=False))
    mysql_database._connection.run("CREATE TABLE authors (half INT)")
    with open_database(mysql_database.url) as engine:
        assert engine.manifest() is None
        assert engine.user_tables() == {}
        engine.create(manifest)
        load(engine, manifest.schema.table("authors"), 0, [author(1)])
        engine.finish(manifest, lambda _: None)
        assert engine.reflect().tables == manifest.schema.tables


def test_tables_in_the_way_are_not_touched(mysql_database):
    mysql_database._connection.run("CREATE TABLE mine (a INT PRIMARY KEY)")
    manifest = Manifest("f", {}, mysql_database.preview(BOOKS, {}), owns_tables=True)
    with pytest.raises(NotEmptyError, match="mine"):
        mysql_database.create(manifest)
    assert mysql_database.user_tables() == {"mine": False}


def test_what_loadlab_made_can_be_undone_and_nothing_else(mysql_database):
    mysql_database._connection.run("CREATE VIEW theirs AS SELECT 1 AS one")
    fill(mysql_database, BOOKS, [full_work(1)])
    mysql_database._connection.run("CREATE TABLE late (a INT PRIMARY KEY, author BIGINT REFERENCES authors (id))")
    with pytest.raises(NotEmptyError, match="late refers to authors"):
        mysql_database.forget()
    mysql_database._connection.run("DROP TABLE late")
    mysql_database.forget()
    assert mysql_database.user_tables() == {}
    assert mysql_database.manifest() is None
    assert read(mysql_database, "SELECT one FROM theirs") == [(1,)]


def test_a_connection_that_breaks_is_no_refusal_of_rows(mysql_database):
    from loadlab.engines.mysql.trial import try_sample

    schema = mysql_database.preview("CREATE TABLE t (a INT NOT NULL)", {})
    sample = pa.RecordBatch.from_pydict({"a": [1, 2]}, pa.schema([pa.field("a", pa.int32())]))
    with closing(mysql_database._another()) as broken:
        broken.run("CREATE TABLE t (a INT NOT NULL)")
        assert try_sample(broken, schema.table("t"), sample, native=True) is None
        mysql_database._connection.run(f"KILL {broken.number}")
        with pytest.raises(ConnectionLostError):
            try_sample(broken, schema.table("t"), sample, native=True)


# Servers that die ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_server_killed_on_the_way_holds_whole_chunks_and_a_later_run_goes_on(mortal_mariadb):
    with open_database(mortal_mariadb.url) as engine:
        dataset = dataset_of(engine, BOOKS, 20_000)
        engine.create(dataset.manifest)
        table = dataset.table("authors")
        killer = threading.Thread(target=mortal_mariadb.kill)

        def load_all() -> None:
            for number, start in enumerate(range(0, 20_000, 50)):
                if number == 20:
                    killer.start()
                if number == 300:
                    killer.join()  # However quick the loading is, and slow the killing: it is on the way.
                engine.load(table, [dataset.batch("authors", start, start + 50)], Chunk("authors", start, start + 50))

        with pytest.raises(ConnectionLostError):
            load_all()
        killer.join()
    mortal_mariadb.start()
    with open_database(mortal_mariadb.url) as engine:
        done = engine.loaded()
        assert 0 < len(done) < 400
        assert read(engine, "SELECT count(*) FROM authors") == [(50 * len(done),)]
        for start in range(0, 20_000, 50):
            chunk = Chunk("authors", start, start + 50)
            if chunk not in done:
                engine.load(table, [dataset.batch("authors", start, start + 50)], chunk)
        assert read(engine, "SELECT count(*), count(DISTINCT id) FROM authors") == [(20_000, 20_000)]


def test_a_private_server_that_takes_too_long_is_told(monkeypatch):
    # Needs the driver, which a newcomer's environment lacks.
    from loadlab.engines.mysql import server

    monkeypatch.setattr(server, "_START_LIMIT_S", 0.001)
    with pytest.raises(UnreachableError, match="did not end within"):
        server.start()


def test_a_private_server_ends_with_its_process():
    code = (
        "import os, sys\nfrom loadlab.engines import open_database\n"
        "engine = open_database('mysql://')\nprint(engine._private.folder, flush=True)\nsys.stdin.read()"
    )
    process = subprocess.Popen(
        [os.sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o077 == 0
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()


# Sessions ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def books(mysql_database):
    fill(mysql_database, BOOKS, [full_work(number) for number in range(1, 400)])
    return mysql_database


def run(session, sql: str, **values: Any) -> int:
    handle = session.prepare(Statement.parse(sql))
    return session.execute(handle, session.encode_row(handle, values))


def test_a_deadlock_is_a_conflict(books):
    with closing(books.connect(timeout_s=10)) as first, closing(books.connect(timeout_s=10)) as second:
        touch = "UPDATE authors SET born = '2000-01-01' WHERE id = :id"
        first.begin()
        second.begin()
        run(first, touch, id=1)
        run(second, touch, id=2)
        errors: list[DatabaseError] = []

        def wait() -> None:
            try:
                run(first, touch, id=2)
            except DatabaseError as error:
                errors.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.2)
        try:
            run(second, touch, id=1)
        except DatabaseError as error:
            errors.append(error)
        second.rollback()
        thread.join(10)
    assert [type(error) for error in errors] == [ConflictError]
    assert errors[0].code == "1213"


def test_a_plan_that_ends_in_a_deadlock_tells_of_the_deadlock(books):
    with closing(books.connect(timeout_s=10)) as session:
        session.begin()

        def deadlock() -> None:
            with session._undone():
                # As the server does it: with the transaction its savepoints are gone.
                session.connection.run("ROLLBACK")
                raise ConflictError("deadlock found", code="1213")

        with pytest.raises(ConflictError, match="deadlock"):
            deadlock()


def test_levels_of_isolation_are_the_transactions_own(books):
    count = Statement.parse("SELECT count(*) FROM authors")
    with closing(books.connect(timeout_s=5)) as reader, closing(books.connect(timeout_s=5)) as writer:
        handle = reader.prepare(count)
        for place, (level, seen) in enumerate({"repeatable read": 10, "read committed": 12}.items()):
            reader.begin(level)
            reader.query(handle, ())
            run(writer, "INSERT INTO authors (id, email) VALUES (:id, :email)", id=100 + place, email=f"new{place}")
            assert reader.query(handle, ()) == [(seen,)]
            reader.commit()
        with pytest.raises(InputError, match="isolation"):
            reader.begin("snapshot; DROP TABLE authors")


def test_a_statement_can_be_cancelled_and_cut_off(books):
    counting = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT count(*) FROM seq_1_to%'"
    for way, expected in (("cancel", StatementTimeoutError), ("abandon", ConnectionLostError)):
        with closing(books.connect(timeout_s=60)) as session:
            assert isinstance(session, CanCancel)

            def end(stop: Callable[[], None]) -> None:
                eventually(lambda: read(books, counting) == [(1,)])
                stop()

            ender = threading.Thread(target=end, args=(getattr(session, way),))
            ender.start()
            with pytest.raises(expected) as caught:
                run(session, "SELECT count(*) FROM seq_1_to_10000000000 WHERE seq % 7 = 3")
            assert "max_statement_time" not in str(caught.value), "it ran into its own limit"
            ender.join()


def test_values_come_as_pythons(books):
    row = read(books, "SELECT opens, written, published, price, picture, sold FROM works WHERE copies = 3000000000000")
    wanted = full_work(3)
    assert row == [tuple(wanted[name] for name in ("opens", "written", "published", "price", "picture", "sold"))]
    assert read(books, "SELECT TIME '-10:00:01', TIME '100:00:00'") == [
        (-dt.timedelta(hours=10, seconds=1), dt.timedelta(hours=100))
    ]


def test_several_values_stand_in_an_in(books):
    with closing(books.connect(timeout_s=5)) as session:
        handle = session.prepare(Statement.parse("SELECT id FROM authors WHERE id IN (:ids) ORDER BY id"))
        assert session.query(handle, session.encode_row(handle, {"ids": [3, 1]})) == [(1,), (3,)]
        assert session.query(handle, session.encode_row(handle, {"ids": 2})) == [(2,)]


# Evidence ------------------------------------------------------------------------------------------------------------


def test_the_server_counts_statements_tables_and_indexes(books):
    sql = Statement.parse("SELECT title FROM works WHERE author_id = :a ORDER BY changed DESC LIMIT 3")
    identity = books.statement_id(sql)
    before = books.snapshot()
    with closing(books.connect(timeout_s=5)) as session:
        handle = session.prepare(sql)
        for number in range(7):
            session.execute(handle, session.encode_row(handle, {"a": number}))
        run(session, "SELECT count(*) FROM works WHERE weight > 3")
        run(session, "UPDATE authors SET born = NULL WHERE id = 1")
    after = books.snapshot()
    assert identity is not None
    calls_before = before.statements[identity].calls if identity in before.statements else 0
    assert after.statements[identity].calls - calls_before == 7
    assert "ORDER BY" in after.statements[identity].text
    index = after.index("works", "works_author_id_changed_idx")
    assert index is not None
    assert index.scans is not None
    assert index.scans > 0
    assert (after.tables["works"].sequential_rows or 0) - (before.tables["works"].sequential_rows or 0) >= 399
    assert (after.tables["authors"].rows_updated or 0) - (before.tables["authors"].rows_updated or 0) == 1
    assert after.database["index_blocks_hit"] > before.database["index_blocks_hit"]
    assert books.watch().connections >= 1


def test_what_a_user_may_not_see_is_left_out_and_told(books):
    place = books.url.partition("@")[2]
    books._connection.run("CREATE OR REPLACE USER 'plain'@'localhost'")
    books._connection.run(f"GRANT ALL ON `{books._database}`.* TO 'plain'@'localhost'")
    statement = Statement.parse("SELECT title FROM works WHERE author_id = :a")
    with open_database(f"mysql://plain@{place}") as engine:
        found = engine.snapshot()
        assert found.statements == {}
        assert found.tables["works"].rows is not None
        assert (found.tables["works"].index_scans, found.tables["works"].analyzed) == (None, None)
        assert found.index("works", "works_author_id_changed_idx").scans is None
        assert engine.statement_id(statement) is None
        assert engine.watch().waits.get("row lock") is None
        told = [note for note in engine.notes() if "not seen" in note]
        assert len(told) == 5
        assert any("GRANT PROCESS ON *.* TO it" in note for note in told)
    for right in ("SELECT ON performance_schema.*", "SELECT ON mysql.*", "PROCESS ON *.*"):
        books._connection.run(f"GRANT {right} TO 'plain'@'localhost'")
    with open_database(f"mysql://plain@{place}") as engine:
        assert not any("not seen" in note for note in engine.notes())
        assert engine.snapshot().index("works", "works_author_id_changed_idx").scans is not None
        assert engine.statement_id(statement) == books.statement_id(statement)


def test_what_breaks_a_look_is_no_missing_right():
    from loadlab.engines.mysql.rights import if_allowed

    def look(code: str) -> Any:
        raise DatabaseError("x", code=code)

    assert if_allowed(lambda: look("1142")) is None
    with pytest.raises(DatabaseError):
        if_allowed(lambda: look("1146"))


def test_a_write_is_identified_without_being_executed(books):
    statement = Statement.parse("DELETE FROM authors WHERE id = :id")
    assert books.statement_id(statement)
    assert read(books, "SELECT count(*) FROM authors") == [(10,)]


def test_a_plan_tells_how_tables_are_reached(books):
    sql = (
        "SELECT a.email, w.title FROM authors a JOIN works w ON w.author_id = a.id"
        " WHERE a.email = :email AND w.rating = :rating ORDER BY w.price"
    )
    plan = books.plan(Statement.parse(sql))
    assert plan is not None
    scans = {node.table: node for node in plan.scans()}
    assert scans["authors"].indexes == ("email",)
    assert [item.column for item in scans["works"].compared_by_condition] == ["author_id"]
    assert [item.column for item in scans["works"].compared_by_filter] == ["rating"]
    assert "sort" in {node.kind for node in plan.nodes()}


@pytest.mark.parametrize(
    "sql, kinds",
    [
        ("INSERT INTO authors (id, email) VALUES (:id, :email)", ["write"]),
        ("UPDATE authors SET born = NULL WHERE id = :id", ["write", "index scan"]),
        ("DELETE FROM authors WHERE born < :day", ["write", "full scan"]),
    ],
)
def test_a_plan_shows_what_is_written(books, sql, kinds):
    plan = books.plan(Statement.parse(sql))
    assert plan is not None
    assert [node.kind for node in plan.nodes()] == kinds
    assert {node.table for node in plan.nodes()} == {"authors"}


def test_a_plan_for_values_is_executed_and_undone(books):
    with closing(books.connect(timeout_s=5)) as session:
        assert isinstance(session, CanPlanValues)
        statement = Statement.parse("DELETE FROM works WHERE rating = :r")
        handle = session.prepare(statement)
        session.begin()
        plan = session.plan_of(statement, session.encode_row(handle, {"r": 2}), execute=True)
        assert session.query(session.prepare(Statement.parse("SELECT count(*) FROM works")), ()) == [(399,)]
        read_plan = session.plan_of(
            Statement.parse("SELECT * FROM works WHERE rating = :r"), session.encode_row(handle, {"r": 2}), execute=True
        )
        session.rollback()
    assert plan is not None
    assert read_plan is not None
    (scan,) = read_plan.scans()
    assert (scan.kind, scan.rows, scan.rows_removed) == ("full scan", 80, 319)


def test_a_private_server_that_ends_at_its_start_is_told_at_once(monkeypatch):
    from loadlab.engines.mysql import server

    missing = missing_for_mysql()
    if missing is not None:
        pytest.skip(missing)
    monkeypatch.setattr(server, "_SETTINGS", ("--no-such-setting",))
    began_s = time.monotonic()
    with pytest.raises(UnreachableError, match=r"the server did not start: .*(Aborting|no-such-setting)"):
        server.start()
    assert time.monotonic() - began_s < server._START_LIMIT_S / 2


def test_a_copy_is_whole_and_apart(books):
    books._connection.run("CREATE VIEW cheap AS SELECT id FROM works WHERE price < 1")
    with books.clone() as copy:
        assert copy.reflect().tables == books.reflect().tables
        assert copy.manifest() == books.manifest()
        assert read(copy, "SELECT count(*) FROM works") == [(399,)]
        assert read(copy, "SELECT count(*) FROM cheap") == read(books, "SELECT count(*) FROM cheap")
        copy._connection.run("DELETE FROM authors")
        name = copy._database
    assert read(books, "SELECT count(*) FROM works") == [(399,)]
    found = f"SELECT count(*) FROM information_schema.schemata WHERE schema_name = '{name}'"
    assert read(books, found) == [(0,)]
