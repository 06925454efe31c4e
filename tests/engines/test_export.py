"""The dataset as files: reading them back, and loading them, gives what the database would hold."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import file_form
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.server import find_installation
from loadlab.errors import InputError
from loadlab.export.exporter import export
from loadlab.export.layout import BEGUN, MANIFEST, Format
from loadlab.export.writers import write_file
from loadlab.schema.model import Column, LogicalType, Table
from loadlab.seeding.seeder import seed
from loadlab.spec.shapes import DataShape
from tests.cli.conftest import content

DDL = """\
CREATE TYPE mood AS ENUM ('sad', 'o''k', 'happy');
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email varchar(80) NOT NULL UNIQUE,
    name text,
    mood mood,
    born date,
    opens time,
    created_at timestamptz NOT NULL,
    address inet,
    document jsonb,
    picture bytea,
    tags text[],
    numbers int[],
    price numeric(12, 2),
    weight double precision,
    ratio real,
    active boolean,
    took interval,
    token uuid NOT NULL,
    twice numeric(13, 2) GENERATED ALWAYS AS (price * 2) STORED
);
CREATE TABLE "Order Items" (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users,
    quantity smallint NOT NULL CHECK (quantity BETWEEN 1 AND 5),
    note text,
    at timestamp
);
CREATE TABLE empty (id int PRIMARY KEY, "a ""b"" c" text);
"""
ROWS = {"users": 700, "Order Items": 2500, "empty": 0}
FORMATS: tuple[Format, ...] = ("parquet", "csv", "jsonl", "sql")


@pytest.fixture
def dataset(database: PostgresqlEngine) -> Dataset:
    request = DataRequest(DataShape(), 1.0, 7, lambda _: None, ROWS)
    return Dataset.plan_for(database.preview(DDL, {}), request, owns_tables=True)


def write(dataset: Dataset, folder: Path, form: Format, *, file_rows: int = 1000) -> list[Path]:
    """The files of each table, in order."""
    report = export(dataset, folder, form, engine="postgresql", workers=1, observe=silent, file_rows=file_rows)
    assert report.rows == sum(ROWS.values())
    listed = json.loads((folder / MANIFEST).read_text())
    files = [folder / file["name"] for table in listed["tables"] for file in table["files"]]
    after = {listed["after"]} if form != "sql" else set()
    assert {path.name for path in folder.iterdir()} == {MANIFEST, *after, *(path.name for path in files)}
    assert sum(path.stat().st_size for path in files) == report.size_bytes
    return files


def silent(done: int, total: int, table: str) -> None:
    assert 0 <= done <= total


def files_of(folder: Path, table: str) -> list[Path]:
    listed = json.loads((folder / MANIFEST).read_text())
    return [folder / file["name"] for item in listed["tables"] if item["table"] == table for file in item["files"]]


def test_parquet_holds_the_batches(dataset: Dataset, tmp_path: Path) -> None:
    write(dataset, tmp_path, "parquet")
    for table, rows in ROWS.items():
        files = files_of(tmp_path, table)
        read = pa.concat_tables([pq.read_table(path) for path in files])
        assert read.equals(pa.Table.from_batches([dataset.batch(table, 0, rows)]))
    assert len(files_of(tmp_path, "Order Items")) == 3


def test_json_lines_hold_the_values(dataset: Dataset, tmp_path: Path) -> None:
    write(dataset, tmp_path, "jsonl")
    lines = [line for path in files_of(tmp_path, "users") for line in path.read_text().splitlines()]
    read = [json.loads(line, parse_float=Decimal) for line in lines]
    wanted = dataset.batch("users", 0, ROWS["users"]).to_pylist()
    assert len(read) == len(wanted)
    for found, row in zip(read, wanted, strict=True):
        assert list(found) == list(row)
        for name in ("id", "email", "name", "mood", "active", "tags", "numbers"):
            assert found[name] == row[name]
        assert found["document"] == (None if row["document"] is None else json.loads(row["document"]))
        assert row["price"] is None or Decimal(found["price"]) == row["price"]
        assert row["weight"] is None or float(found["weight"]) == row["weight"]
        assert found["born"] == (None if row["born"] is None else row["born"].isoformat())


def load_csv(database: PostgresqlEngine, folder: Path, dataset: Dataset) -> None:
    with psycopg.connect(database.url) as connection:
        for table in dataset.tables:
            names = [sql.Identifier(column.name) for column in dataset.table(table).stored_columns]
            command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER)").format(
                sql.Identifier(table), sql.SQL(", ").join(names)
            )
            for path in files_of(folder, table):
                with connection.cursor().copy(command) as copy:
                    copy.write(path.read_bytes())
    run_sql(database, folder, dataset)


def run_sql(database: PostgresqlEngine, folder: Path, dataset: Dataset) -> None:
    """All rows, or what is to be run behind them."""
    psql = find_installation(None, Path("unused")).bin / "psql"
    for path in sorted(folder.glob("*.sql")):
        command = [str(psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path), database.url]
        subprocess.run(command, check=True, capture_output=True, text=True, env={"PGCLIENTENCODING": "UTF8"})
    with psycopg.connect(database.url) as connection:
        inserted = connection.execute(
            "INSERT INTO users (email, created_at, token) VALUES ('new', now(), gen_random_uuid()) RETURNING id"
        ).fetchone()
        assert inserted == (ROWS["users"] + 1,), "the sequence stands behind the rows"
        connection.rollback()


@pytest.mark.parametrize("form, load", [("csv", load_csv), ("sql", run_sql)])
def test_loaded_files_equal_a_direct_seeding(
    new_database: Callable[[], PostgresqlEngine],
    dataset: Dataset,
    tmp_path: Path,
    form: Format,
    load: Callable[[PostgresqlEngine, Path, Dataset], None],
) -> None:
    write(dataset, tmp_path, form)
    seeded, loaded = new_database(), new_database()
    seed(seeded, dataset, workers=1, observe=lambda progress: None)
    with psycopg.connect(loaded.url) as connection:
        connection.execute(DDL.encode())
    load(loaded, tmp_path, dataset)
    assert content(loaded.url) == content(seeded.url)


def test_text_that_looks_like_syntax_survives(database: PostgresqlEngine, tmp_path: Path) -> None:
    texts = ["", None, "\\.", "\\N", "NULL", 'a"b', "a,b", "line\nend\r\n", "'); --", "tab\t", " x ", "\x01", "é😀"]
    kinds = LogicalType("text"), LogicalType("array", element=LogicalType("text"))
    table = Table("odd", (Column("t", kinds[0]), Column("l", kinds[1])))
    lists = [None, [], [""], [None], ["NULL", "null"], ['a"b\\c', "{x}", "a,b"], *[["x"]] * (len(texts) - 6)]
    batch = pa.record_batch({"t": pa.array(texts), "l": pa.array(lists, pa.list_(pa.string()))})
    for form in ("csv", "sql"):
        path = tmp_path / f"odd.{form}"
        write_file(path, form, table, [batch], file_form("postgresql"), last=True)
        with psycopg.connect(database.url) as connection:
            connection.execute("CREATE TABLE odd (n int GENERATED ALWAYS AS IDENTITY, t text, l text[])")
            if form == "csv":
                with connection.cursor().copy("COPY odd (t, l) FROM STDIN (FORMAT csv, HEADER)") as copy:
                    copy.write(path.read_bytes())
            else:
                connection.execute(path.read_bytes().replace(b"BEGIN;", b"").replace(b"COMMIT;", b""))
            found = connection.execute("SELECT t, l FROM odd ORDER BY n").fetchall()
            assert found == list(zip(texts, lists, strict=True))
            connection.rollback()
    path = tmp_path / "odd.jsonl"
    write_file(path, "jsonl", table, [batch], file_form("postgresql"), last=True)
    read = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    assert read == [{"t": text, "l": items} for text, items in zip(texts, lists, strict=True)]


def test_a_second_call_finds_everything_there(dataset: Dataset, tmp_path: Path) -> None:
    write(dataset, tmp_path, "csv")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = export(dataset, tmp_path, "csv", engine="postgresql", workers=1, observe=silent, file_rows=1000)
    assert again.reused
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_an_interrupted_call_is_gone_on_with(dataset: Dataset, tmp_path: Path) -> None:
    whole = {path.name: path.read_bytes() for path in write(dataset, tmp_path / "whole", "csv")}
    folder = tmp_path / "cut"

    def interrupt(done: int, total: int, table: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(dataset, folder, "csv", engine="postgresql", workers=1, observe=interrupt, file_rows=1000)
    (folder / "empty.csv.part").write_text("half")
    assert (folder / BEGUN).exists()
    assert not (folder / MANIFEST).exists()
    files = write(dataset, folder, "csv")
    assert {path.name: path.read_bytes() for path in files} == whole


@pytest.mark.parametrize("form", FORMATS)
def test_a_folder_with_something_else_is_refused(dataset: Dataset, tmp_path: Path, form: Format) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="is not empty; give an empty folder"):
        export(dataset, tmp_path, form, engine="postgresql", workers=1, observe=silent)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_files_of_another_form_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    write(dataset, tmp_path, "csv")
    with pytest.raises(InputError, match="holds other files of LoadLab"):
        export(dataset, tmp_path, "jsonl", engine="postgresql", workers=1, observe=silent, file_rows=1000)


def test_workers_write_the_same_bytes(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {path.name: path.read_bytes() for path in write(dataset, tmp_path / "one", "jsonl")}
    monkeypatch.setattr("loadlab.export.exporter._PARALLEL_FROM_ROWS", 0)
    folder = tmp_path / "two"
    export(dataset, folder, "jsonl", engine="postgresql", workers=2, observe=silent, file_rows=1000)
    assert {path.name: path.read_bytes() for path in folder.glob("*.jsonl")} == alone


def test_octets_and_keys_as_text() -> None:
    form = file_form("postgresql")
    octets = pa.array([b"", None, bytes(range(256)), b"\x00"], pa.binary())
    text = form.text_column(octets.slice(1), LogicalType("bytes")).to_pylist()
    assert text == [None, "\\x" + bytes(range(256)).hex(), "\\x00"]
    keys = np.frombuffer(bytes(range(48)), dtype="V16").tolist()
    uuids = form.text_column(pa.array([*keys[:2], None, keys[2]], pa.binary(16)).slice(1), LogicalType("uuid"))
    assert uuids.to_pylist() == [
        "10111213-1415-1617-1819-1a1b1c1d1e1f",
        None,
        "20212223-2425-2627-2829-2a2b2c2d2e2f",
    ]


def test_a_sequence_that_no_column_owns_is_set(database: PostgresqlEngine) -> None:
    ddl = """CREATE SEQUENCE "odd numbers"; CREATE TABLE t (id bigint PRIMARY KEY DEFAULT nextval('"odd numbers"'))"""
    table = database.preview(ddl, {}).table("t")
    with psycopg.connect(database.url) as connection:
        connection.execute(ddl)
        connection.execute("INSERT INTO t VALUES (41)")
        for statement in file_form("postgresql").after_table(table):
            connection.execute(statement.encode())
        assert connection.execute("""SELECT nextval('"odd numbers"')""").fetchone() == (42,)
