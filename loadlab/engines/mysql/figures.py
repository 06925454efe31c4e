"""Figures on a map: the data's extended well-known binary, and what the server reads."""

from __future__ import annotations

import struct

import pyarrow as pa

_HAS_SRID = 0x2000_0000  # PostGIS's extension of the type's word
_TYPE = struct.Struct("<I")
_HEAD_BYTES, _SRID_BYTES = 5, 4


def without_srid(array: pa.Array) -> pa.Array:
    """Plain well-known binary (little-endian): the type's word without its flag, the number behind it gone."""
    return pa.array([None if item is None else _plain(item) for item in array.to_pylist()], pa.binary())


def _plain(raw: bytes) -> bytes:
    (word,) = _TYPE.unpack_from(raw, 1)
    if not word & _HAS_SRID:
        return raw
    return raw[:1] + _TYPE.pack(word & ~_HAS_SRID) + raw[_HEAD_BYTES + _SRID_BYTES :]
