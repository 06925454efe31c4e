"""The files of a replay."""

from __future__ import annotations

from pathlib import Path

from loadlab.measure.model import GeneratorHealth, LoadMeasure, OperationMeasure
from loadlab.measure.replay import ReplayMeasure
from loadlab.report.files import RunFiles, write_histograms
from loadlab.report.kinds import REPLAY
from loadlab.report.replay.model import ReplayResult


def write_replay(folder: Path, result: ReplayResult, measure: ReplayMeasure) -> RunFiles:
    """Write `replay.json` and `replay.html`, then the histograms as a run's.

    Raises InputError when the folder cannot be written to.
    """
    files = REPLAY.write(folder, result)
    write_histograms(folder, _as_load(measure))
    return files


def _as_load(measure: ReplayMeasure) -> LoadMeasure:
    """The shapes that were executed as the operations of a load."""
    operations = tuple(
        OperationMeasure(shape.name, "replayed", shape.count, shape.errors, shape.service, shape.response)
        for shape in measure.shapes
        if shape.count
    )
    return LoadMeasure(
        started_at=measure.started_at,
        duration_s=measure.duration_s,
        users=0,
        connections=measure.connections,
        connections_peak=measure.connections,
        workers=measure.workers,
        asked_rate_per_s=None,
        operations=operations,
        intervals=measure.intervals,
        generator=GeneratorHealth(measure.cpu_share, measure.lag.percentile_us(99) if measure.lag.count else 0.0),
        interrupted=measure.interrupted,
    )
