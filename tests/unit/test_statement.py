"""The neutral form of a statement, and how a message calls one."""

from __future__ import annotations

import pytest

from loadlab.spec.statement import shortened

COLUMNS = ", ".join(f"column_{number}" for number in range(20))


@pytest.mark.parametrize(
    "text, most, expected",
    [
        ("SELECT  1\n FROM x", 40, "SELECT 1 FROM x"),
        ("SELECT status FROM orders WHERE customer_id = $1", 40, "SELECT status FROM orders WHERE …"),
        (f"SELECT {COLUMNS}", 40, "SELECT column_0, column_1, column_2, …"),
        ("SELECT a_long_column,another_long_column FROM t", 40, "SELECT a_long_column, …"),
        ("SELECT " + "x" * 60, 20, "SELECT xxxxxxxxxxx …"),
    ],
)
def test_a_long_statement_is_cut_between_words(text, most, expected):
    assert shortened(text, most) == expected
    assert len(expected) <= most
