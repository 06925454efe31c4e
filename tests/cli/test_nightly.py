"""Nights through the entry point: a dropped index, another scale, a run of which only a part was executed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import Finished, Loadlab, environment
from tests.cli.forking import Forking

DDL = """
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE documents (
  id bigint PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users (id),
  title text NOT NULL,
  created_at timestamptz NOT NULL
);
"""
INDEX = "CREATE INDEX documents_user_id_created_at_idx ON documents (user_id, created_at);\n"
OPERATIONS = {
    "newest_of_user": {
        "kind": "simple",
        "weight": 4,
        "sql": "SELECT id, title FROM documents WHERE user_id = :user ORDER BY created_at DESC LIMIT 10",
        "params": {"user": {"column": "users.id"}},
    },
    "rename": {
        "kind": "write",
        "weight": 1,
        "sql": "UPDATE users SET name = 'x' WHERE id = :user",
        "params": {"user": {"column": "users.id"}},
    },
}
# The wall clock passes whatever happens, so that nothing but evidence can fail.
TARGETS = {"simple_queries": "< 9s", "writes": "< 9s"} | dict.fromkeys(
    ("index_hit_ratio", "index_coverage", "index_storage_overhead", "connection_utilisation"), False
)


def write_scenario(folder: Path, *, index: bool = True, operations: dict[str, Any] = OPERATIONS, **load: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "schema.sql").write_text(DDL + (INDEX if index else ""))
    workload = {
        "users": 2, "connections": 2, "think_time": [0.004, 0.008], "ramp": 0.1, "warmup": 0.2, "duration": 5,
        "extend": False, "operations": operations,
    } | load  # fmt: skip
    scenario = {
        "name": "documents",
        "schema": "schema.sql",
        "data": {"tables": {"users": {"rows": 200}, "documents": {"rows": 8_000}}},
        "workload": workload,
        "targets": TARGETS,
    }
    (folder / "scenario.yaml").write_text(json.dumps(scenario))
    return folder


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


InFolder = Callable[..., Finished]


@pytest.fixture(scope="module")
def in_folder(forking: Forking) -> InFolder:
    """Runs `loadlab ARGS` in a folder."""

    def run(folder: Path, *arguments: object, **environ: str) -> Finished:
        return Finished(*forking.run(list(map(str, arguments)), folder, environment(folder, **environ), 100))

    return run


@pytest.fixture(scope="module")
def first_night(embedded_server: str, in_folder: InFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one night has been kept."""
    folder = tmp_path_factory.mktemp("nights")
    write_scenario(folder / "documents", duration=2)
    done = in_folder(folder, "run", "documents", "--baseline", "main", "--out", "first")
    assert result_of(folder / "first")["night"]["verdict"] == "SKIPPED", done.err
    assert done.exit_code == {"PASS": 0, "INCONCLUSIVE": 3}[result_of(folder / "first")["verdict"]], done.out
    return folder


@pytest.mark.slow
def test_a_dropped_index_fails_the_night_however_fast_it_is(first_night: Path, in_folder: InFolder) -> None:
    write_scenario(first_night / "without" / "documents", index=False, duration=2)
    done = in_folder(
        first_night, "run", "without/documents", "--baseline", "main", "--label", "branch", "--out", "second",
        "--report", "junit=ci/junit.xml", "--report", "sarif=ci/findings.sarif",
        GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(first_night / "summary.md"),
    )  # fmt: skip
    result = result_of(first_night / "second")
    assert done.exit_code == 1, done.err
    assert "FAIL" not in {target["verdict"] for target in result["targets"]}
    night = result["night"]
    assert (night["verdict"], night["baseline"], night["label"], night["nights"]) == ("FAIL", "main", "branch", 1)
    gating = {(change["subject"], change["metric"]) for change in night["changes"] if change["gates"]}
    assert {("newest_of_user", "plan"), ("newest_of_user", "blocks_per_call")} <= gating
    assert not any(subject == "rename" for subject, _ in gating)
    assert "No index helps it with documents any more" in done.out
    failed = [
        case.attrib["name"]
        for case in Xml.parse(first_night / "ci/junit.xml").iter("testcase")
        if len(case) and case[0].tag == "failure"
    ]
    assert "newest_of_user, plan" in failed
    assert any(
        line.startswith("::error title=LoadLab documents%3A newest_of_user%2C plan::") for line in done.err.splitlines()
    )
    assert "newest\\_of\\_user" in (first_night / "summary.md").read_text()
    assert json.loads((first_night / "ci/findings.sarif").read_text())["version"] == "2.1.0"

    shown = in_folder(first_night, "history", "--label", "branch", "--json")
    (series,) = json.loads(shown.out)["series"]
    assert [item["verdict"] for item in series["nights"]] == ["FAIL"]
    both = in_folder(first_night, "history", "--operation", "newest_of_user", "--html", "history.html")
    assert both.out.count("blocks per call") == 2
    assert "<svg" in (first_night / "history.html").read_text()


def test_another_scale_is_refused_before_the_load(first_night: Path, in_folder: InFolder) -> None:
    done = in_folder(first_night, "run", "documents", "--baseline", "main", "--scale", "0.5", "--out", "refused")
    assert done.exit_code == 2
    assert "--baseline=main cannot be compared with this run: scale 1 there, 0.5 here" in done.error_line
    assert "Measuring" not in done.err
    assert not (first_night / "refused").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--baseline", "mian"), "--baseline=mian names no series of history/nights.db; series:"),
        (("--report", "junit"), "--report=junit must be FORM=FILE with a FORM of junit, markdown, sarif, json"),
    ],
)
def test_a_mistake_is_told_before_anything_is_done(
    first_night: Path, in_folder: InFolder, arguments: tuple[str, ...], words: str
) -> None:
    done = in_folder(first_night, "run", "documents", *arguments)
    assert done.exit_code == 2
    assert words in done.error_line
    assert "Seeding" not in done.err


@pytest.mark.slow
def test_a_run_of_which_a_part_was_not_executed_is_never_green(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path
) -> None:
    """The operation that never came has no target: without the gate everything would pass."""
    rare = {"rename": OPERATIONS["rename"] | {"weight": 1e-9}}
    folder = write_scenario(tmp_path / "documents", operations=OPERATIONS | rare, duration=5)
    file = folder / "scenario.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"targets": {**TARGETS, "writes": False}}))
    done = loadlab("run", folder, "--database", database.url, "--history", "h", "--out", "run")
    result = result_of(tmp_path / "run")
    assert {target["verdict"] for target in result["targets"]} <= {"PASS", "SKIPPED", "INCONCLUSIVE"}
    assert done.exit_code == 3, done.out
    assert result["incomplete"] == "rename was never executed in the measured window."
    assert result["night"]["verdict"] == "INCONCLUSIVE"
    assert loadlab("report", "run", "--strict", "--report", "junit=j.xml").exit_code == 1
    assert int(Xml.parse(tmp_path / "j.xml").getroot().attrib["failures"]) >= 2
    shown = loadlab("history", "h")
    assert "is none to compare with: rename was never executed" in shown.out


@pytest.mark.slow
def test_a_run_that_executed_nothing_is_never_green(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path
) -> None:
    folder = write_scenario(tmp_path / "documents", think_time=[3600, 3600], duration=1)
    done = loadlab("run", folder, "--database", database.url, "--history", "h", "--strict", "--out", "run")
    result = result_of(tmp_path / "run")
    assert done.exit_code == 1, done.out
    assert (result["verdict"], result["night"]["verdict"]) == ("INCONCLUSIVE", "INCONCLUSIVE")
    assert result["incomplete"] == "No operation was executed in the measured window."
