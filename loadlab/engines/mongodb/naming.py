"""Names in a command that nothing has: fields, collections, stages and operators. Pure.

The server takes most of them: a field of another name finds nothing, sorts nothing, groups everything as one. What is
told from the schema is followed through a pipeline as far as each stage says which fields it leaves; behind a stage
that does not say it, nothing is claimed. Every generator yields remedies, the first of which is enough.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from loadlab.engines.mongodb.content import Places
from loadlab.engines.mongodb.paths import ID
from loadlab.engines.mongodb.shapes import Shape, made, projected, stored, unknown
from loadlab.engines.mongodb.words import (
    FIELD_WORDS,
    FILTER_WORDS,
    STAGES,
    UPDATE_STAGES,
    UPDATE_WORDS,
    VALUE_WORDS,
)

Remedies = Iterator[str]
_WHOLE = ("$$ROOT.", "$$CURRENT.")
_PROJECTING = ("$slice", "$elemMatch", "$meta")


def close(name: str, known: Sequence[str], *, listed: bool = True) -> str:
    """`; did you mean X?`, else what there is."""
    found = difflib.get_close_matches(name, known, n=1)
    if found:
        return f"; did you mean {found[0]}?"
    return f"; known are {', '.join(known)}" if listed and known else ""


def collection(name: str, places: Places) -> Remedies:
    """Of a collection that is read."""
    if places.table(name) is not None:
        return
    if where := places.standing(name):
        yield f"names the collection {name}, which is not there: {name} stands in {where}"
        return
    yield f"names the collection {name}, which is not there{close(name, places.collections)}"


def shape_of(name: str, places: Places) -> Shape:
    """What is known of the documents of a collection."""
    table = places.table(name)
    return unknown(name) if table is None else stored(table, name)


def fields(names: Iterator[str] | Sequence[str], shape: Shape) -> Remedies:
    """Of paths that are read, or written, in documents of that shape."""
    whose = f"behind {shape.of}" if shape.of.startswith("$") else f"of {shape.of}"
    for at in names:
        if not shape.has(at):
            yield f"names the field {at}, which documents {whose} do not have{close(at, shape.names())}"


def words(names: Iterator[str] | Sequence[str], known: Sequence[str], what: str) -> Remedies:
    """Of operators."""
    for name in names:
        if name not in known:
            yield f"has the {what} {name}, which there is not{close(name, known, listed=False)}"


# Conditions and expressions ------------------------------------------------------------------------------------------


def condition(asked: Any, shape: Shape) -> Remedies:
    """Of a filter."""
    for key, part in asked.items() if isinstance(asked, Mapping) else ():
        if not key.startswith("$"):
            yield from fields([key], shape)
            yield from _operators(part)
            continue
        yield from words([key], FILTER_WORDS, "operator")
        if key == "$expr":
            yield from expression(part, shape)
        elif isinstance(part, list):
            for item in part:
                yield from condition(item, shape)


def _operators(part: Any) -> Remedies:
    """Behind a field; a document without operators is a value."""
    if not isinstance(part, Mapping) or not any(key.startswith("$") for key in part):
        return
    for key, inner in part.items():
        if key.startswith("$"):
            yield from words([key], (*FIELD_WORDS, *FILTER_WORDS, *VALUE_WORDS), "operator")
        if key in ("$not", "$elemMatch"):
            yield from _operators(inner)


def expression(node: Any, shape: Shape) -> Remedies:
    """Of the fields that an expression reads."""
    yield from fields(_read(node), shape)


def _read(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        if node.startswith(_WHOLE):
            yield node.partition(".")[2]
        elif node.startswith("$") and not node.startswith("$$") and len(node) > 1:
            yield node[1:]
    elif isinstance(node, Mapping):
        for key, part in node.items():
            if key != "$literal":
                yield from _read(part)
    elif isinstance(node, list):
        for item in node:
            yield from _read(item)


def ordering(asked: Any, shape: Shape) -> Remedies:
    """Of a sort; what sorts by a figure of the search names a field that nothing has."""
    if isinstance(asked, Mapping):
        yield from fields([at for at, way in asked.items() if not isinstance(way, Mapping)], shape)


def projection(asked: Any, shape: Shape) -> Remedies:
    """Of a projection: fields that are taken or left out, and what others are made of."""
    for at, value in asked.items() if isinstance(asked, Mapping) else ():
        if isinstance(value, (bool, int, float)):
            yield from fields([at], shape)
        elif not isinstance(value, Mapping) or not any(key in _PROJECTING for key in value):
            yield from expression(value, shape)


def update(change: Any, shape: Shape, places: Places) -> Remedies:
    """Of what a write does to a document: operators, stages, or a document in its place."""
    if isinstance(change, list):
        for place, stage in enumerate(change):
            for word in stage:
                if word in STAGES and word not in UPDATE_STAGES:
                    yield f"stage {place + 1} ({word}) is none of an update; known are {', '.join(UPDATE_STAGES)}"
        yield from pipeline(change, shape, places)
        return
    for word, parts in change.items() if isinstance(change, Mapping) else ():
        if not word.startswith("$"):
            yield from fields([word], shape)
            continue
        yield from words([word], UPDATE_WORDS, "operator")
        if isinstance(parts, Mapping):
            yield from fields(list(parts), shape)


# Pipelines -----------------------------------------------------------------------------------------------------------


def pipeline(stages: Any, shape: Shape, places: Places) -> Remedies:
    """Of each stage, by the documents that the ones before it leave."""
    for place, stage in enumerate(stages if isinstance(stages, list) else ()):
        ((word, asked),) = stage.items()
        for remedy in _stage(word, asked, shape, places):
            yield f"stage {place + 1} ({word}){',' if remedy.startswith('stage ') else ''} {remedy}"
        shape = _behind(word, asked, shape)


def _stage(word: str, asked: Any, shape: Shape, places: Places) -> Remedies:
    if word not in STAGES:
        yield f"is no stage{close(word, STAGES, listed=False)}"
    elif word in _CHECKS:
        yield from _CHECKS[word](asked, shape)
    elif word == "$facet" and isinstance(asked, Mapping):
        for stages in asked.values():
            yield from pipeline(stages, shape, places)
    elif word in ("$lookup", "$graphLookup", "$unionWith"):
        yield from _other(word, {"coll": asked} if isinstance(asked, str) else asked, shape, places)


def _other(word: str, asked: Any, shape: Shape, places: Places) -> Remedies:
    """Of what a stage looks up in another collection."""
    if not isinstance(asked, Mapping):
        return
    name = asked.get("from", asked.get("coll"))
    there = unknown(word)
    if isinstance(name, str):
        yield from collection(name, places)
        there = shape_of(name, places)
    for key, whose in (("localField", shape), ("foreignField", there), ("connectToField", there)):
        yield from fields([asked[key]] if isinstance(asked.get(key), str) else [], whose)
    yield from fields([asked["connectFromField"]] if isinstance(asked.get("connectFromField"), str) else [], there)
    yield from expression([asked.get("let"), asked.get("startWith")], shape)
    yield from condition(asked.get("restrictSearchWithMatch"), there)
    yield from pipeline(asked.get("pipeline"), there, places)


def _unwound(asked: Any, shape: Shape) -> Remedies:
    yield from expression(asked.get("path") if isinstance(asked, Mapping) else asked, shape)


def _unset(asked: Any, shape: Shape) -> Remedies:
    yield from fields([at for at in (asked if isinstance(asked, list) else [asked]) if isinstance(at, str)], shape)


def _windows(asked: Any, shape: Shape) -> Remedies:
    if isinstance(asked, Mapping):
        yield from expression([asked.get("partitionBy"), asked.get("output")], shape)
        yield from ordering(asked.get("sortBy"), shape)


_CHECKS: Mapping[str, Callable[[Any, Shape], Remedies]] = {
    "$match": condition,
    "$sort": ordering,
    "$project": projection,
    "$unset": _unset,
    "$unwind": _unwound,
    "$setWindowFields": _windows,
    **dict.fromkeys(
        (
            "$group", "$addFields", "$set", "$sortByCount", "$bucket", "$bucketAuto", "$replaceRoot", "$replaceWith",
            "$redact",
        ),
        expression,
    ),
}  # fmt: skip
_AS_BEFORE = ("$match", "$sort", "$limit", "$skip", "$sample", "$redact", "$unset", "$densify")


def _behind(word: str, asked: Any, before: Shape) -> Shape:
    """The documents that a stage leaves; nothing is known behind one that does not say it."""
    said = asked if isinstance(asked, Mapping) else {}
    match word:
        case "$project" if said:
            return projected(said, before, word)
        case "$group" | "$facet" if said:
            return made(word, said)
        case "$addFields" | "$set":
            return before.with_(said)
        case "$lookup" | "$graphLookup":
            return before.with_(_texts(said.get("as")))
        case "$unwind":
            return before.with_(_texts(said.get("includeArrayIndex")))
        case "$setWindowFields" | "$fill" if isinstance(said.get("output"), Mapping):
            return before.with_(said["output"])
        case "$count" if isinstance(asked, str):
            return made(word, [asked])
        case "$sortByCount":
            return made(word, [ID, "count"])
        case "$bucket" | "$bucketAuto":
            output = said.get("output", {"count": 1})
            return made(word, [ID, *output]) if isinstance(output, Mapping) else unknown(word)
        case "$replaceRoot" | "$replaceWith":
            return _replaced(word, said.get("newRoot") if word == "$replaceRoot" else asked)
    return before if word in _AS_BEFORE else unknown(word)


def _replaced(word: str, root: Any) -> Shape:
    is_said = isinstance(root, Mapping) and root and not any(key.startswith("$") for key in root)
    return made(word, root) if is_said else unknown(word)


def _texts(name: Any) -> list[str]:
    return [name] if isinstance(name, str) else []
