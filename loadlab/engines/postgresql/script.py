"""Running a DDL script statement by statement, so that an error can say on which line it stands.

What is no part of a schema is left out (see `omissions`). On a server of our own, an extension that it lacks is left
out with what depends on it, tables apart; what the script takes for granted is made (see `expected`), and a statement
that names what is not there yet is run again after all others. Somebody else's server is only asked for what the script
says.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import psycopg
from psycopg import sql

from loadlab.engines.omitted import Omissions, Omitted
from loadlab.engines.postgresql.connection import Connection, apply_settings
from loadlab.engines.postgresql.enums import with_values_from_the_start
from loadlab.engines.postgresql.errors import is_of_the_server, message
from loadlab.engines.postgresql.expected import make_expected
from loadlab.engines.postgresql.maps import with_numbered_modifiers
from loadlab.engines.postgresql.omissions import (
    Tried,
    is_known_command,
    is_mark,
    omission,
    rewritten,
)
from loadlab.engines.postgresql.standins import available_extensions, stand_in
from loadlab.engines.postgresql.statements import ScriptStatement, split
from loadlab.engines.postgresql.unmet_checks import missing_function, without_checks_of
from loadlab.errors import DatabaseError, InputError

# A script's own transaction is left out: the whole script is one. Marks to go back to are idle while nothing does.
_TRANSACTION_ENDS = {
    ("begin",), ("start", "transaction"), ("commit",), ("end",), ("set", "transaction"), ("savepoint",), ("release",),
}  # fmt: skip
_TRANSACTION_ESCAPES = {("abort",), ("rollback",), ("prepare", "transaction")}
_CANNOT_RUN_IN_TRANSACTION = "25001"
_EXTENSION = re.compile(
    r"""CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:"(?P<quoted>[^"]+)"|'(?P<text>[^']+)'|(?P<plain>\w+))"""
    r"""(?:.*?\bSCHEMA\s+(?:"(?P<quoted_schema>[^"]+)"|(?P<schema>\w+)))?""",
    re.IGNORECASE | re.DOTALL,
)
_LANGUAGE = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:TRUSTED\s+)?(?:PROCEDURAL\s+)?LANGUAGE\s+\"?(\w+)", re.IGNORECASE
)
# What naming a thing that an extension would have brought fails with: function, type or operator class, relation,
# schema, library.
_UNDEFINED = frozenset({"42883", "42704", "42P01", "3F000", "58P01", "0A000"})
_NOT_BUILT = "0A000"
# Code that ends the transaction moves rows in portions; a schema has none.
_ENDS_TRANSACTION = "2D000"
_NO_LANGUAGE = re.compile(r'^language "([^"]+)" does not exist$')
_COLLATION = re.compile(r"CREATE\s+COLLATION\s+(?:IF\s+NOT\s+EXISTS\s+)?([^\s(]+)\s*\(", re.IGNORECASE)
_DOT = r"\s*\.\s*"
_NO_COLLATION = re.compile(r'^collation "(?P<name>[^"]+)" for encoding "\w+" does not exist$')
_NO_TABLESPACE = re.compile(r'^tablespace "(?P<name>[^"]+)" does not exist$')
_EXPECTED = re.compile(r'^(role|schema) "([^"]+)" does not exist$')
# Without these there is no table, or not the column that the script says.
_MAKES_TABLES = re.compile(
    r"CREATE\s+(?:UNLOGGED\s+)?TABLE\b|ALTER\s+TABLE\b.*\b(?:ADD\s+COLUMN|(?:SET\s+DATA\s+)?TYPE)\b"
    r"|ALTER\s+TABLE\b(?!.*\bADD\s+(?:CONSTRAINT|CHECK|FOREIGN|EXCLUDE|UNIQUE|PRIMARY)\b).*\bADD\b",
    re.IGNORECASE | re.DOTALL,
)
_REMEDY = "the server that LoadLab brings along lacks it, --database takes one that has it"
_THINGS = re.compile(
    r"(?:CREATE|ALTER|COMMENT\s+ON|DROP)?\s*(?:OR\s+REPLACE\s+)?(?:UNIQUE\s+|CONSTRAINT\s+|RECURSIVE\s+)?"
    r"(MATERIALIZED\s+VIEW|[A-Z]+)",
    re.IGNORECASE,
)


def run_script(connection: Connection, script: str, *, own_server: bool = False) -> tuple[str, ...]:
    """Run a script inside the transaction that is open; notes of what was left out.

    `own_server`: the server is ours, and the user cannot install anything on it. The script's own BEGIN and COMMIT
    are left out, and session settings that it leaves behind (a dump empties search_path) are put back. Raises
    InputError with the line.
    """
    try:
        with connection.transaction():
            notes = _Run(connection, script, own_server).whole()
    except _NeedsCareError:
        notes = _Run(connection, script, own_server, careful=True).whole()
    connection.execute("RESET ALL")
    apply_settings(connection)
    return notes


class _NeedsCareError(Exception):
    """Something failed that may be put right on a server of our own: statement by statement, each with a way back."""


@dataclass(slots=True)
class _Run:
    """A script in the middle of being run. `careful`: after any statement that fails, the run can go on."""

    connection: Connection
    script: str
    own_server: bool
    careful: bool = False
    omissions: Omissions = field(default_factory=Omissions)
    available: frozenset[str] | None = None
    replaced: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    without: Counter[str] = field(default_factory=Counter)
    made: list[str] = field(default_factory=list)
    waiting: list[tuple[ScriptStatement, psycopg.Error]] = field(default_factory=list)
    moved: int = 0
    lacking: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def whole(self) -> tuple[str, ...]:
        if self.own_server:
            self.connection.execute("SET check_function_bodies = off")
        for statement in with_values_from_the_start(split(self.script)):
            self.step(statement)
        self._run_waiting()
        return self.notes()

    def step(self, statement: ScriptStatement) -> None:
        if statement.begins_with_one_of(_TRANSACTION_ENDS) or is_mark(statement.text):
            return
        self._require_statement_of_one_transaction(statement)
        found = omission(statement)
        if isinstance(found, Omitted) and not isinstance(found, Tried):
            self.omissions.add(found)
        elif not self.own_server or not self._stands_in(statement):
            self._execute(self._numbered(rewritten(statement)), found)

    def _numbered(self, statement: ScriptStatement) -> ScriptStatement:
        """The modifiers of PostGIS' types as what stands in for them takes them."""
        if not self.own_server or self._has("postgis") or "geo" not in statement.text.lower():
            return statement
        return replace(statement, text=with_numbered_modifiers(statement.text))

    def notes(self) -> tuple[str, ...]:
        notes = list(self.omissions.notes())
        if self.replaced:
            notes.append(f"extension {', '.join(self.replaced)}: plain SQL functions stand in for it; {_REMEDY}")
        if self.missing:
            left = ", ".join(f"{kind} ({count:,})" for kind, count in self.without.items())
            also = f", and what needs it: {left}" if left else ""
            notes.append(f"extension {', '.join(self.missing)} left out{also}; {_REMEDY}")
        if self.unchecked:
            notes.append(f"CHECKs left out, for a function that is not there: {', '.join(self.unchecked)}; {_REMEDY}")
        if self.made:
            notes.append(f"{', '.join(self.made)} made: the schema takes it for granted")
        if self.moved:
            notes.append(f"statements run after all others ({self.moved:,}): they name what comes later in the script")
        if self.lacking:
            first, more = self.lacking[0], len(self.lacking) - 1
            notes.append(f"{first}{f'; and {more:,} more statements' if more else ''}")
        return tuple(notes)

    def _run_waiting(self) -> None:
        """What named something that was not there, again and again while that helps; then it is left out."""
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            for statement, _ in waiting:
                self._execute(statement, None)
            if len(self.waiting) == len(waiting):
                break
            self.moved += len(waiting) - len(self.waiting)
        for statement, error in self.waiting:
            self._leave_out(statement, error)

    def _execute(self, statement: ScriptStatement, tried: Tried | None) -> None:
        try:
            if tried is not None or self.careful:
                with self.connection.transaction():
                    self.connection.execute(statement.text.encode())
            else:
                self.connection.execute(statement.text.encode())
        except psycopg.Error as error:
            if tried is not None and tried.accepts(error.sqlstate):
                self.omissions.add(tried)
            elif self.own_server and not self.careful:
                raise _NeedsCareError from error
            elif self.careful and (instead := self._instead(statement, error)) is not None:
                self._execute(instead, tried)
            elif self.careful and error.sqlstate in _UNDEFINED:
                self.waiting.append((statement, error))
            elif self.careful and error.sqlstate == _ENDS_TRANSACTION:
                self.omissions.add(Omitted(statement.words[0].upper(), "it ends the transaction that the schema is"))
            else:
                raise _refused(self.script, statement, error) from error

    def _instead(self, statement: ScriptStatement, error: psycopg.Error) -> ScriptStatement | None:
        """What to run in place of a statement that failed on our own server; None where nothing would do.

        A role or a schema that the script expects is made first; a collation of a library that the server was built
        without is a copy of a plain one.
        """
        said = error.diag.message_primary or ""
        collation = _COLLATION.match(statement.text)
        if error.sqlstate == _NOT_BUILT and collation is not None:
            self.made.append(f"collation {collation[1]} as C")
            return replace(statement, text=f'CREATE COLLATION {collation[1]} FROM "C"')
        if (lacking := _NO_COLLATION.match(said)) is not None:
            return self._with_plain_collation(statement, lacking["name"])
        if (space := _NO_TABLESPACE.match(said)) is not None:
            return self._without_tablespace(statement, space["name"])
        if (checked := self._without_checks(statement, missing_function(said))) is not None:
            return checked
        if error.sqlstate == _NOT_BUILT and "XML" in said:
            self._miss("XML")
        language = _NO_LANGUAGE.match(said)
        if language is not None:
            self._miss(language[1])
        found = _EXPECTED.match(said)
        if found is None:
            return self._with_expected(statement, error)
        if f"{found[1]} {found[2]}" in self.made:
            return None
        name = sql.Identifier(found[2]).as_string(self.connection)
        self.connection.execute(f"CREATE {found[1].upper()} {name}".encode())
        self.made.append(f"{found[1]} {found[2]}")
        return statement

    def _without_tablespace(self, statement: ScriptStatement, name: str) -> ScriptStatement | None:
        """The statement without its place on the disks of another server."""
        clause = rf'(?:\bUSING\s+INDEX\s+)?\bTABLESPACE\s+(?:"{re.escape(name)}"|{re.escape(name)}\b)'
        text = re.sub(clause, lambda found: " " * len(found[0]), statement.text, flags=re.IGNORECASE)
        if text == statement.text:
            return None
        self.omissions.add(Omitted(f"TABLESPACE {name}", "the server does not have it"))
        return replace(statement, text=text)

    def _without_checks(self, statement: ScriptStatement, function: str | None) -> ScriptStatement | None:
        """The statement without CHECKs that need a function of an extension that something stands in for."""
        if function is None or statement.words[:2] != ("create", "table") or not (self.replaced or self.missing):
            return None
        text, names = without_checks_of(statement.text, function)
        self.unchecked += [f"{name} ({function})" for name in names]
        return replace(statement, text=text) if names else None

    def _with_plain_collation(self, statement: ScriptStatement, name: str) -> ScriptStatement | None:
        """The statement with a collation that the server was built without as a plain one."""
        parts = [rf'(?:"{re.escape(part)}"|{re.escape(part)})' for part in name.split(".")]
        text = re.sub(rf"\bCOLLATE\s+{_DOT.join(parts)}", 'COLLATE "C"', statement.text, flags=re.IGNORECASE)
        if text == statement.text:
            return None
        if (made := f"collation {name} as C") not in self.made:
            self.made.append(made)
        return replace(statement, text=text)

    def _with_expected(self, statement: ScriptStatement, error: psycopg.Error) -> ScriptStatement | None:
        """The statement once more, where what it lacks could be made."""
        made = make_expected(self.connection, error, self.script) if error.sqlstate in _UNDEFINED else None
        if made is None or made in self.made:
            return None
        self.made.append(made)
        return statement

    def _leave_out(self, statement: ScriptStatement, error: psycopg.Error) -> None:
        """What an extension would have been needed for, or an object that is not in the script.

        Raises InputError where that is a table.
        """
        kind = _THINGS.match(statement.text)
        what = " ".join(kind[1].lower().split()) if kind else "statement"
        if not self.missing:
            if _MAKES_TABLES.match(statement.text):
                raise _refused(self.script, statement, error) from error
            place = _place(self.script, statement.offset).removeprefix("schema: ")
            self.lacking.append(f"{what} of {place} left out: {message(error)}")
            return
        if _MAKES_TABLES.match(statement.text):
            names = _likely(self.missing, message(error))
            having = ", ".join(sorted(self.available or ()))
            raise InputError(
                _place(self.script, statement.offset),
                f"needs the extension {' or '.join(names)}, which the server that LoadLab brings along lacks"
                f" ({message(error)}); give --database of a server that has it (this one has {having})",
            ) from error
        self.without[what] += 1

    def _stands_in(self, statement: ScriptStatement) -> bool:
        """Whether the statement asks for an extension that our server lacks: noted, and replaced where that can be."""
        found = _EXTENSION.match(statement.text)
        if found is None:
            language = _LANGUAGE.match(statement.text)
            if language is None or self._has(language[1].lower()) or language[1].lower() in ("plpgsql", "sql", "c"):
                return False
            self._miss(language[1].lower())
            return True
        name = found["quoted"] or found["text"] or found["plain"].lower()
        if self._has(name):
            return False
        namespace = found["quoted_schema"] or (found["schema"] or "").lower() or None
        try:
            if stand_in(self.connection, name, namespace):
                if name not in self.replaced:
                    self.replaced.append(name)
                return True
        except psycopg.Error as error:
            raise _refused(self.script, statement, error) from error
        self._miss(name)
        return True

    def _has(self, extension: str) -> bool:
        if self.available is None:
            self.available = available_extensions(self.connection)
        return extension in self.available

    def _miss(self, name: str) -> None:
        self.careful = True
        if name not in self.missing:
            self.missing.append(name)

    def _require_statement_of_one_transaction(self, statement: ScriptStatement) -> None:
        if statement.begins_with_one_of(_TRANSACTION_ESCAPES):
            what = f"has {statement.words[0].upper()}: the script is one transaction; remove the statement"
            raise InputError(_place(self.script, statement.offset), what)
        if statement.text.startswith("\\") and not is_known_command(statement.text):
            place = _place(self.script, statement.offset)
            raise InputError(place, "is a psql command, not SQL; remove it", value=statement.text)


# What only an extension's type is called.
_TYPES = {"postgis": ("geometry", "geography", "raster", "box2d", "box3d", "st_")}


def _likely(missing: list[str], text: str) -> list[str]:
    """Of the extensions that are missing, those that an error seems to speak of; all of them when none does."""
    lower = text.lower()
    named = [name for name in missing if any(word in lower for word in (name.lower(), *_TYPES.get(name, ())))]
    return named or missing


def _refused(script: str, statement: ScriptStatement, error: psycopg.Error) -> InputError | DatabaseError:
    position = error.diag.statement_position
    inside = int(position) - 1 if position else 0
    place = _place(script, statement.offset + inside)
    if error.sqlstate == _CANNOT_RUN_IN_TRANSACTION:
        return InputError(
            place, f"cannot be part of a schema that is made as one transaction: {message(error)}; remove it"
        )
    told = f"is refused by the database: {message(error)}"
    if is_of_the_server(error):
        return DatabaseError(f"{place} {told}", code=error.sqlstate)
    return InputError(place, told)


def _place(script: str, offset: int) -> str:
    line = script.count("\n", 0, offset) + 1
    return f"schema: line {line}"
