"""Values that people write become cells and come back as they were written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.data.core.cells import to_arrow
from loadlab.data.overlay.given import given_array, given_cells, merged, plain_values
from loadlab.errors import InputError
from loadlab.schema.model import LogicalType
from tests import schemas

FLOAT = LogicalType("float", "double precision", bits=64)
SPAN = LogicalType("interval", "interval")
BYTES = LogicalType("bytes", "bytea")
TIME = LogicalType("time", "time")
PLAIN = LogicalType("timestamp", "timestamp")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
KINDS: list[tuple[LogicalType, st.SearchStrategy[Any]]] = [
    (schemas.SMALLINT, st.integers(-(2**15), 2**15 - 1)),
    (schemas.BIGINT, st.integers(-(2**63), 2**63 - 1)),
    (schemas.MONEY, st.decimals(-(10**8) + 1, 10**8 - 1, places=2, allow_nan=False)),
    (FLOAT, st.floats(allow_nan=False)),
    (schemas.BOOL, st.booleans()),
    (schemas.TEXT, st.text(st.characters(exclude_categories=["Cs"]))),
    (schemas.UUID, st.uuids()),
    (schemas.JSON, JSON_VALUES.filter(lambda value: value is not None)),
    (BYTES, st.binary()),
    (schemas.DATE, st.dates()),
    (TIME, st.times()),
    (PLAIN, st.datetimes()),
    (schemas.WHEN, st.datetimes(timezones=st.just(dt.UTC))),
    (SPAN, st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999))),
    (schemas.TEXTS, st.lists(st.none() | st.text("abc", max_size=3), max_size=4)),
]


@given(st.sampled_from(range(len(KINDS))), st.data())
def test_there_and_back(which: int, draw: st.DataObject) -> None:
    kind, strategy = KINDS[which]
    values = draw.draw(st.lists(st.none() | strategy, max_size=8))
    array = given_array(values, kind, "here")
    assert plain_values(array, kind) == values
    assert to_arrow(given_cells(values, kind, "here"), kind).equals(array)


@given(st.sampled_from(range(len(KINDS))), st.data())
def test_one_column_in_another(which: int, draw: st.DataObject) -> None:
    kind, strategy = KINDS[which]
    first = draw.draw(st.lists(st.none() | strategy, min_size=1, max_size=8))
    second = draw.draw(st.lists(st.none() | strategy, min_size=1, max_size=4))
    mask = np.array(draw.draw(st.lists(st.booleans(), min_size=len(first), max_size=len(first))))
    picks = np.array(draw.draw(st.lists(st.integers(0, len(second) - 1), min_size=len(first), max_size=len(first))))
    both = merged(given_cells(first, kind, "x"), given_cells(second, kind, "x"), mask, picks)
    wanted = [second[pick] if taken else value for value, taken, pick in zip(first, mask, picks, strict=True)]
    assert plain_values(to_arrow(both, kind), kind) == wanted


@pytest.mark.parametrize(
    "value, kind, made",
    [
        ("12.345", schemas.MONEY, Decimal("12.35")),
        (7, schemas.MONEY, Decimal("7.00")),
        ("00000000-0000-4000-8000-000000000001", schemas.UUID, UUID(int=0x40008000000000000001)),
        ("2024-02-29T12:00:00+02:00", schemas.WHEN, dt.datetime(2024, 2, 29, 10, tzinfo=dt.UTC)),
        (dt.date(2024, 1, 2), PLAIN, dt.datetime(2024, 1, 2)),
        (5.0, schemas.INT, 5),
        (dt.datetime(2024, 5, 6, 7, tzinfo=dt.timezone(dt.timedelta(hours=2))), PLAIN, dt.datetime(2024, 5, 6, 5)),
    ],
)
def test_other_ways_to_write_a_value(value: object, kind: LogicalType, made: object) -> None:
    assert plain_values(given_array([value], kind, "here"), kind) == [made]


@pytest.mark.parametrize(
    "value, kind, message",
    [
        (1.5, schemas.INT, "here=1.5 is no value for integer: it is no whole number"),
        (True, schemas.INT, "here=True is no value for integer"),
        (2**31, schemas.INT, "it must lie between -2,147,483,648 and 2,147,483,647"),
        ("x", schemas.UUID, "here='x' is no value for uuid"),
        ("yes", schemas.BOOL, "it is neither true nor false"),
        ("soon", schemas.WHEN, "here='soon' is no value for timestamptz"),
        (float("nan"), schemas.MONEY, "it is not finite"),
        ("a,b", schemas.TEXTS, "it is no list"),
        ({1, 2}, schemas.JSON, "is no value for jsonb"),
    ],
)
def test_a_value_that_does_not_fit_is_named(value: object, kind: LogicalType, message: str) -> None:
    with pytest.raises(InputError) as caught:
        given_array(["x" if kind.kind == "text" else None, value], kind, "here")
    assert message in str(caught.value)
