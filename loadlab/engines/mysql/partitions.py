"""What a table's partitions demand of its rows: one outside of all of them is refused (error 1526)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from loadlab.engines.mysql.show import closing, mask

# MySQL hides the clause in a comment of its own, `/*!50100 PARTITION BY RANGE (…)`.
_CLAUSE = re.compile(r"PARTITION BY (RANGE|LIST)\s+(?:COLUMNS)?\s*\(", re.IGNORECASE)
_LESS_THAN = re.compile(r"VALUES LESS THAN (MAXVALUE|\()", re.IGNORECASE)
_OF_A_MOMENT = re.compile(
    r"^(?P<function>year|to_days|unix_timestamp)\s*\(\s*(?P<column>`(?:[^`]|``)+`)\s*\)$", re.IGNORECASE
)
_DAYS_BEFORE_YEAR_1 = 365
_IN = re.compile(r"VALUES IN\s*\(", re.IGNORECASE)
_DEFAULT = re.compile(r"PARTITION \S+ DEFAULT", re.IGNORECASE)


def partition_checks(options: str) -> Iterator[str]:
    """Conditions that every row fulfils, from what follows a table's body; of several columns nothing is told."""
    masked = mask(options)
    clause = _CLAUSE.search(masked)
    if clause is None:
        return
    stop = closing(masked, clause.end() - 1)
    key = options[clause.end() : stop].strip()
    if "," in mask(key):
        return
    if clause[1].upper() == "RANGE":
        bounds = [_bound(options, masked, found) for found in _LESS_THAN.finditer(masked, stop)]
        if bounds and bounds[-1] is not None:
            yield _before(key, bounds[-1])
    elif _DEFAULT.search(masked, stop) is None:
        lists = [options[found.end() : closing(masked, found.end() - 1)] for found in _IN.finditer(masked, stop)]
        if lists:
            yield f"{key} IN ({', '.join(lists)})"


def _before(key: str, bound: str) -> str:
    """`year(at) < 2030` as the moment from which it no longer holds, which data is made by."""
    found = _OF_A_MOMENT.match(key)
    if found is None or not bound.isdigit():
        return f"{key} < {bound}"
    try:
        moment = _moment(found["function"].lower(), int(bound))
    except (OSError, OverflowError, ValueError):
        # Beyond the years 1 to 9999, which is how some people say "everything".
        return f"{key} < {bound}"
    return f"{found['column']} < '{moment}'"


def _moment(function: str, number: int) -> dt.datetime:
    """The moment at which the function begins to give a number."""
    match function:
        case "year":
            return dt.datetime(number, 1, 1)
        case "to_days":
            # Day 366 is the first day of the year 1, Python's day 1.
            return dt.datetime.fromordinal(number - _DAYS_BEFORE_YEAR_1)
        case _:
            return dt.datetime.fromtimestamp(number, dt.UTC).replace(tzinfo=None)


def _bound(options: str, masked: str, found: re.Match[str]) -> str | None:
    """None for MAXVALUE."""
    if found[1] != "(":
        return None
    text = options[found.end() : closing(masked, found.end() - 1)].strip()
    return None if text.upper() == "MAXVALUE" else text
