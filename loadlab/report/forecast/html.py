"""`forecast.html`: one self-contained file that needs neither a network nor a script."""

from __future__ import annotations

from loadlab.report.forecast import charts, wording
from loadlab.report.forecast.model import ForecastResult
from loadlab.report.page import render_page


def render_forecast(result: ForecastResult) -> str:
    """The report as one HTML document. Names and messages in `result` are untrusted text and escaped."""
    return render_page(
        "forecast.html.j2",
        result=result,
        forecast=wording,
        storage_chart=charts.storage_chart(result),
        growth_chart=charts.growth_chart(result),
        latency_chart=charts.latency_chart(result),
        layouts=wording.worth_moving(result.layouts),
    )
