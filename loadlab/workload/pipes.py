"""JSON lines between a process and its children, over standard input and output."""

from __future__ import annotations

import json
import os
import queue
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any


def write_message(out: IO[str], message: Mapping[str, object]) -> None:
    """One line; a reader that is gone is no error here, since the end of the input follows."""
    with suppress(BrokenPipeError):
        out.write(json.dumps(message, separators=(",", ":")) + "\n")
        out.flush()


def read_commands(source: IO[str], commands: queue.SimpleQueue[dict[str, Any] | None]) -> None:
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
