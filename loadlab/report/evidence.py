"""What the database's evidence comes to, in words: one line for the terminal, rows for the HTML report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loadlab.report.model import Result
from loadlab.report.model_evidence import ActivityResult, EvidenceResult, FiguresResult, OperationFiguresResult
from loadlab.units import format_count, format_duration, format_share, format_size

_EVENTS_NAMED = 3
_DOING = {
    "running": "running",
    "lock": "waiting for locks",
    "io": "waiting for I/O",
    "client": "waiting for the client",
}


def server_in_words(evidence: EvidenceResult) -> str:
    """`index cache hit ratio 99.9%, …`; empty where nothing is known."""
    rows = (*_figures(evidence.figures), *_activity(evidence.activity))
    return ", ".join(f"{name} {value}" for name, value in rows)


def server_rows(evidence: EvidenceResult) -> list[tuple[str, str]]:
    """The same as (name, value), without the sessions; a figure that does not exist is left out."""
    return [*_figures(evidence.figures), *_pool(evidence.figures), *_processor(evidence.activity)]


@dataclass(frozen=True, slots=True)
class ServerShare:
    """An operation's part of the time that the server spent on all of them; `count` executions of `figures` each."""

    name: str
    share: float | None
    count: int
    figures: OperationFiguresResult


def server_shares(result: Result) -> list[ServerShare]:
    """Every operation whose statements the server counts, the one that took most of its time first."""
    counts = {operation.name: operation.count for operation in result.operations}
    known = [(name, counts.get(name, 0), one) for name, one in result.evidence.figures.operations.items()]
    total_ms = sum(count * one.server_ms_per_call for _, count, one in known)
    rows = [
        ServerShare(name, count * one.server_ms_per_call / total_ms if total_ms else None, count, one)
        for name, count, one in known
    ]
    return sorted(rows, key=lambda row: -(row.share or 0))


def doing_parts(activity: ActivityResult) -> dict[str, float]:
    """The shares of what sessions did, by the class that a bar's part has."""
    return {f"doing-{name}": share for name, share in activity.doing.items()}


def doing_words(name: str) -> str:
    """`io` → `waiting for I/O`."""
    return _DOING.get(name, name)


def judging_in_words(result: Result) -> str:
    """What stands behind the intervals: how many were judged, how often, and what the window cannot tell."""
    judging = result.judging
    if judging is None or not judging.judgements:
        return ""
    noun = "interval" if judging.judgements == 1 else "intervals"
    looks = ", over both of two possible looks" if judging.looks > 1 else ""
    chance = format_share(round(judging.chance_fail_max, 2))
    return (
        f"{judging.judgements} {noun} of {format_share(judging.confidence)}{looks}; were every value at its limit, "
        f"chance alone would fail one of them in up to {chance} of the runs; what comes more rarely than every "
        f"{format_duration(judging.speaks_of_s)} may not have been seen"
    )


def _figures(figures: FiguresResult) -> Iterator[tuple[str, str]]:
    shares = (
        ("index cache hit ratio", figures.index_cache_hit_ratio),
        ("table cache hit ratio", figures.table_cache_hit_ratio),
        ("index scan ratio", figures.index_scan_ratio),
    )
    for name, share in shares:
        if share is not None:
            yield name, format_share(share)
    if figures.wal_bytes_per_write is not None:
        yield "WAL a write", format_size(round(figures.wal_bytes_per_write))
    if figures.temp_files:
        yield "temporary files", f"{format_count(figures.temp_files)} ({format_size(figures.temp_bytes or 0)})"
    if figures.io_read_bytes is not None and figures.io_written_bytes is not None:
        read, written = format_size(figures.io_read_bytes), format_size(figures.io_written_bytes)
        yield "files", f"{read} read, {written} written"
    counts = (
        ("deadlocks", figures.deadlocks),
        ("timed checkpoints", figures.checkpoints_timed),
        ("requested checkpoints", figures.checkpoints_requested),
        ("autovacuums", figures.autovacuums),
        ("autoanalyzes", figures.autoanalyzes),
    )
    for name, count in counts:
        if count:
            yield name, format_count(count)


def _pool(figures: FiguresResult) -> Iterator[tuple[str, str]]:
    if figures.pool_share is not None:
        yield "pool busy", format_share(figures.pool_share)
    if figures.connections_share is not None:
        yield "pool by max_connections", format_share(figures.connections_share)


def _activity(activity: ActivityResult | None) -> Iterator[tuple[str, str]]:
    if activity is None:
        return
    if activity.doing:
        parts = [f"{doing_words(name)} {format_share(round(share, 2))}" for name, share in activity.doing.items()]
        events = [f"{name} {format_share(round(share, 2))}" for name, share in list(activity.waits.items())]
        named = f" ({', '.join(events[:_EVENTS_NAMED])})" if events else ""
        yield "sessions", f"{', '.join(parts)}{named}"
    yield from _processor(activity)


def _processor(activity: ActivityResult | None) -> Iterator[tuple[str, str]]:
    if activity is not None and activity.server_cores is not None:
        yield "processor", f"{activity.server_cores:.2f} cores"
