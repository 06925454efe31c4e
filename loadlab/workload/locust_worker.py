"""A worker: Locust's worker, which owns the driver processes of its machine for one load of a master.

`python -m loadlab.workload.locust_worker HOST PORT WAIT_S` is what `loadlab worker` becomes. It tells on standard error
what it does, and ends with exit code 0 when the master has confirmed that it has everything.
"""

from __future__ import annotations

# Before anything else: it patches the standard library for gevent.
import locust  # isort: skip # noqa: F401

import logging
import queue
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message as LocustMessage
from locust.runners import WorkerRunner
from locust.stats import RequestStats

from loadlab import __version__
from loadlab.engines import mask
from loadlab.errors import LoadLabError
from loadlab.workload.collect import MEASURE, Message, machine_cpu_s
from loadlab.workload.hub import Hub
from loadlab.workload.locust_user import RUN_USER, user_class
from loadlab.workload.plan import LoadPlan
from loadlab.workload.remote import CHANNEL, machines_of

# An answer to the first message takes milliseconds: whoever does not give it is no master.
_HELLO_LIMIT_S = 30.0
_MASTER_LOST_S = 30.0
_CONFIRM_LIMIT_S = 30.0


class LoadWorker(WorkerRunner):
    """Locust's worker with LoadLab's channel; `obey` takes orders and returns at once."""

    def __init__(self, environment: Environment, host: str, port: int, obey: Callable[[Message], None]) -> None:
        self._obey = obey
        super().__init__(environment, host, port)

    def handle_message(self, msg: LocustMessage) -> None:
        """Everything that the master sends."""
        if msg.type == CHANNEL:
            self._obey(msg.data)
            # Whoever is refused is never welcomed by Locust, which would wait for that.
            self.connection_event.set()
        elif msg.type == "quit":
            self._obey({"cmd": "quit"})
        else:
            super().handle_message(msg)


class Worker:
    """One load's part of this machine."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._orders: queue.Queue[Message] = queue.Queue()
        self._hub: Hub | None = None
        self._sent = 0
        self._cpu_s: tuple[float, float] | None = None
        self._environment = Environment(user_classes=[user_class(RUN_USER, self._set_users)])
        self._environment.stats = RequestStats(use_response_times_cache=False)

    def connect(self, *, wait_s: float) -> None:
        """Returns when the master has taken notice. Raises LoadLabError when there is none in time."""
        address = f"{self._host}:{self._port}"
        say(f"Waiting for a master at {address}")
        ends_s = time.monotonic() + wait_s
        while not self._is_open():
            if time.monotonic() > ends_s:
                raise LoadLabError(f"no master listens at {address} after {wait_s:g} s")
            gevent.sleep(0.5)
        with gevent.Timeout(_HELLO_LIMIT_S, LoadLabError(f"what listens at {address} is no master of LoadLab")):
            self._runner = LoadWorker(self._environment, self._host, self._port, self._orders.put)
        self._environment.runner = self._runner
        gevent.signal_handler(signal.SIGTERM, self._orders.put, {"cmd": "leave"})

    def serve(self) -> None:
        """Obey until the master has everything. Raises LoadLabError for what went wrong."""
        while True:
            order = self._next_order()
            name = order["cmd"]
            if name == "plans":
                self._answer("ready", self._open(order))
            elif name == "phase":
                self._begin(order["name"])
            elif name == "pause":
                hub = self._opened()
                hub.pause()
                self._answer("paused", hub.failure)
            elif name == "rate":
                self._opened().set_rate(order["per_s"])
            elif name == "verify":
                hub = self._opened()
                hub.verify()
                self._answer("verified", hub.failure)
            elif name == "stop":
                self._hand_over()
                return
            elif name == "refused":
                raise LoadLabError(f"the master refused this worker: {order['message']}")
            elif name == "leave":
                raise KeyboardInterrupt
            elif name == "quit":
                raise LoadLabError("the master ended before the load was over")

    def close(self) -> None:
        """End the drivers, and tell the master in case that it does not know."""
        if self._hub is not None:
            self._hub.close()
        if self._environment.runner is not None:
            with suppress(RPCError):
                self._environment.events.quitting.fire(environment=self._environment)  # type: ignore[no-untyped-call]
            gevent.sleep(0.2)

    def _is_open(self) -> bool:
        try:
            socket.create_connection((self._host, self._port), timeout=2.0).close()
        except OSError:
            return False
        return True

    def _next_order(self) -> Message:
        while True:
            with suppress(queue.Empty):
                return self._orders.get(timeout=1.0)
            heard_s = self._runner.last_heartbeat_timestamp
            if heard_s is not None and time.time() - heard_s > _MASTER_LOST_S:
                raise LoadLabError(f"the master has not been heard of for {_MASTER_LOST_S:g} s")

    def _set_users(self, users: int) -> None:
        if self._hub is not None:
            self._hub.set_users(users)

    def _opened(self) -> Hub:
        assert self._hub is not None, "the master sends the plans first"
        return self._hub

    def _open(self, order: Mapping[str, Any]) -> str | None:
        """Start the drivers; what stands in the way, or None."""
        if order["version"] != __version__:
            return f"has LoadLab {__version__}, the master {order['version']}: install the same on both"
        plans = [LoadPlan.from_json(text) for text in order["plans"]]
        if order["flows"] is not None:
            name, text = order["flows"]
            # Readable by this user alone; it lives as long as this object.
            self._folder = tempfile.TemporaryDirectory(prefix="loadlab-worker-")
            path = Path(self._folder.name, name)
            path.write_text(text, encoding="utf-8")
            plans = [replace(plan, flows_path=str(path)) for plan in plans]
        say(f"Taking part as {order['name']}: {machines_of(plans)} to {mask(plans[0].database_url)}")
        self._hub = Hub(plans, on_message=self._pass_on)
        try:
            self._hub.start()
        except LoadLabError as error:
            return str(error)
        return None

    def _begin(self, phase: str) -> None:
        say("Measuring" if phase == MEASURE else "Warming up")
        self._cpu_s = machine_cpu_s()
        self._opened().begin(phase)

    def _pass_on(self, message: Message) -> None:
        if message["type"] == "paused":
            message = {**message, "machine_cpu_share": self._cpu_share()}
        self._send({"message": message})

    def _cpu_share(self) -> float | None:
        before, after = self._cpu_s, machine_cpu_s()
        if before is None or after is None or after[1] <= before[1]:
            return None
        return (after[0] - before[0]) / (after[1] - before[1])

    def _answer(self, answer: str, failure: str | None) -> None:
        self._send({"answer": answer, "failure": failure})
        if answer == "ready" and failure is not None:
            gevent.sleep(0.2)
            raise LoadLabError(failure)

    def _send(self, data: dict[str, Any]) -> None:
        self._sent += 1
        with suppress(RPCError):  # The master notices the number that is missing, or that nobody is here any more.
            self._runner.send_message(CHANNEL, {**data, "n": self._sent})

    def _hand_over(self) -> None:
        """Say that everything has been sent, again and again, until the master has said that it has it."""
        hub = self._opened()
        hub.stop()
        self._answer("final", hub.failure)
        ends_s = time.monotonic() + _CONFIRM_LIMIT_S
        while time.monotonic() < ends_s:
            with suppress(queue.Empty):
                if self._orders.get(timeout=1.0)["cmd"] == "taken":
                    say("Everything that was measured is with the master")
                    return
                continue
            self._sent -= 1
            self._answer("final", hub.failure)
        raise LoadLabError(f"the master did not confirm within {_CONFIRM_LIMIT_S:g} s that it has everything")


def say(text: str) -> None:
    """One line for whoever watches."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """The process; its exit code."""
    host, port, wait_s = arguments
    # Locust's news are for people who run Locust.
    logging.disable(logging.CRITICAL)
    worker = Worker(host, int(port))
    try:
        worker.connect(wait_s=float(wait_s))
        worker.serve()
    except LoadLabError as error:
        say(f"Error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("Interrupted.")
        return 130
    finally:
        worker.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
