"""What does not depend on the clock: plans, blocks, rows, statements and bytes of a night beside those before it.

A wall clock needs two nights and an interval; these need neither. The usual value is the lower median of the last
`REFERENCES` nights: what got worse fails until it is the majority's, so that a second run of the same night is no way
around it. An improvement is told once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low

from loadlab.validate.nights.model import (
    BLOCKS,
    BYTES,
    EXAMINED,
    PLAN,
    STATEMENTS,
    Direction,
    Night,
    OperationNight,
    StatementNight,
)
from loadlab.validate.nights.wording import amount, names

REFERENCES = 7
TOLERANCE = 0.25
"""Rows, blocks and statements vary a little with the keys that a load happens to draw; an index makes factors."""
BYTES_TOLERANCE = 0.05
_BLOCKS_MIN = 2.0
_ROWS_MIN = 10.0
_STATEMENTS_MIN = 0.5
# How far a mean over n calls may lie from the true one, whose calls differ by about their mean: six standard errors.
_PER_ROOT_CALL = 6.0
_SPREAD = 4.0
_MAD_TO_SIGMA = 1.4826
# A table's and an index's last pages, and what a server extends files by at once.
_SLACK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """What is different in a night. `subject` is an operation, a statement of one (`operation/statement`) or a table.

    `before` and `after` are in the metric's unit, None for what is no number. `gates`: it fails the night. `reason` is
    a sentence; `since` the night (when its window began) from which on it holds.
    """

    subject: str
    metric: str
    direction: Direction
    before: float | None
    after: float | None
    gates: bool
    reason: str
    since: str


def evidence_changes(night: Night, earlier: Sequence[Night]) -> list[Change]:
    """What the deterministic evidence of a night says beside that of comparable nights, oldest first."""
    known = _references(earlier)
    return [*_operations(night, known), *_tables(night, known)] if known else []


def _references(earlier: Sequence[Night]) -> list[Night]:
    """The latest ones; those before a night that somebody accepted count no longer."""
    accepted = max((place for place, night in enumerate(earlier) if night.accepted), default=0)
    return list(earlier[accepted:][-REFERENCES:])


def _operations(night: Night, known: Sequence[Night]) -> Iterator[Change]:
    for name, own in night.operations.items():
        others = [other.operations[name] for other in known if name in other.operations]
        calls = 6.0 if own.count < 1 else _PER_ROOT_CALL / math.sqrt(own.count)
        yield from _figure(
            night, name, BLOCKS, own.blocks_per_call, [item.blocks_per_call for item in others],
            least=_BLOCKS_MIN, share=TOLERANCE + calls,
        )  # fmt: skip
        yield from _figure(
            night, name, STATEMENTS, own.statements_per_iteration, [item.statements_per_iteration for item in others],
            least=_STATEMENTS_MIN, share=TOLERANCE,
        )  # fmt: skip
        yield from _statements(night, name, own, others)


def _statements(night: Night, name: str, own: OperationNight, others: Sequence[OperationNight]) -> Iterator[Change]:
    for key, statement in own.statements.items():
        subject = f"{name}/{key}" if key else name
        known = [item.statements[key] for item in others if key in item.statements]
        if not known:
            continue
        yield from _plan(night, subject, statement, known)
        yield from _figure(
            night, subject, EXAMINED, statement.examined_per_row, [item.examined_per_row for item in known],
            least=_ROWS_MIN, share=TOLERANCE,
        )  # fmt: skip


def _tables(night: Night, known: Sequence[Night]) -> Iterator[Change]:
    for table, value in night.tables.items():
        slack = _SLACK_BYTES / max(night.rows.get(table, 0), 1)
        values = [other.tables.get(table) for other in known]
        yield from _figure(night, table, BYTES, value, values, least=slack, share=BYTES_TOLERANCE)


def _figure(
    night: Night,
    subject: str,
    metric: str,
    value: float | None,
    values: Sequence[float | None],
    *,
    least: float,
    share: float,
) -> Iterator[Change]:
    """A change of one figure by more than `least` and more than `share`, or than the nights before differ by."""
    known = [item for item in values if item is not None]
    if value is None or not known:
        return
    usual = median_low(known)
    spread = _SPREAD * _MAD_TO_SIGMA * median_low([abs(item - usual) for item in known])
    allowed = max(least, share * usual, spread)
    if value > usual + allowed:
        reason = f"{amount(metric, value)}; usual: {amount(metric, usual)}."
        yield Change(subject, metric, Direction.WORSE, usual, value, True, reason, night.started_at)
    elif value < usual - min(allowed, usual / 2) and value < known[-1] - min(allowed, usual / 2):
        reason = f"{amount(metric, value)}, down from {amount(metric, usual)}."
        yield Change(subject, metric, Direction.BETTER, usual, value, False, reason, night.started_at)


def _plan(night: Night, subject: str, own: StatementNight, known: Sequence[StatementNight]) -> Iterator[Change]:
    usual = _usual_plan(known)
    gained = sorted(set(own.full_scans) - set(usual.full_scans))
    if gained:
        reason = f"No index helps it with {names(gained)} any more{_index_words(own, usual)}."
        yield Change(subject, PLAN, Direction.WORSE, _rows(usual), _rows(own), True, reason, night.started_at)
        return
    is_new = (own.steps, own.full_scans) != (known[-1].steps, known[-1].full_scans)
    if set(usual.full_scans) - set(own.full_scans):
        if is_new:
            helped = names(sorted(set(usual.full_scans) - set(own.full_scans)))
            reason = f"An index helps it with {helped} now."
            yield Change(subject, PLAN, Direction.BETTER, _rows(usual), _rows(own), False, reason, night.started_at)
        return
    if not own.steps or not usual.steps or own.steps == usual.steps:
        return
    before, after = _rows(usual), _rows(own)
    direction = _direction(before, after)
    if direction is Direction.WORSE or is_new:
        text = "; its text is another one, too" if own.text != usual.text else ""
        reason = (
            f"Its plan takes {amount(EXAMINED, after)} where {amount(EXAMINED, before)} were usual"
            f"{_index_words(own, usual)}{text}."
        )
        yield Change(
            subject, PLAN, direction, before, after, direction is Direction.WORSE, reason, night.started_at
        )  # fmt: skip


def _usual_plan(known: Sequence[StatementNight]) -> StatementNight:
    """That of most nights; among equals the one that was there first."""
    ways = Counter((item.steps, item.full_scans) for item in known)
    most = ways.most_common(1)[0][0]
    return next(item for item in reversed(known) if (item.steps, item.full_scans) == most)


def _rows(statement: StatementNight) -> float:
    return math.fsum(statement.rows.values())


def _direction(before: float, after: float) -> Direction:
    if after > before + max(_ROWS_MIN, TOLERANCE * before):
        return Direction.WORSE
    if before > after + max(_ROWS_MIN, TOLERANCE * after):
        return Direction.BETTER
    return Direction.OTHER


def _index_words(own: StatementNight, usual: StatementNight) -> str:
    """Which steps are other ones: `: Index Scan on orders by orders_user_id_idx became Seq Scan on orders`."""
    gone = [step for step in usual.steps if step not in own.steps]
    come = [step for step in own.steps if step not in usual.steps]
    if not gone and not come:
        return ""
    return f": {names(gone) or 'nothing'} became {names(come) or 'nothing'}"
