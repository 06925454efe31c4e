"""Reading `.prisma` files: tokens, then blocks. Follows the grammar of Prisma's own parser (prisma-engines, PSL).

file        block*
block       ("model" | "view" | "type" | "enum" | "datasource" | "generator") NAME "{" line* "}"
field       NAME type ("?" | "[]")? attribute*         in a model
value       NAME attribute*                            in an enum
setting     NAME "=" expression                        in a datasource or generator
attribute   "@" NAME ("." NAME)* ("(" arguments ")")?  "@@" for the whole block
expression  STRING | NUMBER | "[" … "]" | NAME ("." NAME)* ("(" arguments ")")?
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.schema.sources.prisma.model import Argument, Arity, Call, Literal_, Number, Place, Word

_TOKEN = re.compile(
    r"""
      (?P<newline> \n )
    | (?P<space> [^\S\n]+ )
    | (?P<comment> //[^\n]* | /\*.*?\*/ )
    | (?P<string> "(?:[^"\\\n]|\\.)*" )
    | (?P<number> -?\d+(?:\.\d+)? )
    | (?P<name> [^\W\d][\w-]* )
    | (?P<mark> @@|[@{}()\[\]?,:.=!] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_BLOCKS = ("model", "view", "type", "enum", "datasource", "generator")


@dataclass(frozen=True, slots=True)
class Attribute:
    """`@default(now())`, `@db.VarChar(20)`, `@@index([a, b])`; `name` without the marks."""

    name: str
    arguments: tuple[Argument, ...]
    place: Place

    def get(self, name: str, *, first: bool = False) -> Literal_ | None:
        """The argument of a name; with `first` also the one that stands first without a name."""
        for position, argument in enumerate(self.arguments):
            if argument.name == name or (first and position == 0 and not argument.name):
                return argument.value
        return None

    @property
    def options(self) -> dict[str, Literal_]:
        return {argument.name: argument.value for argument in self.arguments if argument.name}


@dataclass(frozen=True, slots=True)
class Field:
    """A model's field, or an enum's value (whose `type` is empty). `unsupported`: the text in `Unsupported("…")`."""

    name: str
    type: str
    arity: Arity
    attributes: tuple[Attribute, ...]
    place: Place
    unsupported: str | None = None

    def attribute(self, name: str) -> Attribute | None:
        return _named(self.attributes, name)


@dataclass(frozen=True, slots=True)
class Block:
    """One block; `settings` are those of a datasource or generator."""

    kind: str
    name: str
    fields: tuple[Field, ...]
    attributes: tuple[Attribute, ...]
    settings: tuple[Argument, ...]
    place: Place

    def attribute(self, name: str) -> Attribute | None:
        return _named(self.attributes, name)

    def setting(self, name: str) -> Literal_ | None:
        return next((item.value for item in self.settings if item.name == name), None)


def _named(attributes: Sequence[Attribute], name: str) -> Attribute | None:
    return next((item for item in attributes if item.name == name), None)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def read_blocks(text: str, file: str) -> list[Block]:
    """The blocks of one file. Raises InputError with file and line."""
    return _Reader(_tokens(text, file), file).blocks()


def _tokens(text: str, file: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Place(file, line).error("holds a character that no Prisma schema has there", value=text[position])
        kind = match.lastgroup or ""
        if kind not in ("space", "comment"):
            tokens.append(_Token(kind, match[0], line))
        line += match[0].count("\n")
        position = match.end()
    return [*tokens, _Token("newline", "\n", line), _Token("end", "", line)]


class _Reader:
    """Reads blocks from tokens, one token of look-ahead."""

    def __init__(self, tokens: Sequence[_Token], file: str) -> None:
        self._tokens = tokens
        self._file = file
        self._at = 0

    def blocks(self) -> list[Block]:
        found = []
        while self._skip_newlines().kind != "end":
            found.append(self._block())
        return found

    # Tokens

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    @property
    def _place(self) -> Place:
        return Place(self._file, self._next.line)

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, mark: str) -> bool:
        return self._next.kind == "mark" and self._next.text == mark

    def _accept(self, mark: str) -> bool:
        if self._is(mark):
            self._at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._accept(mark):
            raise self._place.error(f"where {mark} must stand", value=self._shown())

    def _name(self, what: str) -> str:
        if self._next.kind != "name":
            raise self._place.error(f"where {what} must stand", value=self._shown())
        return self._take().text

    def _shown(self) -> str:
        return {"newline": "end of line", "end": "end of file"}.get(self._next.kind, self._next.text)

    def _skip_newlines(self) -> _Token:
        while self._next.kind == "newline":
            self._at += 1
        return self._next

    # Grammar

    def _block(self) -> Block:
        place = self._place
        kind = self._name("a block (model, enum, datasource, …)")
        if kind not in _BLOCKS:
            raise place.error(f"begins no block that is known: {', '.join(_BLOCKS)}", value=kind)
        name = self._name(f"the name of the {kind}")
        self._expect("{")
        fields: list[Field] = []
        attributes: list[Attribute] = []
        settings: list[Argument] = []
        while self._skip_newlines().kind != "end" and not self._is("}"):
            if self._is("@@"):
                attributes.append(self._attribute())
            elif kind in ("datasource", "generator"):
                key = self._name("a setting")
                self._expect("=")
                settings.append(Argument(key, self._expression()))
            else:
                fields.append(self._value() if kind == "enum" else self._field())
            self._end_of_line()
        self._expect("}")
        return Block(kind, name, tuple(fields), tuple(attributes), tuple(settings), place)

    def _end_of_line(self) -> None:
        if self._next.kind != "newline" and not self._is("}"):
            raise self._place.error("stands where the line must end", value=self._shown())

    def _value(self) -> Field:
        place = self._place
        return Field(self._name("a value"), "", "required", self._attributes(), place)

    def _field(self) -> Field:
        place = self._place
        name = self._name("a field")
        self._accept(":")  # the form of Prisma 1, which the grammar still takes
        type_ = self._name(f"the type of {name}")
        unsupported = None
        if type_ == "Unsupported" and self._accept("("):
            unsupported = self._string()
            self._expect(")")
        arity: Arity = "required"
        if self._accept("?"):
            arity = "optional"
        elif self._accept("["):
            self._expect("]")
            arity = "list"
            self._accept("?")
        return Field(name, type_, arity, self._attributes(), place, unsupported)

    def _attributes(self) -> tuple[Attribute, ...]:
        found = []
        while self._is("@"):
            found.append(self._attribute())
        return tuple(found)

    def _attribute(self) -> Attribute:
        place = self._place
        self._take()
        name = self._dotted("the name of an attribute")
        arguments = self._arguments() if self._accept("(") else ()
        return Attribute(name, arguments, place)

    def _dotted(self, what: str) -> str:
        parts = [self._name(what)]
        while self._accept("."):
            parts.append(self._name(what))
        return ".".join(parts)

    def _arguments(self) -> tuple[Argument, ...]:
        found: list[Argument] = []
        self._skip_newlines()
        while not self._is(")"):
            found.append(self._argument())
            self._skip_newlines()
            if not self._accept(","):
                break
            self._skip_newlines()
        self._expect(")")
        return tuple(found)

    def _argument(self) -> Argument:
        ahead = self._tokens[self._at + 1]
        if self._next.kind == "name" and ahead.kind == "mark" and ahead.text == ":":
            name = self._take().text
            self._take()
            self._skip_newlines()
            return Argument(name, self._expression())
        return Argument("", self._expression())

    def _expression(self) -> Literal_:
        token = self._next
        if token.kind == "string":
            return self._string()
        if token.kind == "number":
            return Number(self._take().text)
        if self._accept("["):
            return self._list()
        if self._accept("{"):
            return self._mapping()
        name = self._dotted("a value")
        if self._accept("("):
            return Call(name, self._arguments())
        return Word(name)

    def _list(self) -> tuple[Literal_, ...]:
        items: list[Literal_] = []
        self._skip_newlines()
        while not self._is("]"):
            items.append(self._expression())
            self._skip_newlines()
            self._accept(",")
            self._skip_newlines()
        self._expect("]")
        return tuple(items)

    def _mapping(self) -> tuple[Literal_, ...]:
        """`where: { deleted: null }`: kept as calls named as the keys."""
        items: list[Literal_] = []
        self._skip_newlines()
        while not self._is("}"):
            name = self._name("a field")
            self._expect(":")
            items.append(Call(name, (Argument("", self._expression()),)))
            self._skip_newlines()
            self._accept(",")
            self._skip_newlines()
        self._expect("}")
        return tuple(items)

    def _string(self) -> str:
        if self._next.kind != "string":
            raise self._place.error("where a text in double quotes must stand", value=self._shown())
        return _ESCAPE.sub(_unescaped, self._take().text[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    word = match[1]
    return chr(int(word[1:], 16)) if len(word) == 5 else _ESCAPES.get(word, word)
