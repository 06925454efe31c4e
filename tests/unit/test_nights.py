"""A night beside others: what may be compared, what the deterministic evidence says, missing nights."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from loadlab.schema.model import Column, Index, LogicalType, Schema, Table
from loadlab.validate.model import Verdict
from loadlab.validate.nights.evidence import REFERENCES, evidence_changes
from loadlab.validate.nights.gaps import find_gaps
from loadlab.validate.nights.judge import compare_night
from loadlab.validate.nights.model import (
    BLOCKS,
    BYTES,
    EXAMINED,
    PLAN,
    STATEMENTS,
    Direction,
    Sample,
    differences,
    night_from_json,
    night_to_json,
)
from loadlab.validate.nights.wording import amount, effect_text
from tests.nights import FIRST, night, operation, other, statement

SCAN = {"steps": ("Sort", "Seq Scan on orders"), "rows": {"orders": 1_000_000.0}, "full_scans": ("orders",)}


def changes(tonight, *earlier):
    found = evidence_changes(tonight, earlier or [night(0), night(1)])
    return [(change.subject, change.metric, change.direction, change.gates) for change in found]


def of(**parts):
    return night(2, {"orders_of_user": operation(**parts)})


def test_the_same_again_is_no_change():
    assert changes(night(2)) == []


def test_a_dropped_index_fails():
    found = changes(of(statements={"": statement(**SCAN, examined_per_row=90_000.0)}, blocks_per_call=4_000.0))
    assert found == [
        ("orders_of_user", BLOCKS, Direction.WORSE, True),
        ("orders_of_user", PLAN, Direction.WORSE, True),
        ("orders_of_user", EXAMINED, Direction.WORSE, True),
    ]


def test_the_reason_names_what_became_what():
    (_, plan, *_) = evidence_changes(of(statements={"": statement(**SCAN)}, blocks_per_call=4_000.0), [night(0)])
    assert plan.reason == (
        "No index helps it with orders any more: Index Scan on orders by orders_user_id_idx became Sort and "
        "Seq Scan on orders."
    )


def test_another_index_that_takes_more_rows_fails():
    worse = statement(steps=("Index Scan on orders by orders_tenant_idx",), rows={"orders": 900.0})
    assert changes(of(statements={"": worse})) == [("orders_of_user", PLAN, Direction.WORSE, True)]


def test_another_plan_of_the_same_cost_is_told_and_gates_nothing():
    same = statement(steps=("Bitmap Heap Scan on orders by orders_user_id_idx",), rows={"orders": 10.0})
    assert changes(of(statements={"": same})) == [("orders_of_user", PLAN, Direction.OTHER, False)]


def test_an_improvement_is_told_once():
    before = [night(day, {"orders_of_user": operation(blocks_per_call=400.0)}) for day in range(4)]
    better = night(4, {"orders_of_user": operation(blocks_per_call=4.0)})
    again = replace(better, started_at=night(5).started_at)
    assert changes(better, *before) == [("orders_of_user", BLOCKS, Direction.BETTER, False)]
    assert changes(again, *before, better) == []


def test_an_index_that_helps_now_is_an_improvement():
    assert changes(night(2), night(0, {"orders_of_user": operation(statements={"": statement(**SCAN)})})) == [
        ("orders_of_user", PLAN, Direction.BETTER, False)
    ]


def test_what_got_worse_fails_until_it_is_usual():
    """A second run of the same night is no way around it; after some nights it is what there is."""
    nights = [night(day) for day in range(REFERENCES)]
    failed = []
    for day in range(REFERENCES, 2 * REFERENCES):
        tonight = night(day, {"orders_of_user": operation(blocks_per_call=400.0)})
        failed.append(bool(changes(tonight, *nights)))
        nights.append(tonight)
    assert failed == [True] * 4 + [False] * 3


def test_an_accepted_night_is_the_new_normal():
    bad = operation(blocks_per_call=400.0)
    accepted = night(2, {"orders_of_user": bad}, accepted="more columns")
    assert changes(night(3, {"orders_of_user": bad}), night(0), night(1), accepted) == []


@pytest.mark.parametrize("blocks, fails", [(4.9, False), (6.5, True)])
def test_blocks_may_vary_with_the_keys_that_are_drawn(blocks, fails):
    assert bool(changes(of(blocks_per_call=blocks))) is fails


def test_few_calls_vary_more():
    few = {"orders_of_user": replace(operation(blocks_per_call=70.0), count=10)}
    usual = {"orders_of_user": replace(operation(blocks_per_call=40.0), count=10)}
    assert changes(night(2, few), night(0, usual)) == []
    many = {name: replace(item, count=10_000) for name, item in few.items()}
    assert changes(night(2, many), night(0, usual)) != []


def test_one_more_statement_for_each_row_fails():
    before = night(0, {"list": operation(statements_per_iteration=1.0)})
    after = night(1, {"list": operation(statements_per_iteration=21.0)})
    assert changes(after, before) == [("list", STATEMENTS, Direction.WORSE, True)]


@pytest.mark.parametrize("size, fails", [(123.0, False), (140.0, True)])
def test_bytes_per_row(size, fails):
    assert changes(night(2, tables={"orders": size})) == ([("orders", BYTES, Direction.WORSE, True)] if fails else [])


def test_the_last_pages_of_a_small_table_are_no_growth():
    assert changes(night(2, tables={"orders": 240.0}, rows={"orders": 100})) == []


def test_a_statement_of_a_flow_goes_by_both_names():
    before = night(0, {"checkout": operation(statements={"pay": statement(), "list": statement()})})
    after = night(1, {"checkout": operation(statements={"pay": statement(**SCAN), "list": statement()})})
    assert changes(after, before) == [("checkout/pay", PLAN, Direction.WORSE, True)]


def test_a_night_of_which_only_a_part_ran_is_inconclusive():
    found = compare_night(night(1, problem="the run was interrupted after 2 s of its window"), [night(0)])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "interrupted" in found.reason


def test_the_first_night_has_nothing_to_be_compared_with():
    assert compare_night(night(0), []).verdict is Verdict.SKIPPED


def test_a_named_run_gates_by_evidence_and_only_tells_of_the_clock():
    slower = night(1, {"orders_of_user": operation(p95=4_000.0)})
    found = compare_night(slower, [night(0)], is_file=True)
    assert found.verdict is Verdict.PASS
    assert [(change.metric, change.direction, change.gates) for change in found.changes] == [
        ("p95", Direction.WORSE, False)
    ]
    dropped = night(1, {"orders_of_user": operation(statements={"": statement(**SCAN)})})
    assert compare_night(dropped, [night(0)], is_file=True).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "parts, words",
    [
        ({"scale": 0.5}, "scale 0.5 there, 0.01 here"),
        ({"scale": 0.5, "data": "x"}, "scale 0.5 there, 0.01 here"),
        ({"scenario": "bank"}, "scenario bank there, shop here"),
        ({"schema": "x"}, "other tables and columns"),
        ({"data": "x"}, "other seed data"),
        ({"machine": "x"}, "machine x there, machine-a here"),
        ({"server": "PostgreSQL 15.1"}, "server PostgreSQL 15.1 there, PostgreSQL 18.6 here"),
        ({"load": "x"}, "another mix of operations under the same load (40 users)"),
    ],
)
def test_what_differs_is_said(parts, words):
    here = night(0, load="40 users")
    assert list(differences(here, other(here, **parts))) == [words]
    assert list(differences(here, here)) == []


def test_a_night_round_trips():
    one = night(3, {"a": operation(1.5, statements={"x": statement(**SCAN)}), "b": operation()}, problem="é\n|")
    assert night_from_json(night_to_json(one)) == one


def days(*numbers):
    return [FIRST + dt.timedelta(days=number) for number in numbers]


@pytest.mark.parametrize(
    "numbers, missing",
    [
        ([0, 1, 2, 3, 4, 5, 13, 14], [7]),
        ([0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18], []),  # Monday to Friday
        ([0, 7, 14, 21, 28, 42], [1]),  # once a week
        ([0, 1, 20], []),  # nobody knows the rhythm yet
        ([0, 0.1, 0.2, 0.3, 5, 5.1, 5.2], []),  # no rhythm of nights
    ],
)
def test_missing_nights(numbers, missing):
    assert [gap.missing for gap in find_gaps(days(*numbers))] == missing


def test_figures_read_well():
    assert amount("p95", 2_104.0) == "2.10 ms"
    assert amount(BLOCKS, 412.4) == "412 blocks"
    assert amount(BYTES, 96.0) == "96 B"
    assert (effect_text(100, 115.2), effect_text(100, 86), effect_text(4, 400)) == ("+15.2%", "−14%", "×100")
    assert effect_text(1, 1195) == "×1,195"


def schema_with(*indexes, comment=None):
    columns = (Column("id", LogicalType("integer", bits=64), nullable=False, comment=comment),)
    return Schema((Table("orders", columns, primary_key=("id",), indexes=indexes),), "postgresql")


def test_indexes_for_speed_are_no_other_schema():
    plain, fast = schema_with(), schema_with(Index("orders_id_idx", ("id",)), comment="key")
    assert plain.fingerprint != fast.fingerprint
    assert plain.structure_fingerprint == fast.structure_fingerprint
    unique = schema_with(Index("orders_id_key", ("id",), unique=True))
    assert unique.structure_fingerprint != plain.structure_fingerprint


def test_an_interval_without_an_end_tells_nothing():
    assert Sample(3.0).low is None
