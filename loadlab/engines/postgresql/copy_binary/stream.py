"""Record batches as pieces of a COPY stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from loadlab.engines.packed_bytes import CannotEncodeError, Field, interleaved
from loadlab.engines.postgresql.copy_binary.columns import column
from loadlab.engines.postgresql.copy_binary.wire import Wire

HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
"""Signature, flags, length of the header's extension."""
TRAILER = b"\xff\xff"
# Rows that are encoded at a time: their records stay in the processor's second-level cache.
_ROWS_PER_BLOCK = 16_384
# A block of long rows (documents, vectors) is halved until it is below this: a bound on memory, and far from the
# 32-bit offsets of binary arrays.
_BYTES_PER_BLOCK = 64 * 1024**2


def encode(batch: pa.RecordBatch, wires: Sequence[Wire]) -> Iterator[memoryview]:
    """The rows of a batch as pieces of a COPY stream, without header and trailer.

    `wires` has one item for each column of the batch. Raises CannotEncodeError naming the column.
    """
    rows = _ROWS_PER_BLOCK
    while rows > 1 and batch.num_rows and batch.nbytes / batch.num_rows * rows > _BYTES_PER_BLOCK:
        rows //= 2
    for start in range(0, batch.num_rows, rows):
        yield _encode_block(batch.slice(start, rows), wires)


def _encode_block(batch: pa.RecordBatch, wires: Sequence[Wire]) -> memoryview:
    pieces: list[list[Field] | pa.Array] = [[(">i2", batch.num_columns)]]
    for name, array, wire in zip(batch.schema.names, batch.columns, wires, strict=True):
        try:
            pieces += column(array, wire)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise CannotEncodeError(f"{name}: {error}") from error
    return interleaved(pieces, batch.num_rows)
