"""CHECKs that call functions of the schema, with what those calculate in their place.

Read are functions in SQL and PL/pgSQL whose body is one expression of the arguments, also by way of a variable. One
that asks a table, or decides by more than an expression, stays a call: only the database knows what it says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from psycopg import Cursor
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.postgresql.catalog import IS_USERS_NAMESPACE

_DIALECT = "postgres"
_QUERY = f"""
    SELECT p.proname::text AS name, p.proargnames AS arguments, p.pronargs AS count, p.proisstrict AS strict,
           CASE p.prosrc WHEN '' THEN pg_get_functiondef(p.oid) ELSE p.prosrc END AS source
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.prokind = 'f' AND NOT p.proretset AND l.lanname IN ('sql', 'plpgsql') AND {IS_USERS_NAMESPACE}
    AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""  # noqa: E501
# A doubled quote ends a literal and begins the next: read in one way alone, a long text is refused at once too.
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|('[^']*')", re.DOTALL)
_ONE = r"(?P<expression>(?:[^;']|'[^']*')+?)"
_BODIES = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"\s*SELECT\s+{_ONE}\s*;?\s*",
        rf".*\bRETURN\s+{_ONE}\s*;?\s*",
        rf".*\bBEGIN\s+ATOMIC\s+SELECT\s+{_ONE}\s*;\s*END\s*;?\s*",
        rf"\s*BEGIN\s+RETURN\s+{_ONE}\s*;\s*END\s*;?\s*",
        rf"\s*DECLARE\s+(?P<variable>\w+)\s+[^;]+;\s*BEGIN\s+"
        rf"(?:SELECT\s+{_ONE}\s+INTO\s+(?P=variable)\s*;)\s*RETURN\s+(?P=variable)\s*;\s*END\s*;?\s*",
        rf"\s*DECLARE\s+(?P<variable>\w+)\s+[^;]+;\s*BEGIN\s+"
        rf"(?P=variable)\s*:?=\s*{_ONE}\s*;\s*RETURN\s+(?P=variable)\s*;\s*END\s*;?\s*",
    )
)
_ASKS = (exp.Select, exp.Subquery, exp.From, exp.Exists)
# What has a value although an argument is NULL: not the call of a function that is STRICT.
_KNOWS_NULL = (exp.Is, exp.Coalesce, exp.Case, exp.If, exp.Nullif, exp.NullSafeEQ, exp.NullSafeNEQ)
# A function that calls itself could be filled in for ever.
_CALLS_MAX = 50


@dataclass(frozen=True, slots=True)
class Formula:
    """What a function calculates of its arguments, in their order."""

    arguments: tuple[str, ...]
    tree: exp.Expr


def read_formulas(cursor: Cursor[Any]) -> dict[str, Formula]:
    """The functions that are formulas, by name; `cursor` gives named tuples."""
    rows = cursor.execute(_QUERY.encode()).fetchall()
    known = Counter(row.name for row in rows)
    made = ((row.name, formula(row.source, row.arguments, row.count, strict=row.strict)) for row in rows)
    return {name: found for name, found in made if found is not None and known[name] == 1}


def formula(source: str, arguments: Iterable[str] | None, count: int, *, strict: bool = False) -> Formula | None:
    """The formula of a function's text; None where it is more than one."""
    names = tuple(arguments or ())
    if len(names) not in (0, count):
        return None
    text = _COMMENT.sub(lambda found: found[1] or " ", source)
    found = next((match for match in (body.fullmatch(text) for body in _BODIES) if match is not None), None)
    if found is None:
        return None
    try:
        tree: exp.Expr = sqlglot.parse_one(found["expression"], dialect=_DIALECT, into=exp.Condition)
    except SqlglotError:
        return None
    if any(tree.find_all(*_ASKS)) or (strict and any(tree.find_all(*_KNOWS_NULL))):
        return None
    places = tuple(names or map(str, range(1, count + 1)))
    known = {name.lower() for name in places} | {str(place) for place in range(1, count + 1)}
    spoken = {_argument(node) for node in tree.find_all(exp.Column, exp.Parameter)}
    return Formula(tuple(name.lower() for name in places), tree) if spoken <= known else None


def inlined(expression: str, formulas: Mapping[str, Formula]) -> str:
    """The expression with formulas in place of the calls of their functions."""
    if not any(f"{name}(" in expression or f'{name}"(' in expression for name in formulas):
        return expression
    try:
        tree = exp.Paren(this=sqlglot.parse_one(expression, dialect=_DIALECT, into=exp.Condition))
    except SqlglotError:
        return expression
    for _ in range(_CALLS_MAX + 1):
        calls = [node for node in tree.find_all(exp.Anonymous) if _fits(node, formulas)]
        if not calls:
            return str(tree.this.sql(dialect=_DIALECT))
        call = calls[-1]
        whole = call.parent if isinstance(call.parent, exp.Dot) else call
        whole.replace(_filled(formulas[call.name.lower()], call.expressions))
    return expression


def _fits(call: exp.Anonymous, formulas: Mapping[str, Formula]) -> bool:
    found = formulas.get(call.name.lower())
    return found is not None and len(found.arguments) == len(call.expressions)


def _filled(found: Formula, values: list[exp.Expr]) -> exp.Expr:
    tree = exp.Paren(this=found.tree.copy())
    for node in list(tree.find_all(exp.Column, exp.Parameter)):
        name = _argument(node)
        place = found.arguments.index(name) if name in found.arguments else int(name) - 1
        node.replace(exp.Paren(this=values[place].copy()))
    return tree


def _argument(node: exp.Expr) -> str:
    """The name of an argument, or its number: `$1` is a parameter to sqlglot."""
    return node.name.lower() if isinstance(node, exp.Column) else str(node.this.name)
