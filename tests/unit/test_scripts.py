"""A script and the files that it includes."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.errors import InputError
from loadlab.schema.sources.scripts import read_script


def test_includes_are_read_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "all.sql").write_text("SELECT 1;\n\\i parts/a.sql\n.read 'parts/c d.sql'\nSELECT '\\i no';\n")
    # Relative to itself, or else to the script that was asked for.
    (tmp_path / "parts" / "a.sql").write_text("SELECT 2;\n\\ir b.sql\n\\include parts/b.sql")
    (tmp_path / "parts" / "b.sql").write_text("SELECT 3;")
    (tmp_path / "parts" / "c d.sql").write_text("SELECT 4;")
    expected = "SELECT 1;\nSELECT 2;\nSELECT 3;\nSELECT 3;\nSELECT 4;\nSELECT '\\i no';\n"
    assert read_script(tmp_path / "all.sql") == expected


def test_the_mysql_shells_source_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "all.sql").write_text(
        "CREATE TABLE t (\nsource text,\nsource varchar(9));\nsource a.sql ;\n\\. a.sql\n\\.\n"
    )
    (tmp_path / "a.sql").write_text("SELECT 1;")
    expected = "CREATE TABLE t (\nsource text,\nsource varchar(9));\nSELECT 1;\nSELECT 1;\n\\.\n"
    assert read_script(tmp_path / "all.sql") == expected


@pytest.mark.parametrize("name, reason", [("no.sql", "is not there"), ("all.sql", "without an end")])
def test_an_include_that_leads_nowhere_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "all.sql").write_text(f"SELECT 1;\n\\i {name}\n")
    with pytest.raises(InputError, match=rf"^all\.sql: line 2={name} includes .*{reason}"):
        read_script(tmp_path / "all.sql")


@pytest.mark.parametrize("mark", ["-- +goose ", "-- +migrate ", "--migrate:"])
def test_what_undoes_a_migration_is_left_out_and_lines_stay_where_they_are(tmp_path: Path, mark: str) -> None:
    down, up = (f"{mark}{'Down' if '+' in mark else 'down'}", f"{mark}{'Up' if '+' in mark else 'up'}")
    first = f"{up}\nSELECT 1;\n{down}\nSELECT 2;\nSELECT 3;\n"
    (tmp_path / "all.sql").write_text(f"{first}{up} x\nSELECT 4;\n{down}\nSELECT 5;")
    assert read_script(tmp_path / "all.sql") == f"{up}\nSELECT 1;\n\n\n\n{up} x\nSELECT 4;\n\n"


def test_a_comment_that_only_speaks_of_going_down_changes_nothing(tmp_path: Path) -> None:
    text = "-- migrate it down the road\nSELECT 1; -- +goose Down\n"
    (tmp_path / "all.sql").write_text(text)
    assert read_script(tmp_path / "all.sql") == text
