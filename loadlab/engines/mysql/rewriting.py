"""Rules that put one node of another engine's statement into the words of MariaDB and MySQL."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from loadlab.engines.mysql import times
from loadlab.engines.mysql.trees import UntranslatableError, bare, call, is_text

DEFAULT_NAMESPACE = "public"
_FUNCTIONS = {
    "json_build_object": "json_object",
    "jsonb_build_object": "json_object",
    "json_build_array": "json_array",
    "jsonb_build_array": "json_array",
    "json_agg": "json_arrayagg",
    "jsonb_agg": "json_arrayagg",
    "jsonb_object_agg": "json_objectagg",
    "jsonb_array_length": "json_length",
    "json_array_length": "json_length",
    "btrim": "trim",
}
_TYPE_FUNCTIONS = {"jsonb_typeof", "json_typeof"}


def rewritten(tree: exp.Expr) -> exp.Expr:
    """The tree in the server's words: leaves first, so that every rule sees children that are done."""
    tree = tree.copy()
    for node in reversed(list(tree.walk())):
        rule = _RULES.get(type(node))
        replacement = rule(node) if rule is not None else node
        if replacement is node:
            continue
        if node is tree:
            tree = replacement
            tree.pop()
        else:
            node.replace(replacement)
    return tree


def _refuse(what: str) -> Callable[[exp.Expr], exp.Expr]:
    def rule(node: exp.Expr) -> exp.Expr:
        raise UntranslatableError(f"{what} has no counterpart: {node.sql()}")

    return rule


# Casts ---------------------------------------------------------------------------------------------------------------

_KEPT = {"UUID", "JSON", "JSONB", "INET", "CIDR", "USERDEFINED", "ENUM", "ARRAY", "LIST", "TIME", "BOOLEAN"}
_TIMES = {"TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ", "TIMESTAMPLTZ", "DATETIME"}
_TEXTS = {"TEXT", "VARCHAR", "CHAR", "NCHAR", "NVARCHAR", "NAME", "BPCHAR"}
_INTEGERS = {"INT", "BIGINT", "SMALLINT", "TINYINT", "MEDIUMINT", "UINT", "UBIGINT"}
_REALS = {"DOUBLE", "FLOAT"}
_DECIMALS = {"DECIMAL", "BIGDECIMAL"}


def _cast(node: exp.Expr) -> exp.Expr:
    inner, to = node.this, node.args["to"].this
    kind = str(getattr(to, "name", to))
    if kind == "INTERVAL" and is_text(inner):
        return exp.Interval(this=inner)
    if kind in _KEPT:
        return _json_cast_kept_for_merge(node) if kind in ("JSON", "JSONB") else inner
    if kind in _TIMES:
        return times.time_literal(inner) if is_text(inner) else inner
    if kind == "DATE":
        return inner if is_text(inner) else call("date", inner)
    if kind in _TEXTS:
        # A cast of what is text already would hide an index on the column.
        is_plain = isinstance(bare(inner), (exp.Column, exp.Placeholder)) or is_text(bare(inner))
        return bare(inner) if is_plain else exp.cast(inner, "CHAR")
    if kind in _INTEGERS:
        return inner if isinstance(bare(inner), (exp.Literal, exp.Placeholder)) else exp.cast(inner, "BIGINT")
    if kind in _REALS:
        return inner if isinstance(bare(inner), exp.Literal) else exp.cast(inner, "DOUBLE")
    if kind in _DECIMALS:
        return inner if isinstance(bare(inner), (exp.Literal, exp.Placeholder)) else _decimal(node)
    raise UntranslatableError(f"the cast to {node.args['to'].sql()} has no counterpart")


def _decimal(node: exp.Expr) -> exp.Expr:
    if not node.args["to"].expressions:
        node.set("to", exp.DataType.build("DECIMAL(65, 10)"))
    return node


def _json_cast_kept_for_merge(node: exp.Expr) -> exp.Expr:
    """`document || part::jsonb` merges; only the cast tells it from a concatenation: `_concatenation` must see it."""
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    inner: exp.Expr = node.this
    return node if isinstance(parent, exp.DPipe) else inner


def _concatenation(node: exp.Expr) -> exp.Expr:
    sides = [bare(node.this), bare(node.expression)]
    if not any(isinstance(side, exp.Cast) and side.args["to"].this.name in ("JSON", "JSONB") for side in sides):
        return node
    return call("json_merge_patch", *(side.this if isinstance(side, exp.Cast) else side for side in sides))


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
    node.set("this", _FUNCTIONS.get(name, node.this))
    return node


# Everything else -----------------------------------------------------------------------------------------------------


def _equals(node: exp.Expr) -> exp.Expr:
    """`x = ANY (ARRAY[…])` and `x = ANY (:list)`, whose values are written one behind the other."""
    right = bare(node.expression)
    if not isinstance(right, exp.Any):
        return node
    items = bare(right.this)
    if isinstance(items, exp.Array):
        return exp.In(this=node.this, expressions=[item.copy() for item in items.expressions])
    if isinstance(items, exp.Placeholder):
        return exp.In(this=node.this, expressions=[items.copy()])
    raise UntranslatableError(f"ANY of {items.sql()} has no counterpart")


def _matches(flags: str) -> Callable[[exp.Expr], exp.Expr]:
    """A regular expression: the one function that both products have; flags stand in the pattern."""

    def rule(node: exp.Expr) -> exp.Expr:
        pattern = node.expression
        pattern = exp.Literal.string(flags + pattern.name) if is_text(pattern) else pattern
        return exp.GT(this=call("regexp_instr", node.this, pattern), expression=exp.Literal.number(0))

    return rule


def _qualified(node: exp.Expr) -> exp.Expr:
    """A table outside the default namespace is one whose name holds both."""
    namespace = node.args.get("db")
    if namespace is not None:
        if namespace.name != DEFAULT_NAMESPACE:
            node.set("this", exp.to_identifier(f"{namespace.name}.{node.name}", quoted=True))
        node.set("db", None)
    return node


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


_RULES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Cast: _cast,
    exp.DPipe: _concatenation,
    exp.CurrentTimestamp: times.now,
    exp.Localtimestamp: times.now,
    exp.TimestampTrunc: times.truncated,
    exp.DateTrunc: times.truncated,
    exp.Extract: times.extract,
    exp.AtTimeZone: times.at_time_zone,
    exp.Add: times.shifted_time,
    exp.Sub: times.shifted_time,
    exp.EQ: _equals,
    exp.Table: _qualified,
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
    exp.Bracket: _refuse("the element of an array"),
    exp.Overlaps: _refuse("OVERLAPS"),
}
