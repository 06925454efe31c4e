"""What the brief's and the scenario's models share: strictness, and errors that name place, value and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from loadlab.errors import InputError

Model = TypeVar("Model", bound=BaseModel)
PerEngine = str | dict[str, str]
"""One text for every engine, or a text (a file) for each engine by its name."""


class SpecModel(BaseModel):
    """Base of every model of user input: unknown keys are errors, numbers are finite, values are frozen."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, validate_default=True, allow_inf_nan=False
    )


def validate(model: type[Model], data: object, *, place: str) -> Model:
    """Check `data` against `model`.

    Raises InputError for the first mistake, as one line: `scenario.yaml: data.tables.orders.rows=0 must be …`.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _first_mistake(error, model, data, place) from None


def _first_mistake(error: ValidationError, model: type[BaseModel], data: object, place: str) -> InputError:
    details = error.errors(include_url=False)
    # Of the alternatives of a union the unknown key is what the user can act on.
    first = next((item for item in details if item["type"] == "extra_forbidden"), details[0])
    path = [str(part) for part in _written(first["loc"], data)]
    where = f"{place}: {'.'.join(path)}" if path else place
    value = first.get("input", ...)
    kind, message = first["type"], first["msg"]
    if kind == "extra_forbidden":
        guess = _closest(path[-1], _keys_at(model, path[:-1]))
        return InputError(where, f"is not a known key{guess}")
    if kind == "missing":
        return InputError(where, "is required and missing")
    if kind in ("model_type", "dict_type"):
        return InputError(where, "must be a mapping of keys to values")
    if kind == "string_type":
        return InputError(where, "must be text", value=value if isinstance(value, (int, float, bool)) else ...)
    # Our own validators write whole predicates; Pydantic's messages are about what the input should be.
    own = kind == "value_error"
    remedy = message.removeprefix("Value error, ") if own else f"must be {message.removeprefix('Input should be ')}"
    return InputError(where, remedy, value=value if isinstance(value, (str, int, float, bool)) else ...)


def _written(path: Iterable[int | str], data: object) -> Iterator[int | str]:
    """The keys of a path that the user wrote: what stands in the data, whatever it is called, and what is missing."""
    here = data
    for part in path:
        is_there = part in here if isinstance(here, Mapping) else isinstance(here, list) and part in range(len(here))
        if is_there:
            here = here[part]  # type: ignore[index]
        elif _is_union_branch(part):
            continue
        yield part


def _is_union_branch(part: object) -> bool:
    """Pydantic puts the name of a union's branch into the path; users never wrote it."""
    return isinstance(part, str) and (part.endswith("]") or part in {"str", "float", "int"} or part[:1].isupper())


def _keys_at(model: type[BaseModel], path: Iterable[str]) -> list[str]:
    current: Any = model
    for part in path:
        fields = getattr(current, "model_fields", None)
        if fields is None:
            return []
        fields = {field.alias or name: field for name, field in fields.items()}
        if part in fields:
            current = _model_inside(fields[part].annotation)
        # A key of a mapping or an index of a list: the annotation already names the values' model.
    fields = getattr(current, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _model_inside(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_inside(argument)
        if found is not None:
            return found
    return None


def _closest(word: str, known: list[str]) -> str:
    match = difflib.get_close_matches(word, known, n=1)
    if match:
        return f"; did you mean {match[0]}?"
    return f"; known keys: {', '.join(sorted(known))}" if known else ""


def read_text(path: Path) -> str:
    """The file's text. Raises InputError when it is missing or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(str(path), "does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from None


def read_yaml(path: Path) -> object:
    """What a YAML file holds, an empty mapping where that is nothing. Raises InputError naming the line."""
    text = read_text(path)
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}: line {mark.line + 1}" if mark else path.name
        raise InputError(where, f"is not YAML: {getattr(error, 'problem', None) or error}") from None
    except ValueError as error:
        # What looks like a day is read as one: 2024-02-30.
        raise InputError(path.name, f"holds a date or a number that there is not: {error}") from None


def merged(common: Any, changes: Any) -> Any:
    """`common` with `changes`: mappings key by key, null removes, anything else replaces."""
    if not (isinstance(common, Mapping) and isinstance(changes, Mapping)):
        return changes
    found = dict(common)
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value) if isinstance(value, Mapping) else value
    return found
