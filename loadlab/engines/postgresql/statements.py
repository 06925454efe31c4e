"""Splitting a DDL script into its statements.

The splitter knows PostgreSQL's lexical rules (PostgreSQL documentation, "Lexical Structure"), one rule of grammar (the
body of an SQL-standard function, `BEGIN ATOMIC … END`, holds semicolons that end no statement) and two of psql: a
backslash at the beginning of a line is a command, and rows follow `COPY … FROM STDIN` up to a line `\\.`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<space> \s+ )
    | (?P<comment> --[^\n]* )
    | (?P<block> /\* )
    | (?P<string> (?<![\w$]) [eE] '(?:[^'\\]|\\.|'')*(?:'|\Z) | '(?:[^']|'')*(?:'|\Z) )
    | (?P<quoted> "(?:[^"]|"")*(?:"|\Z) )
    | (?P<dollar> (?<![\w$]) (?P<tag>\$(?:[^\W\d]\w*)?\$) .*? (?:(?P=tag)|\Z) )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<meta> ^\\[^\n]* )
    | (?P<end> ; )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_END_OF_ROWS = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)


_WRITE = {("insert", "into"), ("merge", "into"), ("delete", "from")}


@dataclass(frozen=True, slots=True)
class ScriptStatement:
    """One statement; `offset` is where its text begins in the script, `words` its leading keywords in lower case.

    A command of psql is a statement of its own that begins with its backslash.
    """

    text: str
    offset: int
    words: tuple[str, ...]

    def begins_with_one_of(self, leads: set[tuple[str, ...]]) -> bool:
        return any(self.words[: len(lead)] == lead for lead in leads)


def tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, text, start) of each token; kinds are the groups of the pattern above."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None, "the last alternative matches any character"
        kind = match.lastgroup or "other"
        position = _end_of_comment(text, match.start()) if kind == "block" else match.end()
        yield "dollar" if kind == "tag" else kind, text[match.start() : position], match.start()


def split(script: str) -> Iterator[ScriptStatement]:
    """The statements of a script, comments before them left out."""
    start: int | None = None
    words: list[str] = []
    depth = position = 0
    while position < len(script):
        match = _TOKEN.match(script, position)
        assert match is not None, "the last alternative matches any character"
        kind, position = match.lastgroup, match.end()
        if kind == "tag":
            kind = "dollar"
        if kind == "block":
            position = _end_of_comment(script, match.start())
        elif kind == "meta" and start is None:
            yield ScriptStatement(match[0].rstrip(), match.start(), ())
        elif kind == "end" and depth == 0:
            if start is not None:
                yield ScriptStatement(script[start : match.start()].rstrip(), start, tuple(words[:4]))
                position = _end_of_rows(script, position, words)
            start, words = None, []
        elif kind not in ("space", "comment"):
            start = match.start() if start is None else start
            if kind == "word":
                words.append(match[0].lower())
                depth = _depth(words, depth)
    if start is not None:
        yield ScriptStatement(script[start:].rstrip(), start, tuple(words[:4]))


def _depth(words: list[str], depth: int) -> int:
    if words[0] != "create":
        return depth
    if words[-1] == "atomic" and words[-2] == "begin":
        return depth + 1
    if depth and words[-1] == "case":
        return depth + 1
    return depth - 1 if depth and words[-1] == "end" else depth


def _end_of_comment(script: str, start: int) -> int:
    """Comments nest."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(script, start):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(script)


def _end_of_rows(script: str, position: int, words: list[str]) -> int:
    """Behind the rows that follow a COPY … FROM STDIN; where there are none, where it was."""
    if words[:1] != ["copy"] or "stdin" not in words:
        return position
    end = _END_OF_ROWS.search(script, position)
    return position if end is None else end.end()


def written_tables(body: str) -> Iterator[tuple[str, str]]:
    """(namespace or "", name) of what a function's text inserts into, updates and deletes from, as it is written."""
    parts = [
        (kind, word) for kind, word, _ in tokens(body) if kind not in ("space", "comment", "block", "string", "dollar")
    ]
    parts = [(kind, word.lower() if kind == "word" else word) for kind, word in parts]
    words = [word for _, word in parts]
    for at, word in enumerate(words):
        if (word, *words[at + 1 : at + 2]) in _WRITE:
            place = at + 2
        elif word == "update" and (at == 0 or words[at - 1] not in ("for", "on", "do", "or", "key", "before", "after")):
            place = at + 1
        else:
            continue
        place += words[place : place + 1] == ["only"]
        yield from _name(parts[place : place + 3])


def _name(parts: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    names = [word[1:-1].replace('""', '"') if kind == "quoted" else word for kind, word in parts]
    if len(parts) == 3 and names[1] == "." and parts[2][0] in ("word", "quoted"):
        yield names[0], names[2]
    elif parts and parts[0][0] in ("word", "quoted"):
        yield "", names[0]
