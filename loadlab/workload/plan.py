"""The load plan: everything a driver process needs, as a value that travels as JSON.

And the check that comes before it: each operation's statement for one kind of database, its parameters matched with
the schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from loadlab.engines.abilities import CanRenderInsert
from loadlab.engines.protocol import Engine, Manifest
from loadlab.errors import InputError
from loadlab.schema.model import Schema, Table
from loadlab.spec.native import native_statement
from loadlab.spec.operations import Action
from loadlab.spec.parameters import ChoiceParameter, ColumnParameter, Parameter, ValueParameter
from loadlab.spec.scenario import Scenario
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation, Workload
from loadlab.workload.flow_source import load_flows
from loadlab.workload.forms import form_statement
from loadlab.workload.transaction import transaction_parameters
from loadlab.workload.values import full_parameters, row_groups

PLACE = "scenario.yaml"
NEW_ROWS_RESERVED = 10_000_000
"""What inserts may have used of the rows beyond the dataset, should the load die without a word."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One driver process's share of the load.

    `database_url` may hold a secret: it stays out of `repr`, argv and logs. `statements` are for this kind of database,
    those of flows (`operation/1`) included. `connections` and `users` are this worker's; `new_rows_start` leaves out
    rows beyond the dataset that earlier runs on the same database have inserted.
    """

    database_url: str = field(repr=False)
    manifest: Manifest = field(repr=False)
    workload: Workload
    statements: Mapping[str, Statement]
    flows_path: str
    worker: int
    workers: int
    connections: int
    users: int
    seed: int
    new_rows_start: int = 0

    def to_json(self) -> str:
        """One line."""
        manifest = {
            "fingerprint": self.manifest.fingerprint,
            "body": dict(self.manifest.body),
            "schema": self.manifest.schema.to_json(),
            "owns_tables": self.manifest.owns_tables,
            "finished": self.manifest.finished,
            "new_rows": self.manifest.new_rows,
        }
        plain = {name: getattr(self, name) for name in _PLAIN}
        return json.dumps(
            plain
            | {
                "manifest": manifest,
                "workload": self.workload.model_dump(mode="json", exclude_defaults=True),
                "statements": {name: asdict(statement) for name, statement in self.statements.items()},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> LoadPlan:
        """The inverse of `to_json`."""
        data = json.loads(text)
        manifest: dict[str, Any] = data["manifest"]
        return cls(
            **{name: data[name] for name in _PLAIN},
            manifest=Manifest(**manifest | {"schema": Schema.from_json(manifest["schema"])}),
            workload=Workload.model_validate(data["workload"]),
            statements={
                name: Statement(tuple(item["fragments"]), tuple(item["parameters"]), item["dialect"])
                for name, item in data["statements"].items()
            },
        )


_PLAIN = (
    "database_url",
    "flows_path",
    "worker",
    "workers",
    "connections",
    "users",
    "seed",
    "new_rows_start",
)


def load_plans(
    engine: Engine,
    scenario: Scenario,
    workload: Workload,
    manifest: Manifest,
    statements: Mapping[str, Statement],
    *,
    seed: int | None = None,
    new_rows_start: int = 0,
    machines: int = 1,
    load_url: str | None = None,
) -> tuple[LoadPlan, ...]:
    """One plan a driver process: connections and users shared out, never more processes than connections.

    `workload` is the scenario's with the command line's changes; `seed` that of the dataset unless given. The
    workload's `workers` are those of each of the `machines`; plan k is for machine k modulo `machines`. `load_url` is
    the address that the load takes where that is another one than the engine's.
    """
    workers = min(workload.workers * machines, workload.connections)
    population = workload.population(workload.peak_level)
    return tuple(
        LoadPlan(
            load_url or engine.url,
            manifest,
            workload,
            statements,
            str(scenario.folder / workload.flows),
            worker,
            workers,
            share(workload.connections, worker, workers),
            share(population, worker, workers),
            manifest.body.get("seed", 0) if seed is None else seed,
            new_rows_start,
        )
        for worker in range(workers)
    )


def share(total: int, worker: int, workers: int) -> int:
    """A worker's part of `total`; the parts differ by one at most and add up."""
    return total // workers + (worker < total % workers)


def operation_statements(scenario: Scenario, engine: Engine, schema: Schema) -> dict[str, Statement]:
    """The statement of each operation for a kind of database.

    The distinct statements of a flow or a transaction are under `operation/1`, `operation/2`, ….

    Raises InputError, with the place in the scenario, for an operation that this kind of database cannot run and for
    parameters that do not match the schema; with file and line for `flows.py`.
    """
    operations = scenario.file.workload.operations
    if not operations:
        raise InputError(f"{PLACE}: workload.operations", "is empty: there is nothing to run")
    flows = load_flows(scenario.folder / scenario.file.workload.flows, operations, engine=engine.name, place=PLACE)
    result: dict[str, Statement] = {}
    for name, operation in operations.items():
        place = f"{PLACE}: workload.operations.{name}"
        if operation.flow is not None:
            result |= flows[name].statements
        elif operation.transaction is not None:
            texts = dict.fromkeys(step_statements(operation, engine, schema, place))
            result |= {f"{name}/{number}": text for number, text in enumerate(texts, start=1)}
            _check_groups(transaction_parameters(operation, schema.table), place)
        else:
            result[name] = action_statement(operation, engine, schema, place)
            _check_groups(full_parameters(operation, schema.table), place)
    return result


def step_statements(operation: Operation, engine: Engine, schema: Schema, place: str) -> list[Statement]:
    """The statement of each step of a transaction; two steps may have the same one. Raises InputError."""
    found = [
        action_statement(step, engine, schema, f"{place}.transaction.{number}")
        for number, step in enumerate(operation.steps)
    ]
    # As flows have them: drivers report statements by their text alone, which is in the engine's own words.
    return [replace(item, dialect=None) if item.dialect == engine.name else item for item in found]


def action_statement(action: Action, engine: Engine, schema: Schema, place: str) -> Statement:
    """The statement of an action that is neither a flow nor a transaction. Raises InputError."""
    if action.form is not None:
        return form_statement(action.form, engine, schema, place)
    table = _insert_table(action, schema, place)
    _check_parameters(action, table, schema, place)
    return _statement(action, engine, table, schema.dialect, place)


def _insert_table(operation: Action, schema: Schema, place: str) -> Table | None:
    if operation.insert is None:
        return None
    return _table(schema, operation.insert, f"{place}.insert")


def _table(schema: Schema, key: str, place: str, *, value: str | None = None) -> Table:
    try:
        return schema.table(key)
    except KeyError:
        known = ", ".join(table.key for table in schema)
        raise InputError(
            place, f"names the table {key}, which is not there; tables: {known}", value=value or key
        ) from None


def _statement(operation: Action, engine: Engine, table: Table | None, dialect: str, place: str) -> Statement:
    """A single text is in the words of the schema's DDL; a text for this engine is in its own."""
    if table is not None:
        if not isinstance(engine, CanRenderInsert):
            raise InputError(f"{place}.insert", f"is not possible on {engine.name}; write it as sql", value=table.key)
        return engine.insert_statement(table)
    texts = operation.sql
    assert texts is not None
    return native_statement(texts, engine.name, dialect, f"{place}.sql")


def _check_parameters(operation: Action, table: Table | None, schema: Schema, place: str) -> None:
    for name, item in operation.params.items():
        where = f"{place}.params.{name}"
        if table is not None and name not in {column.name for column in table.stored_columns}:
            raise InputError(where, f"is not a column that an insert into {table.key} fills")
        if isinstance(item, ColumnParameter):
            _check_column(item, schema, where)
        elif isinstance(item, ChoiceParameter):
            _check_one_type(item.choice, where)
        elif isinstance(item, ValueParameter) and isinstance(item.value, list):
            _check_one_type(item.value, where)


def _check_groups(params: Mapping[str, Parameter], place: str) -> None:
    try:
        row_groups(params)
    except InputError as error:
        raise InputError(f"{place}.params.{error.place}", error.remedy, value=error.value) from None


def _check_column(item: ColumnParameter, schema: Schema, where: str) -> None:
    table = _table(schema, item.table, where, value=item.column)
    if item.column_name not in table.column_names:
        raise InputError(
            where, f"names the column {item.column_name}, which {table.key} does not have", value=item.column
        )
    if item.column_name not in {column.name for column in table.stored_columns}:
        raise InputError(where, f"names the column {item.column_name}, which the server computes", value=item.column)


def _check_one_type(values: Sequence[object], where: str) -> None:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and kinds != {int, float}:
        raise InputError(where, f"mixes {' and '.join(sorted(kind.__name__ for kind in kinds))}; use one type")
