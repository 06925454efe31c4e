"""Values of documents that are there, for parameters that nobody has given: a plan depends on what can match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.commands import Command
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.slots import Contains, Slot

_LISTS = ("$in", "$nin", "$all")
_TEXTS = ("$regex", "$search")
_ANY = 1
_ANY_TEXT = "a"
# What is no value of theirs cannot even be asked for.
_ANY_OF = {"$oid": "0" * 24}


def sample_values(database: Database[Document], command: Command) -> dict[str, Any]:
    """By parameter: what a document has at the path that the parameter is compared with, else any value."""
    found: dict[str, Any] = {slot.name: _ANY_OF.get(slot.cast, _ANY) for slot in _slots(command.document)}
    documents: dict[str, Document | None] = {}
    for collection, path, name, is_list in compared_paths(command):
        if path in _TEXTS:
            found[name] = _ANY_TEXT
            continue
        if path not in documents:
            documents[path] = database[collection].find_one({path: {"$exists": True}}, {path: 1})
        value = value_at(documents[path], path)
        if value is not None:
            found[name] = [value] if is_list else value
    return found


def _slots(node: Any) -> Iterator[Slot]:
    if isinstance(node, (Slot, Contains)):
        yield node if isinstance(node, Slot) else node.slot
    elif isinstance(node, (Mapping, list)):
        for part in node.values() if isinstance(node, Mapping) else node:
            yield from _slots(part)


def compared_paths(command: Command) -> Iterator[tuple[str, str, str, bool]]:
    """(collection, path, parameter, whether it takes a list) of the conditions that a command begins with."""
    for condition in conditions_of(command.document, command):
        for path, name, is_list in _compared("", condition):
            yield command.collection, path, name, is_list


def conditions_of(document: Mapping[str, Any], command: Command) -> list[Mapping[str, Any]]:
    """What a command (`document`: with or without its values) finds documents by, one for each that it looks for."""
    match command.verb:
        case "find":
            found = [document.get("filter")]
        case "count" | "distinct" | "findAndModify":
            found = [document.get("query")]
        case "update":
            found = [item.get("q") for item in document.get("updates", ())]
        case "delete":
            found = [item.get("q") for item in document.get("deletes", ())]
        case "aggregate":
            stages = document.get("pipeline") or [{}]
            found = [stages[0].get("$match")]
        case _:
            return []
    return [item if isinstance(item, Mapping) else {} for item in found]


def _compared(path: str, node: Any) -> Iterator[tuple[str, str, bool]]:
    if isinstance(node, Slot):
        yield path, node.name, False
    elif isinstance(node, Contains):
        yield path, node.slot.name, False
    elif isinstance(node, Mapping):
        for key, part in node.items():
            if not key.startswith("$"):
                yield from _compared(f"{path}.{key}" if path else key, part)
            elif isinstance(part, Slot) and key in (*_LISTS, *_TEXTS):
                yield (key if key in _TEXTS else path), part.name, key in _LISTS
            else:
                yield from _compared(path, part)
    elif isinstance(node, list):
        for item in node:
            yield from _compared(path, item)


def value_at(document: Any, path: str) -> Any:
    """The first value at a path; None where there is none."""
    for part in path.split("."):
        if isinstance(document, list):
            document = document[0] if document else None
        if not isinstance(document, Mapping):
            return None
        document = document.get(part)
    if isinstance(document, list):
        return document[0] if document else None
    return document
