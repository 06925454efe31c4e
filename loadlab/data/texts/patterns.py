"""Texts that match a regular expression, for all rows at once; distinct ones by unranking a bijection of the row.

The pattern's tree (`data.texts.regex`) becomes templates (`data.texts.templates`); a text is a template filled with one
character a place. For distinct texts the templates have no text in common, so the count of texts is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key
from loadlab.data.core.permutation import SIZE_MAX, permute_below
from loadlab.data.frame import Frame
from loadlab.data.texts.regex import Chars, Node, NoTextError, Parsed, Repeat, Sequence, UnsupportedPatternError, parse
from loadlab.data.texts.templates import Manner, Template, disjoint, folded, templates

__all__ = ["NoTextError", "PatternPiece", "UnsupportedPatternError", "like_pattern", "pattern_piece"]

# With so many texts there is room for any table; fewer, and every character and length of the pattern takes part.
_PLENTY = 2**36
# Rows are drawn by digits of 64-bit hashes; a hash serves until so much of it is used.
_HASH_SPENT = 2**32


@dataclass(frozen=True, slots=True)
class _Layout:
    """A template ready to be filled: code points of each place, shape (places, widest), and how many there are."""

    points: npt.NDArray[np.uint32]
    counts: tuple[int, ...]
    ranked: int
    """The last so many places count the rows; the others vary by hash."""

    @classmethod
    def of(cls, template: Template, most: int) -> _Layout:
        sets = ["".join(sorted(members)) for members in template]
        points = np.zeros((len(sets), max(map(len, sets), default=1)), dtype=np.uint32)
        for place, members in enumerate(sets):
            points[place, : len(members)] = [ord(character) for character in members]
        counts = tuple(map(len, sets))
        ranked, room = 0, 1
        while ranked < len(counts) and room * counts[-ranked - 1] <= most:
            room *= counts[-ranked - 1]
            ranked += 1
        return cls(points, counts, ranked)

    @property
    def capacity(self) -> int:
        return prod(self.counts[len(self.counts) - self.ranked :])

    def fill(self, key: int, rows: Int64s, index: Int64s | None) -> pa.Array:
        """The texts of the rows; `index` in [0, capacity) tells ranked rows apart."""
        length = len(self.counts)
        text = np.empty((len(rows), length), dtype=np.uint32 if self.points.max(initial=0) > 127 else np.uint8)
        rest = None if index is None else index.astype(np.uint64)
        bits, spent, draws = np.empty(0, dtype=np.uint64), _HASH_SPENT, 0
        for place in range(length - 1, -1, -1):
            count = self.counts[place]
            if count == 1:
                text[:, place] = self.points[place, 0]
                continue
            if rest is not None and place >= length - self.ranked:
                rest, digit = _divided(rest, count)
            else:
                if spent >= _HASH_SPENT:
                    bits, spent, draws = hash_rows(make_key(key, "draw", draws), rows), 1, draws + 1
                bits, digit = _divided(bits, count)
                spent *= count
            text[:, place] = self.points[place].astype(text.dtype)[digit]
        return _strings(text)


@dataclass(frozen=True, slots=True)
class PatternPiece:
    """Texts that match a pattern. `capacity` of them are distinct, and for distinct rows so many rows differ."""

    key: int
    layouts: tuple[_Layout, ...]
    distinct: bool
    capacity: int
    shortest: int
    longest: int

    def text(self, frame: Frame) -> pa.Array:
        return self.text_of(frame.rows)

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    def text_of(self, rows: Int64s) -> pa.Array:
        """The texts of the rows, shape (n,)."""
        which, index = self._choice(rows)
        if len(self.layouts) == 1:
            return self.layouts[0].fill(self.key, rows, index)
        order = np.argsort(which, kind="stable")
        ends = np.searchsorted(which[order], np.arange(len(self.layouts)), side="right")
        parts, start = [], 0
        for k, end in enumerate(ends.tolist()):
            here = order[start:end]
            parts.append(
                self.layouts[k].fill(make_key(self.key, k), rows[here], None if index is None else index[here])
            )
            start = end
        back = np.empty(len(rows), dtype=np.int64)
        back[order] = np.arange(len(rows))
        return pa.concat_arrays(parts).take(pa.array(back))

    def _choice(self, rows: Int64s) -> tuple[Int64s, Int64s | None]:
        """Which template each row takes, and for distinct rows its number within the template."""
        if not self.distinct:
            return below(hash_rows(make_key(self.key, "template"), rows), len(self.layouts)), None
        number = permute_below(rows, self.capacity, self.key)
        ends = np.cumsum([layout.capacity for layout in self.layouts], dtype=np.int64)
        which = np.searchsorted(ends, number, side="right").astype(np.int64)
        return which, number - np.concatenate(([0], ends[:-1]))[which]


def pattern_piece(
    pattern: str,
    key: int,
    *,
    ignore_case: bool = False,
    distinct: bool = False,
    distinct_ignoring_case: bool = False,
    length_min: int = 0,
    length_max: int | None = None,
) -> PatternPiece:
    """Texts of `length_min` to `length_max` characters that match an advanced regular expression of PostgreSQL.

    A pattern that is not anchored matches anywhere: the text is the match alone. With `distinct` the first `capacity`
    rows differ (`distinct_ignoring_case`: also after lower()). Raises UnsupportedPatternError when the pattern has
    what is not supported (back-references), NoTextError when no text of that length matches.
    """
    best = _best(pattern, ignore_case, distinct, distinct_ignoring_case, length_min, length_max)
    lengths = [len(layout.counts) for layout in best]
    return PatternPiece(key, best, distinct or distinct_ignoring_case, _capacity(best), min(lengths), max(lengths))


@lru_cache(maxsize=1024)
def _best(
    pattern: str,
    ignore_case: bool,
    distinct: bool,
    distinct_ignoring_case: bool,
    length_min: int,
    length_max: int | None,
) -> tuple[_Layout, ...]:
    """The layouts of the pleasantest texts, or of the most where they have to differ; tables ask for the same ones."""
    parsed = parse(pattern, ignore_case=ignore_case)
    best: list[_Layout] = []
    for node, manner in _attempts(parsed.node, distinct, length_min, length_max):
        found = templates(Parsed(node, parsed.universe, parsed.ignore_case), manner)
        found = [t for t in found if length_min <= len(t) and (length_max is None or len(t) <= length_max)]
        layouts = _layouts(found, distinct, distinct_ignoring_case)
        if _capacity(layouts) > _capacity(best):
            best = layouts
        if layouts and (not distinct or _capacity(layouts) >= _PLENTY):
            break
    if not best:
        span = f"{length_min} to {length_max}" if length_max is not None else f"at least {length_min}"
        raise NoTextError(f"no text of {span} characters is known to match {pattern}")
    return tuple(best)


def _attempts(node: Node, distinct: bool, length_min: int, length_max: int | None) -> list[tuple[Node, Manner]]:
    """Ways to make texts, the pleasant ones first; where the pattern leaves an end open, letters may be there."""
    extent = 10 if distinct else 7
    longer = max(12, length_min)
    letters = Repeat(Chars(frozenset("abcdefghijklmnopqrstuvwxyz")), 0, None)
    open_ended, open_start = Sequence((node, letters)), Sequence((letters, node))
    ways = [
        (node, Manner(True, 4, extent)),
        (node, Manner(True, length_min, longer)),
        (node, Manner(False, 0, longer)),
        (node, Manner(False, 0, 0)),
        (open_ended, Manner(True, length_min, longer)),
        (open_ended, Manner(False, 0, longer)),
        (open_start, Manner(True, length_min, longer)),
        (open_start, Manner(False, 0, longer)),
    ]
    if length_max is not None:
        tight = max(length_max // 3, 1)
        ways[2:2] = [
            (node, Manner(True, 1, tight)),
            (node, Manner(False, 0, tight)),
            (node, Manner(False, 0, length_max)),
        ]
    return ways


def _layouts(found: list[Template], distinct: bool, ignoring_case: bool) -> list[_Layout]:
    if not (distinct or ignoring_case):
        return [_Layout.of(template, 0) for template in found]
    if ignoring_case:
        found = [tuple(folded(members) for members in template) for template in found]
    kept: list[Template] = []
    for template in sorted(found, key=lambda template: -prod(map(len, template))):
        if all(disjoint(template, other, ignoring_case=ignoring_case) for other in kept):
            kept.append(template)
    return [_Layout.of(template, SIZE_MAX // max(len(kept), 1)) for template in kept]


def _capacity(layouts: list[_Layout] | tuple[_Layout, ...]) -> int:
    """Distinct texts: exact for ranked layouts, otherwise their count as if each place were free, up to 2**62."""
    return min(sum(layout.capacity if layout.ranked else prod(layout.counts) for layout in layouts), SIZE_MAX)


def like_pattern(like: str, escape: str = "\\") -> str:
    """The regular expression of a LIKE pattern: `%` any characters, `_` one; `escape` takes away their meaning."""
    parts, position = [], 0
    while position < len(like):
        character = like[position]
        if escape and character == escape and position + 1 < len(like):
            position += 1
            parts.append(_quoted(like[position]))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or _quoted(character))
        position += 1
    return "^" + "".join(parts) + "$"


def _quoted(character: str) -> str:
    return "\\" + character if character in r".[]{}()*+?^$|\\" else character


def _divided(values: npt.NDArray[np.uint64], divisor: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Quotient and remainder; a multiplication is cheaper than a second division."""
    quotient = values // np.uint64(divisor)
    return quotient, (values - quotient * np.uint64(divisor)).view(np.int64)


def _strings(text: npt.NDArray[np.uint32] | npt.NDArray[np.uint8]) -> pa.Array:
    """Strings of equal length from code points; shape (n, length) → (n,)."""
    rows, length = text.shape
    if length == 0:
        return pa.repeat(pa.scalar("", pa.string()), rows)
    if text.dtype == np.uint32:
        return pa.array(text.view(f"<U{length}")[:, 0].tolist(), pa.string())
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(length)
    return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(text)])
