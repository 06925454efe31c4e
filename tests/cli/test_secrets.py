"""A password in the database's URL is used and never shown: not in output, files, process lists or the database."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from loadlab.engines.postgresql.catalog import LEDGER_NAMESPACE
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.history.store import read_history
from tests.cli.conftest import ENTRY_POINT, MARKETPLACE, Loadlab, environment

SECRET = "correct-horse-battery-staple"


def command_lines() -> str:
    """What every user of the machine can see of the running processes, this test left out."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)


def test_a_password_appears_nowhere(database: PostgresqlEngine, tmp_path: Path) -> None:
    url = database.url.replace("loadlab@", f"loadlab:{SECRET}@")
    assert SECRET in url
    seen = ""
    # By the environment: on the command line it would stand in the process list by the user's own hand.
    with subprocess.Popen(
        [
            ENTRY_POINT,
            "run",
            MARKETPLACE,
            "--scale",
            "0.0002",
            "--duration",
            "3s",
            "--warmup",
            "0s",
            "--out",
            "run",
            "--baseline",
            "main",
            "--report",
            "junit=ci/a.xml",
            "--report",
            "markdown=ci/a.md",
            "--report",
            "sarif=ci/a.sarif",
        ],
        cwd=tmp_path,
        env=environment(
            tmp_path, LOADLAB_DATABASE=url, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "s.md")
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None:
            seen += command_lines()
            time.sleep(0.2)
        assert process.stdout is not None
        assert process.stderr is not None
        output = process.stdout.read() + process.stderr.read()
    assert process.returncode in (0, 1, 3), output
    assert "locust_user" in seen
    assert SECRET not in seen
    assert SECRET not in output
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"result.json", "report.html", "a.xml", "a.md", "a.sarif", "s.md"}
    for path in written:
        assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in str(read_history(tmp_path / "history" / "nights.db"))
    with psycopg.connect(database.url) as connection:
        ledger = connection.execute(f"SELECT manifest::text FROM {LEDGER_NAMESPACE}.manifest").fetchall()
        statements = connection.execute("SELECT query, application_name FROM pg_stat_activity").fetchall()
    assert SECRET not in str(ledger) + str(statements)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", f"postgresql://bob:{SECRET}@127.0.0.1:1/x"],
        ["run", f"postgresql://bob:{SECRET}@127.0.0.1:1/x"],
        ["seed", "--database", f"postgresql:/bob:{SECRET}@127.0.0.1/x"],
        ["check", "--database", f"postgres:bob:{SECRET}@127.0.0.1/x"],
        ["profile", f"postgresql//bob:{SECRET}@127.0.0.1/x"],
        ["profile", f"bob:{SECRET}@127.0.0.1/x"],
        ["profile", f"postgresql:///bob:{SECRET}@127.0.0.1/x"],
    ],
    ids=" ".join,
)
def test_a_mistyped_address_shows_no_password(loadlab: Loadlab, arguments: list[str]) -> None:
    done = loadlab(*arguments)
    assert done.exit_code == 2
    assert SECRET not in done.out + done.err
    assert done.error_line
