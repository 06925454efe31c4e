"""One scale after another, each in an empty database: filled, its sizes read, its operations measured, removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from loadlab.engines import DEFAULT_URL, open_database
from loadlab.engines.abilities import CanForget, CanTellRowLayout, CanWriteOut, RowLayout
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError, NotEmptyError
from loadlab.measure.window import measure_window
from loadlab.pipeline import DataOptions, Ready, SeedOutcome, Show, environment_of, facts_of, make_ready
from loadlab.report.model import EnvironmentResult
from loadlab.request import planned
from loadlab.schema.model import Schema
from loadlab.sourcing import schema_of
from loadlab.spec.scenario import Scenario
from loadlab.spec.workload import Workload
from loadlab.units import format_size
from loadlab.validate.facts import Facts
from loadlab.validate.projection.storage import Volume


@dataclass(frozen=True, slots=True)
class MeasuredScale:
    """What one scale yielded. `window` is None where no load was run; `layouts` are by table, where they are told."""

    volume: Volume
    window: Facts | None
    layouts: Mapping[str, RowLayout]
    seeded: SeedOutcome
    schema: Schema
    environment: EnvironmentResult


class InterruptedWindow(Exception):
    """The load of a scale was cut short; `measured` is its storage, which is whole."""

    def __init__(self, measured: MeasuredScale, why: str) -> None:
        self.measured, self.why = measured, why
        super().__init__(why)


@contextmanager
def kept_running(url: str) -> Iterator[None]:
    """The temporary server would otherwise be made anew for each scale."""
    if url != DEFAULT_URL:
        yield
        return
    with open_database(url):
        yield


@contextmanager
def emptied(url: str) -> Iterator[Engine]:
    """An empty database: one of its own on the temporary server, else the one at the URL, emptied again at the end.

    Raises NotEmptyError for a database that holds anything, InputError for one that cannot be emptied again.
    """
    with open_database(url) as engine:
        if url == DEFAULT_URL:
            yield engine
            return
        _require_empty(engine)
        if not isinstance(engine, CanForget):
            raise InputError("--database", f"must be {DEFAULT_URL}: {engine.name} cannot be emptied between the scales")
        try:
            yield engine
        finally:
            engine.forget(with_new_rows=True)


def _require_empty(engine: Engine) -> None:
    remedy = "give an empty database, which is emptied again after each scale"
    if engine.manifest() is not None:
        raise NotEmptyError(f"{engine.display_url} holds a dataset of LoadLab; {remedy}")
    filled = [name for name, has_rows in engine.user_tables().items() if has_rows]
    if filled:
        raise NotEmptyError(f"{engine.display_url} is not empty: {filled[0]} holds rows; {remedy}")


def rows_at(scenario: Scenario, engine: Engine, scale: float) -> dict[str, int]:
    """Rows by table at a scale, planned on an empty database and never made."""
    dataset = planned(scenario, schema_of(scenario, engine), engine, DataOptions(scale))
    return {table: dataset.row_count(table) for table in dataset.tables}


def measure_scale(
    engine: Engine, scenario: Scenario, workload: Workload, scale: float, show: Show, *, with_load: bool
) -> MeasuredScale:
    """Fill an empty database at a scale, read its sizes, and measure the operations where that is asked for.

    Raises InterruptedWindow when the load was cut short.
    """
    ready = make_ready(engine, scenario, workload, DataOptions(scale), show)
    dataset = ready.dataset
    volume = Volume(scale, {table: dataset.row_count(table) for table in dataset.tables}, engine.snapshot())
    show.step(f"Scale {scale:g}: {format_size(ready.seeded.size_bytes or 0)} of tables and indexes")
    measured = MeasuredScale(
        volume, None, _layouts(engine, ready), ready.seeded, dataset.manifest.schema, environment_of(engine)
    )
    if not with_load:
        return measured
    if isinstance(engine, CanWriteOut):
        engine.write_out()
    window = measure_window(
        engine, ready.scenario, ready.workload, dataset.manifest, ready.statements, show, ready.route
    )
    if window.failure is not None or window.measure.interrupted:
        raise InterruptedWindow(measured, window.failure or "interrupted")
    return MeasuredScale(
        volume, facts_of(window, ready), measured.layouts, ready.seeded, measured.schema, measured.environment
    )


def _layouts(engine: Engine, ready: Ready) -> dict[str, RowLayout]:
    if not isinstance(engine, CanTellRowLayout):
        return {}
    found = {table.key: engine.row_layout(table) for table in ready.dataset.manifest.schema}
    return {name: layout for name, layout in found.items() if layout is not None}
