"""CHECKs as aggregation expressions, which `$expr` demands to be true of every document.

A CHECK passes unless it is FALSE, and a comparison with NULL is neither true nor false; in MongoDB a field that is not
there is less than any other value. So each condition is written in one of two ways: `true`, or `not false`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.mongodb.paths import paths
from loadlab.engines.translation import UntranslatableError, bare, is_text
from loadlab.schema.checks.syntax import member_path, parse
from loadlab.schema.model import Column, Table

Expression = Any
"""A document of MongoDB's, an array of such, or a constant."""
_COMPARISONS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "$eq", exp.NEQ: "$ne", exp.GT: "$gt", exp.GTE: "$gte", exp.LT: "$lt", exp.LTE: "$lte",
}  # fmt: skip
_ARITHMETIC: Mapping[type[exp.Expr], str] = {
    exp.Add: "$add", exp.Sub: "$subtract", exp.Mul: "$multiply", exp.Mod: "$mod",
}  # fmt: skip
_FUNCTIONS: Mapping[type[exp.Expr], str] = {
    exp.Lower: "$toLower", exp.Upper: "$toUpper", exp.Abs: "$abs", exp.Ceil: "$ceil", exp.Floor: "$floor",
}  # fmt: skip
_TYPE_FUNCTIONS = ("jsonb_typeof", "json_typeof")
_MOMENTS = ("DATE", "TIMESTAMP")
_INT64_END = 2**63
_PARTS = {"year": "$year", "month": "$month", "day": "$dayOfMonth", "hour": "$hour", "minute": "$minute"}


def check_expression(table: Table, expression: str, dialect: str, at: Mapping[str, str] | None = None) -> Expression:
    """What `$expr` demands for a CHECK. Raises UntranslatableError saying which part has no counterpart.

    `at` has the paths of the columns where they are not those of a collection of the table's own.
    """
    return _Writer(table, paths(table) if at is None else at).not_false(parsed(expression, dialect))


def parsed(expression: str, dialect: str) -> exp.Expr:
    """The tree of an expression. Raises UntranslatableError."""
    try:
        holder = exp.Paren(this=parse(expression, dialect))
    except SqlglotError as error:
        raise UntranslatableError(" ".join(str(error).split())) from None
    for node in [*holder.find_all(exp.EQ, exp.NEQ)]:
        listed = _membership(node)
        if listed is not None:
            node.replace(listed)
    found: exp.Expr = holder.this
    return found


def _membership(node: exp.Expr) -> exp.Expr | None:
    """`x = ANY (ARRAY[…])` as `x IN (…)`, `x <> ALL (ARRAY[…])` as its negation; None for anything else."""
    right = bare(node.expression)
    if isinstance(right, exp.Anonymous) and right.name.upper() == "ALL" and isinstance(node, exp.NEQ):
        (items,) = map(bare, right.expressions)
    elif isinstance(right, exp.Any) and isinstance(node, exp.EQ):
        items = bare(right.this)
    else:
        return None
    items = bare(items.this) if isinstance(items, exp.Cast) else items
    if not isinstance(items, exp.Array):
        return None
    listed = exp.In(this=node.this.copy(), expressions=[item.copy() for item in items.expressions])
    return listed if isinstance(node, exp.EQ) else exp.Not(this=listed)


@dataclass(frozen=True, slots=True)
class _Writer:
    table: Table
    paths: Mapping[str, str]

    # Truth --------------------------------------------------------------------------------------------------------

    def not_false(self, node: exp.Expr) -> Expression:
        return self._truth(node, unknown_passes=True)

    def true(self, node: exp.Expr) -> Expression:
        return self._truth(node, unknown_passes=False)

    def _truth(self, node: exp.Expr, *, unknown_passes: bool) -> Expression:
        node = bare(node)
        match node:
            case exp.And() | exp.Or():
                sides = [self._truth(side, unknown_passes=unknown_passes) for side in node.flatten()]
                return {"$and" if isinstance(node, exp.And) else "$or": sides}
            case exp.Not():
                return {"$not": [self._truth(node.this, unknown_passes=not unknown_passes)]}
            case exp.Is():
                return self._is(node)
            case exp.Between():
                low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
                high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
                return self._truth(exp.And(this=low, expression=high), unknown_passes=unknown_passes)
            case exp.In() if node.expressions:
                members = [self.value(item) for item in node.expressions]
                return self._guarded([node.this], {"$in": [self.value(node.this), members]}, unknown_passes)
            case exp.RegexpLike() | exp.RegexpILike():
                return self._matches(node, unknown_passes)
            case exp.Boolean():
                return bool(node.this)
            case exp.Column():
                compared = {"$eq": [self.value(node), True]}
                return self._guarded([node], compared, unknown_passes)
        operator = _COMPARISONS.get(type(node))
        if operator is None:
            raise UntranslatableError(f"{node.sql()} has no counterpart")
        sides = [node.this, node.expression]
        return self._guarded(sides, {operator: [self.value(side, sides) for side in sides]}, unknown_passes)

    def _guarded(self, operands: list[exp.Expr], compared: Expression, unknown_passes: bool) -> Expression:
        """A comparison of what may be NULL: then it is unknown."""
        columns = [column for operand in operands for column in _compared_columns(operand)]
        nullable = {self.column(column) for column in columns if self._is_nullable(column.name)}
        if not nullable:
            return compared
        operator, joiner = ("$lte", "$or") if unknown_passes else ("$gt", "$and")
        return {joiner: [*({operator: [place, None]} for place in sorted(nullable)), compared]}

    def _is_nullable(self, name: str) -> bool:
        """A member of a document may be missing whatever its column says."""
        column, inside = member_path(name)
        return bool(inside) or (column not in self.table.primary_key and self._column(column).nullable)

    def _is(self, node: exp.Expr) -> Expression:
        what = bare(node.expression)
        if isinstance(what, exp.Null):
            return {"$lte": [self.value(node.this), None]}
        if isinstance(what, exp.Boolean):
            return {"$eq": [self.value(node.this), bool(what.this)]}
        raise UntranslatableError(f"{node.sql()} has no counterpart")

    def _matches(self, node: exp.Expr, unknown_passes: bool) -> Expression:
        found: dict[str, Any] = {"input": self.value(node.this), "regex": constant(node.expression)}
        if isinstance(node, exp.RegexpILike):
            found["options"] = "i"
        return self._guarded([node.this], {"$regexMatch": found}, unknown_passes)

    # Values -------------------------------------------------------------------------------------------------------

    def value(self, node: exp.Expr, beside: list[exp.Expr] | None = None) -> Expression:
        """A value; constants are of the type of what they stand beside."""
        node = bare(node)
        if is_constant(node):
            kinds = self._kinds(beside or [])
            return _expression(constant(node, next(iter(kinds)) if len(kinds) == 1 else ""))
        writer = _VALUES.get(type(node))
        if writer is not None:
            return writer(self, node)
        operator = _ARITHMETIC.get(type(node))
        if operator is not None:
            sides = [node.this, node.expression]
            return {operator: [self.value(side, beside or sides) for side in sides]}
        function = _FUNCTIONS.get(type(node))
        if function is not None:
            return {function: self.value(node.this)}
        if isinstance(node, (exp.Is, exp.Not, exp.And, exp.Or, *_COMPARISONS)):
            return self.true(node)
        if isinstance(node, exp.Anonymous) and node.name.lower() in _TYPE_FUNCTIONS:
            return _json_type(self.value(node.expressions[0]))
        raise UntranslatableError(f"{node.sql()} has no counterpart")

    def column(self, node: exp.Expr) -> str:
        name, inside = member_path(node.name)
        if self._column(name).generated is not None:
            raise UntranslatableError(f"{name} is generated by the server, which MongoDB does not do")
        return "$" + ".".join((self.paths[name], *inside))

    def _column(self, name: str) -> Column:
        try:
            return self.table.column(name)
        except KeyError:
            raise UntranslatableError(f"{name} has no counterpart") from None

    def _kinds(self, nodes: list[exp.Expr]) -> set[str]:
        names = (member_path(column.name) for node in nodes for column in node.find_all(exp.Column))
        return {"json" if inside else self._column(name).type.kind for name, inside in names}

    def cast(self, node: exp.Expr) -> Expression:
        return _expression(constant(node)) if is_text(bare(node.this)) else self.value(node.this)

    def negative(self, node: exp.Expr) -> Expression:
        return {"$multiply": [-1, self.value(node.this)]}

    def length(self, node: exp.Expr) -> Expression:
        return {"$strLenCP": {"$ifNull": [self.value(node.this), ""]}}

    def coalesce(self, node: exp.Expr) -> Expression:
        return {"$ifNull": [self.value(item) for item in (node.this, *node.expressions)]}

    def division(self, node: exp.Expr) -> Expression:
        sides = [node.this, node.expression]
        divided = {"$divide": [self.value(side, sides) for side in sides]}
        return {"$trunc": divided} if self._kinds(sides) == {"integer"} else divided

    def trim(self, node: exp.Expr) -> Expression:
        if node.args.get("expression") is not None or node.args.get("position"):
            raise UntranslatableError(f"{node.sql()} has no counterpart")
        return {"$trim": {"input": self.value(node.this), "chars": " "}}

    def part(self, node: exp.Expr) -> Expression:
        name = node.name.lower()
        if name not in _PARTS:
            raise UntranslatableError(f"{node.sql()} has no counterpart")
        return {_PARTS[name]: self.value(node.expression)}


_VALUES: Mapping[type[exp.Expr], Callable[[_Writer, exp.Expr], Expression]] = {
    exp.Column: _Writer.column,
    exp.Cast: _Writer.cast,
    exp.Neg: _Writer.negative,
    exp.Length: _Writer.length,
    exp.Coalesce: _Writer.coalesce,
    exp.Div: _Writer.division,
    exp.Trim: _Writer.trim,
    exp.Extract: _Writer.part,
}


def _json_type(value: Expression) -> Expression:
    """The names that JSON has for types, where those of BSON differ."""
    kind = {"$type": value}
    truth = {"$cond": [{"$eq": [kind, "bool"]}, "boolean", kind]}
    return {"$cond": [{"$isNumber": value}, "number", truth]}


def _compared_columns(node: exp.Expr) -> list[exp.Expr]:
    """The columns whose NULL makes a value unknown: not those that are asked whether they are NULL."""
    node = bare(node)
    if isinstance(node, exp.Is):
        return []
    if isinstance(node, exp.Column):
        return [node]
    return [column for child in node.iter_expressions() for column in _compared_columns(child)]


def is_constant(node: exp.Expr) -> bool:
    """Whether it is a literal, a negative one, TRUE, FALSE or NULL."""
    node = bare(node)
    inner = bare(node.this) if isinstance(node, exp.Neg) else node
    return isinstance(inner, (exp.Literal, exp.Boolean, exp.Null))


def constant(node: exp.Expr, kind: str = "") -> Any:
    """A constant as BSON has it, beside values of a kind. Raises UntranslatableError for what is none."""
    node = bare(node)
    match node:
        case exp.Null():
            return None
        case exp.Boolean():
            return bool(node.this)
        case exp.Cast() if is_text(bare(node.this)):
            to = str(getattr(node.to.this, "name", ""))
            return _moment(bare(node.this).name) if to.startswith(_MOMENTS) else constant(node.this, kind)
        case exp.Cast():
            return constant(node.this, kind)
        case exp.Neg() if is_constant(node):
            return _number(f"-{bare(node.this).name}", kind)
        case exp.Literal() if node.is_string:
            return _moment(node.name) if kind in ("date", "timestamp") else node.name
        case exp.Literal():
            return _number(node.name, kind)
    raise UntranslatableError(f"{node.sql()} is no constant")


def _number(text: str, kind: str) -> int | float | Decimal128:
    """Whole ones as such; others are exact beside exact numbers, since 0.1 is not the double that is closest to it."""
    number = Decimal(text)
    if number == number.to_integral_value() and abs(number) < _INT64_END:
        return int(number)
    return Decimal128(number) if kind == "numeric" else float(number)


def _expression(value: Any) -> Expression:
    """A constant where an expression is wanted: a text could be taken for a path."""
    return {"$literal": value} if isinstance(value, str) else value


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UntranslatableError(f"the time '{text}' has no counterpart") from None
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
