"""What each part of a command has to be: a list, a document, a text. Pure.

Everything behind it relies on this. What is inside of a document is the server's to judge, or `checking`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.engines.mongodb.slots import Contains, Slot

_DOCUMENTS = {
    "find": ("filter", "sort", "projection", "let", "collation"),
    "aggregate": ("cursor", "let", "collation"),
    "count": ("query", "collation"),
    "distinct": ("query", "collation"),
    "findAndModify": ("query", "sort", "fields", "let", "collation"),
}
_ITEMS = {"updates": ("q", "u"), "deletes": ("q", "limit")}
_LISTS = {"aggregate": "pipeline", "insert": "documents", "update": "updates", "delete": "deletes"}
_EXAMPLES = {
    "pipeline": "pipeline: [{$match: {…}}, …]",
    "documents": "documents: [{FIELD: VALUE}]",
    "updates": "updates: [{q: {…}, u: {$set: {…}}}]",
    "deletes": "deletes: [{q: {…}, limit: 1}]",
}
_INNER = ("$lookup", "$unionWith")
_FIELDS = ("localField", "foreignField", "connectToField", "as")


def flaw(verb: str, document: Mapping[str, Any]) -> str:
    """The first part that is not what it has to be, as a remedy; "" where all are. A parameter may be anything."""
    return next(_flaws(verb, document), "")


def _flaws(verb: str, document: Mapping[str, Any]) -> Iterator[str]:
    for name in _DOCUMENTS.get(verb, ()):
        if name in document and not _is_document(document[name]):
            yield f"{name} must be a mapping, as {name}: {{FIELD: …}}; it is {_kind(document[name])}"
    if verb == "distinct" and not isinstance(document.get("key"), str):
        yield "key must name the field, as {distinct: COLLECTION, key: FIELD}"
    if verb == "findAndModify":
        yield from _of_change(document)
    name = _LISTS.get(verb, "")
    if not name:
        return
    if name == "pipeline":
        yield from _of_pipeline(name, document.get(name))
        return
    items = document.get(name)
    if not isinstance(items, list) or not items:
        is_parameter = name == "documents" and isinstance(items, Slot)
        if not is_parameter:
            yield f"{name} must be a list with something in it, as {_EXAMPLES[name]}; it is {_kind(items)}"
        return
    for place, item in enumerate(items):
        yield from _of_item(name, f"{name}[{place}]", item)


def _of_item(name: str, at: str, item: Any) -> Iterator[str]:
    if name == "documents":
        if not _is_document(item):
            yield f"{at} must be a mapping; it is {_kind(item)}"
        return
    if not isinstance(item, Mapping):
        yield f"{at} must be a mapping, as {_EXAMPLES[name]}; it is {_kind(item)}"
        return
    for key in _ITEMS[name]:
        if key not in item:
            yield f"{at} has no {key}; write {_EXAMPLES[name]}"
    if not _is_document(item.get("q", {})):
        yield f"{at}.q must be a mapping, {{}} for every document; it is {_kind(item['q'])}"
    if name == "updates":
        yield from _of_update(f"{at}.u", item.get("u"))


def _of_change(document: Mapping[str, Any]) -> Iterator[str]:
    if ("update" in document) == bool(document.get("remove")):
        yield "findAndModify takes one of update: {…} and remove: true"
    elif "update" in document:
        yield from _of_update("update", document["update"])


def _of_update(at: str, change: Any) -> Iterator[str]:
    if isinstance(change, list):
        yield from _of_pipeline(at, change)
        return
    if not _is_document(change):
        yield f"{at} must be a mapping of operators, as {{$set: {{…}}}}, or a list of stages; it is {_kind(change)}"
        return
    if not isinstance(change, Mapping):
        return
    operators = [key for key in change if key.startswith("$")]
    if operators and len(operators) < len(change):
        field = next(key for key in change if not key.startswith("$"))
        yield f"{at} has the operator {operators[0]} and the field {field} side by side; write {{$set: {{{field}: …}}}}"
    for word in operators:
        if not _is_document(change[word]):
            yield f"{at}.{word} must be a mapping, as {{{word}: {{FIELD: …}}}}; it is {_kind(change[word])}"


def _of_pipeline(at: str, stages: Any) -> Iterator[str]:
    if not isinstance(stages, list):
        yield f"{at} must be a list of stages, as {_EXAMPLES['pipeline']}; it is {_kind(stages)}"
        return
    for place, stage in enumerate(stages):
        if not isinstance(stage, Mapping) or len(stage) != 1:
            yield f"{at}[{place}] must be a mapping of one stage, as {{$match: {{…}}}}; it is {_kind(stage)}"
            continue
        ((word, asked),) = stage.items()
        yield from _of_stage(f"{at}[{place}].{word}", word, asked)


def _of_stage(at: str, word: str, asked: Any) -> Iterator[str]:
    if word in ("$match", "$sort", "$project", "$group", "$lookup", "$addFields", "$set", "$facet"):
        if not _is_document(asked):
            yield f"{at} must be a mapping; it is {_kind(asked)}"
        elif not asked and word in ("$sort", "$project", "$group", "$facet"):
            yield f"{at} must say something; it is empty"
    if word == "$facet" and isinstance(asked, Mapping):
        for name, stages in asked.items():
            yield from _of_pipeline(f"{at}.{name}", stages)
    if word in _INNER and isinstance(asked, Mapping) and "pipeline" in asked:
        yield from _of_pipeline(f"{at}.pipeline", asked["pipeline"])
    if word in ("$lookup", "$graphLookup") and isinstance(asked, Mapping):
        for key in _FIELDS:
            if key in asked and not isinstance(asked[key], str):
                yield f"{at}.{key} must name a field; it is {_kind(asked[key])}"


def _is_document(value: Any) -> bool:
    return isinstance(value, (Mapping, Slot))


def _kind(value: Any) -> str:
    match value:
        case None:
            return "not there"
        case Slot():
            return "a parameter"
        case Contains():
            return "$contains without the field that it is about"
        case Mapping():
            return f"a mapping of {', '.join(value)}" if value else "an empty mapping"
        case list():
            return "a list" if value else "an empty list"
        case str():
            return f"the text {value!r}"
    return f"the value {value!r}"
