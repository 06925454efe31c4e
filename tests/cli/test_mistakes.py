"""Bad input: one clear line with place, value and remedy, exit code 2, nothing written, no secret shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import MARKETPLACE, Loadlab

SECRET = "correct-horse-battery"


def changed(folder: Path, old: str, new: str) -> Path:
    """A copy of the marketplace with one change of its scenario.yaml."""
    copy = folder / "changed"
    shutil.copytree(MARKETPLACE, copy)
    text = (copy / "scenario.yaml").read_text()
    assert old in text
    (copy / "scenario.yaml").write_text(text.replace(old, new, 1))
    return copy


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("  users: 40", "  userz: 40", "scenario.yaml: workload.userz is not a known key; did you mean users?"),
        ("duration: 12s", "duration: 12 parsecs", "workload.duration=12 parsecs has unit 'parsecs'"),
        (
            "    vendors: {rows: 50_000}",
            "    sellers: {rows: 50_000}",
            "data.tables.sellers is not a table of the schema",
        ),
        ("SELECT on_hand, reserved,", "SELECT on_hands, reserved,", "stock_of_variant"),
        ("FROM inventory WHERE", "FROM inventories WHERE", "stock_of_variant"),
        (
            "variant_id = :variant_id",
            "variant_id = :variant",
            "uses the parameter :variant, which params does not list",
        ),
        ("SELECT on_hand, reserved,", "SELEC on_hand, reserved,", 'stock_of_variant: syntax error at or near "SELEC"'),
        ("{email: users.email}", "{email: users.mail}", "users.mail names the column mail, which users does not have"),
        ("insert: reviews", "insert: review", "write_review.insert=review names the table review, which is not there"),
        ("flow: checkout", "flow: check_out", "check_out"),
        ("values: [5, 4, 3, 2, 1]", "values: [6, 4, 3, 2, 1]", "data.tables.reviews.columns.rating"),
        ("values: [converted, active", "values: [bought, active", "holds 'bought', which status does not allow"),
    ],
)
def test_a_mistake_in_the_scenario(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path, old: str, new: str, message: str
) -> None:
    done = loadlab("run", changed(tmp_path, old, new), "--database", database.url)
    assert done.exit_code == 2, done.err
    assert message in done.error_line
    assert dict(database.user_tables()) == {}
    assert database.manifest() is None
    assert not (tmp_path / "runs").exists()


def test_a_mistake_in_the_ddl_is_named_with_its_line(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path
) -> None:
    (tmp_path / "schema.sql").write_text("CREATE TABLE a (id int PRIMARY KEY);\n\nCREATE TABLE b (id integre);\n")
    done = loadlab("seed", "schema.sql", "--database", database.url)
    assert done.exit_code == 2
    assert "schema.sql" in done.error_line
    assert "line 3" in done.error_line
    assert dict(database.user_tables()) == {}


def test_impossible_uniqueness(database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("CREATE TABLE things (code text PRIMARY KEY);")
    (tmp_path / "scenario.yaml").write_text(
        "schema: schema.sql\n"
        "data: {tables: {things: {rows: 1000, columns: {code: {values: [a, b, c, d, e, f, g, h, i, j]}}}}}\n"
    )
    done = loadlab("seed", "scenario.yaml", "--database", database.url)
    assert done.exit_code == 2
    assert "data.tables.things.columns.code.values has 10 distinct values for 1,000 unique rows" in done.error_line
    assert dict(database.user_tables()) == {}


def test_a_non_empty_database_is_left_alone(database: PostgresqlEngine, loadlab: Loadlab) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        connection.execute("INSERT INTO mine VALUES (1)")
    for arguments in (("run", MARKETPLACE), ("seed", MARKETPLACE), ("seed",)):
        done = loadlab(*arguments, "--database", database.url)
        assert done.exit_code == 2
        assert "is not empty" in done.error_line
        assert "mine" in done.error_line
    assert list(database.user_tables()) == ["mine"]
    assert database.manifest() is None


def test_another_dataset_is_not_overwritten(database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("CREATE TABLE things (id int PRIMARY KEY);")
    assert loadlab("seed", "schema.sql", "--rows", 5, "--database", database.url).exit_code == 0
    done = loadlab("seed", "schema.sql", "--rows", 6, "--database", database.url)
    assert done.exit_code == 2
    assert "holds another dataset" in done.error_line


def test_a_database_that_cannot_be_reached(loadlab: Loadlab) -> None:
    done = loadlab("run", MARKETPLACE, "--database", f"postgresql://bench:{SECRET}@127.0.0.1:1/bench")
    assert done.exit_code == 2
    assert "127.0.0.1:1" in done.error_line
    assert SECRET not in done.out + done.err


def test_the_environment_names_the_database_too(loadlab: Loadlab) -> None:
    done = loadlab("run", MARKETPLACE, LOADLAB_DATABASE=f"postgresql://bench:{SECRET}@127.0.0.1:1/bench")
    assert done.exit_code == 2
    assert "127.0.0.1:1" in done.error_line
    assert SECRET not in done.out + done.err
    assert SECRET not in loadlab("run", "--help", LOADLAB_DATABASE=f"postgresql://bench:{SECRET}@h/b").out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("run", "nowhere"), "does not exist"),
        (("run", MARKETPLACE, "--database", "oracle://x"), "--database=oracle://x must begin with one of"),
        (("run", MARKETPLACE, "--out", "/proc/nowhere"), "--out"),
        (("run", MARKETPLACE, "--duration", "soon"), "--duration=soon must be a number with a unit"),
        (("run", MARKETPLACE, "--duration", "0"), "command line: duration=0.0 must be greater than 0"),
        (("run", MARKETPLACE, "--users", "20000000"), "users=20000000 must be less than or equal to 50000"),
        (("seed", MARKETPLACE, "--scale", "inf", "--dry-run"), "--scale=inf must be a finite number"),
        (("seed",), "needs a scenario, a schema, or --database"),
        (("seed", MARKETPLACE, "--rows", "many"), "--rows=many must be N or TABLE=N"),
        (("seed", MARKETPLACE, "--rows", "nothing=3", "--dry-run"), "--rows nothing names no table"),
        (("seed", "nowhere.sql"), "does not exist"),
        (("report", "nowhere"), "does not exist"),
    ],
)
def test_mistakes_on_the_command_line(loadlab: Loadlab, arguments: tuple[object, ...], message: str) -> None:
    done = loadlab(*arguments)
    assert done.exit_code == 2
    assert message in done.error_line
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", MARKETPLACE, "--users", "0"),
        ("frob",),
        ("schema", "x"),
    ],
)
def test_usage_errors(loadlab: Loadlab, arguments: tuple[object, ...]) -> None:
    done = loadlab(*arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.err
    assert "Usage:" in done.err


def test_help_and_version_answer(loadlab: Loadlab) -> None:
    assert loadlab("--version").out.startswith("loadlab ")
    for command in ("run", "seed", "report", "schema"):
        assert "Example" in loadlab(command, "--help").out
