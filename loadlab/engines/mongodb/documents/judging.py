"""What speaks for and against the rows of a table standing in those that they reference.

Rows are embedded where they are read with their parent, belong to it, and stay few. Figures: "6 Rules of Thumb for
MongoDB Schema Design" (W. Zola, MongoDB, 2014) embeds no more than "a couple of hundred" documents; a document has at
most 16 MB (MongoDB Manual, "MongoDB Limits and Thresholds"), and is read and written whole, so a sixteenth is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadlab.engines.abilities import Access, RelationFacts
from loadlab.schema.model import ForeignKey
from loadlab.units import format_count, format_size

ROWS_MAX = 200
BYTES_MAX = 1 << 20
_INDEPENDENT = ("RESTRICT", "SET NULL", "SET DEFAULT")


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of the load (by weight) reads a table's rows with or by their parent, by themselves, and changes them.

    `newest` is how many of a parent's newest rows a statement reads, 0 where none does.
    """

    through: float
    alone: float
    changes: float
    inserts: float
    newest: int

    @property
    def is_known(self) -> bool:
        return self.through + self.alone > 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """A relation by which rows could stand in others. `impossible`: no wish helps; `against`: a wish overrules it."""

    facts: RelationFacts
    reading: Reading
    impossible: tuple[str, ...]
    against: tuple[str, ...]
    speaks_for: tuple[str, ...]

    @property
    def is_embedded(self) -> bool:
        """Whether the rules embed it."""
        return not self.impossible and not self.against


def judge(facts: RelationFacts, key: ForeignKey, accesses: Sequence[Access], referrers: Sequence[str]) -> Judgement:
    """`referrers` are the tables, beside those that stand in its rows, that reference the table."""
    reading = reading_of(facts, accesses)
    return Judgement(
        facts,
        reading,
        tuple(_impossible(facts)),
        tuple(_against(facts, key, reading, referrers)),
        tuple(_speaks_for(facts, key, reading)),
    )


def reading_of(facts: RelationFacts, accesses: Sequence[Access]) -> Reading:
    """What the load does to the table of a relation."""
    columns = {(facts.table, name) for name in facts.name.split(",")}
    through = alone = changes = inserts = 0.0
    newest = 0
    for access in accesses:
        is_through = facts.host in access.tables or columns <= access.equal
        if facts.table in access.reads:
            through += access.weight if is_through else 0.0
            alone += 0.0 if is_through else access.weight
        if columns <= access.equal:
            newest = max(newest, access.newest.get(facts.table, 0))
        changes += access.weight if facts.table in access.changes else 0.0
        inserts += access.weight if facts.table in access.inserts else 0.0
    return Reading(through, alone, changes, inserts, newest)


def _impossible(facts: RelationFacts) -> Iterator[str]:
    if facts.obstacle:
        yield f"those of one row of {facts.host} cannot be listed: {facts.obstacle}"
    elif not facts.is_required:
        yield f"{facts.name} may be NULL, and such a row would stand nowhere"


def _against(facts: RelationFacts, key: ForeignKey, reading: Reading, referrers: Sequence[str]) -> Iterator[str]:
    if referrers:
        yield f"{', '.join(referrers)} {'refers' if len(referrers) == 1 else 'refer'} to its rows by themselves"
    if key.on_delete in _INDEPENDENT:
        yield f"ON DELETE {key.on_delete}: its rows have a life of their own"
    elif key.on_delete != "CASCADE" and not (facts.is_part and reading.through):
        yield f"its rows are not deleted with {facts.host}, and nothing reads them together"
    if facts.longest is None:
        yield f"nothing bounds how many a row of {facts.host} has ({_number(facts.mean)} on average)"
    elif facts.longest > ROWS_MAX:
        yield f"up to {format_count(facts.longest)} in a row of {facts.host} are more than {ROWS_MAX}"
    if facts.longest is not None and facts.longest * facts.row_bytes > BYTES_MAX:
        size = format_size(round(facts.longest * facts.row_bytes))
        yield f"up to {size} in a row of {facts.host}, which is read and written whole"
    if reading.alone > reading.through:
        yield f"{_share(reading.alone, reading)} of its reads are without {facts.host}"
    if reading.changes > reading.through > 0:
        yield f"it is changed more often than read with {facts.host}"


def _speaks_for(facts: RelationFacts, key: ForeignKey, reading: Reading) -> Iterator[str]:
    if key.on_delete == "CASCADE":
        yield "deleted together"
    if facts.is_single:
        yield "one at most"
    elif facts.longest is not None:
        most = format_size(round(facts.longest * facts.row_bytes))
        yield f"{_number(facts.mean)} on average, {format_count(facts.longest)} at most (about {most})"
    if reading.is_known:
        yield f"{_share(reading.through, reading)} of its reads are with {facts.host} or by its key"


def _share(weight: float, reading: Reading) -> str:
    return f"{weight / (reading.through + reading.alone):.0%}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 1000 else format_count(round(value))
