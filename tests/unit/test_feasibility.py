"""The feasibility report: each constraint's status, means and room, from schemas as values."""

from __future__ import annotations

from dataclasses import replace

from loadlab.data.dataset import Dataset
from loadlab.data.feasibility import Constraint, TableFeasibility, feasibility
from loadlab.data.volumes import DataRequest
from loadlab.schema.model import Check, Schema, Table, Trigger
from loadlab.spec.shapes import DataShape
from tests.schemas import BIGINT, BOOL, DIALECT, INT, SMALLINT, TEXT, WHEN, checks, col, fk, unique

ORDERS = Table("orders", (col("id", BIGINT), col("note", TEXT, null=True)), primary_key=("id",))
ITEMS = Table(
    "items",
    (col("order_id", BIGINT), col("line", INT), col("kind", SMALLINT), col("total", INT)),
    primary_key=("order_id", "line"),
    foreign_keys=(fk("order_id", "orders", "id", "CASCADE"),),
    checks=checks("kind IN (1, 2, 3)", "no_such_function(total)"),
)


def request(rows: int = 100, shape: dict[str, object] | None = None, **remedies: dict[str, str]) -> DataRequest:
    made = DataShape.model_validate({"tables": shape or {}})
    return DataRequest(made, 1.0, 1, lambda _: None, {}, rows_everywhere=rows, remedies=remedies)


def report(
    *tables: Table, rows: int = 100, shape: dict[str, object] | None = None, owns: bool = True
) -> dict[str, TableFeasibility]:
    schema = Schema(tables, DIALECT)
    dataset = Dataset.plan_for(schema, request(rows, shape), owns_tables=owns)
    return {item.table: item for item in feasibility(dataset.plan, schema, owns_tables=owns)}


def named(found: TableFeasibility, name: str) -> Constraint:
    return next(constraint for constraint in found.constraints if constraint.name == name)


def test_a_number_of_the_row_and_one_within_a_parent() -> None:
    found = report(ORDERS, ITEMS)
    key = named(found["orders"], "primary key")
    assert (key.kind, key.status, key.means) == ("primary key", "kept", "id is the number of the row")
    assert named(found["items"], "primary key").means == "line is numbered within order_id"
    assert named(found["items"], "fk_order_id").means == "rows of one orders stand together"
    assert found["orders"].is_certain
    assert not found["items"].is_certain


def test_what_is_not_understood_is_told_with_its_text() -> None:
    found = report(ORDERS, ITEMS)["items"]
    assert named(found, "check_0").status == "kept"
    unknown = named(found, "check_1")
    assert (unknown.status, unknown.certain, unknown.columns) == ("not understood", False, ("total",))
    assert "no_such_function" in unknown.means.lower()


def test_the_scenario_has_the_word() -> None:
    shape = {"items": {"columns": {"total": {"values": [1, 2, 3]}, "kind": {"values": [1, 2]}}}}
    found = report(ORDERS, ITEMS, shape=shape)["items"]
    assert (named(found, "check_0").status, named(found, "check_0").certain) == ("overridden", True)
    assert (named(found, "check_1").status, named(found, "check_1").certain) == ("overridden", False)


def test_a_key_with_little_room_cuts_the_table_and_says_so() -> None:
    flags = Table("flags", (col("on", BOOL),), primary_key=("on",))
    pairs = Table(
        "pairs",
        (col("order_id", BIGINT), col("kind", SMALLINT)),
        primary_key=("order_id", "kind"),
        foreign_keys=(fk("order_id", "orders", "id"),),
        checks=checks("kind IN (1, 2, 3)"),
    )
    found = report(ORDERS, flags, pairs, rows=1000)
    assert (found["flags"].asked, found["flags"].rows) == (1000, 2)
    assert named(found["flags"], "primary key").capacity == 2
    assert "unique" in found["flags"].limit
    key = named(found["pairs"], "primary key")
    assert (key.means, key.capacity) == ("combinations of kind within each order_id", 3000)


def test_a_choice_is_told_by_its_worlds() -> None:
    jobs = Table(
        "jobs",
        (col("id", INT), col("status", TEXT), col("done_at", WHEN, null=True)),
        primary_key=("id",),
        checks=checks("status IN ('open', 'done')", "(status = 'done') = (done_at IS NOT NULL)"),
    )
    means = named(report(jobs)["jobs"], "check_1").means
    assert means.startswith("2 worlds: ")
    assert "status = done with done_at" in means


def test_a_world_is_told_by_the_values_that_it_leaves() -> None:
    states = ("void", "a", "b", "c", "d")
    listed = ", ".join(f"'{state}'" for state in states)
    jobs = Table(
        "jobs",
        (col("id", INT), col("status", TEXT), col("reason", TEXT, null=True)),
        primary_key=("id",),
        checks=checks(f"status IN ({listed})", "(status = 'void') = (reason IS NOT NULL)"),
    )
    means = named(report(jobs)["jobs"], "check_1").means
    assert means == "2 worlds: status = void with reason; status = a|b|c|… without reason"


def test_generated_columns_and_triggers_are_the_server_s() -> None:
    twice = replace(col("twice", INT), generated="total * 2")
    trigger = Trigger("log_it", ("INSERT",), writes=("audit",))
    table = Table(
        "t",
        (col("id", INT), col("total", INT), twice),
        primary_key=("id",),
        triggers=(trigger,),
        checks=(Check("big", "twice > 10"),),
    )
    own, live = report(table)["t"], report(table, owns=False)["t"]
    assert named(own, "twice").status == named(own, "big").status == "left to the server"
    assert not named(own, "big").certain
    assert named(own, "log_it").means == "put off until the rows are in; writes to audit"
    assert named(live, "log_it").means.startswith("fires")
    schema = Schema((table,), DIALECT)
    plan = Dataset.plan_for(schema, request(), owns_tables=True).plan
    (elsewhere,) = feasibility(plan, schema, owns_tables=True, engine="another")
    left = named(elsewhere, "log_it")
    assert (left.status, left.means) == ("left out", "its body is in the words of postgresql")
    (computed,) = feasibility(plan, schema, owns_tables=True, computes=False)
    assert [(named(computed, name).status, named(computed, name).certain) for name in ("twice", "big")] == [
        ("left out", True),
        ("left out", True),
    ]


def test_a_unique_column_and_a_one_to_one_parent() -> None:
    people = Table("people", (col("id", INT), col("email", TEXT)), primary_key=("id",), indexes=(unique("email"),))
    profile = Table("profile", (col("id", INT),), primary_key=("id",), foreign_keys=(fk("id", "people", "id"),))
    found = report(people, profile)
    assert named(found["people"], "email_key").means == "email is a text for each row"
    key = named(found["profile"], "primary key")
    assert (key.means, key.capacity) == ("each row of people once", 100)


def test_remedies_are_part_of_the_manifest() -> None:
    notes = Table(
        "notes",
        (col("id", INT), col("text", TEXT, null=True), col("zone", TEXT, default="'UTC'::text")),
        primary_key=("id",),
        indexes=(unique("text"),),
        checks=checks("mine(text)", "yours(zone)"),
    )
    schema = Schema((notes,), DIALECT)
    plain = Dataset.plan_for(schema, request(), owns_tables=True)
    chosen = {"notes": {"check_0": "null", "check_1": "default"}}
    made = plain.remedied(chosen)
    assert made.manifest.fingerprint != plain.manifest.fingerprint
    assert "remedies" not in plain.manifest.body
    again = Dataset.from_manifest(made.manifest)
    batch = again.batch("notes", 0, 100)
    assert batch.equals(made.batch("notes", 0, 100))
    assert batch.column("text").null_count == 100
    assert set(batch.column("zone").to_pylist()) == {"UTC"}
    assert again.row_count("notes") == 100
    assert any("its column text is left NULL, which the database accepts" in note for note in again.plan.notes)
    found = feasibility(again.plan, schema, owns_tables=True)[0]
    assert named(found, "text_key").means == "text is always NULL"
    assert "its column zone is always UTC" in named(found, "check_1").means


def test_a_column_that_must_have_a_value_and_no_default_has_no_remedy() -> None:
    words = Table("words", (col("id", INT), col("word", TEXT)), primary_key=("id",), checks=checks("mine(word)"))
    dataset = Dataset.plan_for(Schema((words,), DIALECT), request(), owns_tables=True)
    assert dict(dataset.plan.findings["words"].remedies) == {"check_0": ()}
