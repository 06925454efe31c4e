"""An engine of another package, found by its entry point: `fixtures/toybase`, which has the bare protocol."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from loadlab.engines import file_form, scratch_database
from loadlab.errors import InputError
from tests.cli.conftest import ROOT, Process

Start = Callable[..., Process]
DDL = """\
CREATE TABLE owners (id INTEGER PRIMARY KEY, email VARCHAR(60) NOT NULL UNIQUE);
CREATE TABLE pets (
    id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES owners (id),
    weight INTEGER NOT NULL CHECK (weight BETWEEN 1 AND 90)
);
CREATE INDEX pets_owner_id_idx ON pets (owner_id);
"""
SCENARIO = {
    "name": "pets",
    "schema": "schema.sql",
    "data": {"tables": {"owners": {"rows": 50}, "pets": {"rows": 200}}},
    "workload": {
        "users": 2,
        "think_time": 0.01,
        "ramp": 0,
        "warmup": 0.2,
        "duration": 1,
        "connections": 2,
        "extend": False,
        "operations": {
            "pets_of": {
                "kind": "simple",
                "weight": 3,
                "sql": {"toybase": "SELECT weight FROM pets WHERE owner_id = :owner"},
                "params": {"owner": "pets.owner_id"},
            },
            "feed": {
                "kind": "write",
                "weight": 1,
                "sql": "UPDATE pets SET weight = 90 WHERE id = :id",
                "params": {"id": "pets.id"},
            },
        },
    },
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The package in a folder of its own, as an installer would have left it."""
    site = tmp_path / "site"
    metadata = site / "toybase-1.0.dist-info"
    metadata.mkdir(parents=True)
    shutil.copy(ROOT / "fixtures" / "toybase" / "toybase.py", site)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toybase\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[loadlab.engines]\ntoybase = toybase:open_toybase\nsqlite = toybase:open_toybase\nbroken = nowhere:open\n"
    )
    return site


@pytest.fixture
def installed(site: Path) -> str:
    """A path that Python finds the package on."""
    return os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / "schema.sql").write_text(DDL)
    (folder / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO))
    return folder


@pytest.mark.slow
def test_it_is_seeded_loaded_measured_and_judged(installed: str, pets: Path, start: Start, tmp_path: Path) -> None:
    url = f"toybase:///{tmp_path}/pets.db"
    done = start("run", pets, "--database", url, "--out", "out", "--json", PYTHONPATH=installed)
    assert done.ended() in (0, 1, 3), done.said
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["environment"]["engine"] == "toybase"
    assert result["environment"]["server"] == "Toybase 1.0"
    verdicts = {target["name"]: target["verdict"] for target in result["targets"]}
    assert verdicts["error_rate"] == "PASS"
    # What the bare protocol cannot tell is neither passed nor failed.
    assert verdicts["index_coverage"] in ("INCONCLUSIVE", "SKIPPED")
    assert {item["name"] for item in result["operations"] if item["count"]} == {"pets_of", "feed"}
    with closing(sqlite3.connect(tmp_path / "pets.db")) as connection:
        assert connection.execute("SELECT count(*) FROM pets JOIN owners ON owners.id = owner_id").fetchone() == (200,)
        assert connection.execute("SELECT max(weight) FROM pets").fetchone() == (90,)
    again = start("seed", pets, "--database", url, PYTHONPATH=installed)
    assert again.ended() == 0, again.said
    assert "already" in again.said


@pytest.mark.slow
def test_it_runs_the_suite_of_every_engine_on_itself(installed: str, site: Path) -> None:
    shutil.copy(ROOT / "fixtures" / "toybase" / "checks.py", site)
    (site / "toybase-1.0.dist-info" / "entry_points.txt").write_text(
        "[loadlab.engines]\ntoybase = toybase:open_toybase\n"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([installed, str(ROOT)]),
        "LOADLAB_ENGINE_UNDER_TEST": "checks:TOYBASE",
    }
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/engines/test_every_engine.py"]
    done = subprocess.run(suite, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "35 passed, 5 xfailed" in done.stdout


def test_its_words_are_read_on_a_scratch_database_of_its_own(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(site)
    with scratch_database("toybase") as scratch:
        assert scratch.preview(DDL, {}).dialect == "toybase"
        assert scratch.user_tables() == {}
    with pytest.raises(InputError, match=r"known are .*, toybase, broken$"):
        scratch_database("other")
    with pytest.raises(InputError, match="cannot be text for toybase"):
        file_form("toybase")


@pytest.mark.parametrize(
    "url, said",
    [
        ("toybase:///no/such/folder/x.db", "the folder does not exist"),
        (
            "broken:///x.db",
            "the engine broken of the package toybase cannot be loaded (No module named 'nowhere')",
        ),
        ("other:///x.db", "--database=other:///x.db must begin with one of embedded:,"),
    ],
)
def test_what_cannot_be_opened_is_one_line(
    installed: str, pets: Path, start: Start, tmp_path: Path, url: str, said: str
) -> None:
    done = start("seed", pets, "--database", url, PYTHONPATH=installed)
    assert done.ended() == 2
    assert said in " ".join(done.said.split())
    assert "Traceback" not in done.said


def test_no_package_takes_the_place_of_an_engine_of_loadlab_s_own(
    installed: str, pets: Path, start: Start, tmp_path: Path
) -> None:
    done = start("seed", pets / "schema.sql", "--database", f"sqlite:///{tmp_path}/x.db", PYTHONPATH=installed)
    assert done.ended() == 0, done.said
    assert "SQLite 3." in done.said
    assert "Toybase" not in done.said
