"""Where an operation's parameters come from: the dataset's own keys and values, constants, ranges, times."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema

from loadlab.spec.base import SpecModel
from loadlab.units import parse_duration_s

Pick = Literal["uniform", "zipf", "latest", "new"]


def _column_name(text: str) -> str:
    table, dot, column = text.rpartition(".")
    if not dot or not table or not column:
        raise ValueError("must read TABLE.COLUMN")
    return text


def _duration_s(value: object) -> object:
    return parse_duration_s(value) if isinstance(value, (str, int, float)) else value


ColumnName = Annotated[str, AfterValidator(_column_name)]


class OrText:
    """In the JSON Schema a text is accepted too, where a validator turns it into the value."""

    def __init__(self, description: str) -> None:
        self._description = description

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "string", "description": self._description}]}


DurationS = Annotated[float, BeforeValidator(_duration_s), Field(ge=0), OrText("a duration such as 250ms or 5min")]
"""Seconds; written as a number of seconds or as text with a unit (`250ms`, `20s`, `5 min`)."""


class ColumnParameter(SpecModel):
    """The value that a row of the dataset has in a column.

    `pick` says how the row is drawn: `uniform` over all rows, `zipf` (few hot rows, spread over the table),
    `latest` (zipf from the newest row backwards), `new` (a row from beyond the dataset, for inserts). Parameters of
    one operation that name the same table (and the same `row` label) come from the same row.
    """

    column: ColumnName
    pick: Pick | None = None
    exponent: float = Field(default=0.99, gt=0, le=5, description="Exponent of zipf and latest.")
    row: str = Field(default="", description="Label that tells two rows of the same table apart.")

    @property
    def table(self) -> str:
        return self.column.rpartition(".")[0]

    @property
    def column_name(self) -> str:
        return self.column.rpartition(".")[2]


class ValueParameter(SpecModel):
    """A constant."""

    value: str | int | float | bool | list[Any] | dict[str, Any] | None


class ChoiceParameter(SpecModel):
    """One of several values, equally likely unless weighted."""

    choice: list[str | int | float | bool | None] = Field(min_length=1)
    weights: list[Annotated[float, Field(ge=0)]] | None = None

    @model_validator(mode="after")
    def _one_weight_each(self) -> ChoiceParameter:
        if self.weights is not None and len(self.weights) != len(self.choice):
            raise ValueError(f"has {len(self.weights)} weights for {len(self.choice)} choices")
        if self.weights is not None and not sum(self.weights):
            raise ValueError("has weights that are all 0; one at least must be above 0")
        return self


class RangeParameter(SpecModel):
    """A number between two bounds, both included, uniformly drawn; decimals as the bounds have them."""

    between: tuple[int, int] | tuple[float, float]

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> RangeParameter:
        if self.between[0] > self.between[1]:
            raise ValueError(f"has bounds in the wrong order: {self.between[0]} > {self.between[1]}")
        return self


class TimeParameter(SpecModel):
    """A point in time before the newest row of the dataset: `ago: 30d`, or drawn between two: `ago: [0d, 90d]`."""

    ago: DurationS | tuple[DurationS, DurationS]


def _shorthand(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


# The key that tells what a parameter is; capitalised tags stay out of the places that errors name.
_TAGS = {"column": "Column", "value": "Value", "choice": "Choice", "between": "Range", "ago": "Time"}


def _tag(value: object) -> str:
    if isinstance(value, dict):
        return next((tag for key, tag in _TAGS.items() if key in value), "Column")
    return type(value).__name__.removesuffix("Parameter")


Parameter = Annotated[
    Annotated[ColumnParameter, Tag("Column")]
    | Annotated[ValueParameter, Tag("Value")]
    | Annotated[ChoiceParameter, Tag("Choice")]
    | Annotated[RangeParameter, Tag("Range")]
    | Annotated[TimeParameter, Tag("Time")],
    Discriminator(_tag),
    BeforeValidator(_shorthand),
    OrText("TABLE.COLUMN, short for {column: TABLE.COLUMN}"),
]
"""A parameter's source; a bare `table.column` is short for `{column: table.column}`."""
