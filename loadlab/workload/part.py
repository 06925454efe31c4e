"""Counts and latencies that processes report in pieces and that add up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadlab.measure.histogram import Histogram


@dataclass(slots=True)
class Part:
    """What was done of an operation or a shape of statement: in an interval or over all, by one process or more.

    `attempts` by outcome and `ended_late` are those of a load; a replay has neither.
    """

    errors: dict[str, int] = field(default_factory=dict)
    first_error: str | None = None
    service: Histogram = field(default_factory=Histogram)
    response: Histogram = field(default_factory=Histogram)
    attempts: dict[str, Histogram] = field(default_factory=dict)
    ended_late: int = 0

    def add(self, other: Part) -> None:
        for outcome, count in other.errors.items():
            self.errors[outcome] = self.errors.get(outcome, 0) + count
        self.first_error = self.first_error or other.first_error
        self.service.merge(other.service)
        self.response.merge(other.response)
        for outcome, histogram in other.attempts.items():
            self.attempts.setdefault(outcome, Histogram()).merge(histogram)
        self.ended_late += other.ended_late

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Part:
        service, response = (Histogram.from_sparse(data[name]) for name in ("service", "response"))
        attempts = {outcome: Histogram.from_sparse(sparse) for outcome, sparse in data.get("attempts", {}).items()}
        return cls(dict(data["errors"]), data["first_error"], service, response, attempts, data.get("ended_late", 0))
