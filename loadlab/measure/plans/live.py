"""Plans of statements on a database whose data is not ours: nothing is executed.

Which column a parameter is compared with is read from the plan for any values, and its values from the planner's own
statistics of that column: a usual one, the most frequent and a rare one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing

from loadlab.engines.abilities import CanExplain, CanPlan, CanPlanValues
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Engine, Session
from loadlab.errors import DatabaseError, InputError
from loadlab.measure.plans.look import STATEMENT_LIMIT_S
from loadlab.measure.plans.model import TYPICAL, PlanSample, StatementPlans
from loadlab.schema.statistics import ColumnStatistics, DatabaseStatistics
from loadlab.spec.statement import Statement

_PAGE = re.compile(r"\b(?P<word>limit|offset)\s+:(?P<name>\w+)", re.IGNORECASE)
# What stands in quotes is passed over: SQL doubles a quote, a command as JSON has a backslash before it.
_NUMBERED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<number>\d+)""")
_NUMBERED_IN_JSON = re.compile(r""""(?:[^"\\]|\\.)*"|\$(?P<number>\d+)""", re.DOTALL)
_PAGE_VALUES = {"limit": 20, "offset": 0}


def look_at_live_plans(
    engine: Engine, statements: Mapping[str, Statement], statistics: DatabaseStatistics | None
) -> dict[str, StatementPlans] | None:
    """The plans by statement key; None where the engine shows none."""
    if not isinstance(engine, CanPlan):
        return None
    result: dict[str, StatementPlans] = {}
    with closing(engine.connect(timeout_s=STATEMENT_LIMIT_S)) as session:
        for key, given in statements.items():
            statement = with_parameters(given)
            try:
                generic = engine.plan(statement)
                access = engine.explain(statement) if isinstance(engine, CanExplain) else None
            except (DatabaseError, InputError) as error:
                # Its tables may be gone, or the server's short form of it be no statement any more.
                result[key] = StatementPlans(problem=str(error))
                continue
            samples, problem = _samples(session, statement, generic, statistics)
            result[key] = StatementPlans(access, generic, samples, problem=problem)
    return result


def with_parameters(statement: Statement) -> Statement:
    """A text as a server recorded it, with $1, $2, … for its values, as one with parameters named by their numbers."""
    if statement.parameters:
        return statement
    fragments, names, start, (text,) = [], [], 0, statement.fragments
    for match in (_NUMBERED_IN_JSON if statement.is_command else _NUMBERED).finditer(text):
        if match["number"]:
            fragments.append(text[start : match.start()])
            names.append(f"p{match['number']}")
            start = match.end()
    return Statement((*fragments, text[start:]), tuple(names), statement.dialect)


def _samples(
    session: Session, statement: Statement, generic: Plan | None, statistics: DatabaseStatistics | None
) -> tuple[tuple[PlanSample, ...], str]:
    if generic is None or statistics is None or not isinstance(session, CanPlanValues):
        return (), "there are no statistics to take values from"
    found: list[PlanSample] = []
    try:
        handle = session.prepare(statement)
        for label, values in _values(statement, generic, statistics):
            session.begin()
            try:
                plan = session.plan_of(statement, session.encode_row(handle, values), execute=False)
            finally:
                session.rollback()
            if plan is not None:
                found.append(PlanSample(label, plan, is_executed=False))
    except (DatabaseError, InputError, ValueError) as error:
        return tuple(found), str(error)
    return tuple(found), "" if found else "a parameter is compared with no column whose values are known"


def _values(
    statement: Statement, generic: Plan, statistics: DatabaseStatistics
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Values by parameter name; nothing where those of one parameter cannot be told."""
    columns = _columns(statement, generic)
    usual: dict[str, object] = {
        match["name"]: _PAGE_VALUES[match["word"].lower()] for match in _PAGE.finditer(str(statement))
    }
    known: dict[str, ColumnStatistics] = {}
    for name, (table, column) in columns.items():
        found = statistics.tables[table].columns.get(column) if table in statistics.tables else None
        if found is None or not (found.common or found.bounds):
            return
        known[name] = found
        usual[name] = found.bounds[len(found.bounds) // 2] if found.bounds else found.common[-1]
    if set(usual) != set(statement.names):
        return
    yield TYPICAL, usual
    for name, item in known.items():
        place = ".".join(columns[name])
        if item.common:
            yield f"most frequent {place}", {**usual, name: item.common[0]}
        if item.bounds:
            yield f"rare {place}", {**usual, name: item.bounds[0]}


def _columns(statement: Statement, generic: Plan) -> dict[str, tuple[str, str]]:
    """The column that each parameter is compared with."""
    names = statement.names
    return {
        names[item.parameter]: (item.table, item.column)
        for node in generic.nodes()
        for item in (*node.compared_by_condition, *node.compared_by_filter)
        if item.parameter is not None and item.parameter < len(names)
    }
