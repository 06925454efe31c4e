"""Indexes that are not used because they are broken, and files that hold little but air."""

from __future__ import annotations

from loadlab.schema.details import Bloat
from loadlab.schema.model import Index, Table
from loadlab.units import format_share, format_size
from loadlab.validate.review import sources
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.touching import share_of

# Half of it, and 10 MB at least: the limits of pgexperts' pgx_scripts (bloat/table_bloat_check.sql).
BLOAT_SHARE = 0.5
BLOAT_BYTES = 10 * 1024 * 1024
MEASURED_BYTES = 1024 * 1024
"""What is smaller is not measured: it cannot waste that much."""


def _invalid(facts: ReviewFacts) -> Examined:
    if facts.details is None:
        return skipped("indexes", facts.why_missing("details"))
    indexes = [(table, index) for table in facts.schema for index in table.indexes]
    broken = [
        (table, index)
        for table, index in indexes
        if (details := facts.details.index(table.key, index.name)) is not None and not details.is_valid
    ]
    return Examined(len(indexes), "indexes", tuple(_broken(facts, table, index) for table, index in broken))


def _broken(facts: ReviewFacts, table: Table, index: Index) -> Finding:
    return Finding(
        rule="invalid-index",
        severity=Severity.ERROR,
        subject=f"{table.namespace}.{index.name}" if table.namespace else index.name,
        what=f"The index {index.name} of {table.key} is invalid.",
        evidence=(index.definition,),
        why="No query uses it, and it may enforce nothing, yet every write maintains it: what is left of a CREATE INDEX"
        " CONCURRENTLY that failed.",
        remedy="Build it anew, or drop it. If rows are in the way of a unique index, they have to be resolved first.",
        sql=facts.remedies.rebuild_index(table, index) if facts.remedies else (),
        load_share=share_of(facts, table),
    )


def _bloated_tables(facts: ReviewFacts) -> Examined:
    return _bloated(facts, "bloated-table", "tables", of_indexes=False)


def _bloated_indexes(facts: ReviewFacts) -> Examined:
    return _bloated(facts, "bloated-index", "indexes", of_indexes=True)


def _bloated(facts: ReviewFacts, rule: str, objects: str, *, of_indexes: bool) -> Examined:
    objects = f"{objects} of at least {format_size(MEASURED_BYTES)}"
    if facts.bloat is None:
        return skipped(objects, facts.why_missing("bloat"))
    measured = [item for item in facts.bloat if bool(item.index) is of_indexes and facts.schema.has(item.table)]
    found = [item for item in measured if item.share >= BLOAT_SHARE and item.wasted_bytes >= BLOAT_BYTES]
    return Examined(len(measured), objects, tuple(_of_bloat(facts, rule, item) for item in found))


def _of_bloat(facts: ReviewFacts, rule: str, item: Bloat) -> Finding:
    table = facts.schema.table(item.table)
    index = next((i for i in table.indexes if i.name == item.index), None)
    sql: tuple[str, ...] = ()
    if facts.remedies is not None:
        sql = facts.remedies.rebuild_table(table) if index is None else facts.remedies.rebuild_index(table, index)
    name = f"The index {item.index} of {item.table}" if item.index else f"The table {item.table}"
    return Finding(
        rule=rule,
        severity=Severity.WARNING,
        subject=item.index or item.table,
        what=f"{name} is mostly empty.",
        evidence=(
            f"{format_size(item.wasted_bytes)} of {format_size(item.size_bytes)} ({format_share(item.share)}) hold"
            " nothing, as pgstattuple measured",
        ),
        why="Scans, the cache and backups carry the empty part along.",
        remedy="Build the index anew."
        if item.index
        else "Rewrite the table, which locks it (pg_repack does not), and"
        " see why vacuum fell behind: long transactions, or autovacuum's thresholds on a large table.",
        sql=sql,
        load_share=share_of(facts, table),
    )


HEALTH_RULES = (
    Rule(
        "invalid-index",
        "indexes",
        "An index that is invalid",
        "No query uses it and every write maintains it: what a failed CREATE INDEX CONCURRENTLY leaves behind.",
        sources.INDEXES_BUILT_CONCURRENTLY,
        _invalid,
    ),
    Rule(
        "bloated-index",
        "indexes",
        "An index that is mostly empty",
        f"At least {BLOAT_SHARE:.0%} and {format_size(BLOAT_BYTES)} below what a B-tree built anew would take,"
        " measured by"
        " pgstatindex.",
        sources.BLOAT,
        _bloated_indexes,
    ),
    Rule(
        "bloated-table",
        "storage",
        "A table that is mostly empty",
        f"At least {BLOAT_SHARE:.0%} and {format_size(BLOAT_BYTES)} of it are free or dead, measured by"
        " pgstattuple_approx.",
        sources.BLOAT,
        _bloated_tables,
    ),
)
