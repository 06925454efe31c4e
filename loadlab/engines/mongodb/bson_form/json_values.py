"""JSON texts as the values that they say."""

from __future__ import annotations

import json
from typing import Any

import bson
import numpy as np
import pyarrow as pa
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from loadlab.engines.mongodb.bson_form.decimals import DIGITS
from loadlab.engines.mongodb.bson_form.value import NULL, Value

_INT64 = range(-(2**63), 2**63)


def json_value(array: pa.Array) -> Value:
    """Each distinct text is read once. Raises ValueError for what is no JSON."""
    encoded = array.dictionary_encode()
    pairs = [_encoded(item) for item in encoded.dictionary.to_pylist()]
    codes = pa.array([code for code, _ in pairs], pa.uint8()).take(encoded.indices).fill_null(NULL)
    bodies = pa.array([body for _, body in pairs], pa.binary()).take(encoded.indices)
    return Value(np.asarray(codes), [bodies])


def value_of(text: str) -> Any:
    """A JSON text as the driver takes it."""
    return json.loads(text, parse_int=_whole)


def _whole(text: str) -> int | float | Int64 | Decimal128:
    """Numbers that 64 bits do not hold are decimals while these hold them."""
    number = int(text)
    if number in _INT64:
        return number
    return Decimal128(text) if len(text.lstrip("-")) <= DIGITS else float(text)


def _encoded(text: str) -> tuple[int, bytes]:
    """The byte of the type and the bytes of the value: those of a document whose one element has no name."""
    document = bson.encode({"": value_of(text)})
    return document[4], document[6:-1]
