"""Primary keys: there, of a type that lasts, in an order that an index likes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadlab.schema.model import Column, Table
from loadlab.units import format_count, format_share
from loadlab.validate.review import sources
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.touching import share_of
from loadlab.validate.review.words import rows_evidence, whole_numbers
from loadlab.validate.wording import counted

# Rows whose key's index alone (about 32 bytes an entry: 16 of the UUID, a tuple's header and its line pointer) fills
# the 128 MiB that are PostgreSQL's default shared_buffers.
LARGE_ROWS = 4_000_000
# Share of a key's values that may be used at full volume: sequences leave gaps, and data grows.
KEYS_USED_MAX = 0.5

_RANDOM = re.compile(r"\b(gen_random_uuid|uuid_generate_v4|uuidv4|newid)\s*\(", re.IGNORECASE)


def _no_primary_key(facts: ReviewFacts) -> Examined:
    tables = list(facts.schema)
    return Examined(len(tables), "tables", tuple(_without_key(facts, t) for t in tables if not t.primary_key))


def _without_key(facts: ReviewFacts, table: Table) -> Finding:
    candidates = [key for key in table.unique_keys if not any(table.column(name).nullable for name in key)]
    known = f"({', '.join(candidates[0])}) is unique and never NULL" if candidates else "no other key identifies a row"
    return Finding(
        rule="no-primary-key",
        severity=Severity.WARNING if candidates else Severity.ERROR,
        subject=table.key,
        what=f"{table.key} has no primary key.",
        evidence=(known, *rows_evidence(facts, table)),
        why="Nothing stops the same row from being stored twice, a single row cannot be addressed, and logical"
        " replication refuses UPDATE and DELETE.",
        remedy="Declare the key that there is." if candidates else "Give the table a key.",
        sql=facts.remedies.add_primary_key(table, candidates[0] if candidates else ()) if facts.remedies else (),
        load_share=share_of(facts, table),
    )


def _random_key(facts: ReviewFacts) -> Examined:
    keys = [(table, column) for table, column in _single_keys(facts) if column.type.kind == "uuid"]
    sized = [(table, column) for table, column in keys if table.key in facts.rows]
    if keys and not sized:
        return skipped("keys that are UUIDs", "nobody says how many rows the tables have at full volume")
    found = [
        _of_random_key(facts, table, column)
        for table, column in sized
        if facts.rows[table.key] >= LARGE_ROWS and _RANDOM.search(column.default or "")
    ]
    return Examined(len(sized), "keys that are UUIDs", tuple(found))


def _of_random_key(facts: ReviewFacts, table: Table, column: Column) -> Finding:
    return Finding(
        rule="random-uuid-key",
        severity=Severity.WARNING,
        subject=f"{table.key}.{column.name}",
        what=f"New rows of {table.key} get random keys.",
        evidence=(f"{column.name} DEFAULT {column.default}", *rows_evidence(facts, table)),
        why="Every insert lands on another page of the key's index, which at this size no longer fits the cache: pages"
        " are read, written to the log in full and split all over, where time-ordered keys touch the last page only.",
        remedy="Let new keys be ordered by time (UUID version 7, RFC 9562); those that are there can stay.",
        sql=facts.remedies.order_new_keys(table, column.name) if facts.remedies else (),
        load_share=share_of(facts, table),
    )


def _key_overflow(facts: ReviewFacts) -> Examined:
    keys = [
        (table, column)
        for table, column in _single_keys(facts)
        if column.type.kind == "integer" and (column.type.bits or 64) < 64
    ]
    sized = [(table, column) for table, column in keys if table.key in facts.rows]
    if keys and not sized:
        return skipped("integer keys", "nobody says how many rows the tables have at full volume")
    return Examined(len(sized), "integer keys", tuple(_overflowing(facts, sized)))


def _overflowing(facts: ReviewFacts, keys: list[tuple[Table, Column]]) -> Iterator[Finding]:
    for table, column in keys:
        most = whole_numbers(column.type)
        used = facts.rows[table.key] / most
        if used > KEYS_USED_MAX:
            yield Finding(
                rule="key-overflow",
                severity=Severity.ERROR,
                subject=f"{table.key}.{column.name}",
                what=f"The key of {table.key} runs out of numbers.",
                evidence=(
                    f"{column.type.native} has {format_count(most)} of them, and"
                    f" {counted(facts.rows[table.key], 'row')} at full volume take {format_share(used)}",
                ),
                why="When the numbers are used up every insert fails, and the change of type rewrites the table while"
                " nobody can use it.",
                remedy="Make the key, and every column that references it, a 64-bit integer now.",
                sql=_bigger(facts, table, column),
                load_share=share_of(facts, table),
            )


def _bigger(facts: ReviewFacts, table: Table, column: Column) -> tuple[str, ...]:
    if facts.remedies is None:
        return ()
    places = [(table, column.name)]
    for other in facts.schema:
        places += [
            (other, key.columns[0]) for key in other.foreign_keys if key.target == table.key and len(key.columns) == 1
        ]
    change = facts.remedies.change_type
    return tuple(sql for place, name in dict.fromkeys(places) for sql in change(place, name, "big integer"))


def _single_keys(facts: ReviewFacts) -> list[tuple[Table, Column]]:
    """The primary keys of one column that is no other table's key."""
    tables = [table for table in facts.schema if len(table.primary_key) == 1]
    owned = [table for table in tables if not any(key.columns == table.primary_key for key in table.foreign_keys)]
    return [(table, table.column(table.primary_key[0])) for table in owned]


KEY_RULES = (
    Rule(
        "no-primary-key",
        "schema",
        "A table without a primary key",
        "Nothing stops a row from being stored twice, no single row can be addressed, and logical replication refuses"
        " UPDATE and DELETE.",
        f"Checklist “Primary keys defined”; {sources.REPLICA_IDENTITY}",
        _no_primary_key,
    ),
    Rule(
        "random-uuid-key",
        "schema",
        "Random UUIDs (version 4) as keys of large tables",
        f"From {LARGE_ROWS:,} rows on the key's index outgrows a default cache (about 32 bytes an entry, 128 MiB), and"
        " random keys make every insert touch another page of it.",
        "Anti-pattern “UUID v4 as PK”; RFC 9562, section 2.1",
        _random_key,
    ),
    Rule(
        "key-overflow",
        "schema",
        "An integer key that full volume uses up",
        f"Above {KEYS_USED_MAX:.0%} of the numbers at the stated volume, gaps and growth take the rest; then"
        " every insert fails.",
        f"Checklist “Appropriate data types”; {sources.NUMERIC_TYPES}",
        _key_overflow,
    ),
)
