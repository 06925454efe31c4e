"""Rules on the work that a plan does with the rows: sorts and hashes on disk, inner loops, pages that are skipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from loadlab.engines.plan_tree import SCANS, NewIndex, PlanNode
from loadlab.measure.plans.model import PlanSample, StatementPlans
from loadlab.units import format_size
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.plans.estimates import ESTIMATE_FACTOR, misestimate
from loadlab.validate.review.plans.reading import (
    at_values,
    columns_of,
    executed,
    no_executed_plans,
    share_in_words,
    with_parents,
)
from loadlab.validate.review.plans.sources import HASH_MEMORY, PAGES, SORT_METHODS, USING_EXPLAIN
from loadlab.validate.review.plans.suggest import suggest
from loadlab.validate.wording import counted, names

# What is in memory takes more room than the same on disk (PostgreSQL documentation, work_mem, and its source,
# tuplesort.c: a tuple's header and pointer); three times as much has been enough for rows of some columns.
_MEMORY_OF_SPILLED = 3
_INNER_LOOPS = 10_000
_INNER_SCANS = 100
_SKIPPED_ROWS = 1_000
_SKIPPED_FACTOR = 10
_NOT_RECORDED = "how deep the pages are is not recorded"
_OFFSET = re.compile(r"\boffset\s+(?::(?P<name>\w+)|(?P<number>\d+)|(?P<place>\$\d+))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Spill:
    sample: PlanSample
    node: PlanNode


# -- sorts and hashes on disk --------------------------------------------------------------------------------------


def _examine_sorts(facts: ReviewFacts) -> Examined:
    return _examine_spills(facts, SORT_RULE, is_sort=True)


def _examine_hashes(facts: ReviewFacts) -> Examined:
    return _examine_spills(facts, HASH_RULE, is_sort=False)


def _examine_spills(facts: ReviewFacts, rule: Rule, *, is_sort: bool) -> Examined:
    none = no_executed_plans(facts)
    if none is not None:
        return none
    statements = executed(facts)
    found = [
        _spill_finding(facts, rule, key, spill, plans)
        for key, plans in statements.items()
        if (spill := _largest_spill(plans, is_sort=is_sort)) is not None
    ]
    return Examined(len(statements), "statements", tuple(found))


def _largest_spill(plans: StatementPlans, *, is_sort: bool) -> _Spill | None:
    spills = [
        _Spill(sample, node)
        for sample in plans.executed
        for node in sample.plan.nodes()
        if node.spilled_kib and (node.kind == "sort") == is_sort
    ]
    return max(spills, key=lambda spill: spill.node.spilled_kib, default=None)


def _spill_finding(facts: ReviewFacts, rule: Rule, key: str, spill: _Spill, plans: StatementPlans) -> Finding:
    node = spill.node
    memory_kib = node.spilled_kib * _MEMORY_OF_SPILLED
    what = "sorts" if node.kind == "sort" else "hashes"
    size = format_size(node.spilled_kib * 1024)
    method = f" ({node.sort_method})" if node.sort_method else ""
    batches = f", {node.hash_batches} batches" if node.hash_batches and node.hash_batches > 1 else ""
    index = _index_for_order(facts, node)
    in_order = f" An index on {index.table} ({', '.join(index.columns)}) has them in order already." if index else ""
    runs = sum(any(item.spilled_kib for item in sample.plan.nodes()) for sample in plans.executed)
    return Finding(
        rule=rule.id,
        severity=Severity.WARNING,
        subject=key,
        what=f"{key} {what} {counted(_input_rows(node), 'row')} on disk, not in memory.",
        evidence=(
            f"{size} written to temporary files{method}{batches}, {at_values(spill.sample)}",
            f"in {runs} of {counted(len(plans.executed), 'execution')}",
            *([f"order of {names([f'{k.table}.{k.column}' for k in node.sort_keys])}"] if node.sort_keys else []),
        ),
        why=f"It waits for the disk, and so does whoever shares it. {share_in_words(facts, (key,))}",
        remedy=f"Allow {format_size(memory_kib * 1024)} of memory where this runs, in its transaction or for its role: "
        f"every sort of every session may take it.{in_order}",
        sql=facts.tuning.allow_memory(memory_kib) if facts.tuning else (),
        load_share=facts.load_share((key,)),
    )


def _input_rows(node: PlanNode) -> int:
    return sum(child.rows or 0 for child in node.children) or (node.rows or 0)


def _index_for_order(facts: ReviewFacts, node: PlanNode) -> NewIndex | None:
    """Where a sort stands right above a scan with an equality, an index that yields its rows in order."""
    scans = [item for item in node.walk() if item.kind in SCANS]
    if not node.sort_keys or len(scans) != 1:
        return None
    return suggest(
        facts.schema, scans[0].table, (*scans[0].compared_by_condition, *scans[0].compared_by_filter), node.sort_keys
    )


SORT_RULE = Rule(
    "sort-spilled",
    "plans",
    "Sort on disk",
    "A sort that does not fit in its memory goes through temporary files.",
    SORT_METHODS,
    _examine_sorts,
)
HASH_RULE = Rule(
    "hash-spilled",
    "plans",
    "Hash on disk",
    "A hash table of a join or an aggregate that does not fit in its memory is cut into batches, all but one of which "
    "go through temporary files.",
    HASH_MEMORY,
    _examine_hashes,
)


# -- loops over many rows ------------------------------------------------------------------------------------------


def _examine_loops(facts: ReviewFacts) -> Examined:
    none = no_executed_plans(facts)
    if none is not None:
        return none
    statements = executed(facts)
    found = [
        _loop_finding(facts, key, *worst)
        for key, plans in statements.items()
        if (worst := max(_inner_loops(plans), key=lambda item: item[1].loops or 0, default=None)) is not None
    ]
    return Examined(len(statements), "statements", tuple(found))


def _inner_loops(plans: StatementPlans) -> Iterator[tuple[PlanSample, PlanNode]]:
    """Scans that are begun anew for each of many rows, unless that is how a wrong estimate shows."""
    for sample in plans.executed:
        for node, above in with_parents(sample.plan.root):
            least = _INNER_SCANS if node.reads_all else _INNER_LOOPS
            if (
                node.kind in SCANS
                and (node.loops or 0) >= least
                and (node.rows_read or 0) + (node.loops or 0) >= _INNER_LOOPS
            ):
                outer = [child for parent in above[:1] for child in parent.children if child is not node]
                if all(misestimate(item) <= ESTIMATE_FACTOR for item in outer):
                    yield sample, node


def _loop_finding(facts: ReviewFacts, key: str, sample: PlanSample, node: PlanNode) -> Finding:
    loops = counted(node.loops or 0, "time")
    how = "reads all of" if node.reads_all else "looks into"
    return Finding(
        rule=NESTED_LOOP_RULE.id,
        severity=Severity.WARNING,
        subject=key,
        what=f"{key} {how} {node.table} {loops} in one execution.",
        evidence=(
            f"{loops}, {counted(node.rows_read or 0, 'row')} read in all, {at_values(sample)}",
            *([f"through {names(node.indexes)}"] if node.indexes else []),
            *([f"the condition compares {names(columns_of(node.compared_by_condition))}"] if node.condition else []),
        ),
        why=f"Its time is rows times look-ups, where a hash or a merge would read each side once. "
        f"{share_in_words(facts, (key,))}",
        remedy="Join by equality of columns of one type, or make a subquery that is evaluated for each row a join; "
        "narrow the outer side first.",
        load_share=facts.load_share((key,)),
    )


NESTED_LOOP_RULE = Rule(
    "nested-loop-many-rows",
    "plans",
    "A look-up for each of very many rows",
    "A nested loop is the right join for few rows; over tens of thousands each look-up's cost adds up. Where the "
    "planner expected few rows, row-estimate says so instead.",
    USING_EXPLAIN,
    _examine_loops,
)


# -- pages that are skipped ----------------------------------------------------------------------------------------


def _examine_offsets(facts: ReviewFacts) -> Examined:
    if not facts.statements:
        return skipped("statements", facts.why_missing("statements"))
    found = []
    for key, statement in facts.statements.items():
        plans = (facts.plans or {}).get(key)
        evidence = _skipped_in_plan(plans) if plans else ()
        evidence = evidence or _skipped_by_text(str(statement), plans)
        if evidence:
            found.append(_offset_finding(facts, key, evidence))
    return Examined(len(facts.statements), "statements", tuple(found))


def _skipped_in_plan(plans: StatementPlans) -> tuple[str, ...]:
    """What a LIMIT node takes from below and does not hand on was skipped."""
    worst: tuple[int, int, str] | None = None
    for sample in plans.executed:
        for node in sample.plan.nodes():
            if node.kind == "limit" and node.children and node.rows is not None:
                skipped_rows = (node.children[0].rows or 0) - node.rows
                is_deep = skipped_rows >= max(_SKIPPED_ROWS, _SKIPPED_FACTOR * node.rows)
                if is_deep and (worst is None or skipped_rows > worst[0]):
                    worst = skipped_rows, node.rows, at_values(sample)
    if worst is None:
        return ()
    return (f"{counted(worst[0], 'row')} made and skipped to return {worst[1]:,}, {worst[2]}",)


def _skipped_by_text(text: str, plans: StatementPlans | None) -> tuple[str, ...]:
    for match in _OFFSET.finditer(text):
        if match["place"]:
            return (f"OFFSET {match['place']}: {_NOT_RECORDED}",)
        rows = float(match["number"]) if match["number"] else (plans.largest if plans else {}).get(match["name"], 0.0)
        if rows >= _SKIPPED_ROWS:
            return (f"OFFSET up to {rows:,.0f}",)
    return ()


def _offset_finding(facts: ReviewFacts, key: str, evidence: tuple[str, ...]) -> Finding:
    return Finding(
        rule=OFFSET_RULE.id,
        severity=Severity.NOTE if evidence[0].endswith(_NOT_RECORDED) else Severity.WARNING,
        subject=key,
        what=f"{key} turns to a later page by making and skipping all earlier ones.",
        evidence=evidence,
        why="A page costs more the deeper it is, and rows inserted meanwhile shift the pages. "
        f"{share_in_words(facts, (key,))}",
        remedy="Continue behind the last row that was seen: WHERE (created_at, id) < (:created_at, :id) "
        "ORDER BY created_at DESC, id DESC LIMIT n, with an index on the same columns.",
        load_share=facts.load_share((key,)),
    )


OFFSET_RULE = Rule(
    "offset-pagination",
    "plans",
    "Deep pages by OFFSET",
    "OFFSET n makes n rows only to throw them away.",
    PAGES,
    _examine_offsets,
)
