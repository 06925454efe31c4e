"""What the data itself shows: columns that are never NULL, and facts that are stored once for each row that has them.

Only data of the application proves that: rows that LoadLab made show how LoadLab reads the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from loadlab.schema.details import Dependencies, Dependency
from loadlab.schema.meaning import meaning_of, words_of
from loadlab.schema.model import Column, Table
from loadlab.schema.statistics import TableStatistics
from loadlab.units import format_count
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.touching import share_of
from loadlab.validate.review.words import listed, referencing
from loadlab.validate.wording import counted

# With fewer rows a NULL that one row in a few hundred has may simply not have come up.
NULLABLE_ROWS_MIN = 1_000
# A dependency is one when it could have been refuted: rows, different values, and rows that repeat each.
DEPENDENCY_ROWS_MIN = 500
DETERMINED_VALUES_MIN = 20
ROWS_PER_VALUE_MIN = 4.0
SAMPLED_ROWS = 20_000

_DETERMINES = re.compile(r"\b(id|uuid|code|number|no|sku|key|zip|postcode|slug|email|ref|isbn|ean)$")
_DETERMINED = ("text", "date", "timestamp", "numeric", "integer", "uuid", "inet", "json")


def _never_null(facts: ReviewFacts) -> Examined:
    objects = "columns that may be NULL"
    if not facts.is_own_data:
        return skipped(objects, facts.why_missing("is_own_data"))
    if facts.statistics is None:
        return skipped(objects, facts.why_missing("statistics"))
    places = list(_optional(facts))
    if not places:
        return skipped(objects, f"no table with such columns has statistics of {NULLABLE_ROWS_MIN:,} rows or more")
    full = [place for place in places if place[3] == 0]
    return Examined(len(places), objects, tuple(_always_there(facts, *place[:3]) for place in full))


def _optional(facts: ReviewFacts) -> Iterator[tuple[Table, Column, int, float]]:
    """Nullable columns with their table's rows and their share of NULLs, where there is enough to go by."""
    assert facts.statistics is not None
    for table in facts.schema:
        known: TableStatistics | None = facts.statistics.tables.get(table.key)
        if known is None or (known.rows or 0) < NULLABLE_ROWS_MIN:
            continue
        kept = _may_be_lost(table)
        for column in table.stored_columns:
            statistics = known.columns.get(column.name)
            if statistics is not None and column.nullable and column.name not in kept:
                yield table, column, known.rows or 0, statistics.null_share


def _may_be_lost(table: Table) -> set[str]:
    """Columns whose NULL has a meaning that may not have come up yet: roots of a tree, lost parents, later moments."""
    lost = {n for k in table.foreign_keys if k.target == table.key or k.on_delete == "SET NULL" for n in k.columns}
    later = {
        column.name
        for column in table.columns
        if column.type.kind in ("timestamp", "date") and meaning_of(table, column) not in ("created", "updated")
    }
    return lost | later


def _always_there(facts: ReviewFacts, table: Table, column: Column, rows: int) -> Finding:
    return Finding(
        rule="nullable-never-null",
        severity=Severity.NOTE,
        subject=f"{table.key}.{column.name}",
        what=f"{table.key}.{column.name} may be NULL, and never is.",
        evidence=(f"the statistics of {counted(rows, 'row')} know of no NULL",),
        why="Every query and every client has to think of a NULL that there is not, and the first one comes in"
        " by mistake.",
        remedy="NOT NULL, if a row without it makes no sense; validating the constraint proves what the statistics"
        " only sampled.",
        sql=facts.remedies.set_not_null(table, column.name) if facts.remedies else (),
        load_share=share_of(facts, table),
    )


def _dependencies(facts: ReviewFacts) -> Examined:
    objects = "tables with rows enough to show dependencies"
    if not facts.is_own_data:
        return skipped(objects, facts.why_missing("is_own_data"))
    if facts.dependencies is None:
        return skipped(objects, facts.why_missing("dependencies"))
    looked = {key: found for key, found in facts.dependencies.items() if facts.schema.has(key)}
    findings = [
        _stored_twice(facts, facts.schema.table(key), found, dependency)
        for key, found in looked.items()
        for dependency in found.found
    ]
    return Examined(len(looked), objects, tuple(findings))


def _stored_twice(facts: ReviewFacts, table: Table, looked: Dependencies, found: Dependency) -> Finding:
    parent = next((key.target for key in table.foreign_keys if key.columns == (found.determinant,)), "")
    place = f"{parent}, which {found.determinant} references" if parent else f"a table with the key {found.determinant}"
    return Finding(
        rule="functional-dependency",
        severity=Severity.NOTE,
        subject=f"{table.key}.{found.determinant}",
        what=f"{found.determinant} of {table.key} determines {listed(found.dependents)}.",
        evidence=(
            f"in {counted(looked.rows, 'row')} looked at, each of {format_count(found.distinct)} values of"
            f" {found.determinant} goes with one value of each",
        ),
        why="The same fact is stored once a row: a change has to find all of them, and the first that is"
        " missed makes the"
        " table contradict itself (third normal form).",
        remedy=f"Keep it in {place}; where the value as of that moment is wanted, say so in a comment and"
        " silence this.",
        load_share=share_of(facts, table),
    )


def determinants(table: Table) -> tuple[str, ...]:
    """The columns that could stand for something that has facts of its own: references and identifiers, no keys."""
    keys = {key[0] for key in table.unique_keys if len(key) == 1}
    single = {key.columns[0] for key in table.foreign_keys if len(key.columns) == 1}
    named = {
        c.name
        for c in table.columns
        if c.type.kind in ("text", "integer", "uuid") and _DETERMINES.search(words_of(c.name))
    }
    return tuple(name for name in table.column_names if name in (single | named) - keys)


def dependents(table: Table) -> tuple[str, ...]:
    """The columns that could be such facts: neither keys, nor references, nor moments of the row itself."""
    taken = referencing(table) | {name for key in table.unique_keys for name in key}
    return tuple(
        column.name
        for column in table.stored_columns
        if column.name not in taken
        and column.type.kind in _DETERMINED
        and not (column.type.kind == "timestamp" and meaning_of(table, column) in ("created", "updated"))
    )


def find_dependencies(
    columns: Sequence[str], rows: Sequence[tuple[str | None, ...]], left: Sequence[str], right: Sequence[str]
) -> Dependencies:
    """The dependencies of `right` columns on `left` ones that hold in all rows; values are texts.

    Only those that the rows could have refuted count: each side has enough different values, each of which occurs
    often enough. A column that almost never differs is determined by anything.
    """
    if len(rows) < DEPENDENCY_ROWS_MIN:
        return Dependencies(len(rows))
    place = {name: position for position, name in enumerate(columns)}
    found = []
    for determinant in left:
        values = {row[place[determinant]] for row in rows} - {None}
        if len(values) < DETERMINED_VALUES_MIN or len(rows) / len(values) < ROWS_PER_VALUE_MIN:
            continue
        kept = tuple(
            name for name in right if name != determinant and _determined(rows, place[determinant], place[name])
        )
        if kept:
            found.append(Dependency(determinant, kept, len(values)))
    return Dependencies(len(rows), _outermost(found))


def _determined(rows: Sequence[tuple[str | None, ...]], left: int, right: int) -> bool:
    seen: dict[str, str | None] = {}
    for row in rows:
        value = row[left]
        if value is not None and seen.setdefault(value, row[right]) != row[right]:
            return False
    return len(set(seen.values()) - {None}) >= DETERMINED_VALUES_MIN


def _outermost(found: Sequence[Dependency]) -> tuple[Dependency, ...]:
    """Of two columns that determine the same, the one that determines more, or else the first."""
    kept: list[Dependency] = []
    for item in sorted(found, key=lambda item: -len(item.dependents)):
        if not any(set(item.dependents) <= {*other.dependents, other.determinant} for other in kept):
            kept.append(item)
    return tuple(kept)


CONTENT_RULES = (
    Rule(
        "nullable-never-null",
        "schema",
        "A column that may be NULL and never is",
        f"From the planner's statistics of tables with {NULLABLE_ROWS_MIN:,} rows or more, of data that the application"
        " made. Roots of trees, references that a deletion sets to NULL and moments that are still to come are"
        " left out.",
        "Checklist “NOT NULL columns where necessary”",
        _never_null,
    ),
    Rule(
        "functional-dependency",
        "schema",
        "A fact that is stored once a row instead of once",
        f"Looked for in up to {SAMPLED_ROWS:,} rows of data that the application made: every value of a reference or"
        " identifier goes with one value of another column, and the rows could have shown otherwise.",
        "Checklist “Normalization”; E. F. Codd, “Further Normalization of the Data Base Relational Model” (1971)",
        _dependencies,
    ),
)
