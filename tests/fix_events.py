"""One filled shop with its events for all tests that look at plans; each puts back what it changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.pipeline import make_ready
from loadlab.request import DataOptions
from loadlab.spec.scenario import load_scenario
from tests.events import EVENTS, Shop, weighted
from tests.shop import write_shop
from tests.silent import Silent

CUSTOMER = {"kind": "simple", "sql": "SELECT name FROM customers WHERE id = :id", "params": {"id": "customers.id"}}


@pytest.fixture(scope="session")
def events_shop(embedded_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop's tables, filled, and the events."""
    folder = tmp_path_factory.mktemp("filled")
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        operations = {"customer": CUSTOMER}
        scenario = load_scenario(write_shop(folder, operations=weighted(operations)))
        filled = make_ready(engine, scenario, scenario.file.workload, DataOptions(), Silent())
        for command in EVENTS.strip().rstrip(";").split(";"):
            engine.tune(command)
        yield Shop(engine, filled)
