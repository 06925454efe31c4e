"""Rules that put one node of another engine's statement into the words of MariaDB and MySQL."""

from __future__ import annotations

from sqlglot import exp

from loadlab.engines.common_rules import FUNCTIONS, casts, common_rules, equals_any
from loadlab.engines.mysql import times
from loadlab.engines.translation import INTEGERS, Rule, UntranslatableError, bare, call, is_text, merging, renamed

_FUNCTIONS = FUNCTIONS | {
    "json_agg": "json_arrayagg",
    "jsonb_agg": "json_arrayagg",
    "jsonb_object_agg": "json_objectagg",
    "jsonb_array_length": "json_length",
    "json_array_length": "json_length",
}
_TYPE_FUNCTIONS = {"jsonb_typeof", "json_typeof"}


# Casts ---------------------------------------------------------------------------------------------------------------

_REALS = {"DOUBLE", "FLOAT"}
_DECIMALS = {"DECIMAL", "BIGDECIMAL"}


def _number(node: exp.Expr, kind: str) -> exp.Expr | None:
    inner: exp.Expr = node.this
    is_plain = isinstance(bare(inner), (exp.Literal, exp.Placeholder))
    if kind in INTEGERS:
        return inner if is_plain else exp.cast(inner, "BIGINT")
    if kind in _REALS:
        return inner if isinstance(bare(inner), exp.Literal) else exp.cast(inner, "DOUBLE")
    if kind in _DECIMALS:
        return inner if is_plain else _decimal(node)
    return None


def _decimal(node: exp.Expr) -> exp.Expr:
    if not node.args["to"].expressions:
        node.set("to", exp.DataType.build("DECIMAL(65, 10)"))
    return node


# Documents -----------------------------------------------------------------------------------------------------------


def _path(node: exp.Expr) -> exp.Expr:
    """`document -> 'key'`; the operators are MySQL's alone."""
    return call("json_extract", node.this, _json_path(node))


def _text_at_path(node: exp.Expr) -> exp.Expr:
    return call("json_unquote", call("json_extract", node.this, _json_path(node)))


def _json_path(node: exp.Expr) -> exp.Expr:
    path = node.expression
    if isinstance(path, exp.JSONPath):
        return exp.Literal.string(path.sql(dialect="mysql").strip("'"))
    if isinstance(path, exp.Literal):
        return exp.Literal.string(f'$."{path.name}"' if path.is_string else f"$[{path.name}]")
    raise UntranslatableError(f"the path {path.sql()} has no counterpart")


def _function(node: exp.Expr) -> exp.Expr:
    name = node.name.lower()
    if name in _TYPE_FUNCTIONS:
        return call("lower", call("json_type", *node.expressions))
    if name == "clock_timestamp":
        return call("sysdate", exp.Literal.number(6))
    return renamed(_FUNCTIONS)(node)


# Everything else -----------------------------------------------------------------------------------------------------


def _any_of(node: exp.Expr, items: exp.Expr) -> exp.Expr:
    """A list's values are written one behind the other."""
    if isinstance(items, exp.Placeholder):
        return exp.In(this=node.this, expressions=[items.copy()])
    raise UntranslatableError(f"ANY of {items.sql()} has no counterpart")


def _matches(flags: str) -> Rule:
    """A regular expression: the one function that both products have; flags stand in the pattern."""

    def rule(node: exp.Expr) -> exp.Expr:
        pattern = node.expression
        pattern = exp.Literal.string(flags + pattern.name) if is_text(pattern) else pattern
        return exp.GT(this=call("regexp_instr", node.this, pattern), expression=exp.Literal.number(0))

    return rule


def _concat(node: exp.Expr) -> exp.Expr:
    """The function concat skips NULLs, the operator does not."""
    return call("concat_ws", exp.Literal.string(""), *node.expressions)


def _filtered(node: exp.Expr) -> exp.Expr:
    """`count(*) FILTER (WHERE c)`: an aggregate passes over NULLs."""
    aggregate: exp.Expr = node.this
    condition = node.expression.this
    item = aggregate.this
    value = exp.Literal.number(1) if item is None or isinstance(item, exp.Star) else item
    aggregate.set("this", exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())]))
    return aggregate


def _on_conflict(node: exp.Expr) -> exp.Expr:
    """`ON CONFLICT … DO UPDATE SET a = excluded.a`, as ON DUPLICATE KEY UPDATE; of any unique key, not of one."""
    insert = node.parent
    assignments = list(node.expressions)
    if not assignments:
        columns = insert.this.expressions if insert is not None and isinstance(insert.this, exp.Schema) else []
        if not columns:
            raise UntranslatableError("ON CONFLICT DO NOTHING of an insert without a list of columns")
        first = exp.column(columns[0].name, quoted=True)
        assignments = [exp.EQ(this=first, expression=first.copy())]
    for item in assignments:
        for column in list(item.find_all(exp.Column)):
            if column.table.lower() == "excluded":
                column.replace(call("values", exp.column(column.name, quoted=True)))
    return exp.OnConflict(duplicate=True, expressions=assignments, action=exp.var("UPDATE"))


def _contains(node: exp.Expr) -> exp.Expr:
    return call("json_contains", node.this, node.expression)


RULES: dict[type[exp.Expr], Rule] = common_rules(times) | {
    exp.Cast: casts("CHAR", _number),
    exp.DPipe: merging("json_merge_patch"),
    exp.EQ: equals_any(_any_of),
    exp.Anonymous: _function,
    exp.Concat: _concat,
    exp.Filter: _filtered,
    exp.OnConflict: _on_conflict,
    exp.ArrayContainsAll: _contains,
    exp.JSONExtract: _path,
    exp.JSONBExtract: _path,
    exp.JSONExtractScalar: _text_at_path,
    exp.JSONBExtractScalar: _text_at_path,
    exp.RegexpLike: _matches(""),
    exp.RegexpILike: _matches("(?i)"),
    exp.Uuid: lambda _: call("uuid"),
    exp.Length: lambda node: call("char_length", node.this),
    exp.ArrayAgg: lambda node: call("json_arrayagg", node.this),
}
