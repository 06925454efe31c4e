"""Bytes of every table and index at a larger volume, from their sizes at a few smaller ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loadlab.engines.protocol import Evidence
from loadlab.schema.model import Partitioning, Schema, Table
from loadlab.validate.projection.regression import Projected, total
from loadlab.validate.projection.size_law import POINTS_MIN, SizeLaw, fit_size

Kind = Literal["rows", "toast", "index"]
_ADDS_UP = "btree"
# A server gives the free end of a table's file back when it is a larger share of it than this: one sixteenth by
# PostgreSQL's VACUUM (REL_TRUNCATE_FRACTION in backend/access/heap/vacuumlazy.c).
_SLACK_SHARE = 1 / 16
_PAGE_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Volume:
    """What was read of a filled database, right after its load: rows by table, and the sizes."""

    scale: float
    rows: Mapping[str, int]
    sizes: Evidence


@dataclass(frozen=True, slots=True)
class Part:
    """What is stored in files of its own: a table's rows, its TOAST, or one index.

    `name` is the index's, else empty; `method` its access method; `pieces` are partitions.
    """

    table: str
    kind: Kind
    name: str = ""
    method: str = ""
    pieces: int = 1


@dataclass(frozen=True, slots=True)
class FittedPart:
    """A part with its law and the sizes that it is made from; of rows also what one takes at least, 0 if not known."""

    part: Part
    law: SizeLaw
    sizes: tuple[int, ...]
    row_bytes: float = 0.0

    def project(self, rows: float) -> Projected:
        """Bytes of so many rows. Over a few pages a line may well be flatter than the rows that are in them."""
        return self.law.project(rows).at_least(self.row_bytes * rows)


@dataclass(frozen=True, slots=True)
class ProjectedPart:
    """A part at one volume."""

    part: Part
    size: Projected


@dataclass(frozen=True, slots=True)
class StorageAt:
    """Everything at one volume: rows by table, and each part's size."""

    rows: Mapping[str, float]
    parts: tuple[ProjectedPart, ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """In the order of the parts."""
        return tuple(dict.fromkeys(item.part.table for item in self.parts))

    def size(self, *kinds: Kind, table: str | None = None) -> Projected:
        """The sum over parts of these kinds (none: all), of one table or of all."""
        return total(
            item.size
            for item in self.parts
            if (not kinds or item.part.kind in kinds) and table in (None, item.part.table)
        )

    def index_overhead(self, table: str | None = None) -> tuple[float, float, float] | None:
        """Indexes by rows with TOAST: the value and its interval; None for what holds no bytes."""
        return ratio(self.size("index", table=table), self.size("rows", "toast", table=table))


def ratio(upper: Projected, lower: Projected) -> tuple[float, float, float] | None:
    """A ratio of two independent projections and its interval, the relative errors in quadrature.

    By the propagation of errors (JCGM 100:2008, 5.1), each side for itself, because intervals are not symmetric.
    """
    if lower.value <= 0:
        return None
    value = upper.value / lower.value
    if value <= 0:
        return 0.0, 0.0, 0.0
    (upper_low, upper_high), (lower_low, lower_high) = upper.interval(), lower.interval()
    down = math.hypot(1 - upper_low / upper.value, lower_high / lower.value - 1)
    up = math.hypot(upper_high / upper.value - 1, 1 - lower_low / lower.value)
    return value, max(0.0, value * (1 - down)), value * (1 + up)


@dataclass(frozen=True, slots=True)
class StorageLaws:
    """How every part grows with the rows of its table."""

    parts: tuple[FittedPart, ...]

    def at(self, rows: Mapping[str, float]) -> StorageAt:
        """All parts of these tables at so many rows each."""
        return StorageAt(
            rows,
            tuple(
                ProjectedPart(item.part, item.project(rows[item.part.table]))
                for item in self.parts
                if item.part.table in rows
            ),
        )


def fit_storage(volumes: Sequence[Volume], schema: Schema, row_bytes: Mapping[str, float] | None = None) -> StorageLaws:
    """From at least three volumes, smallest first; tables whose sizes the database does not tell are left out.

    `row_bytes` are, by table, those of a mean row with its header, where they are known.
    """
    assert len(volumes) >= POINTS_MIN
    fitted = []
    for table in schema:
        if all(table.key in volume.rows for volume in volumes):
            least = (row_bytes or {}).get(table.key, 0.0)
            fitted += [_fitted(part, sizes, volumes, least) for part, sizes in _parts(table, volumes)]
    return StorageLaws(tuple(fitted))


def _parts(table: Table, volumes: Sequence[Volume]) -> list[tuple[Part, tuple[int, ...]]]:
    seen = [volume.sizes.tables.get(table.key) for volume in volumes]
    whole = [item.size_bytes for item in seen if item is not None and item.size_bytes is not None]
    if len(whole) < len(volumes):
        return []
    toast = [(item.toast_bytes or 0) if item is not None else 0 for item in seen]
    pieces = _leaves(table.partitioning)
    parts = [
        (Part(table.key, "rows", pieces=pieces), tuple(w - t for w, t in zip(whole, toast, strict=True))),
        (Part(table.key, "toast", pieces=pieces), tuple(toast)),
    ]
    methods = {index.name: index.method for index in table.indexes}
    for name, index in volumes[-1].sizes.indexes.items():
        if index.table != table.key:
            continue
        found = [volume.sizes.indexes.get(name) for volume in volumes]
        sizes = [item.size_bytes for item in found if item is not None and item.size_bytes is not None]
        if len(sizes) == len(volumes):
            part = Part(table.key, "index", name, methods.get(name.rpartition(".")[2], _ADDS_UP), pieces)
            parts.append((part, tuple(sizes)))
    return [(part, sizes) for part, sizes in parts if part.kind != "toast" or any(sizes)]


def _fitted(part: Part, sizes: tuple[int, ...], volumes: Sequence[Volume], row_bytes: float) -> FittedPart:
    rows = [float(volume.rows[part.table]) for volume in volumes]
    steps = [_step(part, size, volume.sizes) for size, volume in zip(sizes, volumes, strict=True)]
    law = fit_size(rows, sizes, steps, adds_up=part.kind != "index" or part.method == _ADDS_UP)
    return FittedPart(part, law, sizes, row_bytes if part.kind == "rows" else 0.0)


def _step(part: Part, size: int, sizes: Evidence) -> float:
    """What a size may be too large by; the pieces' steps are independent of each other."""
    page = float(sizes.page_bytes or _PAGE_BYTES)
    ahead = min(float(sizes.extent_bytes or 0), _SLACK_SHARE * size) if part.kind == "rows" else 0.0
    return max(page, ahead) * math.sqrt(part.pieces)


def _leaves(partitioning: Partitioning | None) -> int:
    if partitioning is None:
        return 1
    return max(1, sum(_leaves(part.partitioning) for part in partitioning.partitions))
