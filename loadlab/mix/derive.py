"""A mix of operations from a schema alone: a bounded number of candidates of each kind, weighted by heat.

The rule is documented in docs/init.md; the numbers of it are the tables below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadlab.engines.protocol import Engine
from loadlab.errors import InputError
from loadlab.mix.facts import facts_of
from loadlab.mix.reads import Candidate, Category, reads
from loadlab.mix.writes import writes
from loadlab.schema.model import Schema
from loadlab.spec.requirements import Brief
from loadlab.spec.workload import Operation
from loadlab.workload.forms import form_statement

# Category → (operations at most, at most of one table, share of the reads or of the writes).
READS: Mapping[Category, tuple[int, int, float]] = {
    "lookup": (3, 1, 38),
    "unique": (2, 1, 12),
    "children": (3, 2, 18),
    "page": (2, 1, 6),
    "join": (2, 1, 12),
    "list": (2, 1, 8),
    "search": (3, 2, 5),
    "report": (2, 1, 1),
}
WRITES: Mapping[Category, tuple[int, int, float]] = {
    "insert": (2, 1, 45),
    "update": (2, 1, 35),
    "delete": (1, 1, 5),
    "transaction": (1, 1, 15),
}
READ_SHARE = 0.9
"""Of an application that nobody said anything about."""
_LEAST_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Derived:
    """One operation of a derived mix; `body` is as in the scenario's file."""

    name: str
    why: str
    body: Mapping[str, Any]

    def operation(self) -> Operation:
        return Operation.model_validate({**self.body, "description": self.why})


def derive(
    schema: Schema,
    engine: Engine,
    *,
    rows: Callable[[str], int],
    brief: Brief | None = None,
    left_out: Mapping[str, str] | None = None,
    empty: Sequence[str] = (),
) -> tuple[Derived, ...]:
    """The mix of a schema on an engine; at most 25 operations, weights adding up to 100 but for rounding.

    `rows` tells a table's rows at full volume. Operations named in `left_out` are passed over for the next ones;
    tables in `empty` get none. Raises InputError when nothing at all can be derived.
    """
    facts = {key: one for key, one in facts_of(schema, rows).items() if key not in empty}
    usable = [item for item in _named((*reads(facts), *writes(facts))) if item.name not in (left_out or {})]
    chosen = [item for item in _chosen(usable) if _can_be_written(item, engine, schema)]
    if not chosen:
        raise InputError("the schema", "has no table with a key to derive operations from; write some by hand")
    share = read_share(brief)
    weighted = [*_weighted(chosen, READS, share), *_weighted(chosen, WRITES, 1 - share)]
    return tuple(Derived(item.name, item.why, {"weight": weight, **item.body}) for item, weight in weighted)


def read_share(brief: Brief | None) -> float:
    """Of all operations: by the brief's rates where it states both, else nine in ten."""
    stated = brief.performance_targets if brief is not None else None
    reads_per_s = stated.read_operations_per_second if stated is not None else None
    writes_per_s = stated.write_operations_per_second if stated is not None else None
    if reads_per_s is None or writes_per_s is None or not reads_per_s + writes_per_s:
        return READ_SHARE
    return reads_per_s / (reads_per_s + writes_per_s)


def _named(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The first of every name: of two ways to the same rows that of the hotter table or the earlier index."""
    return list({item.name: item for item in reversed(candidates)}.values())[::-1]


def _chosen(candidates: Sequence[Candidate]) -> list[Candidate]:
    result = []
    for category, (most, most_of_table, _) in {**READS, **WRITES}.items():
        of_table: dict[str, int] = {}
        own = sorted((c for c in candidates if c.category == category), key=lambda c: -c.heat)
        taken: list[Candidate] = []
        for item in own:
            if len(taken) < most and of_table.get(item.table.key, 0) < most_of_table:
                of_table[item.table.key] = of_table.get(item.table.key, 0) + 1
                taken.append(item)
        result += taken
    return result


def _can_be_written(item: Candidate, engine: Engine, schema: Schema) -> bool:
    """Whether the engine has words, and an index, for a form: a search may have neither."""
    form = Operation.model_validate({"weight": 1, **item.body}).form
    if form is None:
        return True
    try:
        form_statement(form, engine, schema, item.name)
    except InputError:
        return False
    return True


def _weighted(
    chosen: Sequence[Candidate], shares: Mapping[Category, tuple[int, int, float]], part: float
) -> list[tuple[Candidate, float]]:
    """The part of 100 that reads or writes have, over the categories that are there, then by heat."""
    there = {category for category in shares if any(item.category == category for item in chosen)}
    total = sum(share for category, (_, _, share) in shares.items() if category in there)
    result = []
    for category, (_, _, share) in shares.items():
        own = [item for item in chosen if item.category == category]
        heat = sum(item.heat for item in own)
        for item in own:
            weight = 100 * part * share / total * item.heat / heat
            result.append((item, max(_LEAST_WEIGHT, round(weight, 1))))
    return result if part > 0 else []
