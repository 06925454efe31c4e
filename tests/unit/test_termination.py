"""What Ctrl-C and SIGTERM do while what was measured is brought home."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from loadlab import termination
from loadlab.termination import Termination, first_interrupt_waits


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """As a command has them, and as they were again."""
    there = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in there.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_waits_and_the_next_ends_it(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Termination().listen()
    reached = []

    def work() -> None:
        with first_interrupt_waits():
            os.kill(os.getpid(), number)
            # Within a second it is the same word again, as `timeout` sends it.
            os.kill(os.getpid(), number)
            reached.append("the first")
            monkeypatch.setattr(termination, "_SAME_WITHIN_S", 0.0)
            os.kill(os.getpid(), number)
            reached.append("the next")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["the first"]


def test_afterwards_everything_is_as_it_was() -> None:
    listening = Termination()
    listening.listen()
    with first_interrupt_waits():
        pass
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert not listening.has_come
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert listening.has_come


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with first_interrupt_waits():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_is_never_interrupted() -> None:
    reached = []

    def work() -> None:
        with first_interrupt_waits():
            reached.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert reached == [signal.default_int_handler]


def test_a_command_that_was_asked_to_end_does_not_hear_it_again() -> None:
    asked, never_asked = Termination(), Termination()
    asked.listen()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    never_asked.close()
    assert callable(signal.getsignal(signal.SIGTERM))
    asked.close()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
