"""What the terminal and the HTML report of a forecast say alike."""

from __future__ import annotations

from loadlab.report.forecast.model import (
    ForecastResult,
    HorizonResult,
    LayoutResult,
    OperationForecast,
    PartResult,
    PercentileForecast,
    ProjectedValue,
)
from loadlab.report.wording import NOTHING, interval_text, quantity
from loadlab.spec.targets import Unit
from loadlab.units import format_count, format_share, format_size

_YEAR_S = 365.2425 * 86_400
_KINDS = {"rows": "rows", "toast": "TOAST", "index": "index"}
# A smaller share of a row is not worth rewriting a table for.
_SAVING_SHOWN = 0.01


def volume_text(result: ForecastResult) -> str:
    """`full volume`, or `scale 0.5`."""
    return "full volume" if result.to_scale == 1 else f"scale {result.to_scale:g}"


def scales_text(result: ForecastResult) -> str:
    """`0.0005, 0.001 and 0.002`."""
    scales = [f"{scale.scale:g}" for scale in result.scales]
    return " and ".join(filter(None, (", ".join(scales[:-1]), scales[-1])))


def lead(result: ForecastResult) -> str:
    """What was measured, and what all the rest is."""
    measured = f"Measured at scale {scales_text(result)}"
    if not result.is_projected:
        return f"{measured}; a projection needs three scales."
    return f"{measured}. Everything at {volume_text(result)} is a projection and no measurement."


def value_text(found: ProjectedValue | None, unit: Unit = "bytes") -> str:
    """`86.4 GiB`; a dash where there is none."""
    return NOTHING if found is None else quantity(found.value, unit)


def range_text(found: ProjectedValue | None, unit: Unit = "bytes") -> str:
    """`80.1–92.7 GiB`."""
    return NOTHING if found is None else interval_text(found.interval, unit)


def after_text(horizon: HorizonResult) -> str:
    """`now`, `+1 year`, `+3 years`."""
    years = horizon.after_s / _YEAR_S
    if not years:
        return "now"
    return f"+{years:g} year{'s' if years != 1 else ''}"


def part_name(part: PartResult) -> str:
    """An index by its name, with its access method where that is no B-tree."""
    if part.kind != "index":
        return _KINDS[part.kind]
    return part.name + (f" ({part.method})" if part.method not in ("", "btree") else "")


def law_text(part: PartResult) -> str:
    """`24 KiB + 155 B a row`, `12.3 · rows^0.84 B`."""
    match part.law:
        case "constant":
            return format_size(part.base_bytes)
        case "linear":
            sign = "−" if part.base_bytes < 0 else ""
            return f"{sign}{format_size(abs(part.base_bytes))} + {part.bytes_per_row:.4g} B a row"
        case "power":
            return f"{part.bytes_per_row:.3g} B · rows^{part.exponent:.3f}"


def measured_text(percentile: PercentileForecast) -> str:
    """The values at the scales, one after another."""
    return " → ".join(quantity(point.value_us, "us") for point in percentile.measured)


def operation_law(operation: OperationForecast) -> str:
    """`linear in orders`; a dash where there is none."""
    if operation.law is None:
        return NOTHING
    where = f" in {', '.join(operation.law_tables)}" if operation.law_tables and operation.law == "linear" else ""
    return operation.law + where


def worth_moving(layouts: list[LayoutResult]) -> list[LayoutResult]:
    """The tables that another column order would make smaller."""
    return [layout for layout in layouts if 1 - layout.best_stored_bytes / layout.stored_bytes >= _SAVING_SHOWN]


def moved_text(layout: LayoutResult) -> str:
    """The better order, as a list of columns."""
    return ", ".join(layout.best_columns)


def rows_text(rows: float) -> str:
    """`50,000,000`."""
    return format_count(rows)


def share_text(found: ProjectedValue | None) -> str:
    """A ratio and its interval: `64% (60–68%)`."""
    if found is None:
        return NOTHING
    return f"{format_share(round(found.value, 3))} ({interval_text(_rounded(found), 'ratio')})"


def _rounded(found: ProjectedValue) -> tuple[float | None, float | None]:
    low, high = found.interval
    return (None if low is None else round(low, 3)), (None if high is None else round(high, 3))


def size_text(size_bytes: float) -> str:
    """`1.5 GiB`."""
    return format_size(size_bytes)
