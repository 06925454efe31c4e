"""Targets: the stated limits, one by one, each with the place it comes from.

Order of precedence: the scenario's `targets`, the brief, the documents' defaults ("Performance Validation
Benchmarks" of the brief's own document: simple < 1 ms, complex < 50 ms, reports < 2 s, index hit ratio > 95 %,
connection utilisation < 80 % of the pool, index storage < 20 %; index coverage 95 % of the queries from the
schema checklist). A default is always marked as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from loadlab.spec.base import SpecModel
from loadlab.spec.requirements import Brief, DurationLimit, Size
from loadlab.units import Comparison, parse_duration_s, parse_share, parse_size_bytes, split_limit

Source = Literal["scenario", "brief", "default"]
Unit = Literal["us", "ratio", "per_s", "users", "bytes", "violations"]
TargetKind = Literal[
    "latency",
    "error_rate",
    "read_rate",
    "write_rate",
    "concurrent_users",
    "index_hit_ratio",
    "index_coverage",
    "connection_utilisation",
    "index_storage_overhead",
    "data_volume",
    "integrity",
]


def _share_limit(text: str) -> str:
    parse_share(split_limit(text, "<")[1])
    return text


ShareLimit = Annotated[str, AfterValidator(_share_limit)] | Literal[False]
"""A limit of a share; `false` (YAML also: `off`) leaves the target out."""
LatencyLimit = DurationLimit | Literal[False]


class TargetOverrides(SpecModel):
    """The scenario's own limits; what is absent falls back to the brief, then to the documents' defaults."""

    percentile: Annotated[float, Field(gt=0, lt=100)] | None = Field(
        default=None, description="Percentile that latency limits are judged at (95 when absent)."
    )
    simple_queries: LatencyLimit | None = None
    complex_queries: LatencyLimit | None = None
    reports: LatencyLimit | None = None
    writes: LatencyLimit | None = Field(
        default=None, description="No document states a limit for writes, so there is none unless it is given here."
    )
    error_rate: ShareLimit | None = None
    concurrent_users: int | None = Field(default=None, gt=0)
    read_operations_per_second: float | None = Field(default=None, gt=0)
    write_operations_per_second: float | None = Field(default=None, gt=0)
    index_hit_ratio: ShareLimit | None = None
    index_coverage: ShareLimit | None = None
    connection_utilisation: ShareLimit | None = None
    index_storage_overhead: ShareLimit | None = None
    data_volume: Size | None = Field(default=None, description="Most bytes that the full volume may take.")


@dataclass(frozen=True, slots=True)
class Target:
    """One stated limit. `limit` is in `unit`; `operation_kind` and `percentile` belong to latency targets only."""

    name: str
    kind: TargetKind
    sign: Comparison
    limit: float
    unit: Unit
    source: Source
    operation_kind: str | None = None
    percentile: float | None = None
    note: str = ""

    @property
    def is_upper(self) -> bool:
        """Whether smaller is better."""
        return self.sign in ("<", "<=")


DEFAULT_PERCENTILE = 95.0
_LATENCY = {"simple_queries": "simple", "complex_queries": "complex", "reports": "report", "writes": "write"}
_DEFAULT_LATENCY = {"simple_queries": "< 1ms", "complex_queries": "< 50ms", "reports": "< 2s"}
# (name, sign when none is written, default limit)
_SHARES: tuple[tuple[TargetKind, Comparison, str], ...] = (
    ("error_rate", "<=", "<= 0%"),
    ("index_hit_ratio", ">", "> 95%"),
    ("index_coverage", ">=", ">= 95%"),
    ("connection_utilisation", "<", "< 80%"),
    ("index_storage_overhead", "<", "< 20%"),
)


def resolve_targets(
    brief: Brief | None, overrides: TargetOverrides, *, checks_integrity: bool = False
) -> tuple[Target, ...]:
    """Every target that a run must answer, in the order of the report.

    `checks_integrity`: the scenario states what must be true of the data after the load.
    """
    integrity = Target("integrity", "integrity", "<=", 0.0, "violations", "scenario")
    return (
        *_latency_targets(brief, overrides),
        *_load_targets(brief, overrides),
        *([integrity] if checks_integrity else []),
        *_share_targets(overrides),
    )


def _latency_targets(brief: Brief | None, overrides: TargetOverrides) -> Iterator[Target]:
    percentile = overrides.percentile or DEFAULT_PERCENTILE
    stated = brief.performance_targets.query_performance if brief else None
    for name, kind in _LATENCY.items():
        choices: tuple[tuple[str | Literal[False] | None, Source], ...] = (
            (getattr(overrides, name), "scenario"),
            (getattr(stated, name, None), "brief"),
            (_DEFAULT_LATENCY.get(name), "default"),
        )
        stated_at = next(((text, source) for text, source in choices if text is not None), None)
        if stated_at is None:
            continue
        text, source = stated_at
        if text is False:
            continue
        sign, quantity = split_limit(text, "<")
        note = "" if overrides.percentile else f"no percentile is stated; judged at p{percentile:g}"
        yield Target(name, "latency", sign, parse_duration_s(quantity) * 1e6, "us", source, kind, percentile, note)


def _load_targets(brief: Brief | None, overrides: TargetOverrides) -> Iterator[Target]:
    stated = brief.performance_targets if brief else None
    names: tuple[tuple[str, TargetKind, Unit], ...] = (
        ("read_operations_per_second", "read_rate", "per_s"),
        ("write_operations_per_second", "write_rate", "per_s"),
        ("concurrent_users", "concurrent_users", "users"),
    )
    for name, kind, unit in names:
        own, briefed = getattr(overrides, name), getattr(stated, name, None)
        value, source = (own, "scenario") if own is not None else (briefed, "brief")
        if value:
            yield Target(name, kind, ">=", float(value), unit, source)  # type: ignore[arg-type]
    volume = overrides.data_volume or (stated.data_volume.initial if stated else None)
    if volume:
        source = "scenario" if overrides.data_volume else "brief"
        yield Target("data_volume", "data_volume", "<=", parse_size_bytes(volume), "bytes", source)  # type: ignore[arg-type]


def _share_targets(overrides: TargetOverrides) -> Iterator[Target]:
    for name, default_sign, default in _SHARES:
        own: str | Literal[False] | None = getattr(overrides, name)
        if own is False:
            continue
        sign, quantity = split_limit(own or default, default_sign)
        source: Source = "scenario" if own else "default"
        yield Target(name, name, sign, parse_share(quantity), "ratio", source)
