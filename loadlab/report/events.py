"""What the server did by itself in the window: marks in the charts over time, a chart of its own, and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loadlab.engines.abilities import EventKind
from loadlab.report.model import Result, SeriesPoint
from loadlab.report.model_evidence import EventResult
from loadlab.report.svg import WIDE, Frame, Scale, drawing, element, rect, text
from loadlab.report.time_axis import WIDE_LEFT, clock, time_axis, time_scale
from loadlab.units import format_duration
from loadlab.validate.wording import counted

KINDS: Sequence[EventKind] = ("checkpoint", "autovacuum", "autoanalyze")
"""In the order of their lanes."""

LANE_HEIGHT = 20.0


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event in words; `subject` is a name of the database's where `is_name`."""

    at: str
    what: str
    subject: str
    is_name: bool
    took: str


def event_marks(events: Sequence[EventResult], x: Scale, frame: Frame) -> list[Markup]:
    """Where events were: a line at the beginning (the end, where nobody saw it begin), a shade as long as it lasted."""
    parts = []
    for event in events:
        first, last = _span(event, x)
        at = x(event.began_s) if event.began_s is not None else last
        parts.append(rect(first, frame.top, last - first, frame.bottom - frame.top, f"event {event.kind}"))
        parts.append(
            element("line", x1=at, x2=at, y1=frame.top, y2=frame.bottom, class_=f"event {event.kind}")
        )  # fmt: skip
    return parts


def event_chart(series: Sequence[SeriesPoint], events: Sequence[EventResult]) -> Markup:
    """A lane for each kind of event that there was, along the window."""
    kinds = [kind for kind in KINDS if any(event.kind == kind for event in events)]
    bottom = 6 + LANE_HEIGHT * len(kinds)
    frame = Frame(WIDE_LEFT, 6, WIDE - 14, bottom)
    x = time_scale(series, frame)
    parts = time_axis(x, frame)
    for lane, kind in enumerate(kinds):
        top = frame.top + LANE_HEIGHT * lane
        parts.append(text(frame.left - 8, top + 14, kind, "tick end"))
        for event in events:
            if event.kind == kind:
                first, last = _span(event, x)
                bar = rect(first, top + 4, max(4.0, last - first), LANE_HEIGHT - 8, kind, rx=2, title=in_words(event))
                parts.append(bar)
    return drawing(
        WIDE, bottom + 24, *parts, title="What the server did by itself over the window", class_="chart",
        desc="; ".join(in_words(event) for event in events[:20]),
    )  # fmt: skip


def event_rows(events: Sequence[EventResult]) -> list[EventRow]:
    """Every event, by the time at which it was first known of."""
    return [
        EventRow(_at(event), event.kind, event.subject, event.kind != "checkpoint", _took(event))
        for event in sorted(events, key=_known_from_s)
    ]


def in_words(event: EventResult) -> str:
    """`autovacuum of orders at 12 s, took 340 ms`."""
    of = f" of {event.subject}" if event.subject and event.kind != "checkpoint" else ""
    cause = f"{event.subject} " if event.subject and event.kind == "checkpoint" else ""
    took = _took(event)
    at = _at(event) if _known_from_s(event) < 0 else f"at {_at(event)}"
    return f"{cause}{event.kind}{of} {at}{', ' if took else ''}{took}"


def events_text(result: Result) -> str:
    """How many there were, or why none can be told."""
    if result.evidence.activity is None:
        return "Nobody looked at what the server did by itself."
    counts = {kind: sum(event.kind == kind for event in result.evidence.events) for kind in KINDS}
    parts = [counted(count, kind) for kind, count in counts.items() if count]
    return f"The server's own work in the window: {', '.join(parts) or 'no checkpoint, no autovacuum'}."


def _known_from_s(event: EventResult) -> float:
    return next((s for s in (event.began_s, event.ended_s) if s is not None), 0.0)


def _at(event: EventResult) -> str:
    known_s = _known_from_s(event)
    return "before the window" if known_s < 0 else clock(known_s)


def _took(event: EventResult) -> str:
    if event.ended_s is None:
        return "went on after the window"
    return f"took {format_duration(max(0.0, event.ended_s - event.began_s))}" if event.began_s is not None else ""


def _span(event: EventResult, x: Scale) -> tuple[float, float]:
    """From its beginning to its end, within the chart; of no length where only one of them is known."""
    last = x(event.ended_s) if event.ended_s is not None else x.end
    return (x(event.began_s) if event.began_s is not None else last), last
