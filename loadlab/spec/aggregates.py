"""How a scenario names a value that follows from other rows: the sum of an order's items, an account's balance."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from loadlab.spec.base import SpecModel


class ChildValue(SpecModel):
    """A value of the rows that reference this table's row.

    Written short as `order_items.line_total`, or as a mapping when it is an expression or when the table has several
    foreign keys here: `{table: order_items, value: quantity * unit_price, via: order_id}`.
    """

    table: str = Field(min_length=1, description="The table whose rows are looked at.")
    value: str = Field(default="", description="A column of it, or a sum, difference or product of its columns.")
    via: str | None = Field(
        default=None, description='Its foreign key to this table, by column (several joined by ",").'
    )


def _column_of_child(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    table, dot, column = value.strip().rpartition(".")
    if not dot or not table or not column:
        raise ValueError("must be TABLE.COLUMN, or {table: …, value: an expression of its columns}")
    return {"table": table, "value": column}


def _child_table(value: Any) -> Any:
    return {"table": value.strip()} if isinstance(value, str) else value


ValueOfChildren = Annotated[ChildValue, BeforeValidator(_column_of_child, json_schema_input_type=str | ChildValue)]
"""`sum_of`, `min_of`, `max_of`."""
RowsOfChildren = Annotated[ChildValue, BeforeValidator(_child_table, json_schema_input_type=str | ChildValue)]
"""`count_of`."""
