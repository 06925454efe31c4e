"""From the nights of a file to what is shown of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from loadlab import __version__
from loadlab.report.history.model import (
    GapResult,
    HistoryResult,
    LineResult,
    MadeBy,
    PointResult,
    RunResult,
    SeriesResult,
    StepResult,
)
from loadlab.report.model import ChangeResult
from loadlab.validate.nights.evidence import Change, evidence_changes
from loadlab.validate.nights.gaps import find_gaps
from loadlab.validate.nights.judge import series_of
from loadlab.validate.nights.model import BLOCKS, BYTES, EXAMINED, STATEMENTS, Key, Night
from loadlab.validate.nights.steps import drift_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; empty means all. An operation stands for its statements as well."""

    label: str = ""
    operation: str = ""
    metric: str = ""

    def has(self, subject: str, metric: str) -> bool:
        """Whether a figure is asked for."""
        of_operation = not self.operation or subject == self.operation or subject.startswith(f"{self.operation}/")
        return of_operation and (not self.metric or metric == self.metric)


def build_history(path: str, nights: Sequence[Night], damage: str = "", wanted: Wanted | None = None) -> HistoryResult:
    """The series of a history, the latest first."""
    asked = wanted or Wanted()
    groups: defaultdict[tuple[str, Key], list[Night]] = defaultdict(list)
    for night in nights:
        if not asked.label or night.label == asked.label:
            groups[night.label, night.key].append(night)
    series = sorted(groups.values(), key=lambda group: group[-1].at, reverse=True)
    return HistoryResult(
        path=path,
        damage=damage,
        series=[_series(group, asked) for group in series],
        environment=MadeBy(loadlab=__version__),
    )


def _series(nights: Sequence[Night], wanted: Wanted) -> SeriesResult:
    latest = nights[-1]
    return SeriesResult(
        label=latest.label,
        scenario=latest.key.scenario,
        server=latest.key.server,
        machine=latest.machine,
        fingerprint=latest.key.machine,
        scale=latest.key.scale,
        load=latest.load,
        nights=[
            RunResult(started_at=n.started_at, verdict=n.verdict, problem=n.problem, accepted=n.accepted)
            for n in nights
        ],
        gaps=[
            GapResult(after=gap.after.isoformat(), before=gap.before.isoformat(), missing=gap.missing)
            for gap in find_gaps([night.at for night in nights])
        ],
        lines=[line for line in _lines(nights) if wanted.has(line.subject, line.metric)],
        changes=[ChangeResult(**asdict(c)) for c in _changes(nights) if wanted.has(c.subject, c.metric)],
    )


def _lines(nights: Sequence[Night]) -> Iterator[LineResult]:
    for series in series_of(nights):
        steps = series.steps()
        start = steps[-1].first if steps else 0
        yield LineResult(
            subject=series.operation,
            metric=series.metric,
            points=[
                PointResult(night=number, value=sample.value, low=sample.low, high=sample.high)
                for number, sample in zip(series.nights, series.samples, strict=True)
            ],
            usual=median(sample.value for sample in series.samples[start:]),
            steps=[
                StepResult(
                    first=series.nights[step.first],
                    reported=series.nights[step.reported],
                    before=step.before,
                    after=step.after,
                    direction=step.direction,
                )
                for step in steps
            ],
            drift=drift_of(series.samples[start:]),
        )
    yield from _evidence_lines(nights)


def _evidence_lines(nights: Sequence[Night]) -> Iterator[LineResult]:
    lines: defaultdict[tuple[str, str], list[PointResult]] = defaultdict(list)
    for number, night in enumerate(nights):
        if night.is_whole:
            for subject, metric, value in _evidence(night):
                lines[subject, metric].append(PointResult(night=number, value=value))
    for (subject, metric), points in lines.items():
        yield LineResult(
            subject=subject, metric=metric, points=points, usual=median(point.value for point in points[-7:])
        )


def _evidence(night: Night) -> Iterator[tuple[str, str, float]]:
    for name, operation in night.operations.items():
        if operation.blocks_per_call is not None:
            yield name, BLOCKS, operation.blocks_per_call
        if operation.statements_per_iteration is not None:
            yield name, STATEMENTS, operation.statements_per_iteration
        for key, statement in operation.statements.items():
            if statement.examined_per_row is not None:
                yield f"{name}/{key}" if key else name, EXAMINED, statement.examined_per_row
    for table, value in night.tables.items():
        yield table, BYTES, value


def _changes(nights: Sequence[Night]) -> Iterator[Change]:
    """Those of the evidence, each in the night that told of it first."""
    before: set[tuple[str, str, str]] = set()
    whole = [night for night in nights if night.is_whole]
    for number, night in enumerate(whole):
        now = evidence_changes(night, whole[:number])
        yield from (change for change in now if (change.subject, change.metric, change.direction) not in before)
        before = {(change.subject, change.metric, change.direction) for change in now}
