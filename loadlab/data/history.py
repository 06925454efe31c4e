"""When the history of a dataset ends: settled once, so that the same command goes on with the same dataset tomorrow."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from loadlab.schema.manifest import Manifest
from loadlab.spec.shapes import DataShape

Until = dt.date | Literal["today"] | None


def settled(shape: DataShape, until: Until, there: Manifest | None) -> DataShape:
    """The shape with a date as its end. `until` is the command line's word (None: the scenario's), `there` what a
    database is filled with: where today is asked for, it has the end that it has."""
    end = shape.time.end if until is None else until
    if end == "today":
        if there is not None:
            return shape.model_copy(update={"time": DataShape.model_validate(there.body["shape"]).time})
        end = dt.datetime.now(dt.UTC).date()
    if end == shape.time.end:
        return shape
    return shape.model_copy(update={"time": shape.time.until(end)})
