"""A history as one self-contained page that needs neither a network nor a script."""

from __future__ import annotations

from loadlab.report.history import charts, wording
from loadlab.report.history.model import HistoryResult
from loadlab.report.page import render_page
from loadlab.validate.nights.wording import amount, metric_label


def render_history(result: HistoryResult) -> str:
    """The page. Names in `result` are untrusted text and escaped."""
    return render_page(
        "history.html.j2",
        result=result,
        history=wording,
        figures=charts,
        metric_label=metric_label,
        amount_of=amount,
    )
