"""JSON lines between a process and its children, over standard input and output."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any, NoReturn, Protocol

from loadlab.errors import LoadLabError
from loadlab.workload.loop import describe
from loadlab.workload.timers import wake_on_time

Commands = queue.SimpleQueue[dict[str, Any] | None]
# How long a thread that computes may hold the interpreter's lock while another one, whose answer has come, waits for
# it: what the reporter, each second, can cost an operation at most. The default is 5 ms.
_SWITCH_INTERVAL_S = 0.001


class Serving(Protocol):
    """What a child process does. `worker` is its number in its messages."""

    @property
    def worker(self) -> int: ...

    def prepare(self) -> None:
        """Everything that must not happen under load. Raises what stands in the way."""
        ...

    def run(self, commands: Commands) -> None:
        """Obey until the commands end."""
        ...


def serve(make: Callable[[str, IO[str]], Serving]) -> NoReturn:
    """The whole life of a child process: `make` gets the first line of standard input and the stream for messages."""
    code = _serve(make)
    sys.stderr.flush()
    # Threads that a dead server holds up must not keep the process.
    os._exit(code)


def _serve(make: Callable[[str, IO[str]], Serving]) -> int:
    source, out = protocol_streams()
    line = source.readline()
    if not line:
        return 0
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    wake_on_time()
    commands: Commands = queue.SimpleQueue()
    threading.Thread(target=read_commands, args=(source, commands), daemon=True).start()
    serving = make(line, out)
    try:
        serving.prepare()
        serving.run(commands)
    except BaseException as error:
        if not isinstance(error, LoadLabError | TimeoutError):
            traceback.print_exc()
        kind, message = describe(error)
        write_message(out, {"type": "failed", "worker": serving.worker, "error": kind, "message": message})
        return 2
    return 0


def write_message(out: IO[str], message: Mapping[str, object]) -> None:
    """One line; a reader that is gone is no error here, since the end of the input follows."""
    with suppress(BrokenPipeError):
        out.write(json.dumps(message, separators=(",", ":")) + "\n")
        out.flush()


def read_commands(source: IO[str], commands: Commands) -> None:
    """Lines of `source` into the queue; None at its end."""
    with suppress(ValueError, OSError):
        for line in source:
            commands.put(json.loads(line))
    commands.put(None)


def protocol_streams() -> tuple[IO[str], IO[str]]:
    """Standard input and a private copy of standard output; what a flow prints goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return sys.stdin, out
