"""What rows will take on disk, from a sample of them.

The layout is that of the documentation ("Database Page Layout"): pages of 8 KiB with a header of 24 bytes, for each
row a line pointer of 4 bytes and a header of 23, with a bit for each column where one is NULL, each value at its type's
alignment, texts with a length of 1 or 4 bytes in front. A B-tree's entry has a header of 8 bytes and a line pointer,
pages are 90 % full, and equal keys share an entry with 6 bytes for each row ("B-Tree: Deduplication").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from loadlab.engines.abilities import StoredSize
from loadlab.engines.postgresql.render import DIALECT
from loadlab.schema.checks import expression_columns
from loadlab.schema.model import Index, LogicalType, Table

if TYPE_CHECKING:
    import pyarrow as pa

_PAGE, _PAGE_HEADER = 8192, 24
_ROW_HEADER, _POINTER = 23, 4
_ENTRY_HEADER, _FILL, _ROW_ID = 8, 0.9, 6
# A value of more than 2 KiB is compressed and stored beside the table; made texts shrink to about so much.
_LARGE, _COMPRESSED = 2000, 0.6
_FIXED = {
    "boolean": (1, 1), "date": (4, 4), "time": (8, 8), "timestamp": (8, 8), "interval": (16, 8), "uuid": (16, 1),
    "enum": (4, 4), "object_name": (4, 4), "locator": (8, 8),
}  # fmt: skip
_VARIABLE_FACTOR = {"json": 1.1, "array": 1.2, "multirange": 1.2}
_OTHER_METHODS = {"gin": 1.0, "gist": 1.3, "spgist": 1.3, "hash": 1.0}
_BYTES_IF_UNKNOWN = 32.0


def foreseen_size(table: Table, sample: pa.RecordBatch, rows: int, distinct: Mapping[str, float]) -> StoredSize:
    """See `loadlab.engines.abilities.CanForeseeSizes`."""
    widths = {column.name: _width(sample, column.name, column.type) for column in table.columns}
    nulls = any(sample.column(name).null_count for name in sample.schema.names)
    row = _aligned(_ROW_HEADER + (-(-len(table.columns) // 8) if nulls else 0), 8)
    outside = 0.0
    for column in table.columns:
        width = widths[column.name]
        if width > _LARGE:
            outside += width * _COMPRESSED
            width = 18
        row = _aligned(row, _alignment(column.type)) + width
    pages = -(-rows * (_aligned(row, 8) + _POINTER) // (_PAGE - _PAGE_HEADER))
    indexes = {index.name: _index(table, index, widths, rows, distinct) for index in table.indexes}
    if table.primary_key and not any(index.keys == table.primary_key and index.unique for index in table.indexes):
        key = Index(table.primary_key_name or f"{table.name}_pkey", table.primary_key, unique=True)
        indexes[key.name] = _index(table, key, widths, rows, distinct)
    return StoredSize(int(pages * _PAGE + rows * outside), indexes)


def _aligned(offset: float, to: int) -> float:
    """Where the next value begins, on average where earlier ones vary in width."""
    return offset + (-offset) % to if offset == int(offset) else offset + (to - 1) / 2


def _alignment(type: LogicalType) -> int:
    if type.kind in _FIXED:
        return _FIXED[type.kind][1]
    if type.kind in ("integer", "float"):
        return (type.bits or 64) // 8
    return 1


def _width(sample: pa.RecordBatch, name: str, type: LogicalType) -> float:
    """The mean bytes of a column's values; a NULL has none."""
    if name not in sample.schema.names:
        return _BYTES_IF_UNKNOWN
    array = sample.column(name)
    share = 1 - array.null_count / len(array) if len(array) else 0.0
    if type.kind in _FIXED:
        return _FIXED[type.kind][0] * share
    if type.kind in ("integer", "float"):
        return (type.bits or 64) / 8 * share
    if type.kind == "numeric":
        # Four digits in two bytes, after a header of three.
        return min(3 + 2 * -(-min(type.precision or 12, 12) // 4), 12) * share
    present = array.drop_null()
    mean = _content_bytes(present) / len(present) if len(present) else 0.0
    mean *= _VARIABLE_FACTOR.get(type.kind, 1.0)
    return (mean + (1 if mean <= 126 else 4)) * share


def _content_bytes(array: pa.Array) -> float:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_binary(array.type):
        return float(pc.sum(pc.binary_length(array)).as_py() or 0)
    # Without the offsets of nested values, which the server keeps in fewer bytes.
    return float(array.nbytes)


def _index(table: Table, index: Index, widths: Mapping[str, float], rows: int, distinct: Mapping[str, float]) -> int:
    """One index over all rows; the condition of a partial one is taken to hold for half of them."""
    names = _columns(table, index)
    key = sum(widths.get(name, _BYTES_IF_UNKNOWN) for name in (*names, *index.include))
    count = rows * 0.5 if index.predicate is not None else float(rows)
    if index.method == "brin":
        return 3 * _PAGE
    if index.method != "btree":
        return int(2 * _PAGE + count * (key + _ROW_ID) * _OTHER_METHODS.get(index.method, 1.0))
    entry = _aligned(_ENTRY_HEADER + min(key, 2700.0), 8) + _POINTER
    if not index.unique and not index.include:
        # Equal keys share an entry.
        values = 1.0
        for name in names:
            values = min(values * max(distinct.get(name, count), 1.0), count)
        entry = min(entry, entry * max(values, 1.0) / max(count, 1.0) + _ROW_ID)
    pages = -(-count * entry // ((_PAGE - _PAGE_HEADER - 16) * _FILL)) if count else 0
    return int((pages + 1 + (pages > 1) + pages // 200) * _PAGE)


def _columns(table: Table, index: Index) -> tuple[str, ...]:
    expressions = index.expressions or (False,) * len(index.keys)
    names: list[str] = []
    for key, is_expression in zip(index.keys, expressions, strict=True):
        names += expression_columns(key, DIALECT) if is_expression else (key,)
    return tuple(name for name in dict.fromkeys(names) if name in table.column_names)
