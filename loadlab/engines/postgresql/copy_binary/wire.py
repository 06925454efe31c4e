"""How the server takes a column."""

from __future__ import annotations

from dataclasses import dataclass


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
