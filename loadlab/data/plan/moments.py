"""The moments of a row in the order of the application: paid after placed, shipped after paid, ends after starts.

No constraint asks for it, so it is read from names. It becomes comparisons, which give way to every CHECK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.facts import TableFacts
from loadlab.schema.checks import Compared, Reading
from loadlab.schema.meaning import meaning_of, words_of
from loadlab.schema.model import Column, Table
from loadlab.spec.shapes import AGGREGATES, ColumnShape, TableShape

NAME = "order of moments"
KINDS = ("timestamp", "date")
_WRITTEN = -1

_SUFFIX = re.compile(r"( (at|on|date|time|ts|datetime|timestamp|dt))+$|^date ")
# What happens to a thing, in the order in which applications have it; of one rank is what excludes each other.
_STEPS = tuple(
    re.compile(rf"^({words})$")
    for words in (
        r"request(ed)?|queued|enqueued|drafted|invited|initiated|issued|invoiced|billed|placed|ordered|submitted",
        r"approv(ed|al)|confirm(ed|ation)|accept(ed|ance)|verified|acknowledged|authori[sz]ed|assigned|scheduled",
        r"paid|pay(ment)?|charged|captured|funded|purchased?",
        r"start(ed)?|begun|activated|processing|pack(ed)?|picked|prepared|processed",
        r"ship(ped|ping|ment)?|sent|dispatch(ed)?|publish(ed)?|released?|deployed|launched",
        r"deliver(ed|y)|receiv(ed?)|receipt|arriv(ed|al)|fulfilled",
        r"read|seen|viewed|clicked|first response|first responded|responded|answered|replied",
        r"resolved|solved|completed?|finish(ed)?|ended|done|settled",
        r"closed",
        r"return(ed)?|refund(ed)?|reopened|cancel(l?ed)?|revoked|terminated|churned",
    )
)
# The two ends of a time, by the word that differs.
_ENDS = (
    ("start", "end"), ("starts", "ends"), ("started", "ended"), ("start", "stop"), ("begin", "end"), ("begins", "ends"),
    ("from", "to"), ("from", "until"), ("from", "till"), ("from", "through"), ("in", "out"), ("open", "close"),
    ("opens", "closes"), ("opened", "closed"), ("departure", "arrival"), ("joined", "left"), ("hired", "terminated"),
    ("hire", "termination"), ("first", "last"), ("start", "finish"), ("started", "finished"), ("pickup", "dropoff"),
    ("checkin", "checkout"), ("issue", "due"), ("issued", "due"), ("issued", "expires"), ("since", "until"),
)  # fmt: skip
# What surely follows the row's being written, though it has no place among the steps.
_FOLLOWS = re.compile(r"ed$|^(last|first) |expir|\bdue\b|deadline|valid (to|until)")


def moments_in_order(table: Table, shape: TableShape, facts: TableFacts) -> Reading | None:
    """Comparisons between moments of a row; None where nothing has to be said."""
    columns = [c for c in table.stored_columns if c.type.kind in KINDS and _is_free(table, c, shape, facts)]
    found = [
        Compared(later.name, ">=", earlier.name)
        for earlier, later in _pairs(table, columns)
        if not _has_said(facts, earlier.name, later.name)
    ]
    return Reading((tuple(found),)) if found else None


def _pairs(table: Table, columns: list[Column]) -> Iterator[tuple[Column, Column]]:
    ranks = {column.name: _rank(table, column) for column in columns}
    for later in columns:
        for earlier in columns:
            one, other = ranks[earlier.name], ranks[later.name]
            follows = one == _WRITTEN and other is None and _FOLLOWS.search(_words(later)) is not None
            steps = one is not None and other is not None and one < other
            if follows or steps or _are_ends(earlier.name, later.name):
                yield earlier, later


def _words(column: Column) -> str:
    return _SUFFIX.sub("", words_of(column.name))


def _rank(table: Table, column: Column) -> int | None:
    """The place among the steps; None for a moment of which nothing is known."""
    step = next((number for number, pattern in enumerate(_STEPS) if pattern.search(_words(column))), None)
    if step is not None:
        return step
    meaning = meaning_of(table, column)
    if meaning == "created":
        return _WRITTEN
    return len(_STEPS) if meaning == "updated" else None


def _are_ends(first: str, second: str) -> bool:
    one, other = words_of(first).split(), words_of(second).split()
    if len(one) != len(other):
        return False
    differing = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    return len(differing) == 1 and differing[0] in _ENDS


def _is_free(table: Table, column: Column, shape: TableShape, facts: TableFacts) -> bool:
    """Whether nothing else decides where the column lies: a constant bound, a key, another column that it follows."""
    said = shape.columns.get(column.name, ColumnShape())
    if said.given is not None or said.correlates_with is not None or _is_aggregate(said):
        return False
    alone = (column.name,) in table.unique_keys or any(column.name in key.columns for key in table.foreign_keys)
    # A day before today leaves no room behind what was written yesterday; a moment does.
    is_past_day = column.type.kind == "date" and any(known.before_now for known in facts.every(column.name))
    return not alone and not is_past_day and all(_is_open(known) for known in facts.every(column.name))


def _is_aggregate(shape: ColumnShape) -> bool:
    return any(getattr(shape, name) is not None for name in AGGREGATES)


def _is_open(said: ColumnFacts) -> bool:
    bounds = (said.low, said.high, said.low_text, said.high_text, said.after_now, said.derived, said.truncated)
    return all(bound is None for bound in bounds) and not (said.allowed or said.linear or said.expressions)


def _has_said(facts: TableFacts, first: str, second: str) -> bool:
    """Whether a CHECK compares the two already."""
    return any({fact.column, fact.other} == {first, second} for said in facts.every(second) for fact in said.compared)
