"""Whole documents of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.engines.mongodb.bson_form.nested import Part, elements
from loadlab.engines.mongodb.bson_form.value import enclosed, packed
from loadlab.engines.mongodb.bson_form.values import value
from loadlab.engines.packed_bytes import CannotEncodeError, data, offsets


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents one behind the other in `data`; the k-th is `data[starts[k]:starts[k + 1]]`."""

    data: memoryview
    starts: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.starts) - 1


def documents(parts: Sequence[Part], rows: int) -> Documents:
    """A document of every row. Raises CannotEncodeError naming the element."""
    pieces = []
    for part in parts:
        try:
            pieces += elements([part], value)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise CannotEncodeError(f"{part[0]}: {error}") from error
    made = packed(enclosed(pieces, rows), rows)
    starts = offsets(made)
    return Documents(data(made), starts - starts[0])
