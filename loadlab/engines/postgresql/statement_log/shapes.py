"""The shape of a statement: its text with the constants taken out, and what kind of statement it is.

A log holds as many texts as there are constants, and far too many to parse each: the shape is found by PostgreSQL's
lexical rules alone (documentation, "Lexical Structure"), as log analysers find it. Constants and parameters become `?`,
lists of them after IN and further rows of VALUES one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from loadlab.engines.abilities import StepKind

_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<string> (?<![\w$]) [eE] '(?:[^'\\]|\\.|'')*(?:'|\Z) | (?<![\w$]) (?:[bBxXnN]|[uU]&) '(?:[^']|'')*(?:'|\Z)
                | '[^']*(?:''[^']*)*(?:'|\Z) )
    | (?P<quoted> "[^"]*(?:""[^"]*)*(?:"|\Z) )
    | (?P<dollar> (?<![\w$]) (?P<tag>\$(?:[^\W\d]\w*)?\$) .*? (?:(?P=tag)|\Z) )
    | (?P<parameter> \$\d+ )
    | (?P<number> (?<![\w$]) (?:0[xX][\da-fA-F_]+ | (?:\d[\d_]*\.?[\d_]* | \.\d[\d_]*)(?:[eE][+-]?\d+)?) )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<space> \s+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_NEGATIVE = re.compile(r"(?<=[=<>(,])( ?)-\?")
_LIST = re.compile(r"\bin ?\( ?\?(?: ?, ?\?)* ?\)")
_ROWS = re.compile(r"(\bvalues ?(\([^()]*\)))(?: ?, ?\2)+")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is to be done with statements of a shape. `reason` says why they are skipped, where they are."""

    kind: StepKind | None
    reason: str = ""
    setting: str = ""
    """The name of the setting that is set; empty for all of them."""


def shape_of(text: str) -> str:
    """`SELECT 'a', "B" FROM t  WHERE x IN (1, 2) -- c` → `select ?, "B" from t where x in (?)`."""
    shape = _TOKEN.sub(_normal, text).strip(" ;")
    shape = " ".join(shape.split(" ")) if "  " not in shape else re.sub(" {2,}", " ", shape)
    shape = _NEGATIVE.sub(r"\1?", shape)
    return _ROWS.sub(r"\1", _LIST.sub("in (?)", shape))


def _normal(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "word":
        return match[0].lower()
    if kind == "quoted":
        return match[0]
    return " " if kind in ("space", "comment") else "?"


_CONTROL: dict[str, StepKind] = {
    "begin": "begin", "start": "begin", "commit": "commit", "end": "commit", "rollback": "rollback",
    "abort": "rollback", "savepoint": "savepoint", "release": "savepoint",
}  # fmt: skip
_READS = {"select", "values", "table", "with", "show", "explain", "declare", "fetch", "move", "close", "("}
_WRITES = {"insert", "update", "delete", "merge", "call", "do", "lock"}
DDL = "DDL"
_SKIPPED = {
    **dict.fromkeys(
        ("create", "alter", "drop", "truncate", "grant", "revoke", "comment", "refresh", "import", "security",
         "reassign"),
        DDL,
    ),
    **dict.fromkeys(("vacuum", "analyze", "analyse", "reindex", "cluster", "checkpoint", "load"), "maintenance"),
    **dict.fromkeys(("prepare", "execute", "deallocate"), "PREPARE and EXECUTE in SQL, whose names live in a session"),
    **dict.fromkeys(("listen", "notify", "unlisten"), "LISTEN and NOTIFY"),
    "copy": "COPY, whose rows are not in the log",
    "discard": "DISCARD",
}  # fmt: skip
_CHANGES = re.compile(
    r"\b(?:insert into|update|delete from|merge into|into|for (?:no key )?update|for (?:key )?share)\b"
)
_SEQUENCE = re.compile(r"\b(?:nextval|setval|lo_\w+) ?\(")
_ADMINISTRATION = re.compile(
    r"\b(?:pg_(?:terminate_backend|cancel_backend|reload_conf|rotate_logfile|switch_wal|promote|create_restore_point"
    r"|backup_start|backup_stop|start_backup|stop_backup|stat_reset\w*|wal_replay_\w+|drop_replication_slot"
    r"|create_\w+_replication_slot|logical_slot_\w+|replication_\w+)|pg_stat_statements_reset|dblink\w*) ?\("
)
_SESSION_LOCK = re.compile(r"\bpg_(?:try_)?advisory_(?:lock|unlock)\w* ?\(")
# What would undo the limits of a replay, or is its own matter.
_OWN_SETTINGS = {
    "statement_timeout", "role", "session", "session_authorization", "client_encoding", "names", "application_name",
    "transaction_read_only", "default_transaction_read_only",
}  # fmt: skip
_OWN = "settings that are the replay's own (time limit, role, encoding, read only)"


@lru_cache(maxsize=4096)
def meaning_of(shape: str) -> Meaning:
    """The kind of statement that a shape is; of several in one text, all together."""
    parts = [part for part in (one.strip() for one in re.sub(r'"[^"]*"', '"', shape).split(";")) if part]
    if not parts:
        return Meaning(None, "empty statements")
    found = [_of_one(part) for part in parts]
    if len(found) == 1:
        return found[0]
    skipped = next((one for one in found if one.kind is None), None)
    if skipped is not None:
        return skipped
    # Several in one text are one transaction of their own, unless they say otherwise: then the server must be trusted
    # with whatever they do.
    return Meaning("read" if all(one.kind == "read" for one in found) else "write")


def _of_one(part: str) -> Meaning:
    words = re.findall(r"[^\W\d][\w$.]*|[(\"]", part)[:4]
    first = words[0] if words else ""
    if part.startswith(("prepare transaction", "commit prepared", "rollback prepared")):
        return Meaning(None, "two-phase commits")
    if first in _SKIPPED:
        return Meaning(None, _SKIPPED[first])
    if first in _CONTROL:
        return Meaning("savepoint" if first == "rollback" and "to" in words[1:3] else _CONTROL[first])
    if first in ("set", "reset"):
        return _of_setting(first, words, part)
    for pattern, reason in (
        (_ADMINISTRATION, "functions that administer the server"),
        (_SESSION_LOCK, "advisory locks that last as long as a session"),
        (re.compile(r"\bset_config ?\("), "set_config()"),
    ):
        if pattern.search(part):
            return Meaning(None, reason)
    if first in _WRITES:
        return Meaning("write")
    if first in _READS:
        return Meaning("write" if _CHANGES.search(part) or _SEQUENCE.search(part) else "read")
    return Meaning(None, "statements of no known kind")


def _of_setting(first: str, words: list[str], part: str) -> Meaning:
    rest = words[1:]
    is_local = rest[:1] == ["local"]
    if rest[:1] in (["local"], ["session"]) and rest[1:2] not in (["characteristics"], ["authorization"]):
        rest = rest[1:]
    name = rest[0].strip('"') if rest else ""
    if not name:
        return Meaning(None, "settings with a quoted name")
    if name == "transaction":
        return Meaning(None, _OWN) if "read write" in part else Meaning("transaction setting")
    if name == "constraints":
        return Meaning("read")
    if name in _OWN_SETTINGS:
        return Meaning(None, _OWN)
    if is_local:
        return Meaning("transaction setting")
    return Meaning("setting", setting="" if first == "reset" and name == "all" else name)
