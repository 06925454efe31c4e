"""Locust's master: workers come, users are shared out among them by Locust, everything else is `remote.py`'s."""

from __future__ import annotations

# Before anything else: it patches the standard library for gevent.
import locust  # isort: skip # noqa: F401

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gevent
from locust.env import Environment
from locust.exception import RPCError
from locust.rpc import Message as LocustMessage
from locust.runners import STATE_MISSING, MasterRunner

from loadlab.errors import InputError, LoadLabError
from loadlab.measure.model import Interval
from loadlab.workload.collect import Message
from loadlab.workload.conducting import Master
from loadlab.workload.plan import LoadPlan
from loadlab.workload.remote import CHANNEL, RemoteHub

# Locust gives a worker up after three seconds without a heartbeat; a busy machine may take longer for once.
_HEARTBEATS_MISSED = 6
_LOOK_S = 0.5


class LoadMaster(MasterRunner):
    """Locust's master with LoadLab's channel, and a door that closes when the load begins."""

    def __init__(self, environment: Environment, master: Master, note: Callable[[str], None]) -> None:
        self._master, self._note = master, note
        self.receive: Callable[[str, Message], None] = lambda worker, data: None
        self._members: frozenset[str] | None = None
        self._refused: set[str] = set()
        try:
            super().__init__(environment, master.host, master.port)
        except (RPCError, SystemExit) as error:
            address = f"{master.host}:{master.port}"
            raise InputError("--bind", f"cannot be listened on: {error}; name another one", value=address) from None

    def handle_message(self, client_id: str, msg: LocustMessage) -> None:
        """Everything that a worker sends; LoadLab's own messages are nothing to Locust."""
        if msg.type == CHANNEL:
            self.receive(client_id, msg.data)
            return
        if msg.type == "client_ready" and self._members is not None and client_id not in self._members:
            self._refuse(client_id)
            return
        super().handle_message(client_id, msg)
        if msg.type in ("client_ready", "heartbeat") and client_id in self.clients:
            self.clients[client_id].heartbeat = _HEARTBEATS_MISSED

    def await_workers(self) -> Sequence[str]:
        """See `Link`."""
        ends_s = time.monotonic() + self._master.wait_s
        while len(self.clients.ready) < self._master.workers:
            if time.monotonic() > ends_s:
                raise LoadLabError(self._too_few())
            gevent.sleep(0.1)
        ready = [client.id for client in self.clients.ready]
        members = ready[: self._master.workers]
        self._members = frozenset(members)
        for client_id in ready[self._master.workers :]:
            # Locust must not give users to a worker that has no drivers.
            del self.clients[client_id]
            self._refuse(client_id)
        return members

    def send(self, worker: str, order: Mapping[str, Any]) -> None:
        """See `Link`."""
        self.send_message(CHANNEL, dict(order), client_id=worker)

    def absence_of(self, worker: str) -> str | None:
        """See `Link`."""
        client = self.clients.get(worker)
        if client is None:
            return "left before the load was over"
        return "is not heard of any more" if client.state == STATE_MISSING else None

    def _refuse(self, client_id: str) -> None:
        host = client_id.rpartition("_")[0]
        reason = f"the load of {self._master.workers} workers has begun without it"
        self.send(client_id, {"cmd": "refused", "message": reason})
        if client_id not in self._refused:
            self._refused.add(client_id)
            self._note(f"a worker on {host} came too late and took no part in the load")

    def _too_few(self) -> str:
        master = self._master
        return (
            f"{len(self.clients.ready)} of {master.workers} workers came to {master.host}:{master.port} within"
            f" {master.wait_s:g} s; start each with: loadlab worker --master-host HOST --master-port {master.port}"
        )


def open_master(
    environment: Environment,
    master: Master,
    plans: Sequence[LoadPlan],
    *,
    on_message: Callable[[Message], None],
    on_interval: Callable[[Interval], None],
) -> tuple[LoadMaster, RemoteHub]:
    """The runner, listening, and the hub of its workers. Raises InputError when it cannot listen."""
    runner = LoadMaster(environment, master, lambda text: on_message({"type": "note", "message": text}))
    hub = RemoteHub(plans, master.workers, runner, on_message=on_message, on_interval=on_interval)
    runner.receive = hub.receive
    environment.runner = runner

    def watch() -> None:
        while True:
            gevent.sleep(_LOOK_S)
            hub.look()

    runner.greenlet.spawn(watch)
    return runner, hub
