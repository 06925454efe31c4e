"""What a catalogue knows of tables and indexes beyond their structure: for a review, not for data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Feature = Literal["time zones", "lengths", "exact decimals", "row security", "foreign keys", "stated actions"]
"""What an engine's types and tables can do, so that a review asks for nothing that cannot be had.

`time zones`: a type for moments that knows their zone; `lengths`: a text's declared length is enforced;
`exact decimals`: a decimal number is stored as such; `row security`: the server itself hides rows of others;
`foreign keys`: the server itself keeps references whole; `stated actions`: its catalogue tells a foreign key that says
what a deletion does from one that does not.
"""


@dataclass(frozen=True, slots=True)
class IndexKey:
    """One key of an index: a column or an expression, and how it is compared and sorted.

    `collation` and `operator_class` are the server's names ("" where it has none).
    """

    text: str
    operator_class: str = ""
    collation: str = ""
    descending: bool = False
    nulls_first: bool = False

    @property
    def backwards(self) -> IndexKey:
        """As the key looks to whoever reads the index from its end."""
        return IndexKey(self.text, self.operator_class, self.collation, not self.descending, not self.nulls_first)


@dataclass(frozen=True, slots=True)
class IndexDetails:
    """An index. `is_needed` says what depends on it besides queries: a replica identity, the foreign keys of others."""

    keys: tuple[IndexKey, ...]
    is_valid: bool = True
    size_bytes: int | None = None
    is_needed: str = ""


@dataclass(frozen=True, slots=True)
class TableDetails:
    """A table's indexes by their name, and whether its rows are hidden from those whose they are not."""

    indexes: Mapping[str, IndexDetails] = field(default_factory=dict)
    has_row_security: bool = False


@dataclass(frozen=True, slots=True)
class SchemaDetails:
    """The tables by key, and what the engine can do at all."""

    tables: Mapping[str, TableDetails]
    features: frozenset[Feature] = frozenset()

    def index(self, table: str, name: str) -> IndexDetails | None:
        """An index's details, None where the catalogue has none of that name."""
        found = self.tables.get(table)
        return found.indexes.get(name) if found else None


@dataclass(frozen=True, slots=True)
class Bloat:
    """A table, or an index (`index` is its name) of it, and how much of it holds nothing. Partitions are added up."""

    table: str
    index: str
    size_bytes: int
    wasted_bytes: int

    @property
    def share(self) -> float:
        """Of its size; 0 of an empty one."""
        return self.wasted_bytes / self.size_bytes if self.size_bytes else 0.0


@dataclass(frozen=True, slots=True)
class Dependency:
    """Each of the `distinct` values of `determinant` goes with one value of `dependents`, in the rows looked at."""

    determinant: str
    dependents: tuple[str, ...]
    distinct: int


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The functional dependencies of a table's columns that are no keys, as `rows` of its rows show them."""

    rows: int
    found: Sequence[Dependency] = ()
