"""What was handed over as Arrow is what the driver reads in the bytes that were made of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pymongo", reason="needs the driver pymongo (pip install 'loadlab[mongodb]')")

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion

from loadlab.engines.mongodb.bson_form import CannotEncodeError, documents
from loadlab.schema.model import LogicalType

CODEC = CodecOptions(
    dict,
    tz_aware=False,
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
POINT = pa.struct([("x", pa.float64()), ("y", pa.float64())])


def decoded(parts: list[tuple[str, pa.Array, LogicalType | None]], rows: int) -> list[dict[str, Any]]:
    found = documents(parts, rows)
    assert len(found) == rows
    starts = found.starts.tolist()
    assert starts[-1] == len(found.data)
    return [bson.decode(bytes(found.data[a:b]), CODEC) for a, b in pairwise(starts)]


def same(value: Any) -> Any:
    return value


def cut(moment: dt.datetime) -> dt.datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def digits(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    top = 10**precision - 1
    return st.integers(-top, top).map(lambda value: Decimal(f"{value}e-{scale}"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
Case = tuple[pa.DataType, "LogicalType | None", st.SearchStrategy[Any], Callable[[Any], Any]]
CASES: dict[str, Case] = {
    "int16": (pa.int16(), None, st.integers(-(2**15), 2**15 - 1), same),
    "int32": (pa.int32(), None, st.integers(-(2**31), 2**31 - 1), same),
    "uint32": (pa.uint32(), None, st.integers(0, 2**32 - 1), same),
    "int64": (pa.int64(), None, st.integers(-(2**63), 2**63 - 1), same),
    "float32": (pa.float32(), None, st.floats(width=32, allow_nan=False), same),
    "float64": (pa.float64(), None, st.floats(allow_nan=False), same),
    "bool": (pa.bool_(), None, st.booleans(), same),
    "text": (pa.string(), LogicalType("text"), TEXT, same),
    "large text": (pa.large_string(), None, TEXT, same),
    "bytes": (pa.binary(), None, st.binary(max_size=20), same),
    "uuid": (pa.binary(16), LogicalType("uuid"), st.binary(min_size=16, max_size=16), lambda raw: UUID(bytes=raw)),
    "money": (pa.decimal128(12, 2), None, digits(12, 2), lambda number: number),
    "wide": (pa.decimal128(38, 10), None, digits(34, 10), lambda number: number),
    "tens": (pa.decimal128(5, -2), None, st.integers(-99999, 99999).map(lambda n: Decimal(n).scaleb(2)), same),
    "date": (pa.date32(), None, st.dates(), lambda day: dt.datetime.combine(day, dt.time())),
    "time": (pa.time64("us"), None, st.times(), lambda time: time.isoformat("microseconds")),
    "moment": (pa.timestamp("us"), None, st.datetimes(), cut),
    "moment in a zone": (
        pa.timestamp("us", tz="UTC"), None, st.datetimes(timezones=st.just(dt.UTC)),
        lambda moment: cut(moment).replace(tzinfo=None),
    ),
    "interval": (
        pa.duration("us"), None, st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999)),
        lambda span: span // dt.timedelta(microseconds=1),
    ),
    "json": (pa.string(), LogicalType("json"), JSON.map(json.dumps), json.loads),
    "words": (pa.list_(pa.string()), None, st.lists(st.none() | TEXT, max_size=13), same),
    "numbers": (pa.list_(pa.int64()), None, st.lists(st.none() | st.integers(-9, 9), max_size=4), same),
    "documents": (
        pa.list_(pa.string()), LogicalType("array", element=LogicalType("json")),
        st.lists(st.none() | JSON.map(json.dumps), max_size=4),
        lambda texts: [None if item is None else json.loads(item) for item in texts],
    ),
    "lists of lists": (
        pa.list_(pa.list_(pa.int32())), None, st.lists(st.none() | st.lists(st.integers(0, 9), max_size=3), max_size=3),
        same,
    ),
    "vector": (pa.list_(pa.float32(), 3), None, st.lists(st.integers(-8, 8).map(float), min_size=3, max_size=3), same),
    "map": (
        pa.map_(pa.string(), pa.string()), None,
        st.dictionaries(st.text("abc.$", max_size=3), st.none() | TEXT, max_size=3).map(lambda d: list(d.items())),
        dict,
    ),
    "struct": (
        POINT, None, st.fixed_dictionaries({"x": st.none() | st.just(1.5), "y": st.none() | st.just(-0.0)}),
        lambda point: {name: value for name, value in point.items() if value is not None},
    ),
}  # fmt: skip


def plain(value: Any) -> Any:
    return value.to_decimal() if hasattr(value, "to_decimal") else value


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_any_column_comes_back(name, data):
    arrow, kind, strategy, meant = CASES[name]
    values = data.draw(st.lists(st.none() | strategy, max_size=12))
    skipped = data.draw(st.integers(0, min(2, len(values))))
    array = pa.array(values, arrow)[skipped:]
    found = decoded([("_id", pa.array(range(len(array)), pa.int32()), None), ("käse", array, kind)], len(array))
    wanted = [
        {"_id": row} | ({} if value is None else {"käse": meant(value)}) for row, value in enumerate(values[skipped:])
    ]
    assert [{key: plain(value) for key, value in document.items()} for document in found] == wanted


@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 99), st.none() | TEXT, st.none() | st.integers(0, 9), TEXT, st.none() | st.binary(max_size=3)
        ),
        max_size=20,
    )
)
def test_columns_stand_side_by_side(rows):
    names, types = "abcde", (pa.int32(), pa.string(), pa.int64(), pa.string(), pa.binary())
    columns = zip(*rows, strict=True) if rows else [()] * 5
    parts = [(n, pa.array(list(c), t), None) for n, c, t in zip(names, columns, types, strict=True)]
    wanted = [{n: v for n, v in zip(names, row, strict=True) if v is not None} for row in rows]
    assert decoded(parts, len(rows)) == wanted


@given(
    rows=st.lists(
        st.none()
        | st.lists(st.fixed_dictionaries({"sku": TEXT, "n": st.none() | st.integers(0, 9), "when": st.dates()}))
        , max_size=6
    )
)  # fmt: skip
def test_children_stand_in_their_parents(rows):
    child = pa.struct([("sku", pa.string()), ("n", pa.int32()), ("when", pa.date32())])
    found = decoded([("items", pa.array(rows, pa.list_(child)), None)], len(rows))
    wanted = [
        {}
        if items is None
        else {
            "items": [
                {"sku": item["sku"], "when": dt.datetime.combine(item["when"], dt.time())}
                | ({} if item["n"] is None else {"n": item["n"]})
                for item in items
            ]
        }
        for items in rows
    ]
    assert [{k: [dict(i) for i in v] for k, v in document.items()} for document in found] == wanted


def ewkb(x: float, y: float, srid: int | None) -> bytes:
    import struct

    flag, more = (0x20000000, struct.pack("<I", srid)) if srid is not None else (0, b"")
    return b"\x01" + struct.pack("<I", 1 | flag) + more + struct.pack("<dd", x, y)


@pytest.mark.parametrize("srid", [None, 4326])
def test_points_on_a_map_are_geojson(srid):
    array = pa.array([ewkb(13.4, 52.5, srid), None, ewkb(-70.0, -33.4, srid)], pa.binary())
    found = decoded([("place", array, LogicalType("geometry", form="point"))], 3)
    assert found == [
        {"place": {"type": "Point", "coordinates": [13.4, 52.5]}},
        {},
        {"place": {"type": "Point", "coordinates": [-70.0, -33.4]}},
    ]


def test_numbers_that_decimal128_does_not_hold_are_refused_by_name():
    array = pa.array([Decimal("1" * 38)], pa.decimal128(38, 0))
    with pytest.raises(CannotEncodeError, match=r"amount: 1+ has more than the 34 digits"):
        documents([("amount", array, None)], 1)


def test_json_that_is_none_is_refused_by_name():
    with pytest.raises(CannotEncodeError, match="data: "):
        documents([("data", pa.array(["{"]), LogicalType("json"))], 1)


def test_large_numbers_in_json_stay_exact_while_a_decimal_holds_them():
    found = decoded([("data", pa.array([str(2**64), str(-(10**40))]), LogicalType("json"))], 2)
    assert found[0]["data"].to_decimal() == 2**64
    assert found[1]["data"] == -1e40
