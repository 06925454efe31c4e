"""What of a script is no part of a schema: rows, roles, owners, what psql does for its user, upkeep.

A script is run as one transaction on a database that LoadLab may throw away again, by whoever seeds. What belongs to
the server as a whole, to another session, or to the rows is left out, and counted for one note a kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from loadlab.engines.omitted import NO_SETTING, ROWS, SERVER, UPKEEP, Omitted
from loadlab.engines.postgresql.statements import ScriptStatement, tokens

_OUTSIDE = "it acts outside the tables"
# By the words that a statement begins with: what the note calls it, and why it is left out.
_LEFT_OUT: dict[tuple[str, ...], tuple[str, str]] = {
    ("copy",): ("COPY", ROWS),
    ("insert",): ("INSERT", ROWS),
    ("merge",): ("MERGE", ROWS),
    ("truncate",): ("TRUNCATE", ROWS),
    ("vacuum",): ("VACUUM", UPKEEP),
    ("analyze",): ("ANALYZE", UPKEEP),
    ("analyse",): ("ANALYZE", UPKEEP),
    ("cluster",): ("CLUSTER", UPKEEP),
    ("reindex",): ("REINDEX", UPKEEP),
    ("checkpoint",): ("CHECKPOINT", UPKEEP),
    ("reassign",): ("REASSIGN OWNED", SERVER),
    ("set", "role"): ("SET ROLE", "everything is made by whoever seeds"),
    ("set", "session", "authorization"): ("SET SESSION AUTHORIZATION", "everything is made by whoever seeds"),
    ("reset", "role"): ("SET ROLE", "everything is made by whoever seeds"),
    **{
        (verb, kind): (f"{verb.upper()} {kind.upper()}", SERVER)
        for verb in ("create", "alter", "drop")
        for kind in ("role", "user", "group", "database", "tablespace")
    },
    **{
        (verb, *kind): (f"{verb.upper()} {' '.join(kind).upper()}", _OUTSIDE)
        for verb in ("create", "alter", "drop")
        for kind in (("event", "trigger"), ("publication",), ("subscription",))
    },
    **{
        ("comment", "on", *kind): (f"COMMENT ON {' '.join(kind).upper()}", "what it describes is no part of a schema")
        for kind in (
            ("database",),
            ("extension",),
            ("role",),
            ("tablespace",),
            ("event", "trigger"),
            ("publication",),
            ("subscription",),
        )
    },
    ("alter", "extension"): ("ALTER EXTENSION", SERVER),
    ("alter", "system"): ("ALTER SYSTEM", SERVER),
}
# Rows that the script's own code made may have to be changed before the tables can be; without rows they are idle.
_CHANGES = ("update", "delete", "with")
_ROLE = "it names a role that is not there"
# By the words that a statement begins with: what it may fail of without being missed (SQLSTATE), its name, the reason.
_TRIED: dict[tuple[str, ...], tuple[frozenset[str], str, str]] = {
    ("grant",): (frozenset({"42704", "42501", "42P01", "42883", "3F000"}), "GRANT", _ROLE),
    ("revoke",): (frozenset({"42704", "42501", "42P01", "42883", "3F000"}), "REVOKE", _ROLE),
    ("alter", "default", "privileges"): (frozenset({"42704", "42501"}), "ALTER DEFAULT PRIVILEGES", _ROLE),
    ("create", "policy"): (frozenset({"42704"}), "CREATE POLICY", _ROLE),
    ("alter", "policy"): (frozenset({"42704"}), "ALTER POLICY", _ROLE),
    ("security", "label"): (frozenset({"22023"}), "SECURITY LABEL", "nobody provides labels"),
    ("set",): (frozenset({"42704", "42501"}), "SET", NO_SETTING),
    # SELECT … INTO STRICT: code that works on rows which are left out.
    **{(word,): (frozenset({"P0002"}), word.upper(), f"it asks for rows, and {ROWS}") for word in ("do", "select")},
    ("create", "schema"): (frozenset({"42P06"}), "CREATE SCHEMA", "it is there"),
    **{
        ("create", *kind, "language"): (frozenset({"42710"}), "CREATE LANGUAGE", "it is there")
        for kind in ((), ("procedural",), ("trusted",), ("trusted", "procedural"))
    },
}
# psql's commands that change nothing of the schema; \connect comes with what it connects to, which is left out too.
_PSQL = re.compile(
    r"\\(?:un)?restrict\b|\\(?:c|connect|copy|set|unset|echo|qecho|warn|pset|timing|encoding|x|a|t|o|f|H|q|quit|cd|!"
    r"|prompt|conninfo|errverbose|password|d\w*\+?|l\+?|z|sf|sv|watch|\.)(?=\s|$)"
)
_MARKS = re.compile(r"\\(?:un)?restrict\b")
_WHOEVER_SEEDS = ("current_user", "current_role", "session_user")
_AUTHORIZATION = re.compile(r"\bAUTHORIZATION\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tried(Omitted):
    """A statement that is run, and left out where it fails with one of these SQLSTATEs."""

    states: frozenset[str] | None = None
    """None: of anything."""

    def accepts(self, state: str | None) -> bool:
        return self.states is None or state in self.states


def omission(statement: ScriptStatement) -> Omitted | None:
    """Whether a statement is left out, or may be (`Tried`)."""
    if statement.text.startswith("\\"):
        return Omitted(statement.text.split()[0], "psql's commands are no part of a schema")
    if statement.words[:3] == ("create", "user", "mapping"):
        return Omitted("CREATE USER MAPPING", SERVER)
    if statement.words[:1] and statement.words[0] in _CHANGES:
        return Tried(statement.words[0].upper(), ROWS)
    for length in range(min(len(statement.words), 4), 0, -1):
        lead = statement.words[:length]
        if lead in _LEFT_OUT:
            return Omitted(*_LEFT_OUT[lead])
        if lead in _TRIED:
            states, kind, reason = _TRIED[lead]
            return Tried(kind, reason, states)
    if statement.words[:1] == ("alter",) and _only_changes_owner(statement.text):
        return Omitted("OWNER TO", "everything belongs to whoever seeds")
    return None


def is_mark(command: str) -> bool:
    """Whether a psql command is one that every dump begins and ends with; nothing is worth saying of it."""
    return _MARKS.match(command) is not None


def is_known_command(command: str) -> bool:
    """Whether a psql command can be left out and the schema is the same."""
    return _PSQL.match(command) is not None


def rewritten(statement: ScriptStatement) -> ScriptStatement:
    """The statement as it can be run in a transaction by whoever seeds; every character stays at its place."""
    if statement.words[:2] == ("create", "schema"):
        return _without_owner(statement)
    if "concurrently" not in statement.text.lower():
        return statement
    if statement.words[:1] not in {("create",), ("drop",), ("refresh",), ("alter",)}:
        return statement
    if statement.words[1:2] not in {("index",), ("unique",), ("materialized",), ("table",)}:
        return statement
    text = statement.text
    for kind, word, start in tokens(text):
        if kind == "word" and word.lower() == "concurrently":
            text = _blank(text, start, start + len(word))
    return replace(statement, text=text)


def _without_owner(statement: ScriptStatement) -> ScriptStatement:
    """CREATE SCHEMA name AUTHORIZATION role, and CREATE SCHEMA AUTHORIZATION name, without the role."""
    parts = [(word, start) for kind, word, start in tokens(statement.text) if kind in ("word", "quoted")]
    for place, (word, start) in enumerate(parts):
        if _AUTHORIZATION.fullmatch(word) and place + 1 < len(parts):
            owner, at = parts[place + 1]
            if owner.lower() in _WHOEVER_SEEDS:
                return statement
            has_name = parts[place - 1][0].lower() not in ("schema", "exists")
            end = at + len(owner) if has_name else start + len(word)
            return replace(statement, text=_blank(statement.text, start, end))
    return statement


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _only_changes_owner(text: str) -> bool:
    """ALTER … OWNER TO role, and nothing more of it."""
    if "owner" not in text.lower():
        return False
    found = [(kind, word.lower()) for kind, word, _ in tokens(text) if kind not in ("space", "comment", "block")]
    if [word for _, word in found[-3:-1]] != ["owner", "to"] or found[-4][1] in ("rename", "column"):
        return False
    depth = 0
    for _, word in found:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "," and depth == 0:
            return False
    return True
