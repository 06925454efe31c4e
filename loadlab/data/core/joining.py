"""Texts put together row by row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Part: TypeAlias = Any
"""A `str`, the same text in every row, or a `pa.Array` of texts, shape (rows,)."""


NULL = pa.scalar(None, pa.string())


@lru_cache(maxsize=4096)
def constant(text: str) -> pa.Scalar:
    """An Arrow text. Without its type Arrow infers it each time, which takes longer than joining a thousand rows."""
    return pa.scalar(text, pa.string())


def join_texts(parts: Sequence[Part], rows: int, separator: str = "") -> pa.Array:
    """The parts of each row, one behind the other; NULL where one is. Shape (rows,).

    A constant costs nothing a row, and neighbouring ones are made one.
    """
    pieces: list[Part] = []
    for part in parts:
        if not separator and pieces and isinstance(part, str) and isinstance(pieces[-1], str):
            pieces[-1] += part
        else:
            pieces.append(part)
    if len(pieces) == 1 and not isinstance(pieces[0], str):
        return pieces[0]
    if all(isinstance(piece, str) for piece in pieces):
        return pa.repeat(constant(separator.join(pieces)), rows)
    values = [constant(piece) if isinstance(piece, str) else piece for piece in pieces]
    return pc.binary_join_element_wise(*values, constant(separator))
