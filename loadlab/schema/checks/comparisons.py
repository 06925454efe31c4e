"""Comparisons, each read by what stands on its left: a column, its length, a part of it, arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sqlglot import exp

from loadlab.schema.checks.arithmetic import MIRROR, lasting, relation
from loadlab.schema.checks.branches import ALWAYS, NEVER, Branches, compare, either, one
from loadlab.schema.checks.constants import constant, interval_us
from loadlab.schema.checks.facts import (
    Allowed,
    Bound,
    Casing,
    Compared,
    DatePart,
    Excluded,
    Fact,
    JsonType,
    Length,
    Like,
    Matches,
    Multiple,
    Network,
    NotEmptyRange,
    RangeEnd,
    RangeWidth,
    Scalar,
    Size,
    Spatial,
    Truncated,
)
from loadlab.schema.checks.syntax import bare, column_name, column_names, function, is_as_text, is_lookup
from loadlab.schema.checks.texts import FORMS, literal, removal, segment, text_target

Reader = Callable[[exp.Expr, str, Scalar], Branches | None]
_REMAINDERS_MAX = 32
_JSON_TYPES = ("object", "array", "string", "number", "boolean", "null")
_FIRST_OF = {("day", 1): "month", ("isodow", 1): "week", ("dow", 1): "week", ("minute", 0): "hour",
             ("second", 0): "minute", ("microseconds", 0): "second", ("doy", 1): "year"}  # fmt: skip
_CUTTING = (exp.TimestampTrunc, exp.DateTrunc)
_OF_DAYS = ("day", "week", "month", "quarter", "year")
_HEADER_BYTES = 8
"""More than the server's own bytes around a stored text."""


def read_comparison(left: exp.Expr, sign: str, right: exp.Expr) -> Branches | None:
    """The alternatives under which `left sign right` is true or unknown; None where that is not understood."""
    left, right = bare(left), bare(right)
    if constant(left) is not None:
        left, right, sign = right, left, MIRROR[sign]
    value = constant(right)
    if value is None:
        return _of_two(left, sign, right)
    fixed = constant(left)
    if fixed is not None:
        outcome = compare(fixed, sign, value)
        return None if outcome is None else ALWAYS if outcome else NEVER
    reader = _FUNCTIONS.get(function(left)) or _READERS.get(type(left))
    read = reader(left, sign, value) if reader is not None else None
    return read if read is not None else _arithmetic(left, sign, right)


def _arithmetic(left: exp.Expr, sign: str, right: exp.Expr) -> Branches | None:
    fact = relation(left, sign, right)
    return None if fact is None else one(fact)


def _of_two(left: exp.Expr, sign: str, right: exp.Expr) -> Branches | None:
    """Two expressions that both depend on the row."""
    for a, b in ((left, right), (right, left)):
        part = segment(a, b) if sign == "=" else None
        if part is not None:
            return one(part)
        read = _of_itself(a, sign if a is left else MIRROR[sign], b)
        if read is not None:
            return read
    if isinstance(left, exp.Cast) or isinstance(right, exp.Cast):
        return _of_dates(left, sign, right)
    found = _arithmetic(left, sign, right)
    if found is not None:
        return found
    mine, theirs = text_target(left), text_target(right)
    if mine is None or theirs is None:
        return None
    if sign != "=" and mine[0] == theirs[0]:
        return _changed(mine[0], sign, (*mine[1], *theirs[1]))
    return one(*mine[1], *theirs[1], Compared(mine[0], sign, theirs[0]))


def _changed(name: str, sign: str, forms: Sequence[Fact]) -> Branches | None:
    """A text that is not its own lower() or upper() has a letter in the other case."""
    found = {fact.form for fact in forms if isinstance(fact, Casing)}
    if sign != "<>" or len(forms) != 1 or found == {"trimmed"}:
        return None
    return one(Matches(name, "[A-Z]" if found == {"lower"} else "[a-z]", False, False))


def _of_itself(left: exp.Expr, sign: str, right: exp.Expr) -> Branches | None:
    """A column against a function of itself; the two ends of a range."""
    name = column_name(right)
    if isinstance(left, exp.Length) and isinstance(right, exp.Length):
        left, right, name = left.this, right.this, column_name(right.this)
    if isinstance(left, exp.Lower) and isinstance(right, exp.Upper) and column_name(left.this) is not None:
        same = column_name(left.this) == column_name(right.this)
        return one(NotEmptyRange(column_name(left.this) or "")) if same and sign in ("<", "<=", "<>") else None
    if name is None or column_names(left) != (name,):
        return None
    if left == right:
        return ALWAYS if sign in ("=", "<=", ">=") else NEVER
    unit = truncated_unit(left)
    if unit is not None and sign in ("=", ">="):
        return one(Truncated(name, unit))
    target = text_target(left) if type(left) in FORMS else None
    return one(*target[1]) if target is not None and sign == "=" else None


def truncated_unit(node: exp.Expr) -> str | None:
    """The unit that a function cuts a moment of a column to; None for any other expression."""
    if isinstance(node, exp.Cast) and node.to.this.name == "DATE" and isinstance(bare(node.this), _CUTTING):
        found = truncated_unit(bare(node.this))
        return found if found in _OF_DAYS else None
    if isinstance(node, _CUTTING) and column_name(node.this) is not None:
        return _part(node.args["unit"])
    if isinstance(node, exp.Cast) and node.to.this.name == "DATE" and column_name(node.this) is not None:
        return "day"
    return None


def _of_dates(left: exp.Expr, sign: str, right: exp.Expr) -> Branches | None:
    """Comparisons of the days of moments: what holds of the moments, a day apart where they must differ, is enough."""
    names = [column_name(bare(side.this if isinstance(side, exp.Cast) else side)) for side in (left, right)]
    kinds = {side.to.this.name for side in (left, right) if isinstance(side, exp.Cast)}
    if names[0] is None or names[1] is None or kinds != {"DATE"} or sign not in ("<", "<=", ">", ">="):
        return None
    day = 86_400_000_000
    plus = {"<": -day, "<=": 0, ">": day, ">=": 0}[sign]
    if not isinstance(left, exp.Cast) or not isinstance(right, exp.Cast):
        # One side is a date or a moment as it is: a whole day lies between in any case.
        plus = -day if sign[0] == "<" else day
    return one(Compared(names[0], sign[0] + "=", names[1], plus, "us" if plus else "number"))


def _of_column(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name = column_name(node)
    if name is None:
        return None
    return column_comparison(name, sign, value)


def column_comparison(name: str, sign: str, value: Scalar) -> Branches | None:
    """`column sign constant`."""
    if value == "" and sign in ("<>", ">"):
        return one(Length(name, ">", 0))
    if sign == "=":
        return one(Allowed(name, (value,)))
    if sign == "<>":
        return one(Allowed(name, (not value,)) if isinstance(value, bool) else Excluded(name, (value,)))
    if isinstance(value, bool):
        return None
    if value in ("", "NaN"):
        # Nothing sorts below the empty text, and nothing above NaN.
        return ALWAYS if (value, sign) in (("", ">="), ("NaN", "<=")) else _below_nan(name, sign, value)
    return one(Bound(name, sign, value))


def _below_nan(name: str, sign: str, value: Scalar) -> Branches | None:
    return one(Excluded(name, (value,))) if (value, sign) == ("NaN", "<") else None


def _whole(sign: str, value: Scalar) -> int | None:
    """A bound on whole numbers as a whole number."""
    if not isinstance(value, (int, float)):
        return None
    if value == int(value):
        return int(value)
    return {"<": math.ceil, "<=": math.floor, ">": math.floor, ">=": math.ceil}.get(sign, lambda _: None)(value)


def _length(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    number, inner = _whole(sign, value), node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    target = text_target(inner)
    if number is None or target is None:
        return None
    in_bytes = isinstance(node, exp.Anonymous) or bool(node.args.get("binary"))
    return one(*target[1], Length(target[0], sign, number, "bytes" if in_bytes else "characters"))


def _bits(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name, bits = column_name(node.this), _whole(sign, value)
    if name is None or bits is None or bits % 8:
        return None
    return one(Length(name, sign, bits // 8, "bytes"))


def _stored(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name, size = column_name(node.expressions[0]), _whole(sign, value)
    if name is None or size is None or sign not in ("<", "<=") or size <= _HEADER_BYTES:
        return None
    return one(Length(name, sign, size - _HEADER_BYTES, "bytes"))


def _size(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    anonymous = isinstance(node, exp.Anonymous)
    name = column_name(node.expressions[0] if anonymous else node.this)
    number, dimension = _whole(sign, value), None if anonymous else node.args.get("expression")
    if name is None or number is None or (dimension is not None and constant(dimension) != 1):
        return None
    documents = [JsonType(name, "array")] if function(node).startswith("json") else []
    return one(*documents, Size(name, sign, number))


def _dimensions(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    """One dimension: what an array that is not empty has here."""
    name = column_name(node.expressions[0])
    return one(Size(name, ">", 0)) if name is not None and compare(1, sign, value) is True else None


def _modulo(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name, modulo = column_name(node.this), constant(node.expression)
    if name is None or not isinstance(modulo, int) or isinstance(modulo, bool) or modulo < 1:
        return None
    if sign == "=" and isinstance(value, int) and 0 <= value < modulo:
        return one(*_remainder(name, modulo, value))
    if modulo > _REMAINDERS_MAX:
        return None
    fitting = [left for left in range(modulo) if compare(left, sign, value)]
    return either(*(one(*_remainder(name, modulo, left)) for left in fitting))


def _remainder(name: str, modulo: int, remainder: int) -> tuple[Fact, ...]:
    """Below zero the server's remainders are negative."""
    fact = Multiple(name, modulo, remainder)
    return (fact, Bound(name, ">=", 0)) if remainder else (fact,)


def _mask(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    """The last bits of a number are zero: it is a multiple."""
    name, mask = column_name(node.this), constant(node.expression)
    if name is None or not isinstance(mask, int) or mask < 1 or mask & (mask + 1) or (sign, value) != ("=", 0):
        return None
    return one(Multiple(name, mask + 1))


def _width(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    """`upper(range) - lower(range)` against a number or a span of time."""
    upper, lower = bare(node.this), bare(node.expression)
    if not isinstance(upper, exp.Upper) or not isinstance(lower, exp.Lower) or sign == "<>":
        return None
    name = column_name(upper.this)
    if name is None or name != column_name(lower.this) or isinstance(value, bool):
        return None
    if not isinstance(value, str):
        return one(RangeWidth(name, sign, value))
    span = interval_us(value)
    return one(RangeWidth(name, sign, span[0], "us")) if span is not None and span[0] == span[1] else None


def _lower_bound(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    """Arrays are made from their first element on."""
    named = column_name(node.expressions[0]) is not None and len(node.expressions) == 2
    return ALWAYS if named and compare(1, sign, value) is True else None


def _removal(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    facts = removal(node, sign, value)
    return None if facts is None else one(*facts)


def _json_type(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name = column_name(node.expressions[0] if isinstance(node, exp.Anonymous) else node.this)
    if name is None or not isinstance(value, str) or sign not in ("=", "<>"):
        return None
    types = [value] if sign == "=" else [kind for kind in _JSON_TYPES if kind != value]
    return either(*(one(JsonType(name, kind)) for kind in types))


def _position(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    """A text is in another, nowhere in it, or at its beginning."""
    target, part = text_target(node.this), constant(node.args["substr"])
    if target is None or not isinstance(part, str) or not part or not isinstance(value, int):
        return None
    found, begins, seen = "%" + literal(part) + "%", literal(part) + "%", is_as_text(node.this)
    if (sign, value) in ((">", 0), (">=", 1), ("<>", 0)):
        return one(*target[1], Like(target[0], found, as_text=seen))
    if (sign, value) in (("=", 0), ("<", 1), ("<=", 0)):
        return one(*target[1], Like(target[0], found, negated=True, as_text=seen))
    if (sign, value) in (("=", 1), ("<=", 1)):
        return one(*target[1], Like(target[0], begins, as_text=seen))
    if (sign, value) in ((">", 1), (">=", 2)):
        begins_not = Like(target[0], begins, negated=True, as_text=seen)
        return one(*target[1], begins_not, Like(target[0], "_" + found, as_text=seen))
    return None


def _edge(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    """left(x, n), right(x, n) and substring(x, 1, n) against a text of that length."""
    target, length = text_target(node.this), _edge_length(node)
    if target is None or not isinstance(value, str) or length != len(value) or sign not in ("=", "<>"):
        return None
    pattern = "%" + literal(value) if isinstance(node, exp.Right) else literal(value) + "%"
    return one(*target[1], Like(target[0], pattern, negated=sign == "<>", as_text=is_as_text(node.this)))


def _edge_length(node: exp.Expr) -> Scalar | None:
    if not isinstance(node, exp.Substring):
        return constant(node.expression)
    start, length = node.args.get("start"), node.args.get("length")
    return constant(length) if start is not None and length is not None and constant(start) == 1 else None


def _part(node: exp.Expr) -> str | None:
    value = node.name if isinstance(node, exp.Var) else constant(node)
    return str(value).lower() if value is not None else None


def _extract(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name, part = column_name(node.expression), _part(node.this)
    if part == "epoch" and isinstance(bare(node.expression), exp.Sub) and isinstance(value, (int, float)):
        fact = lasting(node.expression, sign, value)
        return None if fact is None else one(fact)
    if name is None or part is None or not isinstance(value, (int, float)):
        return None
    first = _FIRST_OF.get((part, int(value))) if sign == "=" else None
    if part in ("year", "isoyear") and sign in (">=", ">", "<", "<=") and value == int(value):
        year = int(value) + (sign in (">", "<="))
        return one(Bound(name, ">=" if sign[0] == ">" else "<", f"{year:04d}-01-01")) if 0 < year < 10_000 else None
    return one(Truncated(name, first)) if first else one(DatePart(name, part, sign, value))


def _absolute(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name = column_name(node.this)
    if name is None or not isinstance(value, (int, float)):
        return None
    if sign in ("<", "<="):
        return one(Bound(name, sign, value), Bound(name, MIRROR[sign], -value))
    if sign == "<>":
        return one(Excluded(name, (value, -value)))
    if sign == "=":
        return one(Allowed(name, (value, -value))) if value >= 0 else NEVER
    return either(one(Bound(name, sign, value)), one(Bound(name, MIRROR[sign], -value)))


def _network(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name, number = column_name(node.expressions[0]), _whole(sign, value)
    if name is None or number is None:
        return None
    return one(Network(name, "family" if function(node) == "family" else "masklen", sign, number))


def _spatial(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    name = column_name(node.expressions[0])
    return None if name is None else one(Spatial(name, function(node).removeprefix("st_"), sign, value))


def _cased(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    """A function of a text against a constant; lower() and upper() of anything else are the ends of a range."""
    target = text_target(node)
    if target is None:
        return None
    if isinstance(value, str):
        read = column_comparison(target[0], sign, value)
        return None if read is None else either(*(one(*target[1], *branch.facts) for branch in read))
    if isinstance(node, exp.Trim):
        return None
    return one(RangeEnd(target[0], "lower" if isinstance(node, exp.Lower) else "upper", sign, value))


def _day(node: exp.Expr, sign: str, value: Scalar) -> Branches | None:
    """The day of a moment against a constant one."""
    name = column_name(node.this)
    if name is None or not isinstance(node, exp.Cast) or node.to.this.name != "DATE" or sign not in ("<", ">="):
        return None
    return one(Bound(name, sign, value)) if isinstance(value, str) else None


_READERS: dict[type[exp.Expr], Reader] = {
    exp.Column: _of_column,
    exp.Length: _length,
    exp.ByteLength: _length,
    exp.BitLength: _bits,
    exp.ArraySize: _size,
    exp.Mod: _modulo,
    exp.Sub: _width,
    exp.RegexpReplace: _removal,
    exp.BitwiseAnd: _mask,
    exp.StrPosition: _position,
    exp.Left: _edge,
    exp.Right: _edge,
    exp.Substring: _edge,
    exp.Extract: _extract,
    exp.Abs: _absolute,
    exp.Lower: _cased,
    exp.Upper: _cased,
    exp.Trim: _cased,
    exp.JSONType: _json_type,
    exp.Cast: _day,
}
_FUNCTIONS: dict[str, Reader] = {
    "octet_length": _length,
    "pg_column_size": _stored,
    "cardinality": _size,
    "jsonb_array_length": _size,
    "json_array_length": _size,
    "array_ndims": _dimensions,
    "array_lower": _lower_bound,
    "jsonb_typeof": _json_type,
    "json_typeof": _json_type,
    "family": _network,
    "masklen": _network,
    **dict.fromkeys(
        ("st_srid", "st_ndims", "st_x", "st_y", "geometrytype", "st_geometrytype", "st_coorddim"), _spatial
    ),
}


_STRICT = {"", *_FUNCTIONS, "isempty", "all", "isfinite", "lower_inf", "upper_inf", "row"}
_PASSING_OVER_NULL = (exp.Greatest, exp.Least, exp.Concat, exp.ConcatWs)
"""Functions that can have a value where an argument has none."""


def always_known_when_set(node: exp.Expr) -> tuple[Fact, ...] | None:
    """What must hold, besides no column being NULL, for an expression to have a value; None where that is not known."""
    facts: list[Fact] = []
    for part in node.walk():
        if isinstance(part, exp.ArraySize) or function(part) in ("array_ndims", "array_lower"):
            facts += [Size(name, ">", 0) for name in column_names(part)]
        elif isinstance(part, _PASSING_OVER_NULL) or function(part) not in _STRICT or is_lookup(part):
            return None
        elif isinstance(part, exp.Lower | exp.Upper) and column_name(part.this) is not None:
            facts.append(RangeEnd(column_name(part.this) or "", "lower" if isinstance(part, exp.Lower) else "upper"))
    return tuple(dict.fromkeys(facts))


__all__ = ["Casing", "always_known_when_set", "column_comparison", "read_comparison", "truncated_unit"]
