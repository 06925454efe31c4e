"""The files of a forecast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loadlab.report.files import write_file
from loadlab.report.forecast.model import ForecastResult


@dataclass(frozen=True, slots=True)
class ForecastFiles:
    """Where they lie."""

    result: Path
    report: Path


def write_forecast(folder: Path, result: ForecastResult) -> ForecastFiles:
    """Write `forecast.json`, then `forecast.html`. Raises InputError when the folder cannot be written to."""
    from loadlab.report.forecast.html import render_forecast

    files = ForecastFiles(folder / "forecast.json", folder / "forecast.html")
    write_file(files.result, result.model_dump_json(indent=2) + "\n")
    write_file(files.report, render_forecast(result))
    return files
