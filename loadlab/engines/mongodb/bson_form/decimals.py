"""Exact decimal numbers as IEEE 754-2008 decimal128 in its binary integer form.

High to low: a sign bit, 14 bits of exponent (biased by 6176), 113 bits of coefficient, whose greatest value is
10^34 - 1 (https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.mongodb.bson_form.value import DECIMAL128, Value
from loadlab.engines.packed_bytes import CannotEncodeError, cast

DIGITS = 34
_BIAS = 6176
_EXPONENT_SHIFT = np.uint64(49)
_SIGN = np.uint64(1 << 63)
_ARROW_DIGITS = 38  # of decimal128


def decimal(array: pa.Array) -> Value:
    """Of Arrow's decimal128: a signed number of 128 bits, little-endian, times ten to the power of minus its scale."""
    if not pa.types.is_decimal128(array.type):
        array = cast(array, pa.decimal128(_ARROW_DIGITS, array.type.scale))
    _require_room(array)
    words = np.frombuffer(array.buffers()[1], "<u8")[2 * array.offset : 2 * (array.offset + len(array))]
    low, high, negative = _magnitude(words[0::2], words[1::2])
    exponent = np.uint64(_BIAS - array.type.scale) << _EXPONENT_SHIFT
    return Value(DECIMAL128, [[("<u8", low), ("<u8", high | exponent | np.where(negative, _SIGN, np.uint64(0)))]])


def _magnitude(
    low: npt.NDArray[np.uint64], high: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """The two's complement of what is negative, and which those are."""
    negative = (high & _SIGN) != 0
    if not negative.any():
        return low, high, negative
    positive_low = np.where(negative, ~low + np.uint64(1), low)
    carry = (negative & (positive_low == 0)).astype(np.uint64)
    return positive_low, np.where(negative, ~high + carry, high), negative


def _require_room(array: pa.Array) -> None:
    if array.type.precision <= DIGITS or not len(array):
        return
    bounds = pc.min_max(array)
    for bound in (bounds["min"].as_py(), bounds["max"].as_py()):
        if bound is not None and len(bound.as_tuple().digits) > DIGITS:
            raise CannotEncodeError(f"{bound} has more than the {DIGITS} digits of a decimal128")
