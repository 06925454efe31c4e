"""Collections that are there as a schema: validators, indexes, and what a sample of their documents holds."""

from __future__ import annotations

from loadlab.engines.mongodb.existing.reading import Found, read_existing
from loadlab.engines.mongodb.existing.writing import script_of

__all__ = ["Found", "read_existing", "script_of"]
