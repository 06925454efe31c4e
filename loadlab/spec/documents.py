"""Which rows stand in others, where the user wants it otherwise than the rules of a document database have it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from loadlab.spec.base import SpecModel
from loadlab.spec.operations import Names
from loadlab.spec.parameters import OrText


class DocumentWish(SpecModel):
    """Where the rows of a table stand.

    `embed`: in the rows that they reference; `reference`: in a collection of their own; `hybrid`: in a collection of
    their own, and the newest of them, with the number of all, also in the rows that they reference. With `summaries`
    they hold some columns of what they reference; without a design that is all that is said.
    """

    design: Literal["embed", "reference", "hybrid"] | None = None
    in_: str | None = Field(default=None, alias="in", description="The table in whose rows they stand.")
    via: Names | None = Field(default=None, description="Columns of the foreign key to it, where there are several.")
    field: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] | None = Field(
        default=None, description="Name of the field: the table's, of a hybrid recent_ and the table's."
    )
    newest: PositiveInt | None = Field(default=None, description="Of a hybrid: how many rows also stand there.")
    columns: Names | None = Field(default=None, description="Of a hybrid: which columns of them.")

    summaries: dict[str, Names] = Field(
        default={},
        description="By foreign key (columns joined by ,): columns of the row that is referenced, copied beside it.",
    )

    @model_validator(mode="after")
    def _fits_its_design(self) -> DocumentWish:
        if self.design is None and (not self.summaries or self.model_fields_set != {"summaries"}):
            raise ValueError("needs a design: embed, reference or hybrid")
        said = [name for name in ("newest", "columns") if getattr(self, name) is not None]
        if self.design != "hybrid" and said:
            raise ValueError(f"has {' and '.join(said)}, which belong to a hybrid, not to {self.design}")
        if self.design == "reference" and (self.in_ or self.via or self.field):
            raise ValueError("is a reference: its rows stand in no others")
        return self


def _named(value: object) -> object:
    return {"design": value} if isinstance(value, str) else value


DocumentWishes = dict[
    str, Annotated[DocumentWish, BeforeValidator(_named), OrText("embed, reference or hybrid, short for {design: …}")]
]
"""By table."""
