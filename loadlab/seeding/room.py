"""Whether the disk has room for what is to be written, before it is: a full disk is noticed after hours."""

from __future__ import annotations

from collections.abc import Sequence

from loadlab.data.dataset import Dataset
from loadlab.engines.abilities import KnowsFreeSpace
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError
from loadlab.seeding.estimate import TableEstimate, estimate
from loadlab.units import format_size

# More than rows usually take: what fits by this need not be estimated, which takes a sample of every table.
_ROW_BYTES_MOST, _COLUMN_BYTES_MOST = 100, 250


def free_bytes(engine: Engine) -> int | None:
    """What is free on the disk of the database; None where it is not this machine's to tell."""
    return engine.free_bytes() if isinstance(engine, KnowsFreeSpace) else None


def needed_bytes(tables: Sequence[TableEstimate]) -> int:
    """Tables and indexes together."""
    return sum(table.size_bytes + (table.index_bytes or 0) for table in tables)


def require_room(engine: Engine, dataset: Dataset) -> None:
    """Raises InputError where the data would not fit on the disk; nothing where it was begun to be written already."""
    free = free_bytes(engine)
    if free is None or _generous_bytes(dataset) <= free or engine.manifest() is not None:
        return
    tables = estimate(dataset, engine)
    needed = needed_bytes(tables)
    if needed <= free:
        return
    largest = max(tables, key=lambda table: table.size_bytes)
    raise InputError(
        engine.display_url,
        f"would take about {format_size(needed)} of a disk that has {format_size(free)} free ({largest.table} alone"
        f" {format_size(largest.size_bytes)}); take a smaller --scale, fewer --rows, or a folder on another disk",
    )


def _generous_bytes(dataset: Dataset) -> int:
    plans = dataset.plan.tables
    return sum(
        dataset.row_count(key) * (_ROW_BYTES_MOST + _COLUMN_BYTES_MOST * len(plans[key].columns))
        for key in dataset.tables
    )
