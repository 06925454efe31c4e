"""Which parents a row's moment has to wait for.

A row is written at its own place on the table's clock. A parent that is drawn among those that exist by then has an
earlier place on its own clock, so nothing has to be asked. Only parents that do not stand on their clock (items that
follow their order) or are not drawn by history have to be looked at, and their parents in turn: along every path of
foreign keys, of which a schema of hundreds of tables has millions. So each table waits for a bounded number of paths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from loadlab.data.relations.relation import Relation

PATHS_MAX = 32
"""Frames that may be made to know one row's moment."""


@dataclass(frozen=True, slots=True)
class Timing:
    """`owner` is the relation whose parent the rows follow, `waits_for` the others whose parents must be older.

    `paths` counts the frames that the moment needs. With neither, a row stands on the clock.
    """

    owner: Relation | None = None
    waits_for: tuple[Relation, ...] = ()
    paths: int = 1

    @property
    def on_clock(self) -> bool:
        return self.owner is None and not self.waits_for


class Timed(Protocol):
    """A planned table."""

    @property
    def reference(self) -> bool: ...

    @property
    def timing(self) -> Timing: ...


def timing_of(relations: Sequence[Relation], plans: Mapping[str, Timed]) -> Timing:
    """The timing of a table whose parents are planned."""
    known = [r for r in relations if r.parents and not (r.self_reference or r.future or r.reference)]
    owner = next((r for r in known if r.pattern in ("nested", "one_to_one")), None)
    others = [r for r in known if r is not owner and not (owner is None and _is_older(r, plans))]
    paths = 1 + (plans[owner.target].timing.paths if owner is not None else 0)
    waits_for = []
    for relation in sorted(others, key=lambda r: plans[r.target].timing.paths):
        more = plans[relation.target].timing.paths
        if paths + more <= PATHS_MAX:
            waits_for.append(relation)
            paths += more
    return Timing(owner, tuple(waits_for), paths)


def _is_older(relation: Relation, plans: Mapping[str, Timed]) -> bool:
    """Whether the parent is older by the way it is drawn: among the rows of a table that stands on its clock."""
    drawn = relation.pattern == "spread" and relation.chosen is None
    drawn = drawn and relation.differs_from is None and relation.ordered is None and relation.births is None
    return drawn and plans[relation.target].timing.on_clock
