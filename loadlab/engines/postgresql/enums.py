"""Values that a script adds to an enum later on, put into the statement that makes the enum.

Migrations add a value in one file and use it in the next. Outside a transaction that is fine; inside one, the server
refuses to use a value that the same transaction has added (SQLSTATE 55P04). The order of the values is that of the
script: a value with BEFORE or AFTER stands where it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from loadlab.engines.postgresql.statements import ScriptStatement

_NAME = r'((?:"(?:[^"]|"")+"|\w+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|\w+))?)'
_LABEL = r"'((?:[^']|'')*)'"
_CREATE = re.compile(rf"CREATE\s+TYPE\s+{_NAME}\s+AS\s+ENUM\s*\((.*)\)\s*\Z", re.IGNORECASE | re.DOTALL)
_ADD = re.compile(
    rf"ALTER\s+TYPE\s+{_NAME}\s+ADD\s+VALUE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_LABEL}(?:\s+(BEFORE|AFTER)\s+{_LABEL})?\s*\Z",
    re.IGNORECASE,
)
_RENAME = re.compile(rf"ALTER\s+TYPE\s+{_NAME}\s+RENAME\s+TO\s+{_NAME}\s*\Z", re.IGNORECASE)
_RENAME_VALUE = re.compile(rf"ALTER\s+TYPE\s+{_NAME}\s+RENAME\s+VALUE\b", re.IGNORECASE)
_DROP = re.compile(rf"DROP\s+TYPE\s+(?:IF\s+EXISTS\s+)?{_NAME}", re.IGNORECASE)
_LABELS = re.compile(_LABEL)


@dataclass(slots=True)
class _Enum:
    """An enum of the script: the place of its CREATE TYPE, its labels, the places of what adds to them."""

    place: int
    labels: list[str]
    added: list[int] = field(default_factory=list)


def with_values_from_the_start(statements: Iterable[ScriptStatement]) -> list[ScriptStatement]:
    """The statements, each enum with all its values; an enum whose values are renamed too is left as it is."""
    script = list(statements)
    known: dict[str, _Enum] = {}
    found: list[_Enum] = []
    for place, statement in enumerate(script):
        if statement.words[1:2] == ("type",):
            _follow(place, statement.text, known, found)
    left_out: set[int] = set()
    for enum in found:
        if enum.added:
            made = script[enum.place]
            labels = ", ".join(f"'{label}'" for label in enum.labels)
            script[enum.place] = replace(made, text=f"{made.text[: made.text.index('(')]}({labels})")
            left_out.update(enum.added)
    return [statement for place, statement in enumerate(script) if place not in left_out]


def _follow(place: int, text: str, known: dict[str, _Enum], found: list[_Enum]) -> None:
    if (made := _CREATE.match(text)) is not None:
        known[_plain(made[1])] = _Enum(place, _LABELS.findall(made[2]))
        found.append(known[_plain(made[1])])
    elif (added := _ADD.match(text)) is not None and (enum := known.get(_plain(added[1]))) is not None:
        _add(enum, place, added)
    elif (renamed := _RENAME.match(text)) is not None and _plain(renamed[1]) in known:
        known[_plain(renamed[2])] = known.pop(_plain(renamed[1]))
    elif (gone := _RENAME_VALUE.match(text) or _DROP.match(text)) is not None:
        known.pop(_plain(gone[1]), None)


def _add(enum: _Enum, place: int, added: re.Match[str]) -> None:
    _, label, side, neighbour = added.groups()
    enum.added.append(place)
    if label in enum.labels:
        return
    at = len(enum.labels)
    if side is not None and neighbour in enum.labels:
        at = enum.labels.index(neighbour) + (side.upper() == "AFTER")
    enum.labels.insert(at, label)


def _plain(name: str) -> str:
    """A name without its namespace: a script rarely has two enums of one name in two of them."""
    last = re.split(r"\s*\.\s*", name)[-1]
    return last[1:-1] if last.startswith('"') else last.lower()
