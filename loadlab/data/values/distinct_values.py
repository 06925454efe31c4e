"""Values of a type that differ from row to row: a bijection of the row, never a retry.

Every maker returns its generator and how many rows it tells apart. Ranges of distinct values do not overlap either,
where their bounds have a distance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import DIMENSIONS, Cells, scale_of, unit_us
from loadlab.data.core.hashing import hash_rows, make_key, permute
from loadlab.data.frame import Frame, Generator
from loadlab.data.texts.texts import Code
from loadlab.data.values.codes import (
    BitStrings,
    CodesIn,
    DenseVectors,
    HardwareAddresses,
    Letters,
    Locators,
    Numbers64,
    PrivateAddresses,
    SparseVectors,
)
from loadlab.data.values.composites import Constant, Just, ListOf, RangeOf, RangesOf, RecordOf, Slots, offsets_of
from loadlab.data.values.domains import Where, obeying
from loadlab.data.values.figures import DistinctPoints
from loadlab.data.values.keys import UuidV4
from loadlab.data.values.permuted import Blocks
from loadlab.data.values.times import DAY_US
from loadlab.schema.model import LogicalType

Distinct = tuple[Generator, int]

_ASCII = pa.array([chr(code) for code in range(33, 127)])
_CODE_LENGTH = 12  # of base 32: 2**60 texts; of hexadecimal digits: 2**48
_NUMBER_BITS = 62
_EPOCH_2000_US = 946_684_800_000_000
_LAST_US = 253_402_300_800_000_000 - _EPOCH_2000_US  # the year 10000, where calendars of programs end
# Moments lie within this time from 2000, as long as it suffices.
_YEARS_US = 22 * 365 * DAY_US
_FLOAT_BITS = {16: 11, 32: 24, 64: 53}  # whole numbers that are exact
_FIRST_OCTETS = 117  # 10 to 126
_ADDRESS_BITS, _NETWORK_BITS = 24, 16
_LOCATOR_BITS = {"log": 52, "row": 30}
_ROW_BITS = 48
# A slot of a range of moments: half an hour, as a meeting with the break behind it.
_SLOT_US, _SLOT_USED_US = 1_800_000_000, 1_500_000_000
# A slot of a range of times of the day.
_MINUTE_US, _MINUTE_USED_US = 60_000_000, 50_000_000
# A slot of a range of numbers.
_SLOT, _SLOT_USED = 8, 5


@dataclass(frozen=True, slots=True)
class Fractions:
    """Whole numbers of another generator, divided by a power of two: exact floats."""

    inner: Generator
    divisor: int

    def make(self, frame: Frame) -> Cells:
        return Cells(self.inner.make(frame).values / float(self.divisor))


@dataclass(frozen=True, slots=True)
class Alternating:
    """False and true."""

    key: int

    def make(self, frame: Frame) -> Cells:
        return Cells((frame.rows + self.key % 2) % 2 == 1)


@dataclass(frozen=True, slots=True)
class CodeBytes:
    """As many bytes, of which the first (eight at most) are a bijection of the row; the others look as random."""

    key: int
    length: int

    def make(self, frame: Frame) -> Cells:
        number = permute(frame.rows, _byte_bits(self.length), self.key)
        data = np.zeros((len(frame), self.length), np.uint8)
        for k in range(self.length):
            place = k % 8
            if k and not place:
                number = hash_rows(make_key(self.key, "more", k), frame.rows)
            data[:, k] = (number >> np.uint64(8 * place)).astype(np.uint8)
        starts = np.arange(len(frame) + 1, dtype=np.int32) * np.int32(self.length)
        return Cells(pa.Array.from_buffers(pa.binary(), len(frame), [None, pa.py_buffer(starts), pa.py_buffer(data)]))


def _byte_bits(length: int) -> int:
    return min(8 * length, 63)


@dataclass(frozen=True, slots=True)
class Singles:
    """Another generator's texts as lists, or as maps, of one."""

    inner: Generator
    name: str | None = None

    def make(self, frame: Frame) -> Cells:
        texts = self.inner.make(frame).values
        starts = offsets_of(np.ones(len(frame), np.int64))
        if self.name is None:
            return Cells(pa.ListArray.from_arrays(starts, texts))
        return Cells(pa.MapArray.from_arrays(starts, pa.array([self.name] * len(frame), pa.string()), texts))


def distinct_generator(type: LogicalType, key: int, dialect: str = "") -> Distinct | None:
    """A generator whose cells differ from row to row, and how many rows it can tell apart; None: there is none.

    `dialect` is the language of `LogicalType.checks`, which the values of parts keep to.
    """
    return _distinct(type, key, Where(dialect=dialect))


def _distinct(type: LogicalType, key: int, where: Where) -> Distinct | None:
    if type.checks:
        return obeying(type, key, where, distinct=True)
    if type.kind in _OF_PARTS:
        return _OF_PARTS[type.kind](type, key, where)
    maker = _MAKERS.get(type.kind)
    return None if maker is None else maker(type, key)


def _blocks(key: int, capacity: int, size: int = 2**20) -> tuple[Blocks, int]:
    """Numbers below a capacity, mixed; and how many they are: a whole number of blocks."""
    size = max(1, min(size, capacity))
    return Blocks(key, size), capacity // size * size


def _slotted(key: int, capacity: int, first: int, step: int, size: int = 2**20) -> Distinct:
    blocks, exact = _blocks(key, capacity, size)
    return Slots(blocks, first, step), exact


def _integer(type: LogicalType, key: int) -> Distinct:
    return _blocks(key, 2 ** min((type.bits or 64) - 1, _NUMBER_BITS))


def _numeric(type: LogicalType, key: int) -> Distinct:
    return _blocks(key, _numeric_capacity(type))


def _numeric_capacity(type: LogicalType) -> int:
    """How many values from 0 on the cells of a numeric can hold."""
    digits = 18 if type.precision is None else min(18, max(0, type.precision - (type.scale or 0) + scale_of(type)))
    return int(10**digits)


def _float(type: LogicalType, key: int) -> Distinct:
    blocks, capacity = _blocks(key, 2 ** _FLOAT_BITS[type.bits or 64])
    return Fractions(blocks, 4), capacity


def _text(type: LogicalType, key: int) -> Distinct:
    if type.form == "byte":
        return Letters(key, _ASCII, distinct=True), len(_ASCII)
    length = min(type.length or _CODE_LENGTH, _CODE_LENGTH)
    return Code(key, length), 2 ** (5 * length)


def _date(type: LogicalType, key: int) -> Distinct:
    """Within 22 years from 2000, as long as those suffice."""
    return _slotted(key, _LAST_US // DAY_US, _EPOCH_2000_US // DAY_US, 1, 2**13)


def _time(type: LogicalType, key: int) -> Distinct:
    step = unit_us(type)
    return _slotted(key, DAY_US // step, 0, step, 2**40)


def _timestamp(type: LogicalType, key: int) -> Distinct:
    """Within 22 years from 2000, as long as those suffice, at a step that is the type's or a millisecond."""
    step = max(1000, unit_us(type))
    return _slotted(key, _LAST_US // step, _EPOCH_2000_US, step, _YEARS_US // step)


def _interval(type: LogicalType, key: int) -> Distinct:
    step = max(1_000_000, unit_us(type))
    return _slotted(key, 2**61 // step, 0, step, 2**20 if step < DAY_US else 2**6)


def _inet(type: LogicalType, key: int) -> Distinct:
    network = type.form == "network"
    return PrivateAddresses(key, network), _FIRST_OCTETS << (_NETWORK_BITS if network else _ADDRESS_BITS)


def _mac(type: LogicalType, key: int) -> Distinct:
    bits = min((type.bits or 48) - 2, _NUMBER_BITS)
    return HardwareAddresses(Numbers64(key, bits, True), (type.bits or 48) // 8), 2**bits


def _bits(type: LogicalType, key: int) -> Distinct:
    length = type.length or 32
    bits = min(length, _NUMBER_BITS)
    return BitStrings(Numbers64(key, bits, True), length, length), 2**bits


def _labels(type: LogicalType, key: int) -> Distinct | None:
    if not type.labels:
        return None
    return Letters(key, pa.array(type.labels, pa.string()), distinct=True), len(type.labels)


def _bytes(type: LogicalType, key: int) -> Distinct:
    length = min(type.length or 16, 16)
    return CodeBytes(key, length), 2 ** _byte_bits(length)


def _array(type: LogicalType, key: int, where: Where) -> Distinct | None:
    assert type.element is not None
    inner = _distinct(type.element, make_key(key, "element"), where)
    return None if inner is None else (ListOf(key, (inner[0],), type.element, least=1), inner[1])


def _range(type: LogicalType, key: int, where: Where) -> Distinct | None:
    assert type.element is not None
    found = _slots(type.element, key, where)
    return None if found is None else (RangeOf(found[0], found[1], type.element), found[2])


def _multirange(type: LogicalType, key: int, where: Where) -> Distinct | None:
    assert type.element is not None
    found = _slots(type.element, key, where)
    return None if found is None else (RangesOf(key, found[0], found[1], type.element, most=1), found[2])


SLOTS: dict[str, tuple[int, int]] = {
    "integer": (_SLOT, 0),
    "numeric": (_SLOT, 0),
    "timestamp": (_SLOT_US, _EPOCH_2000_US),
    "date": (4, _EPOCH_2000_US // DAY_US),
    "time": (_MINUTE_US, 0),
}
"""By kind of bounds, how far apart ranges begin that have no value in common, in cells, and where the first does."""


def _slots(element: LogicalType, key: int, where: Where) -> tuple[Generator, Generator | Just | None, int] | None:
    """Lower bounds, widths and capacity of ranges that have no value in common."""
    match "" if element.checks else element.kind:
        case "integer":
            return _apart(key, 2 ** min((element.bits or 64) - 1, _NUMBER_BITS) // _SLOT)
        case "numeric":
            capacity = _numeric_capacity(element) // _SLOT
            return _apart(key, capacity) if capacity > 1 else None
        case "float":
            return _apart(key, 2 ** _FLOAT_BITS[element.bits or 64] // _SLOT)
        case "timestamp":
            step = max(_SLOT_US, 2 * unit_us(element))
            slots, capacity = _slotted(key, _LAST_US // step, _EPOCH_2000_US, step, _YEARS_US // step)
            return slots, Constant(_SLOT_USED_US), capacity
        case "date":
            slots, capacity = _slotted(key, _LAST_US // DAY_US // 4, _EPOCH_2000_US // DAY_US, 4, 2**11)
            return slots, Constant(3), capacity
        case "time":
            slots, capacity = _slotted(key, DAY_US // _MINUTE_US, 0, _MINUTE_US, DAY_US // _MINUTE_US)
            return slots, Constant(_MINUTE_USED_US), capacity
        case "interval":
            step = max(_SLOT_US, 2 * unit_us(element))
            slots, capacity = _slotted(key, 2**61 // step, 0, step, 2**13)
            return slots, Constant(_SLOT_USED_US if step == _SLOT_US else step // 2), capacity
        case "uuid":
            return UuidV4(key), Just(element), 2**_ROW_BITS
        case "text" if element.form != "byte" and (element.length or 2**31) > _CODE_LENGTH:
            return Code(key, _CODE_LENGTH), Just(element), 2 ** (5 * _CODE_LENGTH)
    found = _distinct(element, key, where)
    return None if found is None else (found[0], None, found[1])


def _apart(key: int, capacity: int) -> tuple[Generator, Generator, int]:
    slots, exact = _slotted(key, capacity, 0, _SLOT, 2**17)
    return slots, Constant(_SLOT_USED), exact


def _composite(type: LogicalType, key: int, where: Where) -> Distinct | None:
    """Records whose most telling field differs; the others are any values of their types."""
    from loadlab.data.values.elements import value_generator

    made: list[Generator] = []
    best: tuple[int, int, Generator] | None = None
    for place, (name, field) in enumerate(type.fields):
        inner = make_key(key, "field", place, name)
        found = _distinct(field, inner, where)
        other = value_generator(field, inner, where.locale, where.dialect)
        if other is None:
            return None
        made.append(other)
        if found is not None and (best is None or found[1] > best[0]):
            best = (found[1], place, found[0])
    if best is None:
        return None
    made[best[1]] = best[2]
    return RecordOf(tuple(made), type.fields), best[0]


def _vector(type: LogicalType, key: int) -> Distinct:
    dimensions = type.length or DIMENSIONS
    bits = _FLOAT_BITS[{"half": 16, "cube": 64}.get(type.form, 32)]
    first = make_key(key, "first")
    if type.form == "sparse":
        # Its first number is one more, so that it is never the nothing that sparse vectors leave out.
        return SparseVectors(key, dimensions, Blocks(first, 2**20)), 2 ** (bits - 1)
    blocks, capacity = _blocks(first, 2**bits)
    return DenseVectors(key, dimensions, type.form, blocks), capacity


def _locator(type: LogicalType, key: int) -> Distinct | None:
    bits = _LOCATOR_BITS.get(type.form)
    return None if bits is None else (Locators(Numbers64(key, bits, True), type.form), 2**bits)


def _geometry(type: LogicalType, key: int) -> Distinct | None:
    if not type.form.startswith("point"):
        return None
    return DistinctPoints(key, type.form, type.srid or 0), 2**40


def _code(before: str = "", after: str = "") -> Callable[[LogicalType, int], Distinct]:
    return lambda type, key: (CodesIn(key, _CODE_LENGTH, before, after), 2 ** (4 * _CODE_LENGTH))


_MAKERS: dict[str, Callable[[LogicalType, int], Distinct | None]] = {
    "integer": _integer,
    "numeric": _numeric,
    "float": _float,
    "boolean": lambda type, key: (Alternating(key), 2),
    "text": _text,
    "uuid": lambda type, key: (UuidV4(key), 2**_ROW_BITS),
    "json": _code('{"code": "', '"}'),
    "bytes": _bytes,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "interval": _interval,
    "inet": _inet,
    "mac": _mac,
    "bits": _bits,
    "enum": _labels,
    "object_name": _labels,
    "map": lambda type, key: (Singles(CodesIn(key, _CODE_LENGTH), "code"), 2 ** (4 * _CODE_LENGTH)),
    "vector": _vector,
    "geometry": _geometry,
    "search_vector": lambda type, key: (Singles(CodesIn(key, _CODE_LENGTH)), 2 ** (4 * _CODE_LENGTH)),
    "search_query": _code("'", "'"),
    "label_path": _code(),
    "json_path": _code('$."', '"'),
    "locator": _locator,
}
_OF_PARTS: dict[str, Callable[[LogicalType, int, Where], Distinct | None]] = {
    "array": _array,
    "range": _range,
    "multirange": _multirange,
    "composite": _composite,
}
