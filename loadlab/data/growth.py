"""A dataset that went on: more rows at the end of every growing table, and no row that was there changed.

Row order is history and a cell is a function of its row, so a larger dataset begins like a smaller one, save at the
edge: the last children of a small dataset belong to parents that exist there. A grown dataset therefore keeps the one
it came from: its rows are asked of it, and only rows beyond them are made by the larger plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells, Mask
from loadlab.data.core.clock import Clock
from loadlab.data.core.hashing import Int64s
from loadlab.data.dataset import Dataset
from loadlab.data.frame import Frame, TablePlan
from loadlab.data.nesting import Nesting
from loadlab.data.plan.planner import DataPlan, DataRequest
from loadlab.data.relations.relation import Relation
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.manifest import Manifest
from loadlab.schema.nesting import KEY, documents_of
from loadlab.spec.shapes import DataShape

# Rows on both sides of the seam in which the unique keys are compared before anything is written.
_SEAM_ROWS = 4096
_SHARE_STEPS = 200


class GrownDataset(Dataset):
    """`earlier` has the rows that were there; `plan` and `manifest` are of the whole."""

    def __init__(self, plan: DataPlan, manifest: Manifest, earlier: Dataset) -> None:
        super().__init__(plan, manifest)
        self.earlier = earlier

    @cached_property
    def nesting(self) -> Nesting:
        """As of any dataset; where new rows stand in rows that were there, behind those that stood in them."""
        return Nesting(self, self.plan.tables, documents_of(self.manifest), self.earlier.nesting)

    def _frame(self, table: str, rows: Int64s) -> Frame:
        rows = np.asarray(rows, dtype=np.int64)
        return _SeamFrame(self.plan.tables[table], rows, self.plan.tables, self.plan.clock, self.earlier)


class _LateFrame(Frame):
    """Rows that came with the growth; their parents may be older."""

    def __init__(
        self, plan: TablePlan, rows: Int64s, plans: Mapping[str, TablePlan], clock: Clock, earlier: Dataset
    ) -> None:
        super().__init__(plan, rows, plans, clock)
        self._earlier = earlier

    def _frame(self, table: str, rows: Int64s) -> Frame:
        return _SeamFrame(self._plans[table], rows, self._plans, self._clock, self._earlier)


class _SeamFrame(_LateFrame):
    """Rows of both sides of the seam."""

    def __init__(
        self, plan: TablePlan, rows: Int64s, plans: Mapping[str, TablePlan], clock: Clock, earlier: Dataset
    ) -> None:
        super().__init__(plan, rows, plans, clock, earlier)
        key = plan.table.key
        self._is_old = rows < earlier.row_count(key)
        self._old = earlier._frame(key, rows[self._is_old])
        self._new = _LateFrame(plan, rows[~self._is_old], plans, clock, earlier)

    def cells(self, column: str) -> Cells:
        if self._is_old.all():
            return self._old.cells(column)
        if not self._is_old.any():
            return self._new.cells(column)
        if column not in self._cells:
            self._cells[column] = _joined(self._old.cells(column), self._new.cells(column), self._is_old)
        return self._cells[column]

    def parent(self, relation: Relation) -> tuple[Frame, Mask | None]:
        if relation.name not in self._parents:
            theirs = next(r for r in self._old.plan.relations if r.name == relation.name)
            (old_rows, old_valid), (new_rows, new_valid) = (
                theirs.parent_rows(self._old.rows),
                relation.parent_rows(self._new.rows),
            )
            valid = None
            if old_valid is not None or new_valid is not None:
                valid = np.ones(len(self), dtype=bool)
                valid[self._is_old] = True if old_valid is None else old_valid
                valid[~self._is_old] = True if new_valid is None else new_valid
            rows = np.empty(len(self), dtype=np.int64)
            rows[self._is_old], rows[~self._is_old] = old_rows, new_rows
            self._parents[relation.name] = (self._frame(relation.target, rows), valid)
        return self._parents[relation.name]

    def give(self, cells: Mapping[str, Cells], moments_us: Int64s, worlds: Mapping[int, Int64s]) -> None:
        """For new rows, whose cells are asked of the larger plan."""
        super().give(cells, moments_us, worlds)
        if not self._is_old.any():
            self._new.give(cells, moments_us, worlds)

    def moment_us(self) -> Int64s:
        if self._moment is None:
            self._moment = np.empty(len(self), dtype=np.int64)
            self._moment[self._is_old] = self._old.moment_us()
            self._moment[~self._is_old] = self._new.moment_us()
        return self._moment


def _joined(old: Cells, new: Cells, is_old: Mask) -> Cells:
    valid = None
    if old.valid is not None or new.valid is not None:
        valid = np.ones(len(is_old), dtype=bool)
        valid[is_old] = True if old.valid is None else old.valid
        valid[~is_old] = True if new.valid is None else new.valid
    if isinstance(old.values, (pa.Array, pa.ChunkedArray)) or isinstance(new.values, (pa.Array, pa.ChunkedArray)):
        pieces = [_array(old.values), _array(new.values)]
        known = next((piece.type for piece in pieces if not pa.types.is_null(piece.type)), pa.null())
        picks = np.empty(len(is_old), dtype=np.int64)
        picks[is_old] = np.arange(len(old))
        picks[~is_old] = len(old) + np.arange(len(new))
        return Cells(pa.concat_arrays([piece.cast(known) for piece in pieces]).take(pa.array(picks)), valid)
    first = np.asarray(old.values)
    values = np.empty((len(is_old), *first.shape[1:]), dtype=first.dtype)
    values[is_old], values[~is_old] = first, new.values
    return Cells(values, valid)


def _array(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    return values if isinstance(values, pa.Array) else pa.array(values)


# -- how far ---------------------------------------------------------------------------------------------------------


def scale_after(dataset: Dataset, span_us: int) -> float:
    """The scale at which the history has gone on for `span_us` since the dataset's own scale."""
    scale: float = dataset.manifest.body["scale"]

    def moment(share: float) -> int:
        return int(dataset.plan.clock.moment_us(np.array([share]))[0])

    goal = moment(scale) + span_us
    low, high = scale, max(scale * 2, 1e-9)
    while moment(high) < goal:
        low, high = high, high * 2
    for _ in range(_SHARE_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if moment(middle) < goal else (low, middle)
    return high


def scale_for_rows(dataset: Dataset, table: str, rows: int) -> float:
    """The scale at which a table has so many rows. Raises InputError for a table that cannot."""
    place = f"--rows {table}"
    if table not in dataset.plan.tables:
        raise InputError(place, f"names no table of the dataset; tables: {', '.join(dataset.tables)}")
    plan = dataset.plan.tables[table]
    if plan.reference:
        raise InputError(place, "does not grow: its size does not follow the scale (scales: false)")
    if rows < plan.rows:
        raise InputError(place, f"is less than the {plan.rows:,} rows that are there; growing only appends", value=rows)
    return rows / plan.full_rows if rows != plan.rows else float(dataset.manifest.body["scale"])


def grown(dataset: Dataset, scale: float, asked: str) -> GrownDataset:
    """The dataset gone on up to a scale. `asked` says in words what was asked for.

    Raises InputError, and InfeasibleError where a growing table has no room for more rows.
    """
    body = dataset.manifest.body
    if scale < body["scale"]:
        raise InputError("--scale", f"is below the {body['scale']:g} that is there; growing only appends", value=scale)
    tables = dataset.plan.tables
    full = {key: plan.rows if plan.reference else plan.full_rows for key, plan in tables.items()}
    request = DataRequest(
        shape=DataShape.model_validate(body["shape"]),
        scale=scale,
        seed=body["seed"],
        # Whole numbers where they are: the plan of the larger dataset must have the very same full volume.
        full_rows={key: int(count) if count == int(count) else count for key, count in full.items()}.get,  # type: ignore[arg-type]
        rows={},
        place=body["place"],
        remedies=body.get("remedies", {}),
        documents=body.get(KEY),
    )
    larger = Dataset.plan_for(dataset.manifest.schema, request, owns_tables=dataset.manifest.owns_tables)
    result = GrownDataset(larger.plan, _manifest(dataset, larger, asked), dataset)
    for key in result.tables:
        if result.row_count(key) < dataset.row_count(key):
            raise InfeasibleError(
                f"{key}",
                f"would shrink from {dataset.row_count(key):,} to {result.row_count(key):,} rows at this scale",
            )
    _check_seam(result)
    return result


def _check_seam(dataset: GrownDataset) -> None:
    """Raises InfeasibleError where a new row near the seam would have the unique key of an old one."""
    for table in dataset.tables:
        seam, end = dataset.earlier.row_count(table), dataset.row_count(table)
        rows = np.arange(max(0, seam - _SEAM_ROWS), min(end, seam + _SEAM_ROWS), dtype=np.int64)
        if end == seam:
            continue
        stored = {column.name for column in dataset.table(table).stored_columns}
        for key in dataset.table(table).unique_keys:
            if not set(key) <= stored:
                continue
            columns = dataset.columns(table, key, rows)
            values = [v for v in zip(*(columns[name].to_pylist() for name in key), strict=True) if None not in v]
            if len(set(values)) != len(values):
                raise InfeasibleError(
                    f"{table}.{','.join(key)}", "would not stay unique; grow a little further, or less far"
                )


def _manifest(earlier: Dataset, larger: Dataset, asked: str) -> Manifest:
    body = {
        **larger.manifest.body,
        "asked": asked,
        "larger": larger.manifest.fingerprint,
        "earlier": {"fingerprint": earlier.manifest.fingerprint, "body": dict(earlier.manifest.body)},
    }
    digest = hashlib.blake2b(json.dumps([body["larger"], body["earlier"]], sort_keys=True).encode(), digest_size=12)
    return Manifest(digest.hexdigest(), body, larger.manifest.schema, larger.manifest.owns_tables)


def is_grown(manifest: Manifest) -> bool:
    """Whether the manifest is a grown dataset's."""
    return "earlier" in manifest.body


def dataset_of(manifest: Manifest) -> Dataset:
    """The dataset of a manifest, grown or not. Raises InputError as `Dataset.from_manifest` does."""
    if not is_grown(manifest):
        return Dataset.from_manifest(manifest)
    body = dict(manifest.body)
    before, larger, _ = body.pop("earlier"), body.pop("larger"), body.pop("asked")
    earlier = dataset_of(Manifest(before["fingerprint"], before["body"], manifest.schema, manifest.owns_tables))
    plan = Dataset.from_manifest(Manifest(larger, body, manifest.schema, manifest.owns_tables)).plan
    return GrownDataset(plan, manifest, earlier)
