"""The binary COPY format, byte by byte, against values worked out from PostgreSQL's documentation and sources."""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from decimal import Decimal

import pyarrow as pa
import pytest

from loadlab.engines.postgresql.copy_binary import CannotEncodeError, Wire, encode, stream

NULL = b"\xff\xff\xff\xff"


def encoded(wire: Wire, values: list[object], kind: pa.DataType) -> bytes:
    batch = pa.record_batch({"c": pa.array(values, kind)})
    return b"".join(encode(batch, [wire]))


def field(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def row(*fields: bytes) -> bytes:
    return struct.pack(">h", len(fields)) + b"".join(fields)


@pytest.mark.parametrize(
    "name, kind, value, payload",
    [
        ("int2", pa.int16(), -2, b"\xff\xfe"),
        ("int4", pa.int32(), 258, b"\x00\x00\x01\x02"),
        ("int8", pa.int64(), -1, b"\xff" * 8),
        ("int4", pa.int64(), 7, b"\x00\x00\x00\x07"),
        ("float8", pa.float64(), 1.0, b"\x3f\xf0" + b"\0" * 6),
        ("float4", pa.float32(), -2.0, b"\xc0\0\0\0"),
        ("bool", pa.bool_(), True, b"\x01"),
        ("text", pa.string(), "ä;", b"\xc3\xa4;"),
        ("bytea", pa.binary(), b"\0\xff", b"\0\xff"),
        ("json", pa.string(), "{}", b"{}"),
        ("jsonb", pa.string(), "{}", b"\x01{}"),
        ("ltree", pa.string(), "a.b", b"\x01a.b"),
        ("date", pa.date32(), dt.date(2000, 1, 2), b"\0\0\0\x01"),
        ("date", pa.date32(), dt.date(1999, 12, 31), b"\xff\xff\xff\xff"),
        ("time", pa.time64("us"), dt.time(0, 0, 1), struct.pack(">q", 1_000_000)),
        ("timetz", pa.time64("us"), dt.time(0, 0, 1), struct.pack(">qi", 1_000_000, 0)),
        ("timestamp", pa.timestamp("us"), dt.datetime(2000, 1, 1, 0, 0, 1), struct.pack(">q", 1_000_000)),
        ("timestamptz", pa.timestamp("us", "UTC"), dt.datetime(2000, 1, 1, tzinfo=dt.UTC), b"\0" * 8),
        ("timestamp", pa.timestamp("s"), dt.datetime(2000, 1, 1, 0, 0, 1), struct.pack(">q", 1_000_000)),
        ("interval", pa.duration("us"), dt.timedelta(seconds=1), struct.pack(">qii", 1_000_000, 0, 0)),
        ("inet", pa.string(), "10.0.0.255", b"\x02\x20\x00\x04\x0a\x00\x00\xff"),
        ("inet", pa.string(), "10.1.0.0/16", b"\x02\x10\x00\x04\x0a\x01\x00\x00"),
        ("inet", pa.string(), "::1", b"\x03\x80\x00\x10" + b"\0" * 15 + b"\x01"),
    ],
)
def test_one_value(name: str, kind: pa.DataType, value: object, payload: bytes) -> None:
    assert encoded(Wire(name), [value], kind) == row(field(payload))
    # Beside a NULL the value takes another way through the encoder.
    assert encoded(Wire(name), [None, value, None], kind) == row(NULL) + row(field(payload)) + row(NULL)


def numeric(digits: tuple[int, ...], weight: int, scale: int, *, negative: bool = False) -> bytes:
    head = struct.pack(">hhHH", len(digits), weight, 0x4000 if negative else 0, scale)
    return head + struct.pack(f">{len(digits)}h", *digits)


@pytest.mark.parametrize(
    "precision, scale, value, payload",
    [
        (12, 2, "1234567890.12", numeric((12, 3456, 7890, 1200), 2, 2)),
        (12, 2, "-0.01", numeric((0, 0, 0, 100), 2, 2, negative=True)),
        (12, 2, "0", numeric((0, 0, 0, 0), 2, 2)),
        (4, 0, "9999", numeric((9999,), 0, 0)),
        (5, 4, "-9.0001", numeric((9, 1), 0, 4, negative=True)),
        (3, 3, "0.125", numeric((1250,), -1, 3)),
        (18, 6, "999999999999.999999", numeric((9999, 9999, 9999, 9999, 9900), 2, 6)),
        (38, 0, "9" * 38, numeric((99, *[9999] * 9), 9, 0)),
        (38, 5, "-" + "1" * 33 + ".00001", numeric((1, *[1111] * 8, 0, 1000), 8, 5, negative=True)),
        (19, 0, str(2**63), numeric((922, 3372, 368, 5477, 5808), 4, 0)),
        (20, 0, str(-(2**64)), numeric((1844, 6744, 737, 955, 1616), 4, 0, negative=True)),
    ],
)
def test_numeric_in_base_10000(precision: int, scale: int, value: str, payload: bytes) -> None:
    kind = pa.decimal128(precision, scale)
    assert encoded(Wire("numeric"), [Decimal(value)], kind) == row(field(payload))
    assert encoded(Wire("numeric"), [None, Decimal(value)], kind) == row(NULL) + row(field(payload))


def test_uuid_keeps_its_bytes() -> None:
    value = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    assert encoded(Wire("uuid"), [value.bytes], pa.binary(16)) == row(field(value.bytes))
    assert encoded(Wire("uuid"), [str(value), None], pa.string()) == row(field(value.bytes)) + row(NULL)
    with pytest.raises(CannotEncodeError, match=r"c: .*UUID"):
        encoded(Wire("uuid"), ["short"], pa.string())


def test_arrays() -> None:
    wire = Wire("_text", 1009, Wire("text", 25))
    values: list[object] = [["ab", ""], [], None, ["c", None], ["d"]]

    def array(flags: int, *elements: bytes) -> bytes:
        return field(struct.pack(">iiIii", 1, flags, 25, len(elements), 1) + b"".join(elements))

    # The flag that says whether there are NULLs is one for all arrays of a block; the server does not trust it.
    assert encoded(wire, values, pa.list_(pa.string())) == b"".join(
        [
            row(array(1, field(b"ab"), field(b""))),
            row(field(struct.pack(">iiI", 0, 0, 25))),
            row(NULL),
            row(array(1, field(b"c"), NULL)),
            row(array(1, field(b"d"))),
        ]
    )
    assert encoded(Wire("_int4", 1007, Wire("int4", 23)), [[1]], pa.list_(pa.int32())) == row(
        field(struct.pack(">iiIii", 1, 0, 23, 1, 1) + field(b"\0\0\0\x01"))
    )


def test_columns_of_all_widths_stand_in_order() -> None:
    batch = pa.record_batch(
        {
            "a": pa.array([1, 2], pa.int32()),
            "b": pa.array(["x", None], pa.string()),
            "c": pa.array([None, None], pa.int64()),
            "d": pa.array([True, None], pa.bool_()),
            "e": pa.array(["{}", "[]"], pa.string()),
            "f": pa.array([3, 4], pa.int16()),
        }
    )
    wires = [Wire(name) for name in ("int4", "text", "int8", "bool", "jsonb", "int2")]
    assert b"".join(encode(batch, wires)) == row(
        field(b"\0\0\0\x01"), field(b"x"), NULL, field(b"\x01"), field(b"\x01{}"), field(b"\0\x03")
    ) + row(field(b"\0\0\0\x02"), NULL, NULL, NULL, field(b"\x01[]"), field(b"\0\x04"))


def test_slices_and_blocks_make_the_same_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 100
    batch = pa.record_batch(
        {
            "i": pa.array([None if k % 7 == 0 else k for k in range(rows)], pa.int64()),
            "t": pa.array([None if k % 5 == 0 else "t" * (k % 11) for k in range(rows)], pa.string()),
            "n": pa.array([Decimal(k) / 4 for k in range(rows)], pa.decimal128(10, 2)),
            "u": pa.array([bytes([k]) * 16 for k in range(rows)], pa.binary(16)),
            "l": pa.array([[str(k)] * (k % 3) for k in range(rows)], pa.list_(pa.string())),
            "b": pa.array([k % 2 == 0 for k in range(rows)]),
            "a": pa.array([None if k % 3 == 0 else f"::{k}" for k in range(rows)]),
        }
    )
    wires = [*(Wire(name) for name in ("int8", "text", "numeric", "uuid")), Wire("_text", 1009, Wire("text", 25))]
    wires += [Wire("bool"), Wire("inet")]
    whole = b"".join(encode(batch, wires))
    monkeypatch.setattr(stream, "_ROWS_PER_BLOCK", 7)
    assert b"".join(encode(batch, wires)) == whole
    parts = [batch.slice(0, 13), batch.slice(13, 0), batch.slice(13, 60), batch.slice(73)]
    assert b"".join(piece for part in parts for piece in encode(part, wires)) == whole


def test_a_block_near_the_limit_of_an_offset_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pa.record_batch({"t": pa.array(["x" * 1000] * 64)})
    monkeypatch.setattr(stream, "_BYTES_PER_BLOCK", 8_100)
    pieces = list(encode(batch, [Wire("text")]))
    assert len(pieces) == 8
    assert b"".join(pieces) == row(field(b"x" * 1000)) * 64


def test_what_has_no_form_is_refused_by_column() -> None:
    with pytest.raises(CannotEncodeError, match="c: values of type isbn"):
        encoded(Wire("isbn"), ["()"], pa.string())
    with pytest.raises(CannotEncodeError, match=r"c: .*40000"):
        encoded(Wire("int2"), [40_000], pa.int32())
    # Nothing but NULLs needs no type.
    assert encoded(Wire("isbn"), [None], pa.string()) == row(NULL)
