"""What a driver process sets up before the load: dataset, values, connections with every operation prepared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from loadlab.engines import open_database
from loadlab.engines.abilities import CanCancel, CanConnectDirectly, DirectSession
from loadlab.engines.protocol import Engine, Session
from loadlab.errors import ConstraintError, DatabaseError, InputError
from loadlab.spec.parameters import Parameter
from loadlab.spec.statement import Statement
from loadlab.spec.workload import RATE_PARTS, Operation, Retry, Workload
from loadlab.workload.calibration import calibrate
from loadlab.workload.flow import FlowSession, Keys, Picks, StatementNames, Transaction
from loadlab.workload.flow_source import Flow, load_flows
from loadlab.workload.keys import NewRows, stream
from loadlab.workload.limits import Guard, Watch, connecting, limited
from loadlab.workload.loop import Call, Loop, Seat
from loadlab.workload.plan import PLACE, LoadPlan, step_statements
from loadlab.workload.retry import Pauses, Retrying, RetryingFlow, pauses
from loadlab.workload.schedule import Arrivals, Schedule, ThinkingUsers
from loadlab.workload.supply import Provisioner, Supply
from loadlab.workload.transaction import Handles, TransactionCall, transaction_parameters
from loadlab.workload.values import Columns, Parameters, full_parameters
from loadlab.workload.verification import Kept, verifier_of

if TYPE_CHECKING:
    from loadlab.workload.values import Cells

# Drawn once, then gone round in: primes, so that operations and think times do not come in step.
_CHOICES = 65_521
_THINK_TIMES = 65_519
_GAPS = 262_139
# Values of one operation that are made ahead. Where users do not think, nobody knows how many they will use.
_RING = (1_024, 50_000)
_EAGER_RATE_PER_S = 4_000.0


class Stage:
    """Opens everything, in the order in which it can fail most cheaply."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._operations = plan.workload.operations
        self._counts: list[dict[str, int]] = [{} for _ in range(plan.connections)]
        self._names: dict[str, StatementNames] = {}
        self._limits = dict(zip(self._operations, plan.workload.timeouts_s, strict=True))
        self._timeout_s = plan.workload.longest_timeout_s
        self._watch = Watch()

    def open(self, *, limit_s: float) -> None:
        """Raises InputError and DatabaseErrors of what stands in the way, TimeoutError after `limit_s`."""
        from loadlab.data.growth import dataset_of

        plan = self._plan
        self._engine: Engine = open_database(plan.database_url)
        self._cells: Cells = dataset_of(plan.manifest)
        self._flows = load_flows(Path(plan.flows_path), self._operations, engine=self._engine.name, place=PLACE)
        several = [name for name, item in self._operations.items() if item.flow or item.transaction]
        self._names = {name: StatementNames(name, _statements_of(name, plan.statements)) for name in several}
        self.new_rows = self._new_rows(plan.new_rows_start)
        self._verifier = verifier_of(plan, self._engine, self._cells)
        self._kept = [Kept() for _ in range(plan.connections)]
        self._provisioner = Provisioner(self._open_supplies)
        self._provisioner.start(limit_s=limit_s)
        self._keys = {name: self._make_keys(name) for name in self._flows}
        choose = choices(self._operations, self._random("choices"))
        self.calibration = calibrate(self._engine, choose, timeout_s=self._timeout_s)
        self._schedule = self._new_schedule()
        self.loop = Loop(
            self._open_hands,
            [supply.next for supply in self._provisioner.supplies],
            choose,
            self._schedule,
            connections=plan.connections,
            give_up_s=plan.workload.timeouts_s if plan.workload.is_open else None,
        )
        self.loop.start(limit_s=limit_s)

    def set_part_rate(self, part_rate_per_s: float) -> None:
        """What one Locust user of an open loop stands for from now on."""
        assert isinstance(self._schedule, Arrivals), "users of a closed loop have no rate"
        self.loop.reschedule(partial(self._schedule.set_part_rate, part_rate_per_s))

    @property
    def refills(self) -> int:
        return self._provisioner.refills

    def statement_counts(self) -> Mapping[str, int]:
        """Successful executions of flows' statements so far, by name."""
        total: dict[str, int] = {}
        for counts in self._counts:
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count
        return total

    def statement_texts(self) -> Mapping[str, str]:
        """The flows' statements by name, those made up at run time included."""
        return {key: str(text) for names in self._names.values() for key, text in names.known.items()}

    def _new_schedule(self) -> Schedule:
        plan, workload = self._plan, self._plan.workload
        if not workload.is_open:
            return ThinkingUsers(think_times_s(workload, self._random("think times")))
        return Arrivals(
            gaps(workload, self._random("arrivals")),
            workload.peak_level / RATE_PARTS,
            give_up_s=workload.timeout,
            # Workers whose arrivals are equally spaced take turns.
            offset=plan.worker / plan.workers,
        )

    def verify(self) -> Mapping[str, Mapping[str, Any]]:
        """What the checks beside the load found, by their kind; nothing is executed meanwhile."""
        return self._verifier.verify(self._kept, timeout_s=self._timeout_s)

    def _random(self, *parts: object) -> np.random.Generator:
        return stream(self._plan.seed, self._plan.worker, *parts)

    def _make_keys(self, name: str) -> Keys:
        return Keys(self._cells, self.new_rows, partial(self._random, "flow", name), self._provisioner.add)

    def _open_supplies(self) -> tuple[Sequence[Supply], Callable[[], None]]:
        session = self._engine.connect(timeout_s=self._timeout_s)
        sizes = ring_sizes(self._plan)
        supplies = [self._supply(session, name, item, sizes[name]) for name, item in self._operations.items()]
        return supplies, session.close

    def _supply(self, session: Session, name: str, operation: Operation, size: int) -> Supply:
        if operation.flow is not None:
            return _Same(None)
        handles = Handles(session, self._statements(name), several=operation.transaction is not None)
        if operation.transaction is None:
            params = full_parameters(operation, self._cells.table)
        else:
            params = transaction_parameters(operation, self._cells.table)
        if not params:
            return _Same(handles.encode_nothing())
        place = f"{PLACE}: workload.operations.{name}"
        drawn = Parameters(params, self._cells, self.new_rows, self._random("operation", name), place=place)
        if drawn.uses_new_rows:
            self._skip_used_rows(handles, params, place)

        def make(count: int) -> Sequence[Any]:
            values = handles.encode(drawn.draw(count))
            if name in self._verifier.reads:
                self._verifier.know(name, values, drawn.drawn[self._verifier.reads[name].table].tolist())
            return values

        return Supply(make, size, reusable=not drawn.uses_new_rows)

    def _statements(self, name: str) -> list[Statement]:
        """Of an operation that is no flow: one, or those of its transaction."""
        operation = self._operations[name]
        if operation.transaction is None:
            return [self._plan.statements[name]]
        place = f"{PLACE}: workload.operations.{name}"
        return step_statements(operation, self._engine, self._plan.manifest.schema, place)

    def _skip_used_rows(self, handles: Handles, params: Mapping[str, Parameter], place: str) -> None:
        """Try an insert out, rolled back, until it meets no row that an earlier run has left.

        Raises InputError for an insert that never succeeds: found here, before the load.
        """
        trial = _Trial(handles, place)
        random = self._random("trial", place)

        def is_free(start: int) -> bool:
            # Other values than the new row's own may collide too: those are drawn anew.
            return any(
                trial.succeeds(Parameters(params, self._cells, self._new_rows(start), random, place=place).draw(1))
                for _ in range(4)
            )

        try:
            self.new_rows.skip_used(is_free)
        except LookupError:
            raise InputError(place, f"cannot insert a new row: {trial.refusal}") from None

    def _new_rows(self, start: int) -> NewRows:
        plan = self._plan
        return NewRows(self._cells.row_count, start=start, worker=plan.worker, workers=plan.workers)

    def _open_hands(self, seat: Seat) -> _SessionHands:
        session = self._open_session()
        try:
            guard = self._guard(session)
            calls = [self._whole_call(session, seat, name, guard) for name in self._operations]
            if self._plan.workload.connection_mode == "direct":
                cast(DirectSession, session).shut()
        except BaseException:
            session.close()
            raise
        return _SessionHands(session, calls, lambda: self._watch.leave(guard) if guard is not None else None)

    def _open_session(self) -> Session:
        if self._plan.workload.connection_mode == "pool":
            return self._engine.connect(timeout_s=self._timeout_s)
        if not isinstance(self._engine, CanConnectDirectly):
            place = f"{PLACE}: workload.connection_mode"
            raise InputError(place, f"is not possible on {self._engine.name}; use pool", value="direct")
        return self._engine.connect_directly(timeout_s=self._timeout_s)

    def _guard(self, session: Session) -> Guard | None:
        """What keeps the limits that the server does not keep by itself, where there are any."""
        if isinstance(session, CanCancel):
            shortest_s = min(self._limits.values())
            return self._watch.guard(session, shortest_s) if shortest_s < session.enforced_s else None
        for name, limit_s in self._limits.items():
            if limit_s < self._timeout_s:
                place = f"{PLACE}: workload.operations.{name}.timeout"
                raise InputError(place, f"cannot be kept on {self._engine.name}; leave one for all: workload.timeout")
        return None

    def _whole_call(self, session: Session, seat: Seat, name: str, guard: Guard | None) -> Call:
        """An operation with everything that belongs to it: its own connection, its limit."""
        call = self._call(session, seat, name)
        if self._plan.workload.connection_mode == "direct":
            call = connecting(call, cast(DirectSession, session), seat.recorder.write_connect)
        limit_s = self._limits[name]
        if guard is not None and limit_s < cast(CanCancel, session).enforced_s:
            call = limited(call, guard, limit_s)
        return call

    def _call(self, session: Session, seat: Seat, name: str) -> Call:
        flow: Flow | None = self._flows.get(name)
        if flow is not None:
            return self._flow_call(session, seat, name, flow)
        operation = self._operations[name]
        if operation.transaction is not None:
            execute: Call = TransactionCall(
                session,
                self._statements(name),
                self._names[name],
                self._counts[seat.index],
                isolation=operation.isolation,
                kept=self._kept[seat.index],
                insertions=self._verifier.inserts,
            )
        else:
            execute = partial(session.execute, session.prepare(self._plan.statements[name]))
            if operation.isolation is not None:
                execute = partial(_in_transaction, session, operation.isolation, execute)
        if operation.retry is not None:
            execute = Retrying(execute, *self._retrying(name, operation.retry, seat))
        return self._verifier.watched(session, execute, name, self._kept[seat.index])

    def _flow_call(self, session: Session, seat: Seat, name: str, flow: Flow) -> Call:
        operation, keys = self._operations[name], self._keys[name]
        db = FlowSession(
            session,
            self._names[name],
            self._counts[seat.index],
            engine=self._engine.name,
            isolation=operation.isolation,
            kept=self._kept[seat.index],
            insertions=self._verifier.inserts,
        )
        if operation.retry is None:
            return partial(_run_flow, flow.function, db, keys)
        return RetryingFlow(flow.function, db, Picks(keys), *self._retrying(name, operation.retry, seat))

    def _retrying(self, name: str, policy: Retry, seat: Seat) -> tuple[int, Seat, Retry, Pauses]:
        number = list(self._operations).index(name)
        return number, seat, policy, pauses(policy, self._random("back-off", name, seat.index))


class _SessionHands:
    """A connection and what it can do."""

    def __init__(self, session: Session, calls: Sequence[Call], leave: Callable[[], None]) -> None:
        self.calls = calls
        self._session, self._leave = session, leave
        self.flush = session.flush_counters

    def close(self) -> None:
        self._leave()
        self._session.close()


class _Trial:
    """Executions that leave nothing behind."""

    def __init__(self, handles: Handles, place: str) -> None:
        self._handles, self._place = handles, place
        self.refusal = ""

    def succeeds(self, columns: Columns) -> bool:
        """Whether no constraint refuses it."""
        try:
            self._handles.try_out(self._handles.encode(columns)[0])
        except ConstraintError as error:
            self.refusal = str(error)
            return False
        except DatabaseError as error:
            raise type(error)(f"{self._place}: {error}", code=error.code) from None
        return True


class _Same(Supply):
    """The supply of an operation whose values never differ."""

    def __init__(self, value: Any) -> None:
        super().__init__(lambda count: [value], 1, reusable=True)

    def fill(self) -> None:
        self.next = repeat(self._make(1)[0]).__next__


def _run_flow(function: Callable[[Any, Any], object], db: FlowSession, keys: Keys, _: object) -> None:
    function(db, keys)


def _in_transaction(session: Session, isolation: str, execute: Call, values: Any) -> object:
    with Transaction(session, isolation):
        return execute(values)


def _statements_of(operation: str, statements: Mapping[str, Any]) -> dict[str, Any]:
    return {name: statement for name, statement in statements.items() if name.startswith(f"{operation}/")}


def choices(operations: Mapping[str, Operation], random: np.random.Generator) -> Callable[[], int]:
    """The next operation's number: shares exactly as the weights over each round, in random order."""
    weights = np.array([operation.weight for operation in operations.values()])
    bounds = np.rint(np.cumsum(weights) / weights.sum() * _CHOICES).astype(np.int64)
    numbers = np.searchsorted(bounds, np.arange(_CHOICES), side="right")
    return cycle(random.permutation(numbers).tolist()).__next__


def think_times_s(workload: Workload, random: np.random.Generator) -> Callable[[], float]:
    """The next think time (s): uniform between the workload's bounds."""
    low_s, high_s = workload.think_time_s
    if low_s == high_s:
        return repeat(low_s).__next__
    return cycle(random.uniform(low_s, high_s, _THINK_TIMES).tolist()).__next__


def gaps(workload: Workload, random: np.random.Generator) -> Iterator[float]:
    """Distances of arrivals, mean 1: exponential where they are independent of each other."""
    if workload.arrivals == "constant":
        return repeat(1.0)
    drawn = random.exponential(1.0, _GAPS)
    # The same rate however often they go round.
    return cycle((drawn / drawn.mean()).tolist())


def ring_sizes(plan: LoadPlan) -> dict[str, int]:
    """How many values of each operation are made ahead: what the run is expected to use, within bounds."""
    workload = plan.workload
    rate_per_s = plan.connections * _EAGER_RATE_PER_S
    if workload.asked_rate_per_s is not None:
        rate_per_s = min(rate_per_s, workload.asked_rate_per_s / plan.workers)
    seconds = workload.ramp + workload.warmup + workload.duration
    weights = {name: operation.weight for name, operation in workload.operations.items()}
    total = sum(weights.values())
    low, high = _RING
    return {
        name: max(low, min(high, round(1.2 * rate_per_s * seconds * weight / total)))
        for name, weight in weights.items()
    }
