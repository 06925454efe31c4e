"""What fails while the load warms up: none of the measured errors, but nothing to keep silent about."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from loadlab.measure.model import Interval

_SHOWN = 3


@dataclass(slots=True)
class WarmupFailures:
    """Failures by operation and outcome, interval by interval."""

    executions: int = 0
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, interval: Interval) -> None:
        for name, operation in interval.operations.items():
            self.executions += operation.count + sum(operation.errors.values())
            for outcome, number in operation.errors.items():
                self.failures[name, outcome] += number

    @property
    def note(self) -> str | None:
        """In words; None where nothing failed."""
        if not self.failures.total():
            return None
        told = [f"{name}: {number:,} × {outcome}" for (name, outcome), number in self.failures.most_common(_SHOWN)]
        more = "; and others" if len(self.failures) > _SHOWN else ""
        return (
            f"During warm-up {self.failures.total():,} of {self.executions:,} executions failed, which no target"
            f" counts ({'; '.join(told)}{more})."
        )
