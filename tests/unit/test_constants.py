"""Values as scenarios write them, as cells of a column."""

from __future__ import annotations

import pyarrow as pa
import pytest

from loadlab.data.core.cells import arrow_type
from loadlab.data.core.constants import constant, limits
from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.errors import InputError
from loadlab.schema.model import Column, LogicalType, Schema, Table
from loadlab.spec.base import validate
from loadlab.spec.shapes import DataShape

FLAG = LogicalType("boolean", "boolean")


@pytest.mark.parametrize("word", [True, "true", "T", "yes", "on", 1, "1"])
def test_words_for_true(word):
    assert constant(word, FLAG, "p") is True


@pytest.mark.parametrize("word", [False, "FALSE", "f", "no", "off", 0, "0"])
def test_words_for_false(word):
    assert constant(word, FLAG, "p") is False


@pytest.mark.parametrize("word", ["maybe", 2, ""])
def test_what_is_neither_true_nor_false_is_named(word):
    with pytest.raises(InputError, match="is not of the column's type boolean"):
        constant(word, FLAG, "p")


@pytest.mark.parametrize("bits", [8, 16, 24, 32, 64])
def test_numbers_without_a_sign_reach_as_far_as_their_bits(bits):
    kind = LogicalType("integer", f"unsigned {bits}", bits=bits, unsigned=True)
    low, high = limits(kind)
    assert (low, high) == (0, 2 ** min(bits, 63) - 1)
    assert constant(high, kind, "p") == high
    assert pa.array([int(high)], arrow_type(kind)).to_pylist() == [high]
    with pytest.raises(InputError, match="cannot hold"):
        constant(-1, kind, "p")


def test_a_word_for_false_in_a_list_of_values_is_false():
    shape = validate(DataShape, {"tables": {"a": {"rows": 50, "columns": {"ok": {"values": ["false"]}}}}}, place="p")
    table = Table("a", (Column("id", LogicalType("integer")), Column("ok", FLAG, nullable=False)), primary_key=("id",))
    request = DataRequest(shape, 1.0, 5, lambda _: None, {})
    dataset = Dataset.plan_for(Schema((table,), "postgresql"), request, owns_tables=True)
    assert set(dataset.batch("a", 0, 50).column("ok").to_pylist()) == {False}
