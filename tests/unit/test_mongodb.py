"""MongoDB's addresses, errors and forms, read without a server."""

from __future__ import annotations

import pytest

pymongo = pytest.importorskip("pymongo", reason="needs the driver pymongo (pip install 'loadlab[mongodb]')")

from bson import errors as bson_errors  # noqa: E402
from pymongo import errors  # noqa: E402

from loadlab.engines.mongodb.connection import Address, scratch_address  # noqa: E402
from loadlab.engines.mongodb.errors import BY_CLASS, error_of, translate_error  # noqa: E402
from loadlab.errors import (  # noqa: E402
    ConflictError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    InputError,
    StatementTimeoutError,
    UnreachableError,
)

# Addresses -----------------------------------------------------------------------------------------------------------


def test_an_address_names_its_database_and_hides_its_secrets():
    url = "mongodb://bob:p%40ss@a.example:27017,b.example:27018/shop?replicaSet=rs0"
    address = Address.parse(url)
    assert address.database == "shop"
    assert "p%40ss" not in address.display_url
    assert address.display_url == "mongodb://bob:***@a.example:27017,b.example:27018/shop"


def test_another_database_of_the_same_server_is_logged_in_to_by_the_same_user():
    address = Address.parse("mongodb://bob:secret@h/shop?tls=true")
    assert address.of("x").url == "mongodb://bob:secret@h/x?tls=true&authSource=shop"
    admin = Address.parse("mongodb://bob:secret@h/shop?authSource=admin")
    assert admin.of("x").url == "mongodb://bob:secret@h/x?authSource=admin"
    assert Address.parse("mongodb://h/shop").of("x").url == "mongodb://h/x"


@pytest.mark.parametrize(
    "url, said",
    [
        ("mongodb://127.0.0.1:27017", "names no database"),
        ("mongodb://127.0.0.1:27017/", "names no database"),
        ("mongodb:///shop", "must be mongodb://"),
        ("mongodb://h:port/shop", "cannot be used"),
        ("mongodb://h/shop?w=1&nonsense=1", "the driver knows no option nonsense; it"),
        (
            "mongodb://h/shop?readConcernLevl=majority",
            r"knows no option readConcernLevl \(did you mean readconcernlevel",
        ),
        ("mongodb://h/shop?w=majority&journal=maybe", "journal"),
        ("mongodb://h/my%20shop", "Bad database name"),
        ("mongodb://bob:s3cret/word@h/shop", "cannot be used"),
    ],
)
def test_an_address_that_cannot_be_used_says_why_in_one_line(url, said):
    with pytest.raises(InputError, match=said) as caught:
        Address.parse(url)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_options_that_do_not_go_together_are_an_error_of_the_address(tmp_path):
    with pytest.raises(InputError, match="cannot be used"):
        Address.parse("mongodb://h/shop?tls=false&ssl=true").client()
    with pytest.raises(InputError, match="not readable"):
        Address.parse(f"mongodb://h/shop?tls=true&tlsCAFile={tmp_path}/none.pem")


def test_a_scratch_database_needs_a_server_that_is_named(monkeypatch):
    monkeypatch.delenv("LOADLAB_MONGODB", raising=False)
    with pytest.raises(UnreachableError, match="LOADLAB_MONGODB"):
        scratch_address()
    monkeypatch.setenv("LOADLAB_MONGODB", "mongodb://bob:s3cret@h:1/?directConnection=true")
    address = scratch_address()
    assert address.database.startswith("loadlab_scratch_")
    assert address.url.endswith("?directConnection=true&authSource=admin")


# Errors --------------------------------------------------------------------------------------------------------------


def test_every_exception_of_the_driver_is_mapped():
    raised = {
        item
        for module in (errors, bson_errors)
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, (errors.PyMongoError, bson_errors.BSONError))
    }
    assert raised == set(BY_CLASS)


def test_a_class_alone_tells_what_happened():
    for raised, meant in BY_CLASS.items():
        if issubclass(raised, errors.BulkWriteError):
            made = raised({"writeErrors": [{"errmsg": "it\nbroke"}]})
        elif issubclass(raised, errors.EncryptedCollectionError):
            made = raised(ValueError("it\nbroke"), {})
        elif issubclass(raised, errors.EncryptionError):
            made = raised(ValueError("it\nbroke"))
        elif issubclass(raised, errors.ClientBulkWriteException):
            made = raised({"writeErrors": [{"errmsg": "it\nbroke"}]}, verbose=False)
        else:
            made = raised("it\nbroke")
        found = translate_error(made)
        assert type(found) is meant, raised
        assert "\n" not in str(found)


@pytest.mark.parametrize(
    "code, message, kind, said",
    [
        (11000, "E11000 duplicate key error collection: shop.users index: email_1 dup key: { email: \"a\" }",
         ConstraintError, "email_1"),
        (121, "Document failed validation", ConstraintError, "validation"),
        (112, "WriteConflict error", ConflictError, ""),
        (251, "Transaction 5 has been aborted.", ConflictError, ""),
        (50, "operation exceeded time limit", StatementTimeoutError, "time limit"),
        (18, "Authentication failed.", UnreachableError, "authSource"),
        (13, "not authorized on shop to execute command { insert: \"users\" }", DatabaseError, "role"),
        (10107, "not primary", ConnectionLostError, "primary"),
        (14031, "Cannot write: available disk space 10 below minimum", DatabaseError, "room"),
        (8, "WT_PANIC: 28: No space left on device", DatabaseError, "room"),
        (20, "Transaction numbers are only allowed on a replica set member or mongos", DatabaseError, "replica set"),
        (91, "The server is in quiesce mode and will shut down", ConnectionLostError, ""),
        (73, "Invalid namespace", DatabaseError, "namespace"),
    ],
)  # fmt: skip
def test_the_code_of_the_server_tells_what_happened(code, message, kind, said):
    found = translate_error(errors.OperationFailure(message, code, {"errmsg": message}))
    assert type(found) is kind
    assert found.code == str(code)
    assert said in str(found)


def test_a_duplicate_key_names_its_index_and_a_refused_document_its_rules():
    message = 'E11000 duplicate key error collection: shop.users index: email_1 dup key: { email: "a b" }'
    assert error_of(11000, message).constraint == "email_1"
    details = {
        "errInfo": {
            "failingDocumentId": 1,
            "details": {
                "operatorName": "$jsonSchema",
                "schemaRulesNotSatisfied": [
                    {
                        "operatorName": "properties",
                        "propertiesNotSatisfied": [{"propertyName": "rating", "details": []}],
                    },
                    {"operatorName": "required", "missingProperties": ["author_id"]},
                ],
            },
        }
    }  # fmt: skip
    found = error_of(121, "Document failed validation", details=details)
    assert (found.constraint, str(found)) == ("rating", "Document failed validation: rating, author_id")


def test_a_transient_label_is_worth_a_retry():
    error = errors.OperationFailure(
        "try again", 999, {"errmsg": "try again", "errorLabels": ["TransientTransactionError"]}
    )
    assert isinstance(translate_error(error), ConflictError)


def test_nobody_there_is_short_and_says_what_to_do():
    long = (
        "127.0.0.1:1: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 20000.0ms,"
        " connectTimeoutMS: 20000.0ms),"
        " Timeout: 1.0s, Topology Description: <TopologyDescription id: 6, servers: [<ServerDescription>]>"
    )
    found = translate_error(errors.ServerSelectionTimeoutError(long))
    remedy = "start the server, or correct host and port, or the tls… options"
    assert str(found) == f"127.0.0.1:1: [Errno 111] Connection refused; {remedy}"
