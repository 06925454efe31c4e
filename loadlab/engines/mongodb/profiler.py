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
# Below these of a command, a change, a stage or an operator stand values; elsewhere names, directions and numbers of
# rows, which a plan depends on. Only there: a field may have any of these names.
_VALUES_BELOW = {
    "command": ("filter", "query", "update", "documents", "let"),
    "updates": ("q", "u", "c", "arrayFilters"),
    "deletes": ("q",),
    "$geoNear": ("near", "query"),
    "$graphLookup": ("restrictSearchWithMatch",),
    "$lookup": ("let",),
    "$cond": ("then", "else"),
    "branches": ("then",),
    "$switch": ("default",),
    **dict.fromkeys(("$regexMatch", "$regexFind", "$regexFindAll"), ("regex",)),
    **dict.fromkeys(("$replaceOne", "$replaceAll"), ("find", "replacement")),
}
# Wherever they stand.
_OPERATORS_OF_VALUES = ("$match", "$literal")
# A field that a stage sets may be set to a constant.
_SETS = ("$set", "$addFields")
_EXPRESSIONS = ("pipeline", "projection", "let")
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
    kept = {key: command[key] for key in _KEPT[verb] if key in command}
    body = _text(kept, numbers, "command", is_value=False, has_paths=False)[1:]
    return f"{{{json.dumps(verb)}: {json.dumps(collection)}{', ' if kept else ''}{body}"


def _text(node: Any, numbers: Iterator[int], below: str, *, is_value: bool, has_paths: bool) -> str:
    """`below`: the key that the node, or the list that it is in, belongs to; `has_paths`: "$a" is the field a and no
    text."""
    if isinstance(node, Mapping):
        parts = (
            f"{json.dumps(str(key))}: "
            + _text(
                part,
                numbers,
                key,
                is_value=_holds_value(key, part, is_value, below),
                has_paths=_holds_paths(key, part, has_paths, below),
            )
            for key, part in node.items()
        )
        return "{" + ", ".join(parts) + "}"
    if isinstance(node, list):
        has_operands = has_paths and any(_is_path(item) for item in node)
        if is_value and node and not has_operands and not any(isinstance(item, (Mapping, list)) for item in node):
            return f"${next(numbers)}"
        # What an operator compares a field with, or what is calculated of it, stands in one list with it.
        is_value = is_value or has_operands
        with_calculated = has_paths and below.startswith("$") and any(isinstance(item, Mapping) for item in node)
        values = (is_value or (with_calculated and not isinstance(item, Mapping)) for item in node)
        items = zip(node, values, strict=True)
        return "[" + ", ".join(_text(i, numbers, below, is_value=v, has_paths=has_paths) for i, v in items) + "]"
    if not is_value or node is None or isinstance(node, bool) or (has_paths and _is_path(node)):
        return json.dumps(node if isinstance(node, (str, int, float, bool, type(None))) else str(node))
    return f"${next(numbers)}"


def _is_path(node: Any) -> bool:
    return isinstance(node, str) and node.startswith("$")


def _holds_value(key: str, part: Any, is_value: bool, below: str) -> bool:
    if key in _WORDS:
        return False
    if below in _SETS and not isinstance(part, (Mapping, list)):
        return True
    return is_value or key in (*_OPERATORS_OF_VALUES, *_VALUES_BELOW.get(below, ()))


def _holds_paths(key: str, part: Any, has_paths: bool, below: str) -> bool:
    """Expressions have them; of changes, those that are written as a pipeline."""
    if key in _OPERATORS_OF_VALUES:
        return False
    if below in ("command", "updates"):
        return key in _EXPRESSIONS or (key in ("u", "update") and isinstance(part, list))
    return has_paths or key == "$expr"
