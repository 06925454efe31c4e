"""Mixes that are derived from schemas like those of applications: every operation runs, and none fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import open_database
from loadlab.errors import InputError
from loadlab.measure.model import LoadMeasure
from loadlab.mix.trying import with_derived_mix
from loadlab.scaffold import InitOutcome, init_scenario
from loadlab.seeding.seeder import seed
from loadlab.sourcing import schema_of
from loadlab.spec.scenario import Scenario, load_scenario
from tests.shop import DDL, measured
from tests.silent import Silent

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"


class Quiet:
    """Follows nothing, keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def step(self, text: str) -> None:
        self.told.append(text)

    def notes(self, notes: Sequence[str]) -> None:
        self.told += notes


def begun(source: Path | str | None, folder: Path, **more: Any) -> tuple[InitOutcome, Scenario]:
    outcome = init_scenario(
        None if source is None else str(source), more.pop("database", None), folder, Silent(), **more
    )
    return outcome, load_scenario(folder)


def loaded(scenario: Scenario, url: str, *, rows: int, seconds: float) -> LoadMeasure:
    """What a short load of the scenario measures, on a new database."""
    with open_database(url) as engine:
        found = schema_of(scenario, engine)
        request = DataRequest(
            shape=scenario.file.data, scale=1.0, seed=3, full_rows=lambda _: None, rows={}, rows_everywhere=rows
        )
        seed(engine, Dataset.plan_for(found.schema, request, owns_tables=True), workers=1, observe=lambda _: None)
        if not scenario.file.workload.operations:
            scenario, _ = with_derived_mix(scenario, engine, empty=(), tell=lambda _: None)
        return measured(engine, scenario, seconds=seconds)


def errors(measure: LoadMeasure) -> dict[str, object]:
    return {item.name: item.first_error for item in measure.operations if sum(item.errors.values())}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, expected",
    [
        (
            "forum",
            {
                "accounts_by_id", "boards_by_slug", "posts_of_topic", "posts_of_topic_next", "posts_search",
                "topics_open_latest", "insert_posts", "count_posts_count_of_accounts", "add_topics_with_posts",
            },
        ),
        (
            "saas",
            {
                "invoices_by_id", "invoices_by_organization_id_and_number", "invoices_of_customer", "invoices_latest",
                "invoices_with_invoice_lines", "customers_containing", "insert_invoices",
            },
        ),
        (
            "knowledge",
            {
                "documents_by_id", "chunks_by_document_id_and_ordinal", "messages_of_conversation",
                "documents_with_chunks", "documents_search", "chunks_nearest", "change_status_of_documents",
            },
        ),
    ],
)  # fmt: skip
def test_a_schema_becomes_a_mix_that_runs(embedded_server: str, tmp_path: Path, name: str, expected: set[str]) -> None:
    outcome, scenario = begun(FIXTURES / "init" / f"{name}.sql", tmp_path / "made")
    operations = scenario.file.workload.operations
    assert len(operations) <= 25
    assert expected <= operations.keys(), sorted(operations)
    weights = {"read": 0.0, "write": 0.0}
    for operation in operations.values():
        weights["write" if operation.is_write else "read"] += operation.weight
    assert weights["read"] == pytest.approx(90, abs=1.5)
    assert weights["write"] == pytest.approx(10, abs=1.5)
    assert not any("ledger_entries" in item and "change" in item for item in operations), "a trigger forbids it"
    measure = loaded(scenario, "embedded:", rows=400, seconds=2.5)
    assert errors(measure) == {}
    assert {item.name for item in measure.operations if item.count} >= {
        name for name, item in operations.items() if item.weight > 2
    }
    assert outcome.operations == tuple(operations)
    text = (tmp_path / "made" / "scenario.yaml").read_text()
    assert "*id" not in text
    assert text.count("\n    # ") >= len(operations), "every operation says why it is there"
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.slow
def test_the_torture_schema_has_a_mix(embedded_server: str, tmp_path: Path) -> None:
    outcome, scenario = begun(FIXTURES / "torture.sql", tmp_path / "made")
    assert {"lookup", "list_", "join", "search", "insert"} <= {
        name for operation in scenario.file.workload.operations.values() for name in operation.model_fields_set
    }
    measure = loaded(scenario, "embedded:", rows=300, seconds=2.5)
    assert errors(measure) == {}
    assert len(outcome.operations) > 10


def test_sqlite_has_the_same_mix_without_searches(tmp_path: Path) -> None:
    schema = tmp_path / "shop.sql"
    schema.write_text(DDL)
    outcome, scenario = begun(schema, tmp_path / "made", database=f"sqlite:///{tmp_path}/none.db")
    assert set(outcome.operations) == {
        "customers_by_id", "orders_by_id", "customers_by_email", "orders_of_customer", "orders_with_customer",
        "customers_with_orders", "orders_by_day", "customers_by_day", "insert_orders", "insert_customers",
        "edit_name_of_customers", "change_status_of_orders", "add_customers_with_orders",
    }  # fmt: skip
    assert yaml.safe_load((tmp_path / "made" / "scenario.yaml").read_text())["schema"] == {"sqlite": "schema.sql"}
    assert errors(loaded(scenario, f"sqlite:///{tmp_path}/run.db", rows=200, seconds=1.5)) == {}


def test_a_run_without_operations_derives_the_same_mix(embedded_server: str, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL)
    (tmp_path / "scenario.yaml").write_text("schema: schema.sql\n")
    outcome, written = begun(tmp_path / "schema.sql", tmp_path / "made")
    with open_database("embedded:") as engine:
        scenario = load_scenario(tmp_path)
        found = schema_of(scenario, engine)
        request = DataRequest(
            shape=scenario.file.data, scale=1, seed=1, full_rows=lambda _: None, rows={}, rows_everywhere=200
        )
        seed(engine, Dataset.plan_for(found.schema, request, owns_tables=True), workers=1, observe=lambda _: None)
        told: list[str] = []
        made, statements = with_derived_mix(scenario, engine, empty=(), tell=told.append)
    assert tuple(made.file.workload.operations) == outcome.operations
    assert {name.partition("/")[0] for name in statements} == set(outcome.operations)
    assert told[0].startswith(f"The scenario states no operations: {len(outcome.operations)} are derived")
    assert {name: item.weight for name, item in made.file.workload.operations.items()} == {
        name: item.weight for name, item in written.file.workload.operations.items()
    }


def test_a_live_database_is_written_out_and_not_touched(database, tmp_path: Path) -> None:
    from tests.fix_engines import _execute_postgresql

    _execute_postgresql(database.url, DDL)
    _, scenario = begun(None, tmp_path / "made", database=database.url)
    assert "CREATE TABLE public.orders" in (tmp_path / "made" / "schema.sql").read_text()
    assert "orders_of_customer" in scenario.file.workload.operations
    assert database.user_tables() == {"customers": False, "orders": False}


def test_a_brief_states_the_rates(embedded_server: str, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL)
    targets = {"read_operations_per_second": 300, "write_operations_per_second": 100}
    project = {"name": "shop", "type": "api", "database_type": "postgresql", "scale": "small", "environment": "staging"}
    brief = {"project": project, "performance_targets": targets}
    brief["data_model"] = {"entities": [{"name": "orders", "estimated_rows": 5_000_000}]}
    (tmp_path / "brief.json").write_text(json.dumps(brief))
    _, scenario = begun(tmp_path / "brief.json", tmp_path / "made")
    operations = scenario.file.workload.operations
    written = sum(item.weight for item in operations.values() if item.is_write)
    assert written / sum(item.weight for item in operations.values()) == pytest.approx(0.25, abs=0.01)
    assert scenario.brief is not None
    assert scenario.file.data.scale == pytest.approx(0.03)
    assert operations["orders_by_id"].weight > operations["customers_by_id"].weight, "the larger table is hotter"


def test_a_folder_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL)
    with pytest.raises(InputError, match="is there already and not empty; --force writes into it"):
        begun(tmp_path / "schema.sql", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["schema.sql"]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("missing.sql", None, "does not exist"),
        ("keyless.sql", "CREATE TABLE t (a integer);", "the schema has no table with a key to derive operations from"),
        ("broken.sql", "CREATE TABLE t (a nonsense);", "broken.sql: "),
    ],
)
def test_what_cannot_begin_says_why(
    embedded_server: str, tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        begun(tmp_path / name, tmp_path / "made")
    assert message in str(caught.value)
    assert not (tmp_path / "made").exists()
