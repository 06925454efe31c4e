"""Rules that look at tables, columns and constraints."""

from __future__ import annotations

from loadlab.validate.review.model import Rule
from loadlab.validate.review.schema.contents import CONTENT_RULES
from loadlab.validate.review.schema.keys import KEY_RULES
from loadlab.validate.review.schema.naming import NAMING_RULES
from loadlab.validate.review.schema.references import REFERENCE_RULES
from loadlab.validate.review.schema.security import SECURITY_RULES
from loadlab.validate.review.schema.types import TYPE_RULES

SCHEMA_RULES: tuple[Rule, ...] = (
    *KEY_RULES,
    *REFERENCE_RULES,
    *TYPE_RULES,
    *SECURITY_RULES,
    *NAMING_RULES,
    *CONTENT_RULES,
)
