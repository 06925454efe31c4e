"""PostgreSQL's regular expressions (ARE) as a tree, as far as texts can be made from them.

The tree is over a universe of characters: printable ASCII and what the pattern itself names. Texts are made of these
alone, so a negated class is exact for every text that is ever made.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Literal

from loadlab.errors import LoadLabError

PRINTABLE = frozenset(chr(code) for code in range(0x20, 0x7F))
WORD = frozenset(string.ascii_letters + string.digits + "_")
_DIGITS = frozenset(string.digits)
_SPACE = frozenset(" \t\n\r\f\v")
_CLASSES: dict[str, frozenset[str]] = {
    "alnum": frozenset(string.ascii_letters + string.digits),
    "alpha": frozenset(string.ascii_letters),
    "ascii": PRINTABLE,
    "blank": frozenset(" \t"),
    "cntrl": frozenset("\t\n\r"),
    "digit": _DIGITS,
    "graph": PRINTABLE - {" "},
    "lower": frozenset(string.ascii_lowercase),
    "print": PRINTABLE,
    "punct": frozenset(string.punctuation),
    "space": _SPACE,
    "upper": frozenset(string.ascii_uppercase),
    "word": WORD,
    "xdigit": frozenset(string.hexdigits),
}
_SHORTHANDS = {"d": _DIGITS, "s": _SPACE, "w": WORD}
_ESCAPES = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "B": "\\"}
_EDGES: dict[str, Edge] = {"A": "start", "Z": "end", "m": "word_start", "M": "word_end", "y": "word_edge"}
# Of a long range beyond ASCII (all of CJK, say) so many characters take part.
_RANGE_MAX = 96
# PostgreSQL's own limit of a bounded repeat.
_REPEAT_MAX = 255

Edge = Literal["start", "end", "word_start", "word_end", "word_edge", "no_word_edge"]


class UnsupportedPatternError(LoadLabError):
    """A pattern from which no texts can be made; the message says what stands in the way."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoTextError(UnsupportedPatternError):
    """A pattern that is understood, of which no text has the length that is asked for."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set; `negated` sets are completed when the universe is known."""

    members: frozenset[str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class At:
    """A place without width: an end of the text or of a word."""

    edge: Edge


@dataclass(frozen=True, slots=True)
class Sequence:
    """Nodes one after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of the branches."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`least` to `most` times (None: without end)."""

    item: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """What follows (or went before) must, or must not, match."""

    item: Node
    behind: bool
    negated: bool


Node = Chars | At | Sequence | Either | Repeat | Look


@dataclass(frozen=True, slots=True)
class Parsed:
    """A pattern's tree, the characters that texts are made of, and whether the pattern ignores case."""

    node: Node
    universe: frozenset[str]
    ignore_case: bool


def parse(pattern: str, *, ignore_case: bool = False) -> Parsed:
    """Raises UnsupportedPatternError for syntax that is no regular expression, or that nothing is made from."""
    reader = _Reader(pattern, ignore_case)
    node = reader.read_all()
    return Parsed(node, PRINTABLE | frozenset(reader.named), reader.ignore_case)


class _Reader:
    """A recursive descent over the pattern's text."""

    def __init__(self, pattern: str, ignore_case: bool) -> None:
        self._text = pattern
        self._at = 0
        self.ignore_case = ignore_case
        self.named: set[str] = set()

    def read_all(self) -> Node:
        if self._text.startswith("***="):
            self._at = 4
            literal = [self._literal(character) for character in self._text[4:]]
            return Sequence(tuple(literal))
        self._skip("***:")
        self._options()
        node = self._either()
        if self._at < len(self._text):
            raise self._error("has a parenthesis too many")
        return node

    # -- the grammar, outermost first

    def _options(self) -> None:
        if not self._text.startswith("(?", self._at):
            return
        end = self._text.find(")", self._at)
        letters = self._text[self._at + 2 : end] if end > 0 else ""
        if not letters.isalpha():
            return
        for letter in letters:
            if letter not in "ics":
                raise UnsupportedPatternError(f"the option (?{letter}) is not supported")
            if letter in "ic":
                self.ignore_case = letter == "i"
        self._at = end + 1

    def _either(self) -> Node:
        branches = [self._sequence()]
        while self._skip("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            items.append(self._repeated(self._atom()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _repeated(self, atom: Node) -> Node:
        bounds: tuple[int, int | None] | None = None
        if self._skip("*"):
            bounds = (0, None)
        elif self._skip("+"):
            bounds = (1, None)
        elif self._skip("?"):
            bounds = (0, 1)
        elif self._peek() == "{" and self._text[self._at + 1 : self._at + 2].isdigit():
            bounds = self._bounds()
        if bounds is None:
            return atom
        # Greedy or not is a matter of what a search reports, not of what matches.
        self._skip("?")
        if isinstance(atom, (At, Look)):
            raise self._error("repeats something without width")
        return Repeat(atom, *bounds)

    def _bounds(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : end].partition(",") if end > 0 else ("", "", "")
        if not low.isdigit() or (high and not high.isdigit()):
            raise self._error("has a repeat that is not {m}, {m,} or {m,n}")
        self._at = end + 1
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > _REPEAT_MAX or (most is not None and most < least):
            raise self._error(f"has a repeat beyond {_REPEAT_MAX} or below its start")
        return least, most

    def _atom(self) -> Node:
        character = self._text[self._at]
        self._at += 1
        if character == "(":
            return self._group()
        if character == "[":
            return self._bracket()
        if character == "\\":
            return self._escape()
        if character == ".":
            return Chars(frozenset(), negated=True)
        if character in "^$":
            return At("start" if character == "^" else "end")
        if character in "*+?":
            raise self._error("repeats nothing")
        return self._literal(character)

    def _group(self) -> Node:
        look: tuple[bool, bool] | None = None
        for mark, meaning in _LOOKS.items():
            if self._skip(mark):
                look = meaning
                break
        else:
            if not self._skip("?:") and self._peek() == "?":
                raise self._error("has a group (?…) that is not supported")
        node = self._either()
        if not self._skip(")"):
            raise self._error("lacks a closing parenthesis")
        return node if look is None else Look(node, *look)

    # -- characters

    def _literal(self, character: str) -> Chars:
        self.named.add(character)
        return Chars(frozenset(character))

    def _escape(self) -> Node:
        if self._at >= len(self._text):
            raise self._error("ends in a backslash")
        character = self._text[self._at]
        if character in _EDGES:
            self._at += 1
            return At(_EDGES[character])
        if character == "Y":
            self._at += 1
            return At("no_word_edge")
        if character.lower() in _SHORTHANDS:
            self._at += 1
            return Chars(_SHORTHANDS[character.lower()], negated=character.isupper())
        if character in "123456789":
            raise UnsupportedPatternError("back-references are not supported")
        return self._literal(self._escaped())

    def _escaped(self) -> str:
        """The character of an escape that stands for one; the backslash is read."""
        character = self._text[self._at]
        self._at += 1
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character in "uUx":
            width = {"u": 4, "U": 8, "x": 8}[character]
            digits = ""
            while len(digits) < width and self._peek() in string.hexdigits and self._peek():
                digits += self._text[self._at]
                self._at += 1
            if not digits or (character != "x" and len(digits) != width) or int(digits, 16) > 0x10FFFF:
                raise self._error("has an escape that is no character")
            return chr(int(digits, 16))
        if character.isalnum():
            raise self._error(f"has the unknown escape \\{character}")
        return character

    def _bracket(self) -> Node:
        for mark, edge in (("[:<:]]", "word_start"), ("[:>:]]", "word_end")):
            if self._skip(mark):
                return At("word_start" if edge == "word_start" else "word_end")
        negated = self._skip("^")
        members: set[str] = set()
        first = True
        while first or self._peek() != "]":
            if not self._peek():
                raise self._error("lacks a closing bracket")
            first = False
            low = self._member()
            if isinstance(low, frozenset):
                members |= low
                continue
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._member()
                if isinstance(high, frozenset) or high < low:
                    raise self._error("has a range that ends before it starts")
                members |= self._range(low, high)
            else:
                members.add(low)
        self._at += 1
        self.named |= members
        return Chars(frozenset(members), negated)

    def _member(self) -> str | frozenset[str]:
        """A character of a bracket, or a class of them."""
        for opening, closing in (("[:", ":]"), ("[.", ".]"), ("[=", "=]")):
            if not self._skip(opening):
                continue
            end = self._text.find(closing, self._at)
            name = self._text[self._at : end] if end > 0 else ""
            self._at = end + 2
            if opening == "[:" and name in _CLASSES:
                return _CLASSES[name]
            if opening != "[:" and len(name) == 1:
                return name
            raise self._error(f"has the unknown class {opening}{name}{closing}")
        character = self._text[self._at]
        self._at += 1
        if character != "\\":
            return character
        following = self._peek()
        if following in _SHORTHANDS:
            self._at += 1
            return _SHORTHANDS[following]
        if not following or following in "DSW":
            raise self._error("has a negated class within brackets")
        return self._escaped()

    def _range(self, low: str, high: str) -> frozenset[str]:
        codes = range(ord(low), ord(high) + 1)
        wide = [chr(code) for code in codes if code < 0x7F]
        beyond = (chr(code) for code in codes if code >= 0x7F and not 0xD800 <= code < 0xE000)
        for character in beyond:
            if len(wide) >= _RANGE_MAX + 0x7F:
                break
            if character.isalnum() or character in (low, high):
                wide.append(character)
        return frozenset(wide)

    # -- the text

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, mark: str) -> bool:
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _error(self, what: str) -> UnsupportedPatternError:
        return UnsupportedPatternError(f"the pattern {what} (at character {self._at})")


_LOOKS = {"?=": (False, False), "?!": (False, True), "?<=": (True, False), "?<!": (True, True)}
