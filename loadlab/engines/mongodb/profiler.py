"""What a database has been asked, by its profiler (https://www.mongodb.com/docs/manual/reference/database-profiler/).

The profiler keeps whole commands with their values; here those of one form count as one, with a number in the place of
each value: nobody's data leaves the server's own collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.commands import VERBS
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.names import is_users, user_collections
from loadlab.engines.protocol import AskedStatement, StatementHistory
from loadlab.errors import DatabaseError

_PROFILE = "system.profile"
# The latest; the collection is capped, a megabyte unless somebody made it larger.
_MOST = 20_000
_KEPT = {
    "find": ("filter", "projection", "sort", "limit", "skip", "hint", "collation"),
    "aggregate": ("pipeline", "hint", "collation", "let"),
    "count": ("query",),
    "distinct": ("key", "query"),
    "insert": ("documents",),
    "update": ("updates",),
    "delete": ("deletes",),
    "findAndModify": ("query", "sort", "update", "remove", "upsert"),
}
# Below these stand values; elsewhere names, directions and numbers of rows, which a plan depends on.
_VALUES_BELOW = ("filter", "query", "q", "u", "update", "documents", "$match")
_WORDS = ("$options", "$exists", "$type", "$size")
_OWN_STAGES = ("$indexStats", "$collStats", "$currentOp", "$planCacheStats", "$listSessions")


@dataclass(slots=True)
class _Counted:
    calls: int = 0
    total_ms: float = 0.0
    rows: int = 0


def asked_statements(database: Database[Document]) -> StatementHistory:
    """Raises DatabaseError where the profiler has kept nothing, saying what switches it on."""
    with translated():
        found = list(database[_PROFILE].find({"op": {"$ne": "getmore"}}).sort("$natural", -1).limit(_MOST))
        level = database.command("profile", -1)
    if not found:
        state = "is off" if not level.get("was") else "has kept nothing yet"
        raise DatabaseError(
            f"the profiler of {database.name} {state}; db.setProfilingLevel(2) has it keep every command, at a price"
        )
    counted: dict[str, _Counted] = {}
    for entry in found:
        text = text_of(entry)
        if text is None:
            continue
        one = counted.setdefault(text, _Counted())
        one.calls += 1
        one.total_ms += float(entry.get("millis", 0))
        one.rows += int(entry.get("nreturned") or entry.get("nModified") or entry.get("ninserted") or 0)
    with translated():
        rows = {name: database[name].estimated_document_count() for name in user_collections(database)}
    statements = tuple(
        AskedStatement(text, one.calls, one.total_ms / one.calls, one.rows) for text, one in counted.items()
    )
    return StatementHistory(statements, rows, str(found[-1].get("ts", "")).partition(".")[0])


def text_of(entry: Mapping[str, Any]) -> str | None:
    """The command of an entry with $1, $2, … for its values; None for what is no command on the user's collections."""
    command = entry.get("command") or {}
    collection = str(entry.get("ns", "")).partition(".")[2]
    if not collection or not is_users(collection) or entry.get("appName") == "loadlab":
        return None
    verb = next(iter(command), "")
    if verb in ("q", "u"):  # `mongod` keeps each change of a command by itself
        command = {entry["op"]: collection, "updates" if entry["op"] == "update" else "deletes": [command]}
        command = {("delete" if key == "remove" else key): part for key, part in command.items()}
        verb = next(iter(command))
    verb = "findAndModify" if verb == "findandmodify" else verb
    if verb not in VERBS or any(set(stage) & set(_OWN_STAGES) for stage in command.get("pipeline", ())):
        return None
    numbers = count(1)
    parts = {key: _text(command[key], key in _VALUES_BELOW, numbers) for key in _KEPT[verb] if key in command}
    body = "".join(f", {json.dumps(key)}: {part}" for key, part in parts.items())
    return f"{{{json.dumps(verb)}: {json.dumps(collection)}{body}}}"


def _text(node: Any, is_value: bool, numbers: Iterator[int]) -> str:
    if isinstance(node, Mapping):
        parts = (
            f"{json.dumps(str(key))}: {_text(part, key not in _WORDS and (is_value or key in _VALUES_BELOW), numbers)}"
            for key, part in node.items()
        )
        return "{" + ", ".join(parts) + "}"
    if isinstance(node, list):
        if is_value and node and not any(isinstance(item, (Mapping, list)) for item in node):
            return f"${next(numbers)}"
        return "[" + ", ".join(_text(item, is_value, numbers) for item in node) + "]"
    if not is_value or node is None or isinstance(node, bool) or (isinstance(node, str) and node.startswith("$")):
        return json.dumps(node if isinstance(node, (str, int, float, bool, type(None))) else str(node))
    return f"${next(numbers)}"
