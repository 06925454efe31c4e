"""What a recipe for texts may know of its column."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.data.core.hashing import make_key
from loadlab.data.texts import pools
from loadlab.data.texts.patterns import PatternPiece, pattern_piece
from loadlab.data.texts.texts import Code, Digits, FromPool

# A base-32 code of 7 characters tells 2**35 = 34 billion rows apart.
CODE_LENGTH = 7
# One table may hold several addresses and people: columns that begin alike belong together.
_ROLES = (
    "arrival", "author", "bill_to", "billing", "buyer", "committer", "delivery", "departure", "destination",
    "emergency", "employer", "guarantor", "home", "invoice", "mailing", "manager", "office", "origin", "payer",
    "pickup", "postal", "recipient", "reporter", "return", "seller", "sender", "ship", "shipping", "supplier",
    "vendor", "work",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextContext:
    """What a recipe may use: the table's key (so that columns of a row agree), the column's own, and neighbours.

    `length_min` and `length` bound the characters of a text. `unique` texts differ from row to row, in lower case
    too (`distinct_ignoring_case` alone asks for the same). `fixed_length` is a column padded by the database.
    """

    table_key: int
    key: int
    locale: str
    unique: bool
    length: int | None
    columns: frozenset[str]
    column: str = ""
    comment: str | None = None
    length_min: int = 0
    fixed_length: bool = False
    distinct_ignoring_case: bool = False

    @property
    def distinct(self) -> bool:
        return self.unique or self.distinct_ignoring_case

    @property
    def country(self) -> str:
        """The locale's country, such as DE."""
        return pools.country_of(self.locale)

    @property
    def role(self) -> str:
        """Whose name or address it is: `billing` of `billing_city`."""
        name = self.column.lower()
        if name == "postal_code":
            return ""  # A postcode, not the code of a postal address.
        return next((role for role in _ROLES if name.startswith(role + "_")), "")

    def shared(self, name: str) -> FromPool:
        """The same entry wherever the row uses this pool or one of its group: city and postcode agree."""
        return FromPool(self.group_key(pools.group_of(name)), name, self.locale)

    def group_key(self, group: str) -> int:
        return make_key(self.table_key, group, self.role) if self.role else make_key(self.table_key, group)

    def own(self, name: str, purpose: str = "") -> FromPool:
        return FromPool(make_key(self.key, name, purpose), name, self.locale)

    def code(self, *, upper: bool = True, length: int = CODE_LENGTH) -> Code:
        return Code(make_key(self.key, "code"), length, upper)

    def digits(self, low: int, high: int, purpose: str, width: int = 0) -> Digits:
        return Digits(make_key(self.key, purpose), low, high, width)

    def pattern(self, pattern: str) -> PatternPiece:
        """Texts of a regular expression, which differ where the column is unique."""
        key = make_key(self.key, "pattern")
        return pattern_piece(f"^({pattern})$", key, distinct=self.distinct, distinct_ignoring_case=self.distinct)
