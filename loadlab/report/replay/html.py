"""`replay.html`: one self-contained file that needs neither a network nor a script."""

from __future__ import annotations

from loadlab.report.page import render_page
from loadlab.report.replay import charts, wording
from loadlab.report.replay.model import ReplayResult


def render_replay(result: ReplayResult) -> str:
    """The report as one HTML document. Texts of the log are untrusted and escaped."""
    return render_page(
        "replay.html.j2",
        result=result,
        replay=wording,
        figures=charts,
        range_scale=charts.range_scale(result.shapes),
    )
