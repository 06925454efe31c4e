"""The way of a chunk into a table: LOAD DATA LOCAL from memory, its ledger row in the same transaction.

LOCAL makes warnings of errors (https://mariadb.com/kb/en/load-data-infile/, "LOCAL"): a row that breaks a key or a
CHECK is skipped, a value that does not fit is bent. So the server's own counts are read afterwards, and a chunk with a
single warning is undone.

Where the server forbids LOCAL (`local_infile = OFF`), rows go in by INSERTs of many rows each.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.errors import error_of
from loadlab.engines.mysql.figures import without_srid
from loadlab.engines.mysql.names import literal, quoted
from loadlab.engines.mysql.statements import source_of
from loadlab.engines.mysql.text_form import escaped, is_bare, is_octets, literal_column, text_column
from loadlab.schema.model import Column, Table

if TYPE_CHECKING:
    from loadlab.errors import DatabaseError

_INSERT_BYTES = 1_000_000  # of a statement; the server's own limit (max_allowed_packet) is 16 MiB and more
_COUNTS = re.compile(rb"Records: (\d+)\s+Deleted: (\d+)\s+Skipped: (\d+)\s+Warnings: (\d+)")
# Rows are there already, or a key is broken: of the warnings the ones that say why a row was skipped.
_NOTES = "Note"
_PLACE = "\x00"


def can_load_local(connection: Connection) -> bool:
    """Whether the server takes LOAD DATA LOCAL."""
    return bool(connection.value("SELECT @@GLOBAL.local_infile"))


def insert_batches(
    connection: Connection, table: Table, batches: Iterable[pa.RecordBatch], *, native: bool, local: bool
) -> int:
    """Insert the rows of all batches, in the open transaction; how many the server took.

    `native`: the table's columns are of the server's own types, not translated ones.
    """
    whole = [batch for batch in batches if batch.num_rows]
    if not whole:
        return 0
    rows = pa.Table.from_batches(whole).combine_chunks()
    columns = table.stored_columns
    if not columns:
        return 0
    if local:
        return _load_data(connection, table, rows, native=native)
    return _insert_many(connection, table, rows, native=native)


# LOAD DATA -----------------------------------------------------------------------------------------------------------


def _load_data(connection: Connection, table: Table, rows: pa.Table, *, native: bool) -> int:
    columns = table.stored_columns
    targets, sets = [], []
    for place, column in enumerate(columns):
        taken = taken_back(column, rows.schema.field(column.name).type, f"@v{place}", native=native)
        targets.append(quoted(column.name) if taken is None else f"@v{place}")
        sets += [] if taken is None else [f"{quoted(column.name)} = {taken}"]
    text = lines(rows, columns, native=native)
    with _as_file(text) as path:
        connection.run(
            f"LOAD DATA LOCAL INFILE {literal(path)} INTO TABLE {quoted(table.key)} CHARACTER SET utf8mb4"
            " FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'"
            f" ({', '.join(targets)}, @end){' SET ' if sets else ''}{', '.join(sets)}"
        )
    records, _, skipped, warnings = _counts(connection)
    if skipped or warnings:
        raise _what_was_bent(connection, table, skipped, warnings)
    return records


def _counts(connection: Connection) -> tuple[int, int, int, int]:
    said = connection.driver.info() or b""
    found = _COUNTS.search(said.encode() if isinstance(said, str) else said)
    assert found is not None, said
    records, deleted, skipped, warnings = map(int, found.groups())
    return records, deleted, skipped, warnings


def _what_was_bent(connection: Connection, table: Table, skipped: int, warnings: int) -> DatabaseError:
    """The error that the first warning would have been without LOCAL."""
    said = connection.rows("SHOW WARNINGS")
    _, number, message = next((row for row in said if row[0] != _NOTES), said[0] if said else ("", None, ""))
    found = error_of(number, str(message) or f"{skipped} rows were skipped, with {warnings} warnings")
    more = f", and {warnings - 1} more" if warnings > 1 else ""
    return type(found)(f"table {table.key}: {found}{more}", code=found.code, constraint=found.constraint)


def lines(rows: pa.Table, columns: Sequence[Column], *, native: bool) -> memoryview:
    """The rows as LOAD DATA reads them: a tab behind each field, line ends, \\N for NULL. It is Arrow's own buffer."""
    texts = [_field(rows.column(column.name), column, native=native) for column in columns]
    options = {"null_handling": "replace", "null_replacement": "\\N"}
    # The line's end is a part as well: the empty field before it goes into a variable.
    joined = pc.binary_join_element_wise(*texts, _wide("\n"), _wide("\t"), **options)
    offsets, data = joined.buffers()[1:]
    wide = pa.types.is_large_string(joined.type)
    starts = memoryview(offsets).cast("q" if wide else "i")
    return memoryview(data)[starts[joined.offset] : starts[joined.offset + len(joined)]]


def _wide(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _field(array: pa.ChunkedArray, column: Column, *, native: bool) -> pa.Array:
    whole = array.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    if native and column.type.kind == "geometry":
        whole = without_srid(whole)
    text = text_column(whole)
    plain = is_bare(whole.type) or is_octets(whole.type) or pa.types.is_temporal(whole.type)
    text = text if plain or whole.type == pa.binary(16) else escaped(text, "\\", "\t", "\n")
    # All rows of a batch in one string of Arrow: its offsets have 32 bits.
    return text.cast(pa.large_string())


def taken_back(column: Column, kind: pa.DataType, value: str, *, native: bool) -> str | None:
    """The expression that makes the column's value of its text; None where the server reads that by itself."""
    octets = f"UNHEX({value})" if is_octets(kind) else value
    source = source_of(column, octets, native=native)
    return None if source == value else source


@contextmanager
def _as_file(text: memoryview) -> Iterator[str]:
    """A path under which the client library reads the bytes: of memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("loadlab")
        try:
            _write_all(number, text)
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)
        return
    with tempfile.NamedTemporaryFile(prefix="loadlab-") as file:
        _write_all(file.fileno(), text)
        yield file.name


def _write_all(number: int, text: memoryview) -> None:
    while text:
        text = text[os.write(number, text) :]


# INSERT --------------------------------------------------------------------------------------------------------------


def _insert_many(connection: Connection, table: Table, rows: pa.Table, *, native: bool) -> int:
    columns = table.stored_columns
    names = ", ".join(quoted(column.name) for column in columns)
    head = f"INSERT INTO {quoted(table.key)} ({names}) VALUES ".encode()
    count, block, size = 0, [], 0
    for row in row_literals(rows, columns, native=native):
        block.append(row)
        size += len(row)
        if size > _INSERT_BYTES:
            count += connection.run(head + b",".join(block))
            block, size = [], 0
    return count + (connection.run(head + b",".join(block)) if block else 0)


def row_literals(rows: pa.Table, columns: Sequence[Column], *, native: bool) -> list[bytes]:
    """Each row as `(1,'a',NULL)`."""
    parts = []
    for column in columns:
        array = rows.column(column.name).combine_chunks()
        array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
        parts.append(column_literals(array, column, native=native))
    joined = pc.binary_join_element_wise(*parts, ",") if len(parts) > 1 else parts[0]
    found: list[bytes] = pc.binary_join_element_wise("(", joined, ")", "").cast(pa.binary()).to_pylist()
    return found


def column_literals(array: pa.Array, column: Column, *, native: bool) -> pa.Array:
    """The values of a column as literals of SQL."""
    text = literal_column(without_srid(array) if native and column.type.kind == "geometry" else array)
    source = source_of(column, _PLACE, native=native)
    if source == _PLACE:
        return text
    pieces = source.split(_PLACE)
    parts = [part for piece in pieces for part in (piece, text)][:-1]
    return pc.binary_join_element_wise(*parts, "")
