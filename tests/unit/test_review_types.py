"""The rules on types, on columns made by hand."""

from __future__ import annotations

import pytest

from loadlab.schema.details import SchemaDetails
from loadlab.schema.model import Column, ForeignKey, LogicalType, Schema, Table
from loadlab.validate.review.model import ReviewFacts
from loadlab.validate.review.reviewing import review
from loadlab.validate.review.rules import RULES

MONEY = [rule for rule in RULES if rule.id == "money-as-float"]


@pytest.mark.parametrize(
    "name, is_money",
    [
        ("unit_price", True),
        ("hourly_rate", True),
        ("day_rate", True),
        ("billing_rate", True),
        ("hourlyRate", True),
        ("fare", True),
        ("security_deposit", True),
        ("monthly_rent", True),
        ("success_rate", False),
        ("tax_rate", False),
        ("heart_rate", False),
        ("total_distance", False),
        ("hours", False),
    ],
)
def test_money_is_known_by_its_name(name, is_money):
    table = Table("contracts", (Column("id", LogicalType("integer")), Column(name, LogicalType("float", "real"))))
    details = SchemaDetails({}, features=frozenset({"exact decimals"}))
    (found,) = review(MONEY, ReviewFacts(Schema((table,), "any"), details=details))
    assert [item.subject for item in found.findings] == ([f"contracts.{name}"] if is_money else [])


@pytest.mark.parametrize("unsigned, most", [(False, "2,147,483,647"), (True, "4,294,967,295")])
def test_a_narrow_reference_ends_at_its_own_largest_number(unsigned, most):
    key = LogicalType("integer", "bigint", bits=64)
    narrow = LogicalType("integer", "int", bits=32, unsigned=unsigned)
    parent = Table("users", (Column("id", key),), primary_key=("id",))
    child = Table("notes", (Column("user_id", narrow),), foreign_keys=(ForeignKey("", ("user_id",), "users", ("id",)),))
    rules = [rule for rule in RULES if rule.id == "fk-type-mismatch"]
    (outcome,) = review(rules, ReviewFacts(Schema((parent, child), "any")))
    assert f"a key above {most} can" in outcome.findings[0].why
