"""What a server can do, by its version: the only place where versions are compared."""

from __future__ import annotations

from dataclasses import dataclass

OLDEST_MAJOR = 13


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`version` is libpq's number, e.g. 150013 for 15.13."""

    version: int

    @property
    def is_supported(self) -> bool:
        return self.version >= OLDEST_MAJOR * 10_000

    @property
    def identifies_statements(self) -> bool:
        """EXPLAIN (VERBOSE) shows the query identifier that pg_stat_statements counts by."""
        return self.version >= 140_000

    @property
    def tells_nested_statements(self) -> bool:
        """pg_stat_statements tells what a client sent from what a function ran inside it."""
        return self.version >= 140_000

    @property
    def notices_lost_clients(self) -> bool:
        """A long statement can be stopped when its client is gone."""
        return self.version >= 140_000

    @property
    def flushes_counters_on_request(self) -> bool:
        """pg_stat_force_next_flush(); statistics live in shared memory."""
        return self.version >= 150_000

    @property
    def chooses_how_to_copy(self) -> bool:
        """CREATE DATABASE … STRATEGY: through the log, or file by file."""
        return self.version >= 150_000

    @property
    def explains_generic_plans(self) -> bool:
        """EXPLAIN (GENERIC_PLAN) takes a text with $1 in it."""
        return self.version >= 160_000

    @property
    def has_wal_counters(self) -> bool:
        return self.version >= 140_000

    @property
    def has_io_counters(self) -> bool:
        """pg_stat_io."""
        return self.version >= 160_000

    @property
    def counts_io_in_bytes(self) -> bool:
        """pg_stat_io has bytes; before, operations of `op_bytes` each."""
        return self.version >= 180_000

    @property
    def has_checkpointer_counters(self) -> bool:
        """pg_stat_checkpointer; before, its counters stood in pg_stat_bgwriter."""
        return self.version >= 170_000

    @property
    def counts_checkpoints_done(self) -> bool:
        """Checkpoints that were skipped, as nothing had changed, are told from those that were made."""
        return self.version >= 180_000
