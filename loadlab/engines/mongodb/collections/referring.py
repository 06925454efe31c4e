"""References of a schema's text that would lead nowhere: the server takes any description, and says nothing of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from loadlab.engines.mongodb.collections.script import Command
from loadlab.engines.mongodb.collections.types import words_in
from loadlab.engines.mongodb.collections.validator import all_properties, schema_in, table_of
from loadlab.engines.mongodb.paths import paths
from loadlab.errors import InputError
from loadlab.schema.model import ForeignKey, Table

_WORD = "references"
_TWO_WORDS = re.compile(r"^(?P<word>\w+) (?P<target>\S+)$")
# `referencs`, `reference`, `References`; what is less alike is a comment in the user's words.
_ALIKE = 0.8


def check_references(commands: Sequence[Command]) -> None:
    """Raises InputError naming the line, the field and the reference: of a collection that no command makes, of a field
    that the other one's validator does not have, and of what was meant as a reference and is none.
    """
    made = [command for command in commands if command.name == "create"]
    tables = {command.collection: table_of(command.collection, {}) for command in commands}
    tables |= {command.collection: table_of(command.collection, _validator(command)) for command in made}
    for command in made:
        for field, said in _descriptions(_validator(command)):
            for part in said:
                _check_form(command, field, part)
        for key in tables[command.collection].foreign_keys:
            _check_target(command, key, tables[command.collection], tables)


def _validator(command: Command) -> Mapping[str, Any]:
    found = command.body.get("validator")
    return found if isinstance(found, Mapping) else {}


def _descriptions(validator: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str]]]:
    for field, said in all_properties(schema_in(validator)):
        yield field, words_in(said)


def _check_form(command: Command, field: str, part: str) -> None:
    match = _TWO_WORDS.match(part)
    if match is None:
        return
    word, target = match["word"], match["target"]
    is_meant = word == _WORD or ("." in target and SequenceMatcher(None, word.lower(), _WORD).ratio() >= _ALIKE)
    if is_meant and (word != _WORD or "." not in target.strip(".")):
        raise _error(command, field, f"says {part!r}; a reference is written `references COLLECTION.FIELD`")


def _check_target(command: Command, key: ForeignKey, table: Table, tables: Mapping[str, Table]) -> None:
    field = ", ".join(paths(table)[column] for column in key.columns)
    target = tables.get(key.target)
    if target is None:
        remedy = f"references the collection {key.target}, which no command makes{_close(key.target, list(tables))}"
        raise _error(command, field, remedy)
    there = list(paths(target).values())
    for path in key.target_columns:
        if path not in there:
            remedy = f"references {key.target}.{path}, which its validator does not have{_close(path, there)}"
            raise _error(command, field, remedy)


def _error(command: Command, field: str, remedy: str) -> InputError:
    return InputError(f"line {command.line}", f"create {command.collection}: {field} {remedy}")


def _close(name: str, known: Sequence[str]) -> str:
    found = get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else f"; there is {', '.join(known)}" if known else ""
