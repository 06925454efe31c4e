"""Seeding from an application's own models and migrations, by the command as it is installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import Loadlab

FIXTURES = Path(__file__).parents[2] / "fixtures"
SHOP = {"categories", "customers", "order_items", "orders", "products", "tags"}
IGNORED = shutil.ignore_patterns("__pycache__")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder in which the command runs, with the projects of the shop in it."""
    shutil.copytree(FIXTURES / "django_shop", tmp_path, dirs_exist_ok=True, ignore=IGNORED)
    shutil.copytree(FIXTURES / "alembic_shop", tmp_path / "alembic_shop", ignore=IGNORED)
    for name in ("sqlalchemy_shop.py", "shop.prisma"):
        shutil.copy(FIXTURES / name, tmp_path)
    return tmp_path


def assert_what_django_writes(connection: psycopg.Connection[Any]) -> None:
    """Content types and permissions as `migrate` has them, and what refers to them."""
    kinds = connection.execute("SELECT app_label || '.' || model FROM django_content_type ORDER BY id").fetchall()
    assert [kind for (kind,) in kinds][:3] == ["auth.group", "auth.permission", "auth.user"]
    assert ("shop.order",) in kinds
    wrong = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE p.codename NOT LIKE '%\\_' || t.model) FROM auth_permission AS p"
        " JOIN django_content_type AS t ON t.id = p.content_type_id"
    ).fetchone()
    assert wrong == (4 * len(kinds), 0)
    granted = connection.execute("SELECT count(DISTINCT permission_id) FROM auth_group_permissions").fetchone()
    assert granted is not None
    assert granted[0] > 1


@pytest.mark.parametrize(
    "source, empty",
    [
        ("sqlalchemy:sqlalchemy_shop:Base.metadata", set()),
        ("django:project.settings", {"django_migrations"}),
        ("alembic:alembic_shop/alembic.ini", {"alembic_version"}),
        ("shop.prisma", set()),
    ],
)
def test_a_source_is_seeded(
    database: PostgresqlEngine, loadlab: Loadlab, project: Path, source: str, empty: set[str]
) -> None:
    arguments = ("seed", source, "--rows", 30, "--database", database.url, "--json")
    done = loadlab(*arguments)
    assert done.exit_code == 0, done.err
    summary = json.loads(done.out)
    rows = {table["name"]: table["rows"] for table in summary["tables"]}
    assert rows.keys() >= SHOP
    assert {name for name, count in rows.items() if count == 0} == empty
    assert all(rows[name] == 30 for name in SHOP)
    assert {note.partition(":")[0] for note in summary["notes"] if "gets no rows" in note} == empty
    with psycopg.connect(database.url) as connection:
        counted = connection.execute(
            "SELECT count(*), count(DISTINCT p.category_id) FROM order_items i JOIN products p ON p.id = i.product_id"
        ).fetchone()
        statuses = {row[0] for row in connection.execute("SELECT DISTINCT status FROM orders")}
        assert (statuses == {"open", "paid", "void"}) is (not source.endswith(".prisma")), "the models know them"
        if source.startswith("django:"):
            assert_what_django_writes(connection)
    assert counted is not None
    assert counted[0] == 30
    assert counted[1] > 1
    again = loadlab(*arguments)
    assert again.exit_code == 0, again.err
    assert json.loads(again.out)["reused"]


@pytest.mark.parametrize(
    "source",
    [
        "sqlalchemy:sqlalchemy_shop",
        "sqlalchemy:sqlalchemy_shop:Base",
        "sqlalchemy:sqlalchemy_shop:make_metadata",
        "sqlmodel:sqlalchemy_shop:Base.metadata",
        "prisma:shop.prisma",
    ],
)
def test_other_ways_to_name_it(database: PostgresqlEngine, loadlab: Loadlab, project: Path, source: str) -> None:
    done = loadlab("seed", source, "--rows", 5, "--database", database.url, "--dry-run", "--json")
    assert done.exit_code == 0, done.err
    assert {table["table"] for table in json.loads(done.out)["tables"]} >= SHOP


def test_a_scenario_names_a_source_beside_it(database: PostgresqlEngine, loadlab: Loadlab, project: Path) -> None:
    folder = project / "scenario"
    folder.mkdir()
    (project / "sqlalchemy_shop.py").rename(folder / "models.py")
    (folder / "scenario.yaml").write_text(
        "schema: sqlalchemy:models:Base.metadata\ndata: {tables: {orders: {rows: 70}}, default_rows: 20}\n"
    )
    done = loadlab("seed", folder, "--database", database.url, "--json")
    assert done.exit_code == 0, done.err
    assert {t["name"]: t["rows"] for t in json.loads(done.out)["tables"]}["orders"] == 70


def test_sqlite_takes_them_too(loadlab: Loadlab, project: Path) -> None:
    for number, source in enumerate(
        ("sqlalchemy:sqlalchemy_shop:Base.metadata", "django:project.settings", "alembic_shop/alembic.ini")
    ):
        done = loadlab("seed", source, "--rows", 10, "--database", f"sqlite:///{number}.db", "--json")
        assert done.exit_code == 0, done.err
        assert {table["name"] for table in json.loads(done.out)["tables"]} >= SHOP


def test_a_migration_of_a_project_goes_nowhere_else(
    database: PostgresqlEngine, loadlab: Loadlab, project: Path
) -> None:
    """An env.py that insists on an address of its own still fills the scratch database alone."""
    env = project / "alembic_shop" / "migrations" / "env.py"
    text = env.read_text().replace(
        "engine = engine_from_config(config.get_section(config.config_ini_section, {}), poolclass=pool.NullPool)",
        f"from sqlalchemy import create_engine; engine = create_engine({database.url!r}.replace(':', '+psycopg:', 1))",
    )
    assert "create_engine(" in text
    env.write_text(text)
    done = loadlab("seed", "alembic_shop/alembic.ini", "--rows", 5, "--to", "files")
    assert done.exit_code == 0, done.err
    assert dict(database.user_tables()) == {}


@pytest.mark.parametrize(
    "source, file, text, message",
    [
        (
            "sqlalchemy:nowhere.models:Base",
            None,
            "",
            "fails: ModuleNotFoundError: No module named 'nowhere'; modules are looked for in ",
        ),
        ("sqlalchemy:sqlalchemy_shop:Base.metadate", None, "", "names Base.metadate, and Base has no metadate"),
        ("sqlalchemy:json:loads", None, "", "sqlalchemy:json:loads fails: TypeError"),
        ("sqlalchemy:json:decoder", None, "", "names decoder, which is neither a MetaData nor has one"),
        ("sqlalchemy:json", None, "", "does not say where in json the tables are; write json:Base.metadata"),
        (
            "sqlalchemy:broken",
            "broken.py",
            "import os\n\n1 / 0\n",
            "fails: ZeroDivisionError: division by zero (broken.py, line 3)",
        ),
        (
            "sqlalchemy:broken",
            "broken.py",
            "import a_library_of_theirs\n",
            "No module named 'a_library_of_theirs' (broken.py, line 1); install the library that has it beside loadlab",
        ),
        ("sqlalchemy:broken", "broken.py", "import os\nprint('Goodbye')\nos._exit(3)\n", "ended early: Goodbye"),
        (
            "sqlalchemy:empty:m",
            "empty.py",
            "from sqlalchemy import MetaData\nm = MetaData()\n",
            "sqlalchemy:empty:m has no tables; name the modules that define them before it",
        ),
        ("django:project.setings", None, "", "fails: ModuleNotFoundError: No module named 'project.setings'"),
        ("django:", None, "", "names nothing after the colon; write e.g. django:project.settings"),
        (
            "alembic_shop/alembic.ini",
            "alembic_shop/migrations/versions/0003_wrong.py",
            "from alembic import op\nrevision = '0003'\ndown_revision = '0002'\n\n\ndef upgrade():\n"
            "    op.execute('CREATE TABLE')\n",
            "alembic.ini fails: ProgrammingError: (psycopg.errors.SyntaxError) syntax error at end of input",
        ),
        ("nowhere.prisma", None, "", "nowhere.prisma does not exist"),
        ("alembic:nowhere.ini", None, "", "nowhere.ini does not exist"),
        ("bad.prisma", "bad.prisma", "model A {\n  id Int @id\n  x Foo\n}\n", "bad.prisma: line 3=Foo is neither"),
        (
            "bad.prisma",
            "bad.prisma",
            'datasource db {\n  provider = "mongodb"\n}\n',
            "bad.prisma: datasource.provider=mongodb cannot be read; must be one of postgresql, sqlite, ",
        ),
        ("bad.prisma", "bad.prisma", "enum A {\n  X\n}\n", "bad.prisma creates no table"),
    ],
)
def test_mistakes(
    database: PostgresqlEngine,
    loadlab: Loadlab,
    project: Path,
    source: str,
    file: str | None,
    text: str,
    message: str,
) -> None:
    if file is not None:
        (project / file).write_text(text)
    done = loadlab("seed", source, "--rows", 5, "--database", database.url)
    assert done.exit_code == 2, done.err
    assert message in done.error_line
    assert dict(database.user_tables()) == {}
