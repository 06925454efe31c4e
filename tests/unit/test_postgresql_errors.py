"""Every exception of the driver has its place in the table; messages are one line and hold no password."""

from __future__ import annotations

import inspect
import re

import psycopg
import pytest

from loadlab.engines import mask, open_database
from loadlab.engines.postgresql.errors import error_class, message, translate
from loadlab.errors import (
    ConflictError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    InputError,
    StatementTimeoutError,
    UnreachableError,
)


def driver_exceptions() -> list[type[psycopg.Error]]:
    found = {
        member
        for module in (psycopg, psycopg.errors)
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, psycopg.Error) and not name.startswith("_")
    }
    return sorted(found, key=lambda member: (member.sqlstate or "", member.__name__))


def test_the_driver_has_its_exceptions() -> None:
    assert len(driver_exceptions()) > 200


@pytest.mark.parametrize("exception", driver_exceptions(), ids=lambda exception: exception.__name__)
def test_every_exception_is_mapped(exception: type[psycopg.Error]) -> None:
    assert error_class(exception.sqlstate, exception) is not None
    assert isinstance(translate(exception("what it\n\tsays ")), DatabaseError)
    assert str(translate(exception("what it\n\tsays "))) == "what it says"


@pytest.mark.parametrize(
    "exception, wanted",
    [
        (psycopg.errors.UniqueViolation, ConstraintError),
        (psycopg.errors.CheckViolation, ConstraintError),
        (psycopg.errors.ForeignKeyViolation, ConstraintError),
        (psycopg.errors.NotNullViolation, ConstraintError),
        (psycopg.errors.ExclusionViolation, ConstraintError),
        (psycopg.errors.SerializationFailure, ConflictError),
        (psycopg.errors.DeadlockDetected, ConflictError),
        (psycopg.errors.LockNotAvailable, ConflictError),
        (psycopg.errors.QueryCanceled, StatementTimeoutError),
        (psycopg.errors.AdminShutdown, ConnectionLostError),
        (psycopg.errors.CrashShutdown, ConnectionLostError),
        (psycopg.errors.ConnectionFailure, ConnectionLostError),
        (psycopg.OperationalError, ConnectionLostError),
        (psycopg.errors.CannotConnectNow, UnreachableError),
        (psycopg.errors.TooManyConnections, UnreachableError),
        (psycopg.errors.InvalidPassword, UnreachableError),
        (psycopg.errors.InvalidCatalogName, UnreachableError),
        (psycopg.errors.UndefinedColumn, DatabaseError),
        (psycopg.errors.ProtocolViolation, DatabaseError),
        (psycopg.errors.DiskFull, DatabaseError),
    ],
)
def test_classes_that_decide_something(exception: type[psycopg.Error], wanted: type[DatabaseError]) -> None:
    assert type(translate(exception("x"))) is wanted
    assert translate(exception("x")).code == exception.sqlstate


def test_an_unknown_code_of_a_known_class_goes_by_the_class() -> None:
    assert error_class("23X99", psycopg.DatabaseError) is ConstraintError
    assert error_class("ZZ000", psycopg.DatabaseError) is None


def test_a_message_without_words_names_the_exception() -> None:
    assert message(psycopg.errors.DiskFull("")) == "DiskFull"


PASSWORDS = ["s3cret", "s3cret@x/y", "s3cret:7:8", "s3cret?a=b", "s3cret#1", "s3cret%20", "a@s3cret@s3cret"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    "form", ["postgresql://me:{}@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db?user=me&password={}"]
)
def test_no_password_leaves_through_an_address_that_fails(form: str, password: str) -> None:
    url = form.format(password)
    with pytest.raises((UnreachableError, InputError)) as caught:
        open_database(url)
    assert re.search("s3cret", str(caught.value)) is None
    assert "\n" not in str(caught.value)
    assert "s3cret" not in mask(url)


@pytest.mark.parametrize(
    "url, masked",
    [
        ("postgresql://me:secret@host:5432/db?sslmode=require", "postgresql://me:***@host:5432/db?sslmode=require"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("postgresql:///db?password=secret&host=h", "postgresql:///db?password=***&host=h"),
        ("postgresql://h/db?sslpassword=secret", "postgresql://h/db?sslpassword=***"),
        ("sqlite:////tmp/file.db", "sqlite:////tmp/file.db"),
        ("embedded:", "embedded:"),
    ],
)
def test_mask_hides_the_password_and_nothing_else(url: str, masked: str) -> None:
    assert mask(url) == masked


def test_an_address_that_cannot_be_read_says_what_it_should_be() -> None:
    with pytest.raises(
        InputError, match=r"^--database=postgresql://h:x/db is no URL .*postgresql://USER:PASSWORD@HOST"
    ):
        open_database("postgresql://h:x/db")
    with pytest.raises(InputError, match="is no URL"):
        open_database("postgresql://h/db?tcp_keepalives_idol=1")
