"""Rules that look at what the load asks for, and at what it leaves unused."""

from __future__ import annotations

from loadlab.validate.review.load.asking import N_PLUS_ONE_RULE, SELECT_STAR_RULE
from loadlab.validate.review.load.indexes import MISSING_INDEX_RULE, UNUSED_INDEX_RULE
from loadlab.validate.review.load.pool import POOL_RULE
from loadlab.validate.review.model import Rule

LOAD_RULES: tuple[Rule, ...] = (
    MISSING_INDEX_RULE,
    UNUSED_INDEX_RULE,
    N_PLUS_ONE_RULE,
    SELECT_STAR_RULE,
    POOL_RULE,
)
