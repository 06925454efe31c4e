"""Arrow record batches to PostgreSQL's binary COPY format, column by column, never row by row.

The format (PostgreSQL documentation, "COPY", section "Binary Format"): a row is a 16-bit field count, then for each
field a 32-bit length (-1 for NULL) and that many bytes as the type's receive function takes them; all integers are
big-endian.

How it is made fast: what has the same width in every row (lengths, numbers, keys) is written into packed NumPy
records, neighbouring columns together; what has not (text, documents) stays where Arrow has it.
`binary_join_element_wise` then interleaves both, and the data buffer of its result *is* the stream.

`wire` says how the server takes a column, `engines/packed_bytes.py` holds the bytes' machinery, `columns` leads from a
column to the function of its type, of which each family has a module: `scalars`, `numerics`, `network`, `figures`,
`words`, `vectors`. Types made of other types (arrays, ranges, records, maps) are in `nested`.
"""

from loadlab.engines.packed_bytes import CannotEncodeError
from loadlab.engines.postgresql.copy_binary.stream import HEADER, TRAILER, encode
from loadlab.engines.postgresql.copy_binary.wire import Wire

__all__ = ["HEADER", "TRAILER", "CannotEncodeError", "Wire", "encode"]
