"""A run on MariaDB as a user types it: the whole way to a verdict, on a server of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Loadlab
from tests.shop import write_shop


@pytest.mark.slow
def test_a_run_ends_with_a_verdict_for_every_target(mariadb_server: str, loadlab: Loadlab, tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop", duration=3, verify="100%")
    done = loadlab("run", shop, "--database", "mysql://", "--out", tmp_path / "run", "--json")
    assert done.exit_code in (0, 1, 3), done.err
    result = json.loads(done.out)
    verdicts = {target["name"]: target["verdict"] for target in result["targets"]}
    assert set(verdicts.values()) <= {"PASS", "FAIL", "INCONCLUSIVE", "SKIPPED"}
    assert verdicts["index_hit_ratio"] in ("PASS", "FAIL", "INCONCLUSIVE")
    assert verdicts["error_rate"] == "PASS"
    assert verdicts["integrity"] == "PASS", "acknowledged writes are there"
    # The clients' counts agree with the server's own, which adds up without locks: a few may be lost there.
    counts = {operation["name"]: operation["count"] for operation in result["operations"]}
    served = {operation["name"]: operation["server_calls"] for operation in result["operations"]}
    for name in ("customer_by_id", "orders_of_customer"):
        assert counts[name] > 0
        assert 0.99 * counts[name] <= served[name] <= counts[name]


@pytest.mark.parametrize(
    "url, said",
    [
        ("mysql://bob:s3cret@127.0.0.1:1/shop", "start the server, or correct host, port or socket"),
        ("mysql://localhost", "must be mysql://USER:PASSWORD@HOST:PORT/DATABASE"),
    ],
)
def test_what_cannot_be_reached_is_one_line(
    mariadb_server: str, loadlab: Loadlab, tmp_path: Path, url: str, said: str
) -> None:
    done = loadlab("seed", write_shop(tmp_path / "shop"), "--database", url)
    assert done.exit_code == 2
    assert said in done.error_line
    assert "s3cret" not in done.err + done.out
