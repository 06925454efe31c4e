"""Looks at the plans of every statement of a load: for any values, for those it draws, and for the extreme ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

from loadlab.data.growth import dataset_of
from loadlab.engines.abilities import CanExplain, CanPlan, CanPlanValues
from loadlab.engines.protocol import Engine, Manifest, PlanEvidence, Session
from loadlab.errors import DatabaseError, LoadLabError, StatementTimeoutError
from loadlab.measure.plans.draws import Draw, draws, largest_values
from loadlab.measure.plans.explaining import ExplainingSession, Iteration, plain_statement
from loadlab.measure.plans.model import TYPICAL, PlanSample, StatementPlans
from loadlab.spec.parameters import Parameter
from loadlab.spec.scenario import Scenario
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation, Workload
from loadlab.workload.flow import FlowSession, Keys, StatementNames
from loadlab.workload.flow_source import Flow, load_flows
from loadlab.workload.keys import NewRows, stream
from loadlab.workload.plan import PLACE, step_statements
from loadlab.workload.transaction import Handles, transaction_parameters
from loadlab.workload.values import Cells, full_parameters

STATEMENT_LIMIT_S = 10.0
Observer = Callable[[str, int, int], None]
"""Told what is done now, how many parts are done, and of how many."""
_FLOW_ITERATIONS = 5


@dataclass(frozen=True, slots=True)
class Looks:
    """How to look. `execute`: run what is looked at, and undo it; only on data that LoadLab made.

    No look is begun after `limit_s`; a single one is cut off after `statement_limit_s`, or the operation's own limit.
    What was cut off once is not executed again: its other plans are the planner's guesses.
    """

    execute: bool = True
    limit_s: float = 120.0
    statement_limit_s: float = STATEMENT_LIMIT_S


def unobserved(text: str, done: int, total: int) -> None:
    """Nobody looks on."""


@dataclass(slots=True)
class _Seen:
    """What iterations of one operation showed, by statement."""

    samples: dict[Statement, list[PlanSample]] = field(default_factory=dict)
    counts: dict[Statement, list[int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, label: str, iteration: Iteration, *, is_executed: bool, is_whole: bool) -> None:
        for statement, plans in iteration.plans.items():
            found = self.samples.setdefault(statement, [])
            found += [PlanSample(label, plan, is_executed) for plan in plans]
        if is_whole:
            for statement, count in iteration.counts.items():
                self.counts.setdefault(statement, []).append(count)


def look_at_plans(
    engine: Engine,
    scenario: Scenario,
    workload: Workload,
    manifest: Manifest,
    statements: Mapping[str, Statement],
    *,
    access: Mapping[str, PlanEvidence] | None = None,
    looks: Looks | None = None,
    observe: Observer = unobserved,
) -> dict[str, StatementPlans] | None:
    """The plans by statement key, of a database that holds the manifest's data; None where the engine shows none.

    `access` are the plans that the engine has explained already.
    """
    if not isinstance(engine, CanPlan):
        return None
    looker = _Looker(engine, scenario, workload, manifest, statements, looks or Looks())
    seen, largest = looker.look(observe)
    return {
        key: StatementPlans(
            access=_access(engine, key, statement, access),
            generic=engine.plan(statement),
            samples=tuple(_of(seen, key, statement)),
            per_iteration=_per_iteration(seen, key, statement),
            largest=largest.get(key.partition("/")[0], {}),
            problem="; ".join(dict.fromkeys(seen[key.partition("/")[0]].problems)),
        )
        for key, statement in statements.items()
    }


def _access(
    engine: Engine, key: str, statement: Statement, known: Mapping[str, PlanEvidence] | None
) -> PlanEvidence | None:
    if known is not None and key in known:
        return known[key]
    return engine.explain(statement) if isinstance(engine, CanExplain) else None


def _of(seen: Mapping[str, _Seen], key: str, statement: Statement) -> Iterator[PlanSample]:
    yield from seen[key.partition("/")[0]].samples.get(plain_statement(statement), ())


def _per_iteration(seen: Mapping[str, _Seen], key: str, statement: Statement) -> float | None:
    counts = seen[key.partition("/")[0]].counts.get(plain_statement(statement))
    return float(median(counts)) if counts else None


class _Looker:
    def __init__(
        self,
        engine: Engine,
        scenario: Scenario,
        workload: Workload,
        manifest: Manifest,
        statements: Mapping[str, Statement],
        looks: Looks,
    ) -> None:
        self._engine, self._workload, self._manifest, self._statements = engine, workload, manifest, statements
        self._looks = looks
        self._cells: Cells = dataset_of(manifest)
        there = engine.manifest()
        start = there.new_rows if there is not None else 0
        self._new_rows = NewRows(self._cells.row_count, start=start, worker=0, workers=1)
        self._random = partial(stream, manifest.body.get("seed", 0), "plans")
        self._flows: Mapping[str, Flow] = load_flows(
            Path(scenario.folder / workload.flows), workload.operations, engine=engine.name, place=PLACE
        )

    def look(self, observe: Observer) -> tuple[dict[str, _Seen], dict[str, dict[str, float]]]:
        """What was seen, and the largest values of parameters, by operation."""
        seen = {name: _Seen() for name in self._workload.operations}
        largest = {name: largest_values(self._parameters(item)) for name, item in self._workload.operations.items()}
        with ExitStack() as stack:

            @cache
            def session_of(limit_s: float) -> Session:
                return stack.enter_context(closing(self._engine.connect(timeout_s=limit_s)))

            ends_s = time.monotonic() + self._looks.limit_s
            for done, (name, operation) in enumerate(self._workload.operations.items()):
                observe(f"Looking at the plans of {name}", done, len(self._workload.operations))
                session = session_of(min(self._looks.statement_limit_s, operation.timeout or self._workload.timeout))
                if isinstance(session, CanPlanValues):
                    explaining = ExplainingSession(session, execute=self._looks.execute)
                    self._look_at(name, operation, explaining, seen[name], ends_s)
                else:
                    seen[name].problems.append(f"{self._engine.version()} shows no plan for certain values")
        return seen, largest

    def _look_at(self, name: str, operation: Operation, session: ExplainingSession, seen: _Seen, ends_s: float) -> None:
        for label, run in self._iterations(name, operation, session):
            if time.monotonic() > ends_s:
                seen.problems.append(f"no look was begun after {self._looks.limit_s:g} s")
                return
            is_whole, was_executed = False, session.executes
            session.begin_iteration(operation.isolation)
            try:
                run()
                is_whole = True
            except StatementTimeoutError as error:
                seen.problems.append(_in_words(error))
                if operation.flow is not None or operation.transaction is not None:
                    # It goes on with what its statements gave it.
                    return
                session.executes = False
            except Exception as error:  # A flow is the user's code: whatever it raises ends this iteration alone.
                seen.problems.append(_in_words(error))
            finally:
                iteration = session.end_iteration()
                seen.add(label, iteration, is_executed=was_executed, is_whole=is_whole)

    def _iterations(
        self, name: str, operation: Operation, session: ExplainingSession
    ) -> Iterator[tuple[str, Callable[[], object]]]:
        if operation.flow is not None:
            yield from self._flow_iterations(name, session)
            return
        place = f"{PLACE}: workload.operations.{name}"
        several = operation.transaction is not None
        texts = (
            step_statements(operation, self._engine, self._manifest.schema, place)
            if several
            else [self._statements[name]]
        )
        texts = [plain_statement(text) if several else text for text in texts]
        params, joined = self._parameters(operation), " ".join(map(str, texts))
        handles, encoder = [session.prepare(text) for text in texts], Handles(session, texts, several=several)
        for draw in draws(
            params,
            self._cells,
            self._new_rows,
            self._random(name),
            schema=self._manifest.schema,
            text=joined,
            place=place,
        ):
            yield draw.label, partial(_execute, session, handles, _encoded(encoder, draw), several)

    def _flow_iterations(self, name: str, session: ExplainingSession) -> Iterator[tuple[str, Callable[[], object]]]:
        known = {key: text for key, text in self._statements.items() if key.startswith(f"{name}/")}
        names = StatementNames(name, {key: plain_statement(text) for key, text in known.items()})
        db = FlowSession(session, names, {}, engine=self._engine.name)
        keys = Keys(self._cells, self._new_rows, partial(self._random, name), lambda _: None)
        for _ in range(_FLOW_ITERATIONS):
            yield TYPICAL, partial(self._flows[name].function, db, keys)

    def _parameters(self, operation: Operation) -> dict[str, Parameter]:
        if operation.flow is not None:
            return {}
        if operation.transaction is not None:
            return transaction_parameters(operation, self._cells.table)
        return full_parameters(operation, self._cells.table)


def _encoded(encoder: Handles, draw: Draw) -> Any:
    return encoder.encode(draw.columns)[0] if draw.columns else encoder.encode_nothing()


def _execute(session: ExplainingSession, handles: list[tuple[Any, Statement]], values: Any, several: bool) -> None:
    if not several:
        session.look_only(handles[0], values)
        return
    for handle, one in zip(handles, values, strict=True):
        session.execute(handle, one)


def _in_words(error: Exception) -> str:
    if isinstance(error, (DatabaseError, LoadLabError)):
        return str(error)
    return f"{type(error).__name__}: {error}"
