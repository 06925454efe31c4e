"""Rules that look at how statements are executed."""

from __future__ import annotations

from loadlab.validate.review.model import Rule
from loadlab.validate.review.plans.estimates import FLIP_RULE, ROW_ESTIMATE_RULE, STATISTICS_RULE
from loadlab.validate.review.plans.scans import FILTER_RULE, LOAD_RULE, SCAN_RULE
from loadlab.validate.review.plans.work import HASH_RULE, NESTED_LOOP_RULE, OFFSET_RULE, SORT_RULE

PLAN_RULES: tuple[Rule, ...] = (
    SCAN_RULE,
    FILTER_RULE,
    LOAD_RULE,
    SORT_RULE,
    HASH_RULE,
    NESTED_LOOP_RULE,
    OFFSET_RULE,
    ROW_ESTIMATE_RULE,
    FLIP_RULE,
    STATISTICS_RULE,
)
