"""The database's own word in a `result.json`: its counters, its sessions, what it did by itself."""

from __future__ import annotations

from pydantic import Field

from loadlab.engines.abilities import EventKind
from loadlab.report.model_base import ResultModel


class ServerStatement(ResultModel):
    """What the server counted for one statement in the window; `total_ms` is time inside the server."""

    text: str
    calls: int
    total_ms: float
    rows: int
    blocks_hit: int | None
    blocks_read: int | None


class TableFiguresResult(ResultModel):
    """Ratios of one table over the window; null where nothing was asked for, or is not counted."""

    index_cache_hit_ratio: float | None = Field(
        default=None, description="requests for index blocks that the buffer cache answered"
    )
    table_cache_hit_ratio: float | None = Field(
        default=None, description="requests for table blocks that the buffer cache answered"
    )
    index_scan_ratio: float | None = Field(default=None, description="scans of the table that went through an index")
    autovacuums: int | None = None
    autoanalyzes: int | None = None


class OperationFiguresResult(ResultModel):
    """What one execution of an operation took inside the server, all its statements together."""

    rows_per_call: float
    blocks_per_call: float | None
    cache_hit_ratio: float | None
    server_ms_per_call: float


class FiguresResult(ResultModel):
    """What the counters come to over the window; null where the denominator is zero or nothing is counted."""

    index_cache_hit_ratio: float | None = None
    table_cache_hit_ratio: float | None = None
    index_scan_ratio: float | None = None
    temp_files: int | None = None
    temp_bytes: int | None = None
    io_read_bytes: int | None = Field(default=None, description="of tables and indexes, asked of the operating system")
    io_written_bytes: int | None = Field(default=None, description="of tables and indexes, without WAL")
    wal_bytes: int | None = Field(default=None, description="of the whole server")
    wal_bytes_per_write: float | None = Field(default=None, description="by the executions of write operations")
    deadlocks: int | None = None
    checkpoints_timed: int | None = None
    checkpoints_requested: int | None = None
    autovacuums: int | None = None
    autoanalyzes: int | None = None
    pool_share: float | None = Field(default=None, description="of the pool's time spent executing")
    connections_share: float | None = Field(default=None, description="the pool by what the server takes at most")
    tables: dict[str, TableFiguresResult] = {}
    operations: dict[str, OperationFiguresResult] = {}


class ActivityResult(ResultModel):
    """What the server's sessions were seen doing: shares of their time, by kind and by the server's own words."""

    samples: int
    doing: dict[str, float] = Field(default={}, description="running, lock, io, client, other")
    waits: dict[str, float] = Field(default={}, description="by wait event, most first")
    server_cores: float | None = Field(default=None, description="processor time of a local server, per second")


class EventResult(ResultModel):
    """A piece of work that the server did by itself; seconds from the window's start, negative before it."""

    kind: EventKind
    subject: str = Field(default="", description="the table, or why there was a checkpoint")
    began_s: float | None = Field(default=None, description="null where nobody saw the beginning")
    ended_s: float | None = Field(default=None, description="null where it went on beyond the window")


class EvidenceResult(ResultModel):
    """The database's own counters over the measured window (deltas) and sizes at its end.

    `statements` are those that took the server's most time, longest first; `figures` what the counters come to;
    `activity` is null where nobody looked at the sessions, and `events` what the server did by itself then. `notes`
    say what was not read.
    """

    figures: FiguresResult = FiguresResult()
    activity: ActivityResult | None = None
    events: list[EventResult] = []

    database: dict[str, float] = {}
    database_bytes: int | None = None
    connections: int | None = None
    connections_max: int | None = None
    tables: dict[str, dict[str, float | int | bool | None]] = {}
    indexes: dict[str, dict[str, float | int | str | None]] = {}
    statements: list[ServerStatement] = []
    settings: dict[str, str] = {}
    notes: list[str] = []
