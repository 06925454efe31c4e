"""The neutral form of a statement: fragments of native text around named parameters.

A scenario writes `:name` (never inside quotes, comments or `::casts`); an engine joins the fragments with its own
placeholders (`$1`, `?`, `%s`). Nothing here knows SQL beyond its lexical shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

# What may hide a colon: strings ('' doubles a quote), quoted identifiers, dollar quotes, comments, casts.
_TOKEN = re.compile(
    r"""
      (?P<skip> '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`
              | (?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)
              | --[^\n]* | /\*.*?\*/ | :: )
    | (?<![\w:]) : (?P<name>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)

_WRITES = re.compile(
    r"(?:^|\()\s*(?:insert|update|delete|merge|replace|truncate)\b|^\s*with\b.*\)\s*(?:insert\s+into|update|delete\s+from|merge\s+into)\b",
    re.IGNORECASE | re.DOTALL,
)

# A command as a document: its first key says what it does, and a pipeline may end in a collection.
_WRITING_COMMAND = re.compile(
    r"""^\s*\{\s*"(?:(?:insert|update|delete|findAndModify|findandmodify|bulkWrite)"\s*:|.*"\$(?:merge|out)"\s*:)""",
    re.DOTALL,
)


def shortened(text: str, most: int) -> str:
    """A statement's text on one line, in no more than `most` characters and cut between words."""
    words = " ".join(text.split())
    if len(words) <= most:
        return words
    head = words[: most - 1]
    # What has no space near is a long list of names without any: there a comma ends a word as well.
    cut = max(head.rfind(" "), head.rfind(",") + 1)
    return f"{head[:cut].rstrip() if cut > most // 2 else head[:-1]} …"


@dataclass(frozen=True, slots=True)
class Statement:
    """Native text with named parameters.

    `fragments` has one item more than `parameters`; parameter k stands between fragments k and k + 1. A name may
    occur more than once. `dialect` is the engine whose words the text is in; None: those of whoever executes it.
    """

    fragments: tuple[str, ...]
    parameters: tuple[str, ...]
    dialect: str | None = None

    @classmethod
    def parse(cls, text: str, *, dialect: str | None = None) -> Statement:
        """Split native text at its `:name` parameters."""
        fragments: list[str] = []
        names: list[str] = []
        position = 0
        for match in _TOKEN.finditer(text.strip().rstrip(";")):
            if match["name"] is not None:
                fragments.append(match.string[position : match.start()])
                names.append(match["name"])
                position = match.end()
        fragments.append(text.strip().rstrip(";")[position:])
        return cls(tuple(fragments), tuple(names), dialect)

    @property
    def is_command(self) -> bool:
        """Whether it is a document, and not a sentence."""
        return self.fragments[0].lstrip().startswith("{")

    @property
    def is_write(self) -> bool:
        """Whether the text changes data, by its keywords: INSERT, UPDATE, DELETE, MERGE, also behind WITH.

        Of a command that is a document, by its first key, or by a stage that writes.
        """
        if self.is_command:
            return _WRITING_COMMAND.match("?".join(self.fragments)) is not None
        plain = _TOKEN.sub(" ", "?".join(self.fragments))
        return _WRITES.search(plain) is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The distinct parameter names, in order of first appearance."""
        return tuple(dict.fromkeys(self.parameters))

    def render(self, placeholder: Callable[[int, str], str]) -> str:
        """Native text with `placeholder(index of the distinct name from 0, name)` for each parameter."""
        index = {name: position for position, name in enumerate(self.names)}
        parts = [self.fragments[0]]
        for name, fragment in zip(self.parameters, self.fragments[1:], strict=True):
            parts += (placeholder(index[name], name), fragment)
        return "".join(parts)

    def __str__(self) -> str:
        return self.render(lambda _, name: f":{name}")
