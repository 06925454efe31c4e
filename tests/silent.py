"""Nobody follows a work that is started from Python."""

from __future__ import annotations

from typing import Any


class Silent:
    """Implements `loadlab.pipeline.Show`."""

    def step(self, text: str) -> None: ...

    def notes(self, notes: Any) -> None: ...

    def seeding(self, progress: Any) -> None: ...

    def load(self, *progress: Any) -> None: ...

    def working(self, text: str, done: int, total: int) -> None: ...
