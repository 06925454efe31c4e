"""Who loads the chunks: threads and processes of this machine, or a Dask cluster's workers."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from loadlab.data.dataset import Dataset
from loadlab.data.growth import dataset_of
from loadlab.engines import open_database
from loadlab.engines.abilities import CanLoadCycles
from loadlab.engines.protocol import Chunk, Engine
from loadlab.errors import DatabaseError, InputError, MissingDependencyError

# What is generated at a time: `BATCH_ROWS`, or fewer where rows are wide, so that memory does not follow their width.
BATCH_ROWS = 32_768
_BATCH_BYTES = 16 * 1024**2
_SAMPLE_ROWS = 256
_CONNECT_LIMIT_S = 5
# Fewer are loaded by two threads before a process would have begun to pay for its start.
_PROCESSES_FROM_ROWS = 2_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """All that a worker is told: the database to load, whose ledger says with what.

    The address may hold a password, and what stands in `repr` may come to stand in a log.
    """

    url: str = field(repr=False)
    fingerprint: str

    def open(self) -> tuple[Engine, Dataset]:
        """Raises DatabaseError when the database holds another dataset here, or none, than where the job was made."""
        engine = open_database(self.url)
        manifest = engine.manifest()
        if manifest is None or manifest.fingerprint != self.fingerprint:
            raise DatabaseError(f"{engine.display_url} is another database for a worker than it is here")
        return engine, dataset_of(manifest)


def needs_second_pass(engine: Engine, dataset: Dataset) -> bool:
    """Whether columns that close a cycle are given their values when all rows are in.

    Not where we made the tables, whose foreign keys come last, and not where the engine can do without.
    """
    return not dataset.manifest.owns_tables and isinstance(engine, CanLoadCycles)


def load_chunk(engine: Engine, dataset: Dataset, chunk: Chunk) -> int:
    """Generate and load one chunk; the rows that the server confirmed."""
    table = dataset.table(chunk.table)
    if chunk.later and isinstance(engine, CanLoadCycles):
        columns = dataset.plan.postponed[chunk.table]
        batches = (batch.select([*table.primary_key, *columns]) for batch in _batches(dataset, chunk))
        return engine.fill_later(table, columns, batches, chunk)
    later = dataset.plan.postponed.get(chunk.table, ()) if needs_second_pass(engine, dataset) else ()
    return engine.load(dataset.stored_table(chunk.table), first_batches(dataset, chunk, later), chunk)


def first_batches(dataset: Dataset, chunk: Chunk, later: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
    """The rows of a chunk, NULL in the columns that come later."""
    for batch in _batches(dataset, chunk):
        for name in later:
            place = batch.schema.get_field_index(name)
            batch = batch.set_column(place, name, pa.nulls(batch.num_rows, batch.schema.field(place).type))
        yield batch


def _batches(dataset: Dataset, chunk: Chunk) -> Iterator[pa.RecordBatch]:
    rows = _batch_rows(dataset, chunk)
    for start in range(chunk.start, chunk.stop, rows):
        yield dataset.nesting.batch(chunk.table, start, min(start + rows, chunk.stop))


def _batch_rows(dataset: Dataset, chunk: Chunk) -> int:
    if chunk.rows <= _SAMPLE_ROWS:
        return _SAMPLE_ROWS
    row_bytes = dataset.nesting.batch(chunk.table, chunk.start, chunk.start + _SAMPLE_ROWS).nbytes / _SAMPLE_ROWS
    return int(min(BATCH_ROWS, max(_SAMPLE_ROWS, _BATCH_BYTES // max(row_bytes, 1))))


# What the seeder loads with ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hands:
    """An executor and the number of its workers; it gets no chunk more once `until` is done."""

    executor: Executor
    workers: int
    until: Future[None] | None = None

    def wants(self, running: int) -> bool:
        """Whether it gets another chunk: two for each worker, so that none waits for us while we load one ourselves."""
        return running < 2 * self.workers and (self.until is None or not self.until.done())


@dataclass(frozen=True, slots=True)
class Crew:
    """Who loads, and whether this thread loads beside them."""

    hands: Sequence[Hands]
    with_us: bool

    def load(
        self, chunks: tuple[Chunk, ...], job: Job, load_here: Callable[[Chunk], int]
    ) -> Iterator[tuple[Chunk, int]]:
        """Each chunk as it is done, with the rows that the server confirmed."""
        todo = deque(chunks)
        running: dict[Future[int], tuple[Chunk, Hands]] = {}
        try:
            while todo or running:
                for hands in self.hands:
                    while todo and hands.wants(sum(whose is hands for _, whose in running.values())):
                        chunk = todo.popleft()
                        running[hands.executor.submit(_load_in_worker, job, chunk)] = chunk, hands
                if todo and self.with_us:
                    chunk = todo.popleft()
                    yield chunk, load_here(chunk)
                    done = wait(running, timeout=0).done
                else:
                    done = wait(running, return_when=FIRST_COMPLETED).done
                for future in done:
                    yield running.pop(future)[0], future.result()
        finally:
            for future in running:
                future.cancel()


@contextmanager
def local_crew(workers: int, rows: int) -> Iterator[Crew]:
    """This thread and, to make `workers`, processes for many rows; another thread, at least until these are there.

    A thread begins at once and shares the interpreter's lock; a process imports for a second or two, and then makes
    rows as fast as this one does.
    """
    with ExitStack() as stack:
        processes: list[Hands] = []
        ready = None
        if rows >= _PROCESSES_FROM_ROWS:
            executor, ready = stack.enter_context(_processes(workers - 1))
            processes.append(Hands(executor, workers - 1))
        thread = Hands(stack.enter_context(_one_thread()), 1, until=ready)
        try:
            yield Crew((thread, *processes), with_us=True)
        except BrokenProcessPool:
            raise DatabaseError(
                "a loading process died; run the same command again to go on where it stopped"
            ) from None


@contextmanager
def _one_thread() -> Iterator[Executor]:
    executor = ThreadPoolExecutor(1, thread_name_prefix="seed")
    try:
        yield executor
    finally:
        # In the thread that opened it, as some drivers ask; what it is loading ends before.
        executor.submit(_close_here)
        executor.shutdown(wait=True)


@contextmanager
def _processes(count: int) -> Iterator[tuple[Executor, Future[None]]]:
    """The processes, and what is done when the first of them is ready."""
    # Spawned, not forked: drivers' connections and threads do not survive a fork. The URL travels through a pipe.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(count, mp_context=context, initializer=_begin)
    try:
        # The pool starts a process when there is something to do: nothing, which needs this module as loading does.
        ready = [executor.submit(_do_nothing) for _ in range(count)]
        yield executor, ready[0]
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def cluster_crew(address: str) -> Iterator[Crew]:
    """The workers of a Dask cluster. Raises InputError when no scheduler answers at the address, or it has no worker.

    They open the database by its URL themselves. It goes to them through the scheduler in pickled form, so it can be
    read by whoever can read the cluster's traffic (`tls://` encrypts that), and stands in no log, key or dashboard.
    """
    try:
        from distributed import Client as UntypedClient
        from distributed import KilledWorker
    except ImportError:
        raise MissingDependencyError("--cluster needs Dask: pip install 'loadlab[dask]'") from None
    try:
        connect: Callable[..., Any] = UntypedClient
        client = connect(address, timeout=_CONNECT_LIMIT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            "--cluster", f"is no address of a Dask scheduler that answers ({error})", value=address
        ) from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise InputError("--cluster", f"has no worker; start one: dask worker {address}", value=address)
        try:
            yield Crew([Hands(client.get_executor(pure=False, retries=2), threads)], with_us=False)
        except KilledWorker:
            raise DatabaseError(
                "workers of the cluster died again and again; run the same command again to go on where it stopped"
            ) from None


# In a worker ---------------------------------------------------------------------------------------------------------

_opened = threading.local()


def _load_in_worker(job: Job, chunk: Chunk) -> int:
    """A connection is one thread's; the last job's is kept for the next chunk."""
    if getattr(_opened, "job", None) != job:
        _opened.engine, _opened.dataset = job.open()
        _opened.job = job
    return load_chunk(_opened.engine, _opened.dataset, chunk)


def _close_here() -> None:
    """Close what this thread has opened."""
    if getattr(_opened, "job", None) is not None:
        _opened.engine.close()
        _opened.job = None


def _begin() -> None:
    # What the imports made stays for good: no collection has to look through it again.
    gc.freeze()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _do_nothing() -> None:
    """Keeps a process of the pool from starting late."""


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
