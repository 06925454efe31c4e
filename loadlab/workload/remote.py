"""The master's side of driver processes on other machines: what `hub.py` is for those of this one.

Everything between the master and a worker is one kind of message of Locust's channel, `CHANNEL`. Orders go out, the
drivers' messages and a worker's answers come back, each with its number, so that one that gets lost is noticed:

| order | answer |
| --- | --- |
| `plans`: the load plans of the worker's drivers, and the text of `flows.py` | `ready` |
| `phase`: `warmup` or `measure` begins | |
| `pause` | `paused`, when no driver executes anything |
| `verify` | `verified`, when the drivers have looked at what they kept |
| `stop` | `final`, which the worker repeats until it is told that everything has been `taken` |
| `refused`: it came too late, or too many came | |

Users are not in it: Locust's own master shares them out among its workers. Every wait is bounded. A worker that is lost
is named and ends the load; what it sent before is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from loadlab import __version__
from loadlab.errors import LoadLabError
from loadlab.measure.model import LoadMeasure
from loadlab.workload.collect import Collector, Message
from loadlab.workload.hub import ANSWER_LIMIT_S, START_LIMIT_S, VERIFY_LIMIT_S, OnInterval
from loadlab.workload.plan import LoadPlan

CHANNEL: Final = "loadlab"
# What the way to a worker and back may take beyond what the worker itself may.
_WAY_LIMIT_S = 10.0


class Link(Protocol):
    """The way to the workers."""

    def await_workers(self) -> Sequence[str]:
        """The workers of this load; whoever comes later is refused. Raises LoadLabError when too few come."""
        ...

    def send(self, worker: str, order: Mapping[str, Any]) -> None: ...

    def absence_of(self, worker: str) -> str | None:
        """What became of a worker that is there no longer."""
        ...


@dataclass(slots=True)
class _Member:
    """A worker that takes part."""

    address: str
    name: str
    plans: Sequence[LoadPlan]
    received: int = 0
    answers: set[str] = field(default_factory=set)
    is_gone: bool = False


class RemoteHub:
    """The workers' driver processes as one; used as `Hub` is.

    `on_message` is called with each message of a driver and a `failed` for what went wrong, `on_interval` with each
    interval that is complete over all drivers.
    """

    def __init__(
        self,
        plans: Sequence[LoadPlan],
        workers: int,
        link: Link,
        *,
        on_message: Callable[[Message], None],
        on_interval: OnInterval,
    ) -> None:
        self._plans, self._workers, self._link = plans, workers, link
        self._on_message, self._on_interval = on_message, on_interval
        self._collector = Collector(plans)
        self._members: dict[str, _Member] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._limit_s = plans[0].workload.drain_limit_s + ANSWER_LIMIT_S + _WAY_LIMIT_S
        self.failure: str | None = None
        """What went wrong first, in one line; what was measured before is kept."""

    def start(self) -> None:
        """Wait for the workers and hand out the plans; returns when all are ready. Raises LoadLabError otherwise."""
        for number, address in enumerate(self._link.await_workers()):
            # Locust's names are HOST_RANDOM.
            name = f"worker {number + 1} of {self._workers} ({address.rpartition('_')[0]})"
            self._members[address] = _Member(address, name, self._plans[number :: self._workers])
        hosts = ", ".join(member.address.rpartition("_")[0] for member in self._members.values())
        self._on_message({"type": "note", "message": f"the load came from {self._workers} workers: {hosts}"})
        order = {"cmd": "plans", "version": __version__, "flows": _flows_of(self._plans[0])}
        for member in self._members.values():
            plans = [plan.to_json() for plan in member.plans]
            self._link.send(member.address, {**order, "name": member.name, "plans": plans})
        self._await("ready", START_LIMIT_S + _WAY_LIMIT_S)
        if self.failure is not None:
            raise LoadLabError(self.failure)

    def set_users(self, users: int) -> None:
        """Locust's master tells its workers itself."""

    def set_rate(self, rate_per_s: float) -> None:
        """Between two windows of an open loop without a shape: its rate from now on, measured anew."""
        with self._changed:
            self._collector = self._collector.following(rate_per_s)
        self._send_all({"cmd": "rate", "per_s": rate_per_s})

    def begin(self, phase: str) -> None:
        """Start handing out operations in a phase (`warmup` or `measure`)."""
        with self._changed:
            self._collector.begin(phase)
        self._send_all({"cmd": "phase", "name": phase})

    def pause(self) -> None:
        """Returns when no driver executes anything and the counters are flushed; `failure` tells if one did not."""
        self._ask("pause", "paused", self._limit_s)
        with self._changed:
            self._collector.end()

    def verify(self) -> None:
        """Returns when the drivers have looked at what they kept."""
        self._ask("verify", "verified", VERIFY_LIMIT_S + _WAY_LIMIT_S)

    def stop(self) -> LoadMeasure:
        """Have everything handed over; everything measured."""
        self._ask("stop", "final", self._limit_s)
        self.close()
        with self._changed:
            return self._collector.measure(interrupted=self.failure is not None)

    def close(self) -> None:
        """From now on workers may leave."""
        self._stopping = True

    def look(self) -> None:
        """Notice who is there no longer; called about once a second."""
        for member in self._here():
            # Who has handed over everything may leave.
            is_done = self._stopping or "final" in member.answers
            reason = None if is_done else self._link.absence_of(member.address)
            if reason is not None:
                self._lose(member, reason)

    def receive(self, address: str, data: Mapping[str, Any]) -> None:
        """A worker has sent something."""
        member = self._members.get(address)
        if member is None or member.is_gone:
            return
        missing = data["n"] - member.received - 1
        if missing < 0:
            self._confirm(member, data)  # It was sent again, because the confirmation got lost.
            return
        member.received = data["n"]
        if missing:
            self._fail(f"{member.name}: {missing} of its messages were lost on the way")
        if "message" in data:
            self._take(member, data["message"])
        else:
            self._take_answer(member, data)

    def _take(self, member: _Member, message: Message) -> None:
        if message["type"] == "failed":
            with self._changed:
                self._collector.lose(message["worker"])
            self._fail(f"{member.name}: {message['message']}", message["worker"])
            return
        try:
            with self._changed:
                complete = self._collector.add(message)
        except LoadLabError as error:
            self._fail(f"{member.name}: {error}")
            return
        self._on_message(message)
        for interval in complete:
            self._on_interval(interval)

    def _take_answer(self, member: _Member, data: Mapping[str, Any]) -> None:
        if data["failure"] is not None:
            self._fail(f"{member.name}: {data['failure']}")
        with self._changed:
            member.answers.add(data["answer"])
            self._changed.notify_all()
        self._confirm(member, data)

    def _confirm(self, member: _Member, data: Mapping[str, Any]) -> None:
        if data.get("answer") == "final":
            self._link.send(member.address, {"cmd": "taken"})

    def _ask(self, order: str, answer: str, limit_s: float) -> None:
        with self._changed:
            for member in self._members.values():
                member.answers.discard(answer)
        self._send_all({"cmd": order})
        self._await(answer, limit_s)

    def _await(self, answer: str, limit_s: float) -> None:
        """Until every worker that is left has answered; one that takes too long is lost."""
        ends_s = time.monotonic() + limit_s
        while True:
            with self._changed:
                silent = [member for member in self._here() if answer not in member.answers]
                if not silent or time.monotonic() > ends_s:
                    break
                self._changed.wait(0.5)
        for member in silent:
            self._lose(member, f"did not answer within {limit_s:g} s ({answer})")

    def _here(self) -> list[_Member]:
        return [member for member in self._members.values() if not member.is_gone]

    def _send_all(self, order: Mapping[str, Any]) -> None:
        for member in self._here():
            self._link.send(member.address, order)

    def _lose(self, member: _Member, reason: str) -> None:
        with self._changed:
            member.is_gone = True
            for plan in member.plans:
                self._collector.lose(plan.worker)
            self._changed.notify_all()
        for plan in member.plans:
            self._fail(f"{member.name} {reason}", plan.worker)

    def _fail(self, text: str, worker: int | None = None) -> None:
        self.failure = self.failure or text
        self._on_message({"type": "failed", "message": text} | ({} if worker is None else {"worker": worker}))


def _flows_of(plan: LoadPlan) -> tuple[str, str] | None:
    """Name and text of the file with the flows, where one is used: the workers' machines need not have it."""
    if all(operation.flow is None for operation in plan.workload.operations.values()):
        return None
    path = Path(plan.flows_path)
    return path.name, path.read_text(encoding="utf-8")


def machines_of(plans: Iterable[LoadPlan]) -> str:
    """What a worker is to do, in words: processes and connections."""
    listed = list(plans)
    connections = sum(plan.connections for plan in listed)
    processes = "1 driver process" if len(listed) == 1 else f"{len(listed)} driver processes"
    return f"{processes}, {connections} connection{'s' if connections > 1 else ''}"
