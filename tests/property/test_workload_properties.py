"""What must hold for every workload: picks stay inside, shares add up, nothing is drawn twice or lost."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.engines.protocol import Manifest
from loadlab.measure.recorder import Recorder, failed, pack_record, tally
from loadlab.schema.model import Schema
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation, Workload
from loadlab.workload.keys import NewRows, pick_rows, spread, stream
from loadlab.workload.plan import LoadPlan, share
from loadlab.workload.stage import choices


@given(
    row_count=st.integers(1, 2**40), exponent=st.floats(0.001, 5), pick=st.sampled_from(["uniform", "zipf", "latest"])
)
def test_picks_stay_inside_the_table(row_count, exponent, pick):
    rows = pick_rows(stream(1), pick, 50, table="t", row_count=row_count, exponent=exponent)
    assert len(rows) == 50
    assert rows.min() >= 0
    assert rows.max() < row_count


@given(row_count=st.integers(1, 3000), key=st.integers(0, 2**64 - 1))
def test_spread_is_a_bijection(row_count, key):
    assert sorted(spread(np.arange(row_count), row_count, key)) == list(range(row_count))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 50)), max_size=40), st.integers(0, 1000))
def test_new_rows_are_distinct_in_any_interleaving(takes, start):
    workers = [NewRows(lambda _: 7, start=start, worker=worker, workers=5) for worker in range(5)]
    rows = list(itertools.chain.from_iterable(workers[worker].take("t", count).tolist() for worker, count in takes))
    assert len(set(rows)) == len(rows)
    assert all(7 + start <= row < 7 + max(worker.end for worker in workers) for row in rows)


@given(total=st.integers(0, 10_000), workers=st.integers(1, 64))
def test_shares_add_up_and_differ_by_one_at_most(total, workers):
    parts = [share(total, worker, workers) for worker in range(workers)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_operations_come_in_the_share_of_their_weights(weights):
    operations = {str(k): Operation(kind="simple", weight=w, sql="SELECT 1") for k, w in enumerate(weights)}
    choose = choices(operations, stream(1))
    seen = Counter(choose() for _ in range(65_521))
    for number, weight in enumerate(weights):
        assert abs(seen[number] - 65_521 * weight / sum(weights)) <= 1


records = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 2)), max_size=60
)


@given(records, st.integers(1, 60))
def test_no_record_is_lost_however_often_it_is_taken(entries, every):
    recorder, now, tallies = Recorder(), 0.0, []
    for position, (operation, fails, wait, lag, service) in enumerate(entries):
        due, sent = now, now + wait + lag
        now = sent + service
        if fails:
            recorder.write_failure(operation, due, sent, now, 0.0, outcome="E", message=str(position))
        else:
            recorder.write(pack_record(operation, due, sent, now, 0.0))
        if position % every == 0:
            tallies.append(tally([recorder.take()]))
    tallies.append(tally([recorder.take()]))
    for operation in range(4):
        mine = [one.operations[operation] for one in tallies if operation in one.operations]
        assert sum(one.service.count for one in mine) == sum(e[0] == operation and not e[1] for e in entries)
        assert sum(one.errors.get("E", 0) for one in mine) == sum(e[0] == operation and e[1] for e in entries)
    assert abs(sum(one.busy_s for one in tallies) - sum(e[4] for e in entries)) < 1e-6
    assert all(one.peak <= 1 for one in tallies)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), min_size=1, max_size=40))
def test_the_peak_is_the_most_that_overlap(spans):
    taken = []
    for start, length in spans:
        recorder = Recorder()
        recorder.write(pack_record(0, start, start, start + length, 0.0))
        taken.append(recorder.take())
    expected = max(sum(a <= moment < a + n for a, n in spans) for moment in range(41))
    assert tally(taken).peak == expected


@given(st.integers(0, 2**31))
def test_a_failure_is_recorded_under_its_operation(operation):
    assert failed(operation) < 0
    assert failed(failed(operation)) == operation


names = st.text("abcdefgh_", min_size=1, max_size=8)


@settings(max_examples=50)
@given(
    st.dictionaries(names, st.floats(0.1, 10), min_size=1, max_size=5),
    st.tuples(st.floats(0, 1), st.floats(1, 2)),
    st.integers(0, 2**63 - 1),
)
def test_a_plan_travels_as_json(operations, think_time, seed):
    workload = Workload(
        think_time=think_time,
        operations={
            name: Operation(kind="simple", weight=weight, sql="SELECT :a", params={"a": {"between": (1, 5)}})
            for name, weight in operations.items()
        },
    )
    manifest = Manifest("f", {"seed": 3, "rows": {"t": 1}}, Schema((), "any", "x"), True, True, 9)
    statements = {name: Statement.parse("SELECT :a, ':b', :c") for name in operations}
    plan = LoadPlan("any://u:p@h/d", manifest, workload, statements, "flows.py", 1, 2, 3, 4, seed, 5)
    assert LoadPlan.from_json(plan.to_json()) == plan
    assert "u:p" not in repr(plan)
