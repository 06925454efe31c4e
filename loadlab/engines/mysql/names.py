"""Names and literals in the words of MariaDB and MySQL."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\x00\n\r\x1a'\\]")
_ESCAPED = {"\x00": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z", "'": "''", "\\": "\\\\"}


def quoted(name: str) -> str:
    """A name in backquotes, whatever sql_mode says of double ones."""
    return "`" + name.replace("`", "``") + "`"


def unquoted(name: str) -> str:
    """A name without its backquotes."""
    return name[1:-1].replace("``", "`") if name[:1] == "`" else name


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Names in backquotes, with commas."""
    return ", ".join(quoted(name) for name in names)


def literal(text: str) -> str:
    """A text in quotes, for connections without NO_BACKSLASH_ESCAPES, as ours are (`connection.SQL_MODE`)."""
    return "'" + _SPECIAL.sub(lambda match: _ESCAPED[match[0]], text) + "'"
