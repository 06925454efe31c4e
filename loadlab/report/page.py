"""A page of HTML out of a template: what all of LoadLab's pages have in common."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from loadlab.report import charts, wording
from loadlab.units import format_count, format_duration, format_rate, format_share, format_size


def render_page(template: str, **values: object) -> str:
    """The template with its values; every text in them is escaped unless it is `Markup`."""
    return environment().get_template(template).render(values)


@cache
def environment() -> Environment:
    """The templates' own, with the filters and words that they share."""
    found = Environment(
        loader=PackageLoader("loadlab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "count": lambda value: wording.NOTHING if value is None else format_count(value),
        "duration": format_duration,
        "latency": wording.duration_us,
        "rate": format_rate,
        "share": lambda value: wording.NOTHING if value is None else format_share(value),
        "size": lambda value: wording.NOTHING if value is None else format_size(value),
        "moment": wording.moment,
        "plain": _plain_number,
        "amount": _amount,
    }
    found.globals |= {"charts": charts, "wording": wording}
    return found


def _plain_number(value: object) -> str:
    """A counter of the server, whatever it counts."""
    if value is None:
        return wording.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return format_count(value) if value == int(value) else f"{value:,.3f}"
    return str(value)


def _amount(value: float | None) -> str:
    """A mean, three significant digits: `1,234`, `17.8`, `0.956`, `3`."""
    if value is None:
        return wording.NOTHING
    return format_count(value) if value >= 100 else f"{value:.3g}"
