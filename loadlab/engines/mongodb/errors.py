"""Exceptions of the driver, translated once into `loadlab.errors`.

The server tells what happened by its error code
(https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml), the driver by the class, and both by
labels that say what a client may repeat (https://www.mongodb.com/docs/manual/core/transactions-in-applications/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson import errors as bson_errors
from pymongo import errors

from loadlab.errors import (
    ConflictError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    StatementTimeoutError,
    UnansweredError,
    UnreachableError,
)

# By class: what an exception is when no code says more. A test holds every class of the driver to it.
BY_CLASS: dict[type[BaseException], type[DatabaseError]] = {
    errors.PyMongoError: DatabaseError,
    errors.ProtocolError: ConnectionLostError,
    errors.ConnectionFailure: ConnectionLostError,
    errors.WaitQueueTimeoutError: StatementTimeoutError,
    errors.AutoReconnect: ConnectionLostError,
    errors.NetworkTimeout: UnansweredError,
    errors.NotPrimaryError: ConnectionLostError,
    errors.ServerSelectionTimeoutError: UnreachableError,
    errors._OperationCancelled: ConnectionLostError,
    errors.ConfigurationError: UnreachableError,
    errors.InvalidURI: UnreachableError,
    errors.OperationFailure: DatabaseError,
    errors.CursorNotFound: DatabaseError,
    errors.ExecutionTimeout: StatementTimeoutError,
    errors.WriteConcernError: DatabaseError,
    errors.WTimeoutError: StatementTimeoutError,
    errors.WriteError: DatabaseError,
    errors.DuplicateKeyError: ConstraintError,
    errors.BulkWriteError: DatabaseError,
    errors.ClientBulkWriteException: DatabaseError,
    errors.CollectionInvalid: DatabaseError,
    errors.InvalidName: DatabaseError,
    errors.InvalidOperation: DatabaseError,
    errors.DocumentTooLarge: DatabaseError,
    errors.EncryptionError: DatabaseError,
    errors.EncryptedCollectionError: DatabaseError,
    bson_errors.BSONError: DatabaseError,
    bson_errors.InvalidBSON: DatabaseError,
    bson_errors.InvalidDocument: DatabaseError,
    bson_errors.InvalidStringData: DatabaseError,
    bson_errors.InvalidId: DatabaseError,
}
DUPLICATE_KEY = 11000
VALIDATION = 121
CANNOT_CREATE_INDEX = 67
UNAUTHORIZED = 13
_START = "start the server, or correct host and port, or the tls… options"
_LOG_IN = "correct user and password, or say where the user is known: ?authSource=admin"
_GRANT = "grant the user a role that may, such as readWrite and dbAdmin"
_ROOM = "make room on the server's disk"
_PRIMARY = "address the primary, or the whole replica set: ?replicaSet=NAME"
# By code, with what the user can do about it.
_BY_CODE: dict[int, tuple[type[DatabaseError], str]] = {
    **dict.fromkeys((DUPLICATE_KEY, 11001, 12582, VALIDATION), (ConstraintError, "")),
    **dict.fromkeys((24, 46, 112, 225, 244, 251, 267), (ConflictError, "")),
    **dict.fromkeys((50, 262, 290), (StatementTimeoutError, "the command ran into its time limit")),
    64: (StatementTimeoutError, "the write concern was not met in time"),
    **dict.fromkeys((18, 8000), (UnreachableError, _LOG_IN)),
    334: (UnreachableError, "the client does not know this way of logging in"),
    UNAUTHORIZED: (DatabaseError, _GRANT),
    **dict.fromkeys((6, 7, 89, 9001, 91, 11600, 11602), (ConnectionLostError, "")),
    **dict.fromkeys((189, 10107, 13435, 13436), (ConnectionLostError, _PRIMARY)),
    133: (UnreachableError, "no member is as the read preference asks"),
    100: (DatabaseError, "the replica set has too few members for the write concern"),
    14031: (DatabaseError, _ROOM),
    292: (DatabaseError, "write allowDiskUse: true"),
    **dict.fromkeys((10334, 17280, 17419, 17420), (DatabaseError, "a document takes 16 MiB at most")),
    1: (DatabaseError, "the server's log says why; a full disk is one reason"),
}
_DISK_FULL = re.compile(r"No space left|ENOSPC|errno:? 28\b|error:? 28\b", re.IGNORECASE)
_NOT_LOGGED_IN = re.compile(r"requires authentication")
_NEEDS_REPLICA_SET = re.compile(r"only allowed on a replica set|replica set member or mongos")
_INDEX = re.compile(r"\bindex: (?P<index>\S+?)(?: collation:.*?)? dup key")
_SET_NAME = re.compile(r"replica set name")
_TLS = re.compile(r"SSL|TLS|certificate", re.IGNORECASE)
_TOPOLOGY = re.compile(r",? ?\(configured timeouts:.*?\)|, Timeout: .*$", re.DOTALL)
_LONGEST = 600


def translate_error(error: BaseException) -> DatabaseError:
    """The LoadLab error for an exception of the driver; one line, `code` is the server's number."""
    kind = BY_CLASS.get(type(error), DatabaseError)
    if isinstance(error, (errors.BulkWriteError, errors.ClientBulkWriteException)):
        first = _first_of_bulk(error)
        return error_of(first.get("code"), str(first.get("errmsg", error)), kind, first)
    if isinstance(error, errors.OperationFailure):
        details = error.details or {}
        message = str(details.get("errmsg") or error)
        return error_of(error.code, message, kind, details, transient=_is_transient(error))
    if isinstance(error, errors.ServerSelectionTimeoutError):
        return _nobody_there(str(error))
    if isinstance(error, errors.NotPrimaryError):
        return error_of(10107, str(error), kind)
    message = _line(_TOPOLOGY.sub("", str(error)))
    return kind(message)


def error_of(
    code: int | None,
    message: str,
    kind: type[DatabaseError] = DatabaseError,
    details: Mapping[str, Any] | None = None,
    *,
    transient: bool = False,
) -> DatabaseError:
    """The LoadLab error for what the server answered (`details` as it did)."""
    remedy = ""
    if code in _BY_CODE:
        kind, remedy = _BY_CODE[code]
    if transient and kind is DatabaseError:
        kind = ConflictError
    if _DISK_FULL.search(message):
        kind, remedy = DatabaseError, _ROOM
    if code == UNAUTHORIZED and _NOT_LOGGED_IN.search(message):
        kind, remedy = UnreachableError, _LOG_IN
    if _NEEDS_REPLICA_SET.search(message):
        remedy = "transactions need a replica set, of one member at least"
    constraint = _constraint(code, message, details or {})
    text = _line(message + _rules_broken(details or {}))
    return kind(
        f"{text}; {remedy}" if remedy else text, code=None if code is None else str(code), constraint=constraint
    )


def _constraint(code: int | None, message: str, details: Mapping[str, Any]) -> str | None:
    if code == DUPLICATE_KEY:
        found = _INDEX.search(message)
        return found["index"] if found else None
    return next(iter(_rules(details)), None) if code == VALIDATION else None


def _rules_broken(details: Mapping[str, Any]) -> str:
    rules = _rules(details)
    return f": {', '.join(rules)}" if rules else ""


def _rules(details: Mapping[str, Any]) -> tuple[str, ...]:
    """What a validator says of a document that it refused: the properties and operators that were not satisfied."""
    info = details.get("errInfo")
    found: list[str] = []
    _collect_rules(info.get("details") if isinstance(info, Mapping) else None, found)
    return tuple(dict.fromkeys(found))


def failed_clauses(details: Mapping[str, Any]) -> tuple[int, ...]:
    """Which clauses of a validator `{$and: […]}` a document that was refused does not satisfy, from 0."""
    info = details.get("errInfo")
    said = info.get("details") if isinstance(info, Mapping) else None
    if not isinstance(said, Mapping) or said.get("operatorName") != "$and":
        return ()
    return tuple(int(clause["index"]) for clause in said.get("clausesNotSatisfied", ()))


def _collect_rules(node: Any, found: list[str]) -> None:
    """The leaves of `errInfo.details` (https://www.mongodb.com/docs/manual/core/schema-validation/handle-invalid-documents/)."""
    if isinstance(node, Mapping):
        if "propertyName" in node:
            found.append(str(node["propertyName"]))
        found += [str(name) for name in node.get("missingProperties", ())]
        for value in node.values():
            if isinstance(value, (list, Mapping)):
                _collect_rules(value, found)
    elif isinstance(node, list):
        for item in node:
            _collect_rules(item, found)


def _is_transient(error: errors.PyMongoError) -> bool:
    return error.has_error_label("TransientTransactionError")


def _first_of_bulk(error: errors.BulkWriteError | errors.ClientBulkWriteException) -> Mapping[str, Any]:
    if isinstance(error, errors.BulkWriteError):
        details = error.details or {}
        failed = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    else:
        failed = [*(error.write_errors or ()), *(error.write_concern_errors or ())]
    first: Mapping[str, Any] = failed[0] if failed else {}
    return first


def _nobody_there(message: str) -> UnreachableError:
    reason = _line(_TOPOLOGY.sub("", message)) or "no server answers"
    remedies = ((_TLS, "correct the tls… options"), (_SET_NAME, "correct replicaSet, or host and port"))
    remedy = next((remedy for pattern, remedy in remedies if pattern.search(reason)), _START)
    return UnreachableError(f"{reason}; {remedy}")


def _line(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


@contextmanager
def translated(place: str = "") -> Iterator[None]:
    """Turn the driver's exceptions inside into LoadLab's; `place` is put before the message."""
    try:
        yield
    except (errors.PyMongoError, bson_errors.BSONError) as error:
        found = translate_error(error)
        if not place:
            raise found from error
        raise type(found)(f"{place}: {found}", code=found.code, constraint=found.constraint) from error
