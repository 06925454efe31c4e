"""What the server is doing now, for whoever watches a run: no verdict reads it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from loadlab.engines.abilities import CanWatch
from loadlab.engines.protocol import LiveEvidence
from loadlab.errors import DatabaseError
from loadlab.units import format_count, format_rate, format_share

# A look costs the server a query; nobody reads faster.
_EVERY_S = 2.0


class Watch:
    """Looks at most every two seconds, and tells what happened since the last look."""

    def __init__(self, engine: CanWatch) -> None:
        self._engine = engine
        self._last: LiveEvidence | None = None
        self._at_s = -_EVERY_S

    def figures(self) -> Mapping[str, str] | None:
        """By what each figure is called; None where there is nothing new."""
        now_s = time.monotonic()
        elapsed_s = now_s - self._at_s
        if elapsed_s < _EVERY_S:
            return None
        self._at_s = now_s
        try:
            found = self._engine.watch()
        except DatabaseError as error:
            # It may be what the run is about: the load goes on, or tells.
            self._last = None
            return {"state": str(error)}
        before, self._last = self._last, found
        return figures_of(before, found, elapsed_s)


def figures_of(before: LiveEvidence | None, now: LiveEvidence, elapsed_s: float) -> dict[str, str]:
    """Two looks `elapsed_s` apart, in words; gauges alone without an earlier one."""
    result = {"connections": f"{format_count(now.connections)} of {format_count(now.connections_max)}"}
    result["executing"] = format_count(now.active)
    if before is not None:
        hit, read = now.blocks_hit - before.blocks_hit, now.blocks_read - before.blocks_read
        result["cache hit ratio"] = format_share(hit / (hit + read)) if hit + read > 0 else "nothing read"
        result["transactions"] = format_rate((now.transactions - before.transactions) / elapsed_s)
        result["deadlocks since the last look"] = format_count(now.deadlocks - before.deadlocks)
    for name, count in sorted(now.waits.items()):
        result[f"waiting: {name}"] = format_count(count)
    return result
