"""Texts that people wrote, executed or checked: DDL scripts and the workload's statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from loadlab.engines.omitted import ROWS, UPKEEP, Omissions, Omitted
from loadlab.engines.sqlite.clauses import Token, split_statements, tokens, unquoted
from loadlab.engines.sqlite.collations import note_of, stand_in
from loadlab.engines.sqlite.dialect import arithmetic_on, is_native, render
from loadlab.engines.sqlite.errors import translate_error
from loadlab.engines.sqlite.rewriting import NAME
from loadlab.engines.translation import UntranslatableError
from loadlab.errors import InputError
from loadlab.spec.statement import Statement

REMEDY = f"give it a text for this engine: sql: {{{NAME}: …}}"
_PASSED_OVER = {"BEGIN", "COMMIT", "END", "PRAGMA"}
_LEFT_OUT = {**dict.fromkeys(("INSERT", "REPLACE", "UPDATE", "DELETE"), ROWS), "ANALYZE": UPKEEP, "VACUUM": UPKEEP}


def execute_script(connection: sqlite3.Connection, ddl: str) -> tuple[str, ...]:
    """Execute a DDL text statement by statement; BEGIN and COMMIT in it are the caller's business and passed over.

    PRAGMAs are passed over too, since LoadLab sets its own, and no other file may be touched. Notes of what was left
    out are returned. Raises InputError with the line.
    """
    omissions = Omissions()
    collations: list[str] = []
    connection.set_authorizer(_no_other_file)
    try:
        for line, sql in split_statements(ddl):
            found = tokens(sql)
            if found[0].word in _PASSED_OVER:
                continue
            if found[0].word in _LEFT_OUT and not _is_setting(found):
                omissions.add(Omitted(found[0].word, _LEFT_OUT[found[0].word]))
                continue
            collations += stand_in(connection, sql)
            try:
                connection.execute(sql)
            except (sqlite3.Error, sqlite3.Warning) as error:
                remedy = f"is refused by the database: {translate_error(error)}"
                raise InputError(f"schema: line {line}", remedy) from None
    finally:
        connection.set_authorizer(None)
    return (*omissions.notes(), *map(note_of, dict.fromkeys(collations)))


def _is_setting(statement: list[Token]) -> bool:
    """INSERT INTO t (t, …): a column that is called as the table is how FTS5's commands and settings are given."""
    names = [unquoted(token.text).lower() for token in statement[:5]]
    return names[:2] == ["insert", "into"] and names[3:] == ["(", names[2]]


def _no_other_file(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_DENY if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) else sqlite3.SQLITE_OK


def check_statements(
    connection: sqlite3.Connection, statements: Mapping[str, Statement], notes: Sequence[str] = ()
) -> None:
    """EXPLAIN each with NULLs for its parameters. Raises InputError naming the statement by its key.

    `notes` are what was left out of the schema: the one that a statement misses is told with the mistake.
    """
    texts = _text_columns(connection)
    for key, statement in statements.items():
        remedy = "" if is_native(statement.dialect) else f"; {REMEDY}"
        try:
            connection.execute(f"EXPLAIN {render(statement)}", (None,) * len(statement.names)).fetchall()
            column = arithmetic_on(statement, texts)
        except (UntranslatableError, sqlite3.Error, sqlite3.Warning) as error:
            message = " ".join(str(error).split())
            raise InputError(f"operation {key}:", f"{message}{_because(message, notes)}{remedy}") from None
        if column is not None:
            raise InputError(f"operation {key}:", f"calculates with {column}, which SQLite keeps as text{remedy}")


def _because(message: str, notes: Sequence[str]) -> str:
    """The note about what was left out, where that is what a statement misses."""
    missing = message.rpartition(":")[2].strip().rpartition(".")[2]
    found = next((note for note in notes if missing and f".{missing}:" in note), None)
    return f" ({found})" if found else ""


def _text_columns(connection: sqlite3.Connection) -> frozenset[str]:
    """Columns that hold text in every table that has one of the name."""
    rows = connection.execute(
        "SELECT column.name, upper(column.type) LIKE '%TEXT%' OR upper(column.type) LIKE '%CHAR%'"
        " FROM pragma_table_list AS t, pragma_table_info(t.name) AS column WHERE t.schema = 'main' AND t.type = 'table'"
    ).fetchall()
    return frozenset(name for name, _ in rows) - frozenset(name for name, is_text in rows if not is_text)
