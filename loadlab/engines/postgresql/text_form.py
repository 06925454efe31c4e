"""Arrow columns as PostgreSQL's text: what its input functions read, and COPY's text format and literals hold.

Vectorised like the binary form: texts of all parts are made at once, then put together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.schema.model import LogicalType

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_PLACES = np.array([place for place in range(36) if place not in (8, 13, 18, 23)])
_DAY_US = 86_400_000_000
_MONTH_US = 30 * _DAY_US
# Texts of these kinds hold nothing that an array or a record would take for its own.
_UNQUOTED = {"integer", "numeric", "float", "boolean", "uuid", "date", "inet", "mac", "bits"}


def text_column(array: pa.Array, type: LogicalType) -> pa.Array:
    """The values as strings in PostgreSQL's input syntax; NULL stays NULL. `array` is what `type` is exchanged in."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not len(array) or array.null_count == len(array):
        return pa.nulls(len(array), pa.string())
    if pa.types.is_string(array.type):
        return array
    text = _TEXTS.get(type.kind, _plain)(array, type)
    return text if not array.null_count else pc.if_else(array.is_valid(), text, pa.scalar(None, pa.string()))


def _plain(array: pa.Array, type: LogicalType) -> pa.Array:
    return array.cast(pa.string())


def _together(*parts: pa.Array | str) -> pa.Array:
    """Texts one behind the other; NULL where one of them is."""
    rows = next(len(part) for part in parts if not isinstance(part, str))
    arrays = [pa.repeat(pa.scalar(part), rows) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*arrays, "")


def _joined(starts: npt.NDArray[np.int32], texts: pa.Array, separator: str) -> pa.Array:
    """Each list's texts with a separator between them."""
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(starts, pa.int32()), texts), separator)


def _lists(array: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """Where each list begins among the elements (and the last one's end), and the elements of all of them."""
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        starts = np.arange(len(array) + 1, dtype=np.int32) * np.int32(size)
        return starts, array.values[array.offset * size : (array.offset + len(array)) * size]
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    return offsets - offsets[0], array.values[int(offsets[0]) : int(offsets[-1])]


def _quoted(text: pa.Array) -> pa.Array:
    """In double quotes, as arrays, records, ranges and maps read them."""
    text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    return _together('"', text, '"')


def _part(array: pa.Array, type: LogicalType) -> pa.Array:
    """A part of a value: quoted where its type's texts may hold what separates parts."""
    text = text_column(array, type)
    return text if type.kind in _UNQUOTED else _quoted(text)


# Plain types -----------------------------------------------------------------------------------------------------


def _hex(octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    digits = np.empty((*octets.shape[:-1], 2 * octets.shape[-1]), np.uint8)
    digits[..., 0::2] = _HEX[octets >> 4]
    digits[..., 1::2] = _HEX[octets & 15]
    return digits


def _uuid(array: pa.Array, type: LogicalType) -> pa.Array:
    rows = len(array)
    octets = np.frombuffer(array.cast(pa.binary(16)).buffers()[1], np.uint8)
    octets = octets[array.offset * 16 : (array.offset + rows) * 16].reshape(rows, 16)
    text = np.full((rows, 36), ord("-"), np.uint8)
    text[:, _UUID_PLACES] = _hex(octets)
    starts = np.arange(rows + 1, dtype=np.int32) * np.int32(36)
    return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(starts), pa.py_buffer(text)])


def _hexadecimal(array: pa.Array) -> pa.Array:
    """Bytes as hexadecimal digits."""
    array = array.cast(pa.binary())
    starts = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    data = array.buffers()[2] or pa.py_buffer(b"")
    octets = np.frombuffer(data, np.uint8)[int(starts[0]) : int(starts[-1])]
    buffers = [None, pa.py_buffer((starts - starts[0]) * 2), pa.py_buffer(_hex(octets))]
    return pa.Array.from_buffers(pa.string(), len(array), buffers)


def _bytes(array: pa.Array, type: LogicalType) -> pa.Array:
    return _together("\\x", _hexadecimal(array))


def _geometry(array: pa.Array, type: LogicalType) -> pa.Array:
    return pc.utf8_upper(_hexadecimal(array))


def _time(array: pa.Array, type: LogicalType) -> pa.Array:
    text = array.cast(pa.string())
    return _together(text, "+00") if type.timezone else text


def _timestamp(array: pa.Array, type: LogicalType) -> pa.Array:
    zone = array.type.tz if pa.types.is_timestamp(array.type) else None
    text = array.cast(pa.timestamp("us", zone)).cast(pa.timestamp("us")).cast(pa.string())
    return _together(text, "+00") if zone or type.timezone else text


def _interval(array: pa.Array, type: LogicalType) -> pa.Array:
    """Days, milliseconds and microseconds, or months of 30 days where the type keeps nothing smaller.

    Up to PostgreSQL 14 each figure of an interval's text has to fit 32 bits, which the microseconds of an hour do not.
    """
    micros = array.cast(pa.duration("us")).cast(pa.int64()).fill_null(0).to_numpy()
    if type.form in ("month", "year"):
        return _together(pa.array(micros // _MONTH_US).cast(pa.string()), " mons")
    days = np.trunc(micros / _DAY_US).astype(np.int64)
    rest = micros - days * _DAY_US
    millis = np.trunc(rest / 1000).astype(np.int64)
    figures = (pa.array(values).cast(pa.string()) for values in (days, millis, rest - 1000 * millis))
    return _together(next(figures), " days ", next(figures), " ms ", next(figures), " us")


# Types made of others --------------------------------------------------------------------------------------------


def _array(array: pa.Array, type: LogicalType) -> pa.Array:
    assert type.element is not None
    starts, elements = _lists(array)
    parts = _part(elements, type.element).fill_null("NULL")
    return _together("{", _joined(starts, parts, _delimiter(type.element)), "}")


def _delimiter(element: LogicalType) -> str:
    """Of arrays (pg_type.typdelim): figures whose own texts have commas, or once had, took another one."""
    if element.kind == "geometry":
        return ":"
    return ";" if element.kind == "shape" and element.form == "box" else ","


def _range(array: pa.Array, type: LogicalType) -> pa.Array:
    assert type.element is not None
    lower, upper = array.flatten()
    first = pc.if_else(lower.is_valid(), "[", "(")
    bounds = [_part(bound, type.element).fill_null("") for bound in (lower, upper)]
    return _together(first, bounds[0], ",", bounds[1], ")")


def _multirange(array: pa.Array, type: LogicalType) -> pa.Array:
    starts, ranges = _lists(array)
    texts = _range(ranges, type) if len(ranges) else pa.array([], pa.string())
    return _together("{", _joined(starts, texts, ","), "}")


def _composite(array: pa.Array, type: LogicalType) -> pa.Array:
    parts: list[pa.Array | str] = []
    for child, (_, field) in zip(array.flatten(), type.fields, strict=True):
        parts += ["," if parts else "(", _part(child, field).fill_null("")]
    return _together(*parts, ")")


def _map(array: pa.Array, type: LogicalType) -> pa.Array:
    starts = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    first, last = int(starts[0]), int(starts[-1])
    keys, items = array.keys[first:last], array.items[first:last]
    if not len(keys):
        return pa.array([""] * len(array), pa.string())
    return _joined(starts - starts[0], _together(_quoted(keys), "=>", _quoted(items).fill_null("NULL")), ",")


# Numbers in space, figures, words ----------------------------------------------------------------------------------


def _numbers(array: pa.Array, separator: str) -> pa.Array:
    starts, numbers = _lists(array)
    return _joined(starts, numbers.cast(pa.string()), separator)


def _vector(array: pa.Array, type: LogicalType) -> pa.Array:
    if type.form == "cube":
        return _together("(", _numbers(array, ", "), ")")
    if type.form != "sparse":
        return _together("[", _numbers(array, ","), "]")
    dimensions, places, numbers = array.flatten()
    starts, indices = _lists(places.fill_null([]))
    values = _lists(numbers.fill_null([]))[1]
    pairs = _together(pc.add(indices, 1).cast(pa.string()), ":", values.cast(pa.string()))
    return _together("{", _joined(starts, pairs, ","), "}/", dimensions.cast(pa.string()))


def _shape(array: pa.Array, type: LogicalType) -> pa.Array:
    if type.form == "polygon":
        return _together("(", _points(array), ")")
    if type.form == "path":
        closed, points = array.flatten()
        inner = _points(points.fill_null([]))
        return pc.if_else(closed, _together("(", inner, ")"), _together("[", inner, "]"))
    parts = [child.cast(pa.string()) for child in array.flatten()]
    match type.form:
        case "point":
            return _together("(", parts[0], ",", parts[1], ")")
        case "line":
            return _together("{", parts[0], ",", parts[1], ",", parts[2], "}")
        case "circle":
            return _together("<(", parts[0], ",", parts[1], "),", parts[2], ">")
    corners = _together("(", parts[0], ",", parts[1], "),(", parts[2], ",", parts[3], ")")
    return corners if type.form == "box" else _together("[", corners, "]")


def _points(array: pa.Array) -> pa.Array:
    starts, points = _lists(array)
    x, y = (child.cast(pa.string()) for child in points.flatten())
    return _joined(starts, _together("(", x, ",", y, ")"), ",")


def _search_vector(array: pa.Array, type: LogicalType) -> pa.Array:
    starts, words = _lists(array)
    place = np.arange(len(words)) - np.repeat(starts[:-1], np.diff(starts)) + 1
    plain = pc.replace_substring(pc.replace_substring(words, "\\", "\\\\"), "'", "''")
    return _joined(starts, _together("'", plain, "':", pa.array(place).cast(pa.string())), " ")


_TEXTS: dict[str, Callable[[pa.Array, LogicalType], pa.Array]] = {
    "uuid": _uuid,
    "bytes": _bytes,
    "geometry": _geometry,
    "time": _time,
    "timestamp": _timestamp,
    "interval": _interval,
    "array": _array,
    "range": _range,
    "multirange": _multirange,
    "composite": _composite,
    "map": _map,
    "vector": _vector,
    "shape": _shape,
    "search_vector": _search_vector,
}
