"""Going on with a database that is filled: rows are appended, every index and constraint stays in place."""

from __future__ import annotations

import time
from dataclasses import dataclass

from loadlab.data.additions import placed_in_others
from loadlab.data.dataset import Dataset
from loadlab.data.growth import GrownDataset, dataset_of, grown, is_grown, scale_after, scale_for_rows
from loadlab.engines.abilities import CanExtend
from loadlab.engines.protocol import Chunk, Engine
from loadlab.errors import DatabaseError, InputError
from loadlab.seeding.additions import add_chunk, check_additions, growth_rows
from loadlab.seeding.chunks import CHUNK_ROWS, pending
from loadlab.seeding.seeder import Observer, SeedProgress, SeedReport
from loadlab.seeding.workers import load_chunk


@dataclass(frozen=True, slots=True)
class GrowthWish:
    """How far to go: the farthest of what is stated.

    `by_s` lets the history go on for so long, `rows` until those tables have so many rows, `scale` up to that scale;
    all other tables grow along.
    """

    by_s: float | None = None
    scale: float | None = None
    rows: tuple[tuple[str, int], ...] = ()

    @property
    def words(self) -> str:
        """What was asked, the same for the same wish."""
        said = [] if self.by_s is None else [f"--by {self.by_s:g}s"]
        said += [] if self.scale is None else [f"--scale {self.scale:g}"]
        return " ".join(said + [f"--rows {table}={count}" for table, count in sorted(self.rows)])


def plan_growth(engine: Engine, wish: GrowthWish) -> tuple[GrownDataset, bool]:
    """The dataset gone on, and whether this very growth was begun before. Nothing is written.

    Raises InputError or DatabaseError when there is nothing that can be grown.
    """
    there = engine.manifest()
    if there is None:
        raise InputError(engine.display_url, "was not filled by LoadLab; loadlab seed fills it first")
    if not there.finished:
        if not is_grown(there):
            raise DatabaseError(
                f"{engine.display_url} is only half filled; run the same loadlab seed again to finish it"
            )
        if there.body["asked"] != wish.words:
            raise DatabaseError(
                f"{engine.display_url} is in the midst of growing; run loadlab grow {there.body['asked']} to finish it"
            )
        begun = dataset_of(there)
        assert isinstance(begun, GrownDataset)
        return begun, True
    dataset = dataset_of(there)
    scale = _scale(dataset, wish)
    if there.new_rows:
        raise DatabaseError(
            f"{engine.display_url} holds up to {there.new_rows:,} rows a table that loads or factories inserted behind "
            f"the dataset, where the growth would begin; seed an empty database with --scale {scale:g} instead"
        )
    made = grown(dataset, scale, wish.words)
    check_additions(engine, made)
    return made, False


def _scale(dataset: Dataset, wish: GrowthWish) -> float:
    scales = [] if wish.scale is None else [wish.scale]
    if wish.by_s is not None:
        if wish.by_s <= 0:
            raise InputError("--by", "must be above 0", value=wish.by_s)
        scales.append(scale_after(dataset, round(wish.by_s * 1_000_000)))
    scales += [scale_for_rows(dataset, table, count) for table, count in wish.rows]
    if not scales:
        raise InputError("loadlab grow", "needs --by, --rows or --scale")
    return max(scales)


def growth_chunks(dataset: GrownDataset, chunk_rows: int = CHUNK_ROWS) -> tuple[Chunk, ...]:
    """The new rows in chunks, parents first, then what is added to rows that were there; cut by row counts alone, so
    that a resumed growth cuts alike.
    """
    roots = dataset.nesting.documents.roots(dataset.tables)
    added = (placement.table for placement in placed_in_others(dataset))
    return tuple(
        Chunk(table, start, min(start + chunk_rows, dataset.row_count(table)), later)
        for later, tables in ((False, roots), (True, added))
        for table in tables
        for start in range(dataset.earlier.row_count(table), dataset.row_count(table), chunk_rows)
    )


def grow(engine: Engine, dataset: GrownDataset, *, is_begun: bool, observe: Observer) -> SeedReport:
    """Append what is new, whatever part of it is there already.

    Foreign keys are in place, so one table after the other. Raises DatabaseError when the server refuses a row.
    """
    started = time.perf_counter()
    if not isinstance(engine, CanExtend):
        raise InputError("loadlab grow", f"is not possible with {engine.name} yet")
    if not is_begun:
        engine.extend(dataset.manifest)
    chunks = growth_chunks(dataset)
    rows = {chunk: growth_rows(dataset, chunk) for chunk in chunks}
    total = sum(rows.values())
    todo = pending(chunks, engine.loaded())
    done, written = total - sum(rows[chunk] for chunk in todo), 0
    for chunk in todo:
        if chunk.later:
            add_chunk(engine, dataset, chunk)
        else:
            load_chunk(engine, dataset, chunk)
        done += rows[chunk]
        written += rows[chunk]
        observe(SeedProgress(done, total, table=chunk.table))
    engine.finish(dataset.manifest, lambda step: observe(SeedProgress(total, total, step=step)))
    return SeedReport(total, written, time.perf_counter() - started, reused=False, resumed=is_begun)
