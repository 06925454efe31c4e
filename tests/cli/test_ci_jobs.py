"""The jobs of docs/ci.md are run: their shell commands, in a repository with a remote, night after night."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadlab.history.store import read_history
from tests.cli.conftest import ROOT, environment
from tests.cli.test_nightly import write_scenario

INSTALL = "pip install loadlab"


def jobs() -> list[dict[str, Any]]:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    found = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
    assert len(found) == 2
    return found


def github_steps() -> list[str]:
    return [step["run"] for step in jobs()[0]["jobs"]["nightly"]["steps"] if "run" in step and step["run"] != INSTALL]


def gitlab_steps() -> list[str]:
    job = jobs()[1]["nightly-benchmark"]
    # One shell for the script, another one for what comes after it, as GitLab has it.
    script = [line for line in job["script"] if line != INSTALL]
    return ["\n".join(script), "\n".join(job["after_script"])]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(tmp_path, "clone", "--quiet", "origin.git", "clone")
    write_scenario(tmp_path / "clone" / "scenarios" / "shop", duration=1)
    return tmp_path / "clone"


def run_steps(folder: Path, steps: list[str]) -> str:
    """As the CI servers run them: `bash -e`, each step in a shell of its own; returns what they said."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    said = ""
    for step in steps:
        more = {"PATH": path, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step],
            cwd=folder,
            env=environment(folder, HISTORY_REMOTE=str(folder.parent / "origin.git"), **more),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        # The window of one second is inconclusive, which GitHub's job lets pass and GitLab allows by its code.
        assert done.returncode in (0, 3), done.stderr
        said += done.stderr
    return said


@pytest.mark.slow
def test_the_documented_jobs_run_night_after_night(clone: Path, embedded_server: str) -> None:
    said = run_steps(clone, github_steps())
    assert "::warning title=LoadLab documents" in said
    assert (clone / "summary.md").read_text().startswith("## ")
    assert json.loads((clone / "reports" / "loadlab.sarif").read_text())["version"] == "2.1.0"
    # The next night has a fresh checkout, but for the branch.
    for name in ("history", "runs", "reports"):
        git(clone, "clean", "-qfdx", name)
    assert not (clone / "history").exists()
    run_steps(clone, gitlab_steps())
    assert [night.key.scenario for night in read_history(clone / "history" / "nights.db").nights] == ["documents"] * 2
    assert git(clone.parent / "origin.git", "rev-list", "--count", "loadlab-history") == "2"
    assert (clone / "reports" / "junit.xml").exists()
