"""From a relational schema to documents: what is embedded, what is referenced, what is both, and why."""

from __future__ import annotations

from loadlab.engines.mongodb.documents.planning import plan_documents

__all__ = ["plan_documents"]
