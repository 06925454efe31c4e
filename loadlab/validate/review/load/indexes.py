"""Rules on indexes under the load: those that it lacks, and those that it never used."""

from __future__ import annotations

from collections.abc import Iterator

from loadlab.engines.plan_tree import IndexTrial, NewIndex
from loadlab.measure.proof import IndexProof, PairedRatio
from loadlab.schema.model import Index, Table
from loadlab.units import format_count, format_duration, format_share, format_size
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.plans.reading import is_large, no_plans, rows_at_volume, share_in_words
from loadlab.validate.review.plans.scans import filter_wastes, index_of, index_sql, is_refuted, scan_wastes
from loadlab.validate.review.plans.sources import INDEX_USAGE
from loadlab.validate.review.plans.suggest import without_covered
from loadlab.validate.wording import counted, names

_PROVED_FACTOR = 0.5
"""A cost that is not halved is no reason for an index that every write has to keep."""


# -- missing -------------------------------------------------------------------------------------------------------


def suggestions(facts: ReviewFacts) -> dict[NewIndex, tuple[str, ...]]:
    """Indexes that would spare the load rows, with the statements that they are for."""
    found: dict[NewIndex, tuple[str, ...]] = {}
    for key, waste in (*scan_wastes(facts), *filter_wastes(facts)):
        index = index_of(facts, waste)
        if index is not None:
            found[index] = (*found.get(index, ()), key)
    return without_covered(found)


def _examine_missing(facts: ReviewFacts) -> Examined:
    none = no_plans(facts)
    if none is not None:
        return none
    if not any(plans.all_plans() for plans in (facts.plans or {}).values()):
        return skipped("statements", "the database shows no plan")
    found = [
        _missing_finding(facts, index, keys)
        for index, keys in suggestions(facts).items()
        if not is_refuted(facts, index)
    ]
    return Examined(len(facts.plans or {}), "statements", tuple(found))


def _proof_in_words(proof: IndexProof) -> list[str]:
    lines = [_ratio_in_words(ratio) for ratio in (*proof.reads, *proof.writes)]
    share = f", {format_share(proof.index_bytes / proof.table_bytes)} of its table" if proof.table_bytes else ""
    return [*lines, f"{format_size(proof.index_bytes)}{share}; measured in {proof.pairs} pairs of windows"]


def _ratio_in_words(ratio: PairedRatio) -> str:
    low, high = ratio.interval
    return (
        f"{ratio.operation}: median {format_duration(ratio.before_us / 1e6)} without it, "
        f"{format_duration(ratio.after_us / 1e6)} with it, × {ratio.ratio:.2f} ({low:.2f} to {high:.2f}, "
        f"{format_share(ratio.confidence)} confidence)"
    )


def _missing_finding(facts: ReviewFacts, index: NewIndex, keys: tuple[str, ...]) -> Finding:
    columns = ", ".join(index.columns)
    trials, proof = facts.trials.get(index, ()), facts.proofs.get(index)
    halved = any(trial.is_used and trial.cost_after <= _PROVED_FACTOR * trial.cost_before for trial in trials)
    is_proved = halved or proof is not None
    return Finding(
        rule=MISSING_INDEX_RULE.id,
        severity=Severity.WARNING,
        subject=f"{index.table} ({columns})",
        what=f"An index on {index.table} ({columns}) would serve {names(keys)}.",
        evidence=(
            *(_trial_in_words(trial) for trial in trials),
            *(_proof_in_words(proof) if proof is not None else ()),
            *(() if trials or proof else (f"not proved: {facts.missing.get('trials', 'it was not tried')}",)),
            rows_at_volume(facts, index.table),
            _writes_in_words(facts, index.table),
        ),
        why=f"{share_in_words(facts, keys)}",
        remedy="Create it." if is_proved else _proof_first(facts),
        sql=index_sql(facts, index),
        load_share=facts.load_share(keys),
        index=index,
    )


def _proof_first(facts: ReviewFacts) -> str:
    """Where what it gains and costs is measured: under a scenario's load, and never on the database in use."""
    if facts.can_prove:
        return "Create it once `loadlab check SCENARIO --prove` has measured what it gains and costs."
    return (
        "Create it; what it gains and costs is measured under a scenario of this load"
        " (`loadlab init --from-statements URL` writes one), with `loadlab check SCENARIO --prove`."
    )


def _trial_in_words(trial: IndexTrial) -> str:
    if not trial.is_used:
        return f"{trial.statement}: the planner, told of it, would not use it"
    return (
        f"{trial.statement}: cost {format_count(trial.cost_before)} without it, {format_count(trial.cost_after)} with "
        "it, by a hypothetical index"
    )


def _writes_in_words(facts: ReviewFacts, table: str) -> str:
    writes = tuple(_writing(facts, table))
    if not writes:
        return f"nothing in this load writes to {table}"
    return f"{names(writes)} would have it to keep as well"


def _writing(facts: ReviewFacts, table: str) -> Iterator[str]:
    for key, plans in (facts.plans or {}).items():
        if any(node.kind == "write" and node.table == table for plan in plans.all_plans() for node in plan.nodes()):
            yield key


MISSING_INDEX_RULE = Rule(
    "missing-index",
    "load",
    "An index that the load would use",
    "Columns that statements look for by `=` come first, then a range or the order. Tried as a hypothetical index "
    "where the server has the means; one that the planner would not use is not proposed.",
    "HypoPG, https://hypopg.readthedocs.io; M. Winand, Use The Index, Luke, “The Where Clause”",
    _examine_missing,
)


# -- unused --------------------------------------------------------------------------------------------------------


def _examine_unused(facts: ReviewFacts) -> Examined:
    reason = _why_use_is_unknown(facts)
    if reason:
        return skipped("indexes", reason)
    judged = [(table, index) for table in _read_tables(facts) for index in table.indexes if _may_go(table, index)]
    if not judged:
        return skipped("indexes", "every index of a large table that is searched has another reason to be there")
    found = [_unused_finding(facts, table, index) for table, index in judged if _is_unused(facts, table, index)]
    return Examined(len(judged), "indexes", tuple(found))


def _why_use_is_unknown(facts: ReviewFacts) -> str:
    """Only a window in which everything of the load was executed tells what the load does not use."""
    if facts.evidence is None:
        return facts.why_missing("evidence")
    if not facts.is_window or not facts.executions:
        return facts.missing.get("executions", "no load was measured")
    if all(item.scans is None for item in facts.evidence.indexes.values()):
        return "the database does not count the scans of indexes"
    idle = [key for key in facts.statements if not facts.executions.get(key)]
    if idle:
        return f"{names(idle)} {'was' if len(idle) == 1 else 'were'} never executed in the window"
    return ""


def _read_tables(facts: ReviewFacts) -> list[Table]:
    """Tables that the load searches: of what it only writes to it says nothing."""
    searched = {
        node.table for plans in (facts.plans or {}).values() for plan in plans.all_plans() for node in plan.scans()
    }
    return [table for table in facts.schema if table.key in searched and is_large(facts, table.key)]


def _may_go(table: Table, index: Index) -> bool:
    """Not those that hold a constraint, serve a foreign key alone, or are there for rare rows (a partial index)."""
    if index.unique or index.constraint is not None or index.predicate is not None:
        return False
    others = [table.primary_key, *(other.keys for other in table.indexes if other is not index and not other.predicate)]
    return not any(
        _begins(index.keys, key.columns) and not any(_begins(other, key.columns) for other in others)
        for key in table.foreign_keys
    )


def _begins(keys: tuple[str, ...], columns: tuple[str, ...]) -> bool:
    return set(keys[: len(columns)]) == set(columns)


def _is_unused(facts: ReviewFacts, table: Table, index: Index) -> bool:
    name = f"{table.namespace}.{index.name}" if table.namespace else index.name
    evidence = facts.evidence.index(table.key, name) if facts.evidence else None
    if evidence is None or evidence.scans is None or evidence.scans > 0:
        return False
    return name not in _planned_indexes(facts)


def _planned_indexes(facts: ReviewFacts) -> set[str]:
    """Those that a plan names: on small tables the planner may do without what it would use at full volume."""
    found: set[str] = set()
    for plans in (facts.plans or {}).values():
        found |= set(plans.access.indexes if plans.access else ())
        found |= {name for plan in plans.all_plans() for node in plan.nodes() for name in node.indexes}
    return found


def _unused_finding(facts: ReviewFacts, table: Table, index: Index) -> Finding:
    name = f"{table.namespace}.{index.name}" if table.namespace else index.name
    found = facts.evidence.index(table.key, name) if facts.evidence else None
    size = found.size_bytes if found else None
    writes = tuple(_writing(facts, table.key))
    executed = sum((facts.executions or {}).values())
    return Finding(
        rule=UNUSED_INDEX_RULE.id,
        severity=Severity.NOTE,
        subject=index.name,
        what=f"Nothing in this load uses the index {index.name} of {table.key}.",
        evidence=(
            f"0 scans in {counted(executed, 'execution')} of {counted(len(facts.statements), 'statement')}, each of "
            "which ran; no plan names it",
            *([f"{format_size(size)} as seeded"] if size is not None else []),
            *([f"{names(writes)} keep it up to date"] if writes else []),
        ),
        why="Every insert, and every update that is not heap-only, writes it too. "
        f"{share_in_words(facts, writes) if writes else 'Nothing in this load writes to its table.'}",
        remedy="Drop it, unless something that is not in this load needs it: a rare report, a job at night.",
        sql=(facts.tuning.drop_index(table, index.name),) if facts.tuning else (),
        load_share=facts.load_share(writes) if writes else None,
    )


UNUSED_INDEX_RULE = Rule(
    "unused-index",
    "load",
    "An index that this load never used",
    "An index costs every write and its share of the cache. Judged is only a load all of whose statements ran, on "
    "tables that it searches; indexes of constraints, the only index of a foreign key and partial indexes are kept.",
    INDEX_USAGE,
    _examine_unused,
)
