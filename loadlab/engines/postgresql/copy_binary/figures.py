"""Figures in the plane (point … circle) and on the map (PostGIS' geometry and geography)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from loadlab.engines.packed_bytes import Body, CannotEncodeError, Field, binary, cast, concatenated, lists_of, values


def _coordinates(array: pa.Array) -> list[Field]:
    """The numbers of a struct of floats, in order."""
    if not pa.types.is_struct(array.type):
        raise CannotEncodeError(f"has {array.type}, not coordinates")
    return [(">f8", values(cast(child, pa.float64()), "<f8")) for child in array.flatten()]


def _simple(array: pa.Array) -> Body:
    """point (x, y), line (a, b, c), lseg and box (two corners), circle (x, y, radius)."""
    return Body(_coordinates(array))


def _polygon(array: pa.Array) -> Body:
    """How many corners, then each."""
    starts, points = lists_of(array)
    return Body([(">i4", np.diff(starts))], concatenated(starts, [_coordinates(points)], len(points)))


def _path(array: pa.Array) -> Body:
    """Whether it ends where it began, how many points, then each."""
    closed, points = array.flatten()
    inner = _polygon(points.fill_null([]) if points.null_count else points)
    flag = values(closed.fill_null(False).cast(pa.uint8()), "u1")
    return Body([("u1", flag), *inner.fields], inner.payload)


def _geometry(array: pa.Array) -> Body:
    """Extended well-known binary, as PostGIS takes it."""
    return Body([], binary(array))


BODIES: dict[str, Callable[[pa.Array], Body]] = {
    **dict.fromkeys(("point", "line", "lseg", "box", "circle"), _simple),
    "polygon": _polygon,
    "path": _path,
    "geometry": _geometry,
    "geography": _geometry,
}
