"""One side: a filled database with its driver processes, which execute only while it is this side's turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from loadlab.compare.sides import SideChoice
from loadlab.conducted import reserved_plans, settle
from loadlab.engines.abilities import CanIdentifyStatements, CanWriteOut
from loadlab.engines.protocol import Engine, Evidence
from loadlab.errors import DatabaseError, LoadLabError
from loadlab.measure.evidence import counters_were_reset, subtract
from loadlab.measure.figures import OperationFigures, figures_of
from loadlab.measure.model import LoadMeasure
from loadlab.measure.together import together
from loadlab.pipeline import Ready
from loadlab.spec.scenario import Scenario
from loadlab.spec.workload import Operation, Workload
from loadlab.validate.comparison.figures import Round
from loadlab.workload.conduct import Conductor
from loadlab.workload.plan import operation_statements

CONTROL = "control"
_CONTROL_TEXT = "SELECT 1"
_CONTROL_SHARE = 0.1


class Ended(LoadLabError):
    """The load of a side came to an end before its time; the message says why."""


@dataclass(frozen=True, slots=True)
class FilledSide:
    """A side whose database is filled.

    `before` are its counters and sizes before the load, `plans` the steps of each operation's plans. `has_new_rows`:
    an earlier load may have inserted into it.
    """

    choice: SideChoice
    engine: Engine
    ready: Ready
    server: str
    before: Evidence
    plans: Mapping[str, Sequence[str]]
    has_new_rows: bool = False


class LoadedSide:
    """Its driver processes from `start` to the end of the `with`; `slice` and `round` are for one side at a time."""

    def __init__(self, side: FilledSide) -> None:
        self.side = side
        self._seen = side.before
        self._identities = _identities(side.engine, side.ready)
        self._conductor = Conductor(reserved_plans(side.engine, side.ready))
        self.lost: str | None = None
        """What could not be put in order after the load."""

    def start(self) -> None:
        """Start the processes; both sides may, each in a thread, as the engine is not asked. Raises LoadLabError."""
        self._conductor.__enter__()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                settle(self.side.engine, self._conductor)
        except DatabaseError as lost:
            # A server that is gone does not cost what was measured before.
            self.lost = str(lost)
        finally:
            self._conductor.close()

    def warm_up(self, seconds: float) -> None:
        """Let the users arrive, then have what was changed so far written. Raises LoadLabError."""
        self._conductor.warm_up(seconds)
        self._conductor.pause()
        if isinstance(self.side.engine, CanWriteOut):
            self.side.engine.write_out()
        self._seen = self.side.engine.snapshot()

    def slice(self, seconds: float) -> LoadMeasure:
        """This side's load for a moment. Raises `Ended` when it was cut short."""
        conductor = self._conductor
        conductor.start_over()
        conductor.measure(seconds)
        conductor.pause()
        if conductor.interrupted:
            raise Ended(conductor.failure or "interrupted")
        return conductor.measured()

    def round(self, slices: Sequence[LoadMeasure]) -> Round:
        """The slices of a pair as one round, with what the server counted since the last one."""
        whole = together(slices)
        # In turns as the sides are: 0 1 1 0 0 1 1 0 …
        halves = [
            [item for number, item in enumerate(slices) if (number % 4 in (1, 2)) is half] for half in (False, True)
        ]
        return Round(whole, together(halves[0]), together(halves[1]), self._counted(whole))

    @property
    def after(self) -> Evidence:
        """The last look at the server."""
        return self._seen

    def _counted(self, load: LoadMeasure) -> Mapping[str, OperationFigures]:
        before, self._seen = self._seen, self.side.engine.snapshot()
        if counters_were_reset(before, self._seen):
            return {}
        return figures_of(subtract(before, self._seen), load, self._identities).operations


def _identities(engine: Engine, ready: Ready) -> dict[str, str]:
    if not isinstance(engine, CanIdentifyStatements):
        return {}
    found = {name: engine.statement_id(statement) for name, statement in ready.statements.items()}
    return {name: identity for name, identity in found.items() if identity is not None}


def free_name(taken: Iterable[str]) -> str:
    """What a control operation can be called."""
    names = set(taken)
    return next(name for name in (CONTROL, *(f"{CONTROL}_{n}" for n in range(2, len(names) + 3))) if name not in names)


def with_control(ready: Ready, engine: Engine, name: str) -> Ready:
    """The load with an operation that no design can affect."""
    operations = ready.workload.operations
    weight = _CONTROL_SHARE * sum(item.weight for item in operations.values())
    more = {**operations, name: Operation(kind="simple", weight=weight, sql=_CONTROL_TEXT)}
    scenario = with_operations(ready.scenario, more)
    statements = operation_statements(scenario, engine, ready.dataset.manifest.schema)
    return replace(ready, scenario=scenario, workload=_changed(ready.workload, more), statements=statements)


def with_operations(scenario: Scenario, operations: Mapping[str, Operation]) -> Scenario:
    """The scenario with other operations."""
    workload = _changed(scenario.file.workload, operations)
    return replace(scenario, file=scenario.file.model_copy(update={"workload": workload}))


def _changed(workload: Workload, operations: Mapping[str, Operation]) -> Workload:
    return workload.model_copy(update={"operations": dict(operations)})
