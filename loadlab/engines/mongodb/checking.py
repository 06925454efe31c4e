"""Statements against the collections that are there, before anything is executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bson.errors import BSONError
from pymongo.database import Database

from loadlab.engines.mongodb import naming
from loadlab.engines.mongodb.commands import Command, parse_command
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.content import Places
from loadlab.engines.mongodb.explain import explain
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.samples import conditions_of
from loadlab.engines.mongodb.words import COMMAND_KEYS, ITEM_KEYS
from loadlab.errors import DatabaseError, InputError
from loadlab.spec.statement import Statement


def check_statements(database: Database[Document], statements: Mapping[str, Statement], layout: Layout) -> None:
    """Compared with the schema, and explained by the server. Raises InputError naming the statement by its key."""
    places = Places.of(layout)
    for key, statement in statements.items():
        place = f"operation {key}:"
        try:
            command = parse_command(statement)
        except InputError as error:
            raise InputError(place, error.remedy) from None
        remedy = misfit(command, places)
        if remedy:
            raise InputError(place, remedy)
        try:
            explain(database, command)
        except (DatabaseError, InputError) as error:
            raise InputError(place, f"is refused by the server: {error}") from None
        except (BSONError, OverflowError) as error:
            raise InputError(place, f"holds what no document can: {error}") from None


def misfit(command: Command, places: Places) -> str:
    """The first name that neither the schema nor the server knows; "" when all are known."""
    return "" if command.verb == "ping" else next(_misfits(command, places), "")


def _misfits(command: Command, places: Places) -> Iterator[str]:
    yield from naming.collection(command.collection, places)
    yield from _keys(command)
    document, shape = command.document, naming.shape_of(command.collection, places)
    if command.verb == "aggregate":
        yield from naming.pipeline(document["pipeline"], shape, places)
        return
    for condition in conditions_of(document, command):
        yield from naming.condition(condition, shape)
    match command.verb:
        case "find":
            yield from naming.ordering(document.get("sort"), shape)
            yield from naming.projection(document.get("projection"), shape)
        case "distinct":
            yield from naming.fields([document["key"]], shape)
        case "findAndModify":
            yield from naming.ordering(document.get("sort"), shape)
            yield from naming.projection(document.get("fields"), shape)
            yield from naming.update(document.get("update"), shape, places)
        case "insert":
            for item in _items(document["documents"]):
                yield from naming.fields(list(item), shape)
        case "update":
            for item in document["updates"]:
                yield from naming.update(item["u"], shape, places)


def _items(documents: Any) -> list[Mapping[str, Any]]:
    """Those that are not a parameter."""
    return [item for item in documents if isinstance(item, Mapping)] if isinstance(documents, list) else []


def _keys(command: Command) -> Iterator[str]:
    known = COMMAND_KEYS[command.verb]
    for key in list(command.document)[1:]:
        if key not in known:
            yield f"has the option {key}, which {command.verb} does not{naming.close(key, known)}"
    for name, keys in ITEM_KEYS.items():
        for place, item in enumerate(command.document.get(name, ())):
            for key in item:
                if key not in keys:
                    yield f"has {name}[{place}].{key}, which there is not{naming.close(key, keys)}"
