"""Filling a database: chunks in any order, on several processes, resumable wherever it was cut off."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

from loadlab.data.dataset import Dataset
from loadlab.engines import open_database
from loadlab.engines.protocol import Chunk, Engine, Manifest
from loadlab.errors import DatabaseError, NotEmptyError
from loadlab.seeding.chunks import chunks_of, pending

BATCH_ROWS = 20_000
# Below this, starting worker processes takes longer than the loading.
_PARALLEL_FROM_ROWS = 300_000


@dataclass(frozen=True, slots=True)
class SeedReport:
    """`rows` are the dataset's rows, `written` those that this call loaded; `reused` when all was there already."""

    rows: int
    written: int
    seconds: float
    reused: bool
    resumed: bool


@dataclass(frozen=True, slots=True)
class SeedProgress:
    """Where the seeding stands. `step` is empty while rows are loaded, else the name of the step that finishes it."""

    rows_done: int
    rows_total: int
    table: str = ""
    step: str = ""


Observer = Callable[[SeedProgress], None]


def refuse_foreign_tables(engine: Engine, there: Manifest | None) -> None:
    """Raises NotEmptyError when tables stand where a schema is to be created."""
    if there is not None:
        raise NotEmptyError(
            f"{engine.display_url} holds another dataset of LoadLab, with another schema ({_describe(there)}); "
            "give an empty database"
        )
    tables = engine.user_tables()
    if tables:
        raise NotEmptyError(
            f"{engine.display_url} is not empty: it has the tables {_some(list(tables))}; give an empty database, "
            "or leave the schema out to fill the tables that are there"
        )


def check_vacant(engine: Engine, manifest: Manifest) -> Manifest | None:
    """The ledger's manifest if this dataset was begun here, None on a vacant database.

    Raises NotEmptyError when the database holds another dataset, or tables or rows that LoadLab did not write.
    """
    there = engine.manifest()
    if there is not None:
        if there.fingerprint != manifest.fingerprint:
            raise NotEmptyError(
                f"{engine.display_url} holds another dataset of LoadLab ({_describe(there)}; "
                f"asked: {_describe(manifest)}); give an empty database"
            )
        return there
    if manifest.owns_tables:
        refuse_foreign_tables(engine, None)
    filled = [name for name, has_rows in engine.user_tables().items() if has_rows]
    if filled:
        raise NotEmptyError(
            f"{engine.display_url} is not empty: {_some(filled)} hold rows; LoadLab fills empty tables only"
        )
    return None


def seed(engine: Engine, dataset: Dataset, *, workers: int, observe: Observer) -> SeedReport:
    """Make the database hold the dataset, whatever part of it is there already.

    Raises NotEmptyError as `check_vacant` does, DatabaseError when the server refuses a row.
    """
    started = time.perf_counter()
    there = check_vacant(engine, dataset.manifest)
    total = sum(dataset.row_count(table) for table in dataset.tables)
    if there is not None and there.finished:
        return SeedReport(total, 0, 0.0, reused=True, resumed=False)
    if there is None:
        observe(SeedProgress(0, total, step="creating tables"))
        engine.create(dataset.manifest)
    todo = pending(chunks_of(dataset), engine.loaded())
    written = _load_all(engine, dataset, todo, workers, total, observe)
    engine.finish(dataset.manifest, lambda step: observe(SeedProgress(total, total, step=step)))
    return SeedReport(total, written, time.perf_counter() - started, reused=False, resumed=there is not None)


def _load_all(
    engine: Engine, dataset: Dataset, todo: tuple[Chunk, ...], workers: int, total: int, observe: Observer
) -> int:
    rows = sum(chunk.rows for chunk in todo)
    done = total - rows
    written = 0
    for group in _groups(todo, dataset.manifest.owns_tables):
        for chunk, confirmed in _run_group(engine, dataset, group, workers):
            if confirmed != chunk.rows:
                raise DatabaseError(f"{chunk.table}: the server confirmed {confirmed:,} of {chunk.rows:,} rows")
            done += chunk.rows
            written += confirmed
            observe(SeedProgress(done, total, table=chunk.table))
    return written


def _groups(todo: tuple[Chunk, ...], any_order: bool) -> Iterator[tuple[Chunk, ...]]:
    """What may be loaded side by side: everything, or (with foreign keys in place) one table after the other."""
    if any_order:
        # Large tables first, so that no worker is left alone with one at the end.
        sizes: dict[str, int] = {}
        for chunk in todo:
            sizes[chunk.table] = sizes.get(chunk.table, 0) + chunk.rows
        yield tuple(sorted(todo, key=lambda chunk: (-sizes[chunk.table], chunk)))
        return
    for table in dict.fromkeys(chunk.table for chunk in todo):
        yield tuple(chunk for chunk in todo if chunk.table == table)


def _run_group(engine: Engine, dataset: Dataset, group: tuple[Chunk, ...], workers: int) -> Iterator[tuple[Chunk, int]]:
    if workers <= 1 or len(group) == 1 or sum(chunk.rows for chunk in group) < _PARALLEL_FROM_ROWS:
        for chunk in group:
            yield chunk, load_chunk(engine, dataset, chunk)
        return
    with _local_processes(engine.url, dataset.manifest, workers) as executor:
        futures = {executor.submit(_load_in_worker, chunk): chunk for chunk in group}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise DatabaseError(
                "a loading process died; run the same command again to go on where it stopped"
            ) from None
        finally:
            for future in futures:
                future.cancel()


def load_chunk(engine: Engine, dataset: Dataset, chunk: Chunk) -> int:
    """Generate and load one chunk; the rows that the server confirmed."""
    batches = (
        dataset.batch(chunk.table, start, min(start + BATCH_ROWS, chunk.stop))
        for start in range(chunk.start, chunk.stop, BATCH_ROWS)
    )
    return engine.load(dataset.table(chunk.table), batches, chunk)


# -- worker processes ------------------------------------------------------------------------------------------------

_worker: tuple[Engine, Dataset] | None = None


@contextmanager
def _local_processes(url: str, manifest: Manifest, workers: int) -> Iterator[Executor]:
    # Spawned, not forked: drivers' connections and threads do not survive a fork. The URL travels through a pipe.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(url, manifest))
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _start_worker(url: str, manifest: Manifest) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = (open_database(url), Dataset.from_manifest(manifest))


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _load_in_worker(chunk: Chunk) -> int:
    assert _worker is not None
    return load_chunk(*_worker, chunk)


def _describe(manifest: Manifest) -> str:
    body = manifest.body
    rows = sum(body.get("rows", {}).values())
    return f"seed {body.get('seed')}, scale {body.get('scale'):g}, {rows:,} rows"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
