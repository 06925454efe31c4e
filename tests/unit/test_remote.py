"""The master's side of workers: what is lost is named, what was sent is kept, and nothing waits for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines.protocol import Manifest
from loadlab.errors import LoadLabError
from loadlab.schema.model import Schema
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation, Workload
from loadlab.workload import remote
from loadlab.workload.plan import LoadPlan
from loadlab.workload.remote import RemoteHub
from tests.unit.test_collect import interval

WORKERS = ("here_1", "there_2")
WORKLOAD = Workload(
    timeout=0.01,
    operations={
        "read": Operation(kind="simple", weight=1, sql="SELECT 1"),
        "pay": Operation(kind="write", weight=1, flow="pay"),
    },
)


class Workers:
    """Workers who answer at once, those that are in `silent` excepted; the way to them is a method call."""

    def __init__(self, silent: Mapping[str, str] | None = None) -> None:
        self.silent = silent or {}
        self.orders: list[tuple[str, Mapping[str, Any]]] = []
        self.absent: dict[str, str] = {}
        self.numbers = dict.fromkeys(WORKERS, 0)
        self.hub: RemoteHub

    def await_workers(self) -> Sequence[str]:
        return WORKERS

    def send(self, worker: str, order: Mapping[str, Any]) -> None:
        self.orders.append((worker, order))
        answer = {"plans": "ready", "pause": "paused", "stop": "final"}.get(order["cmd"])
        if answer is not None and self.silent.get(worker) != answer:
            self.say(worker, answer=answer, failure=None)

    def absence_of(self, worker: str) -> str | None:
        return self.absent.get(worker)

    def say(self, worker: str, **data: Any) -> None:
        self.numbers[worker] += 1
        self.hub.receive(worker, {**data, "n": self.numbers[worker]})


def hub_of(workers: Workers, tmp_path: Path) -> tuple[RemoteHub, list[Mapping[str, Any]]]:
    flows = tmp_path / "flows.py"
    flows.write_text("def pay(db, pick): ...\n")
    manifest = Manifest("f", {}, Schema((), "any"), True, True)
    statements = {"read": Statement.parse("SELECT 1")}
    plans = [LoadPlan("u", manifest, WORKLOAD, statements, str(flows), w, 3, 1, 1, 1) for w in range(3)]
    messages: list[Mapping[str, Any]] = []
    hub = RemoteHub(plans, 2, workers, on_message=messages.append, on_interval=lambda one: None)
    workers.hub = hub
    return hub, messages


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("START_LIMIT_S", "ANSWER_LIMIT_S", "_WAY_LIMIT_S"):
        monkeypatch.setattr(remote, name, 0.1)


def failures(messages: list[Mapping[str, Any]]) -> list[str]:
    return [message["message"] for message in messages if message["type"] == "failed"]


def test_plans_are_shared_out_and_flows_go_along(tmp_path: Path) -> None:
    workers = Workers()
    hub_of(workers, tmp_path)[0].start()
    plans = {worker: [LoadPlan.from_json(text).worker for text in order["plans"]] for worker, order in workers.orders}
    assert plans == {"here_1": [0, 2], "there_2": [1]}
    assert all(order["flows"] == ("flows.py", "def pay(db, pick): ...\n") for _, order in workers.orders)


def test_messages_of_all_workers_are_merged_and_passed_on(tmp_path: Path) -> None:
    workers = Workers()
    hub, messages = hub_of(workers, tmp_path)
    hub.start()
    hub.begin("measure")
    for worker, driver in (("here_1", 0), ("there_2", 1), ("here_1", 2)):
        workers.say(worker, message=interval(driver, 0.0, 100 + driver))
    hub.pause()
    measure = hub.stop()
    assert measure.operations[0].count == 3
    assert [message["worker"] for message in messages if message["type"] == "interval"] == [0, 1, 2]
    assert hub.failure is None
    # Each final hand-over is confirmed, and once more when it is said once more.
    hub.receive("here_1", {"n": workers.numbers["here_1"], "answer": "final", "failure": None})
    confirmed = [worker for worker, order in workers.orders if order["cmd"] == "taken"]
    assert confirmed == ["here_1", "there_2", "here_1"]


def test_a_message_that_is_lost_on_the_way_is_noticed(tmp_path: Path) -> None:
    workers = Workers()
    hub, messages = hub_of(workers, tmp_path)
    hub.start()
    hub.begin("measure")
    workers.numbers["there_2"] += 2
    workers.say("there_2", message=interval(1, 0.0, 100))
    assert failures(messages) == ["worker 2 of 2 (there): 2 of its messages were lost on the way"]


def test_a_worker_that_is_gone_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    workers = Workers()
    hub, messages = hub_of(workers, tmp_path)
    hub.start()
    hub.begin("measure")
    workers.say("there_2", message=interval(1, 0.0, 100))
    workers.absent["there_2"] = "is not heard of any more"
    hub.look()
    hub.look()
    assert failures(messages) == ["worker 2 of 2 (there) is not heard of any more"]
    assert messages[-1]["worker"] == 1
    workers.say("there_2", message=interval(1, 1.0, 100))
    for driver in (0, 2):
        workers.say("here_1", message=interval(driver, 0.0, 200))
    hub.pause()
    measure = hub.stop()
    assert measure.operations[0].count == 3
    assert measure.interrupted


@pytest.mark.parametrize("answer", ["ready", "paused", "final"])
def test_a_worker_that_does_not_answer_is_waited_for_no_longer_than_the_limit(answer: str, tmp_path: Path) -> None:
    workers = Workers(silent={"here_1": answer})
    hub, messages = hub_of(workers, tmp_path)
    expected = rf"worker 1 of 2 \(here\) did not answer within 0\.\d+ s \({answer}\)"
    if answer == "ready":
        with pytest.raises(LoadLabError, match=expected):
            hub.start()
        return
    hub.start()
    hub.begin("measure")
    hub.pause()
    assert hub.stop().interrupted
    assert hub.failure is not None
    assert len(failures(messages)) == 2, "one for each of its drivers"


def test_what_goes_wrong_on_a_worker_is_told_with_its_name(tmp_path: Path) -> None:
    workers = Workers()
    hub, messages = hub_of(workers, tmp_path)
    hub.start()
    hub.begin("measure")
    workers.say("here_1", message={"type": "failed", "worker": 2, "message": "load driver 2 was killed"})
    assert failures(messages) == ["worker 1 of 2 (here): load driver 2 was killed"]
