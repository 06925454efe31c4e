"""Which rows stand in others: each rule by a case that it alone decides, and the scenario's word over all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.engines.abilities import Access, RelationFacts
from loadlab.engines.mongodb.documents import plan_documents
from loadlab.errors import InputError
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import Documents, Placement, Summary, documents_from
from loadlab.seeding.access import accesses
from loadlab.spec.base import validate
from loadlab.spec.documents import DocumentWish, DocumentWishes
from loadlab.spec.scenario import ScenarioFile
from loadlab.spec.workload import Operation
from tests import schemas

ITEMS = RelationFacts(
    "order_items", "orders", "order_id", rows=2500, host_rows=1000, longest=6, row_bytes=100,
    is_required=True, is_single=False, is_part=True,
)  # fmt: skip


def shop(on_delete: str = "CASCADE") -> Schema:
    orders = Table(
        "orders",
        (schemas.col("id", schemas.BIGINT), schemas.col("total", schemas.MONEY), schemas.col("lines", schemas.JSON)),
        primary_key=("id",),
    )
    items = Table(
        "order_items",
        (
            schemas.col("id", schemas.BIGINT),
            schemas.col("order_id", schemas.BIGINT),
            schemas.col("name", schemas.varchar(80)),
            schemas.col("story", schemas.TEXT),
            schemas.col("extra", schemas.JSON),
        ),
        primary_key=("id",),
        foreign_keys=(schemas.fk("order_id", "orders", "id", on_delete),),
    )
    return Schema((items, orders), schemas.DIALECT)


def planned(
    facts: RelationFacts = ITEMS,
    *seen: Access,
    schema: Schema | None = None,
    more: tuple[RelationFacts, ...] = (),
    **wishes: object,
) -> Documents:
    asked = validate(ScenarioFile, {"documents": wishes}, place="test").documents
    return plan_documents(schema or shop(), (facts, *more), seen, asked, "scenario.yaml: documents")


def reads(*tables: str, weight: float = 1, **more: object) -> Access:
    return Access("read", weight, frozenset(tables), **more)  # type: ignore[arg-type]


def test_few_parts_that_are_deleted_with_their_parent_are_embedded():
    placement = planned().of("order_items")
    assert placement == Placement(
        "order_items", "embed", "deleted together; 2.5 on average, 6 at most (about 600 B)", "orders", "order_id",
        "order_items", ("id", "name", "story", "extra"),
    )  # fmt: skip
    assert planned().of("orders").design == "reference"
    assert planned().roots(["order_items", "orders"]) == ("orders",)


@pytest.mark.parametrize(
    "facts, schema, seen, why",
    [
        (replace(ITEMS, longest=None), None, (), "nothing bounds"),
        (replace(ITEMS, longest=201), None, (), "201 in a row of orders are more than 200"),
        (replace(ITEMS, longest=100, row_bytes=20_000), None, (), "read and written whole"),
        (replace(ITEMS, is_required=False), None, (), "may be NULL"),
        (replace(ITEMS, obstacle="too many"), None, (), "cannot be listed: too many"),
        (ITEMS, shop("RESTRICT"), (), "ON DELETE RESTRICT"),
        (ITEMS, shop("NO ACTION"), (), "nothing reads them together"),
        (ITEMS, None, (reads("order_items", weight=3), reads("order_items", "orders")), "75% of its reads are without"),
        (
            ITEMS, None,
            (reads("order_items", "orders"), Access("w", 2, changes=frozenset({"order_items"}))),
            "changed more often",
        ),
    ],
)  # fmt: skip
def test_what_speaks_against_it(facts: RelationFacts, schema: Schema | None, seen: tuple[Access, ...], why: str):
    placement = planned(facts, *seen, schema=schema).of("order_items")
    assert placement.design == "reference"
    assert why in placement.why


def test_reads_by_the_parent_s_key_are_reads_with_it():
    seen = reads("order_items", weight=3, equal=frozenset({("order_items", "order_id")})), reads("order_items")
    placement = planned(ITEMS, *seen).of("order_items")
    assert placement.design == "embed"
    assert "75% of its reads" in placement.why
    assert planned(ITEMS, reads("order_items", "orders"), schema=shop("NO ACTION")).of("order_items").is_inside


def test_rows_that_others_refer_to_stand_by_themselves_unless_these_stand_in_them():
    notes = Table(
        "item_notes",
        (schemas.col("item_id", schemas.BIGINT), schemas.col("text", schemas.TEXT)),
        primary_key=("item_id",),
        foreign_keys=(schemas.fk("item_id", "order_items", "id", "CASCADE"),),
    )
    schema = Schema((notes, *shop().tables), schemas.DIALECT)
    of_notes = RelationFacts("item_notes", "order_items", "item_id", 100, 2500, 1, 20, True, True, False)
    inside = planned(schema=schema, more=(of_notes,))
    assert inside.of("item_notes").many is False
    assert inside.path("item_notes") == (inside.of("order_items"), inside.of("item_notes"))
    assert inside.root("item_notes") == "orders"
    apart = planned(schema=schema, more=(of_notes,), item_notes="reference")
    assert apart.of("order_items").design == "reference"
    assert "item_notes refers to its rows" in apart.of("order_items").why


NEWEST = reads("order_items", equal=frozenset({("order_items", "order_id")}), newest={"order_items": 5})
UNBOUNDED = replace(ITEMS, longest=None)


def test_what_is_read_by_its_newest_and_never_written_is_both():
    placement = planned(UNBOUNDED, NEWEST).of("order_items")
    assert placement.design == "hybrid"
    assert (placement.field, placement.counter, placement.newest) == ("recent_order_items", "order_items_count", 5)
    # Neither the key of the host nor what is large.
    assert placement.columns == ("id", "name")
    written = planned(UNBOUNDED, NEWEST, Access("w", 1, inserts=frozenset({"order_items"}))).of("order_items")
    assert written.design == "reference"
    assert "documents: {order_items: hybrid}" in written.why


def test_the_scenario_has_the_last_word():
    assert planned(order_items="reference").of("order_items").why == "the scenario says so"
    against = planned(UNBOUNDED, order_items={"design": "embed", "field": "items"}).of("order_items")
    assert (against.design, against.field) == ("embed", "items")
    assert "against the rule: nothing bounds" in against.why
    wish = {"design": "hybrid", "newest": 3, "columns": "name"}
    hybrid = planned(ITEMS, Access("w", 1, inserts=frozenset({"order_items"})), order_items=wish).of("order_items")
    assert "what the load writes to order_items does not reach orders" in hybrid.why
    assert (hybrid.newest, hybrid.columns) == (3, ("name",))


@pytest.mark.parametrize(
    "facts, wish, message",
    [
        (replace(ITEMS, is_required=False), "embed", "cannot be embed: order_id may be NULL"),
        (replace(ITEMS, obstacle="too many"), "hybrid", "cannot be hybrid: those of one row of orders cannot"),
        (ITEMS, {"design": "embed", "in": "order_items"}, "has no such foreign key"),
        (ITEMS, {"design": "embed", "field": "total"}, "is taken in orders"),
        (ITEMS, {"design": "embed", "newest": 3}, "belong to a hybrid"),
        (ITEMS, {"design": "reference", "in": "orders"}, "stand in no others"),
        (ITEMS, {"design": "hybrid", "columns": ["price"]}, "has price, no column"),
    ],
)
def test_a_wish_that_cannot_be_met(facts: RelationFacts, wish: object, message: str):
    with pytest.raises(InputError, match=message):
        planned(facts, order_items=wish)


def test_summaries_are_of_what_is_referenced():
    plan = planned(order_items={"summaries": {"order_id": ["total"]}})
    assert plan.of("order_items").design == "embed"
    assert plan.summaries == (Summary("order_items", "order_id", "orders", "order", ("total",)),)
    assert documents_from({"documents": plan.to_json()}) == plan
    for wish, message in (
        ({"summaries": {"id": "total"}}, "is no foreign key"),
        ({"summaries": {"order_id": "price"}}, "has price, no column of orders"),
        ({"newest": 3}, "needs a design"),
    ):
        with pytest.raises(InputError, match=message):
            planned(order_items=wish)


def test_a_field_s_name_is_free():
    facts = replace(ITEMS, table="lines")
    orders, items = shop().table("orders"), replace(shop().table("order_items"), name="lines")
    placement = planned(facts, schema=Schema((items, orders), schemas.DIALECT)).of("lines")
    assert placement.field == "lines_"


def test_shard_keys_are_for_what_is_large():
    large = replace(ITEMS, longest=None, rows=5e7)
    seen = reads("order_items", equal=frozenset({("order_items", "order_id")}), weight=9)
    (advice,) = planned(large, seen).advice
    assert advice.startswith("order_items: {order_id: 1, _id: 1} over 50,000,000 documents")
    (other,) = planned(large, reads("order_items", equal=frozenset({("order_items", "id")}))).advice
    assert '{_id: "hashed"}' in other
    assert "only grows" in other
    assert planned(replace(large, rows=1000)).advice == ()


def test_a_plan_survives_the_ledger():
    plan = planned(UNBOUNDED, NEWEST)
    assert documents_from({"documents": plan.to_json()}) == plan
    assert documents_from({}) == Documents()


# -- what the load does ----------------------------------------------------------------------------------------------


def read_off(**operations: dict[str, object]) -> dict[str, Access]:
    made = {name: validate(Operation, {"weight": 2, **said}, place=name) for name, said in operations.items()}
    return {access.operation: access for access in accesses(made, shop())}


def test_what_sql_does_is_read_off_its_tree():
    found = read_off(
        together={
            "kind": "complex",
            "sql": "SELECT o.total, t.name FROM orders o JOIN order_items t ON t.order_id = o.id WHERE o.id = :id",
            "params": {"id": "orders.id"},
        },
        newest={
            "kind": "complex",
            "sql": "SELECT name FROM order_items WHERE order_id = :id ORDER BY id DESC LIMIT 7",
            "params": {"id": "orders.id"},
        },
        renamed={"kind": "report", "sql": "SELECT count(*) AS order_items FROM orders"},
        changed={
            "kind": "write",
            "sql": "UPDATE order_items SET name = 'x' WHERE id = :id",
            "params": {"id": "order_items.id"},
        },
        unreadable={"kind": "simple", "sql": '{"find": "orders"}'},
    )
    assert found["together"].reads == {"orders", "order_items"}
    assert found["together"].equal == {("orders", "id")}
    assert found["newest"].newest == {"order_items": 7}
    assert found["newest"].equal == {("order_items", "order_id")}
    assert found["renamed"].reads == {"orders"}
    assert found["changed"].changes == {"order_items"}
    assert found["changed"].reads == frozenset()
    assert "unreadable" not in found


def test_what_a_form_does():
    found = read_off(
        one={"lookup": "orders"},
        page={"list": {"table": "order_items", "by": "order_id", "sort": "-id", "limit": 4}},
        joined={"join": {"table": "orders", "along": "order_items.order_id"}},
        put={"insert": "order_items"},
        set={"update": {"table": "orders", "set": {"total": {"value": 1}}}},
    )
    assert found["one"].equal == {("orders", "id")}
    assert found["page"].newest == {"order_items": 4}
    assert found["joined"].reads == {"orders", "order_items"}
    assert found["put"].inserts == {"order_items"}
    assert found["set"].changes == {"orders"}
    assert all(access.weight == 2 for access in found.values())


def test_a_wish_may_be_one_word():
    file = validate(ScenarioFile, {"documents": {"order_items": "embed"}}, place="scenario.yaml")
    wishes: DocumentWishes = file.documents
    assert wishes == {"order_items": DocumentWish(design="embed")}
    with pytest.raises(InputError, match=r"documents.order_items"):
        validate(ScenarioFile, {"documents": {"order_items": "inline"}}, place="scenario.yaml")
