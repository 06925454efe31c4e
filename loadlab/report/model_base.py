"""What every kind of result is made of.

Versioned: a field is only ever added within a version, and readers ignore fields they do not know, so that every
LoadLab of a version reads every result of it. `loadlab schema` prints the JSON Schemas.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

VERSION = 1

Kind = Literal["simple", "complex", "report", "write"]
Bounds = tuple[float | None, float | None]
"""Lower and upper end of an interval; null is an end that the samples could not bound."""


class ResultModel(BaseModel):
    """Base of every part of `result.json`: frozen, unknown fields ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Percentiles(ResultModel):
    """Microseconds; null where nothing was recorded."""

    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float | None
    mean: float | None
