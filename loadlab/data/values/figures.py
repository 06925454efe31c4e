"""Generators of figures: in the plane, and on the map as extended well-known binary.

Every coordinate is a whole number divided once, so it is the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key, permute
from loadlab.data.frame import Frame
from loadlab.data.values.composites import offsets_of

Floats64 = npt.NDArray[np.float64]

# Longitude and latitude of large cities, in 1/10,000 degree: where people and things are.
_CITIES = np.array(
    [
        (1397000, 356800), (772200, 286600), (1214700, 312300), (-466300, -235500), (-991300, 194300), (312400, 300400),
        (728800, 190800), (1163900, 399000), (904100, 238100), (1355000, 346900), (-740100, 407100), (290000, 410100),
        (-583800, -346000), (34000, 65200), (376200, 557600), (-1182400, 340500), (23500, 488600), (-1300, 515100),
        (-742100, 46100), (1068500, -62100), (1270000, 375700), (-876300, 418800), (135000, 525200), (-37000, 404200),
        (280500, -262000), (1512100, -338700), (-793800, 436500), (1039800, 13500), (368200, -12900), (181000, 593300),
    ],
    dtype=np.int64,
)  # fmt: skip
_DEGREE = 1_000_000
_SPREAD = 200_000  # a fifth of a degree around the middle of a city
_WKB_CODES = {
    "point": 1,
    "linestring": 2,
    "polygon": 3,
    "multipoint": 4,
    "multilinestring": 5,
    "multipolygon": 6,
    "geometrycollection": 7,
}
_WKB_Z, _WKB_M, _WKB_SRID = 0x8000_0000, 0x4000_0000, 0x2000_0000
_LITTLE_ENDIAN = 1
# Corners of a small figure, in units of its size; a polygon's ring ends where it began.
_SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
_LINE = ((0, 0), (1, 0), (2, 1), (3, 1))


def places(key: int, rows: Int64s) -> tuple[Floats64, Floats64]:
    """Longitude and latitude somewhere in a city, in steps of a millionth of a degree; two of shape (n,)."""
    city = _CITIES[below(hash_rows(make_key(key, "city"), rows), len(_CITIES))] * 100
    around = [below(hash_rows(make_key(key, axis), rows), 2 * _SPREAD) - _SPREAD for axis in ("x", "y")]
    return (city[:, 0] + around[0]) / float(_DEGREE), (city[:, 1] + around[1]) / float(_DEGREE)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Figures in the plane, each within a hundred units of a place."""

    key: int
    form: str

    def make(self, frame: Frame) -> Cells:
        x, y = places(self.key, frame.rows)
        wide, high = self._size(frame, "wide"), self._size(frame, "high")
        match self.form:
            case "point":
                return Cells(_struct(x=x, y=y))
            case "line":
                return Cells(_struct(a=wide, b=-high, c=y))
            case "segment":
                return Cells(_struct(x1=x, y1=y, x2=x + wide, y2=y + high))
            case "box":
                return Cells(_struct(x1=x + wide, y1=y + high, x2=x, y2=y))
            case "circle":
                return Cells(_struct(x=x, y=y, radius=wide))
        corners = [(x + wide * dx, y + high * dy) for dx, dy in _SQUARE[:-1]]
        points = _struct(
            x=np.stack([corner[0] for corner in corners], axis=1).ravel(),
            y=np.stack([corner[1] for corner in corners], axis=1).ravel(),
        )
        lists = pa.ListArray.from_arrays(offsets_of(np.full(len(frame), len(corners), np.int64)), points)
        if self.form == "polygon":
            return Cells(lists)
        closed = pa.array((hash_rows(make_key(self.key, "closed"), frame.rows) & np.uint64(1)).astype(np.bool_))
        return Cells(pa.StructArray.from_arrays([closed, lists], ["closed", "points"]))

    def _size(self, frame: Frame, axis: str) -> Floats64:
        return (below(hash_rows(make_key(self.key, axis), frame.rows), 400) + 1) / 4.0


def _struct(**children: Floats64) -> pa.Array:
    return pa.StructArray.from_arrays([pa.array(child, pa.float64()) for child in children.values()], list(children))


@dataclass(frozen=True, slots=True)
class Geometries:
    """Figures on the map: points in cities, lines and areas of some hundred metres that begin there."""

    key: int
    form: str
    srid: int

    def make(self, frame: Frame) -> Cells:
        x, y = places(self.key, frame.rows)
        size = (below(hash_rows(make_key(self.key, "size"), frame.rows), 900) + 100) / 1e5
        name, _, extra = self.form.partition(" ")
        return Cells(_Writer(x, y, size, len(extra)).binary(name, extra, self.srid))


@dataclass(frozen=True, slots=True)
class DistinctPoints:
    """Points on a grid of 2**40 places, a bijection of the row."""

    key: int
    form: str
    srid: int

    def make(self, frame: Frame) -> Cells:
        place = permute(frame.rows, 40, self.key)
        x = (place >> np.uint64(20)).astype(np.float64) * (360 / 2**20) - 180.0
        y = (place & np.uint64(2**20 - 1)).astype(np.float64) * (128 / 2**20) - 64.0
        extra = self.form.partition(" ")[2]
        return Cells(_Writer(x, y, x, len(extra)).binary("point", extra, self.srid))


@dataclass(frozen=True, slots=True)
class _Writer:
    """Well-known binary of figures that begin at (x, y); the figures of a column are all of the same length."""

    x: Floats64
    y: Floats64
    size: Floats64
    more: int
    """Coordinates beyond x and y."""

    def binary(self, name: str, extra: str, srid: int) -> pa.Array:
        flags = _WKB_Z * ("z" in extra) | _WKB_M * ("m" in extra)
        fields = self._figure(name, flags, srid)
        rows = len(self.x)
        made = np.empty(rows, np.dtype([(f"f{k}", dtype) for k, (dtype, _) in enumerate(fields)]))
        for k, (_, value) in enumerate(fields):
            made[f"f{k}"] = value
        starts = np.arange(rows + 1, dtype=np.int32) * np.int32(made.dtype.itemsize)
        return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(starts), pa.py_buffer(made)])

    def _figure(self, name: str, flags: int, srid: int) -> list[tuple[str, Any]]:
        code = _WKB_CODES[name] | flags | (_WKB_SRID if srid else 0)
        head: list[tuple[str, Any]] = [("u1", _LITTLE_ENDIAN), ("<u4", code)]
        head += [("<u4", srid)] if srid else []
        return head + self._content(name, flags)

    def _content(self, name: str, flags: int) -> list[tuple[str, Any]]:
        match name:
            case "point":
                return self._points(((0, 0),))
            case "linestring":
                return [("<u4", len(_LINE)), *self._points(_LINE)]
            case "polygon":
                return [("<u4", 1), ("<u4", len(_SQUARE)), *self._points(_SQUARE)]
        part = {"multipoint": "point", "multilinestring": "linestring", "multipolygon": "polygon"}.get(name, "point")
        other = "linestring" if name == "geometrycollection" else part
        # The second part lies beside the first, so that areas do not overlap.
        beside = _Writer(self.x + 4 * self.size, self.y, self.size, self.more)
        return [("<u4", 2), *self._figure(part, flags, 0), *beside._figure(other, flags, 0)]

    def _points(self, corners: tuple[tuple[int, int], ...]) -> list[tuple[str, Any]]:
        fields: list[tuple[str, Any]] = []
        for dx, dy in corners:
            fields += [("<f8", self.x + dx * self.size), ("<f8", self.y + dy * self.size)]
            fields += [("<f8", 0.0)] * self.more
        return fields
