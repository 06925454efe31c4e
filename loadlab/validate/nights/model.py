"""A night as a history keeps it: what may be compared, the figures with their intervals, the deterministic evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from pydantic import TypeAdapter

LATENCIES = ("p50", "p95", "p99")
"""Percentiles of the response time, in µs."""
BLOCKS, EXAMINED, STATEMENTS, BYTES = (
    "blocks_per_call", "rows_examined_per_row", "statements_per_iteration", "bytes_per_row",
)  # fmt: skip
EVIDENCE = (BLOCKS, EXAMINED, STATEMENTS, BYTES)
PLAN = "plan"
METRICS = (*LATENCIES, *EVIDENCE, PLAN)

# What a difference is called where people read it, and what is said of a digest, which tells nobody anything.
_KEY_WORDS = {
    "scenario": "scenario",
    "machine": "machine",
    "server": "server",
    "schema": "tables and columns",
    "scale": "scale",
    "data": "seed data",
    "load": "load",
}


@dataclass(frozen=True, slots=True)
class Key:
    """Nights are comparable where all of this is equal.

    `machine` is the fingerprint of `measure.fingerprint`, `schema` the digest of tables, columns and constraints,
    `data` that of everything that determines the rows, `load` that of who does what how often. Indexes that no
    constraint owns are in none of them: what they do is what a night is to tell.
    """

    machine: str
    scenario: str
    schema: str
    scale: float
    data: str
    server: str
    load: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A measured value with its interval; None is an end that is not known."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class StatementNight:
    """How the server executes one statement of an operation.

    `text` is a digest of its words. `steps` and `rows` are the plan's outline and the rows that it takes by table,
    both by the planner and with full scans avoided, so that small tables do not decide; empty where it does not tell.
    `examined_per_row` are the rows looked at for each row that it gave, when it was executed with typical values.
    """

    text: str = ""
    steps: tuple[str, ...] = ()
    rows: Mapping[str, float] = field(default_factory=dict)
    full_scans: tuple[str, ...] = ()
    examined_per_row: float | None = None


@dataclass(frozen=True, slots=True)
class OperationNight:
    """One operation: `latency` by `LATENCIES`, and its statements by name, "" for the only one of an operation.

    Evidence that nobody has is None.
    """

    kind: str
    count: int
    latency: Mapping[str, Sample] = field(default_factory=dict)
    blocks_per_call: float | None = None
    statements_per_iteration: float | None = None
    statements: Mapping[str, StatementNight] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Night:
    """One run. `problem` says why it is none to compare with: it was interrupted, or only a part was executed.

    `tables` are the bytes per row of each table, its indexes included, by table. `machine` and `load` are the key's in
    words. `accepted` is why its evidence is the new normal, "" where nobody said so.
    """

    started_at: str
    label: str
    key: Key
    operations: Mapping[str, OperationNight]
    tables: Mapping[str, float] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    verdict: str = ""
    machine: str = ""
    load: str = ""
    accepted: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether others may be compared with it."""
        return not self.problem

    @property
    def at(self) -> dt.datetime:
        """When its window began, in UTC."""
        found = dt.datetime.fromisoformat(self.started_at)
        return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


class Direction(StrEnum):
    """What a change means."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"


_ADAPTER = TypeAdapter(Night)


def night_to_json(night: Night) -> str:
    """The inverse of `night_from_json`."""
    return _ADAPTER.dump_json(night).decode()


def night_from_json(text: str | bytes) -> Night:
    """Raises ValueError for anything that is no night."""
    return _ADAPTER.validate_json(text)


def differences(night: Night, other: Night) -> Iterator[str]:
    """What keeps two nights from being compared, in words: `scale 0.01 there, 0.001 here`; `night` is the one here."""
    for item in fields(Key):
        here, there = getattr(night.key, item.name), getattr(other.key, item.name)
        # Another scale has other rows, which need not be said.
        if here != there and not (item.name == "data" and night.key.scale != other.key.scale):
            yield _difference(item.name, night, other)


def _difference(name: str, night: Night, other: Night) -> str:
    words = _KEY_WORDS[name]
    match name:
        case "schema" | "data":
            return f"other {words}"
        case "machine":
            here, there = night.machine or night.key.machine, other.machine or other.key.machine
            if here == there:
                here, there = night.key.machine, other.key.machine
        case "load":
            here, there = night.load, other.load
            if here == there:
                return f"another mix of operations under the same {words} ({here})"
        case "scale":
            here, there = f"{night.key.scale:g}", f"{other.key.scale:g}"
        case _:
            here, there = getattr(night.key, name), getattr(other.key, name)
    return f"{words} {there} there, {here} here"
