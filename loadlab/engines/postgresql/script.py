"""Running a DDL script: split into its statements, so that an error can say on which line it stands.

The splitter knows PostgreSQL's lexical rules (PostgreSQL documentation, "Lexical Structure") and one rule of grammar:
the body of an SQL-standard function (`BEGIN ATOMIC … END`) holds semicolons that end no statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from loadlab.engines.postgresql.connection import Connection, apply_settings
from loadlab.engines.postgresql.errors import message
from loadlab.errors import InputError

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
# A script's own transaction is left out: the whole script is one.
_TRANSACTION_ENDS = {("begin",), ("start", "transaction"), ("commit",), ("end",)}
_TRANSACTION_ESCAPES = {("abort",), ("rollback",), ("savepoint",), ("release",), ("prepare", "transaction")}
# psql's own marks that every dump begins and ends with; they say nothing about the schema.
_HARMLESS_META = re.compile(r"\\(un)?restrict\b")
_CANNOT_RUN_IN_TRANSACTION = "25001"


@dataclass(frozen=True, slots=True)
class ScriptStatement:
    """One statement; `offset` is where its text begins in the script, `words` its leading keywords in lower case."""

    text: str
    offset: int
    words: tuple[str, ...]

    def begins_with_one_of(self, leads: set[tuple[str, ...]]) -> bool:
        return any(self.words[: len(lead)] == lead for lead in leads)


def split(script: str) -> Iterator[ScriptStatement]:
    """The statements of a script, comments before them left out. Raises InputError for a psql command."""
    start: int | None = None
    words: list[str] = []
    depth = 0  # of BEGIN ATOMIC … END and the CASE … END inside it
    position = 0
    while position < len(script):
        match = _TOKEN.match(script, position)
        assert match is not None, "the last alternative matches any character"
        kind, position = match.lastgroup, match.end()
        if kind == "tag":
            kind = "dollar"
        if kind == "block":
            position = _end_of_comment(script, match.start())
        elif kind == "meta" and start is None:
            if not _HARMLESS_META.match(match[0]):
                raise InputError(_place(script, match.start()), "is a psql command, not SQL; remove it", value=match[0])
        elif kind == "end" and depth == 0:
            if start is not None:
                yield ScriptStatement(script[start : match.start()].rstrip(), start, tuple(words[:4]))
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


def run_script(connection: Connection, script: str) -> None:
    """Run a script inside the transaction that is open, its own BEGIN and COMMIT left out.

    Session settings that it leaves behind (a dump empties search_path) are put back. Raises InputError with the line.
    """
    for statement in split(script):
        if statement.begins_with_one_of(_TRANSACTION_ENDS):
            continue
        _require_schema_statement(script, statement)
        try:
            connection.execute(statement.text.encode())
        except psycopg.Error as error:
            raise _refused(script, statement, error) from error
    connection.execute("RESET ALL")
    apply_settings(connection)


def _require_schema_statement(script: str, statement: ScriptStatement) -> None:
    place = _place(script, statement.offset)
    if statement.begins_with_one_of(_TRANSACTION_ESCAPES):
        raise InputError(
            place, f"has {statement.words[0].upper()}: the script is one transaction; remove the statement"
        )
    if statement.begins_with_one_of({("copy",)}):
        raise InputError(place, "has COPY: a schema holds no rows; remove the statement and its data")


def _refused(script: str, statement: ScriptStatement, error: psycopg.Error) -> InputError:
    position = error.diag.statement_position
    inside = int(position) - 1 if position else 0
    place = _place(script, statement.offset + inside)
    if error.sqlstate == _CANNOT_RUN_IN_TRANSACTION:
        if "concurrently" in statement.text.lower():
            return InputError(place, "uses CONCURRENTLY, which needs rows to keep serving; remove that word")
        return InputError(
            place, f"cannot be part of a schema that is made as one transaction: {message(error)}; remove it"
        )
    return InputError(place, f"is refused by the database: {message(error)}")


def _place(script: str, offset: int) -> str:
    line = script.count("\n", 0, offset) + 1
    return f"schema: line {line}"
