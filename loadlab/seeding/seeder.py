"""Filling a database: chunks in any order, on several processes, resumable wherever it was cut off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from loadlab.data.dataset import Dataset
from loadlab.engines.abilities import CanForget, CanLoadCycles
from loadlab.engines.protocol import Chunk, Engine, Manifest
from loadlab.errors import ConstraintError, DatabaseError, InputError, NotEmptyError
from loadlab.seeding.chunks import chunks_of, later_chunks, pending, rows_in
from loadlab.seeding.differences import differences, some
from loadlab.seeding.groups import Way, groups
from loadlab.seeding.workers import Crew, Job, cluster_crew, first_batches, load_chunk, local_crew, needs_second_pass

# Below this, another connection is made in the time that the loading takes.
_PARALLEL_FROM_ROWS = 100_000
# Every command that fills comes here, and one has the option.
_ANEW = ", or fill it with `loadlab seed --recreate`, which drops exactly what LoadLab made there and starts anew"


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
            f"give an empty database{_ANEW}"
        )
    tables = engine.user_tables()
    if tables:
        raise NotEmptyError(
            f"{engine.display_url} is not empty: it has the tables {some(list(tables))}; give an empty database, "
            "or leave the schema out to fill the tables that are there"
        )


def start_anew(engine: Engine) -> None:
    """Drop what LoadLab made in the database, or remove the rows that it loaded. Raises NotEmptyError as `forget`."""
    if not isinstance(engine, CanForget):
        raise InputError("--recreate", f"is not possible with {engine.name} yet; give an empty database")
    try:
        engine.forget()
    except NotEmptyError as error:
        raise NotEmptyError(f"--recreate: {engine.display_url} is left as it is: {error}") from None


def check_vacant(engine: Engine, manifest: Manifest) -> Manifest | None:
    """The ledger's manifest if this dataset was begun here, None on a vacant database.

    Raises NotEmptyError when the database holds another dataset, or tables or rows that LoadLab did not write.
    """
    there = engine.manifest()
    if there is not None:
        if there.fingerprint != manifest.fingerprint:
            raise NotEmptyError(
                f"{engine.display_url} holds another dataset of LoadLab ({_describe(there)}; "
                f"asked: {_asked(manifest, there)}); give an empty database{_ANEW}"
            )
        return there
    if manifest.owns_tables:
        refuse_foreign_tables(engine, None)
    filled = [name for name, has_rows in engine.user_tables().items() if has_rows]
    if filled:
        raise NotEmptyError(
            f"{engine.display_url} is not empty: {some(filled)} hold rows; LoadLab fills empty tables only"
        )
    return None


def seed(
    engine: Engine, dataset: Dataset, *, workers: int, observe: Observer, cluster: str | None = None
) -> SeedReport:
    """Make the database hold the dataset, whatever part of it is there already.

    On so many processes of this machine, or (loading) on the workers of the Dask cluster at the address `cluster`.
    Raises NotEmptyError as `check_vacant` does, DatabaseError when the server refuses a row.
    """
    started = time.perf_counter()
    there = check_vacant(engine, dataset.manifest)
    total = sum(dataset.row_count(table) for table in dataset.tables)
    if there is not None and there.finished:
        return SeedReport(total, 0, 0.0, reused=True, resumed=False)
    chunks = chunks_of(dataset) + (later_chunks(dataset) if needs_second_pass(engine, dataset) else ())
    todo = pending(chunks, frozenset() if there is None else engine.loaded())
    with _telling_what_helps():
        with _crew(todo, workers, cluster) as crew:
            if there is None:
                observe(SeedProgress(0, total, step="creating tables"))
                engine.create(dataset.manifest)
            written = _load_all(engine, dataset, todo, crew, total, observe)
        # Once the crew is gone: what its sessions hand in of their counts later would come after the statistics.
        engine.finish(dataset.manifest, lambda step: observe(SeedProgress(total, total, step=step)), workers=workers)
    return SeedReport(total, written, time.perf_counter() - started, reused=False, resumed=there is not None)


@contextmanager
def _telling_what_helps() -> Iterator[None]:
    """A row that the database refuses is a fault of ours that whoever seeds can find a way around."""
    try:
        yield
    except ConstraintError as error:
        raise ConstraintError(
            f"{error}; LoadLab made a row that the database refuses: `loadlab seed --dry-run` names the constraint,"
            " and values, a range or a meaning for its columns under data.tables in scenario.yaml are a way around it",
            code=error.code,
            constraint=error.constraint,
        ) from None


def _crew(todo: tuple[Chunk, ...], workers: int, cluster: str | None) -> AbstractContextManager[Crew | None]:
    """None where this process loads alone."""
    if cluster is not None:
        return cluster_crew(cluster)
    rows = sum(chunk.rows for chunk in todo)
    if workers > 1 and len(todo) > 1 and rows >= _PARALLEL_FROM_ROWS:
        return local_crew(workers, rows)
    return nullcontext()


def _load_all(
    engine: Engine, dataset: Dataset, todo: tuple[Chunk, ...], crew: Crew | None, total: int, observe: Observer
) -> int:
    rows = {chunk: rows_in(dataset, chunk) for chunk in todo if not chunk.later}
    done, written = total - sum(rows.values()), 0
    job = Job(engine.url, dataset.manifest.fingerprint)
    load_here = partial(load_chunk, engine, dataset)
    for group in groups(dataset, todo):
        if group.way is Way.TOGETHER and isinstance(engine, CanLoadCycles):
            loads = _load_together(engine, dataset, group.chunks)
        elif crew is not None and group.way is Way.ANY_ORDER:
            loads = crew.load(group.chunks, job, load_here)
        else:
            loads = ((chunk, load_here(chunk)) for chunk in group.chunks)
        for chunk, confirmed in loads:
            if confirmed != chunk.rows:
                raise DatabaseError(f"{chunk.table}: the server confirmed {confirmed:,} of {chunk.rows:,} rows")
            done += rows.get(chunk, 0)
            written += rows.get(chunk, 0)
            observe(SeedProgress(done, total, table=chunk.table))
    return written


def _load_together(engine: CanLoadCycles, dataset: Dataset, chunks: tuple[Chunk, ...]) -> Iterator[tuple[Chunk, int]]:
    later = dataset.plan.postponed
    engine.load_together(
        (dataset.table(chunk.table), first_batches(dataset, chunk, later.get(chunk.table, ())), chunk)
        for chunk in chunks
    )
    yield from ((chunk, chunk.rows) for chunk in chunks)


def _describe(manifest: Manifest) -> str:
    body = manifest.body
    rows = sum(body.get("rows", {}).values())
    return f"seed {body.get('seed')}, scale {body.get('scale'):g}, {rows:,} rows"


def _asked(manifest: Manifest, there: Manifest) -> str:
    """What is asked for, and where that sounds like what is there, in what it differs."""
    if _describe(manifest) != _describe(there):
        return _describe(manifest)
    return f"the same, but {'; '.join(differences(there, manifest)) or 'made of another manifest'}"
