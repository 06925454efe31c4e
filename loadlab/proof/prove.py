"""From a suggested index to what it gains, costs and takes, by measurement."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from loadlab.conducted import conducted
from loadlab.engines.abilities import CanTune
from loadlab.engines.plan_tree import NewIndex
from loadlab.engines.protocol import Engine
from loadlab.errors import DatabaseError, InputError, LoadLabError
from loadlab.measure.model import Interval, LoadMeasure
from loadlab.measure.proof import IndexProof, PairedRatio, paired_ratio
from loadlab.measure.window import Show
from loadlab.pipeline import Ready
from loadlab.schema.model import Schema, Table
from loadlab.workload.conduct import Conductor
from loadlab.workload.readable import written_tables

PAIRS_MIN = 5
PAIRS = 6
"""With six pairs the interval's confidence is 96.9 %, with five 93.8 %."""


@dataclass(frozen=True, slots=True)
class ProofPlan:
    """How to measure: so many pairs of windows of `window_s`, each after `warmup_s`."""

    pairs: int = PAIRS
    window_s: float = 3.0
    warmup_s: float = 1.0

    def __post_init__(self) -> None:
        if self.pairs < PAIRS_MIN:
            raise InputError(
                "pairs", f"must be at least {PAIRS_MIN} for an interval to mean anything", value=self.pairs
            )


@dataclass(slots=True)
class _Halves:
    """Measures by pair, without and with the index."""

    without: list[LoadMeasure] = field(default_factory=list)
    with_index: list[LoadMeasure] = field(default_factory=list)


def prove_index(
    engine: Engine,
    ready: Ready,
    index: NewIndex,
    operations: Sequence[str],
    show: Show,
    plan: ProofPlan | None = None,
) -> IndexProof:
    """Build the index, load with and without it in turns (A B, B A, A B, …), drop it again.

    `operations` are those that it is for. Raises InputError for a database that LoadLab did not fill, a table or an
    operation that is not there and an index that is; LoadLabError when load or server break down, with the index gone.
    """
    plan = plan or ProofPlan()
    schema, table = _check(engine, ready, index, operations)
    assert isinstance(engine, CanTune)
    halves = _Halves()
    build_s: list[float] = []
    index_bytes = 0
    create = engine.tuning().create_index(table, index, online=False)
    with conducted(engine, ready) as conductor, _dropped_at_the_end(engine, table, index) as built:
        for pair in range(plan.pairs):
            # Whatever drifts (caches, other work on the machine) favours each half as often as the other.
            for is_with in (False, True) if pair % 2 == 0 else (True, False):
                if is_with and not built.is_there:
                    began_s = time.monotonic()
                    built.make(create)
                    build_s.append(time.monotonic() - began_s)
                elif not is_with and built.is_there:
                    built.drop()
                words = f"Pair {pair + 1} of {plan.pairs}, {'with' if is_with else 'without'} {index.name}"
                measure = _window(conductor, plan, words, show)
                (halves.with_index if is_with else halves.without).append(measure)
                if is_with:
                    index_bytes = _index_bytes(engine, table, index) or index_bytes
    size = engine.snapshot().tables.get(table.key)
    return IndexProof(
        index,
        plan.pairs,
        _ratios(halves, operations),
        _ratios(halves, [name for name in _writers(engine, ready, schema, table) if name not in operations]),
        index_bytes,
        (size.size_bytes or 0) if size else 0,
        min(build_s),
    )


def _check(engine: Engine, ready: Ready, index: NewIndex, operations: Sequence[str]) -> tuple[Schema, Table]:
    manifest, schema = engine.manifest(), engine.reflect()
    if manifest is None or not manifest.owns_tables:
        raise InputError(
            "--prove", f"builds indexes, and is for databases that LoadLab made; {engine.display_url} is not"
        )
    if not isinstance(engine, CanTune):
        raise InputError("--prove", f"is not possible with {engine.version()}: it cannot write an index")
    if not schema.has(index.table):
        raise InputError("--prove", "names a table that is not there", value=index.table)
    table = schema.table(index.table)
    if index.name in {item.name for each in schema for item in each.indexes}:
        raise InputError("--prove", "names an index that is there already; drop it first", value=index.name)
    for name in operations:
        if name not in ready.workload.operations:
            raise InputError("--prove", "names an operation that the scenario does not have", value=name)
    return schema, table


@dataclass(slots=True)
class _Built:
    """The index while it comes and goes."""

    engine: CanTune
    table: Table
    index: NewIndex
    is_there: bool = False

    def make(self, create: str) -> None:
        self.is_there = True
        self.engine.tune(create)

    def drop(self) -> None:
        self.engine.tune(self.engine.tuning().drop_index(self.table, self.index.name, online=False))
        self.is_there = False

    def drop_if_there(self) -> None:
        if self.is_there:
            self.drop()


@contextmanager
def _dropped_at_the_end(engine: CanTune, table: Table, index: NewIndex) -> Iterator[_Built]:
    built = _Built(engine, table, index)
    try:
        yield built
    except BaseException:
        # An index that could not be built is not there to be dropped either: what came first is what is to be told.
        with suppress(DatabaseError):
            built.drop_if_there()
        raise
    built.drop_if_there()


def _window(conductor: Conductor, plan: ProofPlan, words: str, show: Show) -> LoadMeasure:
    def observe(interval: Interval) -> None:
        show.load(words, interval.start_s + interval.duration_s, plan.window_s, interval)

    conductor.start_over()
    conductor.warm_up(plan.warmup_s)
    conductor.pause()
    conductor.measure(plan.window_s, observe)
    conductor.pause()
    if conductor.interrupted:
        raise LoadLabError(conductor.failure or "interrupted; the index is dropped again")
    return conductor.measured()


def _index_bytes(engine: Engine, table: Table, index: NewIndex) -> int | None:
    name = f"{table.namespace}.{index.name}" if table.namespace else index.name
    found = engine.snapshot().indexes.get(name)
    return found.size_bytes if found else None


def _writers(engine: Engine, ready: Ready, schema: Schema, table: Table) -> list[str]:
    """Operations one of whose statements changes the table's rows."""
    named = {
        key.partition("/")[0]
        for key, statement in ready.statements.items()
        if table.key in written_tables(statement, schema, engine)
    }
    return [name for name in ready.workload.operations if name in named]


def _ratios(halves: _Halves, operations: Sequence[str]) -> tuple[PairedRatio, ...]:
    found: list[PairedRatio] = []
    for name in operations:
        before, after = _medians_us(halves.without, name), _medians_us(halves.with_index, name)
        both = [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
        counts = _counts(halves, name)
        ratio = paired_ratio(name, [a for a, _ in both], [b for _, b in both], counts)
        if ratio is not None:
            found.append(ratio)
    return tuple(found)


def _medians_us(measures: Sequence[LoadMeasure], name: str) -> list[float | None]:
    by_name: list[Mapping[str, float]] = [
        {item.name: item.service.percentile_us(50) for item in measure.operations if item.count} for measure in measures
    ]
    return [medians.get(name) for medians in by_name]


def _counts(halves: _Halves, name: str) -> int:
    measures = (*halves.without, *halves.with_index)
    return sum(item.count for measure in measures for item in measure.operations if item.name == name)
