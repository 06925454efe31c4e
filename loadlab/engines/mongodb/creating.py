"""Making collections: with their validators, without the indexes that slow loading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.collections.indexes import ID_INDEX, Spec, native_spec
from loadlab.engines.mongodb.collections.referring import check_references
from loadlab.engines.mongodb.collections.script import Command, read_script
from loadlab.engines.mongodb.collections.translate import translate
from loadlab.engines.mongodb.connection import (
    NAME,
    SCRATCH_SERVER,
    Address,
    Document,
    has_scratch_server,
    scratch_address,
    scratch_name,
)
from loadlab.engines.mongodb.errors import UNAUTHORIZED, translated
from loadlab.engines.mongodb.paths import collection_name
from loadlab.errors import DatabaseError, InputError
from loadlab.schema.model import Schema
from loadlab.schema.nesting import APART, Documents


def is_native(dialect: str) -> bool:
    """Whether a schema is in MongoDB's own words."""
    return dialect == NAME


def make_collections(database: Database[Document], schema: Schema, documents: Documents = APART) -> tuple[str, ...]:
    """Make them; what was left out of the schema, one line each."""
    if is_native(schema.dialect) and schema.ddl:
        for command in _creations(read_script(schema.ddl)):
            run(database, command)
        return ()
    translation = translate(schema, documents)
    for name, options in translation.collections:
        database.command({"create": name, **options})
    return translation.notes


def indexes_of(schema: Schema, documents: Documents = APART) -> Sequence[tuple[str, Spec]]:
    """(collection, index) of all that are made when the documents are in."""
    if not is_native(schema.dialect):
        return translate(schema, documents).indexes
    return [
        (collection_name(table.key), native_spec(index))
        for table in schema
        for index in table.indexes
        if index.name != ID_INDEX
    ]


def _creations(commands: Sequence[Command]) -> Iterator[Command]:
    """The making of collections; of one that comes into being with its indexes, the making of that alone."""
    made = set()
    for command in commands:
        if command.name == "create":
            made.add(command.collection)
            yield command
    for command in commands:
        if command.collection not in made:
            made.add(command.collection)
            yield Command(command.line, {"create": command.collection})


def execute_script(database: Database[Document], text: str) -> None:
    """Every command of a schema's text. Raises InputError naming the line, also of a reference that leads nowhere."""
    commands = read_script(text)
    for command in commands:
        run(database, command)
    # The server has said first what it does not take of the validators.
    check_references(commands)


def run(database: Database[Document], command: Command) -> None:
    """One command. Raises InputError naming the line for what the server does not take."""
    try:
        with translated():
            database.command(command.body)
    except DatabaseError as error:
        if error.code is None:
            raise
        raise InputError(f"line {command.line}", f"{command.name} {command.collection}: {error}") from None


@contextmanager
def scratch_database(address: Address, **options: Any) -> Iterator[tuple[Address, Database[Document]]]:
    """A database of its own, which is dropped afterwards: on the same server, or where that is not allowed on the one
    for such. Raises DatabaseError saying what is missing.
    """
    other, database = _opened(address, **options)
    try:
        yield other, database
    finally:
        try:
            with translated(other.display_url):
                database.client.drop_database(database.name)
        finally:
            database.client.close()


def _opened(address: Address, **options: Any) -> tuple[Address, Database[Document]]:
    beside = address.of(scratch_name())
    try:
        return beside, beside.open(**options)
    except DatabaseError as error:
        if error.code != str(UNAUTHORIZED):
            raise
        if not has_scratch_server():
            raise DatabaseError(
                f"{address.display_url}: rows and statements are tried in a database beside it, which the user may not"
                f" make; grant readWriteAnyDatabase and dbAdminAnyDatabase, or set {SCRATCH_SERVER}=mongodb://HOST:PORT"
                " to a server where they may be made",
                code=error.code,
            ) from error
    elsewhere = scratch_address()
    return elsewhere, elsewhere.open(**options)


def options_of(database: Database[Document]) -> Mapping[str, dict[str, Any]]:
    """How each collection was made, by its name."""
    return {item["name"]: item.get("options", {}) for item in database.list_collections(filter={"type": "collection"})}
