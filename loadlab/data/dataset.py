"""The dataset: every cell of every table as a pure function of its row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Mask, arrow_type, to_arrow
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame
from loadlab.data.nesting import Nesting
from loadlab.data.plan.planner import DataPlan, DataRequest, plan_data, used_pools
from loadlab.errors import InputError
from loadlab.schema.manifest import Manifest
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import KEY, Documents, content_of, documents_of, table_as_stored
from loadlab.spec.shapes import DataShape

# Raised when a change of the generators changes what the same manifest yields.
GENERATOR_VERSION = 3


class Dataset:
    """Rows by number, in any order, in any process: the same manifest yields the same values."""

    def __init__(self, plan: DataPlan, manifest: Manifest) -> None:
        self.plan = plan
        self.manifest = manifest

    @classmethod
    def plan_for(cls, schema: Schema, request: DataRequest, *, owns_tables: bool) -> Dataset:
        """Plan the data of a schema. Raises InputError and InfeasibleError as `plan_data` does."""
        plan = plan_data(schema, request)
        return cls(plan, _manifest(plan, request, schema, owns_tables))

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> Dataset:
        """The dataset that a manifest describes, one that never grew (`loadlab.data.growth.dataset_of` takes any).

        Raises InputError when this version of LoadLab (or of the libraries that make its vocabularies) would make
        other values from it.
        """
        body = manifest.body
        rows: Mapping[str, int] = body["rows"]
        dataset = cls.plan_for(manifest.schema, _request(manifest), owns_tables=manifest.owns_tables)
        if dataset.manifest.fingerprint != manifest.fingerprint or any(
            dataset.row_count(table) != count for table, count in rows.items()
        ):
            raise InputError(
                "the database", "was filled by another version of LoadLab or of Faker/mimesis; seed it anew"
            )
        return dataset

    def remedied(self, remedies: Mapping[str, Mapping[str, str]]) -> Dataset:
        """The same dataset with these remedies for CHECKs that are not understood (`DataRequest.remedies`)."""
        request = replace(_request(self.manifest), remedies=remedies)
        return Dataset.plan_for(self.manifest.schema, request, owns_tables=self.manifest.owns_tables)

    def with_documents(self, documents: Documents) -> Dataset:
        """The same rows, some of them standing in others."""
        request = replace(_request(self.manifest), documents=documents.to_json())
        return Dataset(self.plan, _manifest(self.plan, request, self.manifest.schema, self.manifest.owns_tables))

    @property
    def tables(self) -> tuple[str, ...]:
        """Table keys, parents first."""
        return self.plan.order

    def table(self, key: str) -> Table:
        return self.plan.tables[key].table

    def stored_table(self, key: str) -> Table:
        """The table with a column for whatever stands in its rows, as `nesting` makes them."""
        return table_as_stored(self.manifest.schema, self.nesting.documents, key)

    def loaded_table(self, key: str) -> Table:
        """The table with the columns that the dataset fills: not those left to the server."""
        plan = self.plan.tables[key]
        return replace(plan.table, columns=tuple(c for c in plan.table.columns if c.name in plan.columns))

    def is_default(self, table: str) -> bool:
        """Whether nobody stated the table's row count."""
        return table in self.manifest.body["rows_by_default"]

    def row_count(self, table: str) -> int:
        """Rows that are seeded."""
        return self.plan.tables[table].rows

    @property
    def now_us(self) -> int:
        """When the newest row was written, µs since 1970 (UTC)."""
        moments = [self.plan.clock.start_us]
        for plan in self.plan.tables.values():
            if plan.rows and not plan.reference:
                moments.append(int(self._frame(plan.table.key, np.array([plan.rows - 1])).moment_us()[0]))
        return max(moments)

    def values(self, table: str, column: str, rows: Int64s) -> pa.Array:
        """A column of any rows; rows beyond `row_count` are new ones that collide with no seeded row. Shape (n,)."""
        plan = self.plan.tables[table]
        return to_arrow(self._frame(table, rows).cells(column), plan.type_of(column))

    def columns(self, table: str, names: tuple[str, ...], rows: Int64s) -> dict[str, pa.Array]:
        """Several columns of the same rows, sharing what they have in common."""
        plan, frame = self.plan.tables[table], self._frame(table, rows)
        return {name: to_arrow(frame.cells(name), plan.type_of(name)) for name in names}

    def batch(self, table: str, start: int, stop: int) -> pa.RecordBatch:
        """Rows [start, stop): the filled columns in schema order."""
        columns = self.loaded_table(table).columns
        arrays = self.columns(table, tuple(c.name for c in columns), np.arange(start, stop, dtype=np.int64))
        fields = [pa.field(c.name, arrow_type(c.type), nullable=c.nullable) for c in columns]
        return pa.RecordBatch.from_arrays([arrays[c.name] for c in columns], schema=pa.schema(fields))

    @cached_property
    def nesting(self) -> Nesting:
        """The rows as they stand in the database, some of them in others."""
        return Nesting(self, self.plan.tables, documents_of(self.manifest))

    def parent_rows(self, table: str, relation: str, rows: Int64s) -> tuple[Int64s, Mask | None]:
        """As `Relation.parent_rows`, for rows of any dataset, a grown one too."""
        frame = self._frame(table, rows)
        parents, valid = frame.parent(frame.relation(relation))
        return parents.rows, valid

    def cell(self, table: str, column: str, row: int) -> Any:
        """One value, as Python."""
        return self.values(table, column, np.array([row], dtype=np.int64))[0].as_py()

    def _frame(self, table: str, rows: Int64s) -> Frame:
        return Frame(self.plan.tables[table], np.asarray(rows, dtype=np.int64), self.plan.tables, self.plan.clock)


def _request(manifest: Manifest) -> DataRequest:
    """What a manifest was made for."""
    body = manifest.body
    full: Mapping[str, int] = body["full_rows"]
    return DataRequest(
        shape=DataShape.model_validate(body["shape"]),
        scale=body["scale"],
        seed=body["seed"],
        full_rows=full.get,
        rows={} if body["rows_stated"] is None else body["rows_stated"],
        rows_everywhere=body["rows_everywhere"],
        default_rows=body["default_rows"],
        default_rows_of=body.get("default_rows_of", {}),
        place=body["place"],
        remedies=body.get("remedies", {}),
        documents=body.get(KEY),
    )


def rows_fingerprint(manifest: Manifest) -> str:
    """A digest of what determines the rows, whatever indexes the tables have for speed alone."""
    said = {name: value for name, value in manifest.body.items() if name not in ("place", "schema", KEY)}
    text = json.dumps([said, manifest.schema.structure_fingerprint], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _manifest(plan: DataPlan, request: DataRequest, schema: Schema, owns_tables: bool) -> Manifest:
    """What determines the content, and a digest of it. Only what was said goes in; defaults follow from the version."""
    full_rows: Callable[[str], int | None] = request.full_rows
    body = {
        "generator": GENERATOR_VERSION,
        "seed": plan.seed,
        "scale": plan.scale,
        "rows": {key: plan.tables[key].rows for key in plan.order},
        "full_rows": {key: full_rows(key) for key in plan.order if full_rows(key) is not None},
        "rows_stated": dict(request.rows),
        "rows_everywhere": request.rows_everywhere,
        "default_rows": request.default_rows,
        "rows_by_default": [key for key in plan.order if request.is_default(key)],
        "shape": request.shape.model_dump(mode="json", exclude_defaults=True),
        "place": request.place,
        "pools": used_pools(plan),
        "schema": schema.fingerprint,
    }
    if request.default_rows_of:
        body["default_rows_of"] = dict(request.default_rows_of)
    if request.remedies:
        body["remedies"] = {table: dict(chosen) for table, chosen in request.remedies.items()}
    digest = {name: value for name, value in body.items() if name != "place"}
    if request.documents:
        body[KEY] = request.documents
        digest |= {KEY: moved} if (moved := content_of(request.documents)) else {}
    text = json.dumps(digest, sort_keys=True)
    fingerprint = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    return Manifest(fingerprint, body, schema, owns_tables)
