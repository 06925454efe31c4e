"""CHECKs of a CREATE TABLE that name a function which no extension has brought: the table can be made without them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from loadlab.engines.postgresql.statements import tokens

_NO_FUNCTION = re.compile(r'^function (?:[^\s(]+\.)?"?(?P<name>[^\s(."]+)"?\(')
_GAPS = ("space", "comment", "block")


@dataclass(frozen=True, slots=True)
class _Part:
    """Something between the outermost commas of the table's parentheses."""

    start: int
    stop: int
    words: tuple[str, ...]
    """Words and names outside its parentheses, in lower case and without quotes."""
    called: frozenset[str]


def missing_function(said: str) -> str | None:
    """The function that the server's message says is not there."""
    found = _NO_FUNCTION.match(said)
    return None if found is None else found["name"].lower()


def without_checks_of(text: str, function: str) -> tuple[str, tuple[str, ...]]:
    """The statement with blanks for its table constraints that are CHECKs and call the function, and their names."""
    parts = _parts(text)
    gone = [part for part in parts if _is_check(part.words) and function in part.called]
    if not gone or len(gone) == len(parts):
        return text, ()
    first_kept = next(part for part in parts if part not in gone)
    for part in gone:
        # With the comma in front of it; before the first that is kept with the one behind.
        is_before = part.start < first_kept.start
        start, stop = (part.start, part.stop + 1) if is_before else (part.start - 1, part.stop)
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:stop]) + text[stop:]
    return text, tuple(part.words[1] if part.words[0] == "constraint" else "without a name" for part in gone)


def _is_check(words: tuple[str, ...]) -> bool:
    return words[:1] == ("check",) or (words[:1] == ("constraint",) and words[2:3] == ("check",))


def _parts(text: str) -> list[_Part]:
    parts: list[_Part] = []
    depth = start = 0
    words: list[str] = []
    called: set[str] = set()
    before = ""
    for kind, piece, place in tokens(text):
        if kind in _GAPS:
            continue
        if piece == "(":
            called.add(before)
            depth += 1
            if depth == 1:
                start, words, called = place + 1, [], set()
        elif piece in (")", ",") and depth == 1:
            parts.append(_Part(start, place, tuple(words), frozenset(called)))
            start, words, called = place + 1, [], set()
            if piece == ")":
                return parts
        elif piece == ")":
            depth -= 1
        before = piece.strip('"').lower() if kind in ("word", "quoted") else ""
        if depth == 1 and before:
            words.append(before)
    return parts
