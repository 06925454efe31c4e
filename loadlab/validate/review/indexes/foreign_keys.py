"""Foreign keys whose columns no index begins with."""

from __future__ import annotations

import re

from loadlab.engines.plan_tree import NewIndex
from loadlab.schema.model import ForeignKey, Index, Table
from loadlab.validate.review import sources
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity
from loadlab.validate.review.touching import share_of, statements_on
from loadlab.validate.review.words import listed, rows_evidence

# A table of fewer rows is a few pages, which are read faster whole.
SMALL_ROWS = 1_000
_SEARCHES = ("btree", "hash", "gist", "spgist")


def _examine(facts: ReviewFacts) -> Examined:
    keys = [(table, key) for table in facts.schema for key in table.foreign_keys]
    bare = [
        (table, key)
        for table, key in _distinct(keys)
        if facts.rows.get(table.key, SMALL_ROWS) >= SMALL_ROWS
        and not any(_serves(facts, table, index, key) for index in table.indexes)
        and set(table.primary_key[: len(key.columns)]) != set(key.columns)
    ]
    return Examined(len(keys), "foreign keys", tuple(_finding(facts, table, key) for table, key in bare))


def _distinct(keys: list[tuple[Table, ForeignKey]]) -> list[tuple[Table, ForeignKey]]:
    """Several foreign keys over the same columns want one index."""
    return list({(table.key, frozenset(key.columns)): (table, key) for table, key in reversed(keys)}.values())[::-1]


def _serves(facts: ReviewFacts, table: Table, index: Index, key: ForeignKey) -> bool:
    """Whether rows by these columns are found through the index: they are its first keys, in any order."""
    number = len(key.columns)
    details = facts.details.index(table.key, index.name) if facts.details else None
    return (
        index.method in _SEARCHES
        and (index.method != "hash" or number == 1)
        and set(index.keys[:number]) == set(key.columns)
        and not any(index.expressions[:number])
        and _holds_all(index.predicate, key)
        and (details is None or details.is_valid)
    )


def _holds_all(predicate: str | None, key: ForeignKey) -> bool:
    """Whether every row that refers to a parent is in the index: `x IS NOT NULL` leaves out those that do not."""
    if predicate is None:
        return True
    match = re.fullmatch(r'\(*"?(?P<column>.+?)"? IS NOT NULL\)*', predicate, re.IGNORECASE)
    return match is not None and match["column"] in key.columns


def _finding(facts: ReviewFacts, table: Table, key: ForeignKey) -> Finding:
    columns = ", ".join(key.columns)
    is_kept = facts.details is None or "foreign keys" in facts.details.features
    partly = [i.name for i in table.indexes if i.keys and i.keys[0] in key.columns and i.predicate is None]
    parent = [facts.schema.table(key.target)] if facts.schema.has(key.target) else []
    deleting = statements_on(facts, *parent, how="deleted")
    return Finding(
        rule="fk-without-index",
        # An index on some of the columns narrows the search down already.
        severity=Severity.NOTE if partly else Severity.WARNING,
        subject=f"{table.key}.{','.join(key.columns)}",
        what=f"No index finds the rows of {table.key} by ({columns}), which references {key.target}.",
        evidence=(
            *rows_evidence(facts, table),
            *((f"ON DELETE {key.on_delete}",) if is_kept else ()),
            *((f"a part of the columns begins {listed(partly)}",) if partly else ()),
            *((f"the load deletes parents: {listed(deleting)}",) if deleting else ()),
        ),
        why=_WHY_KEPT if is_kept else _WHY_JOINED,
        remedy="An index that begins with the columns of the foreign key.",
        sql=facts.remedies.create_index(table, key.columns) if facts.remedies else (),
        load_share=share_of(facts, table),
        index=NewIndex(table.key, key.columns),
    )


_WHY_KEPT = (
    "Each deletion of a parent, and each change of its key, reads the whole table to look for children, while holding"
    " its locks; so does every join from the parent."
)
_WHY_JOINED = "Every join or look-up from the parent, and whoever deletes its children with it, reads the whole of it."


FOREIGN_KEY_RULES = (
    Rule(
        "fk-without-index",
        "indexes",
        "A foreign key that no index serves",
        "The server indexes the referenced side alone. Without an index that begins with the referencing columns,"
        " deleting a parent (where the server keeps references) and joining from it read the whole table. Tables known"
        f" to stay below"
        f" {SMALL_ROWS:,} rows are"
        " left out; it is a note where an index begins with a part of the columns.",
        f"Checklist “Indexes on search columns”; {sources.FOREIGN_KEYS}",
        _examine,
    ),
)
