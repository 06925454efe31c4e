"""What a command answered: how many documents, and rows of the paths that it asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.errors import DuplicateKeyError, WriteConcernError, WriteError

from loadlab.engines.mongodb.commands import Command
from loadlab.engines.mongodb.errors import DUPLICATE_KEY
from loadlab.engines.mongodb.paths import ID
from loadlab.engines.mongodb.values import python_value


def result_paths(command: Command) -> tuple[str, ...] | None:
    """The paths that documents of the answer have, in the order asked for; None where that is not said."""
    if command.verb in ("count", "distinct", "ping"):
        return (command.document.get("key", "n"),)
    if command.verb == "find":
        return _projected(command.document.get("projection"))
    if command.verb == "findAndModify":
        return _projected(command.document.get("fields"))
    for stage in reversed(command.pipeline):
        for word, asked in stage.items():
            if word == "$project":
                return _projected(asked)
            if word == "$group" and isinstance(asked, Mapping):
                return tuple(asked)
            if word == "$count":
                return (str(asked),)
            if word not in ("$sort", "$limit", "$skip", "$match", "$sample"):
                return None
    return None


def _projected(asked: Any) -> tuple[str, ...] | None:
    """Of a projection that includes; `_id` comes first unless it is said where, or that it does not."""
    if not isinstance(asked, Mapping) or not asked:
        return None
    kept = {path: value for path, value in asked.items() if not is_no(value)}
    if not set(kept) - {ID}:
        return None
    implied = () if any(path == ID or path.startswith(f"{ID}.") for path in asked) else (ID,)
    return (*implied, *kept)


def is_no(value: Any) -> bool:
    """Of a projection: 0 or false."""
    return isinstance(value, (bool, int, float)) and not value


def raise_for(reply: Mapping[str, Any]) -> None:
    """What an answer holds of failed writes is raised as the driver raises it."""
    for error in reply.get("writeErrors") or ():
        plain = dict(error)
        kind = DuplicateKeyError if plain.get("code") == DUPLICATE_KEY else WriteError
        raise kind(str(plain.get("errmsg", "")), plain.get("code"), plain)
    concern = reply.get("writeConcernError")
    if concern is not None:
        raise WriteConcernError(str(concern.get("errmsg", "")), concern.get("code"), dict(concern))


def affected(command: Command, reply: Mapping[str, Any]) -> int:
    """Documents that the answer counts: of a write those that it found, or inserted."""
    match command.verb:
        case "findAndModify":
            return int((reply.get("lastErrorObject") or {}).get("n", 0))
        case "distinct":
            return len(reply["values"])
        case "count" | "ping":
            return 1
    return int(reply.get("n", 0))


def documents_of(command: Command, reply: Mapping[str, Any]) -> list[Any]:
    """What an answer without a cursor returned, as documents."""
    match command.verb:
        case "findAndModify":
            return [] if reply.get("value") is None else [reply["value"]]
        case "distinct":
            return [{command.document["key"]: value} for value in reply["values"]]
        case "count":
            return [{"n": reply["n"]}]
    return []


def rows(documents: Iterable[Mapping[str, Any]], paths: tuple[str, ...] | None) -> list[tuple[Any, ...]]:
    """One tuple a document: the values at the paths, None where there is none; without paths those that it has."""
    if paths is None:
        return [tuple(python_value(value) for value in document.values()) for document in documents]
    return [tuple(python_value(_at(document, path)) for path in paths) for document in documents]


def _at(document: Mapping[str, Any], path: str) -> Any:
    if path in document:
        return document[path]
    first, dot, rest = path.partition(".")
    inner = document.get(first)
    if not dot:
        return inner
    if isinstance(inner, list):
        return [_at(item, rest) for item in inner if isinstance(item, Mapping)]
    return _at(inner, rest) if isinstance(inner, Mapping) else None
