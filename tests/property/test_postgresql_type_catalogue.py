"""Every type that PostgreSQL and its extensions bring along: generated, loaded, read back equal to what was meant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from loadlab.data.core.cells import arrow_type, to_arrow
from loadlab.data.core.clock import Clock
from loadlab.data.frame import Frame, Generator, TablePlan
from loadlab.data.values.elements import distinct_generator, value_generator
from loadlab.engines import open_database
from loadlab.engines.postgresql.builtin_types import PLAIN
from loadlab.engines.postgresql.copy_binary.columns import encodes
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.render import DIALECT, render_schema
from loadlab.engines.postgresql.server import Server
from loadlab.engines.postgresql.text_form import text_column
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.schema.model import Column, LogicalType, Schema, Table
from loadlab.spec.shapes import TimeShape
from loadlab.spec.statement import Statement
from tests.readback import meant, read

ROWS = 120
EXTENSIONS = ("citext", "cube", "hstore", "ltree", "vector")
PREPARED = (
    "".join(f"CREATE EXTENSION {name};\n" for name in EXTENSIONS)
    + """\
CREATE TYPE size AS ENUM ('s', 'm', 'x; l', 'it''s "big", {really}');
CREATE DOMAIN percent AS numeric(5, 2);
CREATE DOMAIN sizes AS size[];
CREATE DOMAIN inner_percent AS percent;
CREATE TYPE spot AS (place point, "share of" inner_percent, tags text[]);
CREATE TYPE visit AS (spot spot, span tstzrange, note text, size size, n smallint);
CREATE TYPE timerange AS RANGE (subtype = time);
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TYPE textrange AS RANGE (subtype = text);
CREATE TYPE percentrange AS RANGE (subtype = percent);
CREATE DOMAIN rating AS smallint CHECK (VALUE BETWEEN 1 AND 5);
CREATE DOMAIN debt AS numeric(6, 2) CHECK (VALUE < 0) NOT NULL;
CREATE DOMAIN country AS char(2) CHECK (VALUE ~ '^[A-Z]{2}$');
CREATE DOMAIN word AS text CHECK (length(VALUE) > 3 AND length(VALUE) <= 9);
CREATE DOMAIN light AS text CHECK (VALUE IN ('red', 'green'));
CREATE TYPE review AS (rating rating, debt debt, country country, word word, light light, odd integer);
CREATE TYPE ratingrange AS RANGE (subtype = rating);
"""
)
TYPES = """\
smallint;integer;bigint;numeric;numeric(1000,0);numeric(38,10);numeric(38,18);numeric(3,5);numeric(5,-2);numeric(1,0)
numeric(1000,500);numeric(20,18);numeric(9,9);numeric(60,30);real;double precision;money;text;varchar;varchar(3);char
char(7);"char";name;citext;bytea;date;time;time(0);time(3);timetz;timetz(2);timestamp;timestamp(0);timestamp(3)
timestamptz;timestamptz(1);interval;interval(2);interval year;interval month;interval year to month;interval day
interval day to hour;interval day to minute;interval day to second(3);interval hour;interval minute;interval second
interval hour to minute;boolean;uuid;json;jsonb;jsonpath;inet;cidr;macaddr;macaddr8;bit;bit(3);bit(77);varbit
varbit(5);varbit(70);point;line;lseg;box;path;polygon;circle;tsvector;tsquery;pg_lsn;oid;xid;xid8;cid;tid
txid_snapshot;pg_snapshot;refcursor;regclass;regcollation;regconfig;regdictionary;regnamespace;regoper;regoperator
regproc;regprocedure;regrole;regtype;int4range;int8range;numrange;tsrange;tstzrange;daterange;int4multirange
int8multirange;nummultirange;tsmultirange;tstzmultirange;datemultirange;timerange;floatrange;textrange;percentrange
timemultirange;textmultirange;size;percent;inner_percent;sizes;spot;visit;hstore;ltree;lquery;ltxtquery;cube;vector
vector(3);vector(100);halfvec(5);sparsevec;sparsevec(5);sparsevec(1000);integer[];integer[][];integer[3];text[];size[]
percent[];spot[];visit[];uuid[];numeric(6,2)[];varchar(3)[];timestamptz(0)[];tsrange[];tsmultirange[];point[];bit(3)[]
macaddr[];jsonb[];bytea[];hstore[];vector(3)[];boolean[];interval[];tsvector[];path[];money[];inet[];date[];char(4)[];box[]
review;review[];rating[];debt[];country[];word[];light[];ratingrange
"""
NAMES = [name for line in TYPES.splitlines() for name in line.split(";")]
UNLOADABLE = {
    "aclitem": "has no binary form",
    "gtsvector": "an index's own",
    "ghstore": "an index's own",
    "int2vector": "the catalogue's own",
    "intbig_gkey": "an index's own",
    "ltree_gist": "an index's own",
    "oidvector": "the catalogue's own",
    "pg_brin_bloom_summary": "an index's own",
    "pg_brin_minmax_multi_summary": "an index's own",
    "pg_dependencies": "extended statistics' own",
    "pg_mcv_list": "extended statistics' own",
    "pg_ndistinct": "extended statistics' own",
    "pg_node_tree": "the catalogue's own",
    "query_int": "has no binary form",
    "seg": "has no binary form",
    **dict.fromkeys(("ean13", "isbn", "isbn13", "ismn", "ismn13", "issn", "issn13", "upc"), "has no binary form"),
}


def frame_of(table: Table, rows: int = ROWS) -> Frame:
    plan = TablePlan(table, 7, rows, float(rows), False, (), {})
    return Frame(plan, np.arange(rows), {table.key: plan}, Clock.of(TimeShape()))


@dataclass(frozen=True, slots=True)
class Filled:
    """A database with a table for each type, and a connection that has nothing of the product."""

    engine: PostgresqlEngine
    schema: Schema
    connection: psycopg.Connection[Any]

    def shown(self, text: str) -> list[Any]:
        return [value for (value,) in self.connection.execute(text.encode())]


@contextmanager
def tables_of(engine: PostgresqlEngine, prepared: str, names: Sequence[str]) -> Iterator[Filled]:
    tables = "".join(f"CREATE TABLE t{k} (n integer, v {name});\n" for k, name in enumerate(names))
    schema = engine.preview(prepared + tables, {})
    engine.create(Manifest("f", {}, schema, owns_tables=True))
    with psycopg.connect(engine.url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield Filled(engine, schema, connection)


@pytest.fixture(scope="module")
def typed(embedded_server: str) -> Iterator[Filled]:
    """A table with nothing but a column of each type."""
    with open_database("embedded:") as database:
        assert isinstance(database, PostgresqlEngine)
        with tables_of(database, PREPARED, NAMES) as filled:
            yield filled


@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
def test_generated_values_are_read_back(typed: Filled, place: int) -> None:
    fill(typed, place)


def fill(filled: Filled, place: int) -> None:
    table = filled.schema.table(f"t{place}")
    column = table.column("v")
    values = value_generator(column.type, 1, "en", DIALECT)
    assert values is not None
    check(filled, table, column, values, 0, ROWS)
    distinct = distinct_generator(column.type, 2, DIALECT)
    if distinct is None:
        return
    rows = min(ROWS, distinct[1])
    array = check(filled, table, column, distinct[0], 2 * ROWS, rows)
    assert len({repr(meant(value, column.type)) for value in array.to_pylist()}) == rows
    if column.type.kind == "range" and array.field(1).null_count == 0:
        pairs = f"t{place} AS a JOIN t{place} AS b ON a.n < b.n AND a.v && b.v"
        assert filled.shown(f"SELECT count(*) FROM {pairs} WHERE a.n >= {2 * ROWS} AND b.n < {3 * ROWS}") == [0]


def check(filled: Filled, table: Table, column: Column, generator: Generator, first: int, rows: int) -> pa.Array:
    frame = frame_of(table, rows)
    array = to_arrow(generator.make(frame), column.type)
    assert len(array) == rows
    assert array.equals(to_arrow(generator.make(frame), column.type))
    nulls = array.take(pa.array([None if k % 5 == 3 else k for k in range(rows)], pa.int64()))
    for start, part in ((first, array), (first + ROWS, nulls)):
        batch = pa.record_batch({"n": pa.array(range(start, start + rows), pa.int32()), "v": part})
        assert filled.engine.load(table, [batch], Chunk(table.key, start, start + rows)) == rows
        shown = filled.shown(
            f"SELECT v::text FROM {table.key} WHERE n BETWEEN {start} AND {start + rows - 1} ORDER BY n"
        )
        assert [read(text, column.type) for text in shown] == [meant(v, column.type) for v in part.to_pylist()]
        same_as_literals(filled, column, part, shown)
    return array


def same_as_literals(filled: Filled, column: Column, array: pa.Array, shown: Sequence[str | None]) -> None:
    """The text form is read by the server as the value that the binary form was."""
    found = filled.connection.execute(
        f"SELECT CAST(v AS {column.type.native})::text"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS t (v, k) ORDER BY k".encode(),
        (text_column(array, column.type).to_pylist(),),
    ).fetchall()
    assert [text for (text,) in found] == list(shown)


@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
def test_sessions_send_values(typed: Filled, place: int) -> None:
    table = typed.schema.table(f"t{place}")
    kind = table.column("v").type
    if kind.form in ("month", "year"):
        pytest.xfail("a parameter of the type interval does not know of the column's fields")
    values = value_generator(kind, 3, "en", DIALECT)
    assert values is not None
    array = to_arrow(values.make(frame_of(table, 8)), kind).take(pa.array([*range(7), None], pa.int64()))
    session = typed.engine.connect(timeout_s=10)
    handle = session.prepare(Statement.parse(f"INSERT INTO {table.key} (n, v) VALUES (:n, :v)"))
    many = session.encode(handle, {"n": pa.array(range(10_000, 10_008), pa.int32()), "v": array})
    single = [
        session.encode_row(handle, {"n": 10_008 + k, "v": value})
        for k, value in enumerate(array.to_pylist() if kind.kind != "array" else [])
    ]
    for row in [*many, *single]:
        assert session.execute(handle, row) == 1
    session.close()
    shown = typed.shown(f"SELECT v::text FROM {table.key} WHERE n >= 10000 ORDER BY n")
    wanted = [meant(value, kind) for value in array.to_pylist()]
    assert [read(text, kind) for text in shown] == wanted * (len(shown) // len(wanted))


EDGES: dict[str, list[Any]] = {
    "numeric(5,-2)": [Decimal("9999900"), Decimal("-100"), Decimal(0)],
    "numeric(3,5)": [Decimal("0.00999"), Decimal("-0.00001")],
    "money": [Decimal("-92233720368547758.08"), Decimal("92233720368547758.07"), Decimal("0.01")],
    "oid": [0, 2**32 - 1],
    "interval": [dt.timedelta(days=-3, microseconds=5), dt.timedelta(days=400, hours=23), dt.timedelta(0)],
    "interval year to month": [dt.timedelta(days=-30 * 13), dt.timedelta(days=30 * 25)],
    "varbit": ["", "1", "01010101", "010101011", "0" * 100 + "1"],
    "int4range": [{"lower": None, "upper": 5}, {"lower": -1, "upper": None}, {"lower": 3, "upper": 3}],
    "int8multirange": [[], [{"lower": None, "upper": 1}, {"lower": 4, "upper": 5}, {"lower": 9, "upper": None}]],
    "tstzrange": [{"lower": None, "upper": None}],
    "textrange": [{"lower": 'a "b", \\c', "upper": "b,)"}, {"lower": "", "upper": "(["}],
    "spot": [
        {"place": None, "share of": None, "tags": None},
        {"place": {"x": -1.5, "y": 1e300}, "share of": Decimal("-1.25"), "tags": ["", "NULL", None, 'a"b\\c', "{,}"]},
    ],
    "visit[]": [[], [None], [{"spot": None, "span": None, "note": "", "size": "x; l", "n": None}, None]],
    "sizes": [['it\'s "big", {really}', None], []],
    "text[]": [["", "null", "NULL", None, "\\", '"', " a ", "{}", "ä,ö"]],
    "hstore": [[], [("k", None), ('a"b\\', "=>,"), ("", "")]],
    "path": [
        {"closed": False, "points": [{"x": 0.1, "y": -0.0}]},
        {"closed": True, "points": [{"x": 1e-7, "y": 1e21}] * 3},
    ],
    "polygon": [[{"x": 0.1 + 0.2, "y": 3.0}], [{"x": float(k), "y": -1e-300} for k in range(50)]],
    "tsvector": [[], ["it's", "a\\b", "ä", "b"], [f"w{k}" for k in range(300)]],
    "tsquery": ["'a'", "'it''s' & !'b' | 'c' <-> 'd'", "!( 'a' | 'b' ) & 'c'"],
    "sparsevec": [
        {"dimensions": 7, "indices": [], "values": []},
        {"dimensions": 9, "indices": [0, 8], "values": [0.5, -2.25]},
    ],
    "vector(3)": [[0.0, -1.5, 3.25e37]],
    "halfvec(5)": [[65504.0, -0.5, 0.0, 1.0, 2.0]],
    "pg_lsn": ["0/0", "FFFFFFFF/FFFFFFFF"],
    "tid": ["(0,1)", "(4294967295,65535)"],
    "pg_snapshot": ["10:20:10,14,15"],
    "inet": ["::1", "10.1.2.3/8", "fe80::1:2/64", "255.255.255.255"],
    "cidr": ["10.0.0.0/8", "::/0", "192.168.1.1"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "timestamptz(0)[]": [[dt.datetime(1900, 1, 1, tzinfo=dt.UTC), None, dt.datetime(9999, 12, 31, tzinfo=dt.UTC)]],
    "bytea[]": [[b"", b"\0\\\xff", None]],
    "jsonb[]": [['{"a": "\\"\\\\"}', "null", None]],
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(typed: Filled, name: str) -> None:
    table = typed.schema.table(f"t{NAMES.index(name)}")
    column = table.column("v")
    array = pa.array([None, *EDGES[name], None, *reversed(EDGES[name])], arrow_type(column.type))
    for k, part in enumerate((array, array.slice(1, len(EDGES[name])), array.slice(len(array) - 1), array.slice(0, 0))):
        start = 1_000_000 + 10_000 * k
        batch = pa.record_batch({"n": pa.array(range(start, start + len(part)), pa.int32()), "v": part})
        assert typed.engine.load(table, [batch], Chunk(table.key, start, start + len(part))) == len(part)
        shown = typed.shown(f"SELECT v::text FROM {table.key} WHERE n BETWEEN {start} AND {start + 9_999} ORDER BY n")
        assert [read(text, column.type) for text in shown] == [meant(v, column.type) for v in part.to_pylist()]
        same_as_literals(typed, column, part, shown)


def test_the_names_are_known(typed: Filled) -> None:
    schema = typed.schema
    assert [name for k, name in enumerate(NAMES) if schema.table(f"t{k}").column("v").type.kind == "other"] == []
    assert Schema.from_json(schema.to_json()) == schema


def test_a_schema_without_its_text_brings_its_types(typed: Filled, database: PostgresqlEngine) -> None:
    """Rendered from the catalogue's words alone, on an empty database, it is the same schema again."""
    bare = Schema(typed.schema.tables, typed.schema.dialect)
    again = database.preview(render_schema(bare), {})
    for k, name in enumerate(NAMES):
        found, wanted = (schema.table(f"t{k}").column("v").type for schema in (again, bare))
        assert without_domains(found) == without_domains(wanted), name


def without_domains(type: LogicalType) -> LogicalType:
    """What it would be had its parts no domains. A range's bounds then have no digits either."""
    element = None if type.element is None else without_domains(type.element)
    if type.kind in ("range", "multirange") and element is not None:
        element = LogicalType(element.kind)
    fields = tuple((name, without_domains(field)) for name, field in type.fields)
    native = "" if type.kind == "array" else type.native
    return replace(type, checks=(), not_null=False, element=element, fields=fields, native=native)


def test_every_type_of_the_server_is_known_or_has_its_reason(typed: Filled) -> None:
    """Base types have an encoder, and a kind by their name; the rest is made of them."""
    for name in ("intarray", "isn", "lo", "seg"):
        typed.connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}".encode())
    rows = typed.connection.execute(
        "SELECT typname::text, typtype::text, typcategory::text FROM pg_type"
        " WHERE typtype IN ('b', 'r', 'm', 'e', 'd', 'c') ORDER BY 1"
    ).fetchall()
    bases = {name for name, kind, category in rows if kind == "b" and not (category == "A" and name.startswith("_"))}
    assert len(bases) > 80
    unknown = {name for name in bases if not (encodes(name) and name in PLAIN)} - UNLOADABLE.keys()
    assert not unknown, "neither an encoder nor a reason"
    assert not {name for name in UNLOADABLE if encodes(name) or name not in bases}, "a reason too many"
    assert {kind for _, kind, _ in rows} == {"b", "r", "m", "e", "d", "c"}


MAP_TYPES = """\
geometry;geography;geometry(Point,4326);geometry(PointZ,3857);geometry(PointM);geometry(PointZM,4326)
geometry(LineString,4326);geometry(Polygon,28992);geometry(MultiPoint,4326);geometry(MultiLineStringZ)
geometry(MultiPolygon,4326);geometry(GeometryCollection);geography(Point);geography(Polygon,4326);geometry(Point)[]
"""
MAP_NAMES = [name for line in MAP_TYPES.splitlines() for name in line.split(";")]


@pytest.fixture
def other_database(any_server: Server) -> Iterator[PostgresqlEngine]:
    any_server.execute("CREATE DATABASE of_types")
    with PostgresqlEngine(any_server.url("of_types")) as engine:
        yield engine
    any_server.execute("DROP DATABASE of_types WITH (FORCE)")


def offers(database: PostgresqlEngine, text: str) -> bool:
    with psycopg.connect(database.url, autocommit=True) as connection:
        try:
            connection.execute(text.encode())
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):  # The latter up to 14.
            return False
    return True


def test_figures_on_the_map(other_database: PostgresqlEngine) -> None:
    if not offers(other_database, "CREATE EXTENSION postgis; DROP EXTENSION postgis"):
        pytest.xfail("this server has no PostGIS; Debian's has it")
    with tables_of(other_database, "CREATE EXTENSION postgis;", MAP_NAMES) as filled:
        for k, name in enumerate(MAP_NAMES):
            fill(filled, k)
            if name.startswith("geometry(") and not name.endswith("]"):
                assert filled.shown(f"SELECT count(*) FROM t{k} WHERE NOT ST_IsValid(v)") == [0], name
        ((south, north),) = filled.connection.execute(b"SELECT min(ST_Y(v)), max(ST_Y(v)) FROM t2").fetchall()
        assert -65 < south < north < 65


def test_documents_of_xml(other_database: PostgresqlEngine) -> None:
    if not offers(other_database, "SELECT xmlparse(CONTENT '')"):
        schema = other_database.preview("CREATE TABLE t (v xml)", {})
        assert schema.table("t").column("v").type == LogicalType("other", "xml")
        pytest.xfail("this server was built without its XML library")
    with tables_of(other_database, "", ["xml", "xml[]"]) as filled:
        fill(filled, 0)
        fill(filled, 1)


def test_every_server_takes_a_sample(other_database: PostgresqlEngine) -> None:
    names = ["numeric(12,3)", "tsrange", "int4multirange[]", "bit(9)", "macaddr8", "polygon", "tsvector", "regtype"]
    with tables_of(other_database, "", names) as filled:
        for k in range(len(names)):
            fill(filled, k)
