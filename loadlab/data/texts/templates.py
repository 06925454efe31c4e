"""From a regular expression's tree to templates: sequences of characters' sets, each row of texts being one of them.

A template has a fixed length and a set of characters at every place, so the texts of one template are counted by a
product, and two templates have no text in common when their lengths differ or some place has nothing in common.
That makes capacities exact: no text is counted twice, whatever the pattern's own ambiguity.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

from loadlab.data.texts.regex import (
    WORD,
    At,
    Chars,
    Either,
    Look,
    Node,
    Parsed,
    Repeat,
    Sequence,
    UnsupportedPatternError,
)

TEMPLATES_MAX = 128
_LOOK_MAX = 4096
_LOWER = frozenset(string.ascii_lowercase)
_UPPER = frozenset(string.ascii_uppercase)
_DIGITS = frozenset(string.digits)
_ALNUM = _LOWER | _UPPER | _DIGITS
_VOWELS = frozenset("aeiou")
_CONSONANTS = _LOWER - _VOWELS - set("qxy")
_PLAIN = frozenset(chr(code) for code in range(0x21, 0x7F))


@dataclass(frozen=True, slots=True)
class Manner:
    """How choices are made: pleasant characters only, and repeats of about `start` to `extent` times."""

    pleasant: bool
    start: int
    extent: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A place of a text: what may stand there by the pattern, and what is drawn there."""

    allowed: frozenset[str]
    drawn: frozenset[str]

    def within(self, members: frozenset[str]) -> Slot | None:
        """Narrowed to the members; None when nothing is left."""
        allowed = self.allowed & members
        return Slot(allowed, self.drawn & members or likeable(allowed)) if allowed else None


Item = Slot | At | Look
_T = TypeVar("_T")
Template = tuple[frozenset[str], ...]


def templates(parsed: Parsed, manner: Manner) -> list[Template]:
    """The templates that a manner of choosing yields, without duplicates; empty when no text matches."""
    expansion = _Expansion(parsed, manner)
    found: dict[Template, None] = {}
    for items in expansion.options(parsed.node):
        slots = _settled(items, expansion)
        if slots is not None:
            found[_trimmed(slots)] = None
    return list(found)


def likeable(members: frozenset[str]) -> frozenset[str]:
    """The pleasant ones: a single case, letters and digits before signs, no blank."""
    letters = members & _ALNUM
    if not letters:
        plain = members & _PLAIN or members & {" "} or members
        return frozenset(plain)
    if letters & _LOWER and letters & _UPPER:
        letters -= _UPPER
    if len(members) > len(_ALNUM) and letters >= _LOWER:
        letters &= _LOWER
    return letters


def folded(members: frozenset[str]) -> frozenset[str]:
    """One of each pair of cases."""
    return frozenset(c for c in members if c == c.lower() or c.lower() not in members)


def disjoint(one: Template, other: Template, *, ignoring_case: bool) -> bool:
    """Whether no text is of both templates."""
    if len(one) != len(other):
        return True
    fold: Callable[[frozenset[str]], frozenset[str]] = _lowered if ignoring_case else frozenset
    return any(not fold(a) & fold(b) for a, b in zip(one, other, strict=True))


def _lowered(members: frozenset[str]) -> frozenset[str]:
    return frozenset(c.lower() for c in members)


def _trimmed(slots: list[Slot]) -> Template:
    """No blank at either end where there is a choice, so that a trimmed text is the same text."""
    sets = [slot.drawn for slot in slots]
    for end in (0, -1):
        if sets:
            sets[end] = sets[end] - {" "} or sets[end]
    return tuple(sets)


@dataclass(frozen=True, slots=True)
class _Expansion:
    """All that a node can become. Without a manner, completely: every character and every length up to `limit`."""

    parsed: Parsed
    manner: Manner | None
    limit: int = 0

    def options(self, node: Node) -> list[tuple[Item, ...]]:
        match node:
            case Chars():
                slot = self._slot(node)
                return [(slot,)] if slot.allowed else []
            case At() | Look():
                return [(node,)]
            case Either():
                return self._kept([option for branch in node.branches for option in self.options(branch)])
            case Sequence():
                return self._joined([self.options(item) for item in node.items])
            case Repeat():
                return self._repeated(node)

    def _slot(self, node: Chars) -> Slot:
        members = node.members
        if self.parsed.ignore_case:
            members = members | {case for c in members for case in (c.lower(), c.upper()) if len(case) == 1}
        allowed = self.parsed.universe - members if node.negated else members
        if self.manner is None:
            return Slot(allowed, allowed)
        written = allowed if node.negated else node.members
        if self.manner.pleasant or len(written) == 1:
            return Slot(allowed, likeable(written))
        return Slot(allowed, written & _PLAIN or written)

    def _repeated(self, node: Repeat) -> list[tuple[Item, ...]]:
        item = self.options(node.item)
        found: list[tuple[Item, ...]] = []
        for count in self._counts(node, item):
            if count and not item:
                continue
            word = self._word(node, item)
            found += self._joined([word[k % 2] for k in range(count)] if word else [item] * count)
        return self._kept(found)

    def _counts(self, node: Repeat, item: list[tuple[Item, ...]]) -> list[int]:
        least, most = node.least, node.most
        if self.manner is None:
            return list(range(least, min(self.limit, least + self.limit if most is None else most) + 1))
        if not isinstance(node.item, Chars):
            return list(range(least, min(least + 1, least + 1 if most is None else most) + 1))
        if self.manner.pleasant and item and not any(c.isalnum() for c in _drawn(item[0])) and most != 1:
            return [least]
        top = max(least, self.manner.extent) if most is None else min(most, max(least, self.manner.extent))
        low = min(top, max(least, self.manner.start)) if self.manner.pleasant and top - least > 3 else least
        return _thinned(list(range(low, top + 1)), 3 if self.manner.pleasant and top - low > 3 else 16)

    def _word(self, node: Repeat, item: list[tuple[Item, ...]]) -> list[list[tuple[Item, ...]]]:
        """Consonants and vowels in turn where a word of lower-case letters may stand."""
        if self.manner is None or not self.manner.pleasant or node.most == node.least:
            return []
        slot = item[0][0] if isinstance(node.item, Chars) and item else None
        if not isinstance(slot, Slot) or not slot.drawn >= _LOWER:
            return []
        return [[(replace(slot, drawn=_CONSONANTS),)], [(replace(slot, drawn=_VOWELS),)]]

    def _joined(self, lists: list[list[tuple[Item, ...]]]) -> list[tuple[Item, ...]]:
        lists = [list(options) for options in lists]
        most = self._most
        while _combinations(lists) > most:
            if self.manner is None:
                raise UnsupportedPatternError("a look-around has too many cases")
            widest = max(lists, key=len)
            del widest[len(widest) // 2]
        return [tuple(item for part in parts for item in part) for parts in product(*lists)]

    def _kept(self, options: list[tuple[Item, ...]]) -> list[tuple[Item, ...]]:
        options = list(dict.fromkeys(options))
        if self.manner is None and len(options) > self._most:
            raise UnsupportedPatternError("a look-around has too many cases")
        return _thinned(options, self._most)

    @property
    def _most(self) -> int:
        return TEMPLATES_MAX if self.manner is not None else _LOOK_MAX


def _combinations(lists: list[list[tuple[Item, ...]]]) -> int:
    count = 1
    for options in lists:
        count *= len(options)
    return count


def _thinned(values: list[_T], most: int) -> list[_T]:
    """At most so many, evenly spread, the first and the last among them."""
    if len(values) <= most:
        return values
    return [values[round(k * (len(values) - 1) / (most - 1))] for k in range(most)]


def _drawn(items: Iterable[Item]) -> frozenset[str]:
    return frozenset().union(*(item.drawn for item in items if isinstance(item, Slot)))


# -- places without width --------------------------------------------------------------------------------------------


def _settled(items: tuple[Item, ...], expansion: _Expansion) -> list[Slot] | None:
    """The slots after every edge and look-around has narrowed them; None when one cannot hold."""
    slots = [item for item in items if isinstance(item, Slot)]
    marks: list[tuple[int, At | Look]] = []
    position = 0
    for item in items:
        if isinstance(item, Slot):
            position += 1
        else:
            marks.append((position, item))
    # What excludes comes last: what narrows may choose other characters for a place.
    marks.sort(key=lambda mark: isinstance(mark[1], Look) + (isinstance(mark[1], Look) and mark[1].negated))
    for place, mark in marks:
        settled = _edge(slots, place, mark) if isinstance(mark, At) else _look(slots, place, mark, expansion)
        if settled is None:
            return None
        slots = settled
    return slots


def _edge(slots: list[Slot], place: int, mark: At) -> list[Slot] | None:
    if mark.edge == "start":
        return slots if place == 0 else None
    if mark.edge == "end":
        return slots if place == len(slots) else None
    wanted = {
        "word_start": ((False, True),),
        "word_end": ((True, False),),
        "word_edge": ((False, True), (True, False)),
        "no_word_edge": ((True, True), (False, False)),
    }[mark.edge]
    for before, after in wanted:
        settled = _beside(slots, place - 1, before)
        settled = None if settled is None else _beside(settled, place, after)
        if settled is not None:
            return settled
    return None


def _beside(slots: list[Slot], place: int, is_word: bool) -> list[Slot] | None:
    if not 0 <= place < len(slots):
        return None if is_word else slots
    slot = slots[place]
    return _with(slots, place, slot.within(slot.allowed & WORD if is_word else slot.allowed - WORD))


def _with(slots: list[Slot], place: int, slot: Slot | None) -> list[Slot] | None:
    return None if slot is None else [*slots[:place], slot, *slots[place + 1 :]]


def _look(slots: list[Slot], place: int, mark: Look, expansion: _Expansion) -> list[Slot] | None:
    room = place if mark.behind else len(slots) - place
    complete = _Expansion(expansion.parsed, None, room)
    overlays = list(_overlays(complete.options(mark.item), len(slots), place, mark))
    if not mark.negated:
        return next((fit for overlay in overlays if (fit := _narrowed(slots, overlay)) is not None), None)
    found: list[Slot] | None = slots
    for overlay in overlays:
        found = None if found is None else _excluded(found, overlay)
    return found


def _overlays(
    options: list[tuple[Item, ...]], length: int, place: int, mark: Look
) -> Iterator[list[tuple[int, frozenset[str]]]]:
    """Each way to match as (place, characters); those that do not fit into the text cannot match."""
    for items in options:
        width = sum(isinstance(item, Slot) for item in items)
        at = place - width if mark.behind else place
        if at < 0 or at + width > length:
            continue
        overlay: list[tuple[int, frozenset[str]]] = []
        fits = True
        for item in items:
            if isinstance(item, Slot):
                overlay.append((at, item.allowed))
                at += 1
            elif isinstance(item, At) and item.edge in ("start", "end"):
                fits = fits and at == (0 if item.edge == "start" else length)
            else:
                raise UnsupportedPatternError("a look-around within a look-around is not supported")
        if fits:
            yield overlay


def _narrowed(slots: list[Slot], overlay: list[tuple[int, frozenset[str]]]) -> list[Slot] | None:
    found: list[Slot] | None = slots
    for place, members in overlay:
        found = None if found is None else _with(found, place, found[place].within(members))
    return found


def _excluded(slots: list[Slot], overlay: list[tuple[int, frozenset[str]]]) -> list[Slot] | None:
    """No text of the slots matches the overlay: some place draws nothing that it wants."""
    if any(not slots[place].drawn & members for place, members in overlay):
        return slots
    # The place that has most left gives way, so that few texts are lost.
    place, members = max(overlay, key=lambda item: len(slots[item[0]].drawn - item[1]), default=(-1, frozenset()))
    if place < 0:
        return None
    slot = slots[place]
    drawn = slot.drawn - members or likeable(slot.allowed - members)
    return _with(slots, place, Slot(slot.allowed - members, drawn)) if drawn else None
