"""Notes where there is room for a few: the first of each kind, so that twenty alike do not hide one that matters."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PLAIN_WORD = re.compile(r"[a-z]+[.,;:]?")


def shortened(notes: Sequence[str], most: int) -> list[str]:
    """At most so many lines: the first note of each kind, with how many are like it, and how many are not shown."""
    kinds: dict[str, list[str]] = {}
    for note in notes:
        kinds.setdefault(_kind(note), []).append(note)
    shown = list(kinds.values())[:most]
    lines = [f"{first} (and {len(others)} more like it)" if others else first for first, *others in shown]
    hidden = len(notes) - sum(map(len, shown))
    return [*lines, f"and {hidden} more; the report and --json have all of them"] if hidden else lines


def _kind(note: str) -> str:
    """What a note says, without names and numbers: `index a.b: left out` is as `index c.d: left out`."""
    subject, colon, said = note.partition(": ")
    if not colon:
        subject, said = "", note
    what, blank, _ = subject.partition(" ")
    words = [word for word in said.split() if _PLAIN_WORD.fullmatch(word)]
    return " ".join([what if blank else "", *words])
