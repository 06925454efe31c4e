"""What is asked of the data: the command line's word, else what is in the database, else the scenario's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadlab.data.application import with_application
from loadlab.data.dataset import Dataset
from loadlab.data.growth import dataset_of, is_grown
from loadlab.data.history import Until, settled
from loadlab.data.plan.planner import DataRequest
from loadlab.data.sizes import sizes_by_relations
from loadlab.engines.protocol import Engine
from loadlab.schema.manifest import Manifest
from loadlab.schema.model import Schema
from loadlab.seeding.documents import with_documents
from loadlab.sourcing import FoundSchema
from loadlab.spec.scenario import Scenario
from loadlab.spec.shapes import DataShape


@dataclass(frozen=True, slots=True)
class DataOptions:
    """What the command line says about the data; None leaves the scenario's word."""

    scale: float | None = None
    seed: int | None = None
    rows_everywhere: int | None = None
    rows: Mapping[str, int] | None = None
    workers: int | None = None
    cluster: str | None = None
    """The address of a Dask scheduler."""
    until: Until = None
    """The day with which the history ends."""
    recreate: bool = False
    """Whether what LoadLab made in the database is dropped first."""


def planned(scenario: Scenario, found: FoundSchema, engine: Engine, options: DataOptions) -> Dataset:
    """What is asked for. What the command line leaves open is as in the data that is there, else as in the scenario."""
    there = engine.manifest()
    own = {key: rows for key, rows in found.rows.items() if key not in (options.rows or {})}
    shape: DataShape = with_application(scenario.file.data, found.schema, found.values, own)
    shape = settled(shape, options.until, there)
    nothing_said = options.scale is options.seed is options.rows_everywhere is None and not options.rows
    nothing_said &= options.until in (None, "today")
    if there is not None and is_grown(there) and nothing_said:
        return dataset_of(there)
    body: Mapping[str, Any] = there.body if there is not None else {"scale": shape.scale, "seed": shape.seed}
    rows_said = options.rows or options.rows_everywhere is not None
    said = dict(options.rows or {}) if rows_said else body.get("rows_stated", {})
    # What a migration tool keeps for itself gets no rows, unless somebody asks for some by the table's name.
    fixed = {key: 0 for key in found.bookkeeping if scenario.full_rows(key) is None}
    fixed |= {key: len(rows) for key, rows in own.items() if key not in scenario.file.data.tables}
    request = DataRequest(
        shape=shape,
        scale=options.scale if options.scale is not None else body["scale"],
        seed=options.seed if options.seed is not None else body["seed"],
        full_rows=scenario.full_rows,
        rows={**fixed, **said},
        rows_everywhere=options.rows_everywhere if rows_said else body.get("rows_everywhere"),
        default_rows=scenario.default_rows,
        default_rows_of=_sizes(scenario, found.schema, there),
        remedies=body.get("remedies", {}),
    )
    dataset = Dataset.plan_for(found.schema, request, owns_tables=scenario.source(engine.name) is not None)
    return with_documents(engine, dataset, scenario)


def _sizes(scenario: Scenario, schema: Schema, there: Manifest | None) -> Mapping[str, int]:
    """Row counts that nobody states; a scenario's are the same for every table, so that they are easily told."""
    if there is not None:
        found: Mapping[str, int] = there.body.get("default_rows_of", {})
        return found
    return sizes_by_relations(schema) if scenario.is_plain else {}
