"""How a night's figures read: each metric with its unit."""

from __future__ import annotations

from loadlab.units import format_count, format_duration, format_share, format_size
from loadlab.validate.nights import model
from loadlab.validate.wording import names as names

_LABELS = {
    model.BLOCKS: "blocks per call",
    model.EXAMINED: "rows examined per row",
    model.STATEMENTS: "statements per iteration",
    model.BYTES: "bytes per row",
    model.PLAN: "plan",
}
_UNITS = {model.BLOCKS: "blocks", model.EXAMINED: "rows", model.STATEMENTS: "statements", model.PLAN: "rows"}


def metric_label(metric: str) -> str:
    """`response time p95`, `blocks per call`."""
    return _LABELS.get(metric, f"response time {metric}")


def amount(metric: str, value: float) -> str:
    """A value with its unit: `2.10 ms`, `17.8 blocks`, `96 B`."""
    if metric in model.LATENCIES:
        return format_duration(value / 1e6)
    if metric == model.BYTES:
        return format_size(value)
    number = format_count(value) if value >= 100 else f"{value:.3g}"
    return f"{number} {_UNITS[metric].removesuffix('s') if value == 1 else _UNITS[metric]}"


def effect_text(before: float, after: float) -> str:
    """`+15.3%`, `×12` from a threefold on."""
    if before <= 0:
        return ""
    factor = after / before
    if factor >= 3:
        return f"×{factor:.3g}" if factor < 1000 else f"×{factor:,.0f}"
    return f"{'+' if factor >= 1 else '−'}{format_share(round(abs(factor - 1), 3))}"
