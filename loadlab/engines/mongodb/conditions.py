"""What a condition of a query compares, as far as an index could help. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bson.regex import Regex

from loadlab.engines.plan_tree import Comparison, ComparisonKind

_EQUAL = ("$eq", "$in", "$all")
_RANGE = ("$gt", "$gte", "$lt", "$lte")


def compared_columns(
    collection: str, condition: Mapping[str, Any], columns_at: Callable[[str, str], tuple[str, ...]]
) -> tuple[tuple[Comparison, ...], bool]:
    """Each column with how it is compared, and whether that is all that the condition says."""
    found = [
        Comparison(collection, column, kind)
        for path, kind in _compared(condition)
        if path
        for column in columns_at(collection, path)
    ]
    understood = all(path and kind != "other" for path, kind in _compared(condition))
    return tuple(dict.fromkeys(found)), understood


def _compared(condition: Mapping[str, Any]) -> Iterator[tuple[str, ComparisonKind]]:
    """(path, kind); an empty path for what is no comparison of one."""
    for key, part in condition.items():
        if key == "$and":
            for item in part:
                yield from _compared(item)
        elif key.startswith("$"):
            yield "", "other"
        else:
            for kind in _kinds(part):
                yield key, kind


def _kinds(part: Any) -> list[ComparisonKind]:
    if isinstance(part, Regex):
        return ["other"]
    if not isinstance(part, Mapping) or not any(str(key).startswith("$") for key in part):
        return ["equal"]
    kinds: list[ComparisonKind] = []
    for word in part:
        if word in _EQUAL:
            kinds.append("equal")
        elif word in _RANGE:
            kinds.append("range")
        elif word not in ("$options",):
            kinds.append("other")
    return kinds


def compared_part(condition: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a condition that compares for `equal` or `range`; empty where it has none."""
    parts = list(_compared_parts(condition))
    return {"$and": parts} if parts else {}


def _compared_parts(condition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, part in condition.items():
        if key == "$and":
            for item in part:
                yield from _compared_parts(item)
        elif not key.startswith("$") and _kinds(part) == ["equal"]:
            yield {key: part}
        elif not key.startswith("$") and isinstance(part, Mapping):
            kept = {word: value for word, value in part.items() if word in (*_EQUAL, *_RANGE)}
            if kept:
                yield {key: kept}


def outline(condition: Mapping[str, Any] | None) -> str:
    """A condition without the values that it compares with: `status $eq, price $lt`."""
    words = [f"{key} {' '.join(_words(part))}" for key, part in (condition or {}).items() if not key.startswith("$")]
    for key, part in (condition or {}).items():
        if key in ("$and", "$or", "$nor") and isinstance(part, list):
            sign = {"$and": ", ", "$or": " or ", "$nor": " nor "}[key]
            words.append(sign.join(outline(item) for item in part))
        elif key.startswith("$"):
            words.append(key)
    return ", ".join(words)


def _words(part: Any) -> list[str]:
    is_operators = isinstance(part, Mapping) and any(str(key).startswith("$") for key in part)
    return [str(key) for key in part if key != "$options"] if is_operators else ["$eq"]
