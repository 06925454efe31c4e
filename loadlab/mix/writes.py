"""The writes that a schema is ready for: new rows, states and counters, soft deletes, parents with children."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.mix.facts import TableFacts
from loadlab.mix.reads import Candidate, full, short
from loadlab.schema.model import ForeignKey

_CHILDREN = 2


def writes(facts: Mapping[str, TableFacts]) -> Iterator[Candidate]:
    """Every write candidate of a schema, the hottest tables first."""
    for one in facts.values():
        yield from _inserts(one)
        yield from _updates(one)
        yield from _deletes(one)
        yield from _transactions(one, facts)


def _inserts(one: TableFacts) -> Iterator[Candidate]:
    if not one.table.primary_key and one.created is None:
        return  # Neither an entity nor an event: who would add rows to it while the system runs?
    # What is written all the time knows when it was written, or belongs to something.
    bonus = (2.0 if one.created else 1.0) * (1.5 if one.table.foreign_keys else 1.0)
    why = f"A new row of {one.key}, from beyond the data set."
    yield Candidate("insert", f"insert_{full(one.key)}", one, why, _new_row(one), bonus)


def _new_row(one: TableFacts, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An insert; what would refer to another new row of the table, which may not be there, stays NULL."""
    own = [column for key in one.table.foreign_keys if key.target == one.key for column in key.columns]
    params = {column: {"value": None} for column in own if one.is_nullable(column)} | dict(given or {})
    return {"insert": one.key, **({"params": params} if params else {})}


def _updates(one: TableFacts) -> Iterator[Candidate]:
    if not one.table.primary_key:
        return
    values: dict[str, Any] = {}
    state = one.state_column
    if state is not None and one.is_free(state):
        values[state] = {"choice": list(one.states(state))}
        name, why = f"change_{short(state)}_of_{full(one.key)}", f"A row of {one.key} enters another {state}"
    elif one.counters:
        counter = one.counters[0]
        values[counter] = {"add": 1}
        name, why = f"count_{short(counter)}_of_{full(one.key)}", f"A counter of {one.key} grows, on few hot rows"
    else:
        text = _free_text(one)
        if text is None:
            return
        values[text] = "drawn"
        name, why = f"edit_{short(text)}_of_{full(one.key)}", f"Somebody edits {text} of a row of {one.key}"
    if one.updated is not None:
        values[one.updated] = {"ago": "0s"}
    body = {"table": one.key, "set": values, "pick": one.pick}
    yield Candidate("update", name, one, f"{why}.", {"update": body})


def _free_text(one: TableFacts) -> str | None:
    texts = [column for column in one.table.stored_columns if column.type.kind == "text"]
    return next((column.name for column in texts if one.is_free(column.name)), None)


def _deletes(one: TableFacts) -> Iterator[Candidate]:
    if one.deleted is None or not one.table.primary_key:
        return
    why = f"A row of {one.key} is deleted softly: {one.deleted} is set, the row stays."
    yield Candidate("delete", f"delete_{full(one.key)}", one, why, {"delete": {"table": one.key, "soft": one.deleted}})


def _transactions(one: TableFacts, facts: Mapping[str, TableFacts]) -> Iterator[Candidate]:
    """A new row with new rows that belong to it: of the children those that a deletion of the row would take along."""
    if not one.table.primary_key or one.created is None:
        return
    for other in facts.values():
        key = next((key for key in other.table.foreign_keys if key.target == one.key), None)
        if key is None or other.key == one.key or other.is_nullable(*key.columns):
            continue
        bonus = 2.0 if key.on_delete == "CASCADE" else 1.0
        why = f"A new row of {one.key} with its {other.key}, all or nothing."
        yield Candidate(
            "transaction",
            f"add_{full(one.key)}_with_{short(other.key)}",
            one,
            why,
            {"transaction": [_new_row(one), *_new_children(one, other, key)]},
            # What is itself part of something greater is seldom where a transaction begins.
            bonus * other.heat / max(one.heat, 1.0) * (1.5 if one.table.foreign_keys else 1.0),
        )


def _new_children(one: TableFacts, other: TableFacts, key: ForeignKey) -> list[dict[str, Any]]:
    """Two, unless they could collide: a key over the parent and something else, which both may draw alike."""
    params = {column: f"{one.key}.{parent}" for column, parent in zip(key.columns, key.target_columns, strict=True)}
    unique = any(set(key.columns) & set(columns) for columns in other.table.unique_keys)
    return [_new_row(other, params) for _ in range(1 if unique else _CHILDREN)]
