"""Collections that are there as a schema: validators, indexes, and what a sample of their documents holds."""

from __future__ import annotations

from loadlab.engines.mongodb.existing.reading import Found, read_existing

__all__ = ["Found", "read_existing"]
