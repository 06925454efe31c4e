"""Texts that people wrote, executed or checked: DDL scripts and the workload's statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import literal, quoted, unquoted
from loadlab.engines.mysql.omissions import failed_setting, omission
from loadlab.engines.mysql.reflect import table_names
from loadlab.engines.omitted import Omissions, note_of_filled
from loadlab.engines.translation import UntranslatableError
from loadlab.errors import DatabaseError, InputError
from loadlab.spec.statement import Statement

REMEDY = "give it a text for this engine: sql: {mysql: …}"
# What belongs to whoever runs the script by hand: here the database is the one that was named.
_PASSED_OVER = re.compile(
    r"USE\b|BEGIN\b|START\s+TRANSACTION\b|COMMIT\b|(?:UN)?LOCK\s+TABLES?\b"
    r"|(?:CREATE(?:\s+OR\s+REPLACE)?|DROP|ALTER)\s+(?:DATABASE|SCHEMA)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"""(?P<string>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|`(?:[^`]|``)*`)
      | (?P<comment>\#[^\n]*|--(?=[\s]|$)[^\n]*|/\*(?!!|M!).*?\*/)
      | (?P<space>\s+) | (?P<word>[^\W\d]\w*) | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_DELIMITER = re.compile(r"[ \t]*DELIMITER[ \t]+(\S+)[ \t]*(?:\n|$)", re.IGNORECASE)
# Around words that not every server is to read: `/*!50003 CREATE*/ /*!50017 DEFINER=…*/ /*!50003 TRIGGER …*/`.
_CONDITIONAL = re.compile(r"/\*M?!\d*|\*/")
_LEAD_MAX = 400
_DEFINER = r"DEFINER\s*=\s*(?:`(?:[^`]|``)*`|'[^']*'|[^\s`'])+\s+"
_CREATE = rf"CREATE\s+(?:OR\s+REPLACE\s+)?(?:{_DEFINER})?(?:AGGREGATE\s+)?"
_COMPOUND = re.compile(rf"{_CREATE}(?:TRIGGER|PROCEDURE|FUNCTION|EVENT)\b", re.IGNORECASE)
_VIEW = re.compile(
    rf"CREATE\s+(?:OR\s+REPLACE\s+|ALGORITHM\s*=\s*\w+\s+|{_DEFINER}|SQL\s+SECURITY\s+\w+\s+)*VIEW\b", re.IGNORECASE
)
_HAS_BODY = re.compile(rf"{_CREATE}(?:TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE)\b", re.IGNORECASE)
_NO_FULL_TEXT_INDEX = "1191"
_UNKNOWN_COLLATION = "1273"
_NAME = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?P<name>`(?:[^`]|``)+`|\w+)"
# The database that a script is written for: it says so, or makes, changes and drops things of it.
_OWN_DATABASE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:USE|CREATE\s+(?:OR\s+REPLACE\s+)?(?:DATABASE|SCHEMA))\s+{_NAME}",
        rf"(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+|ALGORITHM\s*=\s*\w+\s+|{_DEFINER}|SQL\s+SECURITY\s+\w+\s+"
        r"|(?:TEMPORARY|IGNORE|AGGREGATE)\s+)*(?:TABLES?|VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|SEQUENCE)\s+"
        rf"{_NAME}\s*\.",
    )
)
_NO_COLLATION = re.compile(r"'(\w+)'")
_BLOCKS = {"IF", "LOOP", "WHILE", "REPEAT", "CASE", "FOR"}


def split_statements(script: str) -> Iterator[tuple[int, str]]:
    """(line it begins on, from 1; statement) of each statement; DELIMITER is heeded, a body of BEGIN … END whole."""
    delimiter, start, place, depth, before = ";", -1, 0, 0, ""
    line, counted = 1, 0
    while place < len(script):
        if start < 0 and (found := _DELIMITER.match(script, place)):
            delimiter, place = found[1], found.end()
            continue
        if depth == 0 and script.startswith(delimiter, place):
            if start >= 0:
                yield from _sent(line, script[start:place].rstrip(), delimiter)
            start, before, place = -1, "", place + len(delimiter)
            continue
        found = _TOKEN.match(script, place)
        assert found is not None
        if start < 0 and not (found["space"] or found["comment"]):
            start = place
            line, counted = line + script.count("\n", counted, start), start
        if found["word"] and delimiter == ";" and _COMPOUND.match(script, start):
            depth, before = _depth(depth, before, found["word"].upper()), found["word"].upper()
        place = found.end()
    if start >= 0 and script[start:].strip():
        yield from _sent(line, script[start:].rstrip(), delimiter)


def _sent(line: int, text: str, delimiter: str) -> Iterator[tuple[int, str]]:
    """The statements of what the shell sends at once: several, where another delimiter ends them together."""
    if delimiter == ";" or _HAS_BODY.match(lead(text)):
        yield line, text
    else:
        yield from ((line + inside - 1, sql) for inside, sql in split_statements(text))


def lead(sql: str) -> str:
    """How a statement begins: without comments, but with what stands in those that only some servers are to read."""
    pieces = (" " if found["comment"] else found[0] for found in _TOKEN.finditer(sql[:_LEAD_MAX]))
    return _CONDITIONAL.sub(" ", "".join(pieces)).lstrip()


def is_passed_over(sql: str) -> bool:
    """Whether a statement belongs to whoever runs the script by hand: another database is never touched."""
    return _PASSED_OVER.match(lead(sql)) is not None


def own_database(sql: str) -> str | None:
    """The database that a statement shows a script to be written for: here it is the one that was named, so that what
    is named with it goes without its name.
    """
    start = lead(sql)
    found = next((match for match in (pattern.match(start) for pattern in _OWN_DATABASE) if match is not None), None)
    return None if found is None else unquoted(found["name"])


def _depth(depth: int, before: str, word: str) -> int:
    """How deep in BEGIN … END and CASE … END a word leaves us; `END IF` and its like close what was not counted."""
    if before == "END" and word in _BLOCKS:
        # CASE was counted, and its END has been.
        return depth if word == "CASE" else depth + 1
    return depth + {"BEGIN": 1, "CASE": 1, "END": -1}.get(word, 0)


def execute_script(connection: Connection, ddl: str) -> tuple[str, ...]:
    """Execute a DDL text statement by statement; notes of what was left out, or read as something else.

    Raises InputError with the line.
    """
    read_as: dict[str, str] = {}
    omissions = Omissions()
    own: set[str] = set()
    for line, sql in split_statements(ddl):
        if (database := own_database(sql)) is not None:
            own.add(database)
        if is_passed_over(sql):
            continue
        if (omitted := omission(lead(sql))) is not None:
            omissions.add(omitted)
            continue
        sql = _without_databases(sql, own)
        _require_own_database(connection, line, sql)
        try:
            _run(connection, sql, read_as)
        except DatabaseError as error:
            if (omitted := failed_setting(lead(sql), error.code)) is None:
                raise InputError(f"schema: line {line}", f"is refused by the database: {error}") from None
            omissions.add(omitted)
    likes = (
        f"collation {name} read as {other}: {connection.product} lacks it, and this one compares alike"
        for name, other in read_as.items()
    )
    return (*omissions.notes(), *likes, *note_of_filled(_emptied(connection)))


def _require_own_database(connection: Connection, line: int, sql: str) -> None:
    """Raises InputError where a statement names another database of the server: `RENAME TABLE shop.a TO …`, `CALL
    shop.f()`. Bodies and views do nothing yet, and names of tables stand before the dots there.
    """
    start = lead(sql)
    if "." not in sql or _HAS_BODY.match(start) or _VIEW.match(start):
        return
    tokens = [token for token in _TOKEN.finditer(sql) if not (token["space"] or token["comment"])]
    named = {
        unquoted(token[0])
        for before, token, after in zip(["", *(token[0] for token in tokens)], tokens, tokens[1:], strict=False)
        if after[0] == "." and before != "." and (token["word"] or token[0].startswith("`"))
    }
    if not named:
        return
    listed = ", ".join(map(literal, sorted(named)))
    others = connection.rows(
        f"SELECT schema_name FROM information_schema.schemata"
        f" WHERE schema_name IN ({listed}) AND schema_name <> DATABASE() ORDER BY schema_name"
    )
    if others:
        remedy = "only the one that is given is touched; leave its name out, or say USE before"
        raise InputError(f"schema: line {line}", f"names another database of the server; {remedy}", value=others[0][0])


def _emptied(connection: Connection) -> list[str]:
    """The tables that what the script called has filled; they hold nothing any more."""
    own = table_names(connection, str(connection.value("SELECT DATABASE()")))
    filled = [name for name in own if connection.value(f"SELECT 1 FROM {quoted(name)} LIMIT 1") is not None]
    with connection.setting("foreign_key_checks", "0", "1"):
        for name in filled:
            connection.run(f"TRUNCATE TABLE {quoted(name)}")
    return filled


def _without_databases(sql: str, names: Collection[str]) -> str:
    """Without the names of databases, and the dots behind them, before those of tables."""
    if not any(name in sql for name in names):
        return sql
    tokens = list(_TOKEN.finditer(sql))
    before = ["", *(token[0] for token in tokens[:-1])]
    after = [*(token[0] for token in tokens[1:]), ""]
    kept: list[str] = []
    for token, earlier, later in zip(tokens, before, after, strict=True):
        is_database = unquoted(token[0]) in names and later == "." and earlier != "."
        is_dot = token[0] == "." and unquoted(earlier) in names and kept[-1:] == [""]
        kept.append("" if is_database or is_dot else token[0])
    return "".join(kept)


def _run(connection: Connection, sql: str, read_as: dict[str, str]) -> None:
    """Run it; a collation that the product does not know is read as its own one, which `read_as` then has."""
    for name, other in read_as.items():
        sql = _with_collation(sql, name, other)
    try:
        connection.run(sql)
    except DatabaseError as error:
        found = _NO_COLLATION.search(str(error)) if error.code == _UNKNOWN_COLLATION else None
        like = connection.product.collation_like(found[1]) if found is not None else None
        if found is None or like is None or found[1] in read_as:
            raise
        read_as[found[1]] = like
        _run(connection, sql, read_as)


def _with_collation(sql: str, name: str, other: str) -> str:
    """The name of a collation replaced where it is one, and not in a text or comment."""
    pieces = (
        found[0] if found["word"] is None or found[0].lower() != name.lower() else other
        for found in _TOKEN.finditer(sql)
    )
    return "".join(pieces) if name.lower() in sql.lower() else sql


def check_statements(
    connection: Connection,
    statements: Mapping[str, Statement],
    render: Callable[[Statement], str],
    notes: Sequence[str] = (),
    *,
    full_text_waits: bool = False,
) -> None:
    """Have the server prepare each. Raises InputError naming the statement by its key.

    `notes` are what was left out of the schema: the one that a statement misses is told with the mistake.
    `full_text_waits`: full-text indexes will be made when the rows are in, so that a search may miss its own.
    """
    for key, statement in statements.items():
        remedy = "" if statement.dialect in (None, "mysql") else f"; {REMEDY}"
        try:
            connection.run(f"PREPARE loadlab_check FROM {literal(render(statement))}")
            connection.run("DEALLOCATE PREPARE loadlab_check")
        except (UntranslatableError, DatabaseError) as error:
            if full_text_waits and getattr(error, "code", None) == _NO_FULL_TEXT_INDEX:
                continue
            message = " ".join(str(error).split())
            raise InputError(f"operation {key}:", f"{message}{_because(message, notes)}{remedy}") from None


def _because(message: str, notes: Sequence[str]) -> str:
    """The note about what was left out, where that is what a statement misses."""
    found = re.search(r"Unknown column '(?:[^'.]+\.)*([^'.]+)'", message)
    note = next((note for note in notes if found and f".{found[1]}:" in note), None)
    return f" ({note})" if note else ""
