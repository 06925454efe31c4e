"""Sleepers of a driver wake on time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IN_A_NEW_THREAD = """
import ctypes, threading
from loadlab.workload.timers import wake_on_time
PR_GET_TIMERSLACK = 30
print(wake_on_time())
look = lambda: print(ctypes.CDLL(None).prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0))
thread = threading.Thread(target=look); thread.start(); thread.join()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has timer slack")
def test_threads_of_a_driver_have_no_timer_slack() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_NEW_THREAD], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1"], done.stderr
