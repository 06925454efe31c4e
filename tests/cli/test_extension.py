"""A window that is too short goes on once; every count and interval is then that of the whole."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import Loadlab
from tests.shop import OPERATIONS, write_shop

GENEROUS = {"simple_queries": "< 9s", "complex_queries": "< 9s", "reports": "< 9s", "connection_utilisation": "< 100%"}
# Every operation has answers enough after twice the time.
ALIKE = {name: operation | {"weight": 1} for name, operation in OPERATIONS.items()}
OFF = dict.fromkeys(("index_hit_ratio", "index_coverage", "index_storage_overhead"), False)


@pytest.mark.slow
def test_a_window_of_too_few_intervals_goes_on_once(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path
) -> None:
    folder = write_shop(tmp_path / "shop", operations=ALIKE, duration=3, warmup=0.2, think_time=[0.02, 0.06])
    file = folder / "scenario.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"targets": GENEROUS | OFF}))
    done = loadlab("run", folder, "--database", database.url, "--json")
    result = json.loads(done.out)
    load, judging = result["load"], result["judging"]
    assert load["extended_from_s"] == 3
    assert "undecided after 3 s" in load["extension_reason"]
    assert 6 <= load["duration_s"] < 9
    assert (judging["looks"], judging["look_confidence"], judging["confidence"]) == (2, 0.9706, 0.95)
    starts = [point["t_s"] for point in result["series"]]
    assert starts == sorted(starts)
    assert all(0.4 < later - earlier < 2 for earlier, later in pairwise(starts))
    for operation in result["operations"]:
        if not operation["statements"]:
            assert operation["server_calls"] == operation["count"], operation["name"]
    activity = result["evidence"]["activity"]
    assert activity["samples"] > 5
    assert activity["server_cores"] > 0

    done = loadlab("run", folder, "--database", database.url, "--no-extend", "--json")
    result = json.loads(done.out)
    assert done.exit_code == 3
    assert result["load"]["extended_from_s"] is None
    assert result["judging"]["looks"] == 1
    assert "at least 5 are needed" in result["targets"][0]["reason"]
