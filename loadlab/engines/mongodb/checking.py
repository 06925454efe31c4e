"""Statements against the collections that are there, before anything is executed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.commands import Command, parse_command
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.content import Places
from loadlab.engines.mongodb.explain import explain
from loadlab.engines.mongodb.paths import ID, paths
from loadlab.engines.mongodb.samples import conditions_of
from loadlab.errors import DatabaseError, InputError
from loadlab.schema.model import Schema, Table
from loadlab.spec.statement import Statement

_WRITE_IT = "; write it as a neutral form, or give it a command of this engine: sql: {mongodb: {find: …}}"


def check_statements(database: Database[Document], statements: Mapping[str, Statement], schema: Schema) -> None:
    """Compared with the schema, and explained by the server. Raises InputError naming the statement by its key."""
    places = Places(schema)
    for key, statement in statements.items():
        place = f"operation {key}:"
        try:
            command = parse_command(statement)
        except InputError as error:
            raise InputError(place, f"{error.remedy}{'' if statement.is_command else _WRITE_IT}") from None
        remedy = misfit(command, places)
        if remedy:
            raise InputError(place, remedy)
        try:
            explain(database, command)
        except (DatabaseError, InputError) as error:
            raise InputError(place, f"is refused by the server: {error}") from None


def misfit(command: Command, places: Places) -> str:
    """What does not match the schema; "" when all does. A field of another name would only find nothing."""
    if command.verb == "ping":
        return ""
    table = places.table(command.collection)
    if table is None:
        close = _close(command.collection, places.collections)
        return f"names the collection {command.collection}, which is not there{close}"
    for at in _named(command):
        if not _is_known(table, at):
            close = _close(at, sorted({path.partition(".")[0] for path in paths(table).values()}))
            return f"names the field {at}, which documents of {command.collection} do not have{close}"
    return ""


def _close(name: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else f"; known are {', '.join(known)}"


def _is_known(table: Table, at: str) -> bool:
    """A column's path, what leads to some, or what is inside of one."""
    if at == ID:
        return True
    return any(
        at == path or path.startswith(f"{at}.") or (path != ID and at.startswith(f"{path}."))
        for path in paths(table).values()
    )


def _named(command: Command) -> Iterator[str]:
    """The paths that a command names in its own collection, as far as they are told by their place."""
    document = command.document
    for condition in conditions_of(document, command):
        yield from _paths_of(condition)
    for part in ("sort", "projection"):
        found = document.get(part)
        if command.verb == "find" and isinstance(found, Mapping):
            yield from (
                at for at, asked in found.items() if not at.startswith("$") and not isinstance(asked, (Mapping, str))
            )
    for item in document.get("documents", ()) if command.verb == "insert" else ():
        yield from item if isinstance(item, Mapping) else ()
    for item in document.get("updates", ()):
        changes = item.get("u")
        for word, fields in changes.items() if isinstance(changes, Mapping) else ():
            yield from fields if word.startswith("$") and isinstance(fields, Mapping) else ()


def _paths_of(condition: Any) -> Iterator[str]:
    for key, part in condition.items() if isinstance(condition, Mapping) else ():
        if not key.startswith("$"):
            yield key
        elif isinstance(part, list):
            for item in part:
                yield from _paths_of(item)
