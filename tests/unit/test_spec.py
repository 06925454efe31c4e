"""The brief and the scenario: what is accepted, and the one line that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from loadlab.errors import InputError
from loadlab.spec.requirements import Brief, load_brief
from loadlab.spec.scenario import ScenarioFile, load_scenario
from loadlab.spec.statement import Statement
from loadlab.spec.targets import TargetOverrides, resolve_targets
from loadlab.spec.workload import Workload

MARKETPLACE = Path(__file__).parents[2] / "scenarios" / "marketplace"


def test_the_complete_example_is_accepted_verbatim() -> None:
    brief = load_brief(MARKETPLACE / "brief.json")
    assert brief.project.database_type == "postgresql"
    assert brief.performance_targets.query_performance.simple_queries == "< 10ms"
    assert [entity.estimated_rows for entity in brief.data_model.entities] == [1_000_000, 10_000_000, 50_000_000]


def test_targets_come_from_brief_and_defaults_and_say_so() -> None:
    brief = load_brief(MARKETPLACE / "brief.json")
    targets = {target.name: target for target in resolve_targets(brief, TargetOverrides())}
    assert (targets["simple_queries"].limit, targets["simple_queries"].source) == (10_000, "brief")
    assert (targets["reports"].limit, targets["reports"].unit) == (2_000_000, "us")
    assert (targets["index_hit_ratio"].limit, targets["index_hit_ratio"].source) == (0.95, "default")
    assert (targets["connection_utilisation"].sign, targets["connection_utilisation"].limit) == ("<", 0.8)
    assert (targets["index_storage_overhead"].sign, targets["index_storage_overhead"].limit) == ("<", 0.2)
    assert (targets["index_coverage"].sign, targets["index_coverage"].limit) == (">=", 0.95)


def test_defaults_without_a_brief_are_the_documents() -> None:
    limits = {t.name: (t.limit, t.source) for t in resolve_targets(None, TargetOverrides())}
    assert limits["simple_queries"] == (1_000, "default")
    assert limits["complex_queries"] == (50_000, "default")
    assert limits["reports"] == (2_000_000, "default")
    assert "concurrent_users" not in limits
    assert "writes" not in limits


def test_the_scenario_overrides_the_brief() -> None:
    brief = load_brief(MARKETPLACE / "brief.json")
    overrides = TargetOverrides(simple_queries="<= 3 ms", percentile=99, index_hit_ratio="99%")
    targets = {target.name: target for target in resolve_targets(brief, overrides)}
    assert (targets["simple_queries"].limit, targets["simple_queries"].source) == (3_000, "scenario")
    assert targets["simple_queries"].percentile == 99
    assert (targets["index_hit_ratio"].sign, targets["index_hit_ratio"].limit) == (">", 0.99)


def write(folder: Path, text: str) -> Path:
    (folder / "scenario.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(
    "text, message",
    [
        ("name: [", "scenario.yaml: line 1 is not YAML"),
        ("workloads: {}", "scenario.yaml: workloads is not a known key; did you mean workload?"),
        ("data: {tables: {orders: {rowz: 3}}}", "data.tables.orders.rowz is not a known key; did you mean rows?"),
        (
            "data: {tables: {orders: {rows: -1}}}",
            "scenario.yaml: data.tables.orders.rows=-1 must be greater than or equal to 0",
        ),
        ("workload: {duration: 20 parsecs}", "scenario.yaml: workload.duration=20 parsecs has unit 'parsecs'"),
        ("targets: {simple_queries: '< 10MB'}", "targets.simple_queries=< 10MB has unit 'mb'"),
        ("targets: {simple_queries: '> 10ms'}", "targets.simple_queries=> 10ms must be an upper limit"),
        ("targets: {index_hit_ratio: '> 950%'}", "targets.index_hit_ratio=> 950% must lie between 0% and 100%"),
        ("brief: nowhere.json", "scenario.yaml: brief=nowhere.json does not exist beside the scenario"),
        ("schema: nowhere.sql", "scenario.yaml: schema=nowhere.sql does not exist beside the scenario"),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: 'SELECT :x'}}}",
            "workload.operations.a uses the parameter :x, which params does not list",
        ),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: 'SELECT 1', params: {y: users.id}}}}",
            "workload.operations.a lists the parameter y, which its sql does not use",
        ),
        (
            "workload: {operations: {a: {kind: simple, weight: 1}}}",
            "must have exactly one of sql, insert, lookup, list, join,",
        ),
        (
            "workload: {operations: {a: {kind: slow, weight: 1, sql: SELECT 1}}}",
            "operations.a.kind=slow must be 'simple'",
        ),
        (
            "workload: {operations: {a: {kind: simple, weight: 0, sql: SELECT 1}}}",
            "operations.a.weight=0 must be greater",
        ),
        ("workload: {users: 2000000}", "workload.users=2000000 must be less than or equal to 50000"),
        ("[1, 2]", "scenario.yaml must be a mapping of keys to values"),
        ("data: much", "scenario.yaml: data must be a mapping of keys to values"),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: UPDATE t SET x = 1}}}",
            "workload.operations.a changes data, so its kind must be write, not simple",
        ),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: 'SELECT :p', params: {p: {between: [9, 1]}}}}}",
            "operations.a.params.p has bounds in the wrong order: 9 > 1",
        ),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: 'SELECT :p', params: {p: {choice: []}}}}}",
            "operations.a.params.p.choice must",
        ),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: 'SELECT :p', params: {p: {ago: soon}}}}}",
            "operations.a.params.p.ago",
        ),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: 'SELECT :p', params: {p: tasks}}}}",
            "operations.a.params.p.column=tasks must read TABLE.COLUMN",
        ),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: 'SELECT :p',"
            " params: {p: {column: t.x, pick: z}}}}}",
            "operations.a.params.p.pick=z must be 'uniform'",
        ),
        ("data: {time: {start: 2025-01-01, end: 2024-01-01}}", "data.time must end after it starts"),
        (
            "data: {tables: {t: {columns: {c: {values: [1, 2], weights: [1]}}}}}",
            "data.tables.t.columns.c has 1 weights for 2 values",
        ),
        # A table may be called like what pydantic calls a branch of its own.
        ("data: {tables: {Orders: {rows: -1}}}", "scenario.yaml: data.tables.Orders.rows=-1 must be greater"),
        ("data: {tables: {float: {rowz: 1}}}", "data.tables.float.rowz is not a known key; did you mean rows?"),
        (
            "workload: {operations: {Q: {kind: simple, weight: 1, sql: 'SELECT :p', params: {p: {choice: []}}}}}",
            "workload.operations.Q.params.p.choice must",
        ),
        ("data: {time: {start: 2024-02-30}}", "scenario.yaml holds a date or a number that there is not: day is out"),
        ("data: {scale: .inf}", "data.scale=inf must be a finite number"),
        ("workload: {duration: .inf}", "workload.duration=inf must be a finite number"),
        (
            "workload: {operations: {a: {kind: simple, weight: 1, sql: 'SELECT :p',"
            " params: {p: {choice: [1, 2], weights: [0, 0]}}}}}",
            "operations.a.params.p has weights that are all 0",
        ),
        (
            "workload: {shape: {steps: {first: 1, last: 1000, by: 0.001, every: 1s}}}",
            "workload.shape.steps has more than 10,000 steps",
        ),
    ],
)
def test_mistakes_are_one_line_with_place_value_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_scenario(write(tmp_path, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_scenario_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_scenario(tmp_path / "nowhere")


def test_a_schema_is_no_scenario(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("CREATE TABLE t (id int);")
    with pytest.raises(InputError, match=r"schema.sql is a schema and no scenario; `loadlab init .*` writes one"):
        load_scenario(tmp_path / "schema.sql")


def test_how_long_a_load_lasts_is_not_what_it_is() -> None:
    usual = Workload(users=3)
    assert Workload(users=3, duration="3s", warmup="1s").mix_fingerprint == usual.mix_fingerprint
    assert Workload(users=4).mix_fingerprint != usual.mix_fingerprint


def test_a_brief_with_a_mistake(tmp_path: Path) -> None:
    data = json.loads((MARKETPLACE / "brief.json").read_text())
    data["performance_targets"]["query_performance"]["reports"] = "< 2 fortnights"
    (tmp_path / "brief.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"brief.json: performance_targets.query_performance.reports=< 2 fortnights"):
        load_brief(tmp_path / "brief.json")


def test_a_brief_whose_relationship_has_no_entity(tmp_path: Path) -> None:
    data = json.loads((MARKETPLACE / "brief.json").read_text())
    data["data_model"]["relationships"][0]["to"] = "people"
    (tmp_path / "brief.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match="has a relationship with 'people'"):
        load_brief(tmp_path / "brief.json")


def test_json_schemas_know_every_key() -> None:
    scenario = ScenarioFile.model_json_schema(by_alias=True)
    assert {"schema", "data", "workload", "targets", "brief"} <= set(scenario["properties"])
    assert scenario["additionalProperties"] is False
    assert "from" in Brief.model_json_schema()["$defs"]["Relationship"]["properties"]


@pytest.mark.parametrize(
    "text, names, rendered",
    [
        ("SELECT :a::int, ':b', x[1:2]", ("a",), "SELECT $1::int, ':b', x[1:2]"),
        ("SELECT :a, :b, :a -- :c", ("a", "b"), "SELECT $1, $2, $1 -- :c"),
        ('SELECT ":a" /* :b */, $$:c$$, $x$:d$x$', (), 'SELECT ":a" /* :b */, $$:c$$, $x$:d$x$'),
        ("SELECT 'it''s :a', :b;", ("b",), "SELECT 'it''s :a', $1"),
        ("SELECT ARRAY[:i, :j], b[lo:hi], b[1:2]", ("i", "j"), "SELECT ARRAY[$1, $2], b[lo:hi], b[1:2]"),
    ],
)
def test_statements_find_their_parameters(text: str, names: tuple[str, ...], rendered: str) -> None:
    statement = Statement.parse(text)
    assert statement.names == names
    assert statement.render(lambda index, _: f"${index + 1}") == rendered


def test_a_target_can_be_switched_off() -> None:
    off = resolve_targets(None, TargetOverrides(index_storage_overhead=False, reports=False))
    names = {target.name for target in off}
    assert "index_storage_overhead" not in names
    assert "reports" not in names
    assert "index_hit_ratio" in names


@pytest.mark.parametrize(
    "text, is_write",
    [
        ("SELECT * FROM t WHERE x = 'update' FOR UPDATE", False),
        ("  insert into t values (1)", True),
        ("WITH a AS (SELECT 1) UPDATE t SET x = 1", True),
        ("WITH a AS (DELETE FROM t RETURNING id) SELECT * FROM a", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False),
        ("SELECT replace(x, 'a', 'b') FROM t", False),
        ("-- delete\nSELECT 1", False),
    ],
)
def test_statements_that_write_are_told_apart(text: str, is_write: bool) -> None:
    assert Statement.parse(text).is_write is is_write


def test_the_marketplace_is_valid_by_the_published_schemas() -> None:
    scenario = yaml.safe_load((MARKETPLACE / "scenario.yaml").read_text())
    jsonschema.validate(scenario, ScenarioFile.model_json_schema())
    jsonschema.validate(json.loads((MARKETPLACE / "brief.json").read_text()), Brief.model_json_schema())


@pytest.mark.parametrize("scale, rows", [("small", 10_000), ("medium", 1_000_000), ("large", 100_000_000)])
def test_the_volume_that_a_brief_leaves_out_follows_its_scale(tmp_path: Path, scale: str, rows: int) -> None:
    brief = json.loads((MARKETPLACE / "brief.json").read_text())
    brief["project"]["scale"] = scale
    (tmp_path / "brief.json").write_text(json.dumps(brief))
    scenario = load_scenario(write(tmp_path, "brief: brief.json"))
    assert scenario.default_rows == rows
    assert scenario.full_rows("users") == 1_000_000
    assert scenario.full_rows("unheard_of") is None
