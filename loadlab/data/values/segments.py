"""Texts of several parts, some of which are other columns of the row: a path that begins with its owner's id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells
from loadlab.data.frame import Frame, Generator

_FILLING = "part"


@dataclass(frozen=True, slots=True)
class Part:
    """The part `number` (from 1) between separators is the column `other`."""

    separator: str
    number: int
    other: str


@dataclass(frozen=True, slots=True)
class Segmented:
    """Another generator's texts with some of their parts from other columns; as they are where one of those is NULL.

    With `before` a first part is put before the whole text, which stays distinct.
    """

    inner: Generator
    parts: tuple[Part, ...]
    length: int | None
    before: bool

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        texts = pa.array(cells.values).to_pylist()
        for part in self.parts:
            theirs = _texts(frame.cells(part.other))
            texts = [
                text if text is None or other is None else self._with_part(text, part, other)
                for text, other in zip(texts, theirs, strict=True)
            ]
        return Cells(pa.array([text and text[: self.length] for text in texts], pa.string()), cells.valid)

    def _with_part(self, text: str, part: Part, other: str) -> str:
        found = text.split(part.separator)
        if part.number == 1 and (self.before or len(found) == 1):
            return f"{other}{part.separator}{text}"
        found += [_FILLING] * (part.number - len(found))
        found[part.number - 1] = other
        return part.separator.join(found)


def _texts(cells: Cells) -> list[str | None]:
    """The texts that the server casts a column's values to: of texts, UUIDs and whole numbers."""
    values = cells.values
    found: list[str | None]
    if isinstance(values, np.ndarray):
        found = [_uuid(row) for row in values] if values.ndim == 2 else [str(value) for value in values.tolist()]
    else:
        found = values.to_pylist()
    return found if cells.valid is None else [text if ok else None for text, ok in zip(found, cells.valid, strict=True)]


def _uuid(octets: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> str:
    text = octets.tobytes().hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
