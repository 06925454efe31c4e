"""Rules that look at indexes as they stand, without a load."""

from __future__ import annotations

from loadlab.validate.review.model import Rule

INDEX_RULES: tuple[Rule, ...] = ()
