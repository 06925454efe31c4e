"""Rules that look at indexes as they stand, without a load."""

from __future__ import annotations

from loadlab.validate.review.indexes.comparing import COMPARING_RULES
from loadlab.validate.review.indexes.foreign_keys import FOREIGN_KEY_RULES
from loadlab.validate.review.indexes.health import HEALTH_RULES
from loadlab.validate.review.model import Rule

INDEX_RULES: tuple[Rule, ...] = (*COMPARING_RULES, *FOREIGN_KEY_RULES, *HEALTH_RULES)
