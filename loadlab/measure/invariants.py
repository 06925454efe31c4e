"""Invariants: queries whose answer must be the same after the load, or a stated value."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from loadlab.engines.protocol import Engine
from loadlab.errors import DatabaseError, InputError
from loadlab.measure.integrity import IntegrityCheck
from loadlab.spec.native import native_statement
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Invariant
from loadlab.workload.plan import PLACE

Answers = Mapping[str, tuple[tuple[Any, ...], ...]]
"""By invariant, the rows that its query returned, in their order."""
_SHOWN = 3


def ask_invariants(engine: Engine, invariants: Mapping[str, Invariant], *, dialect: str, timeout_s: float) -> Answers:
    """What the queries answer now. `dialect` is that of a text for every engine.

    Raises InputError naming the invariant whose query the database refuses, DatabaseError when it is gone.
    """
    if not invariants:
        return {}
    session = engine.connect(timeout_s=timeout_s)
    try:
        return {
            name: _ask(session, _statement(name, item, engine.name, dialect), f"{PLACE}: workload.invariants.{name}")
            for name, item in invariants.items()
        }
    finally:
        session.close()


def _ask(session: Any, statement: Statement, place: str) -> tuple[tuple[Any, ...], ...]:
    try:
        handle = session.prepare(statement)
        return tuple(map(tuple, session.query(handle, session.encode_row(handle, {}))))
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise
        raise InputError(f"{place}.sql", f"is refused by the database: {error}") from None


def _statement(name: str, item: Invariant, engine: str, dialect: str) -> Statement:
    place = f"{PLACE}: workload.invariants.{name}.sql"
    statement = native_statement(item.sql, engine, dialect, place)
    if statement.names:
        raise InputError(place, f"has the parameter :{statement.names[0]}; an invariant takes none")
    return statement


def compare(invariants: Mapping[str, Invariant], before: Answers, after: Answers) -> tuple[IntegrityCheck, ...]:
    """One check an invariant."""
    return tuple(_compared(name, item, before[name], after[name]) for name, item in invariants.items())


def _compared(
    name: str, item: Invariant, before: tuple[tuple[Any, ...], ...], after: tuple[tuple[Any, ...], ...]
) -> IntegrityCheck:
    if item.equals is None:
        holds, wanted = before == after, f"{_shown(before)}, as before the load"
    else:
        holds = len(after) == 1 and len(after[0]) == 1 and _same(after[0][0], item.equals)
        wanted = str(item.equals)
    said = f"is {_shown(after)}" if holds else f"is {_shown(after)} and should be {wanted}"
    return IntegrityCheck(name, 1, 0 if holds else 1, said)


def _same(value: Any, wanted: str | int | float | bool) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    try:
        return Decimal(str(value)) == Decimal(str(wanted))
    except InvalidOperation:
        return str(value) == str(wanted)


def _shown(rows: tuple[tuple[Any, ...], ...]) -> str:
    shown = "; ".join(", ".join(map(str, row)) for row in rows[:_SHOWN])
    return f"{shown}; … ({len(rows):,} rows)" if len(rows) > _SHOWN else shown or "nothing"
