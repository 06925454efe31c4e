"""`loadlab init`, then `loadlab run` of what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Loadlab
from tests.shop import DDL


@pytest.mark.slow
def test_what_init_writes_runs_as_it_is(embedded_server: str, loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "shop.sql").write_text(DDL)
    done = loadlab("init", "shop.sql")
    assert done.exit_code == 0, done.err
    assert done.out.splitlines()[-1] == (
        "scenarios/shop/scenario.yaml has 13 operations. Run it: loadlab run scenarios/shop"
    )
    again = loadlab("init", "shop.sql")
    assert again.exit_code == 2
    assert "--out=scenarios/shop is there already and not empty; --force" in again.error_line
    ran = loadlab("run", "scenarios/shop", "--users", 6, "--duration", "2s", "--warmup", "500ms", "--out", "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert ran.exit_code == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}[result["verdict"]], ran.err
    assert sum(operation["count"] for operation in result["operations"]) > 50
    assert [operation["name"] for operation in result["operations"] if operation["errors"]] == []
    assert next(t["verdict"] for t in result["targets"] if t["name"] == "error_rate") == "PASS"


@pytest.mark.slow
def test_a_run_without_operations_says_what_it_runs(loadlab: Loadlab, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL)
    (tmp_path / "scenario.yaml").write_text("schema: {sqlite: schema.sql}\n")
    url = f"sqlite:///{tmp_path}/shop.db"
    ran = loadlab(
        "run", "scenario.yaml", "--database", url, "--users", 4, "--duration", "1s", "--warmup", 0, "--out", "run"
    )
    assert "The scenario states no operations: 13 are derived from the schema" in ran.err
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert len(result["operations"]) == 13
    assert sum(operation["errors"] for operation in result["operations"]) == 0


def test_init_needs_something_to_begin_from(loadlab: Loadlab, tmp_path: Path) -> None:
    done = loadlab("init")
    assert done.exit_code == 2
    assert done.error_line == "Error: loadlab init needs a schema, a brief.json, or --database with tables"
    (tmp_path / "brief.json").write_text("{}")
    assert "brief.json: project is required and missing" in loadlab("init", "brief.json").error_line
