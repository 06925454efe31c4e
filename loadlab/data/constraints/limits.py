"""Which of the values that are there already the facts of a column let pass: those of keys that are referenced."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.constraints.facts import ColumnFacts

Passes = npt.NDArray[np.bool_]


def has_limits(facts: ColumnFacts) -> bool:
    """Whether anything is said of the values that `fitting` looks at."""
    return bool(facts.allowed is not None or facts.excluded or facts.low is not None or facts.high is not None)


def fitting(values: pa.Array, facts: ColumnFacts) -> Passes:
    """Where a value is one of those listed and none of those excluded, and within numeric bounds; shape of `values`.

    NULL passes as in a CHECK.
    """
    texts = _texts(values)
    passes = np.ones(len(values), dtype=np.bool_)
    if facts.allowed is not None:
        passes &= _is_in(texts, facts.allowed)
    if facts.excluded:
        passes &= ~_is_in(texts, facts.excluded)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        if facts.low is not None:
            passes &= (numbers > facts.low) if facts.low_strict else (numbers >= facts.low)
        if facts.high is not None:
            passes &= (numbers < facts.high) if facts.high_strict else (numbers <= facts.high)
    passes |= values.is_null().to_numpy(zero_copy_only=False)
    return passes


def _texts(values: pa.Array) -> pa.Array:
    if pa.types.is_fixed_size_binary(values.type):
        return pa.array(
            [None if value is None else str(UUID(bytes=value)) for value in values.to_pylist()], pa.string()
        )
    return values.cast(pa.string())


def _is_in(texts: pa.Array, listed: tuple[object, ...]) -> Passes:
    found = pc.is_in(texts, value_set=pa.array([str(value) for value in listed], pa.string()))
    passes: Passes = found.to_numpy(zero_copy_only=False)
    return passes
