"""Foreign keys that lead from a row to one of its own children: the current revision of an entry, a main address.

The child has the shared columns from the row, so the row cannot have them from the child. Which child it names is
settled when all tables are planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from loadlab.data.constraints.links import read_links
from loadlab.data.core.cells import arrow_type, to_arrow
from loadlab.data.core.clock import Clock
from loadlab.data.frame import Frame, TablePlan
from loadlab.data.relations.agreement import MOST_ROWS, Partners
from loadlab.data.relations.relation import Relation
from loadlab.errors import InputError
from loadlab.schema.model import Schema
from loadlab.spec.shapes import DataShape, TableShape


def require_beginnings(schema: Schema, shape: DataShape, cycles: Iterable[tuple[str, ...]]) -> None:
    """Raises InputError for columns that have their values from each other in a circle, so that no row has one."""
    origins: dict[tuple[str, str], tuple[str, str]] = {}
    for key in dict.fromkeys(key for cycle in cycles for key in cycle):
        for link in read_links(schema, schema.table(key), shape.tables.get(key, TableShape())).links:
            if link.target != key:
                origins |= {(key, name): (link.target, link.target_of(name)) for name in link.own}
    for start in origins:
        path = [start]
        while path[-1] in origins and origins[path[-1]] not in path:
            path.append(origins[path[-1]])
        if origins.get(path[-1]) == start:
            circle = ", which has it from ".join(".".join(column) for column in [*path[1:], start])
            raise InputError(
                ".".join(start),
                f"has its value from {circle}: no row could come first; drop one of these foreign keys, or make a"
                " column nullable that only one of them has",
            )


def with_children_named(plans: Mapping[str, TablePlan], clock: Clock) -> dict[str, TablePlan]:
    """The plans where each relation that returns chooses among the rows that have its row's values."""
    found = dict(plans)
    for key, plan in plans.items():
        if any(relation.returns for relation in plan.relations):
            relations = (_settled(found, key, relation, clock) for relation in plan.relations)
            found[key] = replace(plan, relations=tuple(relations))
    return found


def _settled(plans: Mapping[str, TablePlan], key: str, relation: Relation, clock: Clock) -> Relation:
    rows = plans[relation.target].rows
    if not relation.returns or not plans[key].rows:
        return relation
    pairs = zip(relation.columns, relation.target_columns, strict=True)
    shared = [pair for pair in pairs if pair[0] in relation.returns]
    mine = _values(plans, key, tuple(name for name, _ in shared), clock)
    theirs = _values(plans, relation.target, tuple(name for _, name in shared), clock)
    partners = Partners.of_values(mine, theirs)
    without = len(mine[0]) - len(partners.fitting())
    if relation.required and without:
        raise InputError(
            f"{key}.{relation.name}",
            f"must name a row of {relation.target} that belongs to it, and {without:,} of {len(mine[0]):,} rows have"
            f" none; let {relation.target} have at least as many rows as {key}",
        )
    itself = replace(relation, pattern="itself", parents=plans[key].rows, presence=None)
    return replace(relation, pattern="agreeing", parents=rows, first=itself, partners=partners)


def _values(plans: Mapping[str, TablePlan], key: str, columns: tuple[str, ...], clock: Clock) -> list[pa.Array]:
    plan = plans[key]
    if not plan.rows:
        return [pa.array([], arrow_type(plan.type_of(name))) for name in columns]
    frame = Frame(plan, np.arange(min(plan.rows, MOST_ROWS), dtype=np.int64), plans, clock)
    return [to_arrow(frame.cells(name), plan.type_of(name)) for name in columns]
