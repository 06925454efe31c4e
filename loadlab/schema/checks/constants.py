"""Constants of an expression: numbers, texts, arrays and spans of time, as the server prints them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from sqlglot import exp

from loadlab.schema.checks.facts import Number, Scalar
from loadlab.schema.checks.syntax import NUMBERS, bare

_DAY_US = 86_400_000_000
_UNITS_US: dict[str, tuple[int, int]] = {
    # Months and years have no one length: the shortest and the longest that a calendar has.
    "year": (365 * _DAY_US, 366 * _DAY_US),
    "mon": (28 * _DAY_US, 31 * _DAY_US),
    "week": (7 * _DAY_US,) * 2,
    "day": (_DAY_US,) * 2,
    "hour": (3_600_000_000,) * 2,
    "min": (60_000_000,) * 2,
    "sec": (1_000_000,) * 2,
    "millisecond": (1000,) * 2,
    "microsecond": (1,) * 2,
}
_ALIASES = {"yr": "year", "month": "mon", "hr": "hour", "minute": "min", "second": "sec", "d": "day", "h": "hour"}
_SPAN = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([a-z]+)|([+-]?)(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?", re.I)
_ARITHMETIC: dict[type[exp.Expr], Callable[[Number, Number], Number]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
}
_RANGES_OF_TIME = {"daterange", "tsrange", "tstzrange"}
_RANGES = {"int4range", "int8range", "numrange"} | _RANGES_OF_TIME
_RANGE = re.compile(r'\s*([\[(])("[^"]*"|[^",]*),("[^"]*"|[^",]*)([\])])\s*')
_ARRAY_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}]*))\s*(?:,|$)')


def constant(node: exp.Expr) -> Scalar | None:
    """The value of a constant expression; None for anything else, NULL included."""
    node = bare(node)
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Literal):
        return str(node.this) if node.is_string else number(str(node.this))
    if isinstance(node, exp.Cast):
        inner = constant(node.this)
        return None if inner is None else as_type(inner, node.to)
    if isinstance(node, exp.Neg):
        inner = constant(node.this)
        return -inner if isinstance(inner, (int, float)) else None
    if isinstance(node, (exp.RawString, exp.ByteString, exp.UnicodeString, exp.National)):
        return str(node.this)
    if isinstance(node, exp.Introducer):
        return constant(node.expression)
    if isinstance(node, exp.Interval):
        return interval_text(node)
    return _folded(node)


def _folded(node: exp.Expr) -> Scalar | None:
    """The result of an operation on constants."""
    if not isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Pow, exp.DPipe)):
        return None
    left, right = constant(node.this), constant(node.expression)
    if isinstance(node, exp.DPipe):
        return left + right if isinstance(left, str) and isinstance(right, str) else None
    if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
        return None
    if isinstance(node, exp.Pow):
        # Exact for the powers of two that limits are made of; a wild exponent is nobody's limit.
        return float(left**right) if 0 <= right <= 64 and 0 < left <= 1024 else None
    return _ARITHMETIC[type(node)](left, right)


def as_type(value: Scalar, to: exp.DataType) -> Scalar:
    """A constant after a cast."""
    kind = to.this.name
    if kind == "BOOLEAN":
        return str(value).lower() in ("true", "t", "yes", "on", "1") if isinstance(value, str) else bool(value)
    if kind in NUMBERS and isinstance(value, str):
        return number(value)
    if kind in ("TEXT", "VARCHAR", "CHAR") and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def number(text: str) -> Number | str:
    """A number as exact as Python has it; the text where it is none (NaN, Infinity)."""
    try:
        return int(text)
    except ValueError:
        try:
            return float(text) if float(text) - float(text) == 0 else text
        except ValueError:
            return text


def array_constants(node: exp.Expr) -> tuple[Scalar | None, ...] | None:
    """The elements (None for NULL) of a constant array; None where it is not constant."""
    node = bare(node)
    if isinstance(node, exp.Cast):
        inner = bare(node.this)
        if isinstance(inner, exp.Literal) and inner.is_string and node.to.this is exp.DType.ARRAY:
            return _array_literal(str(inner.this), node.to)
        return array_constants(inner)
    if not isinstance(node, (exp.Array, exp.Tuple)):
        return None
    values = [None if isinstance(bare(item), exp.Null) else (constant(item), item) for item in node.expressions]
    if any(value is not None and value[0] is None for value in values):
        return None
    return tuple(None if value is None else value[0] for value in values)


def _array_literal(text: str, to: exp.DataType) -> tuple[Scalar | None, ...] | None:
    """`{a,"b c",NULL}`, one dimension."""
    body = text.strip()
    if not body.startswith("{") or not body.endswith("}") or "{" in body[1:]:
        return None
    body, items, at = body[1:-1], list[Scalar | None](), 0
    while at < len(body):
        found = _ARRAY_ITEM.match(body, at)
        if found is None or found.end() == at:
            return None
        quoted, plain = found.groups()
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
        null = quoted is None and value.upper() == "NULL"
        items.append(None if null else as_type(value, to.expressions[0]) if to.expressions else value)
        at = found.end()
    return tuple(items)


def interval_text(node: exp.Interval) -> str:
    """An interval literal as one text, e.g. `1 DAY`."""
    value, unit = constant(node.this) if node.this is not None else "", node.args.get("unit")
    return f"{value} {unit.name}".strip() if isinstance(unit, exp.Var) else str(value)


def interval_us(text: str) -> tuple[int, int] | None:
    """The least and the most microseconds that an interval can be long: they differ where it counts months."""
    low = high = at = 0
    for found in _SPAN.finditer(text):
        if text[at : found.start()].strip():
            return None
        at = found.end()
        span = _clock_us(found) if found[2] is None else _named_us(found[1], found[2])
        if span is None:
            return None
        low, high = low + min(span), high + max(span)
    return None if at == 0 or text[at:].strip() else (low, high)


def _clock_us(found: re.Match[str]) -> tuple[int, int]:
    seconds = int(found[4]) * 3600 + int(found[5]) * 60
    total = seconds * 1_000_000 + round(float(found[6] or 0) * 1_000_000)
    return (-total, -total) if found[3] == "-" else (total, total)


def _named_us(amount: str, unit: str) -> tuple[int, int] | None:
    name = unit.lower()
    name = name.removesuffix("s") if name != "s" else "sec"
    units = _UNITS_US.get(_ALIASES.get(name, name))
    if units is None:
        return None
    shortest, longest = (round(float(amount) * one) for one in units)
    return shortest, longest


def interval_of(node: exp.Expr) -> tuple[int, int] | None:
    """The microseconds of an interval constant; None for anything else."""
    node = bare(node)
    if isinstance(node, exp.Interval):
        return interval_us(interval_text(node))
    if isinstance(node, exp.Cast) and node.to.this.name == "INTERVAL":
        text = constant(node.this)
        return interval_us(text) if isinstance(text, str) else None
    return None


def range_signs(node: exp.Expr) -> tuple[tuple[str, Number | str], ...] | None:
    """The signs and limits of a constant range, e.g. (">=", 1) and ("<", 10); None for anything else, or no limit."""
    node = bare(node)
    if isinstance(node, exp.Cast):
        kind, found = node.to.this.name.lower(), _RANGE.fullmatch(str(constant(node.this)))
        if kind not in _RANGES or found is None:
            return None
        edges, ends = found[1] + found[4], [_limit(text, kind) for text in (found[2], found[3])]
    elif isinstance(node, exp.Anonymous) and node.name.lower() in _RANGES and len(node.expressions) in (2, 3):
        *_, last = node.expressions
        edges = str(constant(last)) if len(node.expressions) == 3 else "[)"
        values = [constant(item) for item in node.expressions[:2]]
        if any(
            value is None and not isinstance(bare(item), exp.Null)
            for value, item in zip(values, node.expressions, strict=False)
        ):
            return None
        ends = [None if value is None or isinstance(value, bool) else value for value in values]
    else:
        return None
    signs = (">=" if edges[0] == "[" else ">", "<=" if edges[-1] == "]" else "<")
    return tuple((sign, end) for sign, end in zip(signs, ends, strict=True) if end is not None) or None


def _limit(text: str, kind: str) -> Number | str | None:
    """An end of a range as its server prints it; None where it is open."""
    plain = text.strip().strip('"')
    if plain in ("", "infinity", "-infinity"):
        return None
    return plain if kind in _RANGES_OF_TIME else number(plain)
