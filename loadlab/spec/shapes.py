"""The shape of the data: what a scenario says of tables, columns and relations."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, model_validator

from loadlab.errors import InputError
from loadlab.spec.aggregates import RowsOfChildren, ValueOfChildren
from loadlab.spec.base import SpecModel
from loadlab.spec.distributions import (
    Bound,
    Children,
    Exponential,
    Histogram,
    Lognormal,
    Normal,
    Pareto,
    Share,
    Value,
    Zipf,
)

# Keys of a column shape that say how its values are distributed: at most one of them, as they exclude each other.
LAWS = ("distribution", "normal", "lognormal", "zipf", "pareto", "exponential", "histogram", "empirical")


# Keys of a column shape that make the value follow from other rows.
AGGREGATES = ("sum_of", "count_of", "min_of", "max_of", "balance_of")


class ColumnShape(SpecModel):
    """Overrides what LoadLab makes of a column; absent keys leave its own choice."""

    values: list[Value] | None = Field(default=None, min_length=1, description="The only values that occur.")
    weights: list[Annotated[float, Field(ge=0)]] | None = None
    range: tuple[float, float] | None = Field(default=None, description="Smallest and largest number.")
    between: tuple[Bound, Bound] | None = Field(
        default=None, description="First and last moment of a date, time or timestamp column."
    )
    distribution: Literal["uniform", "normal", "lognormal", "zipf", "pareto", "exponential"] | None = None
    normal: Normal | None = None
    lognormal: Lognormal | None = None
    zipf: Zipf | None = None
    pareto: Pareto | None = None
    exponential: Exponential | None = None
    histogram: Histogram | None = None
    empirical: list[Value] | None = Field(
        default=None, min_length=1, description="Observed values, each as likely as any other; repeated ones count."
    )
    distinct: PositiveInt | None = Field(default=None, description="Number of different values.")
    distinct_share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Different values per row that has one, so that they grow with the table."
    )
    common: list[Value] | None = Field(default=None, min_length=1, description="The most frequent values.")
    common_shares: list[Share] | None = Field(
        default=None, min_length=1, description="Shares of the most frequent values among the rows that have one."
    )
    width: PositiveInt | None = Field(default=None, description="Average length of a text of no known meaning.")
    order: Literal["random", "ascending", "descending"] | None = Field(
        default=None, description="Whether the values grow with the rows."
    )
    given: Given | None = None
    correlates_with: CorrelatesWith | None = None
    meaning: str | None = Field(default=None, description="What the value means: email, first_name, sentence, …")
    null_share: Annotated[float, Field(ge=0, le=1)] | None = None
    sum_of: ValueOfChildren | None = Field(
        default=None, description="Sum over the rows that reference this one: TABLE.COLUMN, or {table, value, via}."
    )
    count_of: RowsOfChildren | None = Field(
        default=None, description="Number of the TABLE's rows that reference this one."
    )
    min_of: ValueOfChildren | None = Field(
        default=None, description="Smallest value of the rows that reference this one."
    )
    max_of: ValueOfChildren | None = Field(
        default=None, description="Largest value of the rows that reference this one."
    )
    balance_of: str | None = Field(
        default=None, min_length=1, description="Sum of a column (or expression) over the row and its earlier siblings."
    )
    template: dict[str, Any] | None = Field(
        default=None, description="Shape of a JSON document: each value is a column shape or a constant."
    )

    @model_validator(mode="after")
    def _agrees(self) -> ColumnShape:
        if self.weights is not None and len(self.weights) != len(self.values or ()):
            raise ValueError(f"has {len(self.weights)} weights for {len(self.values or ())} values")
        if self.weights is not None and not sum(self.weights):
            raise ValueError("has weights that are all 0; one at least must be above 0")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError(f"has a range in the wrong order: {self.range[0]:g} > {self.range[1]:g}")
        _check_law(self)
        _check_distinct(self)
        _check_aggregates(self)
        return self

    @property
    def law(self) -> str | None:
        """The key that says how the values are distributed."""
        return next((name for name in LAWS if getattr(self, name) is not None), None)


def _check_aggregates(shape: ColumnShape) -> None:
    said = [name for name in AGGREGATES if getattr(shape, name) is not None]
    others = [name for name in ("values", "range", "meaning", "template", *LAWS) if getattr(shape, name) is not None]
    if len(said) > 1 or (said and others):
        raise ValueError(f"has {' and '.join(said + others)}, which exclude each other")


def _check_law(shape: ColumnShape) -> None:
    laws = [name for name in LAWS if getattr(shape, name) is not None]
    if len(laws) > 1:
        raise ValueError(f"has {' and '.join(laws)}, which exclude each other")
    if shape.distribution in ("pareto", "exponential") and shape.range is None and shape.between is None:
        raise ValueError(f"has the distribution {shape.distribution} without a range; give one, or {_LIKE}")
    if shape.values is not None and laws and laws != ["zipf"]:
        raise ValueError(f"has values and {laws[0]}, which exclude each other")
    if shape.order in ("ascending", "descending") and shape.correlates_with is not None:
        raise ValueError(f"has order {shape.order} and correlates_with, which exclude each other")


_LIKE = "the parameters: pareto: {alpha: 1.5, minimum: 1}, exponential: {mean: 10}"


def _check_distinct(shape: ColumnShape) -> None:
    if shape.distinct is not None and shape.distinct_share is not None:
        raise ValueError("has distinct and distinct_share, which exclude each other")
    if (shape.distinct or shape.distinct_share) and shape.values is not None:
        raise ValueError("has distinct and values; the most frequent of several values are given as common")
    shares = shape.common_shares or []
    if shape.common is not None and len(shape.common) != len(shares):
        raise ValueError(f"has {len(shares)} common_shares for {len(shape.common)} common values")
    if shares and shape.distinct is None and shape.distinct_share is None:
        raise ValueError("has common_shares without distinct or distinct_share, the number of different values")
    if sum(shares) > 1.005:
        raise ValueError(f"has common_shares that add up to {sum(shares):.4g}, above 1")
    if shape.distinct is not None and len(shares) > shape.distinct:
        raise ValueError(f"has {len(shares)} common_shares for {shape.distinct} different values")


def _text_keys(cases: object) -> object:
    """What YAML reads as true, 1 or a date is a key of text, as JSON has it."""
    if not isinstance(cases, dict):
        return cases
    return {str(key).lower() if isinstance(key, bool) else str(key): shape for key, shape in cases.items()}


class Given(SpecModel):
    """The column's shape by the value of another column of the row; `otherwise` is for values that no case names."""

    column: str
    cases: Annotated[dict[str, ColumnShape], BeforeValidator(_text_keys)] = Field(min_length=1)
    otherwise: ColumnShape | None = None


class CorrelatesWith(SpecModel):
    """Spearman's rank correlation with another column of the row: numbers, dates and times (a Gaussian copula)."""

    column: str
    coefficient: Annotated[float, Field(ge=-1, le=1)]


ColumnShape.model_rebuild()


class RelationShape(SpecModel):
    """How child rows choose their parents.

    `nested`: the children of a parent are neighbours and follow its creation (items of an order);
    `spread`: any parent that exists by then, hot ones more often by `skew` (orders of a user);
    `one_to_one`: each parent at most once; `tree`: a self reference with `roots` and `fan_out` children a node.
    """

    pattern: Literal["nested", "spread", "one_to_one", "tree"] | None = None
    skew: Literal["none", "mild", "strong"] | None = None
    min: NonNegativeInt | None = Field(default=None, description="Fewest children of a parent (nested).")
    roots: PositiveInt | None = Field(default=None, description="Rows without a parent (tree).")
    fan_out: PositiveInt | None = Field(default=None, description="Children of a node (tree).")
    depth: PositiveInt | None = Field(
        default=None, description="Levels of the tree at full volume, roots included; decides fan_out."
    )
    children: Children | None = Field(default=None, description="How many children a parent has.")
    null_share: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _tree_is_told_once(self) -> RelationShape:
        if self.depth is not None and self.fan_out is not None:
            raise ValueError("has depth and fan_out, which decide each other; give one of them")
        return self

    @property
    def is_nested(self) -> bool:
        """Whether the children of a parent are to stand side by side; stated numbers of children need that too."""
        return self.pattern == "nested" or self.children is not None


class TableShape(SpecModel):
    """Row count at full volume and overrides by column and relation (named by its column, several joined by ",")."""

    rows: NonNegativeInt | None = Field(default=None, description="Rows at full volume (scale 1).")
    scales: bool = Field(default=True, description="false for a table whose size does not follow the scale.")
    columns: dict[str, ColumnShape] = {}
    relations: dict[str, RelationShape] = {}
    examples: list[dict[str, Any]] = Field(
        default=[],
        description="Rows written by hand, the first of the table: values by column; `$name` names one; a foreign key "
        "column takes the name of an example of the parent table or the number of a row of it.",
    )
    # Left out of the manifest: states are for factories and change nothing of what is seeded.
    states: dict[str, dict[str, Any]] = Field(
        default={},
        exclude=True,
        description="By name, what a factory's rows in that state hold: by column a column shape or a constant.",
    )


class TimeShape(SpecModel):
    """The history the rows tell: row 0 is written at `start`, the last row of the full volume at `end`.

    `end: today` is the midnight (UTC) with which the day of the seeding begins. It is settled when a database is filled
    first, and kept there as a date; a start that is not stated then lies as long before it as the default's.

    `growth` shapes the way between: `constant` is as many rows each day; `accelerating` and `steep` are businesses
    that grow (rows so far ∝ time² and time⁴).
    """

    start: dt.date = dt.date(2024, 1, 1)
    end: dt.date | Literal["today"] = dt.date(2026, 1, 1)
    growth: Literal["constant", "accelerating", "steep"] = "accelerating"
    seasonality: Literal["none", "office", "consumer"] = Field(
        default="consumer", description="Rhythm of the week: when within it rows are written (hours in UTC)."
    )

    @model_validator(mode="after")
    def _has_length(self) -> TimeShape:
        if isinstance(self.end, dt.date) and self.end <= self.start:
            raise ValueError(f"must end after it starts: {self.start} .. {self.end}")
        return self

    def until(self, end: dt.date) -> TimeShape:
        """The same history up to another day."""
        default = TimeShape.model_fields
        span = default["end"].default - default["start"].default
        start = self.start if "start" in self.model_fields_set else end - span
        if end <= start:
            raise InputError("--until", f"must be after the history's start, {start}", value=end)
        return self.model_copy(update={"start": start, "end": end})


class DataShape(SpecModel):
    """The shape of the data."""

    seed: NonNegativeInt = 1
    scale: float = Field(
        default=1.0, gt=0, description="Factor on every table's full row count, unless --scale is given."
    )
    locale: str = "en_US"
    time: TimeShape = TimeShape()
    default_rows: NonNegativeInt | None = Field(
        default=None, description="Rows at full volume of a table that is not listed."
    )
    profile: str | None = Field(
        default=None, description="File of `loadlab profile` beside this one, under what is said here."
    )
    tables: dict[str, TableShape] = {}


class ProfileFile(SpecModel):
    """What `loadlab profile` writes: the data section of a scenario."""

    data: DataShape = DataShape()
