"""Indexes that others make superfluous: the same keys, or the first of another one's.

Two indexes are compared by what they can answer: method, keys with operator class, collation and order, INCLUDE and
predicate. A B-tree is read from either end, so (a DESC, b) answers what (a, b DESC) does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loadlab.schema.details import IndexDetails, IndexKey
from loadlab.schema.model import Index, Table
from loadlab.units import format_size
from loadlab.validate.review import sources
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.touching import share_of

_SORTED = "btree"


@dataclass(frozen=True, slots=True)
class _Known:
    """An index with what the catalogue knows of it."""

    index: Index
    details: IndexDetails

    @property
    def name(self) -> str:
        return self.index.name

    @property
    def keys(self) -> tuple[IndexKey, ...]:
        """As read from the end at which the first key ascends."""
        keys = self.details.keys
        if self.index.method == _SORTED and keys and keys[0].descending:
            return tuple(key.backwards for key in keys)
        return keys

    @property
    def stored(self) -> set[str]:
        """Everything that can be read from the index alone."""
        return {key.text for key in self.details.keys} | set(self.index.include)

    def text(self) -> str:
        include = f" INCLUDE ({', '.join(self.index.include)})" if self.index.include else ""
        predicate = f" WHERE {self.index.predicate}" if self.index.predicate else ""
        keys = ", ".join(key.text + (" DESC" if key.descending else "") for key in self.details.keys)
        return f"{self.name} ({keys}){include}{predicate}"


def _duplicates(facts: ReviewFacts) -> Examined:
    if facts.details is None:
        return skipped("indexes", facts.why_missing("details"))
    findings: list[Finding] = []
    number = 0
    for table in facts.schema:
        known = _known(facts, table)
        number += len(known)
        findings += [
            _superfluous(facts, table, spare, kept, "duplicate-index", "is the same as")
            for spare, kept in _same_ones(known)
        ]
    return Examined(number, "indexes", tuple(findings))


def _redundant(facts: ReviewFacts) -> Examined:
    if facts.details is None:
        return skipped("indexes", facts.why_missing("details"))
    findings = []
    number = 0
    for table in facts.schema:
        known = _known(facts, table)
        number += len(known)
        # Of two that are the same, one is left to be asked about.
        duplicates = {spare.name for spare, _ in _same_ones(known)}
        for spare in known:
            wider = [other for other in known if other.name not in duplicates and _covers(other, spare)]
            if wider and spare.name not in duplicates:
                kept = min(wider, key=lambda other: (len(other.keys), other.name))
                words = "answers nothing that is not answered by"
                findings.append(_superfluous(facts, table, spare, kept, "redundant-index", words))
    return Examined(number, "indexes", tuple(findings))


def _known(facts: ReviewFacts, table: Table) -> list[_Known]:
    assert facts.details is not None
    pairs = [(index, facts.details.index(table.key, index.name)) for index in table.indexes]
    return [_Known(index, details) for index, details in pairs if details is not None and details.is_valid]


def _same_ones(known: list[_Known]) -> Iterator[tuple[_Known, _Known]]:
    """(superfluous, kept): each index that another one makes superfluous, once."""
    dropped: set[str] = set()
    for spare, kept in _pairs(known):
        if kept.name not in dropped and spare.name not in dropped and _same(spare, kept):
            dropped.add(spare.name)
            yield spare, kept


def _pairs(known: list[_Known]) -> Iterator[tuple[_Known, _Known]]:
    """(superfluous, kept) candidates: what enforces something, or is needed otherwise, is kept."""
    ranked = sorted(known, key=lambda item: (*_rank(item), item.name))
    for place, kept in enumerate(ranked):
        for spare in ranked[place + 1 :]:
            yield spare, kept


def _rank(item: _Known) -> tuple[bool, bool, bool, bool]:
    return (
        not item.details.is_needed,
        item.index.constraint is None,
        not item.index.unique,
        len(item.index.include) == 0,
    )


def _same(spare: _Known, kept: _Known) -> bool:
    """Whether `kept` does all that `spare` does, with the same keys."""
    one, other = spare.index, kept.index
    return (
        not spare.details.is_needed
        and one.method == other.method
        and spare.keys == kept.keys
        and one.predicate == other.predicate
        and one.operators == other.operators
        and (not one.unique or (other.unique and one.nulls_distinct == other.nulls_distinct))
        and set(one.include) <= kept.stored
    )


def _covers(wide: _Known, narrow: _Known) -> bool:
    """Whether `wide` begins with all keys of `narrow`, which enforces nothing."""
    one, other = narrow.index, wide.index
    return (
        not narrow.details.is_needed
        and not one.unique
        and one.constraint is None
        and one.method == other.method == _SORTED
        and len(narrow.keys) < len(wide.keys)
        and _first(wide, len(narrow.keys)) == narrow.keys
        and one.predicate == other.predicate
        and set(one.include) <= wide.stored
    )


def _first(wide: _Known, number: int) -> tuple[IndexKey, ...]:
    return wide.keys[:number]


def _superfluous(facts: ReviewFacts, table: Table, spare: _Known, kept: _Known, rule: str, words: str) -> Finding:
    size = spare.details.size_bytes
    return Finding(
        rule=rule,
        severity=Severity.WARNING,
        subject=spare.name if not table.namespace else f"{table.namespace}.{spare.name}",
        what=f"The index {spare.name} of {table.key} {words} {kept.name}.",
        evidence=(spare.text(), kept.text(), *((format_size(size),) if size else ())),
        why="Every write of the table maintains it, it takes room in cache and backups, and no read is faster for it.",
        remedy="Drop it." if spare.index.constraint is None else "Drop its constraint, which the other one enforces.",
        sql=facts.remedies.drop_index(table, spare.index) if facts.remedies else (),
        load_share=share_of(facts, table),
    )


COMPARING_RULES = (
    Rule(
        "duplicate-index",
        "indexes",
        "Two indexes that are the same",
        "Keys, operator classes, collations, sort order, INCLUDE, predicate and method agree: one of them is"
        " only written.",
        "Checklist “No redundant indexes”",
        _duplicates,
    ),
    Rule(
        "redundant-index",
        "indexes",
        "An index whose keys another one begins with",
        "What (a) answers, (a, b) answers as well: same method, operator classes, collations, sort order and predicate,"
        " and everything INCLUDEd is there. Unique indexes, replica identities and those that foreign keys refer to are"
        " left out.",
        f"Checklist “No redundant indexes”; {sources.MULTICOLUMN_INDEXES}",
        _redundant,
    ),
)
