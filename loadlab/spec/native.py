"""Statements in an engine's own words: one for every engine, or one for each; as a text or as a document.

Some databases are asked by documents and not by sentences. A scenario writes such a command as a mapping, or as JSON
text. As text it is JSON in which a parameter stands bare:
`{"find": "users", "filter": {"_id": :id}}`; in a mapping, whose values YAML has to read, it is a whole value in quotes:
`{find: users, filter: {_id: ":id"}}`.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from loadlab.errors import InputError
from loadlab.spec.statement import Statement

_ESCAPED = re.compile(r'\\(["\\])')
_ESCAPES = {'"': "\\u0022", "\\": "\\u005c"}
_PARAMETER = re.compile(r":[A-Za-z_]\w*")


def command_text(command: Mapping[str, Any]) -> str:
    """The text of a command: JSON on one line, `:name` without quotes. Raises ValueError for what JSON cannot hold."""
    return _text(dict(command))


def _text(value: Any) -> str:
    match value:
        case Mapping():
            return "{" + ", ".join(f"{_quoted(str(key))}: {_text(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_text, value)) + "]"
        case str():
            return value if _PARAMETER.fullmatch(value) else _quoted(value)
        case dt.datetime() | dt.date():
            # YAML has read a time where a text without quotes looks like one.
            return _text({"$date": _moment(value)})
        case None | bool() | int() | float():
            return json.dumps(value)
    raise ValueError(f"holds a {type(value).__name__}, which no command can hold")


def _quoted(text: str) -> str:
    """As JSON, with no quote inside that a reader of parameters could take for the end."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[1]], json.dumps(text, ensure_ascii=False))


def _moment(value: dt.datetime | dt.date) -> str:
    if not isinstance(value, dt.datetime):
        return f"{value.isoformat()}T00:00:00Z"
    utc = value.astimezone(dt.UTC) if value.tzinfo else value
    return f"{utc.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def as_text(value: Any) -> Any:
    """A mapping as its text; anything else as it is."""
    return command_text(value) if isinstance(value, Mapping) else value


class _OrDocument:
    """In the JSON Schema an object is accepted beside a text."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "object", "description": "a command as a document"}]}


NativeText = Annotated[str, BeforeValidator(as_text), _OrDocument()]
"""A statement in an engine's own words: a text, or a command as a document."""
EVERY_SQL = "sql"
"""Stands for every engine that speaks SQL and has no text of its own."""
PerEngineText = str | dict[str, NativeText]
"""One text for every engine, or one for each by its name (`sql`: for all that speak SQL)."""


def text_for(texts: Mapping[str, Any], engine: str) -> str | None:
    """The text for an engine, None where there is none."""
    found = texts.get(engine, texts.get(EVERY_SQL))
    return None if found is None else str(as_text(found))


def native_statement(texts: str | Mapping[str, str], engine: str, dialect: str, place: str) -> Statement:
    """The statement for an engine; a text for several of them is in the words of `dialect`.

    Raises InputError for an engine that has none.
    """
    if isinstance(texts, str):
        return Statement.parse(texts, dialect=dialect)
    found = text_for(texts, engine)
    if found is None:
        raise InputError(place, f"has a text for {', '.join(texts)} only; add one for {engine}")
    return Statement.parse(found, dialect=None if engine in texts else dialect)
