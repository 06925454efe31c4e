"""Tables for terminals of any width: side by side where the columns fit, else row by row with each figure's name.

Rich breaks a long word anywhere. Here names are broken behind their `_`, `/`, `.` and `,` only, and where not even
that leaves room, a row becomes a line with its name and a paragraph with its figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Cell = str | Text

_PIECES = re.compile(r"[^_/.,\s]*[_/.,\s]*")
# In less room, names become columns of syllables.
_NAME_MIN = 18


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: figures stand on the right and stay in one piece, words on the left and wrap between words."""

    text: str
    is_figure: bool = True


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with a name, in column `name`. Where they do not fit, the first `heads` cells become a line of their own."""

    headings: Sequence[Heading]
    cells: Sequence[Sequence[Cell]]
    name: int = 0
    heads: int = 1
    gap: int = 2

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        # Narrow gaps read better than a row that is no row any more.
        for gap in (self.gap, 1):
            room = options.max_width - sum(self._least_widths()) - gap * (len(self.headings) - 1)
            if room >= min(_NAME_MIN, self._width_of(self.name)):
                yield self._side_by_side(max(room, 1), gap)
                return
        yield from self._row_by_row(options.max_width)

    def _least_widths(self) -> Iterator[int]:
        """Of all columns but the name: figures whole, and the longest word of the rest."""
        for place, heading in enumerate(self.headings):
            if place != self.name:
                yield self._width_of(place) if heading.is_figure else self._width_of(place, by_word=True)

    def _width_of(self, place: int, *, by_word: bool = False) -> int:
        lines = [line for row in self.cells for line in _plain(row[place]).split("\n")]
        lines += self.headings[place].text.split("\n")
        parts = [word for line in lines for word in line.split(" ")] if by_word else lines
        return max(map(len, parts), default=0)

    def _side_by_side(self, room: int, gap: int) -> Table:
        # The box itself draws one blank between columns.
        table = Table(
            box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0), header_style="bold"
        )
        for heading in self.headings:
            justify = "right" if heading.is_figure else "left"
            table.add_column(heading.text, justify=justify, no_wrap=heading.is_figure)  # type: ignore[arg-type]
        for row in self.cells:
            table.add_row(*(folded(cell, room) if place == self.name else cell for place, cell in enumerate(row)))
        return table

    def _row_by_row(self, width: int) -> Iterator[RenderableType]:
        labels = [" ".join(heading.text.split()).lower() for heading in self.headings[self.heads :]]
        for row in self.cells:
            yield Text("  ").join(_text(folded(cell, width)) for cell in row[: self.heads])
            figures = [
                Text(f"{label} ").append_text(_text(cell))
                for label, cell in zip(labels, row[self.heads :], strict=True)
            ]
            yield Padding(Text(", ").join(figures), (0, 0, 0, 4))


def folded(cell: Cell, width: int) -> Cell:
    """A name in lines of at most `width`, broken between its parts; a part that is longer still is broken anywhere."""
    if isinstance(cell, Text) or all(len(word) <= width for word in cell.split(" ")):
        return cell
    return "\n".join(_lines(_PIECES.findall(cell), width))


def _lines(pieces: Iterable[str], width: int) -> Iterator[str]:
    line = ""
    for piece in pieces:
        if len(line) + len(piece.rstrip()) > width and line:
            yield line.rstrip()
            line = ""
        line += piece
    if line:
        yield line.rstrip()


def _plain(cell: Cell) -> str:
    return cell.plain if isinstance(cell, Text) else cell


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)
