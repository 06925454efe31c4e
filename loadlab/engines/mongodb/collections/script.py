"""A schema in MongoDB's own words: `create` and `createIndexes` commands in extended JSON.

    [{"create": "users", "validator": {"$jsonSchema": {…}}},
     {"createIndexes": "users", "indexes": [{"key": {"email": 1}, "name": "email_1", "unique": true}]}]

One list, or one command behind the other. The commands are the server's
(https://www.mongodb.com/docs/manual/reference/command/create/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bson.json_util import DEFAULT_JSON_OPTIONS, object_pairs_hook

from loadlab.engines.mongodb.connection import CODEC
from loadlab.engines.mongodb.names import is_users
from loadlab.errors import InputError

_BETWEEN = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder(
    object_pairs_hook=lambda pairs: object_pairs_hook(pairs, DEFAULT_JSON_OPTIONS.with_options(**_OPTIONS))
)
_OPTIONS: dict[str, Any] = {"document_class": dict, "tz_aware": True, "uuid_representation": CODEC.uuid_representation}
_COMMANDS = ("create", "createIndexes")


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the line that it begins on, from 1."""

    line: int
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """`create` or `createIndexes`."""
        return next(iter(self.body))

    @property
    def collection(self) -> str:
        """Whose."""
        return str(self.body[self.name])


def read_script(text: str) -> tuple[Command, ...]:
    """The commands of a text. Raises InputError naming the line."""
    return tuple(_commands(text))


def _commands(text: str) -> Iterator[Command]:
    place = _skipped(text, 0)
    is_list = text[place : place + 1] == "["
    place = _skipped(text, place + 1) if is_list else place
    while place < len(text):
        if is_list and text[place] == "]":
            if _skipped(text, place + 1) < len(text):
                raise InputError(_line(text, _skipped(text, place + 1)), "stands behind the list of commands")
            return
        line = _line(text, place)
        try:
            body, place = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise InputError(f"line {error.lineno}", f"is no JSON: {error.msg}") from None
        except (TypeError, ValueError) as error:
            raise InputError(line, f"is no extended JSON: {error}") from None
        yield _checked(line, body)
        place = _skipped(text, place)
    if is_list:
        raise InputError(_line(text, len(text)), "ends before the list of commands does")


def _skipped(text: str, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _line(text: str, place: int) -> str:
    return f"line {text.count(chr(10), 0, place) + 1}"


def _checked(line: str, body: Any) -> Command:
    name = next(iter(body), "") if isinstance(body, dict) else ""
    if name not in _COMMANDS:
        raise InputError(line, f'must be a command, {{"create": …}} or {{"createIndexes": …}}; has {name or body!r}')
    if not isinstance(body[name], str) or not is_users(body[name]):
        raise InputError(line, f"{name} must name a collection of the user's; has {body[name]!r}")
    if name == "createIndexes" and not _are_indexes(body.get("indexes")):
        raise InputError(line, 'createIndexes must have "indexes": [{"key": {…}, "name": "…"}, …]')
    return Command(int(line.removeprefix("line ")), body)


def _are_indexes(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(item, dict) and isinstance(item.get("key"), dict) and isinstance(item.get("name"), str)
        for item in found
    )
