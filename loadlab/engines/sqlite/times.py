"""Rules for times, dates and intervals: SQLite has none of these types, but functions on their texts.

Modifiers such as '-30 days' are described at https://www.sqlite.org/lang_datefunc.html.
"""

from __future__ import annotations

from sqlglot import exp

from loadlab.engines.translation import UntranslatableError, bare, call, interval_parts, unit_name

TIME_FORMAT = "%Y-%m-%d %H:%M:%f000"
"""strftime's form of a stored timestamp: SQLite counts milliseconds, the stored text has microseconds."""
TRUNCATED = {
    "YEAR": "%Y-01-01 00:00:00.000000",
    "MONTH": "%Y-%m-01 00:00:00.000000",
    "WEEK": "%Y-%m-%d 00:00:00.000000",
    "DAY": "%Y-%m-%d 00:00:00.000000",
    "HOUR": "%Y-%m-%d %H:00:00.000000",
    "MINUTE": "%Y-%m-%d %H:%M:00.000000",
    "SECOND": "%Y-%m-%d %H:%M:%S.000000",
}
# Weeks begin on Monday: on to the next Sunday (or stay), then six days back.
TO_MONDAY = ("weekday 0", "-6 days")
_PARTS = {"YEAR": "%Y", "MONTH": "%m", "DAY": "%d", "HOUR": "%H", "MINUTE": "%M", "DOW": "%w", "DOY": "%j"}
_EPOCH_JULIAN_DAY = 2440587.5
_SECONDS_PER_DAY = 86400.0
# unit → SQLite's modifier and how many of it one is
_UNITS = {
    "year": ("years", 1),
    "month": ("months", 1),
    "week": ("days", 7),
    "day": ("days", 1),
    "hour": ("hours", 1),
    "minute": ("minutes", 1),
    "second": ("seconds", 1),
}


def now(_: exp.Expr) -> exp.Expr:
    """The time of the statement, in the form in which times are stored."""
    return call("strftime", TIME_FORMAT, "now")


def truncated(node: exp.Expr) -> exp.Expr:
    """`date_trunc('day', time)`."""
    unit = node.args["unit"].name.upper()
    if unit not in TRUNCATED:
        raise UntranslatableError(f"date_trunc to {unit.lower()} has no counterpart")
    return call("strftime", TRUNCATED[unit], node.this, *(TO_MONDAY if unit == "WEEK" else ()))


def extract(node: exp.Expr) -> exp.Expr:
    """`extract(year FROM time)`, and the seconds of `extract(epoch FROM time)` or of a difference of two times."""
    part, moment = node.this.name.upper(), bare(node.expression)
    if part == "EPOCH":
        since: exp.Expr = exp.Literal.number(_EPOCH_JULIAN_DAY)
        if isinstance(moment, exp.Sub):
            moment, since = moment.this, call("julianday", moment.expression)
        days = exp.Sub(this=call("julianday", moment), expression=since)
        return exp.paren(exp.Mul(this=exp.paren(days), expression=exp.Literal.number(_SECONDS_PER_DAY)))
    if part not in _PARTS:
        raise UntranslatableError(f"extract({part.lower()}) has no counterpart")
    return exp.cast(call("strftime", _PARTS[part], moment), "BIGINT")


def shifted_time(node: exp.Expr) -> exp.Expr:
    """Times shifted by intervals, dates by days; any other sum stays."""
    left, right = bare(node.this), bare(node.expression)
    if isinstance(node, exp.Add) and _is_interval(left):
        left, right = right, left
    sign = "-" if isinstance(node, exp.Sub) else "+"
    if _is_interval(right):
        return _shifted(left, _modifiers(right, sign))
    is_date = isinstance(left, exp.CurrentDate) or (isinstance(left, exp.Anonymous) and left.name == "date")
    if is_date and isinstance(right, exp.Literal) and right.is_int:
        return call("date", left, f"{sign}{right.name} days")
    return node


def _shifted(moment: exp.Expr, modifiers: list[exp.Expr | str]) -> exp.Expr:
    is_formatted = isinstance(moment, exp.Anonymous) and moment.name == "strftime"
    if is_formatted and moment.expressions[0].name == TIME_FORMAT:
        return call("strftime", *moment.expressions, *modifiers)
    return call("strftime", TIME_FORMAT, moment, *modifiers)


def _is_interval(node: exp.Expr) -> bool:
    if isinstance(node, exp.Mul):
        return _is_interval(bare(node.this)) or _is_interval(bare(node.expression))
    return isinstance(node, (exp.Interval, exp.MakeInterval))


def _modifiers(node: exp.Expr, sign: str) -> list[exp.Expr | str]:
    """strftime's modifiers for an interval, e.g. '-30 days'."""
    if isinstance(node, exp.Mul):
        interval, factor = bare(node.this), bare(node.expression)
        if not _is_interval(interval):
            interval, factor = factor, interval
        return [_product(_parts(interval), factor, sign)]
    if isinstance(node, exp.MakeInterval):
        return [_made(unit, amount, sign) for unit, amount in node.args.items() if amount is not None]
    return [f"{_signed(sign, amount):+g} {unit}" for amount, unit in _parts(node)]


def _signed(sign: str, amount: float) -> float:
    return -amount if sign == "-" else amount


def _product(parts: list[tuple[float, str]], factor: exp.Expr, sign: str) -> exp.Expr:
    if len(parts) != 1:
        raise UntranslatableError("a multiple of an interval of several units has no counterpart")
    amount, unit = parts[0]
    number = exp.Mul(this=exp.paren(factor.copy()), expression=exp.Literal.number(f"{_signed(sign, amount):g}"))
    # printf writes the sign that a modifier must begin with.
    return call("printf", f"%+f {unit}", number)


def _made(unit: str, amount: exp.Expr, sign: str) -> exp.Expr:
    value = amount.expression if isinstance(amount, exp.Kwarg) else amount
    modifier, factor = _UNITS[unit_name(unit)]
    return _product([(float(factor), modifier)], value, sign)


def _parts(node: exp.Expr) -> list[tuple[float, str]]:
    """(amount, SQLite's unit)."""
    return [(amount * _UNITS[unit][1], _UNITS[unit][0]) for amount, unit in interval_parts(node)]
