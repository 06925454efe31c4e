"""Loading one chunk: commands of ready BSON, and the ledger's entry when they are all in.

Each command inserts as many documents as fit, unordered. A chunk's documents have the same `_id`s whenever they are
made, so those that the server has already (its loader was killed) are refused by that index alone, and are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from bson.raw_bson import RawBSONDocument

from loadlab.engines.mongodb.bson_form import CannotEncodeError, Documents, Part, documents
from loadlab.engines.mongodb.collections.indexes import ID_INDEX
from loadlab.engines.mongodb.errors import DUPLICATE_KEY, VALIDATION, error_of, failed_clauses, translated
from loadlab.engines.mongodb.paths import ID, collection_name, field_name, fields
from loadlab.errors import ConstraintError, DatabaseError, InputError
from loadlab.schema.model import LogicalType, Table

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession
    from pymongo.database import Database

    from loadlab.engines.mongodb.connection import Document

# A command is a document and takes 16 MiB; between a thousand and ten thousand documents no difference was measured.
_BYTES_PER_COMMAND = 8 * 1024**2
_DOCUMENTS_PER_COMMAND = 2_000
# Rows that are encoded at a time, so that the documents of wide rows do not fill the memory.
_ROWS_PER_BLOCK = 8_192
_BYTES_PER_BLOCK = 64 * 1024**2
_EMPTY = (5).to_bytes(4, "little") + b"\0"


def parts_of(table: Table, batch: pa.RecordBatch, first_row: int | None) -> list[Part]:
    """The elements of a table's documents.

    `first_row` numbers the rows of a table without a primary key; None leaves the `_id` of such to the server.
    """
    found: list[Part] = []
    if not table.primary_key and first_row is not None:
        found.append((ID, pa.array(range(first_row, first_row + batch.num_rows), pa.int64()), None))
    for name, column in fields(table):
        if isinstance(column, str):
            found.append((name, batch.column(column), table.column(column).type))
        else:
            found.append((name, *_composite(table, batch, column)))
    return found


def _composite(table: Table, batch: pa.RecordBatch, columns: Sequence[str]) -> tuple[pa.Array, LogicalType]:
    names = [field_name(column) for column in columns]
    together = pa.StructArray.from_arrays([batch.column(column) for column in columns], names)
    kinds = tuple((name, table.column(column).type) for name, column in zip(names, columns, strict=True))
    return together, LogicalType("composite", fields=kinds)


def encoded(table: Table, batches: Iterable[pa.RecordBatch], first_row: int | None = 0) -> Iterator[Documents]:
    """The documents of the rows, some thousand at a time. Raises InputError naming the column."""
    for batch in batches:
        for block in _blocks(batch):
            try:
                yield documents(parts_of(table, block, first_row), block.num_rows)
            except CannotEncodeError as error:
                raise InputError(f"{table.key}.{error}", "cannot be loaded into the collection") from error
            first_row = None if first_row is None else first_row + block.num_rows


def _blocks(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    rows = _ROWS_PER_BLOCK
    while rows > 1 and batch.num_rows and batch.nbytes / batch.num_rows * rows > _BYTES_PER_BLOCK:
        rows //= 2
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def insert(
    database: Database[Document],
    table: Table,
    found: Iterable[Documents],
    *,
    there: bool = False,
    session: ClientSession | None = None,
) -> int:
    """Insert documents; how many are in. `there`: some may be in already.

    Raises ConstraintError for the first that is refused, DatabaseError for anything else that the server says.
    """
    done = 0
    with translated(f"table {table.key}"):
        for block in found:
            for command in _commands(block):
                done += _insert(database, table, command, there=there, session=session)
    return done


class _Sequence(RawBSONDocument):
    """Documents one behind the other in the place of one.

    The driver sends the documents of an insert as a sequence, each as its bytes are: so are these, without an object
    for each. The sequence has no count, and no frame of its own
    (https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md#document-sequence).
    """

    __slots__ = ("_documents",)

    def __init__(self, documents: bytes) -> None:
        super().__init__(_EMPTY)
        self._documents = documents

    @property
    def raw(self) -> bytes:
        """All of them."""
        return self._documents


def _commands(found: Documents) -> Iterator[tuple[int, _Sequence]]:
    """Parts of a block that one command takes: how many documents, and these."""
    starts = found.starts
    first, count = 0, len(found)
    while first < count:
        last = int(np.searchsorted(starts, starts[first] + _BYTES_PER_COMMAND, side="right")) - 1
        last = min(max(last, first + 1), first + _DOCUMENTS_PER_COMMAND, count)
        yield last - first, _Sequence(bytes(found.data[starts[first] : starts[last]]))
        first = last


def _insert(
    database: Database[Document],
    table: Table,
    batch: tuple[int, _Sequence],
    *,
    there: bool,
    session: ClientSession | None,
) -> int:
    options: dict[str, Any] = {} if session is not None else {"writeConcern": _concern(database)}
    count, documents_ = batch
    answer = database.command(
        "insert", collection_name(table.key), documents=[documents_], ordered=False, session=session, **options
    )
    refused = [error for error in answer.get("writeErrors", ()) if not (there and _is_there(error))]
    if refused:
        raise _refusal(database, table, refused[0])
    if "writeConcernError" in answer:
        concern = answer["writeConcernError"]
        raise error_of(concern.get("code"), str(concern.get("errmsg")), details=concern)
    there_now = int(answer["n"]) + len(answer.get("writeErrors", ()))
    if there_now != count:
        raise DatabaseError(f"table {table.key}: the server took {there_now} of {count} documents")
    return count


def _concern(database: Database[Document]) -> Document:
    """As the address says; a command takes no default of the client."""
    return dict(database.write_concern.document) or {"w": 1}


def _is_there(error: Document) -> bool:
    """Whether a document is in already: its `_id` is taken, which only itself has."""
    if error.get("code") != DUPLICATE_KEY:
        return False
    pattern = error.get("keyPattern")
    return dict(pattern) == {ID: 1} if pattern is not None else f"index: {ID_INDEX} " in str(error.get("errmsg"))


def _refusal(database: Database[Document], table: Table, error: Document) -> DatabaseError:
    found = error_of(error.get("code"), str(error.get("errmsg")), ConstraintError, error)
    name = found.constraint
    if name is None and error.get("code") == VALIDATION:
        name = _check_name(database, table, error)
    said = f"{found}: {name}" if name is not None and name not in str(found) else str(found)
    return type(found)(f"table {table.key}: {said}", code=found.code, constraint=name)


def _check_name(database: Database[Document], table: Table, error: Document) -> str | None:
    """The CHECK that a document does not satisfy: the server tells its place in the validator only."""
    (there,) = database.list_collections(filter={"name": collection_name(table.key)})
    clauses = there.get("options", {}).get("validator", {}).get("$and", ())
    names = (clauses[place].get("$comment") for place in failed_clauses(error) if place < len(clauses))
    return next((str(name) for name in names if name is not None), None)
