"""Reads SHOW CREATE TABLE: the server's own words for keys and constraints, one a line.

Its form is the server's and regular: the body's lines are indented by two blanks, one part each, and strings in them
hold no line break.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from loadlab.engines.mysql.names import unquoted

_NAME = r"`(?:[^`]|``)+`"
_COLUMN = re.compile(rf"^({_NAME}) ")
_INDEX = re.compile(rf"^(?:UNIQUE |FULLTEXT |SPATIAL |VECTOR )?KEY ({_NAME})")
_CONSTRAINT = re.compile(rf"^CONSTRAINT ({_NAME}) (FOREIGN KEY|CHECK|UNIQUE)")
_CHECK = re.compile(r"\bCHECK \(", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`|\"(?:[^\"\\]|\"\"|\\.)*\"")


@dataclass(frozen=True, slots=True)
class CheckPart:
    """A CHECK: its name, its expression, and the column with which it stands ("": with the table)."""

    name: str
    expression: str
    column: str = ""


@dataclass(slots=True)
class TableParts:
    """The lines of a CREATE TABLE by what they define; `options` is what follows the body, partitions included."""

    indexes: dict[str, str] = field(default_factory=dict)
    foreign_keys: dict[str, str] = field(default_factory=dict)
    checks: list[CheckPart] = field(default_factory=list)
    options: str = ""


def table_parts(text: str) -> TableParts:
    """Take a CREATE TABLE of the server apart."""
    _, _, rest = text.partition("(\n")
    # A partition's list closes in the same way: the body ends at the first line that is not indented by two blanks.
    lines = rest.split("\n")
    end = next((place for place, line in enumerate(lines) if line.startswith(")")), len(lines))
    body, options = "\n".join(lines[:end]), "\n".join(lines[end:])[1:]
    parts = TableParts(options=options.strip())
    for line in body.split("\n"):
        _enter(parts, line.strip().removesuffix(","))
    return parts


def _enter(parts: TableParts, line: str) -> None:
    if found := _COLUMN.match(line):
        name = unquoted(found[1])
        parts.checks += [CheckPart(name, expression, name) for expression in _expressions(line)]
    elif found := _INDEX.match(line):
        parts.indexes[unquoted(found[1])] = line
    elif found := _CONSTRAINT.match(line):
        name = unquoted(found[1])
        if found[2] == "FOREIGN KEY":
            parts.foreign_keys[name] = line
        elif found[2] == "CHECK":
            parts.checks += [CheckPart(name, expression) for expression in _expressions(line)]


def _expressions(line: str) -> Iterator[str]:
    """What stands in the parentheses of each CHECK."""
    masked = mask(line)
    for found in _CHECK.finditer(masked):
        stop = closing(masked, found.end() - 1)
        yield line[found.end() : stop].strip()


def mask(text: str) -> str:
    """The text with everything in quotes hidden, so that what is found in it is the statement's own."""
    return _QUOTED.sub(lambda found: "\x00" * len(found[0]), text)


def closing(masked: str, opening: int) -> int:
    """The place of the parenthesis that closes the one at `opening`; the end of the text without one."""
    depth = 0
    for place in range(opening, len(masked)):
        depth += {"(": 1, ")": -1}.get(masked[place], 0)
        if depth == 0:
            return place
    return len(masked)
