"""What is other on B than on A: tables, columns, indexes, operations, plans. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loadlab.pipeline import Ready
from loadlab.schema.model import Column, Index, Schema, Table
from loadlab.spec.statement import Statement


@dataclass(frozen=True, slots=True)
class Differences:
    """Sentences without a full stop. `only_a` and `only_b` are operations that the other side does not have."""

    schema: tuple[str, ...]
    operations: tuple[str, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def differences(a: Ready, b: Ready) -> Differences:
    """Between two filled sides."""
    first, second = a.workload.operations, b.workload.operations
    return Differences(
        tuple(schema_differences(a.dataset.manifest.schema, b.dataset.manifest.schema)),
        tuple(_operation_differences(a, b)),
        tuple(name for name in first if name not in second),
        tuple(name for name in second if name not in first),
    )


def schema_differences(a: Schema, b: Schema) -> Iterator[str]:
    """Table by table."""
    for table in a:
        if not b.has(table.key):
            yield f"table {table.key} only on A"
    for table in b:
        if not a.has(table.key):
            yield f"table {table.key} only on B"
        else:
            yield from _table_differences(a.table(table.key), table)


def _table_differences(a: Table, b: Table) -> Iterator[str]:
    key = a.key
    first, second = ({column.name: _column(column) for column in table.columns} for table in (a, b))
    yield from (f"{key}.{name}: {words}" for name, words in _changes(first, second))
    if a.primary_key != b.primary_key:
        yield f"{key}: primary key ({', '.join(a.primary_key)}) on A, ({', '.join(b.primary_key)}) on B"
    indexes = [{index.name: _index(index) for index in table.indexes} for table in (a, b)]
    yield from (f"{key}: index {name}: {words}" for name, words in _changes(*indexes))
    # Of constraints it is what they say that counts: servers number the names of those that have none.
    for which, only, other in (("A", a, b), ("B", b, a)):
        said = set(_constraints(other))
        yield from (f"{key}: {words}, only on {which}" for words in _constraints(only) if words not in said)
    parts = [table.partitioning for table in (a, b)]
    if parts[0] != parts[1]:
        words = [f"{part.strategy} by {', '.join(part.keys)}" if part else "not partitioned" for part in parts]
        yield f"{key}: {words[0]} on A, {words[1]} on B"


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, words in a.items():
        if name not in b:
            yield name, f"{words}, only on A"
        elif b[name] != words:
            yield name, f"{words} on A, {b[name]} on B"
    for name, words in b.items():
        if name not in a:
            yield name, f"{words}, only on B"


def _column(column: Column) -> str:
    words = column.type.native or column.type.kind
    default = f" default {column.default}" if column.default is not None else ""
    return f"{words}{'' if column.nullable else ' not null'}{default}"


def _index(index: Index) -> str:
    where = f" where {index.predicate}" if index.predicate else ""
    include = f" include ({', '.join(index.include)})" if index.include else ""
    return f"{'unique ' if index.unique else ''}{index.method} ({', '.join(index.keys)}){include}{where}"


def _constraints(table: Table) -> list[str]:
    references = [
        f"foreign key ({', '.join(key.columns)}) to {key.target} ({', '.join(key.target_columns)})"
        f" on delete {key.on_delete.lower()} on update {key.on_update.lower()}"
        for key in table.foreign_keys
    ]
    return references + [f"CHECK ({check.expression})" for check in table.checks]


def _operation_differences(a: Ready, b: Ready) -> Iterator[str]:
    for name, operation in a.workload.operations.items():
        other = b.workload.operations.get(name)
        if other is None:
            continue
        if _statements(a, name) != _statements(b, name) or operation.flow != other.flow:
            yield f"{name}: another statement"
        if operation.weight != other.weight:
            yield f"{name}: weight {operation.weight:g} on A, {other.weight:g} on B"


def _statements(ready: Ready, name: str) -> list[Statement]:
    return [text for key, text in ready.statements.items() if key.partition("/")[0] == name]


def plan_outlines(ready: Ready, name: str) -> tuple[str, ...]:
    """The steps of an operation's plans, as far as they are known before the load; empty where they are not."""
    plans = [plan for key, plan in (ready.plans or {}).items() if key.partition("/")[0] == name]
    return tuple(step for plan in plans if plan.shape is not None for step in plan.shape.outline)
