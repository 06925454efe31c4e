"""What is laid over a finished plan: columns that follow from other tables' rows, and rows that were written by hand.

Both need every table's plan, so they come last; where neither is asked for nor unmistakable, nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from loadlab.data.core.clock import Clock
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, Generator, TablePlan
from loadlab.data.overlay.aggregate_checks import check_aggregates
from loadlab.data.overlay.aggregates import Aggregate, Balance
from loadlab.data.overlay.examples import TableExamples, read_examples
from loadlab.data.overlay.suggestions import generator_of, stated_aggregate, suggest_aggregates
from loadlab.data.volumes import DataRequest
from loadlab.errors import InputError
from loadlab.schema.model import Schema, Table

_NOT_BELOW_ZERO = re.compile(r">=?\s*\(?'?0(\.0+)?'?\)?(::\w+(\s*\(\d+(,\s*\d+)?\))?)?")


def overlay(
    schema: Schema, request: DataRequest, plans: Mapping[str, TablePlan], clock: Clock
) -> tuple[dict[str, TablePlan], tuple[str, ...]]:
    """The plans with aggregates and examples in them; notes on aggregates that cannot be had.

    Raises InputError, InfeasibleError naming the scenario's key."""
    laid = dict(plans)
    notes = _lay_aggregates(schema, request, laid)
    _lay_examples(schema, request, laid)
    if laid != dict(plans):

        def frame(table: str, rows: Int64s) -> Frame:
            return Frame(laid[table], np.asarray(rows, dtype=np.int64), laid, clock)

        check_aggregates(laid, frame, request.place)
    return laid, notes


# -- aggregates ------------------------------------------------------------------------------------------------------


def _lay_aggregates(schema: Schema, request: DataRequest, plans: dict[str, TablePlan]) -> tuple[str, ...]:
    suggested, notes = suggest_aggregates(schema), []
    # Alike by their names, over children that are no parts: told, not followed.
    alike = {k: w for k, w in suggest_aggregates(schema, lambda *_: True).items() if isinstance(w, Aggregate)}
    for key, plan in list(plans.items()):
        shapes = request.shape.tables[key].columns if key in request.shape.tables else {}
        nested = next((r.name for r in plan.relations if r.pattern == "nested"), None)
        made: dict[str, Generator] = {}
        for column in plan.table.stored_columns:
            shape = shapes.get(column.name)
            stated = stated_aggregate(shape) if shape is not None else None
            if stated is not None and plan.rows:
                place = f"{request.place}: data.tables.{key}.columns.{column.name}.{stated[0]}"
                made[column.name] = generator_of(schema, plan.table, column, stated[1], nested, place)
                continue
            wish = suggested.get((key, column.name)) or alike.get((key, column.name))
            if wish is None or shape is not None or not plan.rows or column.name not in plan.columns:
                continue
            reason = _obstacle(plans, plan, column.name, wish)
            # Nobody asked for it: what cannot be computed here stays as it is.
            if not reason:
                try:
                    made[column.name] = generator_of(schema, plan.table, column, wish, nested, f"{key}.{column.name}")
                except InputError as error:
                    reason = error.remedy
            if reason:
                notes.append(f"{key}.{column.name}: looks like {_words(wish)}, but is not made to agree: {reason}")
        if made:
            plans[key] = _with(plan, made)
    return tuple(notes)


def _words(wish: Aggregate | Balance) -> str:
    if isinstance(wish, Balance):
        return f"the balance of {wish.value}"
    what = {"count": "the number", "sum": "the sum", "min": "the smallest", "max": "the largest"}[wish.kind]
    return f"{what} of {wish.table}" if wish.kind == "count" else f"{what} of {wish.table}.{wish.value}"


def _obstacle(plans: Mapping[str, TablePlan], plan: TablePlan, column: str, wish: Aggregate | Balance) -> str:
    """Why a suggestion is not followed, "" where it is: over neighbours, with no CHECK that it could break."""
    if not _checks_allow(plan.table, column):
        return "a CHECK or a unique key speaks of it"
    if isinstance(wish, Balance):
        is_nested = any(r.pattern == "nested" and r.name == wish.via for r in plan.relations)
        return "" if is_nested else f"give {plan.table.key}.{wish.via} the pattern nested"
    relations = [r for r in plans[wish.table].relations if r.target == plan.table.key]
    if len(relations) == 1 and relations[0].pattern == "nested" and not relations[0].future:
        return ""
    key = {"count": "count_of", "sum": "sum_of", "min": "min_of", "max": "max_of"}[wish.kind]
    return f"its {wish.table} do not lie side by side; {key} in a scenario asks for it"


def _checks_allow(table: Table, column: str) -> bool:
    """CHECKs may ask that the column is not below 0, or that another column is computed from it; nothing else."""
    for check in table.checks:
        if not re.search(rf"\b{re.escape(column)}\b", check.expression):
            continue
        rest = _NOT_BELOW_ZERO.sub("", check.expression) if ">=" in check.expression else check.expression
        if re.search(r"[<>~]|\bANY\b|\bIN\b|\bOR\b", rest, re.IGNORECASE):
            return False
        if re.search(rf"\b{re.escape(column)}\b\"?\)?\s*=", check.expression):
            return False
    return not any(column in key for key in table.unique_keys)


# -- examples --------------------------------------------------------------------------------------------------------


def _lay_examples(schema: Schema, request: DataRequest, plans: dict[str, TablePlan]) -> None:
    written = {key: shape.examples for key, shape in request.shape.tables.items() if shape.examples}
    if not written:
        return
    counts = {key: plan.rows for key, plan in plans.items()}
    tables = {table.key: table for table in schema}
    for key, examples in read_examples(tables, written, counts, request.place).items():
        plan = plans[key]
        for relation in plan.relations:
            examples.check_pattern(relation.name, relation.pattern)
        made = {
            column.name: _with_example(plan.table, examples, column.name, plan.columns[column.name])
            for column in plan.table.stored_columns
            if column.name in plan.columns
        }
        plans[key] = _with(plan, made)


def _with_example(table: Table, examples: TableExamples, name: str, inner: Generator) -> Generator:
    key = next(
        (key for key in table.foreign_keys if name in key.columns and ",".join(key.columns) in examples.parents), None
    )
    if key is not None:
        return examples.wrapped_key(key, name, inner)
    folds = [index for index in table.indexes if index.unique and index.has_expressions and _only(index.keys, name)]
    alone = (name,) in table.unique_keys or any(i.unique and i.keys == (name,) for i in table.indexes)
    return examples.wrapped(table.column(name), inner, distinct=alone or bool(folds), fold=bool(folds))


def _only(keys: tuple[str, ...], name: str) -> bool:
    """Whether an expression index is over the lower case of one column."""
    return (
        len(keys) == 1
        and re.fullmatch(rf"\s*lower\s*\(+\s*\"?{re.escape(name)}\"?\s*\)?(::\w+)?\s*\)+\s*", keys[0]) is not None
    )


def _with(plan: TablePlan, made: Mapping[str, Generator]) -> TablePlan:
    return replace(plan, columns={**plan.columns, **made})
