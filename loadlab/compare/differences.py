"""What is other on B than on A: tables, columns, indexes, operations, plans. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadlab.engines.abilities import CanPlan
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Engine
from loadlab.pipeline import Ready
from loadlab.schema.model import Column, Index, Schema, Table
from loadlab.validate.wording import counted


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
    """Table by table; what two kinds of database have by what it is, not by how each names and writes it."""
    of_table = _differences_of_one_kind if a.dialect == b.dialect else _differences_of_two_kinds
    for table in a:
        if not b.has(table.key):
            yield f"table {table.key} only on A"
    for table in b:
        if not a.has(table.key):
            yield f"table {table.key} only on B"
        else:
            yield from (f"{table.key}{words}" for words in of_table(a.table(table.key), table))


def _differences_of_one_kind(a: Table, b: Table) -> Iterator[str]:
    yield from _column_differences(a, b, _native)
    indexes = [{index.name: _index(index) for index in table.indexes} for table in (a, b)]
    yield from (f": index {name}: {words}" for name, words in _changes(*indexes))
    # Of constraints it is what they say that counts: servers number the names of those that have none.
    yield from _only_on_one([*_references(a), *_checks(a)], [*_references(b), *_checks(b)])
    yield from _partitioning_differences(a, b)


def _differences_of_two_kinds(a: Table, b: Table) -> Iterator[str]:
    """Without the texts of CHECKs, which every engine prints in its own way."""
    yield from _column_differences(a, b, _neutral)
    yield from _only_on_one(*([f"index {_index(index)}" for index in table.indexes] for table in (a, b)))
    yield from _only_on_one(_references(a), _references(b))
    if len(a.checks) != len(b.checks):
        yield f": {counted(len(a.checks), 'CHECK')} on A, {len(b.checks):,} on B"
    yield from _partitioning_differences(a, b)


def _column_differences(a: Table, b: Table, words: Callable[[Column], str]) -> Iterator[str]:
    first, second = ({column.name: words(column) for column in table.columns} for table in (a, b))
    yield from (f".{name}: {change}" for name, change in _changes(first, second))
    if a.primary_key != b.primary_key:
        yield f": primary key ({', '.join(a.primary_key)}) on A, ({', '.join(b.primary_key)}) on B"


def _only_on_one(a: Sequence[str], b: Sequence[str]) -> Iterator[str]:
    yield from (f": {words}, only on A" for words in a if words not in b)
    yield from (f": {words}, only on B" for words in b if words not in a)


def _partitioning_differences(a: Table, b: Table) -> Iterator[str]:
    parts = [table.partitioning for table in (a, b)]
    if parts[0] != parts[1]:
        words = [f"{part.strategy} by {', '.join(part.keys)}" if part else "not partitioned" for part in parts]
        yield f": {words[0]} on A, {words[1]} on B"


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, words in a.items():
        if name not in b:
            yield name, f"{words}, only on A"
        elif b[name] != words:
            yield name, f"{words} on A, {b[name]} on B"
    for name, words in b.items():
        if name not in a:
            yield name, f"{words}, only on B"


def _neutral(column: Column) -> str:
    return f"{column.type.kind}{'' if column.nullable else ' not null'}"


def _native(column: Column) -> str:
    words = column.type.native or column.type.kind
    default = f" default {column.default}" if column.default is not None else ""
    return f"{words}{'' if column.nullable else ' not null'}{default}"


def _index(index: Index) -> str:
    where = f" where {index.predicate}" if index.predicate else ""
    include = f" include ({', '.join(index.include)})" if index.include else ""
    return f"{'unique ' if index.unique else ''}{index.method} ({', '.join(index.keys)}){include}{where}"


def _references(table: Table) -> list[str]:
    return [
        f"foreign key ({', '.join(key.columns)}) to {key.target} ({', '.join(key.target_columns)})"
        f" on delete {key.on_delete.lower()} on update {key.on_update.lower()}"
        for key in table.foreign_keys
    ]


def _checks(table: Table) -> list[str]:
    return [f"CHECK ({check.expression})" for check in table.checks]


def _operation_differences(a: Ready, b: Ready) -> Iterator[str]:
    for name, operation in a.workload.operations.items():
        other = b.workload.operations.get(name)
        if other is None:
            continue
        if _statements(a, name) != _statements(b, name) or operation.flow != other.flow:
            yield f"{name}: another statement"
        if operation.weight != other.weight:
            yield f"{name}: weight {operation.weight:g} on A, {other.weight:g} on B"


def _statements(ready: Ready, name: str) -> list[str]:
    return [str(text) for key, text in ready.statements.items() if key.partition("/")[0] == name]


# -- plans -----------------------------------------------------------------------------------------------------------


def own_outlines(ready: Ready) -> dict[str, list[str]]:
    """By operation, the steps of its plans in the server's own words; without those that are not known."""
    found: dict[str, list[str]] = {}
    for key, plan in (ready.plans or {}).items():
        if plan.shape is not None:
            found.setdefault(key.partition("/")[0], []).extend(plan.shape.outline)
    return found


def common_outlines(ready: Ready, engine: Engine) -> dict[str, list[str]]:
    """By operation, the different ways its plans find rows, in words that all engines have in common."""
    found: dict[str, dict[str, None]] = {}
    if isinstance(engine, CanPlan):
        for key, statement in ready.statements.items():
            plan = engine.plan(statement)
            if plan is not None:
                found.setdefault(key.partition("/")[0], {}).update(dict.fromkeys(_read(plan)))
    return {name: list(steps) for name, steps in found.items()}


def _read(plan: Plan) -> Iterator[str]:
    for node in plan.scans():
        by = f" by {', '.join(node.indexes)}" if node.indexes else ""
        yield f"{node.kind} on {node.table}{by}"
