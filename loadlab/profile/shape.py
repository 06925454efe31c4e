"""From statistics to the `data` section of a scenario: what reproduces them, and which columns show real values."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadlab.errors import InputError
from loadlab.profile.values import MOMENTS, NUMBERS, Plain, merged_bins, plain_value, rounded_bounds, thinned
from loadlab.schema.model import Column, ForeignKey, LogicalType, Table
from loadlab.schema.statistics import ColumnStatistics, DatabaseStatistics, JointStatistics, TableStatistics

# Kinds whose values a scenario can state, and those whose values belong to the schema and not to anybody's data.
_STATED = (*NUMBERS, *MOMENTS, "text", "enum", "boolean", "uuid", "inet", "label_path")
_OF_THE_SCHEMA = ("enum", "boolean")
_ORDERED_FROM = 0.95
_UNIQUE_FROM = 0.999
# A column of whole numbers whose values fill more than this of their range is given their number, not their share.
_DENSE = 1 / 20
# Rounded bounds are not worth more bins.
_BINS = 25
# A value that so few rows have is frequent by chance.
_FREQUENT_ROWS = 10


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """Which real values may be written: of columns with up to so many, of the columns named, or of all."""

    values_up_to: int = 50
    allowed: frozenset[str] = frozenset()
    """`table.column`."""
    all_allowed: bool = False

    def allows(self, table: str, column: str) -> bool:
        return self.all_allowed or f"{table}.{column}" in self.allowed


@dataclass(frozen=True, slots=True)
class Profile:
    """`tables` is `data.tables` of a scenario. By `table.column`, what of the real data the columns show."""

    tables: dict[str, Any]
    real_values: dict[str, str] = field(default_factory=dict)
    rounded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Findings:
    real_values: dict[str, str] = field(default_factory=dict)
    rounded: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_profile(statistics: DatabaseStatistics, options: ProfileOptions) -> Profile:
    """Raises InputError for a column in `options.allowed` that is not there."""
    known = {f"{table.key}.{name}" for table in statistics.schema for name in table.column_names}
    for name in sorted(options.allowed - known):
        raise InputError("--allow-values", "names no column; give TABLE.COLUMN", value=name)
    findings = _Findings(notes=list(statistics.notes))
    rows = {key: table.rows for key, table in statistics.tables.items()}
    tables = {
        key: _table(statistics.schema.table(key), found, rows, options, findings)
        for key, found in statistics.tables.items()
    }
    return Profile(tables, findings.real_values, tuple(findings.rounded), tuple(findings.notes))


def _table(
    table: Table,
    statistics: TableStatistics,
    rows: Mapping[str, int | None],
    options: ProfileOptions,
    findings: _Findings,
) -> dict[str, Any]:
    made: dict[str, Any] = {} if statistics.rows is None else {"rows": statistics.rows}
    foreign = {name for key in table.foreign_keys for name in key.columns}
    columns = {}
    for column in table.stored_columns:
        found = statistics.columns.get(column.name)
        if found is None or column.name in foreign:
            continue
        shape = _column(table, column, found, statistics.rows or 0, options, findings)
        if shape:
            columns[column.name] = shape
    for joint in statistics.joint:
        _condition(table, joint, columns, findings)
    relations = {}
    for key in table.foreign_keys:
        found = statistics.columns.get(key.columns[0])
        if found is not None and len(key.columns) == 1:
            relation = _relation(table, key, found, statistics.rows or 0, rows.get(key.target))
            if relation:
                relations[key.columns[0]] = relation
    return made | ({"columns": columns} if columns else {}) | ({"relations": relations} if relations else {})


# -- columns ---------------------------------------------------------------------------------------------------------


def _column(
    table: Table, column: Column, found: ColumnStatistics, rows: int, options: ProfileOptions, findings: _Findings
) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    if column.nullable and column.name not in table.primary_key:
        shape["null_share"] = _share(found.null_share)
    filled = rows * (1 - found.null_share)
    distinct = found.distinct if found.distinct >= 0 else -found.distinct * rows
    if not distinct or filled < 1 or (column.name,) in table.unique_keys or column.type.kind not in _STATED:
        return shape
    name = f"{table.key}.{column.name}"
    few = len(found.common) >= round(distinct) and len(found.common) <= options.values_up_to
    allowed = options.allows(table.key, column.name)
    if found.common and (few or (column.type.kind in _OF_THE_SCHEMA and len(found.common) >= round(distinct))):
        values = [plain_value(text, column.type) for text in found.common]
        if None not in values:
            findings.real_values[name] = f"all {len(values)} values" if len(values) > 1 else "its only value"
            weights = [_share(share / (1 - found.null_share)) for share in found.common_shares]
            return shape | {"values": values, "weights": weights}
    in_key = any(column.name in key for key in table.unique_keys)
    if not in_key:
        return shape | _many(column, found, distinct, filled, allowed, findings, name)
    # Of a part of a key only the time is stated: how many different values it has follows from the key.
    if column.type.kind not in MOMENTS:
        return shape
    spread = _spread(column.type, found, distinct, allowed, findings, name)
    return shape | (_order(found) | spread if spread else {})


def _many(
    column: Column,
    found: ColumnStatistics,
    distinct: float,
    filled: float,
    allowed: bool,
    findings: _Findings,
    name: str,
) -> dict[str, Any]:
    """A column of many different values: how many, how frequent the most frequent ones are, where they lie."""
    shape: dict[str, Any] = {}
    share = min(distinct / filled, 1.0)
    spread = _spread(column.type, found, distinct, allowed, findings, name)
    tops = _tops(found, filled)
    common = [plain_value(text, column.type) for text in found.common[: len(tops)]] if allowed else []
    if tops and allowed and None not in common:
        shape["common"] = common
        findings.real_values[name] = f"the {len(common)} most frequent values"
    ordered = column.type.kind in (*NUMBERS, *MOMENTS) and not tops
    if share < _UNIQUE_FROM or tops or not spread:
        if tops:
            shape["common_shares"] = tops
        by_share = found.distinct < 0 and not (_is_dense(column.type, spread, distinct))
        shape |= {"distinct_share": _share(share)} if by_share else {"distinct": max(round(distinct), len(tops), 1)}
    if column.type.kind == "text" and not spread:
        # A text's statistics count its header of one byte.
        shape["width"] = max(found.width_bytes - 1, 1)
    return shape | (_order(found) if ordered and spread else {}) | spread


def _order(found: ColumnStatistics) -> dict[str, Any]:
    """Whether the values grow with the rows, as those of a `created_at` do."""
    if abs(found.correlation or 0.0) < _ORDERED_FROM:
        return {}
    return {"order": "ascending" if (found.correlation or 0.0) > 0 else "descending"}


def _tops(found: ColumnStatistics, filled: float) -> list[float]:
    """The most frequent values' shares of the rows that have one; together not above 1."""
    shares = [_share(share / (1 - found.null_share)) for share in found.common_shares]
    shares = [share for share in shares if share * filled >= _FREQUENT_ROWS]
    while sum(shares) > 1:
        shares = [_share(share / sum(shares) - 1e-5) for share in shares]
    return shares


def _spread(
    type: LogicalType, found: ColumnStatistics, distinct: float, allowed: bool, findings: _Findings, name: str
) -> dict[str, Any]:
    """The histogram of the other values: rounded for numbers and moments, for texts only when it is allowed."""
    values = [plain_value(text, type) for text in found.bounds]
    bounds: list[Plain] = [value for value in values if value is not None]
    if len(bounds) < 2 or len(bounds) < len(values):
        return {}
    if type.kind in (*NUMBERS, *MOMENTS):
        if not allowed:
            bounds = rounded_bounds(thinned(bounds, _BINS), type.kind)
            findings.rounded.append(name)
        else:
            findings.real_values[name] = f"{len(bounds)} bounds"
        kept, shares = merged_bins(bounds)
        if type.kind == "integer":
            # As many whole numbers as there are different values fit in.
            last = max(int(kept[-1]), int(kept[0]) + math.ceil(distinct))
            kept = [*kept[:-1], last] if len(kept) > 1 else [kept[0], last]
        if type.kind == "date" and len(kept) > 1:
            # Days alike: rounded to months, the ends may have come closer to each other.
            first = dt.date.fromisoformat(str(kept[0]))
            kept = [*kept[:-1], max(str(kept[-1]), (first + dt.timedelta(days=math.ceil(distinct))).isoformat())]
        if len(kept) < 2:
            return {}
        return {"histogram": {"bounds": kept} | ({"shares": shares} if shares is not None else {})}
    if type.kind != "text" or not allowed:
        return {}
    findings.real_values[name] = f"{len(bounds)} bounds"
    return {"histogram": {"bounds": bounds}}


def _is_dense(type: LogicalType, spread: Mapping[str, Any], distinct: float) -> bool:
    if type.kind == "date":
        return True
    if type.kind not in ("integer", "numeric") or not spread:
        return False
    bounds = spread["histogram"]["bounds"]
    unit = 10 ** (type.scale or 0) if type.kind == "numeric" else 1
    return bool(distinct > (bounds[-1] - bounds[0]) * unit * _DENSE)


def _share(share: float) -> float:
    """Five decimals are finer than a sample of 30,000 rows knows."""
    return round(min(max(share, 0.0), 1.0), 5)


# -- columns that depend on each other -------------------------------------------------------------------------------


def _condition(table: Table, joint: JointStatistics, columns: dict[str, Any], findings: _Findings) -> None:
    """Two columns whose values are written anyhow, and whose combinations are known: a conditional table."""
    name = f"{table.key} ({', '.join(joint.columns)})"
    if joint.combinations is not None:
        findings.notes.append(f"{name}: {_count(joint.combinations)} combinations")
    findings.notes += [
        f"{table.key}: {column} determines {other} in {degree:.0%} of the rows"
        for (column, other), degree in joint.dependencies.items()
        if degree >= 0.5
    ]
    if len(joint.columns) != 2 or not joint.common:
        return
    first, second = joint.columns
    # One of them may depend on a third column already, and has its values there.
    if not all("values" in columns.get(column, {}) for column in joint.columns):
        return
    types = table.column(first).type, table.column(second).type
    cases: dict[Any, dict[Any, float]] = {}
    nulls: dict[Any, float] = {}
    for (one, other), share in joint.common:
        if one is None:
            continue
        value = plain_value(one, types[0])
        if other is None:
            nulls[value] = nulls.get(value, 0.0) + share
            continue
        cases.setdefault(value, {})[plain_value(other, types[1])] = share
    if set(cases) | set(nulls) != set(columns[first]["values"]):
        return
    shaped: dict[Any, dict[str, Any]] = {}
    for value in columns[first]["values"]:
        found, missing = cases.get(value, {}), nulls.get(value, 0.0)
        total = sum(found.values()) + missing
        case: dict[str, Any] = {"values": list(found), "weights": [_share(s / total) for s in found.values()]}
        if not found:
            case = {"null_share": 1}
        elif missing:
            case["null_share"] = _share(missing / total)
        shaped[value] = case
    otherwise = columns[second]
    columns[second] = {"given": {"column": first, "cases": shaped, "otherwise": otherwise}}


def _count(distinct: float) -> str:
    return f"{distinct:,.0f}" if distinct >= 0 else f"{-distinct:.0%} of the rows as"


# -- relations -------------------------------------------------------------------------------------------------------


def _relation(table: Table, key: ForeignKey, found: ColumnStatistics, rows: int, parents: int | None) -> dict[str, Any]:
    """How children spread over parents, from the foreign key's different values and most frequent ones."""
    made: dict[str, Any] = {}
    if table.column(key.columns[0]).nullable:
        made["null_share"] = _share(found.null_share)
    filled = rows * (1 - found.null_share)
    distinct = found.distinct if found.distinct >= 0 else -found.distinct * rows
    if filled < 1 or distinct < 1 or key.columns in table.unique_keys or key.target == table.key:
        return made
    mean = filled / distinct
    top = max([round(share * rows) for share in found.common_shares], default=round(mean))
    made["skew"] = "none" if top <= 4 * mean + 4 else "mild" if top <= 40 * mean else "strong"
    children: dict[str, Any] = {"distribution": "geometric", "min": 1, "mean": round(max(mean, 1.0), 3)}
    if top > 4 * mean + 4:
        children = {"distribution": "zipf", "min": 1, "max": top, "exponent": _exponent(mean, top)}
    if parents:
        children["childless"] = _share(1 - distinct / parents)
    return made | {"children": children}


def _exponent(mean: float, top: int) -> float:
    """The exponent with which numbers of children from 1 to `top` have this mean, by bisection."""
    counts = [float(count) for count in range(1, min(top, 100_000) + 1)]
    low, high = 0.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        weights = [count**-middle for count in counts]
        found = sum(count * weight for count, weight in zip(counts, weights, strict=True)) / sum(weights)
        low, high = (middle, high) if found > mean else (low, middle)
    return round((low + high) / 2, 3)
