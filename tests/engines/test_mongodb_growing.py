"""A database of documents goes on: new rows come to the rows that they belong to, also to such as are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pymongo", reason="needs the driver pymongo (pip install 'loadlab[mongodb]')")

from loadlab.data.additions import added_rows, placed_in_others
from loadlab.data.dataset import Dataset
from loadlab.data.growth import GrownDataset, dataset_of, grown
from loadlab.data.plan.planner import DataRequest
from loadlab.engines import open_database
from loadlab.engines.mongodb.engine import MongodbEngine
from loadlab.errors import ConstraintError, DatabaseError
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import identity_of
from loadlab.seeding.additions import add_chunk, added, addition_notes, check_additions
from loadlab.seeding.documents import with_documents
from loadlab.seeding.grow import GrowthWish, grow, growth_chunks, plan_growth
from loadlab.seeding.seeder import seed
from loadlab.spec.base import validate
from loadlab.spec.scenario import Scenario, ScenarioFile
from loadlab.spec.shapes import DataShape
from tests import schemas
from tests.engines.documents import expected, in_order, plain, shop, stored

# Reviews are spread over all users, so that most of the new ones come to old users.
SPREAD = {"reviews": {"design": "embed", "in": "users"}}


def filled(engine: MongodbEngine, **wishes: object) -> Dataset:
    dataset = shop(engine, **wishes)
    seed(engine, dataset, workers=1, observe=lambda _: None)
    return dataset


def planned(engine: MongodbEngine, scale: float) -> GrownDataset:
    dataset, is_begun = plan_growth(engine, GrowthWish(scale=scale))
    assert not is_begun
    return dataset


def require_all(engine: MongodbEngine, dataset: Dataset) -> None:
    """Every row is there, once, and as the dataset has it."""
    for table in dataset.tables:
        assert in_order(stored(engine, dataset, table)) == in_order(expected(dataset, table)), table


def test_rows_are_added_to_documents_that_are_there(mongodb_database):
    filled(mongodb_database)
    dataset = planned(mongodb_database, 1.7)
    reported = grow(mongodb_database, dataset, is_begun=False, observe=lambda _: None)
    assert reported.written == reported.rows == sum(
        dataset.row_count(table) - dataset.earlier.row_count(table) for table in dataset.tables
    )  # fmt: skip
    manifest = mongodb_database.manifest()
    assert manifest.finished
    require_all(mongodb_database, dataset_of(manifest))
    mine: dict[str, list[str]] = {}
    for review in expected(dataset, "reviews"):
        mine.setdefault(review["product_id"], []).append(review["user_id"])
    for product in mongodb_database._database["products"].find():
        reviewers = mine.get(str(product["_id"]), [])
        assert product["reviews_count"] == len(reviewers)
        assert [str(plain(item["user_id"])) for item in product["recent_reviews"]] == reviewers[::-1][:2]


def test_a_growth_that_was_cut_off_adds_nothing_twice(mongodb_database):
    filled(mongodb_database, **SPREAD)
    dataset = planned(mongodb_database, 1.5)
    (note,) = (note for note in addition_notes(dataset) if note.startswith("reviews"))
    assert "new rows belong to rows of users that are there, and are appended to their reviews" in note
    mongodb_database.extend(dataset.manifest)
    # As a process leaves it that is killed before the ledger says that a chunk is in.
    for chunk in growth_chunks(dataset):
        if chunk.later:
            add_chunk(Forgetful(mongodb_database), dataset, chunk)
    again, is_begun = plan_growth(mongodb_database, GrowthWish(scale=1.5))
    assert is_begun
    grow(mongodb_database, again, is_begun=True, observe=lambda _: None)
    require_all(mongodb_database, again)
    beyond = planned(mongodb_database, 1.6)
    grow(mongodb_database, beyond, is_begun=False, observe=lambda _: None)
    require_all(mongodb_database, beyond)


class Forgetful:
    """An engine that adds, and whose ledger knows nothing of it."""

    name = "forgetful"

    def __init__(self, engine: MongodbEngine) -> None:
        self.add_to_rows = engine.add_to_rows

    def note_chunk(self, chunk: object) -> None:
        pass


def test_a_document_that_somebody_has_deleted_is_missed(mongodb_database):
    filled(mongodb_database, **SPREAD)
    dataset = planned(mongodb_database, 1.5)
    mongodb_database._database["users"].delete_many({})
    with pytest.raises(ConstraintError, match=r"reviews: \d+ of \d+ rows of users that its rows belong to are gone"):
        grow(mongodb_database, dataset, is_begun=False, observe=lambda _: None)


@pytest.fixture(scope="module")
def larger(mongo_server: str) -> Iterator[tuple[MongodbEngine, GrownDataset]]:
    with open_database("mongodb://") as engine:
        assert isinstance(engine, MongodbEngine)
        yield engine, grown(shop(engine, **SPREAD), 1.5, "--scale 1.5")


def test_rows_without_a_key_are_refused(larger):
    engine, dataset = larger
    check_additions(engine, dataset)
    assert identity_of(dataset.table("reviews"), dataset.nesting.documents.of("reviews")) == ("product_id",)
    plans = dataset.plan.tables
    keyless = replace(plans["reviews"].table, primary_key=(), indexes=())
    plan = replace(dataset.plan, tables={**plans, "reviews": replace(plans["reviews"], table=keyless)})
    with pytest.raises(DatabaseError, match="reviews has no key, by which a growth that was interrupted would know"):
        check_additions(engine, GrownDataset(plan, dataset.manifest, dataset.earlier))


def nested(engine: MongodbEngine, *names: str) -> Dataset:
    """Tables of which each stands in the rows of the one before."""
    tables = [Table(names[0], (schemas.col("id", schemas.BIGINT),), primary_key=("id",))]
    for name in names[1:]:
        columns = (schemas.col("id", schemas.BIGINT), schemas.col("parent_id", schemas.BIGINT))
        keys = (schemas.fk("parent_id", tables[-1].name, "id", "CASCADE"),)
        tables.append(Table(name, columns, primary_key=("id",), foreign_keys=keys))
    request = DataRequest(DataShape(), scale=1.0, seed=3, full_rows={}.get, rows={}, rows_everywhere=50)
    plain = Dataset.plan_for(Schema(tuple(tables), schemas.DIALECT), request, owns_tables=True)
    file = validate(ScenarioFile, {"documents": dict.fromkeys(names[1:], "embed")}, place="scenario.yaml")
    return with_documents(engine, plain, Scenario("nested", Path(), file, None))


def test_lists_in_lists_that_are_there_are_added_to(mongodb_database):
    seed(mongodb_database, nested(mongodb_database, "files", "pages", "marks"), workers=1, observe=lambda _: None)
    dataset = planned(mongodb_database, 2.0)
    assert {placement.table for placement, _ in added(dataset)} == {"pages", "marks"}
    mongodb_database.extend(dataset.manifest)
    for chunk in growth_chunks(dataset):
        if chunk.later:
            add_chunk(Forgetful(mongodb_database), dataset, chunk)
    grow(mongodb_database, dataset, is_begun=True, observe=lambda _: None)
    require_all(mongodb_database, dataset)


def test_lists_deeper_than_that_are_refused(mongodb_database):
    dataset = nested(mongodb_database, "files", "pages", "marks", "dots")
    said = r"\d+ new rows of dots would come to rows of marks that are there, and these stand in pages, which stands in"
    with pytest.raises(DatabaseError, match=said):
        check_additions(mongodb_database, grown(dataset, 2.0, "--scale 2"))


def test_what_is_added_is_counted_piece_by_piece(larger):
    _, dataset = larger
    placements = {item.table: item for item in placed_in_others(dataset)}
    reviews = placements["reviews"]
    start, stop = dataset.earlier.row_count("reviews"), dataset.row_count("reviews")
    parts = [added_rows(dataset, reviews, at, min(at + 7, stop)) for at in range(start, stop, 7)]
    assert sum(parts) == added_rows(dataset, reviews, start, stop) > 0
