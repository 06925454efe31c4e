"""The check entry that developers, pre-commit and CI share: `python -m tests.check [STEP ...]`.

Prints one line a step, then the output of those that failed. Exit code 0 when all passed, 1 when one failed,
2 for an unknown step.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The steps run as modules of this interpreter, so that no other installation on PATH answers for it.
STEPS = {
    "ruff-check": ("ruff", "check", "."),
    "ruff-format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy", "loadlab"),
    "docs": ("pytest", "-q", "tests/unit/test_docs.py"),
    "architecture": ("pytest", "-q", "tests/unit/test_architecture.py"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step did; `output` is both its streams."""

    step: str
    exit_code: int
    duration_s: float
    output: str


def run_step(step: str) -> Outcome:
    """Run one of STEPS in the project's root."""
    start_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *STEPS[step]],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(step, done.returncode, time.perf_counter() - start_s, done.stdout)


def main(names: list[str]) -> int:
    """Run the named steps, or all of them; every step runs, whatever failed before it."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"unknown step {unknown[0]!r}; the steps are {', '.join(STEPS)}", file=sys.stderr)
        return 2
    failures = []
    for name in names or STEPS:
        outcome = run_step(name)
        passed = outcome.exit_code == 0
        print(f"{'ok  ' if passed else 'FAIL'} {outcome.step:<13} {outcome.duration_s:5.1f} s", flush=True)
        if not passed:
            failures.append(outcome)
    for outcome in failures:
        print(f"\n--- {outcome.step}: {' '.join(STEPS[outcome.step])}\n{outcome.output.rstrip()}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
