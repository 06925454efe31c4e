"""The difference of two looks at a database's counters, and its form for `evidence.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from loadlab.engines.protocol import Evidence, IndexEvidence, StatementEvidence, TableEvidence

_Counted = TypeVar("_Counted", TableEvidence, IndexEvidence, StatementEvidence)

# What counts up while the server works. Everything else (sizes, rows, settings, …) is a state: the later one holds.
_TABLE_COUNTERS = (
    "sequential_scans",
    "sequential_rows",
    "index_scans",
    "rows_inserted",
    "rows_updated",
    "rows_deleted",
    "table_blocks_hit",
    "table_blocks_read",
    "index_blocks_hit",
    "index_blocks_read",
    "autovacuums",
    "autoanalyzes",
)
_INDEX_COUNTERS = ("scans", "blocks_hit", "blocks_read")
_STATEMENT_COUNTERS = ("calls", "total_ms", "rows", "blocks_hit", "blocks_read", "wal_bytes")


def subtract(before: Evidence, after: Evidence) -> Evidence:
    """What happened between two snapshots: counters as differences, sizes, rows and settings as `after` has them.

    What `before` does not know yet (a table, an index, a statement) is counted from zero; what the engine does not
    count stays None. A negative difference is kept as it is, so that it shows: ask `counters_were_reset` first.
    """
    return replace(
        after,
        database={name: value - before.database.get(name, 0.0) for name, value in after.database.items()},
        tables=_differences(before.tables, after.tables, _TABLE_COUNTERS),
        indexes=_differences(before.indexes, after.indexes, _INDEX_COUNTERS),
        statements=_differences(before.statements, after.statements, _STATEMENT_COUNTERS),
    )


def counters_were_reset(before: Evidence, after: Evidence) -> bool:
    """Whether counters began anew between two snapshots (restart, reset): their difference then means nothing.

    A changed `reset_marker` says so, and so does any counter that went down.
    """
    if before.reset_marker != after.reset_marker:
        return True
    return (
        any(value < before.database.get(name, 0.0) for name, value in after.database.items())
        or _any_went_down(before.tables, after.tables, _TABLE_COUNTERS)
        or _any_went_down(before.indexes, after.indexes, _INDEX_COUNTERS)
        or _any_went_down(before.statements, after.statements, _STATEMENT_COUNTERS)
    )


def _differences(
    before: Mapping[str, _Counted], after: Mapping[str, _Counted], counters: tuple[str, ...]
) -> dict[str, _Counted]:
    return {
        name: item if name not in before else _difference(before[name], item, counters) for name, item in after.items()
    }


def _difference(before: _Counted, after: _Counted, counters: tuple[str, ...]) -> _Counted:
    changes: dict[str, Any] = {}
    for counter in counters:
        earlier, later = getattr(before, counter), getattr(after, counter)
        changes[counter] = None if later is None else later - (earlier or 0)
    return replace(after, **changes)


def _any_went_down(before: Mapping[str, _Counted], after: Mapping[str, _Counted], counters: tuple[str, ...]) -> bool:
    return any(
        (getattr(item, counter) or 0) < (getattr(before[name], counter) or 0)
        for name, item in after.items()
        if name in before
        for counter in counters
    )
