"""How the server takes a column, and what the bytes of its values are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pyarrow as pa

Field = tuple[str, "int | npt.NDArray[Any]"]
"""A NumPy type and the value of every row, or one value for all rows."""
Piece = "list[Field] | pa.Array"
"""Part of every row: fixed-width fields, or bytes of any length."""


class CannotEncodeError(ValueError):
    """A column has a type, or a value, that has no binary form here."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How the server takes a column: the base type's name and OID, and what it is made of.

    `element` is an array's elements', a range's bounds' and a multirange's range; `fields` are a record's. Ranges,
    multiranges and records go by those names whatever they are called, enums by the name `text`, as which the server
    receives them. `form` is the smallest unit of an interval, where it is not seconds.
    """

    name: str
    oid: int = 0
    element: Wire | None = None
    fields: tuple[Wire, ...] = ()
    form: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a column's values: fixed-width fields, then a payload of any length."""

    fields: list[Field]
    payload: pa.Array | None = None
