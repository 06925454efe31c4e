"""What a database says it holds, against what the dataset holds.

`read(text, type)` takes the server's own text of a value (`column::text`) and `meant(value, type)` the value of an
Arrow array (`array.to_pylist()`); both give the same Python value when the two are the same. Nothing of the product's
own text or binary forms is used.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from loadlab.schema.model import LogicalType

_NUMBER = re.compile(r"-?(?:inf(?:inity)?|nan|\d+(?:\.\d+)?(?:e[+-]?\d+)?)", re.IGNORECASE)
_INTERVAL = re.compile(r"(-?\+?\d+) (year|mon|day)s?|([+-]?)(\d+):(\d+):(\d+(?:\.\d+)?)")
_UNIT_US = {"year": 360 * 86_400_000_000, "mon": 30 * 86_400_000_000, "day": 86_400_000_000}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)')
_LEXEME = re.compile(r"'((?:[^']|'')*)'(?::([\d,]+))?")


def meant(value: Any, type: LogicalType) -> Any:
    """A value of the dataset, comparable with what `read` gives."""
    if value is None:
        return None
    element = type.element
    match type.kind:
        case "array":
            assert element is not None
            return [meant(item, element) for item in value]
        case "range":
            assert element is not None
            lower, upper = meant(value["lower"], element), meant(value["upper"], element)
            return "empty" if lower is not None and lower == upper else (lower, upper)
        case "multirange":
            assert element is not None
            return [(meant(item["lower"], element), meant(item["upper"], element)) for item in value]
        case "composite":
            return tuple(meant(value[name], field) for name, field in type.fields)
        case "map":
            return dict(value)
        case "vector" if type.form == "sparse":
            return value["dimensions"], dict(zip(value["indices"], value["values"], strict=True))
        case "vector":
            return list(value)
        case "shape":
            return _shape(value, type.form)
        case "search_vector":
            return {word: place for place, word in enumerate(value, 1)}
        case "geometry" | "bytes" | "uuid":
            return bytes(value)
        case "float":
            return _float(value, type)
        case "text":
            return value.rstrip(" ") if type.fixed else value
        case "json":
            return json.loads(value)
        case "interval":
            return value // dt.timedelta(microseconds=1)
        case "timestamp":
            return value.replace(tzinfo=None)
        case "time":
            return value
        case "inet":
            return ipaddress.ip_interface(value)
    return value


def _float(value: float, type: LogicalType) -> float:
    return float(np.float32(value)) if type.bits == 32 else value


def _shape(value: Any, form: str) -> Any:
    if form == "path":
        return value["closed"], [(point["x"], point["y"]) for point in value["points"]]
    if form == "polygon":
        return [(point["x"], point["y"]) for point in value]
    return tuple(value.values())


def read(text: str | None, type: LogicalType) -> Any:
    """The server's text of a value, as `meant` would have it."""
    if text is None:
        return None
    reader = _READERS.get(type.kind)
    return text if reader is None else reader(text, type)


def _array(text: str, type: LogicalType) -> list[Any]:
    assert type.element is not None
    return [read(item, type.element) for item in _items(text[1:-1], null="NULL", comma=_delimiter(type.element))]


def _composite(text: str, type: LogicalType) -> tuple[Any, ...]:
    items = list(_items(text[1:-1], null="", one=len(type.fields) == 1))
    return tuple(read(item, field) for item, (_, field) in zip(items, type.fields, strict=True))


def _range(text: str, type: LogicalType) -> Any:
    assert type.element is not None
    if text == "empty":
        return text
    assert text[0] in "[("
    assert text[-1] == ")"
    lower, upper = (read(item, type.element) for item in _items(text[1:-1], null=""))
    return lower, upper


def _multirange(text: str, type: LogicalType) -> list[Any]:
    parts: list[str] = []
    quoted, start = False, 1
    for place, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        if character in ")]" and not quoted:
            parts.append(text[start : place + 1])
            start = place + 2
    return [_range(part, type) for part in parts]


def _delimiter(element: LogicalType) -> str:
    """What pg_type.typdelim says: a comma for nearly all."""
    return ";" if element.form == "box" else ":" if element.kind == "geometry" else ","


def _items(text: str, *, null: str, one: bool = False, comma: str = ",") -> Iterator[str | None]:
    """The parts between commas; quotes doubled or escaped, NULL unquoted."""
    if not text and not one and null:
        return
    place, current, quoted, was_quoted = 0, "", False, False
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 1
            current += text[place]
        elif character == '"' and quoted and text[place + 1 : place + 2] == '"':
            place += 1
            current += '"'
        elif character == '"':
            quoted, was_quoted = not quoted, True
        elif character == comma and not quoted:
            yield current if was_quoted or current != null else None
            current, was_quoted = "", False
        else:
            current += character
        place += 1
    yield current if was_quoted or current != null else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _map(text: str, type: LogicalType) -> dict[str, str | None]:
    return {_unescaped(match[1]): None if match[2] is None else _unescaped(match[2]) for match in _PAIR.finditer(text)}


def _numbers(text: str) -> list[float]:
    return [float(match[0]) for match in _NUMBER.finditer(text)]


def _vector(text: str, type: LogicalType) -> Any:
    if type.form == "sparse":
        inner, _, dimensions = text.partition("/")
        pairs = [pair.split(":") for pair in inner.strip("{}").split(",") if pair]
        return int(dimensions), {int(place) - 1: float(np.float32(value)) for place, value in pairs}
    values = _numbers(text)
    return values if type.form == "cube" else [float(np.float32(value)) for value in values]


def _plane(text: str, type: LogicalType) -> Any:
    numbers = _numbers(text)
    points = list(zip(numbers[::2], numbers[1::2], strict=False))
    if type.form == "path":
        return text[0] == "(", points
    return points if type.form == "polygon" else tuple(numbers)


def _interval(text: str, type: LogicalType) -> int:
    total = 0
    for match in _INTERVAL.finditer(text):
        if match[2]:
            total += int(match[1]) * _UNIT_US[match[2]]
        else:
            seconds = Decimal(match[6]) + 60 * int(match[5]) + 3600 * int(match[4])
            total += int(seconds * 1_000_000) * (-1 if match[3] == "-" else 1)
    return total


def _moment(text: str, type: LogicalType) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _search_vector(text: str, type: LogicalType) -> dict[str, int]:
    return {match[1].replace("''", "'").replace("\\\\", "\\"): int(match[2] or 0) for match in _LEXEME.finditer(text)}


_READERS: dict[str, Callable[[str, LogicalType], Any]] = {
    "array": _array,
    "range": _range,
    "multirange": _multirange,
    "composite": _composite,
    "map": _map,
    "vector": _vector,
    "shape": _plane,
    "search_vector": _search_vector,
    "geometry": lambda text, type: bytes.fromhex(text),
    "bytes": lambda text, type: bytes.fromhex(text.removeprefix("\\x")),
    "uuid": lambda text, type: UUID(text).bytes,
    "integer": lambda text, type: int(text),
    "numeric": lambda text, type: Decimal(re.sub(r"[$,]", "", text) if type.form == "money" else text),
    "float": lambda text, type: _float(float(text), type),
    "boolean": lambda text, type: text in ("t", "true"),
    "text": lambda text, type: text.rstrip(" ") if type.fixed else text,
    "json": lambda text, type: json.loads(text),
    "date": lambda text, type: dt.date.fromisoformat(text),
    "time": lambda text, type: dt.time.fromisoformat(text).replace(tzinfo=None),
    "timestamp": _moment,
    "interval": _interval,
    "inet": lambda text, type: ipaddress.ip_interface(text),
}
