"""Driver processes over a filled database, for windows one after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loadlab.engines.protocol import Engine
from loadlab.pipeline import Ready
from loadlab.workload.conduct import Conductor
from loadlab.workload.plan import NEW_ROWS_RESERVED, LoadPlan, load_plans


def reserved_plans(engine: Engine, ready: Ready) -> tuple[LoadPlan, ...]:
    """The load's plans, and in the ledger room for the rows that it will insert. Raises DatabaseError."""
    there = engine.manifest()
    start = there.new_rows if there is not None else 0
    plans = load_plans(
        engine,
        ready.scenario,
        ready.workload,
        ready.dataset.manifest,
        ready.statements,
        new_rows_start=start,
        load_url=ready.route.url,
    )
    engine.note_new_rows(start + NEW_ROWS_RESERVED)
    return plans


def settle(engine: Engine, conductor: Conductor) -> None:
    """End the load: check the drivers' counts, note the rows that they inserted. Raises DatabaseError."""
    conductor.collect()
    engine.note_new_rows(conductor.new_rows_end)


@contextmanager
def conducted(engine: Engine, ready: Ready) -> Iterator[Conductor]:
    """Paused to begin with. Raises LoadLabError when the load cannot begin, or the rows cannot be noted."""
    with Conductor(reserved_plans(engine, ready)) as conductor:
        yield conductor
        settle(engine, conductor)
