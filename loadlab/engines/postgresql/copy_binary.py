"""Arrow record batches to PostgreSQL's binary COPY format, column by column, never row by row.

The format (PostgreSQL documentation, "COPY", section "Binary Format"): a row is a 16-bit field count, then for each
field a 32-bit length (-1 for NULL) and that many bytes as the type's receive function takes them; all integers are
big-endian.

How it is made fast: what has the same width in every row (lengths, numbers, keys) is written into packed NumPy
records, neighbouring columns together; what has not (text, documents) stays where Arrow has it.
`binary_join_element_wise` then interleaves both, and the data buffer of its result *is* the stream.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
"""Signature, flags, length of the header's extension."""
TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
# Rows that are encoded at a time: their records stay in the processor's second-level cache.
_ROWS_PER_BLOCK = 16_384
# Binary arrays have 32-bit offsets; a block whose text might come near that is halved first.
_BYTES_PER_BLOCK = 512 * 1024**2

# 2000-01-01, PostgreSQL's epoch, in Unix terms.
_EPOCH_US = 946_684_800_000_000
_EPOCH_DAYS = 10_957
_NUMERIC_NEGATIVE = 0x4000
_NUMERIC_BASE_DIGITS = 4  # decimal digits in one digit of base 10,000
_INET_V4, _INET_V6 = 2, 3  # PGSQL_AF_INET and PGSQL_AF_INET6 of utils/inet.h

Field = tuple[str, "int | npt.NDArray[Any]"]
"""A NumPy type and the value of every row, or one value for all rows."""


class CannotEncodeError(ValueError):
    """A column has a type, or a value, that has no binary form here."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How the server takes a column: the base type's name and OID, and for an array its elements'.

    Enums go by the name `text`, as which the server receives them.
    """

    name: str
    oid: int = 0
    element: Wire | None = None


@dataclass(frozen=True, slots=True)
class _Body:
    """The bytes of a column's values: fixed-width fields, then a payload of any length."""

    fields: list[Field]
    payload: pa.Array | None = None


def encode(batch: pa.RecordBatch, wires: Sequence[Wire]) -> Iterator[memoryview]:
    """The rows of a batch as pieces of a COPY stream, without header and trailer.

    `wires` has one item for each column of the batch. Raises CannotEncodeError naming the column.
    """
    rows = _ROWS_PER_BLOCK
    while rows > 1 and batch.num_rows and batch.nbytes / batch.num_rows * rows > _BYTES_PER_BLOCK:
        rows //= 2
    for start in range(0, batch.num_rows, rows):
        yield _encode_block(batch.slice(start, rows), wires)


def _encode_block(batch: pa.RecordBatch, wires: Sequence[Wire]) -> memoryview:
    pieces: list[list[Field] | pa.Array] = [[(">i2", batch.num_columns)]]
    for name, array, wire in zip(batch.schema.names, batch.columns, wires, strict=True):
        try:
            pieces += _column(array, wire)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise CannotEncodeError(f"{name}: {error}") from error
    return _stream(pieces, batch.num_rows)


def _stream(pieces: list[list[Field] | pa.Array], rows: int) -> memoryview:
    """The pieces interleaved row by row."""
    merged: list[list[Field] | pa.Array] = []
    for piece in pieces:
        if isinstance(piece, list) and merged and isinstance(merged[-1], list):
            merged[-1] = merged[-1] + piece
        else:
            merged.append(piece)
    if len(merged) == 1 and isinstance(merged[0], list):
        return _records(merged[0], rows).view(np.uint8).data
    return _data(_join(merged, rows))


def _join(pieces: list[list[Field] | pa.Array], rows: int) -> pa.Array:
    arrays = [_fixed_to_binary(piece, rows) if isinstance(piece, list) else piece for piece in pieces]
    if len(arrays) == 1:
        return arrays[0]
    return pc.binary_join_element_wise(*arrays, pa.scalar(b"", pa.binary()))


def _data(array: pa.Array) -> memoryview:
    """The bytes of a binary array, one value behind the other."""
    offsets = _offsets(array)
    return memoryview(array.buffers()[2])[int(offsets[0]) : int(offsets[-1])]


def _records(fields: list[Field], rows: int) -> npt.NDArray[Any]:
    """Packed records: a template row that holds the constants, copied, then the columns that vary."""
    records = np.empty(rows, np.dtype([(f"f{k}", dtype) for k, (dtype, _) in enumerate(fields)]))
    template = np.zeros(1, records.dtype)
    for k, (_, value) in enumerate(fields):
        if isinstance(value, int):
            template[f"f{k}"] = value
    records[:] = template
    for k, (_, value) in enumerate(fields):
        if not isinstance(value, int):
            records[f"f{k}"] = value
    return records


def _fixed_to_binary(fields: list[Field], rows: int) -> pa.Array:
    records = _records(fields, rows)
    width = records.dtype.itemsize
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(records)])


def _column(array: pa.Array, wire: Wire) -> list[list[Field] | pa.Array]:
    """A column's fields: lengths and values."""
    rows = len(array)
    if array.null_count == rows:
        return [[(">i4", -1)]]
    body = _body(array, wire)
    width = sum(np.dtype(dtype).itemsize for dtype, _ in body.fields)
    valid = None if array.null_count == 0 else array.is_valid()
    if body.payload is None:
        prefixed: list[Field] = [(">i4", width), *body.fields]
        return [prefixed] if valid is None else [_null_where_absent(_fixed_to_binary(prefixed, rows), valid)]
    lengths = np.diff(_offsets(body.payload))
    if valid is None:
        return [[(">i4", lengths + width), *body.fields], body.payload]
    if not body.fields:
        present = valid.to_numpy(zero_copy_only=False)
        return [[(">i4", np.where(present, lengths, -1))], _empty_where_absent(body.payload, valid)]
    head = _fixed_to_binary([(">i4", lengths + width), *body.fields], rows)
    return [_null_where_absent(head, valid), _empty_where_absent(body.payload, valid)]


def _null_where_absent(fields: pa.Array, valid: pa.Array) -> pa.Array:
    return pc.if_else(valid, fields, pa.scalar(_NULL, pa.binary()))


def _empty_where_absent(payload: pa.Array, valid: pa.Array) -> pa.Array:
    """Payloads that share the column's buffers share its NULLs too; those made anew hold something in their place."""
    return payload.fill_null(b"") if payload.null_count else pc.if_else(valid, payload, pa.scalar(b"", pa.binary()))


def _body(array: pa.Array, wire: Wire) -> _Body:
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if wire.element is not None:
        return _array(array, wire.element)
    if wire.name not in _BODIES:
        raise CannotEncodeError(f"values of type {wire.name} cannot be loaded")
    return _BODIES[wire.name](array)


# Buffers -----------------------------------------------------------------------------------------------------------


def _values(array: pa.Array, dtype: str) -> npt.NDArray[Any]:
    """A fixed-width array's data buffer; what stands where a NULL is has no meaning."""
    values = np.frombuffer(array.buffers()[1], dtype)
    return values[array.offset : array.offset + len(array)]


def _offsets(array: pa.Array) -> npt.NDArray[np.int32]:
    return np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]


def _cast(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    return array if array.type == wanted else array.cast(wanted)


def _binary(array: pa.Array) -> pa.Array:
    """Text or bytes as a binary array on the same buffers."""
    if array.type not in (pa.string(), pa.binary()):
        array = array.cast(pa.binary() if pa.types.is_fixed_size_binary(array.type) else pa.string())
    return pa.Array.from_buffers(pa.binary(), len(array), array.buffers(), array.null_count, array.offset)


# One function a type -------------------------------------------------------------------------------------------------


def _number(arrow: pa.DataType, native: str, wire: str) -> Callable[[pa.Array], _Body]:
    return lambda array: _Body([(wire, _values(_cast(array, arrow), native))])


def _boolean(array: pa.Array) -> _Body:
    return _Body([("u1", _values(_cast(array, pa.bool_()).cast(pa.uint8()), "u1"))])


def _uuid(array: pa.Array) -> _Body:
    if pa.types.is_string(array.type):
        hexadecimal = pc.replace_substring(array, "-", "").fill_null("0" * 32)
        text = "".join(hexadecimal.to_pylist())
        if len(text) != 32 * len(array):
            raise CannotEncodeError("has text that is not a UUID")
        array = pa.array(np.frombuffer(bytes.fromhex(text), "V16").tolist(), pa.binary(16))
    halves = np.frombuffer(_cast(array, pa.binary(16)).buffers()[1], "<u8").reshape(-1, 2)
    halves = halves[array.offset : array.offset + len(array)]
    return _Body([("<u8", halves[:, 0]), ("<u8", halves[:, 1])])


def _date(array: pa.Array) -> _Body:
    return _Body([(">i4", _values(_cast(array, pa.date32()), "<i4") - np.int32(_EPOCH_DAYS))])


def _timestamp(array: pa.Array) -> _Body:
    zone = array.type.tz if pa.types.is_timestamp(array.type) else None
    return _Body([(">i8", _values(_cast(array, pa.timestamp("us", zone)), "<i8") - np.int64(_EPOCH_US))])


def _time(array: pa.Array) -> _Body:
    return _Body([(">i8", _values(_cast(array, pa.time64("us")), "<i8"))])


def _time_with_zone(array: pa.Array) -> _Body:
    return _Body([*_time(array).fields, (">i4", 0)])


def _interval(array: pa.Array) -> _Body:
    """An exact duration: microseconds alone, no days and no months."""
    return _Body([(">i8", _values(_cast(array, pa.duration("us")), "<i8")), (">i4", 0), (">i4", 0)])


def _text(array: pa.Array) -> _Body:
    return _Body([], _binary(array))


def _versioned_text(array: pa.Array) -> _Body:
    """jsonb and ltree: a version byte, then the text."""
    return _Body([("u1", 1)], _binary(array))


def _bytes(array: pa.Array) -> _Body:
    return _Body([], _binary(array))


def _numeric(array: pa.Array) -> _Body:
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
    return _Body(head + [(">i2", digit) for digit in digits])


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


def _inet(array: pa.Array) -> _Body:
    """inet and cidr: family, bits of the mask, 0, length of the address, the address."""
    text = array.fill_null("127.0.0.1")
    if pc.all(pc.match_substring_regex(text, r"^\d{1,3}(\.\d{1,3}){3}$")).as_py():
        parts = pc.split_pattern(text, ".").flatten().cast(pa.uint8())
        octets = _values(parts, "u1").view("<u4")
        return _Body([("u1", _INET_V4), ("u1", 32), ("u1", 0), ("u1", 4), ("<u4", octets)])
    encoded = text.dictionary_encode()
    addresses = pa.array([_address(value) for value in encoded.dictionary.to_pylist()], pa.binary())
    return _Body([], addresses.take(encoded.indices))


def _address(text: str) -> bytes:
    interface = ipaddress.ip_interface(text)
    family = _INET_V4 if interface.version == 4 else _INET_V6
    packed = interface.ip.packed
    return bytes((family, interface.network.prefixlen, 0, len(packed))) + packed


def _array(array: pa.Array, element: Wire) -> _Body:
    """One-dimensional arrays: dimensions, NULL flag, element OID, length, lower bound 1; then the elements as fields.

    An empty array has no dimension and ends after the element OID.
    """
    lists = _cast(array, pa.list_(array.type.value_type))
    offsets = _offsets(lists)
    elements = lists.values[int(offsets[0]) : int(offsets[-1])]
    fields = _join(_column(elements, element), len(elements)) if len(elements) else pa.array([], pa.binary())
    starts = _offsets(fields)[offsets - offsets[0]]
    payload = pa.Array.from_buffers(
        pa.binary(), len(lists), [None, pa.py_buffer(np.ascontiguousarray(starts)), fields.buffers()[2]]
    )
    lengths = np.diff(offsets)
    dimension: list[Field] = [(">i4", 1), (">i4", int(elements.null_count > 0)), (">u4", element.oid)]
    dimension += [(">i4", lengths), (">i4", 1)]
    if (lengths > 0).all():
        return _Body(dimension, payload)
    none: list[Field] = [(">i4", 0), (">i4", 0), (">u4", element.oid)]
    head = pc.if_else(pa.array(lengths > 0), _fixed_to_binary(dimension, len(lists)), _fixed_to_binary(none, 1)[0])
    return _Body([], pc.binary_join_element_wise(head, payload, pa.scalar(b"", pa.binary())))


_BODIES: dict[str, Callable[[pa.Array], _Body]] = {
    "int2": _number(pa.int16(), "<i2", ">i2"),
    "int4": _number(pa.int32(), "<i4", ">i4"),
    "int8": _number(pa.int64(), "<i8", ">i8"),
    "oid": _number(pa.uint32(), "<u4", ">u4"),
    "float4": _number(pa.float32(), "<f4", ">f4"),
    "float8": _number(pa.float64(), "<f8", ">f8"),
    "numeric": _numeric,
    "bool": _boolean,
    "uuid": _uuid,
    "date": _date,
    "time": _time,
    "timetz": _time_with_zone,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
    "interval": _interval,
    "bytea": _bytes,
    "inet": _inet,
    "cidr": _inet,
    "jsonb": _versioned_text,
    "ltree": _versioned_text,
} | dict.fromkeys(("text", "varchar", "bpchar", "char", "name", "citext", "json", "xml"), _text)
