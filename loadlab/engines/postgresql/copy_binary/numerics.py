"""Exact decimal numbers: numeric and money."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.engines.packed_bytes import Body, CannotEncodeError, Field

_NUMERIC_NEGATIVE = 0x4000
_NUMERIC_BASE_DIGITS = 4  # decimal digits in one digit of base 10,000
_CENTS = pa.decimal128(38, 2)


def _numeric(array: pa.Array) -> Body:
    """numeric: 16-bit counts of digits, weight of the first, sign, display scale; then the digits in base 10,000.

    Every value of the column gets as many digits as the type's precision can need: the server takes the leading and
    trailing zeros away (numeric_recv → make_result in its utils/adt/numeric.c).
    """
    if not pa.types.is_decimal128(array.type):
        array = array.cast(pa.decimal128(19, 0) if pa.types.is_integer(array.type) else pa.decimal128(38, 9))
    precision, scale = array.type.precision, array.type.scale
    if scale < 0:
        array = array.cast(pa.decimal128(min(38, precision - scale), 0))
        precision, scale = array.type.precision, 0
    fraction = -(-scale // _NUMERIC_BASE_DIGITS)
    whole = max(0, -(-(precision - scale) // _NUMERIC_BASE_DIGITS))
    negative, digits = _base_10000(array, whole + fraction, fraction * _NUMERIC_BASE_DIGITS - scale)
    sign = negative.astype(np.uint16) * _NUMERIC_NEGATIVE if negative.any() else 0
    head: list[Field] = [(">i2", whole + fraction), (">i2", whole - 1), (">u2", sign), (">u2", scale)]
    return Body(head + [(">i2", digit) for digit in digits])


def _base_10000(
    array: pa.Array, count: int, padding: int
) -> tuple[npt.NDArray[np.bool_], list[npt.NDArray[np.uint64]]]:
    """Which values are negative, and `count` digits in base 10,000, first digit first, of |value| * 10^padding."""
    words = np.frombuffer(array.buffers()[1], "<u8").reshape(-1, 2)[array.offset : array.offset + len(array)]
    negative = words[:, 1] >= np.uint64(1 << 63)
    if array.type.precision <= 18:
        limbs = [np.abs(words[:, 0].view(np.int64)).view(np.uint64)]
    else:
        limbs = _magnitude(words, negative)
    digits: list[npt.NDArray[np.uint64]] = []
    for position in range(count):
        divisor = 10 ** (_NUMERIC_BASE_DIGITS - padding) if position == 0 else 10**_NUMERIC_BASE_DIGITS
        limbs, digit = _divide(limbs, np.uint64(divisor))
        digits.append(digit * np.uint64(10**padding) if position == 0 and padding else digit)
    return negative, digits[::-1]


def _magnitude(words: npt.NDArray[np.uint64], negative: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.uint64]]:
    """|value| of 128-bit two's complement as four limbs of 32 bits, most significant first."""
    low = np.where(negative, ~words[:, 0] + np.uint64(1), words[:, 0])
    carry = (negative & (words[:, 0] == 0)).astype(np.uint64)
    high = np.where(negative, ~words[:, 1] + carry, words[:, 1])
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    return [high >> half, high & mask, low >> half, low & mask]


def _divide(
    limbs: list[npt.NDArray[np.uint64]], divisor: np.uint64
) -> tuple[list[npt.NDArray[np.uint64]], npt.NDArray[np.uint64]]:
    """Quotient and remainder by long division over the limbs; one limb may hold 64 bits, several hold 32 each."""
    quotients = [limbs[0] // divisor]
    remainder = limbs[0] - quotients[0] * divisor
    for limb in limbs[1:]:
        value = (remainder << np.uint64(32)) | limb
        quotients.append(value // divisor)
        remainder = value - quotients[-1] * divisor
    return quotients, remainder


def _money(array: pa.Array) -> Body:
    """Whole cents in 64 bits."""
    if array.type != _CENTS:
        array = array.cast(_CENTS)
    words = np.frombuffer(array.buffers()[1], "<i8").reshape(-1, 2)[array.offset : array.offset + len(array)]
    present = True if not array.null_count else array.is_valid().to_numpy(zero_copy_only=False)
    if ((words[:, 0] >> 63 != words[:, 1]) & present).any():
        raise CannotEncodeError("has an amount of money beyond 64 bits of cents")
    return Body([(">i8", words[:, 0])])


BODIES: dict[str, Callable[[pa.Array], Body]] = {"numeric": _numeric, "money": _money}
