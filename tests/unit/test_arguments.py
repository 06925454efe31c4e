"""What the texts of the command line mean, and what is said of those that mean nothing."""

from __future__ import annotations

import pytest

from loadlab.arguments import duration_s, parse_scale, rate_per_s, share
from loadlab.errors import InputError


@pytest.mark.parametrize("text, scale", [("0.01", 0.01), ("1e-3", 0.001), ("full", 1.0), (" Full ", 1.0), ("2", 2.0)])
def test_scales(text, scale):
    assert parse_scale("--scale", text) == scale


@pytest.mark.parametrize(
    "parse, text, said",
    [
        (parse_scale, "1%", "must be a scale such as 0.001, or full"),
        (parse_scale, "0", "must be above 0"),
        (parse_scale, "-1", "must be above 0"),
        (parse_scale, "nan", "must be a finite number"),
        (parse_scale, "inf", "must be a finite number"),
        (duration_s, "soon", "must be a number with a unit, such as 20s"),
        (duration_s, "10x", "has unit 'x'; a duration needs one of us, ms, s, min, h, d, w, months, years"),
        (rate_per_s, "fast", "must be a number with a unit, such as 2000/s"),
        (share, "5", "must lie between 0% and 100%, such as 5%"),
    ],
)
def test_a_mistake_is_told_with_the_option_the_value_and_what_is_right(parse, text, said):
    with pytest.raises(InputError) as caught:
        parse("--option", text)
    assert str(caught.value) == f"--option={text} {said}"
