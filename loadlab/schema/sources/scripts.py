"""A DDL script with the files that it includes, as the databases' own shells read them."""

from __future__ import annotations

import re
from pathlib import Path

from loadlab.errors import InputError
from loadlab.spec.base import read_text

# psql: \i, \ir and their long names; sqlite3: .read. A name in quotes may hold blanks.
_INCLUDE = re.compile(
    r"""^(?:\\(?:ir?|include(?:_relative)?)|\.read)[ \t]+"""
    r"""(?:'(?P<single>[^'\n]+)'|"(?P<double>[^"\n]+)"|(?P<plain>[^\s;]+))"""
    r"[^\n]*$",
    re.MULTILINE,
)
_DEEPEST = 16


def read_script(path: Path) -> str:
    """The text of a script, each include replaced by what it names.

    A name that is not absolute begins at the folder of the script that holds it, or else at the one of the script
    that was asked for. Raises InputError naming the script and the line.
    """
    return _read(path, path.parent, 0)


def _read(path: Path, base: Path, depth: int) -> str:
    text = read_text(path)

    def included(match: re.Match[str]) -> str:
        name = match["single"] or match["double"] or match["plain"]
        place = f"{path.name}: line {text.count(chr(10), 0, match.start()) + 1}"
        found = next((folder / name for folder in (path.parent, base) if (folder / name).is_file()), None)
        if found is None:
            raise InputError(place, "includes a file that is not there", value=name)
        if depth == _DEEPEST:
            raise InputError(place, "includes files without an end", value=name)
        return _read(found, base, depth + 1)

    return _INCLUDE.sub(included, text)
