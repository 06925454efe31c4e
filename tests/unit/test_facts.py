"""What a table's CHECKs come to for its columns."""

from __future__ import annotations

from loadlab.data.constraints.facts import gather
from loadlab.schema.checks import Bound, IsNull, NotNull, Reading, read_check

COLUMNS = frozenset({"x", "y", "z"})


def test_left_out_parts_are_named_where_the_rest_needs_a_null_that_cannot_be() -> None:
    reading = read_check("is_fine(x) OR x IS NULL", "postgresql")
    nullable = gather([("fine", reading)], COLUMNS, frozenset())
    assert (nullable.not_understood, nullable.of("x").null) == ([], True)
    never = gather([("fine", reading)], COLUMNS, frozenset({"x"}))
    assert never.not_understood == [("fine", text) for text in reading.left_out]
    assert never.of("x").null is not True


def test_left_out_parts_are_named_where_no_world_is_left() -> None:
    choice = Reading(((IsNull("x"), Bound("z", ">", 1)), (IsNull("y"),)), (), ("is_fine(x)",))
    others = [("known", Reading(((NotNull("x"), NotNull("y")),)))]
    found = gather([*others, ("fine", choice)], COLUMNS, frozenset())
    assert found.not_understood == [("fine", "is_fine(x)")]


def test_a_contradiction_without_left_out_parts_is_named_as_such() -> None:
    choice = Reading(((IsNull("x"), Bound("z", ">", 1)), (IsNull("y"),)))
    found = gather([("fine", choice)], COLUMNS, frozenset({"x", "y"}))
    assert found.not_understood == [("fine", "contradicts the other conditions")]


def test_of_alternatives_that_include_others_the_widest_stay() -> None:
    # Of a table's own key, which is never NULL, this asks for no parent.
    for expression in ("x IS DISTINCT FROM y", "y IS DISTINCT FROM x"):
        found = gather([("other", read_check(expression, "postgresql"))], COLUMNS, frozenset({"x"}))
        assert found.components == ()
        assert found.of("y").null is None
        assert [(fact.sign, frozenset(fact.columns)) for fact in found.of("y").compared] == [("<>", frozenset("xy"))]
