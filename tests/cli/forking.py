"""Commands in processes of their own that need not import what the last one did.

`python forking.py` imports LoadLab once and then forks a child for each line of JSON on standard input; the child has
the command's arguments, folder and environment and does what the installed script does: `loadlab.cli.main`, to its exit
code. It answers with the child's id, and with its exit code when it ended. Half of what a short command takes are its
imports, and the tests run hundreds of them; what depends on a real start (signals, `--help` in time, leaving servers
behind) uses the script.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Forking:
    """The forking process, as the tests hold it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(environment)
        )

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_s: float
    ) -> tuple[int, str, str]:
        """Exit code (negative: the signal that ended it), standard output and standard error.

        Raises subprocess.TimeoutExpired, the command killed.
        """
        with tempfile.TemporaryDirectory(prefix="loadlab-test-") as streams:
            out, error = Path(streams, "out"), Path(streams, "err")
            child = self._ask(
                arguments=list(arguments),
                folder=str(folder),
                environment=dict(environment),
                out=str(out),
                err=str(error),
            )["pid"]
            answer = self._answer(timeout_s)
            if answer is None:
                os.kill(child, signal.SIGKILL)
                self._answer(None)
                raise subprocess.TimeoutExpired(list(arguments), timeout_s, out.read_bytes(), error.read_bytes())
            return answer["exit_code"], out.read_text(), error.read_text()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)

    def _ask(self, **job: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer(None)

    def _answer(self, timeout_s: float | None) -> Any:
        """Never more than one line is under way, so nothing waits in a buffer that `select` does not see."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout_s)[0]:
            return None
        line = self._process.stdout.readline()
        assert line, "the forking process is gone"
        return json.loads(line)


# In the forking process ----------------------------------------------------------------------------------------------


def _serve() -> dict[str, Any] | None:
    """Fork for each line; returns the job in a child, None at the end of the input."""
    for line in sys.stdin:
        job: dict[str, Any] = json.loads(line)
        child = os.fork()
        if child == 0:
            return job
        _say(pid=child)
        _say(exit_code=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return None


def _say(**fields: int) -> None:
    print(json.dumps(fields), flush=True)


def _become(job: dict[str, Any]) -> None:
    """The child's streams, folder, environment and arguments are those of the command."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    streams = ((0, os.devnull, os.O_RDONLY), (1, job["out"], flags), (2, job["err"], flags))
    for number, path, mode in streams:
        opened = os.open(path, mode, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, closefd=False)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    sys.argv = ["loadlab", *job["arguments"]]


if __name__ == "__main__":
    # What commands import when they are called.
    from loadlab.cli import main

    gc.freeze()
    if (given := _serve()) is not None:
        _become(given)
        main()
