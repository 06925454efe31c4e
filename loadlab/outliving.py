"""Output whose reader goes away (`loadlab run … | head`): the work goes on, and its exit code says how it went.

Click ends a command whose pipe is broken with exit code 1, which here means that a target failed.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


def outlive_readers() -> None:
    """Standard output and standard error, where they are pipes, take whatever comes when nobody reads any more."""
    sys.stdout = _outliving(sys.stdout)
    sys.stderr = _outliving(sys.stderr)


class _Outliving(io.FileIO):
    """A pipe; what is written when its reader is gone goes nowhere."""

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)


def _outliving(stream: TextIO) -> TextIO:
    try:
        kind = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return stream  # closed, none at all, or a test's
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outliving(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream is sys.stderr,
    )
