"""How a source is named, and which extensions a text of models takes for granted."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.engines.postgresql.dump import django_settings
from loadlab.engines.postgresql.extensions import with_extensions
from loadlab.errors import InputError, MissingDependencyError
from loadlab.schema.sources.project import ScratchAddress, ask_project
from loadlab.spec.scenario import load_scenario
from loadlab.spec.source import names_source, parse_source


@pytest.mark.parametrize(
    "text, kind, reference, is_file, title",
    [
        ("schema.sql", "ddl", "schema.sql", True, "schema"),
        ("db/structure", "ddl", "db/structure", True, "structure"),
        ("sqlalchemy:shop.models:Base.metadata", "sqlalchemy", "shop.models:Base.metadata", False, "shop"),
        ("sqlmodel:shop.models", "sqlalchemy", "shop.models", False, "shop"),
        ("django:shop.settings", "django", "shop.settings", False, "shop"),
        ("alembic:db/alembic.ini", "alembic", "db/alembic.ini", True, "alembic"),
        ("db/alembic.ini", "alembic", "db/alembic.ini", True, "alembic"),
        ("schema.prisma", "prisma", "schema.prisma", True, "schema"),
        ("prisma:prisma/models", "prisma", "prisma/models", True, "models"),
    ],
)
def test_a_source_is_named(text, kind, reference, is_file, title):
    source = parse_source(text, Path("folder"))
    assert (source.kind, source.reference, source.is_file, source.title) == (kind, reference, is_file, title)
    assert source.path == Path("folder", reference)


def test_django_connects_as_the_address_says():
    settings = django_settings("postgresql://u:p@h:5433/shop?sslmode=verify-full&sslrootcert=/etc/ca.pem")
    assert settings == {
        "ENGINE": "django.db.backends.postgresql", "NAME": "shop", "USER": "u", "PASSWORD": "p", "HOST": "h",
        "PORT": "5433", "OPTIONS": {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, expected",
    [
        ("schema.sql", True),
        ("django:shop.settings", True),
        ("x/schema.prisma", True),
        ("scenarios/marketplace", False),
        ("scenario.yaml", False),
        ("c:/scenario", False),
    ],
)
def test_a_scenario_is_no_source(text, expected):
    assert names_source(text) is expected


@pytest.mark.parametrize(
    "content, expected",
    [
        ('[{"create": "users"}]', True),
        ('\n {"create": "users"}\n{"createIndexes": "users", "indexes": []}', True),
        ('{"schema": "schema.sql"}', False),
        ('{"project": {"name": "shop"}}', False),
        ("", False),
    ],
)
def test_a_script_of_commands_is_known_by_its_content(tmp_path, content, expected):
    (tmp_path / "schema.json").write_text(content)
    assert names_source(str(tmp_path / "schema.json")) is expected
    assert not names_source(str(tmp_path / "missing.json"))
    if expected:
        with pytest.raises(InputError, match=r"is a schema and no scenario; `loadlab init .*schema\.json` writes one"):
            load_scenario(tmp_path / "schema.json")


def test_a_prefix_without_a_name():
    with pytest.raises(InputError, match=r"names nothing after the colon; write e\.g\. django:project.settings"):
        parse_source("django:", Path())


@pytest.mark.parametrize(
    "ddl, extensions",
    [
        ("CREATE TABLE t (a CITEXT);", ["citext"]),
        ("CREATE TABLE t (a VECTOR(3));", ["vector"]),
        ("CREATE INDEX i ON t USING gin (a gin_trgm_ops);", ["pg_trgm"]),
        ("CREATE TABLE t (a uuid DEFAULT uuid_generate_v4());", ["uuid-ossp"]),
        ('CREATE EXTENSION IF NOT EXISTS "citext";\nCREATE TABLE t (a citext);', []),
        ("CREATE TABLE t (\"citext\" text, b text DEFAULT 'hstore'); -- ltree", []),
        ("CREATE TABLE t (vectors int, tsv tsvector);", []),
    ],
)
def test_extensions_that_a_text_needs(ddl, extensions):
    text = with_extensions(ddl)
    assert text.endswith(ddl)
    made = text.removesuffix(ddl)
    assert made == "".join(f'CREATE EXTENSION IF NOT EXISTS "{name}";\n\n' for name in extensions)


@pytest.mark.parametrize("kind", ["sqlalchemy", "django", "alembic"])
def test_a_missing_library_is_named_with_its_install(monkeypatch, kind):
    monkeypatch.setattr("loadlab.schema.sources.project.find_spec", lambda _: None)
    scratch = ScratchAddress("", {}, "")
    with pytest.raises(MissingDependencyError) as caught:
        ask_project(parse_source(f"{kind}:x", Path()), scratch)
    assert str(caught.value).endswith(f"pip install 'loadlab[{kind}]'")
