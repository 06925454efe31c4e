"""A DDL script with the files that it includes, as the databases' own shells read them.

Of a migration that tells how to undo itself, that part is left out, as the tool that runs it does.
"""

from __future__ import annotations

import re
from pathlib import Path

from loadlab.errors import InputError
from loadlab.spec.base import read_text

# psql: \i, \ir and their long names; sqlite3: .read; mysql: source and \. alone on a line, with an ending that tells a
# file from the type of a column called source. A name in quotes may hold blanks.
_INCLUDE = re.compile(
    r"""^(?:(?:\\(?:ir?|include(?:_relative)?)|\.read)[ \t]+"""
    r"""(?:'(?P<single>[^'\n]+)'|"(?P<double>[^"\n]+)"|(?P<plain>[^\s;]+))[^\n]*"""
    r"""|(?:source|\\\.)[ \t]+(?P<sourced>[^\s;'"(),]+\.[A-Za-z]\w*)[ \t]*;?[ \t]*)$""",
    re.MULTILINE,
)
# goose, sql-migrate and micrate: `-- +goose Down`; dbmate: `-- migrate:down`. Each part ends where the next one begins.
_UNDOING = re.compile(
    r"^(?P<mark>--[ \t]*(?:\+[ \t]*(?:goose|migrate|micrate)[ \t]+|migrate:))down\b.*?(?=^(?P=mark)up\b|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_DEEPEST = 16


def read_script(path: Path) -> str:
    """The text of a script, each include replaced by what it names.

    A name that is not absolute begins at the folder of the script that holds it, or else at the one of the script
    that was asked for. Raises InputError naming the script and the line.
    """
    return _read(path, path.parent, 0)


def _read(path: Path, base: Path, depth: int) -> str:
    # Its lines stay, empty: a mistake further down is told by its line.
    text = _UNDOING.sub(lambda match: "\n" * match[0].count("\n"), read_text(path))

    def included(match: re.Match[str]) -> str:
        name = match["single"] or match["double"] or match["plain"] or match["sourced"]
        place = f"{path.name}: line {text.count(chr(10), 0, match.start()) + 1}"
        found = next((folder / name for folder in (path.parent, base) if (folder / name).is_file()), None)
        if found is None:
            raise InputError(place, "includes a file that is not there", value=name)
        if depth == _DEEPEST:
            raise InputError(place, "includes files without an end", value=name)
        return _read(found, base, depth + 1)

    return _INCLUDE.sub(included, text)
