"""`compare.html`: one self-contained file that needs neither a network nor a script."""

from __future__ import annotations

from loadlab.report.compare import charts, wording
from loadlab.report.compare.model import CompareResult
from loadlab.report.page import render_page


def render_comparison(result: CompareResult) -> str:
    """The report as one HTML document. Names and messages in `result` are untrusted text and escaped."""
    return render_page("compare.html.j2", result=result, compare=wording, ratio_chart=charts.ratio_chart(result))
