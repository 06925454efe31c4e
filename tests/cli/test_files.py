"""Rows as files and the shape of a database, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import psycopg
import yaml

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import MARKETPLACE, Loadlab

DDL = "CREATE TABLE items (id int PRIMARY KEY, kind text CHECK (kind IN ('a', 'b')), price numeric(8, 2) NOT NULL);"


def test_the_marketplace_as_parquet(loadlab: Loadlab, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    done = loadlab("seed", MARKETPLACE, "--scale", 0.0002, "--to", folder, "--json")
    assert done.exit_code == 0, done.err
    summary = json.loads(done.out)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["fingerprint"] == summary["fingerprint"]
    for table in manifest["tables"]:
        read = pl.read_parquet([folder / file["name"] for file in table["files"]])
        assert read.height == table["rows"]
        assert read.columns == [column["name"] for column in table["columns"]]
    assert sum(table["rows"] for table in manifest["tables"]) == summary["rows"] == summary["written"]
    plan = json.loads(loadlab("seed", MARKETPLACE, "--scale", 0.0002, "--dry-run", "--json").out)
    assert plan["fingerprint"] == summary["fingerprint"], "the same rows as in a database"
    again = json.loads(loadlab("seed", MARKETPLACE, "--scale", 0.0002, "--to", folder, "--json").out)
    assert again["reused"]
    assert again["written"] == 0
    other = loadlab("seed", MARKETPLACE, "--scale", 0.0003, "--to", folder)
    assert other.exit_code == 2
    assert "holds other files of LoadLab; give an empty folder" in other.error_line


def test_files_of_a_ddl_file(loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL, encoding="utf-8")
    done = loadlab("seed", "schema.sql", "--rows", 50, "--to", "out", "--format", "csv")
    assert done.exit_code == 0, done.err
    assert done.out.startswith("50 rows in 1 files, ")
    lines = (tmp_path / "out" / "items.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,kind,price"
    assert len(lines) == 51


def test_a_folder_in_use_is_left_alone(loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL, encoding="utf-8")
    done = loadlab("seed", "schema.sql", "--rows", 50, "--to", ".", "--format", "csv")
    assert done.exit_code == 2
    assert done.error_line == "Error: --to=. is not empty; give an empty folder or a new one"
    assert [path.name for path in tmp_path.iterdir()] == ["schema.sql"]
    done = loadlab("seed", "schema.sql", "--to", "schema.sql")
    assert "--to=schema.sql is a file; give a folder" in done.error_line


def test_a_profile_makes_a_scenario(database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(DDL.encode())
        connection.execute(
            "INSERT INTO items SELECT i, CASE WHEN i % 4 > 0 THEN 'a' ELSE 'b' END, i / 7.0"
            " FROM generate_series(1, 2000) i"
        )
        connection.execute("ANALYZE items")
    done = loadlab("profile", database.url)
    assert done.exit_code == 0, done.err
    (tmp_path / "shape.yaml").write_text(done.out, encoding="utf-8")
    (tmp_path / "schema.sql").write_text(DDL, encoding="utf-8")
    (tmp_path / "scenario.yaml").write_text("schema: schema.sql\ndata: {profile: shape.yaml}\n", encoding="utf-8")
    assert "#   items.kind: all 2 values" in done.out
    shape = yaml.safe_load(done.out)["data"]["tables"]["items"]
    assert shape["rows"] == 2000
    assert shape["columns"]["kind"] == {"null_share": 0.0, "values": ["a", "b"], "weights": [0.75, 0.25]}
    seeded = loadlab("seed", ".", "--to", "out", "--format", "jsonl")
    assert seeded.exit_code == 0, seeded.err
    rows = [json.loads(line) for line in (tmp_path / "out" / "items.jsonl").read_text().splitlines()]
    assert len(rows) == 2000
    assert abs(sum(row["kind"] == "a" for row in rows) - 1500) < 15
    as_json = json.loads(loadlab("profile", database.url, "--json", "--table", "items").out)
    assert as_json["data"]["tables"]["items"] == shape
    assert as_json["real_values"] == {"items.kind": "all 2 values"}


def test_mistakes_of_a_profile(database: PostgresqlEngine, loadlab: Loadlab) -> None:
    done = loadlab("profile", database.url, "--table", "none")
    assert done.exit_code == 2
    assert done.error_line == "Error: --table=none names no table; tables: none"
    done = loadlab("profile", database.url, "--allow-values", "a.b")
    assert done.error_line == "Error: --allow-values=a.b names no column; give TABLE.COLUMN"
