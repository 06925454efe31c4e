"""Distributions as a scenario states them: of a column's values, and of the number of children of a parent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from loadlab.spec.base import SpecModel

Share = Annotated[float, Field(ge=0, le=1)]
_SHARES_OFF = 0.005


def iso_text(value: object) -> object:
    """Dates and times, which YAML reads as such, as ISO text: the one form that JSON keeps too."""
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime, dt.time)) else value


Bound = Annotated[int | float | str, BeforeValidator(iso_text)]
Value = Annotated[str | int | float | bool | None, BeforeValidator(iso_text)]


class Normal(SpecModel):
    """A bell: two thirds of the values lie within one `stddev` of the `mean`."""

    mean: float
    stddev: PositiveFloat


class Lognormal(SpecModel):
    """Half of the values lie below `median`; the logarithm has the standard deviation `sigma`."""

    median: PositiveFloat
    sigma: PositiveFloat


class Zipf(SpecModel):
    """The k-th value is drawn in proportion to k ** -exponent."""

    exponent: Annotated[float, Field(ge=0, le=20)] = 1.0


class Pareto(SpecModel):
    """P(X > x) = (minimum / x) ** alpha; alpha 1.16 gives a fifth of the rows four fifths of the sum."""

    alpha: PositiveFloat
    minimum: PositiveFloat = 1.0


class Exponential(SpecModel):
    """P(X > x) = exp(-x / mean), from 0 or from the lower end of `range` on."""

    mean: PositiveFloat


class Histogram(SpecModel):
    """`bounds` of the bins, ascending, and the `shares` of rows in them; without `shares` each bin holds as many."""

    bounds: list[Bound] = Field(min_length=2)
    shares: list[Share] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Histogram:
        if len({isinstance(bound, str) for bound in self.bounds}) > 1:
            raise ValueError("has bounds that are numbers and bounds that are text; give one kind")
        numbers = [bound for bound in self.bounds if not isinstance(bound, str)]
        for low, high in pairwise(numbers):
            if high < low:
                raise ValueError(f"has bounds that do not ascend: {low:g} stands before {high:g}")
        if self.shares is not None:
            if len(self.shares) != len(self.bounds) - 1:
                raise ValueError(
                    f"has {len(self.shares)} shares for the {len(self.bounds) - 1} bins between {len(self.bounds)} "
                    "bounds"
                )
            check_sum(self.shares)
        return self


def check_sum(shares: Sequence[float]) -> None:
    """Raises ValueError unless the shares add up to 1."""
    if abs(sum(shares) - 1) > _SHARES_OFF:
        raise ValueError(f"has shares that add up to {sum(shares):.4g}; they must add up to 1")


class Children(SpecModel):
    """How many children a parent has.

    `fixed`: `mean` each; `uniform`: any number from `min` to `max`; `geometric`: most have few, `mean` on average;
    `zipf`: k children with a share ∝ k ** -exponent, up to `max`; `histogram`: `shares` by number of children.
    `childless` is the share of parents that have none, on top of the distribution.
    """

    distribution: Literal["fixed", "uniform", "geometric", "zipf", "histogram"] = "uniform"
    min: NonNegativeInt | None = Field(default=None, description="Fewest children of a parent that has any.")
    max: PositiveInt | None = Field(default=None, le=100_000, description="Most children of a parent.")
    mean: PositiveFloat | None = Field(default=None, description="Average over the parents that have children.")
    exponent: Annotated[float, Field(ge=0, le=20)] = 1.0
    shares: dict[int, Share] | None = Field(default=None, description="Share of parents by number of children.")
    childless: Share | None = Field(default=None, description="Share of parents without a child.")

    @model_validator(mode="after")
    def _agrees(self) -> Children:
        needed = {"fixed": "mean", "uniform": "max", "geometric": "mean", "zipf": "max", "histogram": "shares"}
        key = needed[self.distribution]
        if getattr(self, key) is None:
            raise ValueError(f"needs {key} for the distribution {self.distribution}")
        for name in ("mean", "max", "shares"):
            unused = name != key and not (name == "max" and self.distribution == "geometric")
            if unused and getattr(self, name) is not None:
                raise ValueError(f"has {name}, which the distribution {self.distribution} does not use")
        if self.max is not None and (self.min or 0) > self.max:
            raise ValueError(f"has min and max in the wrong order: {self.min} > {self.max}")
        if self.distribution == "geometric" and (self.mean or 0) < (self.min or 0):
            raise ValueError(f"has a mean below min: {self.mean:g} < {self.min}")
        if self.shares is not None:
            negative = [count for count in self.shares if count < 0]
            if negative:
                raise ValueError(f"has shares for {negative[0]} children; a number of children is not negative")
            check_sum(list(self.shares.values()))
        return self
