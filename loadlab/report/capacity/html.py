"""`capacity.html`: one self-contained file that needs neither a network nor a script."""

from __future__ import annotations

from loadlab.report.capacity import charts, wording
from loadlab.report.capacity.model import CapacityResult
from loadlab.report.page import render_page


def render_capacity(result: CapacityResult) -> str:
    """The report as one HTML document. Names and messages in `result` are untrusted text and escaped."""
    return render_page(
        "capacity.html.j2",
        result=result,
        capacity=wording,
        figures=charts,
        latency=charts.latency_targets(result),
        law_chart=charts.law_chart(result),
        steps=sorted(result.steps, key=lambda step: step.rate_per_s),
    )
