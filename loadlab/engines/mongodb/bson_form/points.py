"""Points on a map as GeoJSON, which is what 2dsphere indexes are of.

They come as extended well-known binary, little-endian (https://postgis.net/docs/using_postgis_dbmanagement.html#EWKB_EWKT):
a byte 1 for the byte order, 32 bits of type and flags, 32 bits of SRID if the flag says so, the coordinates.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.engines.mongodb.bson_form.value import ARRAY, DOCUMENT, DOUBLE, STRING, Value, lengths_of, present
from loadlab.engines.packed_bytes import Field, binary, data

_WIDTHS = (21, 25)  # without and with an SRID
_TYPE = 1
_SRID_FLAG = 0x20000000


def point(array: pa.Array) -> Value | None:
    """`{type: "Point", coordinates: [x, y]}`; None where a value is something else."""
    found = binary(array)
    there = present(found)
    widths = set(lengths_of(found)[there].tolist())
    if not widths:
        return Value(DOCUMENT, [])
    if len(widths) > 1 or not widths <= set(_WIDTHS):
        return None
    (width,) = widths
    octets = np.frombuffer(data(found.filter(pa.array(there))), np.uint8).reshape(-1, width)
    kinds = octets[:, 1:5].copy().view("<u4")[:, 0]
    wanted = _TYPE | (_SRID_FLAG if width == _WIDTHS[1] else 0)
    if not ((octets[:, 0] == 1) & (kinds == wanted)).all():
        return None
    places = np.zeros((len(array), 2))
    places[there] = octets[:, width - 16 :].copy().view("<f8")
    return Value(DOCUMENT, [_geojson(places[:, 0], places[:, 1])])


def _geojson(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> list[Field]:
    kind = bytes([STRING]) + b"type\0" + (6).to_bytes(4, "little") + b"Point\0"
    name = bytes([ARRAY]) + b"coordinates\0"
    first, second = bytes([DOUBLE]) + b"0\0", bytes([DOUBLE]) + b"1\0"
    inner = 4 + len(first) + 8 + len(second) + 8 + 1
    whole = 4 + len(kind) + len(name) + inner + 1
    return [
        ("<i4", whole), (f"S{len(kind)}", kind), (f"S{len(name)}", name),
        ("<i4", inner), (f"S{len(first)}", first), ("<f8", x), (f"S{len(second)}", second), ("<f8", y), ("u1", 0),
        ("u1", 0),
    ]  # fmt: skip
