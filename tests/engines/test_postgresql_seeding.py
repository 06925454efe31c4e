"""What is put off for a load comes back exactly; what was made by others is left alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from psycopg.conninfo import conninfo_to_dict

from loadlab.engines import open_database
from loadlab.engines.postgresql import ledger
from loadlab.engines.postgresql.cloning import drop_clone, url_of_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.forget import objects
from loadlab.engines.postgresql.script import run_script
from loadlab.engines.postgresql.server import find_installation
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.errors import ConstraintError, DatabaseError, InputError, NotEmptyError, UnreachableError
from loadlab.schema.model import Column, ForeignKey, Index, LogicalType, Schema, Table
from tests import seeded

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = ROOT / "fixtures" / "postgresql" / "everything.sql"
MARKETPLACE = ROOT / "scenarios" / "marketplace" / "schema.sql"
BOTH = pytest.mark.parametrize("path", [EVERYTHING, MARKETPLACE], ids=lambda path: path.parent.name)


def silent(_: str) -> None:
    pass


def rows(engine: PostgresqlEngine, query: str) -> list[tuple[Any, ...]]:
    return engine._connection.execute(query.encode()).fetchall()


def run(engine: PostgresqlEngine, script: str) -> None:
    with engine._connection.transaction():
        run_script(engine._connection, script)


def dump(engine: PostgresqlEngine) -> list[str]:
    """What pg_dump says about the schema, without its comments and LoadLab's ledger."""
    program = find_installation(None, Path("unused")).bin / "pg_dump"
    arguments = [str(program), "--schema-only", "--exclude-schema", ledger.LEDGER_NAMESPACE, engine.url]
    text = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    # Debian's 15.20 stamps attributes with a number of its own that differs from one table of the kind to the next.
    lines = [line for line in text.splitlines() if "SET (pg_attver=" not in line]
    return [line for line in lines if line and not line.startswith(("--", "\\"))]


def manifest(schema: Schema, *, owns_tables: bool = True) -> Manifest:
    return Manifest("f1", {"seed": 1}, schema, owns_tables)


@BOTH
def test_a_dump_after_seeding_equals_one_of_the_script_itself(
    new_database: Callable[[], PostgresqlEngine], path: Path
) -> None:
    script, seeded, plain = path.read_text(), new_database(), new_database()
    run(plain, script)
    made = manifest(seeded.preview(script, {}))
    seeded.create(made)
    assert rows(seeded, "SELECT count(*) > 15 FROM loadlab_ledger.deferred") == [(True,)]
    lines: list[str] = []
    seeded.finish(made, lines.append)
    assert any("index" in line for line in lines)
    assert all(len(line) < 120 and "\n" not in line for line in lines)
    assert seeded.reflect().tables == plain.reflect().tables == made.schema.tables
    assert dump(seeded) == dump(plain)


@BOTH
def test_while_loading_only_checks_stand(any_database: PostgresqlEngine, path: Path) -> None:
    schema = any_database.preview(path.read_text(), {})
    any_database.create(manifest(schema))
    reflected = any_database.reflect()
    assert [table.key for table in reflected] == [table.key for table in schema]
    for table, complete in zip(reflected, schema, strict=True):
        assert table.checks == complete.checks
        assert table.foreign_keys == ()
        # A view groups by this table's key, which therefore cannot be dropped.
        assert [index.name for index in table.indexes] == (["people_pkey"] if table.name == "people" else [])
    enabled = rows(
        any_database,
        "SELECT tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
        " WHERE NOT tgisinternal AND tgenabled <> 'D'",
    )
    assert enabled == []


def test_children_of_partitioned_indexes_keep_their_names(database: PostgresqlEngine) -> None:
    seeded = manifest(database.preview(EVERYTHING.read_text(), {}))
    database.create(seeded)
    database.finish(seeded, silent)
    assert rows(
        database,
        "SELECT c.relname, p.relname FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid"
        " JOIN pg_class AS p ON p.oid = inhparent WHERE c.relkind IN ('i', 'I') AND c.relname ~ 'old' ORDER BY 1",
    ) == [
        ("events_old_payload_idx", "events_payload_idx"),
        ("old_events_by_person", "events_person_id_idx"),
        ("old_key", "events_pkey"),
    ]
    assert rows(database, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


TWO_TABLES = """
CREATE TABLE parents (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
CREATE SEQUENCE numbers START 100;
CREATE SEQUENCE downwards INCREMENT -2 MAXVALUE 1000 MINVALUE -1000 START 1000;
CREATE TABLE children (
    id serial PRIMARY KEY,
    parent_id bigint REFERENCES parents (id),
    number integer DEFAULT nextval('numbers') CHECK (number > 0),
    down integer DEFAULT nextval('downwards')
);
CREATE INDEX children_parent_idx ON children (parent_id);
"""


def two_tables(engine: PostgresqlEngine) -> Manifest:
    made = manifest(engine.preview(TWO_TABLES, {}))
    engine.create(made)
    return made


def parents(count: int) -> pa.RecordBatch:
    return pa.record_batch({"id": pa.array(range(1, count + 1)), "name": pa.array([f"p{n}" for n in range(count)])})


def children(parent_ids: Sequence[int], *, number: int = 7) -> pa.RecordBatch:
    count = len(parent_ids)
    return pa.record_batch(
        {
            "id": pa.array(range(1, count + 1), pa.int32()),
            "parent_id": pa.array(parent_ids, pa.int64()),
            "number": pa.array([number] * count, pa.int32()),
            "down": pa.array([500 - k for k in range(count)], pa.int32()),
        }
    )


def fill(engine: PostgresqlEngine, made: Manifest) -> None:
    assert engine.load(made.schema.table("parents"), [parents(10)], Chunk("parents", 0, 10)) == 10
    assert engine.load(made.schema.table("children"), [children([1, 2])], Chunk("children", 0, 2)) == 2


def test_sequences_go_on_behind_the_rows_and_never_back(any_database: PostgresqlEngine) -> None:
    made = two_tables(any_database)
    fill(any_database, made)
    any_database.finish(made, silent)
    for insert in ("INSERT INTO parents (name) VALUES ('next')", "INSERT INTO children (parent_id) VALUES (11)"):
        any_database._connection.execute(insert.encode())
    assert rows(any_database, "SELECT max(id) FROM parents") == [(11,)]
    # numbers stood further on (100) than the rows (7), downwards counts the other way.
    assert rows(any_database, "SELECT id, number, down FROM children ORDER BY id DESC LIMIT 1") == [(3, 100, 497)]


def test_the_planner_knows_the_tables_and_every_page_is_visible(any_database: PostgresqlEngine) -> None:
    made = two_tables(any_database)
    fill(any_database, made)
    any_database.finish(made, silent)
    assert rows(any_database, "SELECT reltuples, relpages, relallvisible FROM pg_class WHERE relname = 'parents'") == [
        (10, 1, 1)
    ]
    assert rows(any_database, "SELECT count(*) FROM pg_stats WHERE tablename = 'children'") == [(4,)]


def test_the_same_manifest_goes_on_and_another_is_refused(database: PostgresqlEngine) -> None:
    made = two_tables(database)
    fill(database, made)
    database.create(made)
    assert database.loaded() == {Chunk("parents", 0, 10), Chunk("children", 0, 2)}
    with pytest.raises(NotEmptyError, match=r"f2.*empty database"):
        database.create(Manifest("f2", {}, made.schema, owns_tables=True))


def test_a_namespace_of_that_name_is_not_taken_over(database: PostgresqlEngine) -> None:
    run(database, f"CREATE SCHEMA {ledger.LEDGER_NAMESPACE}")
    with pytest.raises(NotEmptyError, match=ledger.LEDGER_NAMESPACE):
        two_tables(database)
    assert database.user_tables() == {}


def test_tables_of_others_are_not_touched_by_create(database: PostgresqlEngine) -> None:
    run(database, "CREATE TABLE mine (id integer PRIMARY KEY, UNIQUE (id)); CREATE INDEX mine_idx ON mine (id)")
    before = database.reflect().table("mine")
    made = two_tables(database)
    assert database.reflect().table("mine") == before
    database.finish(made, silent)
    assert database.reflect().table("mine") == before


def test_create_is_all_or_nothing(database: PostgresqlEngine) -> None:
    script = TWO_TABLES + "CREATE TABLE parents (again integer);"
    with pytest.raises(InputError, match=r"schema: line 12 .*parents.*already exists"):
        database.create(manifest(Schema((), "postgresql", script)))
    assert database.manifest() is None
    assert database.user_tables() == {}


def test_a_wrong_row_is_refused_in_its_own_chunk(database: PostgresqlEngine) -> None:
    made = two_tables(database)
    with pytest.raises(ConstraintError, match=r"children_number_check.*COPY children, line 1") as caught:
        database.load(made.schema.table("children"), [children([1], number=-1)], Chunk("children", 0, 1))
    assert caught.value.code == "23514"
    assert database.loaded() == frozenset()
    assert rows(database, "SELECT count(*) FROM children") == [(0,)]


def test_finish_names_the_foreign_key_that_is_broken_and_goes_on_later(database: PostgresqlEngine) -> None:
    made = two_tables(database)
    database.load(made.schema.table("children"), [children([1])], Chunk("children", 0, 1))
    with pytest.raises(ConstraintError, match=r"children_parent_id_fkey.*Key \(parent_id\)=\(1\)"):
        database.finish(made, silent)
    left = database.manifest()
    assert left is not None
    assert not left.finished
    database.load(made.schema.table("parents"), [parents(1)], Chunk("parents", 0, 1))
    database.finish(made, silent)
    assert database.reflect().tables == made.schema.tables


def test_a_chunk_that_came_short_is_not_kept(database: PostgresqlEngine) -> None:
    made = two_tables(database)
    with pytest.raises(DatabaseError, match=r"3 rows of the chunk 0\.\.4"):
        database.load(made.schema.table("parents"), [parents(3)], Chunk("parents", 0, 4))
    assert rows(database, "SELECT count(*) FROM parents") == [(0,)]


def test_a_source_that_fails_leaves_a_usable_connection(database: PostgresqlEngine) -> None:
    made = two_tables(database)

    def broken() -> Any:
        yield parents(2)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        database.load(made.schema.table("parents"), broken(), Chunk("parents", 0, 4))
    assert database.loaded() == frozenset()
    fill(database, made)


def test_values_that_do_not_fit_are_named_by_column(database: PostgresqlEngine) -> None:
    made = two_tables(database)
    batch = children([1]).set_column(2, "number", pa.array([2**40]))
    with pytest.raises(InputError, match=r"^children\.number: .*1099511627776"):
        database.load(made.schema.table("children"), [batch], Chunk("children", 0, 1))
    run(database, "CREATE TABLE odd (tree pg_node_tree)")
    odd = database.reflect().table("odd")
    with pytest.raises(InputError, match=r"^odd\.tree: values of type pg_node_tree"):
        database.load(odd, [pa.record_batch({"tree": pa.array(["<>"])})], Chunk("odd", 0, 1))
    fill(database, made)


def test_a_schema_of_another_engine_is_rendered(database: PostgresqlEngine) -> None:
    integer, text = LogicalType("integer", "INTEGER", bits=64), LogicalType("text", "VARCHAR(9)", length=9)
    labels = LogicalType("enum", "ENUM('a','b')", labels=("a", "b'"))
    parent = Table(
        "parent table",
        (Column("id", integer, nullable=False, identity="by default"), Column("Name", text, default="whatever()")),
        primary_key=("id",),
        primary_key_name="pk",
        indexes=(
            Index("pk", ("id",), unique=True, expressions=(False,), constraint="pk"),
            Index("by_name", ("Name", "id"), unique=True, expressions=(False, False)),
            Index("odd", ("lower(x)",), expressions=(True,), definition="CREATE INDEX odd ON ..."),
        ),
    )
    child = Table(
        "child",
        (Column("parent", integer), Column("label", labels), Column("data", LogicalType("json"))),
        foreign_keys=(ForeignKey("fk", ("parent",), "parent table", ("id",), "CASCADE"),),
    )
    other = Schema((child, parent), "other")
    database.create(manifest(other))
    database.finish(manifest(other), silent)
    made = database.reflect()
    assert [(c.name, c.type.kind, c.type.length, c.nullable) for c in made.table("parent table").columns] == [
        ("id", "integer", None, False),
        ("Name", "text", 9, True),
    ]
    assert made.table("parent table").unique_keys == (("id",), ("Name", "id"))
    (key,) = made.table("child").foreign_keys
    assert (key.name, key.target, key.on_delete) == ("fk", "parent table", "CASCADE")
    assert made.table("child").checks[0].expression == "label = ANY (ARRAY['a'::text, 'b'''::text])"


def test_a_reflected_schema_is_rendered_with_its_own_words(database: PostgresqlEngine) -> None:
    run(
        database,
        "CREATE TABLE p (id bigserial PRIMARY KEY, n numeric(5, 1) DEFAULT 1.5 CHECK (n > 1), t text UNIQUE,"
        " a int, b int, UNIQUE NULLS NOT DISTINCT (a), UNIQUE (b) INCLUDE (a) DEFERRABLE INITIALLY DEFERRED);"
        "CREATE INDEX p_lower ON p (lower(t)) WHERE n > 2;"
        "CREATE TABLE c (p bigint REFERENCES p (id) ON UPDATE CASCADE, d int GENERATED ALWAYS AS (1) STORED)",
    )
    found = database.reflect()
    run(database, "DROP TABLE c, p")
    database.create(manifest(found))
    database.finish(manifest(found), silent)
    made = database.reflect()
    assert made.table("c") == found.table("c")
    assert made.table("p").indexes == found.table("p").indexes
    assert made.table("p").checks == found.table("p").checks
    assert made.table("p").column("n") == found.table("p").column("n")


MADE_OF_ALL_KINDS = """\
CREATE COLLATION ci (provider = builtin, locale = 'C.UTF-8');
CREATE TEXT SEARCH CONFIGURATION plain_words (COPY = simple);
CREATE FUNCTION same_parity(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = $2 % 2';
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = same_parity);
CREATE OPERATOR CLASS parity FOR TYPE integer USING hash AS OPERATOR 1 ===, FUNCTION 1 hashint4(integer);
CREATE AGGREGATE greatest_of (integer) (SFUNC = int4larger, STYPE = integer);
CREATE TYPE pair AS (a integer, b integer);
CREATE FUNCTION pair_text(pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a::text';
CREATE CAST (pair AS text) WITH FUNCTION pair_text(pair);
CREATE EXTENSION postgis;
CREATE TABLE things (id integer PRIMARY KEY, name text COLLATE ci NOT NULL, spot geometry(Point, 4326) NOT NULL);
CREATE FUNCTION all_things() RETURNS SETOF things LANGUAGE sql STABLE AS 'SELECT * FROM things';
CREATE VIEW odd_things AS SELECT * FROM all_things() WHERE id === 1;
CREATE SCHEMA "Side";
CREATE TABLE "Side"."More" (id serial PRIMARY KEY, thing integer REFERENCES things);
"""


def forgotten(engine: PostgresqlEngine, script: str) -> None:
    before = objects(engine._connection)
    engine.create(manifest(engine.preview(script, {})))
    assert len(objects(engine._connection)) > len(before)
    engine.forget()
    assert objects(engine._connection) == before


def test_things_that_need_each_other_are_forgotten(database: PostgresqlEngine) -> None:
    forgotten(database, MADE_OF_ALL_KINDS)


def test_everything_that_was_made_is_forgotten(any_database: PostgresqlEngine) -> None:
    forgotten(any_database, EVERYTHING.read_text())


@pytest.mark.parametrize(
    "of_others, reason",
    [
        ("CREATE TABLE of_others (id integer, a pair)", "table of_others depends on type pair"),
        (
            "CREATE VIEW of_others AS SELECT spot IS NULL FROM things",
            "rule _RETURN on view of_others depends on table things",
        ),
        ("CREATE TABLE of_others (a text COLLATE ci)", "table of_others depends on collation ci"),
        ('CREATE TABLE "Side".of_others ()', 'table "Side".of_others depends on schema Side'),
    ],
)
def test_what_others_need_is_not_forgotten(database: PostgresqlEngine, of_others: str, reason: str) -> None:
    made = manifest(database.preview(MADE_OF_ALL_KINDS, {}))
    database.create(made)
    run(database, of_others)
    there = objects(database._connection)
    with pytest.raises(NotEmptyError, match=re.escape(reason)):
        database.forget()
    assert objects(database._connection) == there
    assert database.manifest() == made


def test_a_copy_that_does_not_close_leaves_no_other_open(
    database: PostgresqlEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def name(copy: PostgresqlEngine) -> str:
        return str(copy._connection.info.dbname)

    def refuse() -> None:
        raise DatabaseError("the server is busy")

    engine = open_database("embedded:")
    assert isinstance(engine, PostgresqlEngine)
    first, second = engine.clone(), engine.clone()
    names = [name(engine), name(first)]
    monkeypatch.setattr(second, "_on_close", refuse)
    with pytest.raises(DatabaseError, match="the server is busy"):
        engine.close()
    assert engine._connection.closed
    assert rows(database, f"SELECT count(*) FROM pg_database WHERE datname IN {tuple(names)}") == [(0,)]
    drop_clone(database._connection, second.url.partition("?")[0].rpartition("/")[2])


def test_a_copy_that_cannot_be_opened_is_none(database: PostgresqlEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    count = "SELECT count(*) FROM pg_database"
    before = rows(database, count)

    def unreachable(*_: object) -> str:
        return database.url.replace("host=", "host=/nowhere")

    monkeypatch.setattr("loadlab.engines.postgresql.engine.url_of_database", unreachable)
    with pytest.raises(UnreachableError):
        database.clone()
    assert rows(database, count) == before


def test_an_address_of_another_database_keeps_its_options() -> None:
    there = url_of_database("postgresql://me@db/shop?password=a+b%20c&dbname=other&options=-c%20x%3D1", "copy 1")
    assert conninfo_to_dict(there) == {
        "user": "me", "host": "db", "dbname": "copy 1", "password": "a+b c", "options": "-c x=1",
    }  # fmt: skip


KILLED = """
import os, sys
from loadlab.engines import open_database
from loadlab.engines.postgresql import finish
if sys.argv[4] == "apart":
    finish._SMALL_BYTES = -1
with open_database(sys.argv[1]) as engine:
    steps = 0
    def progress(line):
        global steps
        steps += 1
        if steps == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
    engine.finish(engine.manifest(), progress, workers=int(sys.argv[3]))
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "tables, step", [("together", 1), ("together", 4), ("apart", 3), ("apart", 9), ("apart", 15), ("apart", 22)]
)
def test_a_finish_killed_anywhere_goes_on(database: PostgresqlEngine, tables: str, step: int, workers: int) -> None:
    seeded = manifest(database.preview(EVERYTHING.read_text(), {}))
    database.create(seeded)
    arguments = [sys.executable, "-c", KILLED, database.url, str(step), str(workers), tables]
    killed = subprocess.run(arguments, cwd=ROOT, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert killed.returncode == -9
    time.sleep(0.05)
    database.finish(seeded, silent)
    assert database.reflect().tables == seeded.schema.tables
    assert rows(database, "SELECT count(*) FROM loadlab_ledger.deferred") == [(0,)]
    assert rows(database, "SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == [(1,)], (
        "Person's is NOT VALID"
    )
    assert rows(database, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_a_text_that_several_keys_share_is_not_listed(database: PostgresqlEngine) -> None:
    """A text of 255 characters has millions of millions of values; none is written down before it is needed."""
    ddl = """\
CREATE TABLE categories (id int PRIMARY KEY);
CREATE TABLE details (id int PRIMARY KEY);
CREATE TABLE filters (
    id int PRIMARY KEY, category_id int REFERENCES categories, detail_id int REFERENCES details,
    match_mode varchar(255) NOT NULL, match_value varchar(255) NOT NULL,
    UNIQUE (category_id, match_mode), UNIQUE (detail_id, match_mode, match_value)
);
"""
    schema = database.preview(ddl, {})
    dataset = seeded.plan(schema, 60)
    seeded.fill(database, dataset)
    seeded.check_everything(database, schema, dataset, 60)


def test_checks_that_call_functions_of_the_schema_hold(new_database: Callable[[], PostgresqlEngine]) -> None:
    script = """
        CREATE FUNCTION squeezed(word text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE result text; BEGIN SELECT replace(word, 'x', '') INTO result; RETURN result; END; $$;
        CREATE FUNCTION no_blanks(word text) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN RETURN word !~ '[[:space:]]'; END; $$;
        CREATE FUNCTION in_order(a int, b int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 <= $2 AND a > 10';
        CREATE DOMAIN rate AS numeric(5, 2) CHECK (in_order(11, VALUE::int));
        CREATE TABLE t (
            id int PRIMARY KEY, name varchar(60) NOT NULL CHECK (no_blanks(name::text)), low int NOT NULL,
            high int NOT NULL, share rate, CHECK (in_order(low, high)), CHECK (length(squeezed(name)) < 900)
        );
    """
    engine = new_database()
    schema = engine.preview(script, {})
    dataset = seeded.plan(schema, 200)
    seeded.fill(engine, dataset)
    seeded.check_everything(engine, schema, dataset, 200)
    understood = "count(*) FILTER (WHERE low > 10 AND high >= low AND name !~ '[[:space:]]')"
    assert rows(engine, f"SELECT count(*), {understood} FROM t") == [(200, 200)]
