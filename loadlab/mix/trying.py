"""Operations tried on a filled database before anybody relies on them: every execution is rolled back.

What a schema says of its tables does not tell everything: a trigger forbids an update, a CHECK that nobody understood
refuses a state, a key has no room for new rows. Such an operation is left out, with what the database said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from loadlab.data.growth import dataset_of
from loadlab.engines.protocol import Engine, Manifest, Session
from loadlab.errors import ConnectionLostError, LoadLabError
from loadlab.mix.derive import Derived, derive
from loadlab.spec.scenario import Scenario
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation
from loadlab.workload.keys import NewRows, stream
from loadlab.workload.plan import PLACE, action_statement, operation_statements, step_statements
from loadlab.workload.transaction import Handles, transaction_parameters
from loadlab.workload.values import Cells, Parameters, full_parameters

_EXECUTIONS = 24
_FAR = 100_000
"""New rows as far behind the first ones are tried as well: a key's room may end."""
_LIMIT_S = 2.0
_TIMEOUT_S = 10.0
_ROUNDS = 8


def derived_mix(
    scenario: Scenario, engine: Engine, manifest: Manifest, *, empty: Iterable[str] = ()
) -> tuple[tuple[Derived, ...], dict[str, str]]:
    """The mix of a filled database's schema, and what was left out: by name, what the database said.

    Raises InputError when nothing can be derived.
    """
    schema = manifest.schema
    cells = dataset_of(manifest)
    nothing = {table.key for table in schema if not cells.row_count(table.key)} | set(empty)
    refused: dict[str, str] = {}
    tried: set[str] = set()
    found: tuple[Derived, ...] = ()
    for _ in range(_ROUNDS):
        found = derive(
            schema,
            engine,
            rows=lambda key: scenario.full_rows(key) or scenario.default_rows or cells.row_count(key),
            brief=scenario.brief,
            left_out=refused,
            empty=sorted(nothing),
        )
        fresh = {item.name: item.operation() for item in found if item.name not in tried}
        if not fresh:
            return found, refused
        tried |= fresh.keys()
        refused |= refusals(engine, manifest, fresh)
    return tuple(item for item in found if item.name not in refused), refused


def refusals(engine: Engine, manifest: Manifest, operations: Mapping[str, Operation]) -> dict[str, str]:
    """By name, what is wrong with the operations that cannot be executed; nothing stays in the database."""
    cells = dataset_of(manifest)
    result: dict[str, str] = {}
    session = engine.connect(timeout_s=_TIMEOUT_S)
    try:
        for name, operation in operations.items():
            try:
                _try(name, operation, _statements(name, operation, engine, manifest), session, cells, manifest.new_rows)
            except ConnectionLostError:
                raise
            except LoadLabError as error:
                result[name] = str(error).removeprefix(f"{PLACE}: ")
    finally:
        session.close()
    return result


def _statements(name: str, operation: Operation, engine: Engine, manifest: Manifest) -> list[Statement]:
    if operation.transaction is not None:
        return step_statements(operation, engine, manifest.schema, name)
    return [action_statement(operation, engine, manifest.schema, name)]


def _try(
    name: str, operation: Operation, statements: list[Statement], session: Session, cells: Cells, start: int
) -> None:
    handles = Handles(session, statements, several=operation.transaction is not None)
    parameters = full_parameters if operation.transaction is None else transaction_parameters
    params = parameters(operation, cells.table)
    if not params:
        return handles.try_out(handles.encode_nothing())
    until_s = time.monotonic() + _LIMIT_S
    for begin in (start, start + _FAR):
        new_rows = NewRows(cells.row_count, start=begin, worker=0, workers=1)
        drawn = Parameters(params, cells, new_rows, stream(0, "trial", name, begin), place=name)
        for values in handles.encode(drawn.draw(_EXECUTIONS)):
            handles.try_out(values)
            if time.monotonic() > until_s:
                return None
        if not drawn.uses_new_rows:
            return None
    return None


def with_derived_mix(
    scenario: Scenario, engine: Engine, *, empty: Iterable[str], tell: Callable[[str], None]
) -> tuple[Scenario, dict[str, Statement]]:
    """A scenario without operations with those that follow from the schema of the filled database; their statements.

    Raises InputError when nothing can be derived.
    """
    manifest = engine.manifest()
    assert manifest is not None, "the database has been filled"
    found, refused = derived_mix(scenario, engine, manifest, empty=empty)
    tell(f"The scenario states no operations: {len(found)} are derived from the schema, as loadlab init writes them")
    for name, reason in refused.items():
        tell(f"Left out: {name}: {reason}")
    operations = {item.name: item.operation() for item in found}
    workload = scenario.file.workload.model_copy(update={"operations": operations})
    made = replace(scenario, file=scenario.file.model_copy(update={"workload": workload}))
    return made, operation_statements(made, engine, manifest.schema)
