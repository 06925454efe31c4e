"""`loadlab compare` as a user has it: one run, files, exit codes, what is refused, Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from loadlab.commands.schema import SpecKind, json_schema
from loadlab.spec.comparison import load_comparison
from tests.cli.conftest import ROOT, Process
from tests.shop import OPERATIONS, write_shop

CHOICES = sorted((ROOT / "scenarios" / "choices").iterdir())
TABLE = "CREATE TABLE t (id bigint PRIMARY KEY, owner integer NOT NULL, note varchar(40) NOT NULL);\n"
SCENARIO = {
    "name": "shop",
    "schema": "plain.sql",
    "data": {"tables": {"t": {"rows": 20_000, "columns": {"owner": {"range": [1, 2000]}}}}},
    "workload": {
        "users": 1,
        "think_time": 0,
        "ramp": 0,
        "warmup": 0.2,
        "connections": 1,
        "operations": {
            "of_owner": {
                "kind": "complex",
                "weight": 1,
                "sql": "SELECT note FROM t WHERE owner = :owner",
                "params": {"owner": "t.owner"},
            },
            "by_id": {"weight": 2, "lookup": "t"},
        },
    },
}
QUICK = ("--pairs", 8, "--round-duration", "0.2s", "--no-extend")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """B has an index that A lacks."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "plain.sql").write_text(TABLE)
    (folder / "indexed.sql").write_text(f"{TABLE}CREATE INDEX t_owner ON t (owner);\n")
    (folder / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO, sort_keys=False))
    (folder / "compare.yaml").write_text("sides: {without: {}, with: {schema: indexed.sql}}\n")
    return folder


@pytest.mark.slow
def test_an_index_is_better_at_reads_and_worse_at_storage(shop, loadlab, tmp_path):
    done = loadlab("compare", shop, *QUICK, "--out", "out", "--json")
    # Something is worse: the index takes room.
    assert done.exit_code == 1, done.err
    assert done.err == ""
    result = json.loads(done.out)
    jsonschema.validate(result, json_schema(SpecKind.compare))
    assert json.loads((tmp_path / "out" / "compare.json").read_text()) == result
    assert "t_owner" in (tmp_path / "out" / "compare.html").read_text()
    assert result["verdict"] in ("WORSE", "MIXED")
    assert result["storage"]["verdict"] == "WORSE"
    assert result["differences"] == ["t: index t_owner: btree (owner), only on B"]
    assert result["rounds"] | {"slices": 0, "extended_for": None} == {
        "pairs": 8, "pairs_asked": 8, "round_s": 0.2, "slices": 0, "ended_early": None, "extended_for": None,
    }  # fmt: skip
    (of_owner,) = (item for item in result["operations"] if item["name"] == "of_owner")
    metrics = {item["metric"]: item for item in of_owner["metrics"]}
    # A look-up of ten rows instead of a scan of twenty thousand, on any machine.
    assert metrics["p50"]["ratio"] < 0.5
    assert metrics["blocks"]["verdict"] == "BETTER"
    assert of_owner["plan_a"] != of_owner["plan_b"]
    assert of_owner["rows_a"] == pytest.approx(of_owner["rows_b"], rel=0.1)
    assert result["control"]["name"] == "control"
    assert result["a"]["seeding"]["fingerprint"] != ""


@pytest.mark.slow
def test_one_scenario_on_two_kinds_of_database(loadlab, tmp_path):
    shop = write_shop(tmp_path / "shop", think_time=0, users=1, connections=1, warmup=0.2)
    databases = ("--database", "embedded:", "--database", f"sqlite:///{tmp_path}/b.db")
    done = loadlab("compare", shop, *databases, *QUICK, "--out", "out", "--json")
    assert done.exit_code in (0, 1, 3), done.err
    result = json.loads(done.out)
    jsonschema.validate(result, json_schema(SpecKind.compare))
    assert [result[side]["engine"] for side in "ab"] == ["postgresql", "sqlite"]
    assert result["b"]["server"].startswith("SQLite 3.")
    # The same rows, and nothing that either does like the other.
    assert result["a"]["seeding"]["rows"] == result["b"]["seeding"]["rows"] == 2500
    assert result["control"] is None
    assert {item["name"] for item in result["operations"]} == set(OPERATIONS)
    (lookup,) = (item for item in result["operations"] if item["name"] == "customer_by_id")
    metrics = {item["metric"]: item for item in lookup["metrics"]}
    # A call in the process against one over a socket.
    assert metrics["p50"]["ratio"] < 0.8
    assert metrics["blocks"]["a"] > 0
    assert metrics["blocks"]["b"] is None
    assert metrics["blocks"]["reason"] == "the server of B does not count it"
    assert lookup["plan_a"] == ["index scan on customers by customers_pkey"]
    assert lookup["plan_b"] == ["index scan on customers by sqlite_autoindex_customers_1"]
    shown = loadlab("report", "out")
    page = (tmp_path / "out" / "compare.html").read_text()
    for told in ("blocks/call, WAL/call: not by SQLite 3", "(A) and SQLite 3"):
        assert told in " ".join(shown.out.split())
        assert told in page


@pytest.mark.slow
def test_ctrl_c_keeps_the_pairs_that_are_whole(shop, tmp_path):
    process = Process(tmp_path, "compare", shop, "--pairs", 500, "--round-duration", "0.2s", "--out", "out")
    process.await_word("Pair 1")
    process.interrupt()
    assert process.ended() in (1, 3)
    result = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert 1 <= result["rounds"]["pairs"] < 500
    assert result["rounds"]["ended_early"] == "interrupted"
    assert "it ended early (interrupted)" in result["reason"]
    assert result["verdict"] not in ("SAME", "BETTER")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("{shop}", "--pairs", "3"), "Error: --pairs=3 must be at least 8 for an interval to mean anything"),
        (("{shop}", "--database", "sqlite://"), "Error: --database must be given twice, for A and for B"),
        (("{shop}", "--database", "a:", "--database-a", "b:"), "use one"),
        (("{shop}", "--control", "nothing"), "Error: --control=nothing is no operation of without"),
        (("sqlite:///no.db", "sqlite:///other.db", "--scenario", "{shop}"), "was not filled by LoadLab"),
    ],
)
def test_what_is_refused_is_one_line(arguments, message, shop, loadlab):
    done = loadlab("compare", *(item.format(shop=shop) for item in arguments))
    assert done.exit_code == 2
    assert message.format(shop=shop) in done.error_line


def test_two_scenarios_without_a_common_operation_are_refused_before_the_load(loadlab, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "schema.sql").write_text("CREATE TABLE t (id int PRIMARY KEY);")
        (tmp_path / name / "scenario.yaml").write_text(
            "schema: schema.sql\ndata: {default_rows: 10}\n"
            f"workload: {{operations: {{get_{name}: {{weight: 1, lookup: {{table: t}}}}}}}}\n"
        )
    databases = [part for which in "ab" for part in (f"--database-{which}", f"sqlite:///{tmp_path / which}.db")]
    done = loadlab("compare", tmp_path / "one", tmp_path / "two", *databases)
    assert done.exit_code == 2
    assert "one and two share no operation" in done.error_line
    assert "A has get_one, B has get_two" in done.error_line


@pytest.mark.parametrize("folder", CHOICES, ids=lambda folder: folder.name)
def test_every_choice_is_whole(folder):
    stated = load_comparison(folder / "compare.yaml")
    assert stated.file.question.endswith("?")
    (_, a), (_, b) = stated.sides
    assert list(a.file.workload.operations) == list(b.file.workload.operations)
    assert stated.file.control is None or stated.file.control in a.file.workload.operations
    assert a.file != b.file
    assert folder.name == stated.name
