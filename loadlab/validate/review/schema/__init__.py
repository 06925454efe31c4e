"""Rules that look at tables, columns and constraints."""

from __future__ import annotations

from loadlab.validate.review.model import Rule

SCHEMA_RULES: tuple[Rule, ...] = ()
