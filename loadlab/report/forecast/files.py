"""The files of a forecast."""

from __future__ import annotations

from pathlib import Path

from loadlab.report.files import RunFiles, write_pages
from loadlab.report.forecast.model import ForecastResult


def write_forecast(folder: Path, result: ForecastResult) -> RunFiles:
    """Write `forecast.json`, then `forecast.html`. Raises InputError when the folder cannot be written to."""

    def render() -> str:
        from loadlab.report.forecast.html import render_forecast

        return render_forecast(result)

    return write_pages(folder, "forecast", result, render)
