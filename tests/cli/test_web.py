"""The web UI of a run: LoadLab's figures in Locust's pages, while the run goes on and ends by itself."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import Process
from tests.shop import OPERATIONS, write_shop


def get(url: str, *, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, data, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def figures_when(url: str, is_there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The JSON of LoadLab's route, as soon as it is so."""
    figures: dict[str, Any] = {}
    for _ in range(300):
        try:
            figures = json.loads(get(f"{url}/loadlab/stats"))
            if is_there(figures):
                return figures
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(figures)


@pytest.mark.slow
def test_a_run_can_be_watched_and_ends_by_itself(
    database: PostgresqlEngine, start: Callable[..., Process], tmp_path: Path, port: int
) -> None:
    shop = write_shop(tmp_path / "shop", duration=8)
    run = start("run", shop, "--web-port", port, "--out", tmp_path / "run", LOADLAB_DATABASE=database.url)
    url = f"http://127.0.0.1:{port}"
    figures = figures_when(
        url, lambda f: f["phase"] == "measure" and f["elapsed_s"] > 3 and any("cache" in s["name"] for s in f["server"])
    )
    by_name = {operation["name"]: operation for operation in figures["operations"]}
    assert by_name.keys() == OPERATIONS.keys()
    read = by_name["customer_by_id"]
    assert read["count"] > 20
    assert 0 < read["servicep50"] <= read["servicep99"] <= read["max"]
    assert read["servicep50"] <= read["responsep50"] <= read["responsep95"] <= read["responsep99"]
    server = {row["name"]: row["value"] for row in figures["server"]}
    assert server["connections"].endswith(" of 200")
    assert server["cache hit ratio"].endswith("%")

    # Locust's own page has the two tabs, whose rows come with its statistics.
    page = get(url).decode()
    assert "loadlab-operations" in page
    locust = json.loads(get(f"{url}/stats/requests"))
    extended = {table["key"]: table["data"] for table in locust["extended_stats"]}
    assert {row["name"] for row in extended["loadlab-operations"]} == OPERATIONS.keys()
    assert extended["loadlab-server"]
    assert locust["user_count"] == 8
    assert b"Operations, times in microseconds" in get(f"{url}/loadlab")

    # Nobody changes the load of a run.
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"{url}/swarm", data=b"user_count=100&spawn_rate=100")
    with refused.value:
        assert refused.value.code == 403

    assert run.ended() in (0, 1, 3), run.said
    assert f"Web UI at {url}" in run.said
    assert "Traceback" not in run.said
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert not result["load"]["interrupted"]
    assert {operation["name"]: operation["count"] >= by_name[operation["name"]]["count"] for operation in
            result["operations"]} == dict.fromkeys(OPERATIONS, True)  # fmt: skip
    with pytest.raises(OSError, match="refused"):
        get(url)


@pytest.mark.slow
def test_a_run_that_is_stopped_in_the_web_ui_keeps_what_it_measured(
    start: Callable[..., Process], tmp_path: Path, port: int
) -> None:
    reads = {"customer_by_id": OPERATIONS["customer_by_id"]}
    shop = write_shop(tmp_path / "shop", operations=reads, duration=120)
    database = f"sqlite:///{tmp_path}/shop.db"
    run = start("run", shop, "--web-port", port, "--out", tmp_path / "run", "--database", database)
    url = f"http://127.0.0.1:{port}"
    figures = figures_when(url, lambda f: f["phase"] == "measure" and f["elapsed_s"] > 1)
    assert [row["value"] for row in figures["server"]] == ["sqlite tells nothing while it is loaded"]
    get(f"{url}/stop", data=b"now=1")
    assert run.ended(30) == 3, run.said
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["load"]["interrupted"]
    assert "it was stopped in the web UI" in " ".join(result["evidence"]["notes"])
    assert result["operations"][0]["count"] >= figures["operations"][0]["count"] > 20
