"""Conditions of partial indexes, each way, and CHECKs as they are read: in SQL, which everybody else understands.

`partialFilterExpression` takes equality, comparisons, `$exists: true`, `$in`, `$and` and `$or`
(https://www.mongodb.com/docs/manual/core/index-partial/).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128
from bson.json_util import CANONICAL_JSON_OPTIONS, dumps
from sqlglot import exp

from loadlab.engines.mongodb.collections.syntax import constant, parsed
from loadlab.engines.mongodb.connection import CODEC, EXTENDED_JSON
from loadlab.engines.mongodb.paths import paths
from loadlab.engines.translation import UntranslatableError, bare
from loadlab.schema.model import Table

Filter = dict[str, Any]
_COMPARISONS: Mapping[type[exp.Expr], str] = {exp.GT: "$gt", exp.GTE: "$gte", exp.LT: "$lt", exp.LTE: "$lte"}
_MIRRORED = {"$gt": "$lt", "$gte": "$lte", "$lt": "$gt", "$lte": "$gte", "$eq": "$eq"}
_WORDS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<=", "$eq": "=", "$ne": "<>"}
_CANONICAL = CANONICAL_JSON_OPTIONS.with_options(uuid_representation=CODEC.uuid_representation)
_SIGNS = {"$add": "+", "$subtract": "-", "$multiply": "*", "$divide": "/", "$mod": "%"}


def partial_filter(table: Table, predicate: str, dialect: str) -> Filter:
    """The documents for which a predicate is TRUE. Raises UntranslatableError."""
    return _filter(table, parsed(predicate, dialect))


def _filter(table: Table, node: exp.Expr) -> Filter:
    node = bare(node)
    match node:
        case exp.And() | exp.Or():
            sides = [_filter(table, side) for side in node.flatten()]
            names = [name for side in sides for name in side]
            if isinstance(node, exp.And) and len(set(names)) == len(names):
                return {name: value for side in sides for name, value in side.items()}
            return {"$and" if isinstance(node, exp.And) else "$or": sides}
        case exp.Column():
            return {_path(table, node): True}
        case exp.Not() if isinstance(bare(node.this), exp.Column):
            return {_path(table, bare(node.this)): False}
        case exp.Not() if _is_null(bare(node.this)):
            return {_path(table, bare(node.this).this): {"$exists": True}}
        case exp.Is() if _is_null(node):
            return {_path(table, node.this): None}
        case exp.In() if node.expressions:
            return {_path(table, node.this): {"$in": [_constant(table, node.this, item) for item in node.expressions]}}
        case exp.Between():
            bounds = {"$gte": node.args["low"], "$lte": node.args["high"]}
            return {_path(table, node.this): {name: _constant(table, node.this, item) for name, item in bounds.items()}}
    return _comparison(table, node)


def _comparison(table: Table, node: exp.Expr) -> Filter:
    operator = "$eq" if isinstance(node, exp.EQ) else _COMPARISONS.get(type(node))
    if operator is None:
        raise UntranslatableError(f"a partial index cannot have {node.sql()}")
    left, right = bare(node.this), bare(node.expression)
    if not isinstance(left, exp.Column):
        left, right, operator = right, left, _MIRRORED[operator]
    value = _constant(table, left, right)
    return {_path(table, left): value if operator == "$eq" else {operator: value}}


def _is_null(node: exp.Expr) -> bool:
    return isinstance(node, exp.Is) and isinstance(bare(node.expression), exp.Null)


def _path(table: Table, node: exp.Expr) -> str:
    node = bare(node)
    if not isinstance(node, exp.Column) or node.name not in table.column_names:
        raise UntranslatableError(f"a partial index cannot have {node.sql()}")
    return paths(table)[node.name]


def _constant(table: Table, column: exp.Expr, node: exp.Expr) -> Any:
    kind = table.column(bare(column).name).type.kind if isinstance(bare(column), exp.Column) else ""
    return constant(bare(node), kind)


# Reading -------------------------------------------------------------------------------------------------------------


def filter_text(condition: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """A condition in SQL; what has no counterpart there as MongoDB has it. `names`: the columns by their paths."""
    return " AND ".join(_part(name, value, names) for name, value in condition.items())


def _part(name: str, value: Any, names: Mapping[str, str]) -> str:
    try:
        return _part_in_sql(name, value, names)
    except UntranslatableError:
        return as_json({name: value})


def _part_in_sql(name: str, value: Any, names: Mapping[str, str]) -> str:
    if name in ("$and", "$or") and isinstance(value, list):
        joined = (" AND " if name == "$and" else " OR ").join(filter_text(item, names) for item in value)
        return f"({joined})"
    if name.startswith("$"):
        return as_json({name: value})
    column = _quoted(names.get(name, name))
    if isinstance(value, Mapping) and value and all(key.startswith("$") for key in value):
        return " AND ".join(_compared(column, name, operator, item) for operator, item in value.items())
    return f"{column} IS NULL" if value is None else f"{column} = {_literal(value)}"


def _compared(column: str, name: str, operator: str, value: Any) -> str:
    if operator == "$exists":
        return f"{column} IS {'NOT ' if value else ''}NULL"
    if operator == "$in":
        return f"{column} IN ({', '.join(map(_literal, value))})"
    if operator in _WORDS:
        return f"{column} {_WORDS[operator]} {_literal(value)}"
    return as_json({name: {operator: value}})


def expression_text(node: Any, names: Mapping[str, str]) -> str:
    """An aggregation expression in SQL; what has no counterpart there as MongoDB has it.

    A field that is not there is less than anything else, so what must be at least something must be there.
    """
    try:
        return _condition(node, names)
    except UntranslatableError:
        return as_json(node)


def _condition(node: Any, names: Mapping[str, str]) -> str:
    if not isinstance(node, Mapping) or len(node) != 1:
        raise UntranslatableError(as_json(node))
    (operator, operands), *_ = node.items()
    if operator in ("$and", "$or"):
        joiner = " AND " if operator == "$and" else " OR "
        return joiner.join(f"({_condition(item, names)})" for item in operands)
    if operator == "$not":
        inner = operands[0] if isinstance(operands, list) else operands
        return f"NOT ({_condition(inner, names)})"
    if operator == "$in":
        return f"{_value(operands[0], names)} IN ({', '.join(_value(item, names) for item in operands[1])})"
    if operator not in _WORDS:
        raise UntranslatableError(as_json(node))
    left, right = operands
    if right is None:
        is_absent = operator in ("$lte", "$eq")
        return f"{_value(left, names)} IS {'' if is_absent else 'NOT '}NULL"
    compared = f"{_value(left, names)} {_WORDS[operator]} {_value(right, names)}"
    if operator in ("$gt", "$gte", "$eq") and isinstance(left, str):
        return f"{compared} AND {_value(left, names)} IS NOT NULL"
    return compared


def _value(node: Any, names: Mapping[str, str]) -> str:
    if isinstance(node, str) and node.startswith("$") and not node.startswith("$$"):
        if node[1:] not in names:
            raise UntranslatableError(node)
        return _quoted(names[node[1:]])
    if isinstance(node, Mapping) and len(node) == 1:
        (operator, operands), *_ = node.items()
        if operator == "$literal":
            return _literal(operands)
        if operator in _SIGNS:
            return f"({f' {_SIGNS[operator]} '.join(_value(item, names) for item in operands)})"
        raise UntranslatableError(as_json(node))
    return _literal(node)


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case Decimal128():
            return format(value.to_decimal(), "f")
        case int() | float() | Decimal():
            return repr(value) if not isinstance(value, Decimal) else format(value, "f")
        case dt.datetime():
            return f"CAST('{value.replace(tzinfo=None).isoformat(' ')}' AS TIMESTAMP)"
        case str():
            return "'" + value.replace("'", "''") + "'"
    raise UntranslatableError(as_json(value))


def _quoted(name: str) -> str:
    return name if name.isidentifier() and name.islower() else '"' + name.replace('"', '""') + '"'


def as_json(value: Any) -> str:
    """A value of MongoDB's as extended JSON on one line, whose types are kept where they are not plain."""
    return dumps(value, json_options=EXTENDED_JSON)


def as_canonical_json(value: Any) -> str:
    """As extended JSON from which exactly the value is read."""
    return dumps(value, json_options=_CANONICAL)
