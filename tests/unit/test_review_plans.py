"""The rules on plans and load on facts made by hand, and the arithmetic that they rest on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.engines.plan_tree import Comparison, IndexTrial, NewIndex, Plan, PlanNode, SortKey
from loadlab.engines.protocol import Evidence, IndexEvidence, PlanEvidence, TableEvidence
from loadlab.measure.plans.live import with_parameters
from loadlab.measure.plans.model import TYPICAL, PlanSample, StatementPlans
from loadlab.measure.proof import paired_ratio
from loadlab.schema.model import Column, ForeignKey, Index, LogicalType, Schema, Table
from loadlab.spec.statement import Statement
from loadlab.validate.review.load import LOAD_RULES
from loadlab.validate.review.load.asking import selects_star, shape_of
from loadlab.validate.review.load.pool import sensible_connections
from loadlab.validate.review.merging import merged
from loadlab.validate.review.model import Finding, Outcome, PoolUse, ReviewFacts, Severity
from loadlab.validate.review.plans import PLAN_RULES
from loadlab.validate.review.plans.estimates import misestimate
from loadlab.validate.review.plans.suggest import covers, suggest, without_covered
from loadlab.validate.review.reviewing import review

RULES = (*PLAN_RULES, *LOAD_RULES)
INTEGER, TEXT = LogicalType("integer"), LogicalType("text")
ORDERS = Table(
    "orders",
    (
        Column("id", INTEGER),
        Column("customer_id", INTEGER),
        Column("status", TEXT),
        Column("created_at", LogicalType("timestamp")),
        Column("document", LogicalType("json")),
    ),
    primary_key=("id",),
    foreign_keys=(ForeignKey("orders_customer_id_fkey", ("customer_id",), "customers", ("id",)),),
    indexes=(
        Index("orders_customer_id_idx", ("customer_id",)),
        Index("orders_status_created_at_idx", ("status", "created_at")),
        Index("orders_open_idx", ("created_at",), predicate="status = 'open'"),
    ),
)
SCHEMA = Schema((ORDERS,), "any")
TEXTS = {
    "find": Statement.parse("SELECT id FROM orders WHERE status = :s"),
    "add": Statement.parse("INSERT INTO orders (id) VALUES (:id)"),
}


def equal(column: str) -> Comparison:
    return Comparison("orders", column, "equal")


def between(column: str) -> Comparison:
    return Comparison("orders", column, "range")


def facts(**changes: object) -> ReviewFacts:
    return ReviewFacts(SCHEMA, **{"rows": {"orders": 1_000_000}, "statements": TEXTS} | changes)  # type: ignore[arg-type]


def outcome(rule: str, given: ReviewFacts):
    (found,) = review([item for item in RULES if item.id == rule], given)
    return found


def evidence(**tables_and_indexes: object) -> Evidence:
    return Evidence(0.0, "", "server", **tables_and_indexes)  # type: ignore[arg-type]


# -- nothing to look at --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_without_facts_is_skipped_and_says_why(rule):
    (found,) = review([rule], ReviewFacts(Schema((), "any")))
    assert found.outcome is Outcome.SKIPPED
    assert found.examined == 0
    assert found.reason


@pytest.mark.parametrize("rule", PLAN_RULES, ids=lambda rule: rule.id)
def test_the_reason_is_that_of_whoever_gathered_the_facts(rule):
    given = ReviewFacts(Schema((), "any"), missing=dict.fromkeys(("plans", "evidence", "statements"), "it was cold"))
    assert outcome(rule.id, given).reason == "it was cold"


def test_rules_are_told_apart_and_say_where_they_come_from():
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.title and rule.why and rule.source for rule in RULES)


# -- which index -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compared, order, columns",
    [
        ([equal("status")], [], None),  # There is an index that begins with it.
        ([equal("customer_id"), equal("status")], [], ("customer_id", "status")),
        ([between("created_at"), equal("customer_id")], [], ("customer_id", "created_at")),
        ([equal("customer_id")], [SortKey("orders", "created_at", descending=True)], ("customer_id", "created_at")),
        ([between("id"), equal("status")], [SortKey("orders", "created_at")], ("status", "id")),
        ([equal("document")], [], None),  # No B-tree looks into a document.
        ([Comparison("orders", "status", "other")], [], None),
        ([], [SortKey("orders", "status")], None),  # Nothing to find rows by.
        ([equal("no_such_column")], [], None),
    ],
)
def test_equalities_come_first_then_a_range_or_the_order(compared, order, columns):
    found = suggest(SCHEMA, "orders", compared, order)
    assert (found.columns if found else None) == columns


def test_directions_matter_only_where_they_differ():
    keys = [SortKey("orders", "created_at", descending=True), SortKey("orders", "id")]
    found = suggest(SCHEMA, "orders", [equal("customer_id")], keys)
    assert found == NewIndex("orders", ("customer_id", "created_at", "id"), frozenset({1}))


def test_an_index_that_another_one_begins_with_is_not_made_twice():
    narrow, wide = NewIndex("orders", ("customer_id",)), NewIndex("orders", ("customer_id", "status"))
    assert covers(wide, narrow)
    assert not covers(narrow, wide)
    assert without_covered({narrow: ("a",), wide: ("b",)}) == {wide: ("b", "a")}


def test_a_long_name_is_cut_within_what_engines_keep():
    assert NewIndex("orders", ("customer_id",)).name == "orders_customer_id_idx"
    assert len(NewIndex("ü" * 40, ("column",)).name.encode()) <= 63


# -- plans -----------------------------------------------------------------------------------------------------------


def scan(read: int, kept: int, **changes: object) -> PlanNode:
    given = {
        "kind": "full scan",
        "name": "Seq Scan",
        "table": "orders",
        "filter": "(status = ?)",
        "compared_by_filter": (equal("customer_id"), equal("status")),
        "rows_estimated": float(kept),
        "loops": 1,
        "rows": kept,
        "rows_removed": read - kept,
        "blocks_hit": read // 10,
    }
    return PlanNode(**given | changes)  # type: ignore[arg-type]


def plans(node: PlanNode, *, full_scans: tuple[str, ...] = ("orders",)) -> dict[str, StatementPlans]:
    sample = PlanSample(TYPICAL, Plan(node), is_executed=True)
    return {"find": StatementPlans(PlanEvidence(full_scans, (), ""), Plan(node), (sample,))}


@pytest.mark.parametrize(
    "read, kept, rows, is_found",
    [
        (1_000, 10, 1_000_000, True),
        (1_000, 200, 1_000_000, False),  # One row in five: an index is no better.
        (1_000, 10, 5_000, False),  # Small at full volume.
        (50, 1, 1_000_000, False),  # Too few rows to tell.
    ],
)
def test_a_full_scan_is_found_where_the_table_is_large_and_few_rows_are_kept(read, kept, rows, is_found):
    given = facts(plans=plans(scan(read, kept)), rows={"orders": rows})
    assert bool(outcome("seq-scan", given).findings) is is_found
    assert bool(outcome("missing-index", given).findings) is is_found


@pytest.mark.parametrize("compared, is_advised", [(None, True), (10, True), (823, False)])
def test_no_index_is_advised_whose_comparisons_leave_most_of_the_rows(compared, is_advised):
    given = facts(plans=plans(scan(1_000, 10, understood=False, rows_compared=compared)))
    assert bool(outcome("missing-index", given).findings) is is_advised
    (scanned,) = outcome("seq-scan", given).findings
    assert (scanned.index is not None) is is_advised
    left = "by =, IN and ranges an index would still find 823 of 1,000 rows"
    assert (left in scanned.evidence) is not is_advised


def test_a_table_that_an_index_would_serve_at_full_volume_is_no_finding():
    assert outcome("seq-scan", facts(plans=plans(scan(1_000, 10), full_scans=()))).outcome is Outcome.CLEAN


def test_what_the_planner_would_not_use_is_not_proposed():
    index = NewIndex("orders", ("customer_id", "status"))
    given = facts(plans=plans(scan(1_000, 10)))
    tried = facts(plans=plans(scan(1_000, 10)), trials={index: (IndexTrial("find", 100.0, 100.0, is_used=False),)})
    (proposed,) = outcome("missing-index", given).findings
    assert proposed.remedy.startswith("Create it; what it gains and costs is measured under a scenario of this load")
    (of_scenario,) = outcome("missing-index", replace(given, can_prove=True)).findings
    assert of_scenario.remedy == (
        "Create it once `loadlab check SCENARIO --prove` has measured what it gains and costs."
    )
    assert proposed.subject == "orders (customer_id, status)"
    assert "not proved" in " ".join(proposed.evidence)
    assert outcome("missing-index", tried).outcome is Outcome.CLEAN
    (scanned,) = outcome("seq-scan", tried).findings
    assert scanned.remedy.startswith(
        "An index on orders (customer_id, status) was tried: the planner would not use it."
    )
    assert scanned.index is None


@pytest.mark.parametrize("executed, is_found", [({"find": 4, "add": 96}, True), ({"find": 0, "add": 100}, None)])
def test_a_load_scans_by_what_was_executed(executed, is_found):
    found = outcome("scanning-load", facts(plans=plans(scan(1_000, 10)), executions=executed))
    assert (bool(found.findings) if found.outcome is not Outcome.SKIPPED else None) is is_found
    assert found.examined == executed["find"]


def test_an_estimate_is_judged_by_loop_and_not_where_reading_may_stop_early():
    assert misestimate(scan(500, 500, rows_estimated=5.0)) == 100
    assert misestimate(scan(500, 500, rows_estimated=5.0, loops=100)) == 1
    assert misestimate(scan(500, 500, rows_estimated=5.0, may_end_early=True)) == 1


def test_a_skip_by_offset_shows_in_the_plan_and_in_the_text():
    below = scan(5_020, 5_020)
    limit = PlanNode("limit", "Limit", loops=1, rows=20, children=(below,))
    by_plan = outcome("offset-pagination", facts(plans=plans(limit)))
    assert "5,000 rows" in by_plan.findings[0].evidence[0]
    text = {"page": Statement.parse("SELECT id FROM orders ORDER BY id LIMIT 20 OFFSET :n")}
    deep, first = ({"page": StatementPlans(largest={"n": rows})} for rows in (200_000.0, 100.0))
    assert outcome("offset-pagination", facts(statements=text, plans=deep)).findings
    assert not outcome("offset-pagination", facts(statements=text, plans=first)).findings
    asked = {"page": Statement(("SELECT id FROM orders ORDER BY id LIMIT $1 OFFSET $2",), ())}
    (unknown,) = outcome("offset-pagination", facts(statements=asked)).findings
    assert unknown.severity is Severity.NOTE
    assert "not recorded" in unknown.evidence[0]


# -- the load --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows, modified, written, is_found",
    [(10_000, 3_000, 0, True), (10_000, 3_000, 2_900, False), (10_000, 900, 0, False), (100_000, 3_000, 0, False)],
)
def test_statistics_are_old_where_more_changed_than_the_load_wrote(rows, modified, written, is_found):
    item = TableEvidence(rows=rows, analyzed=True, modified_since_analyze=modified, rows_updated=written)
    given = facts(evidence=evidence(tables={"orders": item}), is_window=True)
    assert bool(outcome("stale-statistics", given).findings) is is_found


def test_an_index_is_called_unused_only_after_a_load_all_of_which_ran():
    counted = evidence(indexes={index.name: IndexEvidence("orders", 8192, 0) for index in ORDERS.indexes})
    given = {"plans": plans(scan(1_000, 10)), "evidence": counted, "is_window": True}
    idle = outcome("unused-index", facts(**given, executions={"find": 10, "add": 0}))
    assert idle.outcome is Outcome.SKIPPED
    assert "add" in idle.reason
    ran = outcome("unused-index", facts(**given, executions={"find": 10, "add": 1}))
    # The foreign key's only index and the partial one are kept.
    assert [finding.subject for finding in ran.findings] == ["orders_status_created_at_idx"]


@pytest.mark.parametrize(
    "pool, is_found",
    [
        (PoolUse(100, 12, 0.1, cores=4), True),
        (PoolUse(100, 90, 0.8, cores=4), False),  # It was needed.
        (PoolUse(30, 3, 0.1, cores=4), False),  # Within a small multiple of nine.
    ],
)
def test_a_pool_is_too_large_by_the_cores_and_by_its_use(pool, is_found):
    assert sensible_connections(4) == 9
    assert bool(outcome("oversized-pool", facts(pool=pool)).findings) is is_found


def test_of_a_server_elsewhere_the_pool_is_not_judged():
    found = outcome("oversized-pool", facts(pool=PoolUse(500, 1, 0.0, cores=None, why_no_cores="nobody may look")))
    assert (found.outcome, found.reason) == (Outcome.SKIPPED, "nobody may look")


def test_statements_that_differ_in_their_values_are_one_question_asked_many_times():
    texts = {f"flow/{n}": Statement.parse(f"SELECT total FROM orders WHERE id = {n}") for n in range(6)}
    assert len({shape_of(text) for text in texts.values()}) == 1
    runs = {"executions": dict.fromkeys(texts, 50), "iterations": {"flow": 50}}
    (found,) = outcome("n-plus-one", facts(statements=texts, **runs)).findings
    assert found.subject == "flow"
    assert not outcome("n-plus-one", facts(statements=texts, **runs | {"iterations": {"flow": 100}})).findings


@pytest.mark.parametrize(
    "text, is_star",
    [
        ("SELECT * FROM t", True),
        ("SELECT DISTINCT * FROM t", True),
        ("SELECT a, t.* FROM t", True),
        ("WITH q AS (SELECT a FROM t) SELECT * FROM q", True),
        ("SELECT count(*) FROM t", False),
        ("SELECT a * b FROM t", False),
        ("SELECT a FROM t WHERE b = 2 * c", False),
        ("SELECT EXISTS (SELECT * FROM t)", False),
        ("SELECT x FROM (SELECT * FROM t) AS q", False),
        ("WITH q AS (SELECT * FROM t) SELECT a FROM q", False),
        ("SELECT '* from' FROM t", False),
        ("INSERT INTO t SELECT * FROM u", False),
    ],
)
def test_a_star_counts_where_it_is_what_is_returned(text, is_star):
    assert selects_star(text) is is_star


# -- arithmetic ------------------------------------------------------------------------------------------------------


def test_a_paired_ratio_is_the_median_with_the_sign_tests_interval():
    found = paired_ratio("read", [100.0, 200.0, 100.0, 100.0, 100.0], [50.0, 60.0, 40.0, 55.0, 45.0], 5_000)
    assert found is not None
    assert found.ratio == pytest.approx(0.45)
    assert found.interval == pytest.approx((0.3, 0.55))
    assert found.confidence == pytest.approx(1 - 2 / 2**5)  # Both tails of five fair coins that fall alike.
    assert found.is_faster


def test_without_a_figure_in_each_half_there_is_no_ratio():
    assert paired_ratio("read", [], [], 0) is None
    assert paired_ratio("read", [1.0], [0.0], 1) is None


def test_recorded_texts_get_parameters_by_their_numbers():
    found = with_parameters(Statement(("SELECT '$1', \"$2\" FROM t WHERE a = $2 AND b = $1",), ()))
    assert found.parameters == ("p2", "p1")
    assert found.fragments == ("SELECT '$1', \"$2\" FROM t WHERE a = ", " AND b = ", "")
    command = r'{"find": "t", "filter": {"it\'s": $1, "a \"$2\"": "\\", "b": $2}}'
    found = with_parameters(Statement((command,), ()))
    assert found.parameters == ("p1", "p2")
    assert found.fragments == (r'{"find": "t", "filter": {"it\'s": ', r', "a \"$2\"": "\\", "b": ', "}}")


# -- one remedy, one finding -----------------------------------------------------------------------------------------


def proposing(rule: str, subject: str, *columns: str, severity: Severity = Severity.WARNING) -> Finding:
    index = NewIndex("orders", columns) if columns else None
    sql = (f"CREATE INDEX ON orders ({', '.join(columns)})",) if columns else ()
    fact = f"what {rule} saw"
    return Finding(
        rule,
        severity,
        subject,
        f"{rule} of {subject}.",
        ("rows: 1", fact),
        f"It concerns {rule}. Why. Because of {rule}.",
        "Do.",
        sql,
        index=index,
    )


def test_a_remedy_is_told_once_with_the_evidence_of_all():
    found = merged(
        [
            proposing("fk-without-index", "orders.customer_id", "customer_id"),
            proposing("seq-scan", "find", "customer_id", "created_at", severity=Severity.ERROR),
            proposing("missing-index", "orders (customer_id)", "customer_id"),
            proposing("seq-scan", "other", "status"),
            proposing("select-star", "find"),
        ]
    )
    assert [item.id for item in found] == ["missing-index:orders (customer_id)", "seq-scan:other", "select-star:find"]
    head = found[0]
    assert head.also == ("seq-scan:find", "fk-without-index:orders.customer_id")
    assert head.severity is Severity.ERROR
    assert head.sql == ("CREATE INDEX ON orders (customer_id, created_at)",)
    assert head.evidence == (
        "rows: 1",
        "what missing-index saw",
        "seq-scan: seq-scan of find. (what seq-scan saw)",
        "fk-without-index: fk-without-index of orders.customer_id. (what fk-without-index saw)",
    )
    because = ("missing-index", "seq-scan", "fk-without-index")
    assert head.why == f"It concerns missing-index. Why. {' '.join(f'Because of {rule}.' for rule in because)}"
    assert head.remedy == "Do. It serves all of these."
