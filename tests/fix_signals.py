"""Ctrl-C means what it means in a terminal, however the tests were started."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """A shell has what it starts in the background (`pytest &`) ignore SIGINT, and so the commands too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
