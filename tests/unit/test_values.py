"""The values of operations: drawn from one row where they belong together, never the same new row twice."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from loadlab.errors import InputError, LoadLabError
from loadlab.schema.model import Column, LogicalType, Table
from loadlab.spec.parameters import Parameter
from loadlab.workload.flow import Keys
from loadlab.workload.keys import NewRows, stream
from loadlab.workload.supply import Provisioner, Supply
from loadlab.workload.values import Parameters, full_parameters, row_groups

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TABLES = {
    name: Table(name, (Column("id", LogicalType("integer")), Column("twice", LogicalType("integer"))))
    for name in ("users", "orders", "empty")
}


class Numbers:
    """A dataset whose rows can be told by their values: `id` is the row, `twice` is twice the row."""

    now_us = int(NOW.timestamp() * 1e6)

    def table(self, key: str) -> Table:
        return TABLES[key]

    def row_count(self, table: str) -> int:
        return {"users": 50, "orders": 200, "empty": 0}[table]

    def columns(self, table: str, names: tuple[str, ...], rows: np.ndarray) -> dict[str, pa.Array]:
        return {name: pa.array(rows * (2 if name == "twice" else 1)) for name in names}


def parse(**params: Any) -> dict[str, Parameter]:
    adapter: TypeAdapter[Parameter] = TypeAdapter(Parameter)
    return {name: adapter.validate_python(item) for name, item in params.items()}


def draw(count: int = 2000, **params: Any) -> dict[str, list[Any]]:
    numbers = Numbers()
    rows = NewRows(numbers.row_count, start=0, worker=0, workers=1)
    drawn = Parameters(parse(**params), numbers, rows, stream(1), place="here").draw(count)
    return {name: array.to_pylist() for name, array in drawn.items()}


def test_parameters_of_one_table_come_from_one_row():
    got = draw(a={"column": "orders.id", "pick": "latest"}, b="orders.twice", c="users.id")
    assert [2 * a for a in got["a"]] == got["b"]
    assert Counter(got["a"]).most_common(1)[0][0] == 199
    assert set(got["c"]) == set(range(50))


def test_a_label_tells_rows_of_one_table_apart():
    got = draw(a={"column": "users.id", "row": "from"}, b={"column": "users.id", "row": "to"})
    assert 0.9 < np.mean([a != b for a, b in zip(got["a"], got["b"], strict=True)]) < 1


def test_new_rows_lie_beyond_the_dataset_and_never_repeat():
    got = draw(a={"column": "orders.id", "pick": "new"})
    assert got["a"] == list(range(200, 2200))


def test_two_picks_of_one_row_are_a_mistake():
    with pytest.raises(InputError, match=r"b=zipf must be latest, as another parameter of the same row is"):
        row_groups(parse(a={"column": "users.id", "pick": "latest"}, b={"column": "users.twice", "pick": "zipf"}))


def test_rows_of_an_empty_table_cannot_be_drawn():
    with pytest.raises(InputError, match="here names the table empty, which has no rows at this scale"):
        draw(a="empty.id")
    assert draw(3, a={"column": "empty.id", "pick": "new"}) == {"a": [0, 1, 2]}


def test_an_insert_takes_every_column_from_a_new_row_unless_told_otherwise():
    from loadlab.spec.workload import Operation

    operation = Operation(kind="write", weight=1, insert="orders", params={"twice": "users.id"})
    params = full_parameters(operation, TABLES.__getitem__)
    assert {group.table: (group.pick, group.columns) for group in row_groups(params)} == {
        "orders": ("new", {"id": "id"}),
        "users": ("uniform", {"twice": "id"}),
    }


def test_other_parameters():
    got = draw(
        constant={"value": 7},
        nothing={"value": None},
        document={"value": {"a": [1, 2]}},
        several={"value": [1, 2]},
        choice={"choice": ["x", "y"], "weights": [3, 1]},
        whole={"between": [1, 3]},
        money={"between": [0.25, 0.5]},
        since={"ago": "1d"},
        within={"ago": ["0s", "1h"]},
    )
    assert set(got["constant"]) == {7}
    assert set(got["nothing"]) == {None}
    assert set(got["document"]) == {'{"a": [1, 2]}'}
    assert got["several"][0] == [1, 2]
    assert np.mean([value == "x" for value in got["choice"]]) == pytest.approx(0.75, abs=0.04)
    assert set(got["whole"]) == {1, 2, 3}
    assert set(got["money"]) == {round(0.25 + k / 100, 2) for k in range(26)}
    assert set(got["since"]) == {NOW - dt.timedelta(days=1)}
    assert all(NOW - dt.timedelta(hours=1) <= moment <= NOW for moment in got["within"])
    assert len(set(got["within"])) > 1900


def test_reads_go_round_and_new_rows_do_not():
    ring = Supply(lambda count: list(range(count)), 3, reusable=True)
    ring.fill()
    assert [ring.next() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    made = iter(range(1000))
    supply = Supply(lambda count: [next(made) for _ in range(count)], 4, reusable=False)
    supply.fill()
    assert [supply.next() for _ in range(3)] == [0, 1, 2]
    assert supply.top_up(10)
    assert [supply.next() for _ in range(11)] == list(range(3, 14))


def test_a_supply_that_runs_out_is_refilled_beside_the_load_and_that_is_counted():
    made = iter(range(10**6))

    def slowly(count: int) -> list[int]:
        time.sleep(0.05)
        return [next(made) for _ in range(count)]

    supply = Supply(slowly, 10, reusable=False)
    provisioner = Provisioner(lambda: ([supply], lambda: None))
    provisioner.start(limit_s=5)
    taken: list[int] = []
    threads = [threading.Thread(target=lambda: taken.extend(supply.next() for _ in range(300))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    provisioner.stop()
    assert sorted(taken) == list(range(1200))
    assert provisioner.refills > 0


def test_a_supply_that_can_no_longer_be_made_is_an_error():
    calls = iter([[1, 2], None])

    def make(count: int) -> list[int]:
        values = next(calls)
        if values is None:
            raise LoadLabError("no more")
        return values

    supply = Supply(make, 2, reusable=False)
    provisioner = Provisioner(lambda: ([supply], lambda: None))
    provisioner.start(limit_s=5)
    assert [supply.next(), supply.next()] == [1, 2]
    with pytest.raises(LoadLabError, match="no more"):
        supply.next()


def test_what_hinders_the_first_values_is_raised_at_the_start():
    def refuse() -> Any:
        raise LoadLabError("not today")

    with pytest.raises(LoadLabError, match="not today"):
        Provisioner(refuse).start(limit_s=5)


def make_keys() -> tuple[Keys, list[Supply]]:
    numbers, supplies = Numbers(), list[Supply]()
    rows = NewRows(numbers.row_count, start=0, worker=0, workers=1)
    return Keys(numbers, rows, lambda *parts: stream(1, *parts), supplies.append), supplies


def test_keys_for_flows():
    pick, _ = make_keys()
    rows = [pick.row("orders", by="latest") for _ in range(3000)]
    assert all(row["twice"] == 2 * row["id"] for row in rows)
    assert Counter(row["id"] for row in rows).most_common(1)[0][0] == 199
    assert {pick.pick("users.id") for _ in range(2000)} == set(range(50))
    assert {pick.between(3, 5) for _ in range(500)} == {3, 4, 5}
    assert 0 <= pick.random() < 1


def test_new_rows_for_flows_are_topped_up():
    pick, supplies = make_keys()
    first = [pick.new("orders")["id"] for _ in range(900)]
    while supplies[0].top_up(256):
        pass
    assert first + [pick.new("orders")["id"] for _ in range(600)] == list(range(200, 1700))
    assert supplies[0].refills == 0


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda pick: pick.row("nowhere"), "flows.py picks a row of nowhere, a table that is not there"),
        (lambda pick: pick.row("empty"), "flows.py picks a row of empty, which has no rows at this scale"),
        (lambda pick: pick.row("users", by="luck"), "flows.py picks a row of users by luck; known are uniform"),
        (lambda pick: pick.row("users")["size"], "flows.py asks for the column size, which users does not have"),
    ],
)
def test_mistakes_of_a_flow(ask, message):
    with pytest.raises(InputError) as caught:
        ask(make_keys()[0])
    assert str(caught.value).startswith(message)
