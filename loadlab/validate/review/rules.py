"""The registry: every rule of the review, in the order in which the report shows them."""

from __future__ import annotations

from loadlab.validate.review.indexes import INDEX_RULES
from loadlab.validate.review.load import LOAD_RULES
from loadlab.validate.review.model import Rule
from loadlab.validate.review.plans import PLAN_RULES
from loadlab.validate.review.schema import SCHEMA_RULES

RULES: tuple[Rule, ...] = (
    *SCHEMA_RULES,
    *INDEX_RULES,
    *PLAN_RULES,
    *LOAD_RULES,
)
