"""A filled database goes on: what `loadlab grow` does, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.engines import open_database
from loadlab.pipeline import Show
from loadlab.seeding.additions import addition_notes
from loadlab.seeding.grow import GrowthWish, grow, plan_growth
from loadlab.seeding.seeder import SeedReport
from loadlab.units import format_count


@dataclass(frozen=True, slots=True)
class TableGrowth:
    """Rows of a table before and after a growth."""

    table: str
    rows_before: int
    rows: int


@dataclass(frozen=True, slots=True)
class GrowthOutcome:
    """How far a database has gone on, or would go. Times are µs since 1970; no `report` when nothing was written."""

    tables: tuple[TableGrowth, ...]
    now_before_us: int
    now_us: int
    scale: float
    fingerprint: str
    database: str
    report: SeedReport | None
    notes: tuple[str, ...] = ()


def grow_database(database: str, wish: GrowthWish, show: Show, *, dry_run: bool = False) -> GrowthOutcome:
    """Let a filled database go on: rows are appended, nothing that is there changes. Raises LoadLabError."""
    with open_database(database) as engine:
        show.step(f"{engine.version()} at {engine.display_url}")
        dataset, is_begun = plan_growth(engine, wish)
        notes = (*addition_notes(dataset), *dataset.plan.notes)
        show.notes(notes)
        tables = tuple(
            TableGrowth(table, dataset.earlier.row_count(table), dataset.row_count(table)) for table in dataset.tables
        )
        report = None
        if not dry_run:
            show.step(f"Appending {format_count(sum(t.rows - t.rows_before for t in tables))} rows")
            report = grow(engine, dataset, is_begun=is_begun, observe=show.seeding)
        manifest = dataset.manifest
        return GrowthOutcome(
            tables, dataset.earlier.now_us, dataset.now_us, manifest.body["scale"], manifest.fingerprint,
            engine.display_url, report, notes,
        )  # fmt: skip
