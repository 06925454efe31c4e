"""References in a schema of MongoDB's own words that would lead nowhere."""

from __future__ import annotations

import json

import pytest

from loadlab.engines.mongodb.collections.referring import check_references
from loadlab.engines.mongodb.collections.script import read_script
from loadlab.errors import InputError

COMPANIES = {
    "create": "companies",
    "validator": {"$jsonSchema": {"properties": {"_id": {"bsonType": "long"}, "name": {"bsonType": "string"}}}},
}


def check(description: str, *others: object) -> None:
    said = {"_id": {"bsonType": "long"}, "employer_id": {"bsonType": "long", "description": description}}
    authors = {"create": "authors", "validator": {"$jsonSchema": {"properties": said}}}
    check_references(read_script(json.dumps([authors, *others])))


@pytest.mark.parametrize(
    "description, message",
    [
        ("references companys._id", "the collection companys, which no command makes; did you mean companies?"),
        ("references companies.id", "references companies.id, which its validator does not have; did you mean _id?"),
        ("uuid; referencs companies._id", "employer_id says 'referencs companies._id'; a reference is written"),
        ("reference companies._id", "a reference is written `references COLLECTION.FIELD`"),
        ("references companies", "a reference is written"),
    ],
)
def test_a_reference_that_leads_nowhere_is_an_error(description: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check(description, COMPANIES)
    assert caught.value.place == "line 1"
    assert message in caught.value.remedy


def test_a_collection_that_only_has_indexes_says_nothing_of_its_fields() -> None:
    index = {"createIndexes": "companies", "indexes": [{"key": {"name": 1}, "name": "by_name"}]}
    with pytest.raises(InputError, match=r"references companies\._id, which its validator does not have"):
        check("references companies._id", index)


@pytest.mark.parametrize(
    "description", ["uuid; references companies._id", "references authors._id", "references the boss", "main.js file"]
)
def test_what_leads_somewhere_and_what_is_a_comment_passes(description: str) -> None:
    check(description, COMPANIES)
