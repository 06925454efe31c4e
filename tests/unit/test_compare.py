"""What is compared with what, what differs, and what rounds come to."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from rich.console import Console

from loadlab.commands.schema import SpecKind, json_schema
from loadlab.compare.differences import schema_differences
from loadlab.compare.rounds import check_rounds
from loadlab.compare.sides import choose_sides, labelled_by_database
from loadlab.engines.protocol import Evidence, IndexEvidence, TableEvidence
from loadlab.errors import InputError
from loadlab.measure.figures import OperationFigures
from loadlab.measure.histogram import Histogram
from loadlab.measure.model import GeneratorHealth, LoadMeasure, OperationMeasure
from loadlab.report.compare import wording
from loadlab.report.compare.build import SideFacts, build_comparison
from loadlab.report.compare.html import render_comparison
from loadlab.report.compare.model import CompareResult, RoundsResult, StorageResult
from loadlab.report.compare.terminal import print_comparison
from loadlab.report.model import SeedingResult
from loadlab.schema.model import Check, Column, ForeignKey, Index, LogicalType, Partitioning, Schema, Table
from loadlab.spec.base import merged
from loadlab.validate.comparison.figures import Metric, Round, interpolated_us
from loadlab.validate.comparison.storage import judge_storage, stored_side
from loadlab.validate.comparison.verdicts import Comparison, Outcome, compare_rounds, undecided
from tests.samples import sample_result

PAIRS = 24
NAME = "<b>orders</b>"


def histogram(values: np.ndarray) -> Histogram:
    found = Histogram()
    found.add(values.astype(np.int64))
    return found


def load(medians: Mapping[str, float], random: np.random.Generator, *, count: int, failed: int, is_open: bool):
    operations = []
    for name, median in medians.items():
        values = median * np.exp(0.2 * random.normal(size=count))
        service = histogram(values)
        errors = {"ConflictError 40001": failed} if failed else {}
        kind = "write" if name == "insert" else "simple"
        operations.append(OperationMeasure(name, kind, count, errors, service, service))
    return LoadMeasure(
        started_at="2026-03-14T09:26:53+00:00",
        duration_s=sum(item.service.total_us for item in operations) / 1e6 or 1.0,
        users=0 if is_open else 1,
        connections=1,
        connections_peak=1,
        workers=1,
        asked_rate_per_s=None,
        operations=tuple(operations),
        intervals=(),
        generator=GeneratorHealth(0.1, 10.0),
        arrivals="poisson" if is_open else "users",
        first_errors=dict.fromkeys(medians, "could not serialize") if failed else {},
    )


def rounds(
    medians: Mapping[str, float],
    *,
    pairs: int = PAIRS,
    seed: int = 1,
    count: int = 200,
    failed: int = 0,
    blocks: float = 4.0,
    wal: float = 300.0,
    is_open: bool = False,
) -> list[Round]:
    random = np.random.default_rng(seed)

    def measure(share: int) -> LoadMeasure:
        return load(medians, random, count=count // share, failed=failed, is_open=is_open)

    counted = {name: OperationFigures(1.0, blocks, None, 0.1, wal) for name in medians}
    return [Round(measure(1), measure(2), measure(2), counted) for _ in range(pairs)]


MEDIANS = {"read": 400.0, "insert": 900.0, "control": 100.0}


def compared(b: Mapping[str, float], **more: object) -> Comparison:
    options = {name: more.pop(name) for name in ("pairs_asked", "ended_early", "storage") if name in more}
    return compare_rounds(
        rounds(MEDIANS, **{**more, "seed": 1}),  # type: ignore[arg-type]
        rounds(b, **{**more, "seed": 2}),  # type: ignore[arg-type]
        control="control",
        **options,  # type: ignore[arg-type]
    )


def outcomes(comparison: Comparison) -> dict[str, Outcome]:
    return {item.name: item.outcome for item in comparison.operations}


# -- verdicts --------------------------------------------------------------------------------------------------------


def test_the_same_is_the_same():
    found = compared(MEDIANS)
    assert outcomes(found) == {"read": Outcome.SAME, "insert": Outcome.SAME}
    assert found.outcome is Outcome.SAME
    # p50, p10, mean, p95 and blocks of both, the write's log, and the throughput; not the control's.
    assert found.family == 2 * 5 + 1 + 1
    assert found.confidence == pytest.approx(1 - 0.01 / 12)


@pytest.mark.parametrize("factor, outcome", [(1.2, Outcome.WORSE), (0.8, Outcome.BETTER)])
def test_a_slower_operation_is_worse_a_faster_one_better(factor, outcome):
    found = compared({**MEDIANS, "read": 400 * factor})
    assert outcomes(found) == {"read": outcome, "insert": Outcome.SAME}
    assert found.outcome is outcome


def test_more_pairs_are_asked_for_what_seems_to_differ_alone():
    assert undecided(compared({**MEDIANS, "read": 480.0}), 0.05, 4) is None
    assert undecided(compared(MEDIANS), 0.05, 4) is None
    few = compared({**MEDIANS, "read": 480.0}, pairs=8, count=8)
    estimate = few.operations[0].metrics[0].estimate
    assert estimate is not None
    assert few.operations[0].metrics[0].outcome is Outcome.INCONCLUSIVE
    # So many times as many pairs as make the interval narrow enough, and no fewer.
    growth = (np.log1p(max(estimate.noise, estimate.interval[1] / estimate.ratio - 1)) / np.log(estimate.ratio)) ** 2
    assert undecided(few, 0.05, 1.01 * growth) == "read"
    assert undecided(few, 0.05, 0.99 * growth) is None
    assert undecided(few, 0.5, 1.01 * growth) is None
    twice = compare_rounds(rounds(MEDIANS), rounds(MEDIANS, seed=2), control="control", looks=2)
    assert twice.confidence == pytest.approx(1 - 0.01 / 24)


def test_what_one_server_alone_counts_is_shown_and_not_judged():
    both = [replace(item, counted={}) for item in rounds(MEDIANS, seed=2)]
    found = compare_rounds(rounds(MEDIANS), both)
    read = {item.metric: item for item in found.operations[0].metrics}
    assert (read[Metric.blocks].a, read[Metric.blocks].b) == (4.0, None)
    assert read[Metric.blocks].reason == "the server of B does not count it"
    assert found.operations[0].outcome is Outcome.SAME
    # Latencies of three operations and the throughput: what is not judged is no part of the family.
    assert found.family == 3 * 4 + 1
    neither = compare_rounds(both, both)
    assert Metric.blocks not in {item.metric for item in neither.operations[0].metrics}
    lost = [*both[:3], *rounds(MEDIANS, seed=2)[3:]]
    gap = next(item for item in compare_rounds(rounds(MEDIANS), lost).operations[0].metrics if item.metric == "blocks")
    assert (gap.a, gap.reason) == (None, "it was not counted in every round")


def test_throughput_counts_the_other_way_round():
    found = compared({name: 2 * value for name, value in MEDIANS.items()})
    assert found.throughput is not None
    assert found.throughput.estimate is not None
    assert found.throughput.estimate.ratio == pytest.approx(0.5, abs=0.02)
    # The control is slower as well: what differs is not the design, and twice as slow is what counts from.
    assert found.throughput.effect > 0.9
    assert compared(MEDIANS, is_open=True).throughput is None


def test_what_the_control_differs_by_counts_for_nothing():
    slower = {name: 1.2 * value for name, value in MEDIANS.items()}
    found = compared(slower)
    assert Outcome.WORSE not in outcomes(found).values() or found.operations[0].metrics[0].effect > 0.15
    assert compared({**slower, "control": 100.0}).outcome is Outcome.WORSE


def test_a_part_only_is_never_the_same():
    found = compared(MEDIANS, pairs=PAIRS, pairs_asked=PAIRS + 1, ended_early="interrupted")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason == "it ended early (interrupted): 24 of 25 pairs were measured"
    # It can tell of something worse, though.
    assert compared({**MEDIANS, "read": 800.0}, pairs_asked=PAIRS + 1).outcome is Outcome.WORSE
    assert compared({**MEDIANS, "read": 200.0}, pairs_asked=PAIRS + 1).outcome is Outcome.INCONCLUSIVE


def test_too_few_pairs_and_none_at_all_are_inconclusive():
    found = compared(MEDIANS, pairs=7)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.operations[0].metrics[0].reason == "7 pairs of at least 8"
    assert compare_rounds([], []).outcome is Outcome.INCONCLUSIVE


def test_a_round_without_an_execution_makes_its_operation_inconclusive():
    a, b = rounds(MEDIANS), rounds(MEDIANS, seed=2)
    whole = b[3].whole
    empty = replace(whole.operations[0], count=0, service=Histogram(), response=Histogram())
    b[3] = replace(b[3], whole=replace(whole, operations=(empty, *whole.operations[1:])))
    found = compare_rounds(a, b, control="control")
    assert outcomes(found) == {"read": Outcome.INCONCLUSIVE, "insert": Outcome.SAME}
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.operations[0].reason == "it was not executed on both sides in 1 of 24 pairs"
    p50 = found.operations[0].metrics[0]
    assert (p50.estimate, p50.outcome) == (None, Outcome.INCONCLUSIVE)
    # What was executed is shown all the same.
    assert (p50.a, p50.b) == (pytest.approx(400, rel=0.05), pytest.approx(400, rel=0.05))


def test_failures_make_an_operation_inconclusive_however_fast_they_are():
    found = compare_rounds(rounds(MEDIANS), rounds({**MEDIANS, "read": 10.0}, seed=2, failed=20), control="control")
    assert set(outcomes(found).values()) == {Outcome.INCONCLUSIVE}
    assert "480 of 5,280 executions failed on B: could not serialize" in found.operations[0].reason


def test_operations_of_one_side_are_not_compared():
    found = compare_rounds(rounds({**MEDIANS, "old": 5.0}), rounds({"new": 5.0, **MEDIANS}, seed=2), control="control")
    assert list(outcomes(found)) == ["read", "insert"]
    only = compare_rounds(rounds({"old": 5.0}), rounds({"new": 5.0}))
    assert only.outcome is Outcome.INCONCLUSIVE
    assert only.reason == "no operation was executed on both sides"


def test_few_answers_have_no_p95_and_few_more_nothing():
    found = compared(MEDIANS, count=60)
    metrics = {item.metric: item for item in found.operations[0].metrics}
    assert metrics[Metric.p95].reason == "a round had 60 executions, and p95 needs 100"
    assert metrics[Metric.p50].outcome is not Outcome.INCONCLUSIVE
    few = compared(MEDIANS, count=4)
    assert few.outcome is Outcome.INCONCLUSIVE
    p50, p10, mean, p95 = few.operations[0].metrics[:4]
    assert p50.reason == "a round had 4 executions, and p50 needs 5"
    assert p50.estimate is None
    # 96 executions over all rounds.
    assert [item.a for item in (p50, p10, mean)] == [
        pytest.approx(400, rel=0.15), pytest.approx(310, rel=0.15), pytest.approx(410, rel=0.15)
    ]  # fmt: skip
    assert p95.a is None


def test_blocks_and_log_are_counted_not_timed():
    a, b = rounds(MEDIANS, blocks=10), rounds(MEDIANS, seed=2, blocks=14, wal=900)
    found = compare_rounds(a, b, control="control")
    metrics = {(item.name, metric.metric): metric for item in found.operations for metric in item.metrics}
    assert metrics["read", Metric.blocks].outcome is Outcome.WORSE
    assert metrics["insert", Metric.wal].outcome is Outcome.WORSE
    assert ("read", Metric.wal) not in metrics
    # A block more or less is what splits of pages make.
    one_more = compare_rounds(a, rounds(MEDIANS, seed=2, blocks=11), control="control")
    assert one_more.outcome is Outcome.SAME


def test_storage_counts_for_the_whole():
    assert compared(MEDIANS, storage=Outcome.WORSE).outcome is Outcome.WORSE
    assert compared({**MEDIANS, "read": 200.0}, storage=Outcome.WORSE).outcome is Outcome.MIXED


def test_a_percentile_lies_within_its_place():
    values = histogram(np.array([10] * 50 + [11] * 50))
    assert interpolated_us(values, 50) == pytest.approx(11.0)
    assert interpolated_us(values, 25) == pytest.approx(10.5)
    assert interpolated_us(values, 75) == pytest.approx(11.5)


# -- storage ---------------------------------------------------------------------------------------------------------


def evidence(table: int, index: int, inserted: int) -> Evidence:
    return Evidence(
        0.0, "", "",
        tables={NAME: TableEvidence(size_bytes=table, index_bytes=index, rows_inserted=inserted)},
        indexes={"pkey": IndexEvidence(NAME, size_bytes=index), "other": IndexEvidence("other", size_bytes=1)},
    )  # fmt: skip


def test_storage_is_by_row_and_growth_by_inserted_row():
    side = stored_side({NAME: 1000}, evidence(80_000, 20_000, 1000), evidence(96_000, 30_000, 1200))
    table = side.tables[NAME]
    assert (side.bytes, side.rows, dict(side.indexes)) == (100_000, 1000, {"pkey": 20_000})
    assert (table.grown_table_bytes, table.grown_index_bytes) == (80.0, 50.0)


def test_storage_of_other_rows_is_not_compared():
    a = stored_side({NAME: 1000}, evidence(80_000, 20_000, 0), evidence(80_000, 20_000, 0))
    smaller = stored_side({NAME: 1000}, evidence(60_000, 20_000, 0), evidence(60_000, 20_000, 0))
    assert judge_storage(a, a, 0.05) == (Outcome.SAME, "")
    assert judge_storage(a, smaller, 0.05) == (Outcome.BETTER, "")
    assert judge_storage(smaller, a, 0.05) == (Outcome.WORSE, "")
    fewer = stored_side({NAME: 900}, evidence(80_000, 20_000, 0), evidence(80_000, 20_000, 0))
    assert judge_storage(a, fewer, 0.05) == (Outcome.INCONCLUSIVE, "1,000 rows on A and 900 on B")
    nearly = stored_side({NAME: 995}, evidence(80_000, 20_000, 0), evidence(80_000, 20_000, 0))
    assert judge_storage(a, nearly, 0.05) == (Outcome.SAME, "")


def test_bytes_are_of_the_rows_that_are_there():
    before = replace(evidence(80_000, 20_000, 0), tables={NAME: TableEvidence(80_000, 20_000, rows=1200)})
    assert stored_side({NAME: 1000}, before, before).rows == 1000
    used = stored_side({NAME: 1000}, before, before, has_new_rows=True)
    assert (used.rows, used.tables[NAME].bytes / used.tables[NAME].rows) == (1200, pytest.approx(83.3, abs=0.1))


def test_rows_in_those_of_another_table_are_rows_too():
    there = evidence(80_000, 20_000, 0)
    documents = stored_side({NAME: 1000, "items": 3000}, there, there, inside={"items": NAME})
    assert (documents.rows, dict(documents.inside)) == (4000, {"items": NAME})
    tables = replace(there, tables={**there.tables, "items": TableEvidence(60_000, 10_000)})
    assert judge_storage(stored_side({NAME: 1000, "items": 3000}, tables, tables), documents, 0.05) == (
        Outcome.BETTER,
        "",
    )


# -- what differs ----------------------------------------------------------------------------------------------------


def test_what_differs_is_said():
    integer = LogicalType("integer", native="integer")
    plain = Table("t", (Column("id", integer), Column("old", integer)), primary_key=("id",))
    other = Table(
        "t",
        (Column("id", replace(integer, native="bigint"), nullable=False), Column("new", integer)),
        primary_key=("id", "new"),
        indexes=(Index("t_new", ("new",), predicate="new > 0"),),
        partitioning=Partitioning("hash", ("id",)),
        foreign_keys=(ForeignKey("t_new_fkey", ("new",), "u", ("id",), "CASCADE"),),
        checks=(Check("t_check", "new > 0"),),
    )
    plain = replace(plain, checks=(Check("t_check", "old > 0"), Check("t_check1", "new > 0")))
    a, b = Schema((Table("gone", ()), plain), "x"), Schema((other,), "x")
    assert list(schema_differences(a, b)) == [
        "table gone only on A",
        "t.id: integer on A, bigint not null on B",
        "t.old: integer, only on A",
        "t.new: integer, only on B",
        "t: primary key (id) on A, (id, new) on B",
        "t: index t_new: btree (new) where new > 0, only on B",
        "t: CHECK (old > 0), only on A",
        "t: foreign key (new) to u (id) on delete cascade on update no action, only on B",
        "t: not partitioned on A, hash by id on B",
    ]
    assert not list(schema_differences(a, a))


def test_two_kinds_of_database_differ_by_what_there_is_and_not_by_how_it_is_written():
    def table(native: str, index: str, *checks: Check) -> Table:
        key = LogicalType("integer", native=native)
        columns = (Column("id", key, nullable=False),)
        return Table("t", columns, primary_key=("id",), indexes=(Index(index, ("id",)),), checks=checks)

    a = Schema((table("int8", "t_pkey", Check("c", "id > 0::int8")),), "x")
    assert not list(schema_differences(a, Schema((table("INT", "auto_1", Check("", "(id>0)")),), "y")))
    text = Table("t", (Column("id", LogicalType("text", native="INT")),), primary_key=("id",))
    assert list(schema_differences(a, Schema((text,), "y"))) == [
        "t.id: integer not null on A, text on B",
        "t: index btree (id), only on A",
        "t: 1 CHECK on A, 0 on B",
    ]


def test_changes_are_merged_key_by_key():
    common = {"a": {"b": 1, "c": [1]}, "d": 2}
    assert merged(common, {"a": {"c": [2], "e": {"f": 3}}, "d": None}) == {"a": {"b": 1, "c": [2], "e": {"f": 3}}}
    assert common == {"a": {"b": 1, "c": [1]}, "d": 2}


# -- what is compared ------------------------------------------------------------------------------------------------


def choose(a: object, b: object = None, **more: object):
    return choose_sides(
        str(a), None if b is None else str(b), **{"scenario": None, "database_a": None, "database_b": None, **more}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "schema.sql").write_text("CREATE TABLE t (id int PRIMARY KEY);")
    (tmp_path / "other.sql").write_text("CREATE TABLE t (id bigint PRIMARY KEY);")
    (tmp_path / "scenario.yaml").write_text("name: shop\nschema: schema.sql\nworkload: {users: 3}\n")
    return tmp_path


def test_a_folder_holds_both_sides(folder):
    (folder / "compare.yaml").write_text(
        "question: Which?\nsides: {small: {}, big: {schema: other.sql, workload: {users: 5}}}\nmin_effect: 10%\n"
    )
    found = choose(folder)
    assert (found.name, found.question, found.min_effect) == ("shop", "Which?", 0.1)
    assert (found.a.label, found.b.label) == ("small", "big")
    assert (found.a.scenario.file.schema_, found.b.scenario.file.schema_) == ("schema.sql", "other.sql")
    assert (found.a.scenario.file.workload.users, found.b.scenario.file.workload.users) == (3, 5)


def test_schemas_take_the_scenario_s_load_and_databases_are_those_that_are_there(folder):
    found = choose(folder / "schema.sql", folder / "other.sql", scenario=folder)
    assert [side.scenario.file.workload.users for side in (found.a, found.b)] == [3, 3]
    assert found.b.scenario.file.schema_ == str(folder / "other.sql")
    there = choose("postgresql://a/one", "postgresql://a/two", scenario=folder)
    assert [side.is_filled for side in (there.a, there.b)] == [True, True]
    assert there.a.scenario.source("any") is None
    two = choose(folder, database_a="postgresql://a/one", database_b="postgresql://a/two")
    assert (two.a.database, two.b.database) == ("postgresql://a/one", "postgresql://a/two")
    # Each opening of such an address is a database of its own.
    assert choose(folder, database_a="sqlite://", database_b="sqlite://").b.database == "sqlite://"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("shop",), "is one side: name the other, a folder with a compare.yaml, or give --database twice"),
        (("postgresql://u:secret@a/x", "postgresql://u:secret@a/x"), "--database-b=.* is the database of the other"),
        (("shop", "nowhere"), "nowhere.* does not exist"),
        (("shop", "other.sql"), "other.sql is a schema, and .*shop a scenario: each would have a load of its own"),
        (("shop", "postgresql://u:secret@a/x"), "a/x is a database, and .*shop a scenario"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, message, folder):
    (folder / "shop").mkdir()
    (folder / "shop" / "scenario.yaml").write_text("name: shop\n")
    with pytest.raises(InputError, match=message) as error:
        choose(*(str(folder / item) if "//" not in item else item for item in arguments))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "text, message",
    [
        ("sides: {a: {}}", "compare.yaml: sides.* names 1 sides; two are compared"),
        ("sides: {a: {}, b: {wörk: 1}}", "compare.yaml: sides.b: wörk is not a known key"),
        ("sides: [", "compare.yaml: line 1 is not YAML"),
        ("side: {}", "compare.yaml: side is not a known key; did you mean sides"),
        ("sides: {a: {}, b: {schema: no.sql}}", "compare.yaml: sides.b: schema=.* does not exist beside"),
    ],
)
def test_mistakes_in_compare_yaml_are_named(text, message, folder):
    (folder / "compare.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        choose(folder)


def test_copies_of_a_scenario_are_told_apart_by_their_folders(tmp_path):
    for name in ("shop", "shop-indexed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "schema.sql").write_text("CREATE TABLE t (id int PRIMARY KEY);")
        (tmp_path / name / "scenario.yaml").write_text("name: shop\nschema: schema.sql\n")
    found = choose(tmp_path / "shop", tmp_path / "shop-indexed")
    assert (found.name, found.a.label, found.b.label) == ("shop-shop-indexed", "shop", "shop-indexed")


def test_one_scenario_twice_is_told_apart_by_its_databases(folder):
    one = choose(folder, database_a="sqlite:///a.db", database_b="sqlite:///b.db")
    addresses = ["sqlite:///a.db", "sqlite:///b.db"]
    kinds = labelled_by_database(one, ["SQLite 3.46.1", "PostgreSQL 18.1"], addresses)
    assert (kinds.a.label, kinds.b.label, kinds.name) == ("SQLite 3.46.1", "PostgreSQL 18.1", "shop")
    same = labelled_by_database(one, ["SQLite 3.46.1"] * 2, addresses)
    assert [same.a.label, same.b.label] == addresses
    named = choose(folder / "schema.sql", folder / "other.sql", scenario=folder)
    assert labelled_by_database(named, ["SQLite 3", "PostgreSQL 18"], addresses) is named


def test_rounds_that_tell_nothing_are_refused():
    with pytest.raises(InputError, match="--pairs=7 must be at least 8"):
        check_rounds(7, None)
    with pytest.raises(InputError, match=r"--round-duration.* must be at least 160 ms"):
        check_rounds(8, 0.1)


# -- the report ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result() -> CompareResult:
    a, b = rounds(MEDIANS), rounds({**MEDIANS, "read": 800.0}, seed=2, blocks=9.0)
    stored = stored_side({NAME: 1000}, evidence(80_000, 20_000, 0), evidence(90_000, 30_000, 100))
    seeding = SeedingResult(
        rows=1000, seconds=1.0, bytes=100_000, scale=1.0, seed=1, fingerprint="abc", reused=False, tables=[]
    )
    sides = [
        SideFacts(
            label, "shop", "postgresql", "PostgreSQL 18.1", "embedded:", seeding, stored, {"read": [plan]}, only, {}
        )
        for label, plan, only in (("old", "Index Scan", [NAME]), ("new", "Seq Scan", []))
    ]
    return build_comparison(
        name="shop",
        question="Is it <i>worth</i> it?",
        sides=(sides[0], sides[1]),
        rounds=(a, b),
        comparison=compare_rounds(a, b, control="control"),
        storage=(Outcome.SAME, ""),
        differences=[f"table {NAME} only on A"],
        min_effect=0.05,
        looks=1,
        measured=RoundsResult(pairs=PAIRS, pairs_asked=PAIRS, round_s=0.5, slices=12),
        load="1 user",
        environment=sample_result().environment,
        notes=["A: a note"],
    )


def test_the_json_is_as_its_schema_says_and_reads_back(result):
    text = result.model_dump_json()
    jsonschema.validate(json.loads(text), json_schema(SpecKind.compare))
    assert CompareResult.model_validate_json(text) == result
    read = result.operations[0]
    assert (read.name, read.verdict, read.plans_differ) == ("read", Outcome.WORSE, True)
    assert read.metrics[0].ratio == pytest.approx(2.0, rel=0.05)


def test_the_terminal_says_what_is_worse_within_80_columns(result):
    out = io.StringIO()
    print_comparison(result, None, Console(file=out, width=80, highlight=False, markup=False, emoji=False))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"^read +p50 +\d+ µs +\d+ µs +(\+9\d\.\d%|×2\S*) .* worse", text, re.MULTILINE)
    assert "figures more, none of them better or worse, in the report" in text
    assert "WORSE B (new) against A (old): 2 worse; storage 0.0%." in text
    assert "Index Scan on A; Seq Scan on B" in text
    assert f"table {NAME} only on A" in text
    assert "(Bonferroni)" in text


def test_what_stands_elsewhere_and_what_came_later_is_said(result):
    side = result.b.model_copy(update={"tables": [], "inside": {NAME: "orders"}, "rows": 1250, "total_bytes": 100_000})
    told = result.model_copy(update={"b": side})
    assert [(name, b) for name, _, b in wording.tables(told)] == [(NAME, None)]
    assert wording.table_size_text(side, NAME, None) == "in orders"
    assert wording.side_text(side) == "new: 1,250 rows (1,000 seeded), 97.7 KiB, 80.0 bytes a row"
    assert wording.side_text(result.a) == "old: 1,000 rows, 97.7 KiB, 100.0 bytes a row"
    out = io.StringIO()
    storage = StorageResult(ratio=1.0, verdict=Outcome.INCONCLUSIVE, reason="1,000 rows on A and 1,250 on B")
    assert ("Unclear", f"storage: {storage.reason}") in wording.facts(told.model_copy(update={"storage": storage}))
    many = told.model_copy(update={"a": told.a.model_copy(update={"index_bytes": {f"i{n}": n for n in range(15)}})})
    print_comparison(many, None, Console(file=out, width=80, highlight=False, markup=False, emoji=False))
    assert "in orders" in out.getvalue()
    assert "4 lines more, in the report" in out.getvalue()
    assert "in orders" in render_comparison(told)


def test_the_page_escapes_what_it_is_given(result):
    page = render_comparison(result)
    assert NAME not in page
    assert "&lt;b&gt;orders&lt;/b&gt;" in page
    assert "Is it &lt;i&gt;worth&lt;/i&gt; it?" in page
    assert page.count('class="judged"') == result.family.comparisons + len(
        result.control.metrics if result.control else []
    )


@pytest.mark.parametrize(
    "ratio, text",
    [(1.0, "0.0%"), (1.0004, "0.0%"), (1.203, "+20.3%"), (0.96, "-4.0%"), (3.2, "×3.2"), (0.25, "÷4"), (None, "–")],
)
def test_a_ratio_is_told_as_a_change(ratio, text):
    assert wording.change_text(ratio) == text
