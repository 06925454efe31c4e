"""What of a script is no part of a schema: rows, accounts, settings of the whole server, upkeep."""

from __future__ import annotations

import re

from loadlab.engines.omitted import NO_SETTING, ROWS, SERVER, UPKEEP, Omitted

_UNKNOWN_VARIABLE = "1193"
_WORDS = re.compile(r"[A-Za-z_]+")
_OR_REPLACE = re.compile(r"\s+OR\s+REPLACE\b", re.IGNORECASE)
# By the words that a statement begins with.
_LEFT_OUT: dict[tuple[str, ...], str] = {
    **dict.fromkeys(
        (("INSERT",), ("REPLACE",), ("UPDATE",), ("DELETE",), ("TRUNCATE",), ("LOAD", "DATA"), ("LOAD", "XML")), ROWS
    ),
    **dict.fromkeys((("ANALYZE",), ("OPTIMIZE",), ("CHECK", "TABLE"), ("REPAIR",)), UPKEEP),
    **dict.fromkeys((("GRANT",), ("REVOKE",), ("FLUSH",), ("RESET",)), SERVER),
    **dict.fromkeys((("SET", "PASSWORD"), ("SET", "ROLE"), ("SET", "DEFAULT")), SERVER),
    **{
        (verb, kind): SERVER
        for verb in ("CREATE", "ALTER", "DROP", "RENAME")
        for kind in ("USER", "ROLE", "TABLESPACE", "SERVER")
    },
}
_GLOBAL = re.compile(r"SET\s+(?:GLOBAL\b|PERSIST\b|@@(?:GLOBAL|PERSIST)\s*\.)", re.IGNORECASE)


def omission(sql: str) -> Omitted | None:
    """Whether a statement, of which `script.lead` is given, is left out."""
    words = tuple(word.upper() for word in _WORDS.findall(_OR_REPLACE.sub("", sql[:60]))[:2])
    for lead in (words, words[:1]):
        if lead in _LEFT_OUT:
            return Omitted(" ".join(lead), _LEFT_OUT[lead])
    return Omitted("SET GLOBAL", SERVER) if _GLOBAL.match(sql) else None


def failed_setting(sql: str, code: str | None) -> Omitted | None:
    """What is said of a SET that failed since the server, of another product or version, does not have the variable."""
    is_unknown = code == _UNKNOWN_VARIABLE and sql[:3].upper() == "SET"
    return Omitted("SET", NO_SETTING) if is_unknown else None
