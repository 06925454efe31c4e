"""Prisma schemas: the DDL is Prisma's own (`prisma migrate diff`, schema engine 8.1, kept beside each fixture)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadlab.engines.postgresql import prisma as postgresql
from loadlab.engines.sqlite import prisma as sqlite
from loadlab.errors import InputError
from loadlab.schema.sources.prisma.model import default_name
from loadlab.schema.sources.prisma.resolve import read_prisma

FIXTURES = Path(__file__).parents[2] / "fixtures" / "prisma"
# The schema that every database has.
OMITTED = 'CREATE SCHEMA IF NOT EXISTS "public"'


def statements(text: str) -> list[str]:
    without_comments = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)
    found = [part.strip() for part in re.split(r";\n", without_comments)]
    return sorted(part for part in found if part and part != OMITTED)


@pytest.mark.parametrize("name, render", [("postgresql", postgresql.render_prisma), ("sqlite", sqlite.render_prisma)])
def test_the_ddl_is_prismas(name, render):
    ours = statements(render(read_prisma(FIXTURES / f"{name}.prisma")))
    prismas = statements((FIXTURES / f"{name}.sql").read_text(encoding="utf-8"))
    assert len(prismas) > 5
    assert ours == prismas


def test_the_ddl_of_mysql_is_as_prisma_writes_it():
    """Written by hand, in the form of migrations that Prisma has made: its engine was not at hand."""
    mysql = pytest.importorskip("loadlab.engines.mysql.prisma")
    ours = statements(mysql.render_prisma(read_prisma(FIXTURES / "mysql.prisma")))
    assert ours == statements((FIXTURES / "mysql.sql").read_text(encoding="utf-8"))


def rendered(tmp_path: Path, text: str) -> str:
    (tmp_path / "schema.prisma").write_text(text, encoding="utf-8")
    return postgresql.render_prisma(read_prisma(tmp_path / "schema.prisma"))


def test_a_schema_in_several_files(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "schema.prisma").write_text('datasource db {\n  provider = "postgresql"\n}\n')
    (tmp_path / "models" / "a.prisma").write_text("model A {\n  id Int @id\n  b B[]\n}\n")
    (tmp_path / "models" / "b.prisma").write_text(
        "model B {\n  id Int @id\n  a A @relation(fields: [aId], references: [id])\n  aId Int\n}\n"
    )
    schema = read_prisma(tmp_path)
    assert schema.provider == "postgresql"
    assert [table.name for table in schema.tables] == ["A", "B"]
    assert schema.tables[1].foreign_keys[0].target == ("", "A")


def test_without_foreign_keys(tmp_path):
    text = (
        'datasource db {\n  provider = "postgresql"\n  relationMode = "prisma"\n}\n'
        "model A {\n  id Int @id\n  b B[]\n}\n"
        "model B {\n  id Int @id\n  a A @relation(fields: [aId], references: [id])\n  aId Int\n}\n"
    )
    assert "FOREIGN KEY" not in rendered(tmp_path, text)
    assert "FOREIGN KEY" in rendered(tmp_path, text.replace('  relationMode = "prisma"\n', ""))


def test_comments_and_layout(tmp_path):
    text = (
        "// one\nmodel A { // two\n  id Int @id /* three\n lines */ @default(\n    autoincrement()\n  )\n"
        '  url String @default("http://a//b")\n  /// four\n\n  @@index([\n    id,\n    url\n  ])\n}\n'
    )
    ddl = rendered(tmp_path, text)
    assert "DEFAULT 'http://a//b'" in ddl
    assert 'CREATE INDEX "A_id_url_idx" ON "A"("id", "url")' in ddl


@pytest.mark.parametrize(
    "text, message",
    [
        ("model A {\n  id Int @id\n  b Sring\n}", "line 3=Sring is neither one of Prisma's types nor"),
        ("model A {\n  id Int @id\n  @@index([nme])\n}", "line 3=nme names a field that A does not have"),
        ("model A {\n  id Int @id\n  @@index([])\n}", "line 3 of A names no field"),
        ("model A {\n  id Int @id @db.LongText\n}", "line 2=@db.LongText is no native type"),
        ("model A {\n  id Int @id @default(serial())\n}", "line 2=serial() has a default that is not known"),
        ('model A {\n  id Int @id\n  b Bytes @default("SGk")\n}', "line 3=SGk has a default that is no Base64"),
        ("enum E {\n  X\n}\nmodel A {\n  id Int @id\n  e E @default(Y)\n}", "line 6=Y is no value of the enum E"),
        ("model A {\n  id Int @id @default(1\n}", "line 3=} where ) must stand"),
        ("model A {\n  id Int Int\n}", "line 2=Int stands where the line must end"),
        ("model A {\n  id Int @id\n  id Int\n}", "line 3=id is a second field of that name"),
        ("table A {\n}", "line 1=table begins no block that is known"),
        ("model A {\n  id Int @id\n", "line 3=end of file where } must stand"),
        ("model A {\n  id Int $\n}", "line 2=$ holds a character"),
        (
            "model A {\n  id Int @id\n  a A @relation(fields: [id], references: [id], onDelete: Explode)\n}",
            "line 3 has an onDelete that is none of",
        ),
        ("model A {\n  x Int\n  b A[] @relation(\"r\")\n  c A[] @relation(\"r\")\n}", "which has no key of one field"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        rendered(tmp_path, text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("schema.prisma: line ")


def test_names_are_cut_to_what_the_server_takes():
    name = default_name("t" * 40, ("c" * 40,), "_key", 63)
    assert name == f"{'t' * 40}_{'c' * 18}_key"
    assert len(default_name("ü" * 40, ("c",), "_idx", 63).encode()) <= 63
