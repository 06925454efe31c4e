"""MongoDB under load: the neutral forms beside SQLite's on the same data, sessions, transactions, plans, findings."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pymongo import MongoClient

import loadlab
from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import open_database
from loadlab.engines.mongodb.engine import MongodbEngine
from loadlab.engines.plan_tree import NewIndex
from loadlab.engines.protocol import Engine, Session
from loadlab.errors import ConflictError, ConstraintError, DatabaseError, InputError, StatementTimeoutError
from loadlab.measure.plans.live import with_parameters
from loadlab.reviewing import Load, seeded_facts
from loadlab.schema.manifest import Manifest
from loadlab.seeding.seeder import seed
from loadlab.spec.native import command_text
from loadlab.spec.scenario import Scenario, load_scenario
from loadlab.spec.statement import Statement
from loadlab.validate.review.indexes.comparing import COMPARING_RULES
from loadlab.workload.keys import NewRows, stream
from loadlab.workload.plan import operation_statements
from loadlab.workload.values import Parameters, full_parameters
from tests.shop import DDL, write_shop

OPERATIONS: Mapping[str, Any] = {
    "by_id": {"weight": 1, "lookup": "orders"},
    "by_email": {"weight": 1, "lookup": {"table": "customers", "by": "email", "columns": ["id", "name"]}},
    "of_customer": {
        "weight": 1, "list": {"table": "orders", "by": "customer_id", "sort": ["-created_at", "-id"], "limit": 5},
    },
    "next_page": {
        "weight": 1,
        "list": {"table": "orders", "sort": ["-created_at", "-id"], "limit": 7, "after": True, "pick": "latest"},
    },
    "mixed_page": {
        "weight": 1, "list": {"table": "orders", "sort": ["status", "-total", "id"], "limit": 9, "after": True},
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
        "weight": 1, "join": {"table": "orders", "along": "customer_id", "columns": ["id", "customers.email"]},
    },
    "with_orders": {"weight": 1, "join": {"table": "customers", "along": "orders.customer_id", "sort": "-id"}},
    "by_month": {
        "weight": 1,
        "report": {
            "table": "orders", "bucket": {"column": "created_at", "by": "month"}, "group": "status", "sum": "total",
        },
    },
    "pay": {
        "weight": 1, "update": {"table": "orders", "set": {"status": {"choice": ["paid"]}, "total": {"add": 1}}},
    },
    "forget": {"weight": 1, "delete": {"table": "orders", "soft": "created_at"}},
    "remove": {"weight": 1, "delete": "orders"},
    "place": {"weight": 1, "insert": "orders"},
}  # fmt: skip
READS = tuple(OPERATIONS)[:9]


def statement(command: Mapping[str, Any]) -> Statement:
    return Statement.parse(command_text(command))


@dataclass
class Side:
    """A filled database and its statements."""

    engine: Engine
    manifest: Manifest
    statements: dict[str, Statement]
    session: Session

    def run(self, command: Mapping[str, Any], **values: Any) -> list[tuple[Any, ...]]:
        handle = self.session.prepare(statement(command))
        return self.session.query(handle, self.session.encode_row(handle, values))


@dataclass
class Shops:
    """The same data twice."""

    scenario: Scenario
    mongo: Side
    sqlite: Side

    def drawn(self, name: str, count: int = 8) -> Mapping[str, pa.Array]:
        from loadlab.data.growth import dataset_of

        cells = dataset_of(self.mongo.manifest)
        operation = self.scenario.file.workload.operations[name]
        new_rows = NewRows(cells.row_count, start=0, worker=0, workers=1)
        parameters = full_parameters(operation, cells.table)
        return Parameters(parameters, cells, new_rows, stream(1, name), place=name).draw(count)


def _filled(engine: Engine, dataset: Dataset, scenario: Scenario) -> Side:
    seed(engine, dataset, workers=1, observe=lambda _: None)
    manifest = engine.manifest()
    assert manifest is not None
    statements = operation_statements(scenario, engine, manifest.schema)
    engine.check_statements(statements)
    return Side(engine, manifest, statements, engine.connect(timeout_s=10))


@pytest.fixture(scope="module")
def shops(mongo_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    folder = tmp_path_factory.mktemp("shops")
    scenario = load_scenario(write_shop(folder / "shop", operations=OPERATIONS))
    with open_database("sqlite://") as sqlite, open_database("mongodb://") as mongo:
        request = DataRequest(
            shape=scenario.file.data, scale=0.4, seed=1, full_rows=scenario.full_rows, rows={}, rows_everywhere=None
        )
        dataset = Dataset.plan_for(sqlite.preview(DDL, {}), request, owns_tables=True)
        sides = [_filled(engine, dataset, scenario) for engine in (mongo, sqlite)]
        yield Shops(scenario, *sides)
        for side in sides:
            side.session.close()


def _same(value: Any) -> Any:
    """Of both engines in one form: SQLite has times as texts, and MongoDB keeps milliseconds of them."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(" ", "milliseconds")
    if isinstance(value, str) and len(value) >= 19 and value[4:5] == "-" and value[13:14] == ":":
        return dt.datetime.fromisoformat(value).isoformat(" ", "milliseconds")
    return round(float(value), 6) if isinstance(value, (int, float, Decimal)) else value


@pytest.mark.parametrize("name", READS)
def test_every_read_returns_what_it_returns_on_sqlite(shops: Shops, name: str) -> None:
    columns = shops.drawn(name) if name != "by_month" else {}
    found = []
    for side in (shops.mongo, shops.sqlite):
        handle = side.session.prepare(side.statements[name])
        encoded = side.session.encode(handle, columns) if columns else [side.session.encode_row(handle, {})]
        answers = [side.session.query(handle, values) for values in encoded]
        found.append([[tuple(map(_same, row)) for row in rows] for rows in answers])
    assert any(found[0])
    if name == "with_orders":  # the order of the orders of a customer is nobody's
        found = [[sorted(rows, key=str) for rows in side] for side in found]
    assert found[0] == found[1]


def test_writes_change_one_document_and_are_undone(shops: Shops) -> None:
    side = shops.mongo
    side.session.begin()
    for name in ("pay", "forget", "remove", "place"):
        handle = side.session.prepare(side.statements[name])
        assert side.session.execute(handle, side.session.encode(handle, shops.drawn(name, 1))[0]) == 1
    side.session.rollback()
    before = side.run({"count": "orders"})
    assert before == [(800,)]
    assert side.run({"aggregate": "orders", "pipeline": [{"$match": {"status": "open"}}, {"$count": "n"}]})


def test_a_cursor_is_read_to_its_end_and_its_documents_are_kept(shops: Shops) -> None:
    session = shops.mongo.session
    handle = session.prepare(statement({"find": "orders", "projection": {"total": 1}, "batchSize": 100}))
    assert session.execute(handle, session.encode_row(handle, {})) == 800
    rows = session.rows_of(session.keep_result())  # type: ignore[attr-defined]
    assert len(rows) == 800
    assert isinstance(rows[0][1], Decimal)


def test_who_writes_what_another_transaction_has_written_is_told_to_try_again(shops: Shops) -> None:
    one, other = shops.mongo.session, shops.mongo.engine.connect(timeout_s=5)
    handle = one.prepare(
        statement({"update": "orders", "updates": [{"q": {"_id": ":id"}, "u": {"$inc": {"total": 1}}}]})
    )
    values = one.encode(handle, {"id": pa.array([1], pa.int64())})[0]
    one.begin("repeatable read")
    one.execute(handle, values)
    other.begin()
    with pytest.raises(ConflictError) as caught:
        other.execute(handle, values)
    assert caught.value.code == "112"
    other.rollback()
    one.rollback()
    assert other.execute(handle, values) == 1
    other.close()


def test_an_isolation_that_there_is_not_is_refused(shops: Shops) -> None:
    with pytest.raises(InputError, match="isolation=serializable must be one of read committed, repeatable read"):
        shops.mongo.session.begin("serializable")


def test_refused_documents_name_the_index(shops: Shops) -> None:
    session = shops.mongo.session
    handle = session.prepare(shops.mongo.statements["place"])
    columns = shops.drawn("place", 1)
    with pytest.raises(ConstraintError) as caught:
        session.execute(handle, session.encode(handle, {**columns, "id": pa.array([1], pa.int64())})[0])
    assert caught.value.constraint == "_id_"
    with pytest.raises(ConstraintError, match="failed validation"):
        session.execute(handle, session.encode(handle, {**columns, "status": pa.array(["lost"])})[0])


def test_a_limit_is_kept_by_the_server(shops: Shops) -> None:
    session = shops.mongo.engine.connect(timeout_s=0.2)
    inner = [{"$match": {"$expr": {"$gt": ["$total", "$$t"]}}}]
    every = {"$lookup": {"from": "orders", "let": {"t": "$total"}, "pipeline": inner, "as": "more"}}
    handle = session.prepare(statement({"aggregate": "orders", "pipeline": [every, {"$unwind": "$more"}, every]}))
    with pytest.raises(StatementTimeoutError):
        session.execute(handle, session.encode_row(handle, {}))
    session.close()


def test_settings_of_the_address_are_sent_with_every_statement(shops: Shops) -> None:
    with open_database(f"{shops.mongo.engine.url}&readConcernLevel=majority&w=majority") as engine:
        assert engine.snapshot().settings["write concern"] == "w: majority"
        assert engine.snapshot().settings["read concern"] == "majority"
        session = engine.connect(timeout_s=5)
        handle = session.prepare(statement({"find": "orders", "limit": 1}))
        assert session.execute(handle, session.encode_row(handle, {})) == 1
        session.close()


# Plans, evidence, findings --------------------------------------------------------------------------------------------


def _mongo(shops: Shops) -> MongodbEngine:
    assert isinstance(shops.mongo.engine, MongodbEngine)
    return shops.mongo.engine


def test_plans_tell_scans_from_searches(shops: Shops) -> None:
    engine = _mongo(shops)
    served = engine.explain(statement({"find": "orders", "filter": {"customer_id": ":c", "status": "open"}}))
    assert (served.full_scans, served.indexes) == ((), ("orders_customer_id_idx",))
    scanned = engine.explain(statement({"find": "orders", "filter": {"total": ":t"}}))
    assert (scanned.full_scans, scanned.indexes) == (("orders",), ())
    written = engine.explain(
        statement({"update": "orders", "updates": [{"q": {"total": ":t"}, "u": {"$set": {"status": "paid"}}}]})
    )
    assert written.full_scans == ("orders",)
    joined = engine.explain(shops.mongo.statements["with_orders"])
    assert set(joined.indexes) == {"_id_", "orders_customer_id_idx"}
    assert engine.explain(shops.mongo.statements["place"]).indexes == ()


def test_a_plan_that_is_executed_tells_what_was_read_for_what(shops: Shops) -> None:
    engine, session = _mongo(shops), _mongo(shops).connect(timeout_s=5)
    scan = statement({"find": "orders", "filter": {"total": {"$gt": ":t"}}, "sort": {"total": -1}})
    handle = session.prepare(scan)
    plan = session.plan_of(scan, session.encode_row(handle, {"t": Decimal(900)}), execute=True)
    assert plan is not None
    (node,) = plan.scans()
    assert (node.kind, node.rows_read) == ("full scan", 800)
    assert 0 < (node.rows or 0) < 800
    assert plan.root.sort_keys[0].column == "total"
    assert engine.plan(shops.mongo.statements["place"]).root.kind == "write"  # type: ignore[union-attr]
    session.close()


def test_a_plan_says_what_comparisons_leave_where_a_pattern_does_the_filtering(shops: Shops) -> None:
    session = _mongo(shops).connect(timeout_s=5)
    searched = statement({"find": "orders", "filter": {"status": {"$ne": ":s"}, "total": {"$gt": ":t"}}})
    handle = session.prepare(searched)
    plan = session.plan_of(searched, session.encode_row(handle, {"s": "open", "t": Decimal(0)}), execute=True)
    assert plan is not None
    (node,) = plan.scans()
    session.close()
    with open_database(shops.mongo.engine.url) as engine:
        positive = engine.connect(timeout_s=5)
        counted = positive.prepare(statement({"count": "orders", "query": {"total": {"$gt": ":t"}}}))
        ((expected,),) = positive.query(counted, positive.encode_row(counted, {"t": Decimal(0)}))
        positive.close()
    assert node.rows_compared == expected > (node.rows or 0)


def test_evidence_counts_and_measures(shops: Shops) -> None:
    engine = _mongo(shops)
    before = engine.snapshot()
    shops.mongo.run({"find": "orders", "limit": 1})
    after = engine.snapshot()
    assert after.reset_marker == before.reset_marker
    assert (
        after.database["commands"] + after.database["queries"]
        > before.database["commands"] + before.database["queries"]
    )
    assert after.tables["orders"].rows == 800
    assert (after.tables["orders"].size_bytes or 0) > 10_000
    index = after.index("orders", "orders_customer_id_idx")
    assert index is not None
    assert (index.size_bytes or 0) > 0
    assert index.scans is None, "needs mongod: this server's $indexStats counts nothing, and says so"


def test_an_index_that_repeats_another_one_is_found(shops: Shops) -> None:
    engine = _mongo(shops)
    table = shops.mongo.manifest.schema.table("orders")
    tuning = engine.tuning()
    # Read from its end it is the same; the server refuses only what is the same as it stands.
    engine.tune('db.getCollection("orders").createIndex({"customer_id": -1}, {"name": "twin"})')
    wide, narrow = NewIndex("orders", ("status", "total")), NewIndex("orders", ("status",))
    for index in (wide, narrow):
        engine.tune(tuning.create_index(table, index))
    try:
        facts = seeded_facts(engine, _dataset(shops), Load({}))
        found = {rule.id: [item.subject for item in rule.examine(facts).findings] for rule in COMPARING_RULES}
        assert found["duplicate-index"] == ["twin"]
        assert found["redundant-index"] == [narrow.name]
    finally:
        for name in ("twin", wide.name, narrow.name):
            engine.tune(tuning.drop_index(table, name))


def test_a_live_database_is_reviewed_by_what_its_profiler_kept(shops: Shops) -> None:
    engine = _mongo(shops)
    with pytest.raises(DatabaseError, match=r"the profiler of .* is off; db\.setProfilingLevel\(2\)"):
        engine.asked_statements()
    with MongoClient(engine.url) as client:  # somebody else's, under another name
        database = client[engine.url.rpartition("/")[2].partition("?")[0]]
        database.command("profile", 2)
        try:
            for number in range(120):
                database["orders"].find_one({"status": "open", "total": number})
        finally:
            database.command("profile", 0)
        history = engine.asked_statements()
        database.drop_collection("system.profile")
    (asked,) = (item for item in history.statements if '"total"' in item.text)
    assert asked.calls == 120
    assert asked.text.startswith('{"find": "orders", "filter": {"status": $1, "total": $2}')
    assert history.rows["orders"] == 800
    plan = engine.explain(with_parameters(Statement((asked.text,), ())))
    assert plan.full_scans == ("orders",)


def test_a_server_that_tells_nothing_of_its_sessions_says_so(shops: Shops) -> None:
    """Needs mongod: this server lists no operation of others."""
    with pytest.raises(DatabaseError, match=r"lists no operation that is under way"):
        _mongo(shops).activity_sampler()
    with pytest.raises(DatabaseError, match=r"tells nothing of its cache"):
        _mongo(shops).watch()


def test_an_operation_may_open_its_own_connection(shops: Shops) -> None:
    session = _mongo(shops).connect_directly(timeout_s=5)
    handle = session.prepare(statement({"find": "orders", "filter": {"_id": ":id"}, "projection": {"total": 1}}))
    values = session.encode_row(handle, {"id": 1})
    for _ in range(2):
        session.open()
        assert session.execute(handle, values) == 1
        session.shut()
    session.close()


def test_rows_are_made_to_order(mongo_server: str, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(DDL, encoding="utf-8")
    sizes = {"customers": {"rows": 40}, "orders": {"rows": 160}}
    said = {"schema": {"sqlite": "schema.sql"}, "data": {"tables": sizes}, "documents": {"orders": "reference"}}
    (tmp_path / "scenario.yaml").write_text(json.dumps(said), encoding="utf-8")
    with loadlab.open(tmp_path / "scenario.yaml", database="mongodb://", scale=1) as db:
        customer = db.factory("customers").create().first()
        db.factory("orders").count(7).for_(customer).create()
        of_customer = command_text({"count": "orders", "query": {"customer_id": ":id"}})
        assert db.query(of_customer, id=customer.id) == [(7,)]
        assert db.query(command_text({"count": "customers"})) == [(41,)]


def _dataset(shops: Shops) -> Dataset:
    from loadlab.data.growth import dataset_of

    return dataset_of(shops.mongo.manifest)
