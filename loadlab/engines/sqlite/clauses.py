"""Reads what SQLite's PRAGMAs do not tell from the texts that it keeps: CREATE TABLE, CREATE INDEX, CREATE TRIGGER.

Only the lexical shape is needed (https://www.sqlite.org/lang_createtable.html); the expressions stay as written.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\s+
      | (?P<token> '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] | [^\W\d][\w$]* | \d[\w.]* | . )""",
    re.VERBOSE | re.DOTALL,
)
_TABLE_CONSTRAINTS = {"CONSTRAINT", "CHECK", "PRIMARY", "UNIQUE", "FOREIGN"}
_COLUMN_CONSTRAINTS = {"REFERENCES", "GENERATED", "AS", "DEFAULT", "COLLATE", "NOT", "NULL"} | _TABLE_CONSTRAINTS


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted name, a string or a sign, and where it stands in the text."""

    text: str
    start: int
    stop: int

    @property
    def word(self) -> str:
        """In upper case, so that keywords compare; a quoted name is never a keyword."""
        return self.text.upper()


@dataclass(frozen=True, slots=True)
class CheckClause:
    """A CHECK: its name ("" without one), its expression and the whole clause."""

    name: str
    expression: str
    definition: str


@dataclass(frozen=True, slots=True)
class ReferenceClause:
    """A foreign key: what the PRAGMA does not tell of it."""

    name: str
    columns: tuple[str, ...]
    deferred: bool
    definition: str


@dataclass(slots=True)
class TableClauses:
    """The parts of a CREATE TABLE; unique constraints by their columns."""

    checks: list[CheckClause] = field(default_factory=list)
    references: list[ReferenceClause] = field(default_factory=list)
    uniques: dict[tuple[str, ...], str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)
    primary_key_name: str = ""


@dataclass(frozen=True, slots=True)
class IndexClauses:
    """The keys of a CREATE INDEX as written, without ASC and DESC, and its predicate."""

    keys: tuple[str, ...]
    predicate: str | None


def tokens(text: str) -> list[Token]:
    """The tokens of a text, spaces and comments left out."""
    found = _TOKEN.finditer(text)
    return [Token(match["token"], match.start(), match.end()) for match in found if match["token"]]


def unquoted(name: str) -> str:
    """A name without its quotes."""
    if name[:1] in "\"`'" and name[-1:] == name[:1] and len(name) > 1:
        return name[1:-1].replace(name[0] * 2, name[0])
    return name[1:-1] if name[:1] == "[" else name


def quoted(name: str) -> str:
    """A name in quotes."""
    return '"' + name.replace('"', '""') + '"'


def split_statements(script: str) -> Iterator[tuple[int, str]]:
    """(line it begins on, from 1; statement) of each statement; a trigger's body stays whole."""
    line, start = 1, 0
    for stop in (*(match.end() for match in re.finditer(";", script)), len(script)):
        piece = script[start:stop]
        if stop < len(script) and not sqlite3.complete_statement(piece):
            continue
        first = next((token for token in tokens(piece) if token.text != ";"), None)
        if first is not None:
            yield line + piece.count("\n", 0, first.start), piece[first.start :]
        line, start = line + piece.count("\n"), stop


def _group(items: list[Token], opening: int) -> int:
    """The position of the parenthesis that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(items)):
        depth += {"(": 1, ")": -1}.get(items[position].text, 0)
        if depth == 0:
            return position
    raise ValueError("unbalanced parentheses")


def _inside(text: str, items: list[Token], opening: int) -> str:
    return text[items[opening].stop : items[_group(items, opening)].start].strip()


def _split(items: list[Token]) -> Iterator[list[Token]]:
    """The runs of tokens between the commas that stand in no parentheses."""
    run: list[Token] = []
    depth = 0
    for token in items:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            yield run
            run = []
        else:
            run.append(token)
    if run:
        yield run


def _names(items: list[Token], opening: int) -> tuple[str, ...]:
    runs = _split(items[opening + 1 : _group(items, opening)])
    return tuple(unquoted(run[0].text) for run in runs)


def table_clauses(sql: str) -> TableClauses:
    """What stands in a CREATE TABLE."""
    items = tokens(sql)
    opening = next(position for position, token in enumerate(items) if token.text == "(")
    clauses = TableClauses()
    for run in _split(items[opening + 1 : _group(items, opening)]):
        if run[0].word in _TABLE_CONSTRAINTS:
            for constraint in _table_constraints(run):
                _read(sql, constraint, (), clauses)
        else:
            for constraint in _column_constraints(run):
                _read(sql, constraint, (unquoted(run[0].text),), clauses)
    return clauses


def _table_constraints(run: list[Token]) -> Iterator[list[Token]]:
    """The constraints of a run: SQLite takes them without a comma in between."""
    current: list[Token] = []
    depth = 0
    for place, token in enumerate(run):
        is_named = place > 1 and run[place - 2].word == "CONSTRAINT"
        if depth == 0 and token.word in _TABLE_CONSTRAINTS and not is_named and current:
            yield current
            current = []
        current.append(token)
        depth += {"(": 1, ")": -1}.get(token.text, 0)
    yield current


def _column_constraints(run: list[Token]) -> Iterator[list[Token]]:
    """The constraints of a column definition, each with its CONSTRAINT name."""
    current: list[Token] | None = None
    depth = 0
    for place, token in enumerate(run):
        if depth == 0 and _begins(run, place):
            if current:
                yield current
            current = []
        if current is not None:
            current.append(token)
        depth += {"(": 1, ")": -1}.get(token.text, 0)
    if current:
        yield current


def _begins(run: list[Token], place: int) -> bool:
    """Whether a constraint begins here, not the keyword, `SET NULL` or `NOT DEFERRABLE` of the one before."""
    word, before = run[place].word, run[place - 1].word if place else ""
    after = run[place + 1].word if place + 1 < len(run) else ""
    is_named = place > 1 and run[place - 2].word == "CONSTRAINT"
    is_inside = before in ("SET", "NOT", "ALWAYS") or (word == "NOT" and after == "DEFERRABLE")
    return place > 0 and word in _COLUMN_CONSTRAINTS and not is_named and not is_inside


def _read(sql: str, run: list[Token], own: tuple[str, ...], clauses: TableClauses) -> None:
    """Enter one constraint; `own` is the column that it stands with, () for one of the table."""
    definition = sql[run[0].start : run[-1].stop]
    name = ""
    if run[0].word == "CONSTRAINT":
        name, run = unquoted(run[1].text), run[2:]
    opening = next((place for place, token in enumerate(run) if token.text == "("), -1)
    match run[0].word:
        case "CHECK":
            clauses.checks.append(CheckClause(name, _inside(sql, run, opening), definition))
        case "PRIMARY":
            clauses.primary_key_name = name
        case "UNIQUE":
            clauses.uniques[own or _names(run, opening)] = name
        case "FOREIGN" | "REFERENCES":
            columns = own or _names(run, opening)
            is_deferred = "INITIALLY" in (words := [token.word for token in run]) and "DEFERRED" in words
            clauses.references.append(ReferenceClause(name, columns, is_deferred, definition))
        case "GENERATED" | "AS":
            clauses.generated[own[0]] = _inside(sql, run, opening)


def table_arguments(sql: str) -> tuple[str, list[str]]:
    """The module of a CREATE VIRTUAL TABLE and its arguments, as written."""
    items = tokens(sql)
    place = next(position for position, token in enumerate(items) if token.word == "USING")
    if len(items) < place + 3 or items[place + 2].text != "(":
        return items[place + 1].text, []
    inner = items[place + 3 : _group(items, place + 2)]
    return items[place + 1].text, [sql[run[0].start : run[-1].stop] for run in _split(inner) if run]


def index_clauses(sql: str) -> IndexClauses:
    """What stands in a CREATE INDEX."""
    items = tokens(sql)
    opening = next(position for position, token in enumerate(items) if token.text == "(")
    closing = _group(items, opening)
    keys = []
    for run in _split(items[opening + 1 : closing]):
        last = run[-2] if run[-1].word in ("ASC", "DESC") and len(run) > 1 else run[-1]
        keys.append(sql[run[0].start : last.stop])
    rest = items[closing + 1 :]
    predicate = sql[rest[0].stop :].strip() if rest and rest[0].word == "WHERE" else None
    return IndexClauses(tuple(keys), predicate)


def trigger_event(sql: str) -> str:
    """INSERT, UPDATE or DELETE."""
    return next(token.word for token in tokens(sql) if token.word in ("INSERT", "UPDATE", "DELETE"))
