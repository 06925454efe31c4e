"""The neutral forms of operations on every engine: what each returns or changes is what the dataset says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines import open_database
from loadlab.engines.protocol import Engine, Session
from loadlab.errors import ConstraintError, InputError
from loadlab.spec.native import command_text
from loadlab.spec.scenario import Scenario, load_scenario
from loadlab.validate.review.load.asking import selects_star
from loadlab.workload.flow import StatementNames
from loadlab.workload.keys import NewRows, stream
from loadlab.workload.plan import operation_statements, step_statements
from loadlab.workload.transaction import Handles, TransactionCall, transaction_parameters
from loadlab.workload.values import Parameters, full_parameters
from tests.fix_engines import ENGINES, EngineUnderTest
from tests.shop import measured, open_shop, schema_on, write_shop

OPERATIONS: Mapping[str, Any] = {
    "by_id": {"weight": 1, "lookup": "orders"},
    "by_email": {"weight": 1, "lookup": {"table": "customers", "by": "email", "columns": ["id", "name"]}},
    "of_customer": {
        "weight": 1,
        "list": {"table": "orders", "by": "customer_id", "sort": ["-created_at", "-id"], "limit": 5},
    },
    "next_page": {
        "weight": 1,
        "list": {"table": "orders", "sort": ["-created_at", "-id"], "limit": 7, "after": True, "pick": "latest"},
    },
    "mixed_page": {
        "weight": 1,
        "list": {"table": "orders", "sort": ["status", "-total", "id"], "limit": 9, "after": True},
    },
    "open_ones": {
        "weight": 1,
        "list": {
            "table": "orders",
            "where": {"status": {"in": ["open"]}, "total": {"from": {"value": 1}, "below": {"between": [900, 999]}}},
            "sort": "id",
        },
    },
    "with_customer": {
        "weight": 1,
        "join": {"table": "orders", "along": "customer_id", "columns": ["id", "customers.email"]},
    },
    "with_orders": {"weight": 1, "join": {"table": "customers", "along": "orders.customer_id", "sort": "-id"}},
    "by_month": {
        "weight": 1,
        "report": {
            "table": "orders", "bucket": {"column": "created_at", "by": "month"}, "group": "status", "sum": "total",
        },
    },
    "pay": {
        "weight": 1,
        "update": {
            "table": "orders", "set": {"status": {"choice": ["paid"]}, "total": {"add": 1}, "created_at": "drawn"},
        },
    },
    "forget": {"weight": 1, "delete": {"table": "orders", "soft": "created_at"}},
    "remove": {"weight": 1, "delete": "orders"},
    "sign_up": {
        "weight": 1,
        "transaction": [
            {"insert": "customers"},
            {"insert": "orders", "params": {"customer_id": "customers.id"}},
            {"insert": "orders", "params": {"customer_id": "customers.id"}},
            {"lookup": "customers"},
            {"sql": {"sql": "UPDATE customers SET name = :name WHERE id = :id", "mongodb": {
                "update": "customers", "updates": [{"q": {"_id": ":id"}, "u": {"$set": {"name": ":name"}}}],
            }}, "params": {"id": "customers.id", "name": {"value": "known"}}},
        ],
    },
}  # fmt: skip


def _counted(table: str, condition: Mapping[str, Any]) -> str:
    return command_text({"count": table, "query": condition})


def _found(table: str, condition: Mapping[str, Any], field: str) -> str:
    projection = {"_id": 0, field: 1} if field != "_id" else {"_id": 1}
    return command_text({"find": table, "filter": condition, "projection": projection})


_OF_ORDER = [
    {"$match": {"_id": ":id"}},
    {"$lookup": {"from": "customers", "localField": "customer_id", "foreignField": "_id", "as": "customer"}},
    {"$unwind": "$customer"},
    {"$project": {"_id": 0, "email": "$customer.email"}},
]
# `count` is none of the commands that a transaction may have.
_NUMBER = [{"$group": {"_id": None, "n": {"$sum": 1}}}, {"$project": {"_id": 0, "n": 1}}]
_TOTAL = [{"$group": {"_id": None, "total": {"$sum": "$total"}}}, {"$project": {"_id": 0, "total": 1}}]
MONGODB: Mapping[str, str] = {
    "SELECT id FROM customers WHERE email = :e": _found("customers", {"email": ":e"}, "_id"),
    "SELECT count(*) FROM orders WHERE created_at > :at OR (created_at = :at AND id > :id)": _counted(
        "orders", {"$or": [{"created_at": {"$gt": ":at"}}, {"created_at": ":at", "_id": {"$gt": ":id"}}]}
    ),
    "SELECT c.email FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.id = :id": command_text(
        {"aggregate": "orders", "pipeline": _OF_ORDER}
    ),
    "SELECT count(*) FROM orders WHERE customer_id = :id": _counted("orders", {"customer_id": ":id"}),
    "SELECT sum(total) FROM orders": command_text({"aggregate": "orders", "pipeline": _TOTAL}),
    "SELECT total FROM orders WHERE id = :id": _found("orders", {"_id": ":id"}, "total"),
    "SELECT status FROM orders WHERE id = :id": _found("orders", {"_id": ":id"}, "status"),
    "SELECT count(*) FROM orders": command_text({"aggregate": "orders", "pipeline": _NUMBER}),
    "SELECT count(*) FROM customers": _counted("customers", {}),
    "SELECT count(*) FROM customers WHERE id = :id": _counted("customers", {"_id": ":id"}),
    "SELECT count(*) FROM customers WHERE name = 'known'": _counted("customers", {"name": "known"}),
}
"""What the tests ask, in the words of an engine that does not speak SQL."""


class Shop:
    """A filled database, and what operations do on one connection of it."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        from loadlab.data.growth import dataset_of

        manifest = engine.manifest()
        assert manifest is not None
        self.engine, self.scenario = engine, scenario
        self.schema, self.cells = manifest.schema, dataset_of(manifest)
        self.statements = operation_statements(scenario, engine, manifest.schema)
        self.session: Session = engine.connect(timeout_s=10)
        self.new_rows = NewRows(self.cells.row_count, start=0, worker=0, workers=1)

    def drawn(self, name: str, count: int) -> Parameters:
        operation = self.scenario.file.workload.operations[name]
        parameters = transaction_parameters if operation.transaction else full_parameters
        return Parameters(
            parameters(operation, self.cells.table), self.cells, self.new_rows, stream(1, name), place=name
        )

    def rows(self, name: str) -> Iterator[tuple[dict[str, Any], list[tuple[Any, ...]]]]:
        """(values, rows) of some executions."""
        handle = self.session.prepare(self.statements[name])
        columns = self.drawn(name, 8).draw(8)
        plain = {key: array.to_pylist() for key, array in columns.items()}
        encoded = self.session.encode(handle, columns) if columns else [self.session.encode_row(handle, {})]
        for number, values in enumerate(encoded):
            yield {key: items[number] for key, items in plain.items()}, self.session.query(handle, values)

    def one(self, text: str, **values: Any) -> Any:
        from loadlab.spec.statement import Statement

        words = MONGODB[text] if self.engine.name == "mongodb" else text
        handle = self.session.prepare(Statement.parse(words))
        return self.session.query(handle, self.session.encode_row(handle, values))[0][0]


@pytest.fixture(scope="module", params=ENGINES, ids=lambda under_test: under_test.name)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    under_test: EngineUnderTest = request.param
    if under_test.server_fixture is not None:
        request.getfixturevalue(under_test.server_fixture)
    folder = tmp_path_factory.mktemp("shop")
    with open_database(under_test.new_url(folder)) as engine:
        made = Shop(engine, open_shop(engine, folder / "scenario", operations=OPERATIONS))
        yield made
        made.session.close()


def test_kinds_follow_from_the_forms(shop: Shop) -> None:
    kinds = {name: item.kind for name, item in shop.scenario.file.workload.operations.items()}
    some = ("by_id", "of_customer", "with_orders", "by_month", "pay", "forget", "sign_up")
    assert [kinds[name] for name in some] == ["simple", "complex", "complex", "report", "write", "write", "write"]


def test_no_form_leaves_its_columns_unnamed(shop: Shop) -> None:
    """What LoadLab writes itself is not what its review advises against."""
    stars = [name for name, statement in shop.statements.items() if selects_star(str(statement))]
    assert stars == []


def test_a_lookup_finds_its_row(shop: Shop) -> None:
    for values, rows in shop.rows("by_id"):
        assert [row[0] for row in rows] == [values["id"]]
    for values, rows in shop.rows("by_email"):
        assert rows == [(shop.one("SELECT id FROM customers WHERE email = :e", e=values["email"]), rows[0][1])]


def test_a_list_is_of_a_known_row_and_sorted(shop: Shop) -> None:
    for values, rows in shop.rows("of_customer"):
        assert 1 <= len(rows) <= 5
        assert {row[1] for row in rows} == {values["customer_id"]}
        assert rows == sorted(rows, key=lambda row: (row[4], row[0]), reverse=True)
    for _, rows in shop.rows("open_ones"):
        assert 0 < len(rows) <= 20
        assert {row[3] for row in rows} == {"open"}


def test_a_page_begins_behind_the_known_row(shop: Shop) -> None:
    ordered = "SELECT count(*) FROM orders WHERE created_at > :at OR (created_at = :at AND id > :id)"
    for values, rows in shop.rows("next_page"):
        assert all((row[4], row[0]) != (values["after_created_at"], values["after_id"]) for row in rows)
        before = shop.one(ordered, at=values["after_created_at"], id=values["after_id"])
        left = 2000 - before - 1
        assert len(rows) == min(7, left)
        if rows:
            first = shop.one(ordered, at=rows[0][4], id=rows[0][0])
            assert first == before + 1, "nothing lies between the known row and the page"
    for values, rows in shop.rows("mixed_page"):
        known = (values["after_status"], -float(values["after_total"]), values["after_id"])
        keys = [(row[3], -float(row[2]), row[0]) for row in rows]
        assert keys == sorted(keys)
        assert all(key > known for key in keys)


def test_a_join_follows_foreign_keys(shop: Shop) -> None:
    for values, rows in shop.rows("with_customer"):
        email = shop.one(
            "SELECT c.email FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.id = :id", id=values["id"]
        )
        assert rows == [(values["id"], email)]
    for values, rows in shop.rows("with_orders"):
        count = shop.one("SELECT count(*) FROM orders WHERE customer_id = :id", id=values["id"])
        assert len(rows) == max(1, count)
        assert {row[0] for row in rows} == {values["id"]}


def test_a_report_adds_up(shop: Shop) -> None:
    ((_, rows),) = shop.rows("by_month")
    assert sum(row[2] for row in rows) == 2000
    assert sum(float(row[3]) for row in rows) == pytest.approx(float(shop.one("SELECT sum(total) FROM orders")))
    assert {str(row[0])[8:19] for row in rows} == {"01 00:00:00"}


def test_writes_change_the_row(shop: Shop) -> None:
    session = shop.session
    handles = {name: session.prepare(shop.statements[name]) for name in ("pay", "forget", "remove")}
    columns = {name: shop.drawn(name, 1).draw(1) for name in handles}
    session.begin()
    key = columns["pay"]["id"][0].as_py()
    total = float(shop.one("SELECT total FROM orders WHERE id = :id", id=key))
    assert session.execute(handles["pay"], session.encode(handles["pay"], columns["pay"])[0]) == 1
    assert float(shop.one("SELECT total FROM orders WHERE id = :id", id=key)) == pytest.approx(total + 1)
    assert shop.one("SELECT status FROM orders WHERE id = :id", id=key) == "paid"
    assert session.execute(handles["forget"], session.encode(handles["forget"], columns["forget"])[0]) == 1
    assert session.execute(handles["remove"], session.encode(handles["remove"], columns["remove"])[0]) == 1
    assert shop.one("SELECT count(*) FROM orders") == 1999
    session.rollback()
    assert shop.one("SELECT count(*) FROM orders") == 2000


def test_a_transaction_is_all_or_nothing(shop: Shop) -> None:
    operation = shop.scenario.file.workload.operations["sign_up"]
    statements = step_statements(operation, shop.engine, shop.schema, "sign_up")
    columns = shop.drawn("sign_up", 1).draw(1)
    assert columns["0 id"] == columns["1 customer_id"] == columns["3 id"]
    assert columns["1 id"] != columns["2 id"]
    values = Handles(shop.session, statements, several=True).encode(columns)[0]
    known = {name: text for name, text in shop.statements.items() if name.startswith("sign_up/")}
    counts: dict[str, int] = {}
    call = TransactionCall(shop.session, statements, StatementNames("sign_up", known), counts)
    call(values)
    assert counts == {"sign_up/1": 1, "sign_up/2": 2, "sign_up/3": 1, "sign_up/4": 1}
    customer = columns["0 id"][0].as_py()
    assert shop.one("SELECT count(*) FROM orders WHERE customer_id = :id", id=customer) == 2
    fresh = Handles(shop.session, statements, several=True).encode(shop.drawn("sign_up", 1).draw(1))[0]
    with pytest.raises(ConstraintError):
        call((fresh[0], values[1], *fresh[2:]))
    # The connection is out of the transaction, and what went before the error is gone.
    assert shop.one("SELECT count(*) FROM customers WHERE id = :id", id=customer) == 1
    assert shop.one("SELECT count(*) FROM customers") == 501
    call(fresh)
    assert shop.one("SELECT count(*) FROM customers") == 502


def test_a_load_of_forms_has_no_errors(shop: Shop) -> None:
    before = shop.one("SELECT count(*) FROM customers")
    # The server that stands for MongoDB is slow: every operation is to have its turn.
    measure = measured(shop.engine, shop.scenario, seconds=6.0 if shop.engine.name == "mongodb" else 1.0)
    assert {item.name for item in measure.operations if item.count} == set(OPERATIONS)
    assert [item.name for item in measure.operations if sum(item.errors.values())] == []
    done = next(item.count for item in measure.operations if item.name == "sign_up")
    assert shop.one("SELECT count(*) FROM customers") == before + done
    assert [measure.statements[f"sign_up/{number}"] for number in (1, 2, 3, 4)] == [done, 2 * done, done, done]
    assert shop.one("SELECT count(*) FROM customers WHERE name = 'known'") >= done


@pytest.mark.parametrize(
    "operation, message",
    [
        ({"lookup": "order"}, ".lookup.table names the table order, which is not there; did you mean orders?"),
        ({"lookup": {"table": "orders", "by": "total"}}, ".lookup.by=total is no key of orders; keys: id"),
        (
            {"list": {"table": "orders", "sort": "-createdat"}},
            ".list.sort names the column createdat, which orders does not have; did you mean created_at?",
        ),
        (
            {"list": {"table": "orders", "where": {"total": {"value": "x"}}}},
            ".list.where.total=x must be a number (total is",
        ),
        ({"list": {"table": "orders", "where": {"id": "customers.email"}}}, ".list.where.id=customers.email is "),
        (
            {"list": {"table": "orders", "where": {"total": {"is_null": True}}}},
            ".list.where.total asks for NULL in a column that is NOT NULL",
        ),
        (
            {"join": {"table": "customers", "along": "orders.id"}},
            ".join.along=orders.id is not a foreign key; those of orders: orders.customer_id",
        ),
        ({"report": {"table": "orders", "sum": "status"}}, ".report.sum=status must be a number, not "),
        ({"report": {"table": "orders", "bucket": {"column": "total"}}}, ".report.bucket=total must be a time, not "),
        ({"update": {"table": "orders", "set": {"status": {"add": 1}}}}, ".update.set.status=status must be a number"),
        ({"update": {"table": "orders", "set": {"total": {"ago": "1d"}}}}, ".update.set.total=total must be a time"),
        ({"delete": {"table": "orders", "soft": "status"}}, ".delete.soft=status must be a time"),
        (
            {"search": {"table": "customers", "text": "name"}},
            ".search.text=name names a column of customers without an index for such a search; make one, or write it",
        ),
        ({"search": {"table": "orders", "near": "total"}}, ".search.near=total must be one of vector, not "),
        (
            {"transaction": [{"insert": "orders"}, {"lookup": {"table": "orders", "by": "nr"}}]},
            ".transaction.1.lookup.by names the column nr",
        ),
        ({"transaction": [{"insert": "parcels"}]}, ".transaction.0.insert=parcels names the table parcels"),
    ],
)
def test_a_mistake_is_one_line_with_place_value_and_remedy(engine, tmp_path: Path, operation, message) -> None:
    scenario = load_scenario(write_shop(tmp_path / "shop", operations={"wrong": {"weight": 1, **operation}}))
    with pytest.raises(InputError) as caught:
        operation_statements(scenario, engine, schema_on(engine))
    assert str(caught.value).startswith(f"scenario.yaml: workload.operations.wrong{message}")
