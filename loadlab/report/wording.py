"""Words and figures as people read them, shared by the terminal and the HTML report."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from loadlab.report.model import DetailResult, NightResult, PoolerResult, Result, TargetResult
from loadlab.report.model_base import Bounds
from loadlab.spec.targets import Unit
from loadlab.units import format_count, format_share
from loadlab.validate import wording
from loadlab.validate.model import Verdict

NOTHING = "–"
KIND_LABELS = {
    "simple": "Simple queries",
    "complex": "Complex queries",
    "report": "Reports",
    "write": "Writes",
}
_VERDICT_WORDS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.SKIPPED: "skipped",
}


def label(name: str) -> str:
    """`read_operations_per_second` → `Read operations per second`."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def percentile_label(percentile: float) -> str:
    """`p95`, `p99.9`."""
    return f"p{percentile:g}"


def blamed_details(target: TargetResult) -> list[DetailResult]:
    """What was examined and does not pass: first what failed, then what is not decided."""
    found = [detail for detail in target.details if detail.verdict is not Verdict.PASS]
    return sorted(found, key=lambda detail: detail.verdict is not Verdict.FAIL)


def target_label(target: TargetResult) -> str:
    """The target's name with the percentile it is judged at: `Simple queries, p95`."""
    suffix = f", {percentile_label(target.percentile)}" if target.percentile is not None else ""
    return label(target.name) + suffix


def quantity(value: float | None, unit: Unit) -> str:
    """A value in the target's unit; a dash when there is none."""
    return NOTHING if value is None else wording.quantity(value, unit)


def duration_us(value_us: float | None) -> str:
    """A latency; a dash when there is none."""
    return quantity(value_us, "us")


def limit_text(target: TargetResult) -> str:
    """`< 10 ms`."""
    sign = {"<=": "≤", ">=": "≥"}.get(target.sign, target.sign)
    return f"{sign} {quantity(target.limit, target.unit)}"


def pooler_text(pooler: PoolerResult) -> str:
    """What a pooler says of the window, and how the load went through it."""
    if pooler.missing is not None:
        return f"{pooler.product}; {pooler.missing}; {pooler.manner}"
    counters, peaks = pooler.counters, pooler.peaks
    transactions = counters.get("transactions", 0.0)
    parts = [f"{pooler.product}, {format_count(transactions)} transactions"]
    if transactions:
        waited = duration_us(counters.get("wait_us", 0.0) / transactions)
        parts[-1] += f", which waited {waited} for a server on average"
    parts.append(
        f"at most {format_count(peaks.get('servers_active', 0.0))} servers busy and "
        f"{format_count(peaks.get('clients_waiting', 0.0))} clients waiting when it was looked at"
    )
    return "; ".join((*parts, pooler.manner))


def interval_text(interval: Bounds | None, unit: Unit) -> str:
    """`8.12–9.40 ms`; an end that is not known is left open: `≥ 8.12 ms`."""
    if interval is None or interval == (None, None):
        return NOTHING
    low, high = interval
    if low is None:
        return f"≤ {quantity(high, unit)}"
    if high is None:
        return f"≥ {quantity(low, unit)}"
    first, second = quantity(low, unit), quantity(high, unit)
    if first == second:
        return first
    number, shared = _number_and_unit(first)
    together = shared is not None and shared == _number_and_unit(second)[1]
    return f"{number}–{second}" if together else f"{first} – {second}"


def _number_and_unit(text: str) -> tuple[str, str | None]:
    """`8.12 ms` → (`8.12`, ` ms`); a text of several parts (`3 min 5 s`) has no unit of its own: None."""
    if text.count(" ") > 1:
        return text, None
    end = len(text)
    while end and not text[end - 1].isdigit():
        end -= 1
    return text[:end], text[end:]


def tally(result: Result) -> str:
    """`9 passed, 2 failed, 1 inconclusive`."""
    counts = Counter(target.verdict for target in result.targets)
    parts = [f"{counts[verdict]} {word}" for verdict, word in _VERDICT_WORDS.items() if counts[verdict]]
    return ", ".join(parts) or "no target was judged"


def missing_text(night: NightResult) -> str:
    """`2 nights that were due before this one are missing.`; "" where none is."""
    if not night.nights_missing:
        return ""
    verb = "was due before this one is" if night.nights_missing == 1 else "were due before this one are"
    return f"{wording.counted(night.nights_missing, 'night')} that {verb} missing."


def scale_text(scale: float) -> str:
    """What volume the figures were measured at; the projection to another is never a measurement."""
    if scale == 1:
        return "Measured at full volume (scale 1)."
    return f"Measured at scale {scale:g} ({format_share(scale)} of the full volume), not at full volume."


def moment(text: str) -> str:
    """`2026-03-14T09:26:53+00:00` → `2026-03-14 09:26:53 UTC`; anything else stays as it is."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at:%Y-%m-%d %H:%M:%S} {at.tzname() or ''}".rstrip()


def printable(text: str) -> str:
    """Names and messages from outside, on one line and without characters that steer a terminal."""
    return "".join(c if c.isprintable() else " " if c in "\n\r\t" else f"\\x{ord(c):02x}" for c in text)
