"""Statements as commands: the text of one is taken apart once, and values are put into it as often as it is executed.

The text is the command itself, as JSON or Extended JSON (https://www.mongodb.com/docs/manual/reference/command/), with
`:name` for a value. A word of Extended JSON around a parameter says its type (`{"$numberDecimal": :price}`,
`{"$date": :since}`); three words are LoadLab's own: `{"$json": :document}` is a text of JSON as its value,
`{"$point": :place}` a point of a map as GeoJSON, and `{"metadata": {"$contains": :document}}` finds what holds at least
what the document holds.

NULL is a field that is not there: a parameter that is NULL is left out of a document that is inserted, and `$set` of it
becomes `$unset`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bson.json_util import object_hook

from loadlab.engines.mongodb.forms import flaw
from loadlab.engines.mongodb.slots import Contains, Slot
from loadlab.engines.mongodb.values import CASTS
from loadlab.errors import InputError
from loadlab.spec.statement import Statement

Verb = Literal["find", "aggregate", "count", "distinct", "insert", "update", "delete", "findAndModify", "ping"]
VERBS: tuple[Verb, ...] = (
    "find", "aggregate", "count", "distinct", "insert", "update", "delete", "findAndModify", "ping",
)  # fmt: skip
WRITES: tuple[Verb, ...] = ("insert", "update", "delete", "findAndModify")
CONTAINS = "$contains"
_PLACE = "\x00parameter"
# Of a single key each: an object of a filter that has other keys beside is a condition.
_EXTENDED = {
    "$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$binary", "$uuid", "$timestamp",
    "$minKey", "$maxKey", "$regularExpression",
}  # fmt: skip
# Where operators stand that change a document: in `update` below `updates`, in `findAndModify` at the top.
_CHANGES = ("u", "update")
# What is added to a list is a document that is inserted.
_ADDING = ("$push", "$addToSet")
_FORM = (
    "write a form of no engine (lookup, list, insert, …), or the command: sql: {mongodb: {find: COLLECTION, filter: "
    '{FIELD: ":parameter"}}}'
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command taken apart. `document` holds `Slot`s and `Contains` where values belong."""

    verb: Verb
    collection: str
    document: Mapping[str, Any]
    names: tuple[str, ...]

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES or any(set(stage) & {"$out", "$merge"} for stage in self.pipeline)

    @property
    def pipeline(self) -> Sequence[Mapping[str, Any]]:
        found = self.document.get("pipeline", ()) if self.verb == "aggregate" else ()
        return found if isinstance(found, list) else ()

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The command with values in the driver's form, by parameter."""
        return {key: _filled(key, part, values, self.verb) for key, part in self.document.items()}


def parse_command(statement: Statement) -> Command:
    """Raises InputError for a text that is no command, has a part of the wrong form, or is not executed here."""
    place = str(statement)
    if not statement.is_command:
        word = place.split(None, 1)[0] if place.strip() else "nothing"
        raise InputError(place, f"is no command: {word} is no word of a database of documents; {_FORM}")
    text = statement.render(lambda _, name: json.dumps({_PLACE: name}))
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(place, f"is not JSON: {error}") from None
    verb = next(iter(document), "")
    verb = "findAndModify" if verb == "findandmodify" else verb
    if verb not in VERBS:
        raise InputError(place, f"begins with {verb or 'nothing'}; known commands are {', '.join(VERBS[:-1])}")
    collection = document[verb] if verb in document else document["findandmodify"]
    if verb != "ping" and not isinstance(collection, str):
        raise InputError(place, f'must name a collection: {{{json.dumps(verb)}: "COLLECTION"}}')
    parts = {key: _part(part, place) for key, part in document.items()}
    if remedy := flaw(verb, parts):
        raise InputError(place, remedy)
    if verb == "aggregate":
        parts.setdefault("cursor", {})
    return Command(verb, str(collection), parts, statement.names)


def _part(node: Any, place: str) -> Any:
    if isinstance(node, list):
        return [_part(item, place) for item in node]
    if not isinstance(node, dict):
        return node
    if _PLACE in node:
        return Slot(node[_PLACE])
    if len(node) == 1:
        ((key, value),) = node.items()
        found = _of_one_word(key, value, place)
        if found is not None:
            return found
    return {key: _part(value, place) for key, value in node.items()}


def _of_one_word(key: str, value: Any, place: str) -> Any:
    name = value.get(_PLACE) if isinstance(value, dict) else None
    if key == CONTAINS:
        if name is None:
            raise InputError(place, f"has {CONTAINS} without a parameter; write the conditions themselves")
        return Contains(Slot(name, "$json"))
    if name is not None:
        return Slot(name, key) if key in CASTS else None
    if key not in _EXTENDED:
        return None
    try:
        return object_hook({key: value})
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(place, f"holds a {key} that is none: {error}") from None


# Values ---------------------------------------------------------------------------------------------------------------


def _filled(key: str, node: Any, values: Mapping[str, Any], verb: Verb) -> Any:
    if isinstance(node, Slot):
        return node.value(values)
    if isinstance(node, list):
        is_inserted = verb == "insert" and key == "documents"
        return [_document(item, values) if is_inserted else _filled("", item, values, verb) for item in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Any] = {}
    for name, part in node.items():
        if isinstance(part, Contains):
            found |= dict(conditions(name, part.slot.value(values)))
        elif name in _ADDING:
            found[name] = _document(part, values)
        else:
            found[name] = _filled(name, part, values, verb)
    return _without_null_sets(node, found) if key in _CHANGES and "$set" in node else found


def _without_null_sets(node: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    asked, parts = found["$set"], node["$set"]
    if not isinstance(asked, dict) or not isinstance(parts, dict):
        return found
    gone = [name for name, value in asked.items() if value is None and isinstance(parts.get(name), Slot)]
    if not gone:
        return found
    kept = {name: value for name, value in asked.items() if name not in gone}
    unset = {**found.get("$unset", {}), **dict.fromkeys(gone, "")}
    rest = {name: part for name, part in found.items() if name not in ("$set", "$unset")}
    return {**({"$set": kept} if kept else {}), "$unset": unset, **rest}


def _document(node: Any, values: Mapping[str, Any]) -> Any:
    """A document that is inserted, without the fields that are NULL."""
    if isinstance(node, Slot):
        return node.value(values)
    if isinstance(node, list):
        return [_document(item, values) for item in node]
    if not isinstance(node, dict):
        return node
    found = {}
    for name, part in node.items():
        value = _document(part, values)
        if value is not None or not isinstance(part, Slot):
            found[name] = value
    return found


def conditions(path: str, wanted: Any) -> Iterator[tuple[str, Any]]:
    """Conditions by path that a value holds what is wanted: members of documents, and elements of arrays."""
    if isinstance(wanted, Mapping) and wanted:
        for key, value in wanted.items():
            yield from conditions(f"{path}.{key}", value)
    elif isinstance(wanted, list) and wanted:
        yield path, {"$all": wanted}
    else:
        yield path, wanted if not isinstance(wanted, (Mapping, list)) else {"$exists": True}
