"""What of a script is no part of a schema, counted for one note a kind: what the engines that read scripts share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

ROWS = "a schema holds no rows"
SERVER = "what the whole server shares is no part of a schema"
UPKEEP = "it is done after the rows are in"
NO_SETTING = "the server does not have that setting"


@dataclass(frozen=True, slots=True)
class Omitted:
    """A statement that is not run: what the note calls it, and why."""

    kind: str
    reason: str


@dataclass(slots=True)
class Omissions:
    """What was left out of a script so far."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, omitted: Omitted) -> None:
        self.counts[omitted.kind, omitted.reason] += 1

    def notes(self) -> Iterator[str]:
        for (kind, reason), count in self.counts.items():
            times = f" ({count:,} times)" if count > 1 else ""
            yield f"{kind} left out{times}: {reason}"


def note_of_filled(tables: Iterable[str]) -> tuple[str, ...]:
    """The note on tables that the schema's own code filled; none where there are none."""
    names = ", ".join(tables)
    return (f"rows that the schema's own code made are left out, of {names}: {ROWS}",) if names else ()
