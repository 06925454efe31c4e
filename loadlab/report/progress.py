"""Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import Interval
from loadlab.report.notes import shortened
from loadlab.units import format_count, format_duration

if TYPE_CHECKING:
    from loadlab.seeding.seeder import SeedProgress

_LINE_EVERY_S = 5.0
_NOTES_SHOWN = 5


class ProgressShow:
    """Implements `pipeline.Show`. Quiet ones say nothing at all, so that `--json` stays clean for both streams."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._live = self._console.is_terminal and not quiet
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._started = self._last_line = time.monotonic()
        self._last_step = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_bar()

    def step(self, text: str) -> None:
        """A line with the time since the start."""
        self._end_bar()
        self._console.print(f"[dim]{time.monotonic() - self._started:6.1f} s[/dim]  ", end="")
        self._console.print(text, markup=False, soft_wrap=True)

    def notes(self, notes: Sequence[str]) -> None:
        """The first of each kind; the report has all of them."""
        for note in shortened(notes, _NOTES_SHOWN):
            self.step(f"Note: {note}")

    def seeding(self, progress: SeedProgress) -> None:
        """A bar over rows, a line for each finishing step."""
        if progress.step:
            if progress.step != self._last_step:
                self._last_step = progress.step
                self._status(f"Seeding: {progress.step}", progress.rows_done, progress.rows_total)
            return
        rows = f"{format_count(progress.rows_done)} of {format_count(progress.rows_total)} rows"
        self._status(f"Seeding {progress.table}: {rows}", progress.rows_done, progress.rows_total)

    def load(self, phase: str, elapsed_s: float, total_s: float, interval: Interval | None) -> None:
        """A bar over the phase's time with the last interval's rate and p95."""
        text = f"{phase} {elapsed_s:.0f}/{total_s:.0f} s"
        if interval is not None and interval.operations:
            response = Histogram.merged(o.response for o in interval.operations.values())
            errors = sum(sum(o.errors.values()) for o in interval.operations.values())
            rate = response.count / interval.duration_s if interval.duration_s else 0.0
            text += f": {rate:,.0f} operations/s"
            if response.count:
                text += f", p95 {format_duration(response.percentile_us(95) / 1e6)}"
            text += f", {errors} errors" if errors else ""
        self._status(text, elapsed_s, total_s)

    def working(self, text: str, done: int, total: int) -> None:
        """A bar over the parts."""
        self._status(f"{text} ({done}/{total})", done, total)

    def _status(self, text: str, done: float, total: float) -> None:
        if not self._live:
            now = time.monotonic()
            if now - self._last_line >= _LINE_EVERY_S:
                self._last_line = now
                self.step(text)
            return
        if self._progress is None:
            columns: tuple[Any, ...] = (
                BarColumn(bar_width=24),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
            )
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task(text, total=total)
        assert self._task is not None
        self._progress.update(self._task, description=text, completed=done, total=max(total, 1e-9))

    def _end_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress = self._task = None
