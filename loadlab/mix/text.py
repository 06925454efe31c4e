"""A scenario's file as text, a comment for each operation: yaml has no comments when it is dumped."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

_WIDTH = 120
_HEADINGS = {
    "lookup": "one row by a key",
    "list": "rows in an order, a page of them",
    "join": "rows with what belongs to them",
    "search": "what indexes find by content",
    "report": "counts and sums over time",
    "sql": "statements as they are",
    "insert": "new rows",
    "update": "rows that change",
    "delete": "rows that go",
    "transaction": "several statements, all or nothing",
}
_ORDER = ("kind", "weight")


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation of the file: its comment and its body."""

    name: str
    comment: str
    body: Mapping[str, Any]

    @property
    def form(self) -> str:
        return next((name for name in _HEADINGS if name in self.body), "sql")


@dataclass(frozen=True, slots=True)
class ScenarioText:
    """What stands in the file; `head` are comments at its beginning, `tail` at its end."""

    head: Iterable[str]
    top: Mapping[str, Any]
    data: Mapping[str, Any]
    workload: Mapping[str, Any]
    entries: Iterable[Entry]
    targets: Mapping[str, Any] = field(default_factory=dict)
    tail: Iterable[str] = field(default_factory=tuple)

    def render(self) -> str:
        """The file's text."""
        lines = [*comments(self.head), *_members(self.top, 0), ""]
        if self.data:
            lines += ["data:", *_members(self.data, 2), ""]
        lines += ["workload:", *_members(self.workload, 2), "  operations:"]
        heading = ""
        for entry in self.entries:
            if entry.form != heading:
                heading = entry.form
                lines.append(f"    # -- {heading}: {_HEADINGS[heading]} ".ljust(_WIDTH - 2, "-"))
            lines += [*comments([entry.comment], 4), f"    {_plain(entry.name)}:", *_members(_ordered(entry.body), 6)]
        if self.targets:
            lines += ["", "targets:", *_members(self.targets, 2)]
        lines += ["", *comments(self.tail)] if list(self.tail) else []
        return "\n".join(lines).rstrip() + "\n"


def comments(texts: Iterable[str], indent: int = 0) -> Iterator[str]:
    """Texts as comments, broken at the width of the page."""
    start = f"{' ' * indent}# "
    for text in texts:
        yield from textwrap.wrap(
            text, _WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False, break_on_hyphens=False
        ) or [start.rstrip()]


def _ordered(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _ORDER if name in body} | dict(body)


def _members(body: Mapping[str, Any], indent: int) -> Iterator[str]:
    """`key: value` each, on one line where it fits."""
    space = " " * indent
    for key, value in body.items():
        if isinstance(value, str):
            line = space + yaml.safe_dump({key: value}, width=10**9, allow_unicode=True).rstrip()
        else:
            line = f"{space}{_plain(key)}: {_plain(value)}"
        if len(line) <= _WIDTH and "\n" not in line:
            yield line
        elif not isinstance(value, (dict, list)):
            yield _folded(key, value, space)
        elif isinstance(value, dict):
            yield f"{space}{_plain(key)}:"
            yield from _members(value, indent + 2)
        else:
            yield f"{space}{_plain(key)}:"
            for item in value:
                yield f"{space}  - {_plain(item)}"


def _folded(key: str, value: Any, space: str) -> str:
    """A long text over several lines; where folding would change it, in quotes on one."""
    text = str(value)
    if not isinstance(value, str) or "\n" in text or text != " ".join(text.split()):
        return f"{space}{_plain(key)}: {_plain(value)}"
    wrapped = textwrap.wrap(text, _WIDTH - len(space) - 2, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{space}{_plain(key)}: >-", *(f"{space}  {line}" for line in wrapped)])


class _Dumper(yaml.SafeDumper):
    """Without anchors: equal parts stand where they are read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _plain(value: Any) -> str:
    text = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return text.strip()[1:-1]
