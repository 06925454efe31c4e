"""A run beside earlier ones: refused before its load where they cannot be compared, judged after it, and kept.

A named baseline (`--baseline`) is a promise: where it holds nothing that may be compared the run is refused, with what
differs. An ordinary night (`--history` alone) begins a new series there and says so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from loadlab.errors import InputError
from loadlab.history.store import append_night, history_path, read_history
from loadlab.report.files import RESULT_NAME, load_result
from loadlab.report.model import NightResult, Result
from loadlab.report.nights import night_of, night_result
from loadlab.validate.model import Verdict, overall
from loadlab.validate.nights.judge import compare_night
from loadlab.validate.nights.model import Night, differences
from loadlab.validate.wording import names

DEFAULT_LABEL = "main"


@dataclass(frozen=True, slots=True)
class NightOptions:
    """What the command line says. `baseline` is a series' label or an earlier run's folder or `result.json`."""

    baseline: str | None = None
    history: Path | None = None
    label: str | None = None
    accept: str = ""

    @property
    def is_asked(self) -> bool:
        return self.baseline is not None or self.history is not None or self.label is not None


class Nights:
    """The nights that a run is compared with, and the series that it goes into."""

    def __init__(self, options: NightOptions) -> None:
        """Raises InputError for a baseline or a history that cannot be used."""
        if options.accept and not options.is_asked:
            raise InputError("--accept", "needs a series to accept the night in: --history or --baseline")
        self._options = options
        self._run = _run_named(options.baseline)
        self._keeps = self._run is None or options.history is not None or options.label is not None
        self.path = history_path(options.history)
        if self._keeps:
            _check_place(self.path)
        found = read_history(self.path) if self._keeps else None
        self._nights = found.nights if found else ()
        self.notes = [f"{found.damage}."] if found and found.damage else []
        self.label = options.label or (options.baseline if self._run is None else None) or DEFAULT_LABEL
        self.baseline = options.baseline or self.label
        if self._run is None and options.baseline is not None:
            self._check_name(options.baseline)
        self._night: Night | None = None

    def _check_name(self, name: str) -> None:
        labels = sorted({night.label for night in self._nights})
        if labels and name not in labels:
            raise InputError(
                "--baseline",
                f"names no series of {self.path}; series: {', '.join(labels)}; --history {self.path} --label {name},"
                " without --baseline, begins it",
                value=name,
            )

    def foresee(self, scenario: str, scale: float | None) -> None:
        """Before anything is made: refuses what `check` will, where scenario or scale tell already.

        `scale` is None where only the database will tell. Raises InputError.
        """
        if self._options.baseline is None:
            return
        others = [self._run] if self._run is not None else self._of_baseline()
        keys = [(item.key, replace(item.key, scenario=scenario, scale=scale or item.key.scale)) for item in others]
        if keys and all(there != here for there, here in keys):
            self._refuse(replace(others[-1], key=keys[-1][1]), others[-1])

    def _of_baseline(self) -> list[Night]:
        return [item for item in self._nights if item.label == self.baseline and item.is_whole]

    def check(self, night: Night) -> None:
        """Before the load: `night` is what is known of it. Raises InputError where the baseline is none for it."""
        if self._run is not None:
            if self._run.problem:
                raise InputError("--baseline", f"is none to compare with: {self._run.problem}", value=self.baseline)
            self._refuse(night, self._run)
            return
        of_label = self._of_baseline()
        if not of_label or any(item.key == night.key for item in of_label):
            return
        if self._options.baseline is not None:
            self._refuse(night, of_label[-1])
        self.notes.append(
            f"A new series begins: {'; '.join(differences(night, of_label[-1]))} (there: the latest night of "
            f"{self.baseline})."
        )

    def _refuse(self, night: Night, other: Night) -> None:
        found = "; ".join(differences(night, other))
        if found:
            remedy = "name a run of the same kind, or" if self._run is not None else "use --history alone, which"
            begins = "begin a series (--history)" if self._run is not None else "begins a new series where nothing fits"
            raise InputError(
                "--baseline", f"cannot be compared with this run: {found}; {remedy} {begins}", value=self.baseline
            )

    def compared(self, result: Result) -> Result:
        """The result with what the nights say, and the verdict of both."""
        night = night_of(result, label=self.label, accepted=self._options.accept)
        if self._run is not None:
            found = compare_night(night, [self._run], is_file=True)
        else:
            found = compare_night(night, self._comparable(night))
        told = night_result(
            found,
            baseline=self.baseline,
            label=self.label if self._keeps else "",
            history=str(self.path) if self._keeps else "",
            notes=self.notes,
        )
        if self._options.accept:
            told = _accepted(told, self._options.accept)
        verdict = overall([result.verdict, told.verdict])
        self._night = replace(night, verdict=verdict)
        return result.model_copy(update={"night": told, "verdict": verdict})

    def _comparable(self, night: Night) -> list[Night]:
        wanted = {self.baseline, self.label}
        return [
            item
            for item in self._nights
            if item.label in wanted and item.is_whole and item.key == night.key and item.at < night.at
        ]

    def keep(self) -> str:
        """Append the night that was compared; returns what had to be said. Raises InputError."""
        if not self._keeps or self._night is None:
            return ""
        return append_night(self.path, self._night)


def _check_place(path: Path) -> None:
    """Raises InputError where a history could not be written, so that nobody learns of it after the run."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if (there != path and not there.is_dir()) or not os.access(there, os.W_OK):
        raise InputError("--history", f"cannot be written: {there} does not let us", value=str(path))


def _accepted(told: NightResult, why: str) -> NightResult:
    """Somebody answers for the night: it gates nothing, and the next ones are measured against it."""
    changes = [change.model_copy(update={"gates": False}) for change in told.changes]
    worse = [change.subject for change in told.changes if change.gates]
    reason = f"{told.reason} Accepted{f' ({names(worse)})' if worse else ''}: {why}."
    verdict = Verdict.PASS if told.verdict is Verdict.FAIL else told.verdict
    return told.model_copy(update={"changes": changes, "reason": reason, "verdict": verdict})


def _run_named(baseline: str | None) -> Night | None:
    """The run that a baseline names by its place; None where it names a series."""
    if baseline is None:
        return None
    path = Path(baseline)
    if path.is_file() or (path / RESULT_NAME).is_file():
        return night_of(load_result(path))
    if os.sep in baseline or path.suffix in (".json", ".db") or path.exists():
        raise InputError(
            "--baseline", f"is no run: neither a {RESULT_NAME} nor a folder with one; a series is named by its label",
            value=baseline,
        )  # fmt: skip
    return None
