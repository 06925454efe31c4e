"""Rules for times, dates and intervals. Moments are kept in UTC, and sessions run in it."""

from __future__ import annotations

from sqlglot import exp

from loadlab.engines.translation import UntranslatableError, bare, call, interval_parts, is_text, unit_name

TRUNCATED = {
    "YEAR": "%Y-01-01 00:00:00",
    "MONTH": "%Y-%m-01 00:00:00",
    "HOUR": "%Y-%m-%d %H:00:00",
    "MINUTE": "%Y-%m-%d %H:%i:00",
    "SECOND": "%Y-%m-%d %H:%i:%s",
}
_DECIMALS = 6
_PARTS = {"YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"}
_FUNCTIONS = {"DOY": "dayofyear", "DAYOFYEAR": "dayofyear"}
_MICROSECONDS = {
    "WEEK": 604_800_000_000,
    "DAY": 86_400_000_000,
    "HOUR": 3_600_000_000,
    "MINUTE": 60_000_000,
    "SECOND": 1_000_000,
}


def now(_: exp.Expr) -> exp.Expr:
    """The time of the statement, in microseconds."""
    return call("current_timestamp", exp.Literal.number(_DECIMALS))


def truncated(node: exp.Expr) -> exp.Expr:
    """`date_trunc('day', time)`."""
    unit, moment = node.args["unit"].name.upper(), node.this
    if unit == "DAY":
        begins: exp.Expr = call("date", moment)
    elif unit == "WEEK":
        weekday = call("weekday", moment.copy())
        begins = exp.Sub(this=call("date", moment.copy()), expression=_interval(weekday, "DAY"))
    elif unit in TRUNCATED:
        begins = call("date_format", moment, TRUNCATED[unit])
    else:
        raise UntranslatableError(f"date_trunc to {unit.lower()} has no counterpart")
    return exp.Cast(this=begins, to=exp.DataType.build("DATETIME"))


def extract(node: exp.Expr) -> exp.Expr:
    """`extract(year FROM time)`, and the seconds of `extract(epoch FROM time)` or of a difference of two times."""
    part, moment = node.this.name.upper(), bare(node.expression)
    if part == "EPOCH":
        since: exp.Expr = exp.Literal.string("1970-01-01 00:00:00")
        if isinstance(moment, exp.Sub):
            moment, since = moment.this, moment.expression
        micros = call("timestampdiff", exp.var("MICROSECOND"), since.copy(), moment.copy())
        return exp.paren(exp.Div(this=micros, expression=exp.Literal.number("1000000e0")))
    if part == "DOW":
        return exp.paren(exp.Sub(this=call("dayofweek", moment), expression=exp.Literal.number(1)))
    if part == "ISODOW":
        return exp.paren(exp.Add(this=call("weekday", moment), expression=exp.Literal.number(1)))
    if part == "WEEK":
        return call("week", moment, exp.Literal.number(3))
    if part in _FUNCTIONS:
        return call(_FUNCTIONS[part], moment)
    if part not in _PARTS:
        raise UntranslatableError(f"extract({part.lower()}) has no counterpart")
    return call(part.lower(), moment)


def shifted_time(node: exp.Expr) -> exp.Expr:
    """Times shifted by intervals, dates by days; any other sum stays."""
    left, right = bare(node.this), bare(node.expression)
    if isinstance(node, exp.Add) and _is_interval(left):
        left, right = right, left
    operator = exp.Sub if isinstance(node, exp.Sub) else exp.Add
    if _is_interval(right):
        shifted: exp.Expr = left.copy()
        for part in _parts(right):
            shifted = operator(this=shifted, expression=part)
        return shifted
    is_date = isinstance(left, exp.CurrentDate) or (isinstance(left, exp.Anonymous) and left.name == "date")
    if is_date and isinstance(right, exp.Literal) and right.is_int:
        return operator(this=left.copy(), expression=_interval(right.copy(), "DAY"))
    return node


def _is_interval(node: exp.Expr) -> bool:
    if isinstance(node, exp.Mul):
        return _is_interval(bare(node.this)) or _is_interval(bare(node.expression))
    # One with a unit that is made of a number is the server's own already.
    is_ours = isinstance(node, exp.Interval) and node.args.get("unit") is not None and not is_text(node.this)
    return isinstance(node, (exp.Interval, exp.MakeInterval)) and not is_ours


def _interval(amount: exp.Expr, unit: str) -> exp.Interval:
    return exp.Interval(this=amount, unit=exp.var(unit))


def _parts(node: exp.Expr) -> list[exp.Interval]:
    """The server's intervals, of one unit each."""
    if isinstance(node, exp.Mul):
        interval, factor = bare(node.this), bare(node.expression)
        if not _is_interval(interval):
            interval, factor = factor, interval
        return [_times(amount, unit, factor) for amount, unit in _amounts(interval)]
    if isinstance(node, exp.MakeInterval):
        return [_made(name, amount) for name, amount in node.args.items() if amount is not None]
    return [_whole(amount, unit) for amount, unit in _amounts(node)]


def _whole(amount: float, unit: str) -> exp.Interval:
    """A part of a unit is so many microseconds."""
    if amount == int(amount) or unit not in _MICROSECONDS:
        return _interval(exp.Literal.number(int(amount)), unit)
    return _interval(exp.Literal.number(round(amount * _MICROSECONDS[unit])), "MICROSECOND")


def _times(amount: float, unit: str, factor: exp.Expr) -> exp.Interval:
    """The factor may be no whole number, which the server would round."""
    if unit in _MICROSECONDS:
        amount, unit = amount * _MICROSECONDS[unit], "MICROSECOND"
    product = exp.Mul(this=exp.paren(factor.copy()), expression=exp.Literal.number(int(amount)))
    return _interval(exp.paren(product), unit)


def _made(name: str, amount: exp.Expr) -> exp.Interval:
    value = amount.expression if isinstance(amount, exp.Kwarg) else amount
    return _times(1.0, unit_name(name).upper(), value)


def _amounts(node: exp.Expr) -> list[tuple[float, str]]:
    """(amount, the server's unit)."""
    return [(amount, unit.upper()) for amount, unit in interval_parts(node)]
